from __future__ import annotations

import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from threading import Event

import holidays
import pytest
from holidays import registry
from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import (
    BusinessCalendar,
    BusinessDays,
    EveryDay,
    HolidayCalendar,
    UnknownCalendar,
    parse_calendars,
    parse_dates,
    parse_weekend,
)
from tests.factories import on, stages

ONE_DAY = timedelta(days=1)
COUNTRIES = [names[1] for names in registry.COUNTRIES.values()]
MARKETS = [names[1] for names in registry.FINANCIAL.values()]


def business_days(calendars: str = "", *, closed: str = "", opened: str = "", weekend: str = "") -> BusinessDays:
    return BusinessDays(parse_calendars(calendars), parse_dates(closed), parse_dates(opened), parse_weekend(weekend))


@pytest.mark.parametrize(
    ("calendar", "day", "why"),
    [
        (EveryDay(), "2026-12-25", None),
        (HolidayCalendar("DE"), "2026-12-25", "Christmas Day"),
        (HolidayCalendar("DE"), "2026-12-24", None),
        (HolidayCalendar("DE"), "2026-12-12", "weekend"),
        (HolidayCalendar("DE"), "2026-12-13", "weekend"),
        (HolidayCalendar("DE"), "2026-10-03", "German Unity Day"),
        (HolidayCalendar("US-NY"), "2026-07-03", "Independence Day (observed)"),
        (HolidayCalendar("US-NY"), "2026-11-26", "Thanksgiving Day"),
        (HolidayCalendar("SA"), "2026-04-10", "weekend"),
        (HolidayCalendar("SA"), "2026-04-12", None),
        (HolidayCalendar("SA"), "2026-03-22", "Eid al-Fitr Holiday"),
        # other categories
        (HolidayCalendar("SE"), "2026-06-19", None),
        (HolidayCalendar("SE+de_facto"), "2026-06-19", "Midsummer Eve"),
        (HolidayCalendar("JP"), "2026-01-02", None),
        (HolidayCalendar("JP+bank"), "2026-01-02", "Bank Holiday"),
        (HolidayCalendar("BR"), "2026-02-17", None),
        (HolidayCalendar("BR+optional"), "2026-02-17", "Carnival"),
        (HolidayCalendar("DE-BY"), "2026-08-15", "weekend"),
        (HolidayCalendar("DE-BY"), "2025-08-15", None),
        (HolidayCalendar("DE-BY+catholic"), "2025-08-15", "Assumption Day"),
        (HolidayCalendar("HK"), "2027-03-26", None),
        (HolidayCalendar("HK+optional"), "2027-03-26", "Good Friday"),
        # markets
        (HolidayCalendar("XECB"), "2026-05-14", None),
        (HolidayCalendar("XECB"), "2026-05-01", "Labour Day"),
        (HolidayCalendar("XFED"), "2026-07-03", None),
        (HolidayCalendar("US"), "2026-07-03", "Independence Day (observed)"),
        (HolidayCalendar("XNYS"), "2026-04-03", "Good Friday"),
        # a working Saturday, and the day off for it
        (HolidayCalendar("HU"), "2026-08-08", None),
        (HolidayCalendar("HU"), "2026-08-21", "Day off (substituted from 08/08/2026)"),
        (HolidayCalendar("CN"), "2025-09-28", None),
        # one of the end of a year, for a day off of the next one
        (HolidayCalendar("AM"), "2014-12-20", None),
    ],
    ids=str,
)
def test_a_calendar_says_why_a_day_is_closed(calendar: BusinessCalendar, day: str, why: str | None) -> None:
    assert calendar.why_closed(on(day)) == why


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("Germany", "DE"),
        ("DE-Bayern", "DE-BY"),
        ("germany-bayern", "DE-BY"),
        ("United Kingdom", "GB"),
        ("MY-JHR", "MY-01"),
        ("GB-England", "GB-ENG"),
        ("UK-ENG", "GB-ENG"),
        ("FR-Alsace-Moselle", "FR-Alsace-Moselle"),
        ("GB-Northern Ireland", "GB-NIR"),
        ("US-Virgin Islands, U.S.", "US-VI"),
        ("XECB", "XECB"),
        ("ECB", "ECB"),
        ("xecb", "XECB"),
        ("XAMS", "XAMS"),
        ("SE+de_facto", "SE+de_facto"),
        (" SE + DE_FACTO + bank ", "SE+de_facto+bank"),
    ],
)
def test_names_and_aliases_are_taken_in_any_case(written: str, name: str) -> None:
    assert [calendar.name for calendar in parse_calendars(written)] == [name]


