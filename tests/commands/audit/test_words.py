"""An audit in sentences: the verdict on top, days and numbers as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.audit.figures import EVERYBODY, Overview, Period, Subject, Tally, overview
from due_notices.commands.audit.words import (
    Gravity,
    calendar_told,
    count_of,
    day_told,
    fitting,
    lead,
    short,
    skipped_told,
    span,
    spans,
    verdict,
)
from due_notices.report import RunReport
from tests.factories import ALICE, on, policy, run_report

NOVEMBER = [date(2026, 11, day) for day in range(1, 25)]


def audit(
    runs: list[RunReport],
    *,
    sent: int = 0,
    subject: Subject = EVERYBODY,
    first: str = "2026-11-01",
    last: str = "2026-11-24",
) -> Overview:
    """Return the figures of days in November, as of the 25th."""
    tally = Tally(Period(on(first), on(last), ZoneInfo("UTC")))
    if sent:
        tally.by_day[on(last)] = sent
        tally.by_week[on("2026-11-23"), 0] = sent
        tally.customers, tally.due_dates = {1}, {on(last)}
    return overview(tally, runs, policy(), datetime(2026, 11, 25, 7, tzinfo=UTC), subject)


def runs(*outage: int, late: int = 0, expired: int = 0, until: int = 24) -> list[RunReport]:
    """Return a run for each day but those of an outage; the next one reports what was late and given up."""
    found, named = [], 0
    for day in NOVEMBER[:until]:
        if day.day in outage:
            continue
        after = bool(outage) and day.day == max(outage) + 1
        named += expired * after
        found.append(run_report(day, late=late * after, expired=named))
    return found


def said(figures: Overview) -> str:
    return verdict(figures)[1].replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("figures", "gravity", "sentence"),
    [
        (audit([]), Gravity.ODD, "No run is recorded, and nothing was sent."),
        (audit([], sent=1), Gravity.ODD, "No run is recorded, although 1 notice was sent."),
        (
            audit(runs(), sent=3),
            Gravity.GOOD,
            "Every reminder left on time, and a run completed on every business day.",
        ),
        (audit(runs()), Gravity.GOOD, "Every run completed, and none of them had a reminder to send."),
        (
            audit(runs(9, 10, 11, 12, 13, expired=74)),
            Gravity.BAD,
            "74 reminders were never sent: no run completed from 9 to 13 November 2026.",
        ),
        (
            audit(runs(9, expired=1, late=5)),
            Gravity.BAD,
            "1 reminder was never sent: no run completed on 9 November 2026.",
        ),
        (
            audit([*runs(until=23), run_report("2026-11-24", expired=2)]),
            Gravity.BAD,
            "2 reminders were never sent, as the run of 24 November 2026 found.",
        ),
        (
            audit(runs(9, 10, late=1)),
            Gravity.ODD,
            "1 reminder left late, and none was lost: no run completed from 9 to 10 November 2026.",
        ),
        (
            audit([*runs(until=23), run_report("2026-11-24", late=4)]),
            Gravity.ODD,
            "4 reminders left late, and none was lost.",
        ),
        (
            audit(runs(9)),
            Gravity.ODD,
            "No reminder was late or lost, although no run completed on 9 November 2026.",
        ),
        (
            audit(runs(until=20)),
            Gravity.BAD,
            "No run has completed since 21 November 2026: what fell due since then was not sent.",
        ),
        (
            audit([*runs(9, expired=3, until=20), run_report("2026-11-21", "failed")]),
            Gravity.BAD,
            (
                "No run has completed since 21 November 2026: what fell due since then was not sent, and before that "
                "3 reminders were never sent."
            ),
        ),
        (
            audit(runs(9, 10, until=10), last="2026-11-10"),
            Gravity.BAD,
            (
                "No run completed from 9 to 10 November 2026, where this period ends: what fell due then was sent "
                "later or never."
            ),
        ),
    ],
)
def test_the_verdict_is_one_sentence_with_its_consequence(figures: Overview, gravity: Gravity, sentence: str) -> None:
    assert (verdict(figures)[0], said(figures)) == (gravity, sentence)


def test_the_verdict_names_the_outages_that_cost_something() -> None:
    found = audit([*runs(3, 9, expired=8, until=20), *runs()[20:]])

    assert "on 9 November" in said(found)
    assert "3 November" not in said(found)
    assert "No run completed on 3 November 2026 either." in lead(found).replace("\u00a0", " ")


def test_what_runs_sent_that_broke_off_is_not_said_to_be_unsent() -> None:
    assert said(audit(runs(until=23), sent=5)) == (
        "No run has completed since 24 November 2026: what fell due since then was sent in part."
    )
    assert "was sent in part, later or never" in said(audit(runs(until=9), sent=5, last="2026-11-10"))


def test_a_first_run_that_is_under_way_is_no_outage() -> None:
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)
    day = on("2026-11-24")
    found = overview(Tally(Period(day, day, ZoneInfo("UTC"))), [run_report(day, "began")], policy(), now)

    assert verdict(found)[0] is Gravity.ODD
    assert said(found).startswith("No run has completed yet")


@pytest.mark.parametrize(
    ("subject", "sent", "sentence"),
    [
        (
            Subject(user=ALICE),
            1,
            "This customer was notified 1 time about 1 due date, most recently on 24 November 2026.",
        ),
        (Subject(user=ALICE), 0, "This customer was not notified in this period."),
        (Subject(user=ALICE, reference="INV-1"), 0, "This customer was not notified of this reference in this period."),
        (
            Subject(reference="INV-1"),
            3,
            "1 customer was notified of this reference 3 times about 1 due date, most recently on 24 November 2026.",
        ),
        (Subject(reference="INV-1"), 0, "No customer was notified of this reference in this period."),
    ],
)
def test_of_one_customer_or_reference_the_verdict_says_how_often(subject: Subject, sent: int, sentence: str) -> None:
    assert said(audit(runs(9, late=3, expired=2), sent=sent, subject=subject)) == sentence


def test_below_the_verdict_it_says_since_when_there_are_runs() -> None:
    text = lead(audit(runs())).replace("\u00a0", " ")

    assert text == "24 runs completed. First run on 1 November 2026."


def test_an_empty_ledger_says_where_else_the_runs_may_be() -> None:
    assert "LEDGER_TABLE" in lead(audit([]))
    assert "LEDGER_TABLE" not in lead(audit([], sent=1))


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2026-10-21", "2026-10-21", "21 October 2026"),
        ("2026-10-21", "2026-10-25", "21 to 25 October 2026"),
        ("2026-10-30", "2026-11-02", "30 October to 2 November 2026"),
        ("2026-12-30", "2027-01-02", "30 December 2026 to 2 January 2027"),
    ],
)
def test_days_are_written_as_people_write_them(first: str, last: str, text: str) -> None:
    assert span(on(first), on(last)).replace("\u00a0", " ") == text


def test_many_spans_are_cut_short() -> None:
    days = [date(2026, 11, 1) + timedelta(days=2 * count) for count in range(9)]

    text = spans(days).replace("\u00a0", " ")

    assert text == "1 November 2026, 3 November 2026, 5 November 2026 and 6 more times"


def test_one_is_singular() -> None:
    assert [count_of(count, "notice") for count in (0, 1, 1234)] == [
        "0\u00a0notices",
        "1\u00a0notice",
        "1,234\u00a0notices",
    ]
    assert day_told(audit(runs(), sent=1).days[-1]).endswith(": 1\u00a0notice")
    assert calendar_told(audit(runs(), sent=1)) == "1\u00a0notice on 1\u00a0day."


def test_an_average_of_one_run_is_no_average() -> None:
    one = [run_report("2026-11-20", skipped={"paid": 2})]

    assert skipped_told(audit(one)) == "Most often paid: 2."
    assert skipped_told(audit([*one, run_report("2026-11-21")])) == "On average of the runs. Most often paid: 1."
    assert (short(0.5), short(10.4), short(1234)) == ("0.5", "10", "1,234")


@given(st.integers(0, 99_999_999), st.integers(4, 9))
def test_a_number_is_shortened_to_fit_and_keeps_its_size(count: int, characters: int) -> None:
    text = fitting(count, characters)

    assert len(text) <= characters
    if text[-1].isdigit():
        assert text == f"{count:,}"
    else:
        value = float(text[:-1].replace(",", "")) * {"k": 1_000, "M": 1_000_000}[text[-1]]
        assert value == pytest.approx(count, rel=0.5)
