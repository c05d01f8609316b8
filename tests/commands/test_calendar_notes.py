from __future__ import annotations

import importlib.util
from datetime import date, timedelta

import pytest

from due_notices.calendars import BusinessDays, EveryDay, HolidayCalendar, parse_calendars, parse_dates, parse_weekend
from due_notices.commands.calendar_notes import CalendarNote, calendar_notes, closed_weekdays
from tests.command_line import ROOT
from tests.factories import on

TODAY = on("2026-11-30")


def notes(calendars: str, today: date = TODAY) -> dict[str, CalendarNote]:
    return {note.code: note for note in calendar_notes(BusinessDays(parse_calendars(calendars)), today)}


@pytest.mark.parametrize(
    ("country", "parts"),
    [
        ("GB", ["GB-ENG", "GB-NIR", "GB-SCT", "GB-WLS"]),
        ("CH", ["CH-AG", "18 more"]),
        ("CA", ["CA-AB", "CA-ON"]),
        ("AU", ["AU-NSW"]),
        ("ES", ["ES-AN"]),
        ("MY", ["MY-01"]),
    ],
)
def test_a_country_whose_parts_all_close_days_of_their_own_is_a_warning_that_names_them(
    country: str, parts: list[str]
) -> None:
    note = notes(country)["parts"]

    assert note.warning
    assert note.calendar == country
    assert all(part in note.text for part in parts)


@pytest.mark.parametrize(("country", "part"), [("DE", "DE-BE"), ("US", "US-CA"), ("NZ", "NZ-"), ("IN", "IN-")])
def test_a_country_most_of_whose_parts_close_days_of_their_own_is_shown(country: str, part: str) -> None:
    note = notes(country)["parts"]

    assert not note.warning
    assert part in note.text


@pytest.mark.parametrize("calendar", ["GB-ENG", "DE-BE", "FR", "IT", "AT", "NL", "PL", "XECB", "SE+de_facto", "JP"])
def test_other_calendars_have_no_parts_that_matter(calendar: str) -> None:
    assert "parts" not in notes(calendar)


@pytest.mark.parametrize(
    ("calendar", "today", "codes"),
    [
        ("LK", "2026-11-30", {"next", "ends"}),
        ("LK", "2025-11-30", {"next"}),
        ("LK", "2027-06-01", {"next", "ends"}),
        ("LK", "2029-06-01", {"next", "ends"}),
        ("UA", "2026-11-30", {"next", "nothing"}),
        ("BV", "2026-11-30", {"next", "nothing"}),
        ("DE-BE", "2026-11-30", {"next"}),
        ("DE-BE", "2100-06-01", {"next", "ends"}),
        ("UA", "2022-02-01", {"next", "fewer"}),
        ("SE+de_facto,XECB", "2026-11-30", {"next"}),
        ("DE-BE,LK", "2026-11-30", {"next", "ends"}),
    ],
)
def test_data_that_end_and_a_calendar_that_closes_nothing_are_warnings(
    calendar: str, today: str, codes: set[str]
) -> None:
    found = notes(calendar, on(today))

    assert found.keys() - {"more"} == codes
    assert all(note.warning is (code not in {"next", "more"}) for code, note in found.items())


@pytest.mark.parametrize(
    ("calendar", "seen"),
    [
        ("DE-BE", ["weekend SAT and SUN", "2026-12-25 Christmas Day", "2027-01-01", "2027-03-08"]),
        ("HK", ["HK by the package holidays", "weekend SUN;", "2026-12-25", "Sat 2026-12-26"]),
        ("SA", ["weekend FRI and SAT"]),
        ("SE+de_facto,XECB", ["Thu 2026-12-24 Christmas Eve"]),
        ("UA", ["nothing in the next twelve months"]),
    ],
)
def test_the_weekend_and_the_next_closed_days_are_shown_by_name(calendar: str, seen: list[str]) -> None:
    text = notes(calendar)["next"].text

    assert all(part in text for part in seen)


def test_own_days_are_among_the_next_closed_ones() -> None:
    days = BusinessDays((), parse_dates("2026-12-24"), frozenset(), parse_weekend("SUN"))

    (note,) = calendar_notes(days, TODAY)

    assert note.text.startswith("own days; weekend SUN; closed next:\n  Thu 2026-12-24 CLOSED_DAYS")


def test_where_every_day_is_a_business_day_there_is_nothing_to_see() -> None:
    assert calendar_notes(EveryDay(), TODAY) == ()


def test_an_update_of_the_package_shows_what_it_opens_and_closes() -> None:
    """`python scripts/closed_weekdays.py` writes the snapshot anew; look at every day that changes."""
    spec = importlib.util.spec_from_file_location("closed_weekdays", ROOT / "scripts" / "closed_weekdays.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    before = set(script.SNAPSHOT.read_text("utf-8").splitlines())
    now = set(script.closed().splitlines())

    assert (sorted(before - now), sorted(now - before)) == ([], [])


def test_closed_weekdays_leave_out_the_weekend() -> None:
    days = list(closed_weekdays(HolidayCalendar("DE"), on("2026-12-24"), on("2026-12-31")))

    assert days == [(on("2026-12-25"), "Christmas Day")]
    assert list(closed_weekdays(EveryDay(), TODAY, TODAY + timedelta(days=400))) == []


def test_categories_that_are_not_chosen_are_shown() -> None:
    assert notes("HK")["more"].text.endswith("+optional")
    assert "+bank, +optional" in notes("SE+de_facto")["more"].text
    assert "workday" not in notes("LK")["more"].text
    assert "more" not in notes("XECB")
