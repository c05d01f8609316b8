from __future__ import annotations

import pytest

from due_notices.commands.days_without_tick import DaysWithoutTick, days_without_tick
from due_notices.settings import Settings
from tests.factories import environ, on


def found(today: str, **overrides: str) -> DaysWithoutTick | None:
    return days_without_tick(Settings.from_mapping(environ(**overrides)).policy, on(today))


@pytest.mark.parametrize(
    ("settings", "count", "first", "last"),
    [
        # summer time parts a schedule from its window
        (
            {
                "NOTICE_SCHEDULE": "0 0,30 7 * * *",
                "SEND_WINDOW": "08:00-09:00",
                "BUSINESS_TIME_ZONE": "Europe/Berlin",
            },
            217,
            "2027-03-28",
            "2027-10-30",
        ),
        # on business days alone
        (
            {
                "NOTICE_SCHEDULE": "0 0,30 7 * * *",
                "SEND_WINDOW": "08:00-09:00",
                "BUSINESS_TIME_ZONE": "Europe/Berlin",
                "BUSINESS_CALENDAR": "DE",
            },
            152,
            "2027-03-30",
            "2027-10-29",
        ),
        # the hour of the window does not exist in one night
        (
            {"SEND_WINDOW": "02:00-03:00", "BUSINESS_TIME_ZONE": "Europe/Berlin"},
            1,
            "2027-03-28",
            "2027-03-28",
        ),
        # weekdays, months
        ({"NOTICE_SCHEDULE": "0 0 * * * MON-FRI", "BUSINESS_CALENDAR": "SA"}, 55, "2026-12-06", "2028-01-02"),
        ({"NOTICE_SCHEDULE": "0 0 9 * 1-11 *"}, 62, "2026-12-01", "2027-12-31"),
    ],
)
def test_the_first_and_the_last_open_day_without_a_tick(
    settings: dict[str, str], count: int, first: str, last: str
) -> None:
    without = found("2026-11-30", **settings)

    assert without is not None
    assert (without.first, without.last) == (on(first), on(last))
    assert without.count == count
    assert first in without.sentence


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"NOTICE_SCHEDULE": "0 0 7,8 * * *", "SEND_WINDOW": "08:00-10:00", "BUSINESS_TIME_ZONE": "Europe/Berlin"},
        {"NOTICE_SCHEDULE": "0 0 * * * MON-FRI", "BUSINESS_CALENDAR": "DE"},
    ],
)
def test_a_schedule_that_ticks_on_each_open_day_has_none(settings: dict[str, str]) -> None:
    assert found("2026-11-30", **settings) is None


def test_what_the_settings_accept_does_not_depend_on_today() -> None:
    in_winter, in_summer = (
        found(today, NOTICE_SCHEDULE="0 30 7 * * *", SEND_WINDOW="08:00-09:00", BUSINESS_TIME_ZONE="Europe/Berlin")
        for today in ("2026-12-01", "2027-07-01")
    )

    assert in_winter is not None
    assert in_summer is not None
    assert in_summer.first == on("2027-07-01")
