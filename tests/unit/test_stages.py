from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.stages import OpenDays, SendWindow, local_midnight, parse_days
from tests.factories import at, on, stages

GERMANY = HolidayCalendar("DE")
SAUDI_ARABIA = HolidayCalendar("SA")
EGYPT = HolidayCalendar("EG")
NEW_YORK = HolidayCalendar("US-NY")
CALENDARS: list[BusinessCalendar] = [EveryDay(), GERMANY, HolidayCalendar("DE-BY"), NEW_YORK, SAUDI_ARABIA, EGYPT]
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ClosedFor:
    """A calendar with one run of closed days, among days that are all open."""

    first: date
    days: int

    def why_closed(self, day: date) -> str | None:
        return "strike" if self.first <= day < self.first + timedelta(days=self.days) else None


@pytest.mark.parametrize(
    ("calendar", "due", "stage", "falls_on"),
    [
        # without a calendar nothing moves
        (EveryDay(), "2026-12-01", -7, "2026-11-24"),
        (EveryDay(), "2026-12-27", 0, "2026-12-27"),
        # Good Friday 3 April 2026, Easter Monday 6 April 2026
        (GERMANY, "2026-04-02", 0, "2026-04-02"),
        (GERMANY, "2026-04-03", 0, "2026-04-02"),
        (GERMANY, "2026-04-04", 0, "2026-04-02"),
        (GERMANY, "2026-04-06", 0, "2026-04-02"),
        (GERMANY, "2026-04-07", 0, "2026-04-07"),
        (GERMANY, "2026-04-07", -1, "2026-04-02"),
        (GERMANY, "2026-04-10", -7, "2026-04-02"),
        (GERMANY, "2026-04-02", 1, "2026-04-07"),
        (GERMANY, "2026-04-02", 4, "2026-04-07"),
        (GERMANY, "2026-04-02", 5, "2026-04-07"),
        (GERMANY, "2026-04-02", 6, "2026-04-08"),
        # a weekend: up to the due date earlier, after it later
        (GERMANY, "2026-09-12", 0, "2026-09-11"),
        (GERMANY, "2026-09-13", 0, "2026-09-11"),
        (GERMANY, "2026-09-11", 1, "2026-09-14"),
        (GERMANY, "2026-09-11", 2, "2026-09-14"),
        # a subdivision's own holiday: Corpus Christi, 4 June 2026
        (GERMANY, "2026-06-04", 0, "2026-06-04"),
        (HolidayCalendar("DE-BY"), "2026-06-04", 0, "2026-06-03"),
        # weekends from Friday to Saturday
        (SAUDI_ARABIA, "2026-04-10", 0, "2026-04-09"),
        (SAUDI_ARABIA, "2026-04-11", 0, "2026-04-09"),
        (SAUDI_ARABIA, "2026-04-12", 0, "2026-04-12"),
        (SAUDI_ARABIA, "2026-04-09", 1, "2026-04-12"),
        (EGYPT, "2026-04-11", 0, "2026-04-09"),
        (EGYPT, "2026-04-09", 2, "2026-04-12"),
        (EGYPT, "2026-04-13", 0, "2026-04-12"),  # Spring Festival
        # six closed days in a row: Eid al-Fitr, 19 to 24 March 2026
        (SAUDI_ARABIA, "2026-03-24", 0, "2026-03-18"),
        (SAUDI_ARABIA, "2026-03-18", 1, "2026-03-25"),
        # an observed holiday: Independence Day 2026 is a Saturday
        (NEW_YORK, "2026-07-03", 0, "2026-07-02"),
        (NEW_YORK, "2026-07-02", 1, "2026-07-06"),
        # 29 February
        (EveryDay(), "2028-02-29", 0, "2028-02-29"),
        (EveryDay(), "2028-03-01", -1, "2028-02-29"),
        (EveryDay(), "2028-03-07", -7, "2028-02-29"),
        (EveryDay(), "2028-02-28", 1, "2028-02-29"),
        (EveryDay(), "2027-03-01", -1, "2027-02-28"),
        (EveryDay(), "2027-02-28", 1, "2027-03-01"),
        (EveryDay(), "2028-02-29", 365, "2029-02-28"),
        (EveryDay(), "2029-02-28", -365, "2028-02-29"),
        # New Year: 1 January 2027 is a Friday
        (EveryDay(), "2027-01-01", -1, "2026-12-31"),
        (EveryDay(), "2026-12-31", 1, "2027-01-01"),
        (GERMANY, "2027-01-01", 0, "2026-12-31"),
        (GERMANY, "2027-01-03", 0, "2026-12-31"),
        (GERMANY, "2026-12-31", 1, "2027-01-04"),
        # Christmas on Friday and Saturday
        (GERMANY, "2026-12-27", 0, "2026-12-24"),
        # longer than any calendar's
        (ClosedFor(on("2026-08-01"), 31), "2026-08-31", 0, "2026-07-31"),
        (ClosedFor(on("2026-08-01"), 31), "2026-07-31", 1, "2026-09-01"),
    ],
)
def test_a_stage_falls_on(calendar: BusinessCalendar, due: str, stage: int, falls_on: str) -> None:
    (fallen,) = stages(stage, calendar=calendar).dates(on(due))

    assert (fallen.stage, fallen.day) == (stage, on(falls_on))
    assert bool(fallen.moved) is (fallen.day != on(due) + timedelta(days=stage))


