"""What a date says: the column proves its form, or the form is asked for."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.dates import DateForm, DateReader, Order, readings, zone_of_head
from due_notices.commands.import_.problems import ListRefused, Problem, RowRefused
from due_notices.commands.import_.rows import Entry
from tests.commands.import_.given_lists import BERLIN, TODAY, codes, rows, written

LATEST = 2075
DAYS = st.dates(date(1970, 1, 2), date(2075, 12, 31))


def column(folder: Path, *cells: str) -> Path:
    lines = [f'ada{number}@example.com,"{cell}",R{number}' for number, cell in enumerate(cells)]
    return written(folder, "\n".join(["email,due,ref", *lines]) + "\n")


def dues(path: Path, **asked: object) -> list[str]:
    return [row.due.isoformat() for row in rows(path, **asked) if isinstance(row, Entry)]


def reader(order: Order = "ymd", **form: object) -> DateReader:
    return DateReader(DateForm(order, **form), BERLIN, TODAY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("15.12.2026", "03.02.2027"), ["2026-12-15", "2027-02-03"]),
        (("12/15/2026", "02/03/2027"), ["2026-12-15", "2027-02-03"]),
        (("03/02/2027", "15/12/2026"), ["2027-02-03", "2026-12-15"]),
        (("2026-12-15", "2027-02-03"), ["2026-12-15", "2027-02-03"]),
        (("2027/2/3", "2026/12/15"), ["2027-02-03", "2026-12-15"]),
        (("2026年12月15日",), ["2026-12-15"]),
        (("15-Dec-2026", "3 februari 2027"), ["2026-12-15", "2027-02-03"]),
        (("15-Dec-26", "3-Feb-27"), ["2026-12-15", "2027-02-03"]),
        (("Dec 15, 2026", "March 3 2027"), ["2026-12-15", "2027-03-03"]),
        (("15. Dezember 2026", "1er"), ["2026-12-15"]),
        (("20261215", "20270203"), ["2026-12-15", "2027-02-03"]),
        (("05/05/2027", "06/06/2027"), ["2027-05-05", "2027-06-06"]),
        (("15.12.2026 00:00", "03.02.2027 14:30:00"), ["2026-12-15", "2027-02-03"]),
        (("12/15/2026 11:59 PM",), ["2026-12-15"]),
    ],
)
def test_a_column_proves_its_form(tmp_path: Path, cells: tuple[str, ...], expected: list[str]) -> None:
    assert dues(column(tmp_path, *cells)) == expected


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (("03/02/2027", "04/05/2027"), "dates"),
        (("03.02.2027",), "dates"),
        (("01.02.03",), "dates"),
        (("31.01.27", "30.01.27"), "dates"),
        (("01022027",), "dates"),
        (("02/25/2027", "25/02/2027"), "dates"),
        (("2026-12-15", "15.12.2026"), "dates"),
        (("46371", "2026-12-15"), "serial-day"),
        (("15/12/2569",), "buddhist"),
        (("soon", "later"), "columns"),
    ],
)
def test_a_column_that_may_mean_two_things_is_asked_about(tmp_path: Path, cells: tuple[str, ...], code: str) -> None:
    with pytest.raises(ListRefused) as refused:
        rows(column(tmp_path, *cells))

    assert code in codes(refused.value)
    assert all(problem.remedy for problem in refused.value.problems)


def test_what_is_asked_for_decides(tmp_path: Path) -> None:
    ambiguous = column(tmp_path, "03/02/2027", "04/05/2027")

    assert dues(ambiguous, dates=("dmy",)) == ["2027-02-03", "2027-05-04"]
    assert dues(ambiguous, dates=("mdy",)) == ["2027-03-02", "2027-04-05"]


def test_serial_days_stand_beside_written_ones_where_asked_for(tmp_path: Path) -> None:
    assert dues(column(tmp_path, "46371", "16.12.2026"), dates=("excel",)) == ["2026-12-15", "2026-12-16"]
    assert dues(column(tmp_path, "46371", "03.02.2027"), dates=("excel,dmy",)) == ["2026-12-15", "2027-02-03"]


def test_years_of_the_buddhist_era_are_taken_where_asked_for_and_no_others_then(tmp_path: Path) -> None:
    found = rows(column(tmp_path, "15/12/2569", "16/12/2026"), dates=("buddhist",))

    assert [row.due.isoformat() for row in found if isinstance(row, Entry)] == ["2026-12-15"]
    assert [row.code for row in found if isinstance(row, Problem)] == ["year"]


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("R8.12.3", "2026-12-03"),
        ("令和8年12月3日", "2026-12-03"),
        ("115/12/15", "2026"),
        ("1405-09-24", "Persian"),
        ("1448-06-05", "Islamic"),
        ("2206-12-02", "slip"),
        ("9999-12-31", "never"),
    ],
)
def test_years_of_other_calendars_are_refused_with_the_guess(text: str, guess: str) -> None:
    refusal = readings(text, LATEST).refusal

    assert refusal is not None
    assert guess in refusal.why


@pytest.mark.parametrize(
    "text", ["31.04.2026", "2026-02-30", "00.12.2026", "2026-12-15 25:00", "tomorrow", "12345678901", "1.2", "１５日"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    found = readings(text, LATEST)

    assert found.refusal is not None
    assert not found.dates


@pytest.mark.parametrize("text", ["", "  ", "00000000", "0000-00-00", "00.00.0000", "-", "n/a"])
def test_what_says_nothing_is_no_date(text: str) -> None:
    assert reader()(text) is None


@pytest.mark.parametrize(
    ("text", "head", "expected"),
    [
        ("2026-12-14 23:00", "Due (UTC)", "2026-12-15"),
        ("2026-12-15 00:00", "Due (UTC)", "2026-12-15"),
        ("2026-12-15 23:59", "Due (UTC)", "2026-12-15"),
        ("2026-12-15 23:59:59", "Due (UTC)", "2026-12-15"),
        ("2026-12-15 23:58:59", "Due (UTC)", "2026-12-16"),
        ("2026-12-15T00:00:00Z", "Due", "2026-12-15"),
        ("2026-12-14T23:30:00Z", "Due", "2026-12-15"),
        ("2026-12-14T23:30:00", "Due", "2026-12-14"),
        ("2026-12-15T00:30:00+05:00", "Due", "2026-12-14"),
        ("2026-12-15", "Due (UTC)", "2026-12-15"),
        ("2026-12-14 20:00", "Due (America/New_York)", "2026-12-15"),
        ("2026-12-15 00:30", "Due (UTC+9)", "2026-12-14"),
    ],
)
def test_a_date_time_means_its_day_where_the_business_is(text: str, head: str, expected: str) -> None:
    assert str(reader(zone=zone_of_head(head))(text)) == expected


@pytest.mark.parametrize(
    ("head", "zone"), [("Due Date (UTC)", UTC), ("Due [Europe/Berlin]", ZoneInfo("Europe/Berlin"))]
)
def test_a_head_names_its_zone(head: str, zone: object) -> None:
    assert zone_of_head(head) == zone


@pytest.mark.parametrize("head", ["Due date", "Due ()", "Due (net)", "Due (Nowhere/City)"])
def test_a_head_without_a_zone_names_none(head: str) -> None:
    assert zone_of_head(head) is None


@given(day=DAYS, form=st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y%m%d", "%d%m%Y", "%d %B %Y"]))
def test_a_written_day_is_among_its_readings(day: date, form: str) -> None:
    found = readings(day.strftime(form), LATEST)

    assert day in found.dates.values()


@given(day=DAYS)
def test_a_serial_day_is_that_of_a_spreadsheet(day: date) -> None:
    number = (day - date(1899, 12, 30)).days

    assert readings(str(number), LATEST).dates["ymd"] == day


@given(st.text(max_size=30))
def test_no_text_makes_it_fail(text: str) -> None:
    found = readings(text, LATEST)

    assert all(date(1970, 1, 1) <= day <= date(LATEST + 45, 12, 31) for day in found.dates.values())
    try:
        reader()(text)
    except RowRefused:
        return


@given(day=DAYS.filter(lambda day: day.day <= 12), more=st.integers(13, 28))
def test_one_day_above_twelve_proves_the_whole_column(
    tmp_path_factory: pytest.TempPathFactory, day: date, more: int
) -> None:
    folder = tmp_path_factory.mktemp("column")
    proof = day.replace(day=more)

    assert dues(column(folder, f"{day:%d/%m/%Y}", f"{proof:%d/%m/%Y}")) == [day.isoformat(), proof.isoformat()]
    assert dues(column(folder, f"{day:%m/%d/%Y}", f"{proof:%m/%d/%Y}")) == [day.isoformat(), proof.isoformat()]


def test_a_zone_changes_the_day_of_a_time_but_never_that_of_a_date() -> None:
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        found = DateReader(DateForm("ymd", zone=UTC), ZoneInfo(zone), TODAY)
        assert found("2026-12-15") == date(2026, 12, 15)
        assert found("2026-12-15 12:00") in {date(2026, 12, 15), date(2026, 12, 15) + timedelta(days=1)}
