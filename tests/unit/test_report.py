from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.model import Reason
from due_notices.report import LOG_PREFIX, Outcome, RunReport, Waiting, by_day
from tests.factories import at, on, run_report


def full_report() -> RunReport:
    return RunReport(
        run_id="0123456789abcdef0123456789abcdef",
        business_date=on("2026-11-24"),
        outcome=Outcome.COMPLETED,
        users_read=2500,
        obligations=3100,
        owed=412,
        sent=410,
        already_sent=7,
        late=3,
        superseded=2,
        expired=1,
        failed=2,
        skipped={Reason.MALFORMED: 4, Reason.NOT_ALLOWED: 5},
        stages={"-7": 400, "0": 10},
        unusual=True,
        usual_owed=40,
        graph_requests=4,
        throttled=1,
        waiting=Waiting(412, 0),
        seconds={"read": 1.23456, "send": 2.0, "total": 3.25},
        credential=CredentialEnd(CredentialKind.SECRET, 29),
        version="0.1.0",
        at=at("2026-11-24 09:00:07"),
        note="a note",
        error="an error",
    )


def test_it_has_the_names_that_alerts_and_programs_read() -> None:
    assert full_report().to_dict() == {
        "runId": "0123456789abcdef0123456789abcdef",
        "businessDate": "2026-11-24",
        "outcome": "completed",
        "usersRead": 2500,
        "obligations": 3100,
        "owed": 412,
        "sent": 410,
        "alreadySent": 7,
        "late": 3,
        "superseded": 2,
        "expired": 1,
        "failed": 2,
        "skipped": {"malformed": 4, "not-allowed": 5},
        "stages": {"-7": 400, "0": 10},
        "unusual": True,
        "usualOwed": 40,
        "graphRequests": 4,
        "throttled": 1,
        "waiting": {"queue": 412, "poison": 0},
        "seconds": {"read": 1.235, "send": 2.0, "total": 3.25},
        "credential": {"kind": "secret", "daysLeft": 29},
        "version": "0.1.0",
        "at": "2026-11-24T09:00:07Z",
        "note": "a note",
        "error": "an error",
    }


def test_a_run_that_has_done_nothing_yet_counts_as_failed() -> None:
    report = RunReport("0" * 32, on("2026-11-24"))

    fields = report.to_dict()

    assert fields["outcome"] == "failed"
    assert not report.ok
    assert {name for name, value in fields.items() if value == 0 and value is not False} == {
        *("usersRead", "obligations", "owed", "sent", "alreadySent", "late", "superseded", "expired", "failed"),
        *("graphRequests", "throttled"),
    }
    assert fields["waiting"] == {"queue": None, "poison": None}
    assert (fields["skipped"], fields["stages"], fields["seconds"]) == ({}, {}, {})


def test_two_reports_share_nothing() -> None:
    one, other = RunReport("1", on("2026-11-24")), RunReport("2", on("2026-11-24"))

    assert one.skipped is not other.skipped
    assert one.stages is not other.stages
    assert one.seconds is not other.seconds


@pytest.mark.parametrize(
    ("outcome", "name", "ok"),
    [
        (Outcome.COMPLETED, "completed", True),
        (Outcome.ALREADY_COMPLETED, "already-completed", True),
        (Outcome.OUTSIDE_WINDOW, "outside-window", True),
        (Outcome.BEGAN, "began", False),
        (Outcome.FAILED, "failed", False),
        (Outcome.LIMIT, "limit", False),
    ],
)
def test_an_outcome_is_fine_or_is_not(outcome: Outcome, name: str, ok: bool) -> None:  # noqa: FBT001
    report = RunReport("0" * 32, on("2026-11-24"), outcome)

    assert (report.to_dict()["outcome"], report.ok) == (name, ok)


def test_every_outcome_is_judged() -> None:
    assert {str(outcome) for outcome in Outcome} == {
        *("began", "completed", "already-completed", "outside-window", "failed", "limit"),
    }


def test_the_log_line_is_the_prefix_and_the_json() -> None:
    line = full_report().log_line()

    assert LOG_PREFIX == "due-notices run "
    assert line.startswith('due-notices run {"runId":"0123')
    assert json.loads(line.removeprefix(LOG_PREFIX)) == full_report().to_dict()


@given(st.text(st.characters()), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_log_line_is_one_line_of_ascii_whatever_an_error_says(error: str, note: str) -> None:
    report = full_report()
    report.error, report.note = error, note

    line = report.log_line()

    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line.removeprefix(LOG_PREFIX))["note"] == note


def run(day: str, hour: int, outcome: str, **figures: Any) -> RunReport:
    report = run_report(day, outcome, at=at(f"{day} {hour:02}:00"), **figures)
    report.run_id = f"run-{hour}"
    return report


def test_what_was_done_adds_up_over_the_runs_of_a_day_and_what_was_seen_is_the_last_ones() -> None:
    done = {"sent": 3, "late": 2, "superseded": 1, "graph_requests": 5, "throttled": 1}
    runs = [
        run("2026-11-24", 8, "failed", users_read=10, owed=9, failed=6, stages={"-7": 2, "0": 1}, **done),
        run("2026-11-24", 9, "completed", users_read=12, owed=6, already_sent=3, stages={"-7": 3}, **done),
    ]

    (day,) = by_day(runs)

    assert {name: getattr(day, name) for name in done} == {name: 2 * count for name, count in done.items()}
    assert day.stages == {"-7": 5, "0": 1}
    assert (day.run_id, day.users_read, day.owed, day.failed, day.already_sent) == ("run-9", 12, 6, 0, 3)
    assert day.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("outcomes", "outcome", "error"),
    [
        (["failed"], "failed", "of 8"),
        (["failed", "limit"], "limit", "of 9"),
        (["completed", "failed"], "completed", None),
        (["failed", "completed", "failed", "began"], "completed", None),
        (["failed", "began"], "began", "of 8"),
        (["began"], "began", None),
    ],
)
def test_a_completed_day_stays_so_and_any_other_is_as_its_last_run(
    outcomes: list[str], outcome: str, error: str | None
) -> None:
    runs = [
        run("2026-11-24", hour, each, error=f"of {hour}" if each in {"failed", "limit"} else None)
        for hour, each in enumerate(outcomes, 8)
    ]

    (day,) = by_day(runs)

    assert (day.outcome, day.error) == (outcome, error)


def test_a_run_that_has_only_begun_hides_nothing_that_was_seen_before() -> None:
    (day,) = by_day([run("2026-11-24", 8, "failed", users_read=10, sent=4), run("2026-11-24", 9, "began")])

    assert (day.users_read, day.sent) == (10, 4)
    assert day.at == at("2026-11-24 09:00")


def test_days_come_in_their_order_whatever_that_of_the_runs() -> None:
    runs = [run(f"2026-11-{day}", hour, "failed", sent=1) for hour in (9, 8) for day in (24, 22, 23)]

    days = by_day(runs)

    assert [(day.business_date.day, day.run_id, day.sent) for day in days] == [
        (22, "run-9", 2),
        (23, "run-9", 2),
        (24, "run-9", 2),
    ]


def test_a_day_of_one_run_is_that_run() -> None:
    assert by_day([full_report()]) == [full_report()]
    assert by_day([]) == []


def test_a_run_that_fails_after_the_day_was_completed_hides_nothing_that_was_seen() -> None:
    (day,) = by_day([run("2026-11-24", 8, "completed", users_read=10, sent=4), run("2026-11-24", 9, "failed", sent=1)])

    assert (day.outcome, day.users_read, day.sent) == (Outcome.COMPLETED, 10, 5)