def test_each_day_moved_off_is_named_with_its_reason() -> None:
    before, after, next_one = stages(0, 1, 3, calendar=GERMANY).dates(on("2026-04-06"))

    assert before.moved == (
        (on("2026-04-06"), "Easter Monday"),
        (on("2026-04-05"), "weekend"),
        (on("2026-04-04"), "weekend"),
        (on("2026-04-03"), "Good Friday"),
    )
    assert after.moved == ((on("2026-04-07"), "1 day after 2026-04-07, the first open day"),)
    assert next_one.moved == ((on("2026-04-09"), "3 days after 2026-04-07, the first open day"),)


def test_what_holds_a_stage_off_is_named_before_the_closed_days_after_it() -> None:
    found = stages(0, 3, calendar=GERMANY).dates(on("2026-12-01"), {1: on("2026-12-10")}, on("2026-12-04"))
    paused = stages(0, 3, calendar=GERMANY).dates(on("2026-12-01"), {}, on("2026-12-04"))

    assert [stage.moved for stage in found] == [
        (
            (on("2026-12-04"), "2 days after stage +1"),
            (on("2026-12-12"), "weekend"),
            (on("2026-12-13"), "weekend"),
        )
    ]
    assert [stage.moved[0] for stage in paused] == [
        (on("2026-12-01"), "paused until 2026-12-04"),
        (on("2026-12-04"), "paused until 2026-12-04"),
    ]


def test_stages_around_easter_fall_together_and_apart() -> None:
    days = [stage.day for stage in stages(-3, -1, 0, 1, 3, calendar=GERMANY).dates(on("2026-04-05"))]

    assert days == [on("2026-04-02"), on("2026-04-02"), on("2026-04-02"), on("2026-04-08"), on("2026-04-10")]


stage_days = st.lists(st.integers(-40, 40), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)


@given(st.sampled_from(CALENDARS), stage_days, st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_stages_fall_on_open_days_in_their_order_and_steps_keep_their_distances(
    calendar: BusinessCalendar, days: tuple[int, ...], due: date
) -> None:
    by = stages(*days, calendar=calendar)
    dates = by.dates(due)

    assert tuple(stage.stage for stage in dates) == days
    assert [stage.day for stage in dates] == sorted(stage.day for stage in dates)
    for stage in dates:
        nominal = due + timedelta(days=stage.stage)
        assert calendar.why_closed(stage.day) is None
        assert bool(stage.moved) is (stage.day != nominal)
        if stage.stage <= 0:
            passed = [nominal - ONE_DAY * number for number in range(len(stage.moved))]
            assert stage.moved == tuple((day, calendar.why_closed(day)) for day in passed)
            assert stage.day == nominal - ONE_DAY * len(stage.moved)
        else:
            assert stage.day >= by.open_days.on_or_after(due) + ONE_DAY * stage.stage
    steps = [stage for stage in dates if stage.stage > 0]
    for one, following in itertools.pairwise(steps):
        assert (following.day - one.day).days >= following.stage - one.stage


open_days = st.sampled_from([*CALENDARS, ClosedFor(on("2026-02-20"), 120)])


@given(open_days, st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 30))
def test_open_days_are_counted_over_any_number_of_closed_ones(
    calendar: BusinessCalendar, day: date, count: int
) -> None:
    opened = OpenDays(calendar)
    days = [date(2025, 8, 1) + ONE_DAY * number for number in range(900)]
    ahead = [other for other in days if other > day and calendar.why_closed(other) is None]
    behind = [other for other in days if other < day and calendar.why_closed(other) is None]

    assert opened.after(day, count) == [day, *ahead][count]
    assert opened.before(day, count) == [day, *behind[::-1]][count]
    assert opened.on_or_after(day) == (day if calendar.why_closed(day) is None else ahead[0])
    assert opened.on_or_before(day) == (day if calendar.why_closed(day) is None else behind[-1])


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("08:00-18:00", ["08:00", "12:00", "17:59:59.999999"], ["00:00", "07:59:59.999999", "18:00", "23:59"]),
        ("00:00-24:00", ["00:00", "12:00", "23:59:59.999999"], []),
        ("18:00-24:00", ["18:00", "23:59:59.999999"], ["00:00", "17:59"]),
        ("00:00-00:01", ["00:00", "00:00:59"], ["00:01", "23:59"]),
        ("23:58-23:59", ["23:58"], ["23:57", "23:59"]),
    ],
)
def test_a_window_contains_its_beginning_and_not_its_end(text: str, inside: list[str], outside: list[str]) -> None:
    window = SendWindow.parse(text)

    assert str(window) == text
    assert all(window.contains(time.fromisoformat(moment)) for moment in inside)
    assert not any(window.contains(time.fromisoformat(moment)) for moment in outside)