def test_every_name_that_the_package_knows_is_taken() -> None:
    for names in (*registry.COUNTRIES.values(), *registry.FINANCIAL.values()):
        entity, closed = getattr(holidays, names[0]), HolidayCalendar(names[1]).why_closed
        for name in names:
            assert HolidayCalendar(name).why_closed(on("2026-12-25")) == closed(on("2026-12-25"))
        for part in (*entity.subdivisions, *entity.subdivisions_aliases):
            (found,) = parse_calendars(f"{names[1]}-{part}")
            assert found.part in entity.subdivisions


@pytest.mark.parametrize("name", [*COUNTRIES, *MARKETS])
def test_a_calendar_is_closed_when_the_package_says_so(name: str) -> None:
    entity = getattr(holidays, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = entity(years=range(2024, 2031))

    calendar = HolidayCalendar(name)

    for day in (date(2026, 11, 1) + timedelta(days=offset) for offset in range(500)):
        assert (calendar.why_closed(day) is None) is (day not in package and package.is_working_day(day))


def test_every_country_has_an_answer_for_every_year_that_a_due_date_may_have() -> None:
    for name in COUNTRIES:
        calendar = HolidayCalendar(name)
        for year in (1, 1968, 1970, 1999, 2035, 2077, 2101, 2500, 9999):
            why = calendar.why_closed(date(year, 1, 1))
            assert why is None or isinstance(why, str)


@pytest.mark.parametrize(
    ("name", "message", "near"),
    [
        ("DEE", "no country or market is called 'DEE'", ["DE", "DEU"]),
        ("GERMANIA", "no country or market is called 'GERMANIA'", ["Germany"]),
        ("US_NY", "no country or market is called 'US_NY'", ["US-NY", "US"]),
        ("", "no country or market is called ''", ["AD"]),
        ("-", "no country or market is called ''", ["AD"]),
        ("US-NX", "no part of US is called 'NX'", ["NY", "TX"]),
        ("US-", "no part of US is called ''", ["AK"]),
        ("DE-BX", "no part of DE is called 'BX'", ["BY", "BW"]),
        ("DE-BY-X", "no part of DE is called 'BY-X'", ["BY"]),
    ],
)
def test_an_unknown_calendar_lists_near_names(name: str, message: str, near: list[str]) -> None:
    with pytest.raises(UnknownCalendar) as refused:
        HolidayCalendar(name)

    said, _, names = str(refused.value).partition("; near names: ")
    assert said == message
    assert set(near) <= set(names.split(", "))
    assert len(names.split(", ")) <= 8


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("AW-XX", "write AW"),
        ("FR-GF", "write GF"),
        ("CN-HK", "write HK"),
        ("CN-MO", "write MO"),
        ("NL-AW", "write AW"),
        ("DK-GL", "write GL"),
        ("DK-Faroe Islands", "write FO"),
        ("GB-IM", "write IM"),
        ("GB-Jersey", "write JE"),
        ("LK+workday", "leave it out"),
        ("DE+WORKDAY", "leave it out"),
        ("SE+holy", "it has bank, de_facto, optional, public"),
        ("SE+", "it has bank, de_facto, optional, public"),
        (",", "write for example DE"),
        ("DE,Germania", "near names"),
        ("DE;XECB", "separate calendars by commas"),
    ],
)
def test_a_refusal_says_what_to_write(name: str, remedy: str) -> None:
    with pytest.raises(UnknownCalendar) as refused:
        parse_calendars(name)

    assert remedy in str(refused.value)


def test_a_part_of_france_that_is_a_calendar_of_its_own_has_the_same_days() -> None:
    part, own = HolidayCalendar("FR-GP"), HolidayCalendar("GP")

    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(1000)]
    assert [part.why_closed(day) for day in days] == [own.why_closed(day) for day in days]


def test_several_calendars_are_each_asked() -> None:
    both = business_days("DE,XECB")

    assert both.why_closed(on("2026-05-14")) == "Ascension Day"  # open by XECB
    assert both.why_closed(on("2026-12-26")) == "Second Day of Christmas"
    assert both.why_closed(on("2026-12-27")) == "weekend"
    assert both.why_closed(on("2026-12-28")) is None


