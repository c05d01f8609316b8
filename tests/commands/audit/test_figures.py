"""An audit's rows and figures, from values to values."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import HolidayCalendar
from due_notices.commands.audit.figures import (
    COLUMNS,
    EVERYBODY,
    Outage,
    Overview,
    Period,
    Subject,
    Tally,
    is_about,
    overview,
    ranges,
    row,
    steps,
)
from due_notices.commands.csv_lines import csv_line, harmless
from due_notices.model import Obligation, notice_id
from due_notices.ports import PastNotice
from due_notices.report import RunReport
from tests.factories import ALICE, BOB, on, policy, run_report

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def past(
    *,
    at: datetime = NOON,
    due: str = "2026-12-01",
    stage: int = -7,
    user: str = ALICE,
    reference: str = "INV-1",
    state: str = "sent",
) -> PastNotice:
    is_sent = state == "sent"
    return PastNotice(
        notice_id=notice_id(user, Obligation(on(due), reference), stage),
        user_id=user,
        due=on(due),
        stage=stage,
        has_reference=bool(reference),
        state="sent" if is_sent else "claimed",
        business_date=at.date(),
        claim_id="claim-1",
        claimed_at=at,
        sent_at=at if is_sent else None,
        message_id="message-1" if is_sent else "",
        message_hash="hash",
    )


def figures(
    *notices: PastNotice,
    runs: list[RunReport],
    first: str = "2026-11-16",
    last: str = "2026-11-24",
    calendar: str = "",
    subject: Subject = EVERYBODY,
) -> Overview:
    tally = Tally(Period(on(first), on(last), ZoneInfo("UTC")))
    for each in notices:
        tally.add(each)
    rules = policy(calendar=HolidayCalendar(calendar)) if calendar else policy()
    return overview(tally, runs, rules, datetime(2026, 11, 24, 12, tzinfo=UTC), subject)


def test_a_reference_is_recognised_by_the_id_that_is_made_of_it() -> None:
    assert is_about(past(reference="INV-1"), "INV-1")
    assert not is_about(past(reference="INV-1"), "INV-2")
    assert not is_about(past(reference="INV-1"), "")
    assert is_about(past(reference=""), "")


def test_a_row_has_every_column_and_nothing_else() -> None:
    cells = row(past())

    assert tuple(cells) == COLUMNS
    assert cells["sent_at"] == "2026-11-24T12:00:00Z"
    assert (cells["stage"], cells["due_date"], cells["message_sha256"]) == ("-7", "2026-12-01", "hash")


def test_a_claim_that_was_never_confirmed_has_no_moment_of_sending() -> None:
    cells = row(past(state="claimed"))

    assert (cells["state"], cells["sent_at"], cells["claimed_at"]) == ("claimed", "", "2026-11-24T12:00:00Z")


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_csv_is_read_back_as_written_by_any_reader_of_rfc_4180(cells: list[str]) -> None:
    line = csv_line(cells)

    assert line.endswith("\r\n")
    assert next(csv.reader(io.StringIO(line, newline=""))) == [harmless(cell) for cell in cells]


@given(st.text())
def test_no_cell_begins_like_a_formula(cell: str) -> None:
    written = harmless(cell)

    assert written.removeprefix("'") == cell.removeprefix("'") or written == f"'{cell}"
    assert not written.startswith(("=", "+", "@", "\t", "\r", "\n"))
    assert not written.startswith("-") or written[1:].isdigit()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "-", "--1"])
def test_what_a_spreadsheet_would_calculate_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-7", "0", "7", "", "2026-12-01", "a=b"])
def test_numbers_and_harmless_texts_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


def test_notices_are_counted_by_their_business_date_and_by_week_and_stage() -> None:
    tuesday, monday = NOON, datetime(2026, 11, 23, 8, tzinfo=UTC)

    found = figures(past(at=tuesday), past(at=monday, stage=-3), past(at=monday, user=BOB, stage=-3), runs=[])

    assert {day.day: day.notices for day in found.days if day.notices} == {tuesday.date(): 1, monday.date(): 2}
    assert found.weeks == {(monday.date(), -7): 1, (monday.date(), -3): 2}
    assert (found.notices, found.by_stage, len(found.mondays)) == (3, {-7: 1, -3: 2}, 2)


def test_business_days_without_a_completed_run_are_silent_from_the_first_run_on() -> None:
    runs = [run_report("2026-11-18"), run_report("2026-11-20", "failed"), run_report("2026-11-22")]

    assert figures(runs=runs).silent_days == (on("2026-11-19"), on("2026-11-20"), on("2026-11-21"), on("2026-11-23"))


def test_the_day_of_a_first_run_that_failed_is_silent() -> None:
    assert figures(runs=[run_report("2026-11-22", "failed")]).silent_days == (on("2026-11-22"), on("2026-11-23"))


def test_after_runs_before_the_period_its_first_days_without_a_run_are_silent() -> None:
    found = figures(runs=[run_report("2026-11-10"), run_report("2026-11-17")], last="2026-11-17")

    assert found.silent_days == (on("2026-11-16"),)


def test_closed_days_and_a_day_that_is_not_over_are_not_silent() -> None:
    found = figures(runs=[run_report("2026-11-16")], calendar="DE")

    weekend = {on("2026-11-21"), on("2026-11-22")}
    assert not weekend & set(found.silent_days)
    assert on("2026-11-24") not in found.silent_days  # today, at noon, within the window
    assert {day.day for day in found.days if day.closed == "weekend"} == weekend


def test_whom_every_run_names_as_given_up_counts_once() -> None:
    runs = [
        run_report("2026-11-10", expired=5),  # before the period: no news of it
        run_report("2026-11-16", expired=5),
        run_report("2026-11-17", missed=3, expired=6),
        run_report("2026-11-18", "failed", expired=0),  # broke off before it knew
        run_report("2026-11-19", expired=9),
        run_report("2026-11-20", expired=2),
        run_report("2026-11-21", expired=3),
    ]

    found = figures(runs=runs)

    assert {day.day.day: day.given_up for day in found.days if day.given_up} == {17: 4, 21: 1}
    assert found.never_sent == 5


def test_whom_an_operator_had_notified_after_all_was_not_lost() -> None:
    runs = [
        run_report("2026-11-16"),
        run_report("2026-11-18", missed=5, expired=2),
        run_report("2026-11-19", late=6, missed=1),  # by `run --missed`, all but one
        run_report("2026-11-20", late=3, missed=0),  # that one has paid; three were late for other reasons
    ]

    found = figures(runs=runs)

    assert [day.after_all for day in found.days if day.after_all] == [6, 1]
    assert found.never_sent == 0
    assert figures(runs=runs[:3]).never_sent == 1


def test_what_an_outage_made_late_was_not_given_up_before() -> None:
    runs = [
        run_report("2026-11-16", missed=7),
        run_report("2026-11-17", missed=9),
        run_report("2026-11-20", late=4, missed=5),
    ]

    assert figures(runs=runs).never_sent == 9


def test_an_outage_is_its_silent_days_and_what_the_next_run_reports() -> None:
    runs = [
        run_report("2026-11-16"),
        run_report("2026-11-19", late=3, expired=4),
        run_report("2026-11-20", late=1),
        run_report("2026-11-22"),
    ]

    assert figures(runs=runs).outages == (
        Outage(on("2026-11-17"), on("2026-11-18"), 2, late=3, given_up=4, ended=True),
        Outage(on("2026-11-21"), on("2026-11-21"), 1, ended=True),
        Outage(on("2026-11-23"), on("2026-11-23"), 1),
    )


def test_a_weekend_does_not_part_an_outage() -> None:
    found = figures(runs=[run_report("2026-11-19"), run_report("2026-11-24")], calendar="DE")

    assert found.outages == (Outage(on("2026-11-20"), on("2026-11-23"), 2, ended=True),)


def test_customers_and_due_dates_are_counted_once() -> None:
    found = figures(past(), past(stage=-3), past(user=BOB, due="2026-12-02"), runs=[])

    assert (found.notices, found.customers, found.due_dates) == (3, 2, 2)


def test_who_cannot_be_reached_is_what_the_last_completed_run_saw() -> None:
    runs = [
        run_report("2026-11-18", skipped={"unreachable": 3}),
        run_report("2026-11-19", skipped={"unreachable": 2}),
        run_report("2026-11-20", "failed"),
    ]

    assert figures(runs=runs).unreachable == 2
    assert figures(runs=runs[2:]).unreachable is None


def test_the_first_run_is_one_of_the_period_or_unknown() -> None:
    assert figures(runs=[run_report("2026-11-18"), run_report("2026-11-19")]).first_run == on("2026-11-18")
    assert figures(runs=[run_report("2026-11-10"), run_report("2026-11-19")]).first_run is None
    assert figures(runs=[]).first_run is None


@pytest.mark.parametrize("subject", [Subject(user=ALICE), Subject(reference="INV-1")])
def test_of_one_customer_there_are_none_of_the_figures_of_all(subject: Subject) -> None:
    runs = [
        run_report("2026-11-18", late=3, expired=2, skipped={"unreachable": 3, "paid": 4}, seconds={"total": 1.5}),
        run_report("2026-11-20", late=1, expired=4),
    ]

    found = figures(past(), runs=runs, subject=subject)

    assert (found.late, found.never_sent, found.skipped, found.unreachable) == (0, 0, {}, None)
    assert {(day.missed, day.expired, day.seconds) for day in found.days} == {(0, 0, None)}
    assert found.silent_days == (on("2026-11-19"), on("2026-11-21"), on("2026-11-22"), on("2026-11-23"))
    assert found.notices == 1


def test_late_expired_and_durations_come_from_the_reports() -> None:
    found = figures(
        runs=[run_report("2026-11-18", late=3, expired=2, seconds={"total": 1.5}), run_report("2026-11-19", late=1)]
    )

    assert (found.late, [day.expired for day in found.days if day.outcome]) == (4, [2, 0])
    assert [day.seconds for day in found.days if day.outcome] == [1.5, None]


def test_skips_are_averaged_over_the_runs_the_most_frequent_first() -> None:
    runs = [
        run_report("2026-11-18", skipped={"paid": 1, "malformed": 10}),
        run_report("2026-11-19", skipped={"malformed": 20}),
    ]

    assert list(figures(runs=runs).skipped.items()) == [("malformed", 15.0), ("paid", 0.5)]


def test_unconfirmed_claims_are_counted_apart() -> None:
    assert figures(past(), past(state="claimed", user=BOB), runs=[]).unconfirmed == 1


@given(st.lists(st.integers(1, 10_000)), st.integers(2, 7))
def test_steps_part_the_numbers_into_ranges_without_gap_or_overlap(counts: list[int], count: int) -> None:
    bounds = steps(counts, count)

    assert list(bounds) == sorted(set(bounds))
    assert len(bounds) <= count - 1
    assert all(bound > 1 for bound in bounds)
    assert bool(bounds) == (len(set(counts)) >= count)
    assert len(list(ranges(bounds))) == len(bounds) + 1


def test_ranges_are_written_as_people_read_them() -> None:
    assert list(ranges((2, 10, 1200))) == ["1", "2–9", "10–1,199", "from 1,200"]
    assert list(ranges(())) == ["some"]


def test_numbers_that_differ_little_are_not_parted() -> None:
    assert steps([1, 2, 3, 4, 4, 4], 5) == ()
    assert len(steps([1, 2, 3, 4, 5], 5)) == 4


def test_one_day_after_an_outage_does_not_make_the_others_look_alike() -> None:
    usual = list(range(20, 60))

    assert len([bound for bound in steps([*usual, 5000], 5) if bound < 60]) == 4


def test_a_period_of_one_day_is_a_period() -> None:
    day = date(2026, 11, 24)

    assert Period(day, day, ZoneInfo("Europe/Berlin")).days == [day]
