from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import HolidayCalendar
from due_notices.policy import Policy
from due_notices.stages import SendWindow, local_midnight
from tests.factories import ClosedOn, at, on, policy

HOUR = timedelta(hours=1)


def hourly_ticks(day: date, zone: str, minute: int = 0) -> list[datetime]:
    """Return every full hour UTC (and `minute` past it) that lies on the local `day`."""
    begin, end = (local_midnight(day + timedelta(days=more), ZoneInfo(zone)) for more in (-1, 2))
    ticks = [begin.replace(minute=minute) + HOUR * number for number in range((end - begin) // HOUR + 1)]
    return [tick for tick in ticks if tick.astimezone(ZoneInfo(zone)).date() == day]


def open_hours(chosen: Policy, ticks: list[datetime]) -> list[int]:
    return [tick.astimezone(chosen.rules.time_zone).hour for tick in ticks if chosen.why_closed(tick) is None]


@pytest.mark.parametrize(
    ("now", "zone", "today"),
    [
        ("2026-12-31T23:30", "UTC", "2026-12-31"),
        ("2026-12-31T23:30", "Europe/Berlin", "2027-01-01"),
        ("2026-12-31T23:30", "America/New_York", "2026-12-31"),
        ("2026-12-31T10:00", "Pacific/Kiritimati", "2027-01-01"),
        ("2027-01-01T10:59", "Pacific/Pago_Pago", "2026-12-31"),
        ("2028-02-29T11:00", "Pacific/Auckland", "2028-03-01"),
        ("2028-02-29T04:59", "America/New_York", "2028-02-28"),
        ("2026-03-28T23:30", "Europe/Berlin", "2026-03-29"),
    ],
)
def test_today_is_the_date_in_the_business_time_zone(now: str, zone: str, today: str) -> None:
    chosen = policy(time_zone=ZoneInfo(zone))

    assert chosen.business_date(at(now)) == on(today)


@pytest.mark.parametrize(
    ("day", "zone", "hours_of_the_day"),
    [
        ("2026-06-10", "Europe/Berlin", 24),
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
    ],
)
def test_hourly_ticks_hit_every_local_hour_of_the_window_once_and_none_outside(
    day: str, zone: str, hours_of_the_day: int
) -> None:
    chosen = policy(time_zone=ZoneInfo(zone), window=SendWindow.parse("08:00-18:00"))

    ticks = hourly_ticks(on(day), zone)

    assert len(ticks) == hours_of_the_day
    assert open_hours(chosen, ticks) == list(range(8, 18))


@pytest.mark.parametrize(
    ("day", "zone", "window", "hours"),
    [
        # 02:00 does not exist
        ("2026-03-29", "Europe/Berlin", "01:00-04:00", [1, 3]),
        ("2026-03-29", "Europe/Berlin", "02:00-03:00", []),
        ("2026-03-08", "America/New_York", "01:00-04:00", [1, 3]),
        # 02:00 (in New York 01:00) comes twice
        ("2026-10-25", "Europe/Berlin", "01:00-04:00", [1, 2, 2, 3]),
        ("2026-10-25", "Europe/Berlin", "02:00-03:00", [2, 2]),
        ("2026-11-01", "America/New_York", "00:00-03:00", [0, 1, 1, 2]),
        # the whole day
        ("2026-03-29", "Europe/Berlin", "00:00-24:00", [0, 1, *range(3, 24)]),
        ("2026-11-01", "America/New_York", "00:00-24:00", [0, 1, 1, *range(2, 24)]),
        ("2026-11-01", "America/New_York", "23:00-24:00", [23]),
    ],
)
def test_windows_over_the_changed_hour(day: str, zone: str, window: str, hours: list[int]) -> None:
    chosen = policy(time_zone=ZoneInfo(zone), window=SendWindow.parse(window))

    assert open_hours(chosen, hourly_ticks(on(day), zone)) == hours


def test_full_hours_utc_are_half_hours_in_india_and_hit_every_hour_too() -> None:
    chosen = policy(time_zone=ZoneInfo("Asia/Kolkata"), window=SendWindow.parse("08:00-18:00"))

    assert open_hours(chosen, hourly_ticks(on("2026-06-10"), "Asia/Kolkata")) == list(range(8, 18))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 (the time zone comes below)
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(0, 23),
    st.integers(1, 24),
)
def test_the_window_is_open_when_the_local_clock_says_so(naive: datetime, zone: str, opens: int, more: int) -> None:
    closes = min(opens + more, 24)
    chosen = policy(time_zone=ZoneInfo(zone), window=SendWindow.parse(f"{opens:02}:00-{closes:02}:00"))
    now = naive.replace(tzinfo=ZoneInfo("UTC"))

    assert (chosen.why_closed(now) is None) is (opens <= now.astimezone(ZoneInfo(zone)).hour < closes)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ("2026-04-02T08:00", None),
        ("2026-04-02T17:59:59", None),
        ("2026-04-02T07:59:59", "07:59 is outside the send window 08:00-18:00 (Europe/Berlin)"),
        ("2026-04-02T18:00", "18:00 is outside the send window 08:00-18:00 (Europe/Berlin)"),
        ("2026-04-03T12:00", "2026-04-03 is no business day: Good Friday"),
        ("2026-04-04T12:00", "2026-04-04 is no business day: weekend"),
        ("2026-04-06T23:00", "2026-04-06 is no business day: Easter Monday"),
        ("2026-04-07T08:00", None),
    ],
)
def test_why_nothing_may_be_sent_at_a_moment(now: str, why: str | None) -> None:
    chosen = policy(time_zone=ZoneInfo("Europe/Berlin"), calendar=HolidayCalendar("DE"))

    assert chosen.why_closed(at(now, "Europe/Berlin")) == why