@pytest.mark.parametrize(
    ("calendars", "day", "closed"),
    [
        ("SA,GB", "2026-04-17", True),  # Riyadh's Friday
        ("SA,GB", "2026-04-19", True),  # London's Sunday
        ("SA,GB", "2026-04-20", False),
        ("HU,XECB", "2026-08-08", True),  # Hungary works on this Saturday, T2 does not
        ("HU,XECB", "2026-08-21", True),
        ("HU", "2026-08-08", False),
        ("HK,US", "2026-06-06", True),  # Hong Kong's Saturday is open
        ("HK", "2026-06-06", False),
    ],
)
def test_a_day_is_open_only_if_every_calendar_has_it_open(*, calendars: str, day: str, closed: bool) -> None:
    assert (business_days(calendars).why_closed(on(day)) is not None) is closed


@given(
    st.lists(st.sampled_from(["DE", "SA", "HU", "HK", "US-NY", "XECB", "SE+de_facto", "CN"]), min_size=1, max_size=3),
    st.dates(date(2024, 1, 1), date(2029, 12, 31)),
)
def test_together_they_close_what_any_of_them_closes(names: list[str], day: date) -> None:
    each = [HolidayCalendar(name) for name in names]

    why = business_days(",".join(names)).why_closed(day)

    assert (why is None) is all(calendar.why_closed(day) is None for calendar in each)
    assert why is None or why in {calendar.why_closed(day) for calendar in each}


@pytest.mark.parametrize(
    ("days", "day", "why"),
    [
        (business_days(closed="2026-12-24"), "2026-12-24", "CLOSED_DAYS"),
        (business_days(closed="2026-12-24"), "2026-12-26", None),
        (business_days("DE", closed="2026-12-24"), "2026-12-24", "CLOSED_DAYS"),
        (business_days("DE", closed="2026-12-24"), "2026-12-25", "Christmas Day"),
        (business_days("DE", opened="2026-12-25"), "2026-12-25", None),
        (business_days("DE", opened="2026-12-12"), "2026-12-12", None),
        (business_days("DE", opened="2026-12-12"), "2026-12-19", "weekend"),
        (business_days(weekend="SUN"), "2026-12-13", "weekend"),
        (business_days(weekend="SUN"), "2026-12-12", None),
        (business_days(weekend="SUN", opened="2026-12-13"), "2026-12-13", None),
        # instead of the calendars' weekends and working days at weekends
        (business_days("DE", weekend="FRI,SAT"), "2026-12-13", None),
        (business_days("DE", weekend="FRI,SAT"), "2026-12-11", "weekend"),
        (business_days("DE", weekend="FRI,SAT"), "2026-12-25", "Christmas Day"),
        (business_days("SA", weekend="SAT,SUN"), "2026-04-10", None),
        (business_days("SA", weekend="SAT,SUN"), "2026-04-12", "weekend"),
        (business_days("AE,MY", weekend="SUN"), "2026-04-11", None),
        (business_days("HU", weekend="SAT,SUN"), "2026-08-08", "weekend"),
    ],
)
def test_own_days_and_weekend(days: BusinessDays, day: str, why: str | None) -> None:
    assert days.why_closed(on(day)) == why


@pytest.mark.parametrize("name", [*COUNTRIES, *MARKETS])
def test_a_weekend_of_ones_own_is_every_calendars(name: str) -> None:
    days = business_days(name, weekend="TUE,WED")

    for day in (date(2027, 2, 1) + timedelta(days=offset) for offset in range(28)):
        why = days.why_closed(day)
        assert (why == "weekend") is (day.weekday() in {1, 2} and days.calendars[0].holiday(day) is None)


@pytest.mark.parametrize(
    ("text", "weekend"),
    [
        ("", None),
        (" ", None),
        ("FRI,SAT", {4, 5}),
        ("fri, Saturday", {4, 5}),
        ("SUN", {6}),
        ("Mon,MON", {0}),
    ],
)
def test_a_weekend_is_read(text: str, weekend: set[int] | None) -> None:
    assert parse_weekend(text) == weekend


@pytest.mark.parametrize("text", [",", "FRI-SAT", "5,6", "Fr,Sa", "SAT SUN", "SATURDAYS"])
def test_a_weekend_written_otherwise_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example FRI,SAT"):
        parse_weekend(text)


