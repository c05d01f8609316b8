from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from due_notices.errors import SettingsError
from due_notices.schedules import Schedule, UnknownSchedule, read_schedule
from due_notices.settings import Settings
from due_notices.stages import SendWindow
from tests.factories import at, environ, on

# What the host's own library (NCrontab.Signed 3.4.0, called as the timer extension calls it) made of each line.
VERDICTS: list[Mapping[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("ncrontab.jsonl").read_text("utf-8").splitlines()
]
START = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


LIMITS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def normal(schedule: Schedule) -> str:
    """Return a schedule as the host's library writes it: without names, steps and ranges turned round."""
    count = len(str(schedule).split())
    return " ".join(map(ranges, LIMITS[-count:], schedule.fields[-count:]))


def ranges(limits: tuple[int, int], values: tuple[int, ...]) -> str:
    if values == tuple(range(limits[0], limits[1] + 1)):
        return "*"
    apart = groupby(enumerate(values), key=lambda place: place[1] - place[0])
    runs = [[value for _, value in run] for _, run in apart]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


@pytest.mark.parametrize("verdict", VERDICTS, ids=[repr(verdict["expression"]) for verdict in VERDICTS])
def test_a_schedule_is_what_the_host_makes_of_it(verdict: Mapping[str, Any]) -> None:
    if verdict["kind"] != "cron":
        with pytest.raises(UnknownSchedule) as refused:
            read_schedule(verdict["expression"])
        assert ("is an interval" in str(refused.value)) is (verdict["kind"] == "interval")
        return
    found = read_schedule(verdict["expression"])
    ticks = islice(found.ticks(START, START.replace(year=START.year + 12)), 3)
    assert verdict["normal"] == normal(found)
    assert verdict["next"] == [f"{tick:%Y-%m-%dT%H:%M:%S}" for tick in ticks]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0 0 8 * * 1\t", "0 0 8 * * 1"),  # int.Parse takes white space, the split at blanks leaves it
        ("0 0 8 * */+2 *", "0 0 8 * 1,3,5,7,9,11 *"),
        ("0 0 8 * * S", "0 0 8 * * 0"),
        ("0 0 8 * A *", "0 0 8 * 4 *"),
        ("0 0 007 * * *", "0 0 7 * * *"),
        ("0 0 */2147483647 * * *", "0 0 0 * * *"),
    ],
)
def test_forms_that_only_this_grammar_has_are_taken(text: str, written: str) -> None:
    assert normal(read_schedule(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        *("0 0 8 * * 1/2/3", "0 0 8 * * /2", "0 0 8 * * 1-2-3", "0 0 8 * * *-2", "0 0 8 * * 1/", "0 0 8 * * Mondays"),
        *("0 0 5/2147483647 * * *", "0 0 */2147483648 * * *", "0 0 61/2 * * *", "0 0 8 * * mon/tue", "0 0 8 * * ſun"),
        *("1.2", "1:60", "24:00", "+1", "- 1", "1:2:3:4:5", "10675200", "00:00:00.12345678", "1 2"),
    ],
)
def test_what_the_host_does_not_start_is_refused(text: str) -> None:
    with pytest.raises(UnknownSchedule) as refused:
        read_schedule(text)

    assert "is an interval" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        *("6:12:14:45", "6.12:14:45.5", "6:12:14:45.25", "1.02:03", "01:02:.5", "-6", "00:00:00.00000005"),
        "\u00a001:00\n",
    ],
)
def test_an_interval_is_a_dot_net_time_span(text: str) -> None:
    with pytest.raises(UnknownSchedule, match="is an interval"):
        read_schedule(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0 8 * * 7", "write 0"),
        ("0 0 8 * * 1-7", "write *"),
        ("0 0 9 * * 5-7", "write 0,5-6"),
        ("0 0 9 * * 6-7", "write 0,6"),
        ("0 0 9 ? * *", "the host knows no ?, L, W and #"),
        ("0 0 9 L * *", "the host knows no ?, L, W and #"),
        ("0 0 9 * * 2#1", "the host knows no ?, L, W and #"),
        ("0 0 9 15W * *", "the host knows no ?, L, W and #"),
        ("'0 0 8 * * *'", "is in quotes"),
        ('"0 0 8 * * *"', "is in quotes"),
        ("@daily", "the host knows no words such as @daily"),
        ("%NOTICE_SCHEDULE%", "names a setting"),
        ("0\t0\t8\t*\t*\t*", "the host splits at nothing else"),
        ("0 0 8\u00a0* * *", "the host splits at nothing else"),
        ("0 0 8 * * *\n", "begins or ends with white space"),
        ("0 0 24 * * *", "its hour '24': write numbers from 0 to 23"),
        ("hourly", "has 1 field, NCRONTAB six"),
    ],
)
def test_a_refused_schedule_is_named_with_its_cause(text: str, says: str) -> None:
    with pytest.raises(UnknownSchedule) as refused:
        read_schedule(text)

    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("0 0 8 * * FRI-MON", "5-6,0-1"),
        ("0 0 22-2 * * *", "22-23,0-2"),
        ("0 0 8 * * SAT-SUN", "6,0"),
        ("0 0 8 * DEC-FEB *", "12,1-2"),
        ("0 0 8 * * 2-1", "*"),
        ("0 0 22-2/2 * * *", "22-23,0-2"),
    ],
)
def test_a_range_that_the_host_turns_round_is_remarked_with_what_was_meant(text: str, write: str) -> None:
    (remark,) = read_schedule(text).remarks

    assert remark.endswith(f"write {write}")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0 0 8 13 * 5", 1),
        ("0 8 1 * MON", 1),
        ("0 0 8 13 * *", 0),
        ("0 0 8 */1 * 5", 0),
        ("0 0 8 1 * 0-6", 0),
        ("0 */0 8 * * *", 1),
    ],
)
def test_what_other_crons_read_differently_is_remarked(text: str, count: int) -> None:
    assert len(read_schedule(text).remarks) == count