def test_the_business_day_is_that_of_the_time_zone_not_of_utc() -> None:
    chosen = policy(
        time_zone=ZoneInfo("Pacific/Auckland"), calendar=HolidayCalendar("NZ"), window=SendWindow.parse("00:00-24:00")
    )

    # Friday 12:30 UTC is Saturday in Auckland, Sunday 12:30 UTC is Monday.
    assert chosen.why_closed(at("2026-09-11T12:30")) == "2026-09-12 is no business day: weekend"
    assert chosen.why_closed(at("2026-09-13T12:30")) is None


def test_a_day_is_closed_whatever_the_hour() -> None:
    chosen = policy(calendar=HolidayCalendar("DE"))

    assert chosen.why_day_closed(on("2026-12-25")) == "2026-12-25 is no business day: Christmas Day"
    assert chosen.why_day_closed(on("2026-12-24")) is None


def test_the_ledger_remembers_a_due_date_for_the_retention_and_as_long_as_it_is_asked_for() -> None:
    chosen, today = policy(retention_days=400), on("2026-12-01")

    assert chosen.forget_before(today, on("2026-09-01")) == on("2025-10-26")
    assert chosen.forget_before(today, on("2025-06-01")) == on("2025-06-01")


@pytest.mark.parametrize(
    ("look_again", "completed", "now", "again"),
    [
        (None, "2026-12-01T08:00", "2026-12-01T18:00", False),
        (4, "2026-12-01T08:00", "2026-12-01T11:59", False),
        (4, "2026-12-01T08:00", "2026-12-01T12:00", True),
        (4, None, "2026-12-01T12:00", False),
    ],
)
def test_a_completed_day_is_looked_at_again_after_so_many_hours(
    look_again: int | None,
    completed: str | None,
    now: str,
    again: bool,  # noqa: FBT001
) -> None:
    chosen = policy(look_again=look_again and look_again * HOUR)

    assert chosen.looks_again(at(now), at(completed) if completed else None) is again


def test_business_days_count_back_over_any_number_of_closed_ones() -> None:
    august = [date(2026, 8, 1) + timedelta(days=number) for number in range(92)]
    chosen = policy(calendar=ClosedOn(august))

    assert chosen.business_days(on("2026-10-31"), 2) == [on("2026-07-31"), on("2026-07-30")]