@pytest.mark.parametrize(
    "text",
    [
        *("", "08:00", "8:00-18:00", "08:00-18", "08-18", "0800-1800", "08:00–18:00", "08:00 - 18:00", "08:00-18:00 "),
        *("08:00-18:60", "08:60-18:00", "25:00-26:00", "24:00-24:00", "08:00-24:01", "08:00-18:00\n", "٠٨:٠٠-١٨:٠٠"),
        "08:00-12:00,13:00-18:00",
    ],
)
def test_a_window_written_otherwise_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"HH:MM-HH:MM, from 00:00 to 24:00, for example 08:00-18:00"):
        SendWindow.parse(text)


@pytest.mark.parametrize("text", ["18:00-08:00", "22:00-00:00", "08:00-08:00", "00:00-00:00"])
def test_a_window_across_midnight_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"across midnight would belong to two business dates, so choose one"):
        SendWindow.parse(text)


minutes = st.integers(0, 24 * 60)


@given(minutes, minutes, st.times())
def test_a_window_is_read_as_it_is_written(opens: int, closes: int, moment: time) -> None:
    text = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"

    if opens >= closes:
        with pytest.raises(ValueError, match=r"HH:MM|midnight"):
            SendWindow.parse(text)
    else:
        window = SendWindow.parse(text)

        assert str(window) == text
        assert window.contains(moment) is (opens <= moment.hour * 60 + moment.minute < closes)


@pytest.mark.parametrize(
    ("day", "zone", "utc"),
    [
        ("2026-11-28", "UTC", "2026-11-28T00:00"),
        ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00"),
        ("2026-12-01", "Europe/Berlin", "2026-11-30T23:00"),
        # the days of the changes begin before them, the next ones after
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00"),
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00"),
        ("2026-03-08", "America/New_York", "2026-03-08T05:00"),
        ("2026-03-09", "America/New_York", "2026-03-09T04:00"),
        ("2026-11-01", "America/New_York", "2026-11-01T04:00"),
        ("2026-11-02", "America/New_York", "2026-11-02T05:00"),
        # where clocks change at midnight: 00:00 does not exist, or comes twice
        ("2026-04-24", "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00"),
        ("2027-01-01", "Pacific/Kiritimati", "2026-12-31T10:00"),
        ("2027-01-01", "Pacific/Pago_Pago", "2027-01-01T11:00"),
    ],
)
def test_a_day_begins_at(day: str, zone: str, utc: str) -> None:
    assert local_midnight(on(day), ZoneInfo(zone)) == at(utc)
    assert local_midnight(on(day), ZoneInfo(zone)).utcoffset() == timedelta()


@given(
    st.dates(date(1975, 1, 1), date(2037, 12, 31)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"]),
)
def test_a_day_begins_at_the_first_moment_of_its_date(day: date, zone: str) -> None:
    begin = local_midnight(day, ZoneInfo(zone))

    assert begin.astimezone(ZoneInfo(zone)).date() == day
    assert (begin - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day - ONE_DAY


@pytest.mark.parametrize(
    ("text", "sign", "expected"),
    [
        ("7,3,1,0", -1, (-7, -3, -1, 0)),
        ("0,1,3,7", -1, (-7, -3, -1, 0)),
        ("3,7,14", 1, (3, 7, 14)),
        ("14, 7 ,3", 1, (3, 7, 14)),
        ("", 1, ()),
        (" , ,", 1, ()),
        ("7,", -1, (-7,)),
        ("7,7,07,007", -1, (-7,)),
        ("0", 1, (0,)),
        ("365", -1, (-365,)),
    ],
)
def test_days_are_read(text: str, sign: int, expected: tuple[int, ...]) -> None:
    assert parse_days(text, sign=sign) == expected


@pytest.mark.parametrize("text", ["-7", "+3", "7;3", "7 3", "seven", "1.5", "1e2", "0007", "٧", "7,x", "²"])
def test_days_written_otherwise_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"^write whole numbers of days from 0 to 365.*for example 7,3,1,0$"):
        parse_days(text, sign=-1)


@pytest.mark.parametrize("text", ["366", "7,999"])
def test_stages_are_at_most_a_year_away(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape("at most 365 days")):
        parse_days(text, sign=1)