_FIELD = st.lists(st.integers(0, 59), min_size=1, max_size=4)


@given(minutes=_FIELD, hours=_FIELD, days=_FIELD, months=_FIELD, weekdays=st.none() | _FIELD)
def test_the_ticks_are_those_that_a_walk_from_minute_to_minute_finds(
    minutes: list[int], hours: list[int], days: list[int], months: list[int], weekdays: list[int] | None
) -> None:
    sets = [
        set(minutes),
        {hour % 24 for hour in hours},
        {day % 31 + 1 for day in days},
        {month % 12 + 1 for month in months},
        {weekday % 7 for weekday in weekdays} if weekdays is not None else set(range(7)),
    ]
    start, end = datetime(2028, 2, 27, 22, 17, 30, tzinfo=UTC), datetime(2028, 3, 3, 4, 5, tzinfo=UTC)

    def matches(moment: datetime) -> bool:
        of = (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
        return all(value in values for value, values in zip(of, sets, strict=True))

    first = datetime(2028, 2, 27, 22, 18, tzinfo=UTC)
    walk = [first + timedelta(minutes=offset) for offset in range((end - first) // timedelta(minutes=1) + 1)]
    text = " ".join(",".join(map(str, values)) for values in sets)
    assert list(read_schedule(text).ticks(start, end)) == [moment for moment in walk if matches(moment)]


# ---- within the window ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "day", "tick"),
    [
        ("0 0 * * * *", "2026-11-24", "2026-11-24T07:00"),
        ("0 0 * * * *", "2026-06-24", "2026-06-24T06:00"),
        ("0 0 * * * *", "2026-03-29", "2026-03-29T06:00"),
        ("0 0 * * * *", "2026-10-25", "2026-10-25T07:00"),
        ("0 30 */6 * * *", "2026-11-24", "2026-11-24T12:30"),
        ("0 30 6 * * *", "2026-06-24", "2026-06-24T06:30"),
        ("0 30 6 * * *", "2026-11-24", None),  # 07:30 in winter
        ("0 0 9 * * MON", "2026-11-24", None),
        ("* * * * * *", "2026-11-24", "2026-11-24T07:00"),
    ],
)
def test_the_first_tick_of_a_day_within_the_window(schedule: str, day: str, tick: str | None) -> None:
    found = Settings.from_mapping(environ(BUSINESS_TIME_ZONE="Europe/Berlin", NOTICE_SCHEDULE=schedule))

    assert found.policy.first_tick(on(day)) == (at(tick) if tick else None)


@pytest.mark.parametrize(
    ("schedule", "window", "day", "ticks"),
    [
        ("0 */30 * * * *", "02:00-03:00", "2026-03-29", []),  # that hour does not exist
        ("0 */30 * * * *", "02:30-03:15", "2026-03-29", ["01:00"]),  # what of it exists is 03:00 to 03:15
        ("0 */30 * * * *", "02:00-03:00", "2026-10-25", ["00:00", "00:30", "01:00", "01:30"]),  # it comes twice
        ("0 */30 * * * *", "02:30-02:45", "2026-10-25", ["00:30", "01:30"]),
        ("0 0 * * * *", "22:00-24:00", "2026-11-24", ["21:00", "22:00"]),
    ],
)
def test_the_window_goes_by_the_face_of_the_local_clock(schedule: str, window: str, day: str, ticks: list[str]) -> None:
    found = read_schedule(schedule).in_window(on(day), SendWindow.parse(window), BERLIN)

    assert [f"{tick:%H:%M}" for tick in found] == ticks


@pytest.mark.parametrize(
    ("schedule", "window", "zone", "expected"),
    [
        ("0 0 * * * *", "08:00-18:00", "UTC", True),
        ("0 0 * * * *", "08:00-09:00", "Asia/Kathmandu", True),
        ("0 0 * * * *", "08:00-08:45", "Asia/Kathmandu", False),  # full hours UTC are a quarter to there
        ("0 0 * * * *", "08:01-08:59", "UTC", False),
        ("0 30 7 * * *", "08:00-18:00", "UTC", False),
        ("0 30 7 * * *", "08:00-18:00", "Europe/Berlin", True),
        ("0 30 6 * * *", "08:00-18:00", "Europe/Berlin", True),  # 08:30 in summer alone
        ("0 0 18 * * *", "08:00-18:00", "UTC", False),
        ("59 59 17 * * *", "08:00-18:00", "UTC", True),
        ("0 0 8 * * *", "08:00-18:00", "UTC", True),
        ("59 59 7 * * *", "08:00-18:00", "UTC", False),
        ("0 0 23 * * *", "22:00-24:00", "UTC", True),
        ("0 0 2 * * *", "08:00-18:00", "Asia/Tokyo", True),
        ("0 0 20 * * *", "08:00-18:00", "America/Los_Angeles", True),
        ("0 0 9 29 2 *", "08:00-18:00", "UTC", True),
        ("0 0 9 29 2 MON", "08:00-18:00", "UTC", True),  # once in 28 years
        ("0 0 9 31 2 *", "08:00-18:00", "UTC", False),
        ("0 0 9 * * SUN", "08:00-18:00", "UTC", True),
        ("0 9 * * *", "08:00-18:00", "UTC", True),  # five fields: minute, hour, day, month, day of week
        ("0 7 * * *", "08:00-18:00", "UTC", False),
    ],
)
def test_whether_a_schedule_ever_falls_into_the_window(schedule: str, window: str, zone: str, expected: bool) -> None:  # noqa: FBT001
    assert read_schedule(schedule).meets(SendWindow.parse(window), ZoneInfo(zone)) is expected


@settings(max_examples=max(settings().max_examples // 3, 20))
@given(
    minute=st.sampled_from(["0", "30", "*/20", "59"]),
    hour=st.integers(0, 23) | st.sampled_from(["*/6", "22-23"]),
    weekday=st.sampled_from(["*", "1-5", "SAT"]),
    opens=st.integers(0, 23 * 4 + 2),
    length=st.integers(1, 12),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
@example(minute="0", hour=1, weekday="*", opens=8, length=2, zone="Europe/Berlin")
def test_a_schedule_meets_the_window_when_one_of_a_years_ticks_does(
    *, minute: str, hour: int | str, weekday: str, opens: int, length: int, zone: str
) -> None:
    closes = min(opens + length, 24 * 4)
    window = SendWindow.parse(f"{opens // 4:02}:{opens % 4 * 15:02}-{closes // 4:02}:{closes % 4 * 15:02}")
    schedule = read_schedule(f"0 {minute} {hour} * * {weekday}")

    ticks = schedule.ticks(datetime(2027, 12, 31, tzinfo=UTC), datetime(2029, 1, 2, tzinfo=UTC))
    hit = any(window.contains(tick.astimezone(ZoneInfo(zone)).time()) for tick in ticks)

    assert schedule.meets(window, ZoneInfo(zone)) is hit


# ---- as a setting ---------------------------------------------------------------------------------------------------


def test_the_settings_remarks_are_warnings() -> None:
    (warning,) = Settings.from_mapping(environ(NOTICE_SCHEDULE="0 0 8 * * FRI-MON")).warnings

    assert warning.startswith("NOTICE_SCHEDULE: weekday FRI-MON: ")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_schedule_that_is_not_set_is_warned_of_because_the_host_has_no_default(value: str | None) -> None:
    found = Settings.from_mapping(environ(NOTICE_SCHEDULE=value))

    assert str(found.policy.schedule) == "0 0 * * * *"
    assert [warning.partition(":")[0] for warning in found.warnings] == ["NOTICE_SCHEDULE"]


def test_a_line_break_behind_the_schedule_is_refused_as_by_the_host() -> None:
    with pytest.raises(SettingsError, match=r"NOTICE_SCHEDULE: .*begins or ends with white space"):
        Settings.from_mapping(environ(NOTICE_SCHEDULE="0 0 8 * * *\n"))


@pytest.mark.parametrize("interval", ["01:00:00", "1", "00:05:00"])
def test_an_interval_is_refused_because_the_plan_does_not_run_it(interval: str) -> None:
    with pytest.raises(SettingsError, match="is an interval, which Flex Consumption does not run"):
        Settings.from_mapping(environ(NOTICE_SCHEDULE=interval))
