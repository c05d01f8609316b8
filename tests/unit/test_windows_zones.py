from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

import pytest
from tzlocal.windows_tz import win_tz

from due_notices.windows_zones import proposal

KNOWN = available_timezones()


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("W. Europe Standard Time", ["Europe/Berlin", "Europe/Amsterdam"]),
        ("W.Europe Standard Time", ["Europe/Berlin", "Europe/Amsterdam"]),
        ("W_Europe_Standard_Time", ["Europe/Berlin", "Europe/Amsterdam"]),
        ("w. europe  standard time", ["Europe/Berlin"]),
        ("Manitoba Standard Time", ["America/Winnipeg"]),  # Windows has these three names since 2026
        ("Alberta Standard Time", ["America/Edmonton"]),
        ("British Columbia Standard Time", ["America/Vancouver"]),
        ("Central Standard Time", ["several", "America/Chicago", "America/Winnipeg"]),
        ("Mountain Standard Time", ["several", "America/Denver", "America/Edmonton"]),
        ("Pacific Daylight Time", ["several", "America/Los_Angeles", "America/Vancouver"]),
        ("GMT Summer Time", ["Europe/London"]),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", ["Europe/Amsterdam", "Europe/Berlin"]),
        ("(UTC-05:00) Bogota, Lima, Quito, Rio Branco", ["America/Bogota", "America/Lima"]),
        ("Europe/Berln", ["Europe/Berlin"]),
    ],
)
def test_what_windows_calls_a_zone_is_proposed_by_its_iana_name(text: str, zones: list[str]) -> None:
    said = proposal(text, KNOWN)

    assert all(zone in said for zone in zones)


def test_nothing_is_proposed_for_what_is_near_nothing() -> None:
    assert proposal("zzzzzzzzz", KNOWN) == ""
    assert proposal("(nowhere), at all", KNOWN) == ""


@pytest.mark.parametrize("name", sorted(win_tz))
def test_each_windows_name_leads_to_a_zone_that_exists(name: str) -> None:
    said = proposal(name, KNOWN)

    assert win_tz[name] in said
    assert ZoneInfo(win_tz[name])