def test_a_weekend_of_seven_days_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing would ever be sent"):
        parse_weekend("MON,TUE,WED,THU,FRI,SAT,SUN")


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("", []),
        ("2026-12-24", ["2026-12-24"]),
        (" 2026-12-24 ,2026-12-31,", ["2026-12-24", "2026-12-31"]),
        ("2026-12-30/2027-01-02", ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]),
        ("2026-12-24/2026-12-24", ["2026-12-24"]),
        ("2026-12-24,2026-12-24", ["2026-12-24"]),
    ],
)
def test_dates_are_read(text: str, dates: list[str]) -> None:
    assert sorted(parse_dates(text)) == [on(day) for day in dates]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (",", "names no day"),
        ("2026-12-24,12-31", "entry 2 is not a date written YYYY-MM-DD"),
        ("24.12.2026", "entry 1 is not a date written YYYY-MM-DD"),
        ("20261224", "entry 1 is not a date written YYYY-MM-DD"),
        ("2026-12-24;2026-12-31", "separate dates by commas"),
        ("2026-12-24 2026-12-31", "separate dates by commas"),
        ("2026-12-24/", ""),
        ("2026-02-29", "entry 1 is a date that does not exist"),
        ("0026-12-24", "entry 1 has a year outside"),
        ("2027-08-31/2027-08-01", "entry 1 ends before it begins"),
        ("2027-08-01/2029-08-01", "longer than a year"),
    ],
)
def test_dates_written_otherwise_are_refused_by_their_number(text: str, why: str) -> None:
    if text == "2026-12-24/":
        assert parse_dates(text) == {on("2026-12-24")}
        return
    with pytest.raises(ValueError, match=why):
        parse_dates(text)


def test_a_year_is_seen_only_when_it_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package marks a year as known before it knows it."""
    calendar, begun, go_on = HolidayCalendar("US-NY"), Event(), Event()
    populate = calendar._package._populate

    def slowly(year: int) -> None:
        begun.set()
        assert go_on.wait(10)
        populate(year)

    monkeypatch.setattr(calendar._package, "_populate", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(calendar.why_closed, on("2026-12-25"))
        assert begun.wait(10)
        second = pool.submit(calendar.why_closed, on("2026-12-25"))
        with suppress(TimeoutError):
            second.result(timeout=0.2)  # long enough for one who would not wait
        go_on.set()

        assert (first.result(), second.result()) == ("Christmas Day", "Christmas Day")


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(1, 120)), max_size=4),
    st.sampled_from(["", "DE", "SA", "DE-BB+school"]),
    st.lists(st.integers(-10, 40), min_size=1, max_size=5, unique=True).map(sorted),
    st.dates(date(2026, 3, 1), date(2027, 6, 30)),
)
def test_no_run_of_closed_days_is_too_long(
    spans: list[tuple[int, int]], calendar: str, days: list[int], due: date
) -> None:
    first = date(2026, 1, 1)
    closed = frozenset(first + timedelta(days=start + offset) for start, length in spans for offset in range(length))
    calendar_days = BusinessDays(parse_calendars(calendar), closed)

    def is_closed(day: date) -> bool:
        return day in closed or any(each.why_closed(day) is not None for each in calendar_days.calendars)

    for stage in stages(*days, calendar=calendar_days).dates(due):
        assert not is_closed(stage.day)
        if stage.stage <= 0:
            passed = (due + timedelta(days=stage.stage) - stage.day).days
            assert all(is_closed(stage.day + ONE_DAY * number) for number in range(1, passed + 1))


def test_the_longest_runs_of_closed_days_are_those_of_schools() -> None:
    closed = HolidayCalendar("DE-BB+school").why_closed
    days = (date(2026, 1, 1) + timedelta(days=offset) for offset in range(365))

    runs = itertools.groupby(days, key=lambda day: closed(day) is not None)

    assert max(sum(1 for _ in run) for is_closed, run in runs if is_closed) == 46


def test_a_calendar_shows_its_name() -> None:
    assert repr(HolidayCalendar("US-NY")) == "HolidayCalendar('US-NY')"


def test_a_calendar_of_one_part_keeps_the_categories() -> None:
    assert HolidayCalendar("DE+catholic").of_part("BY").name == "DE-BY+catholic"
