from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.model import Reason
from due_notices.report import LOG_PREFIX, Outcome, RunReport, Waiting, by_day, steps_of
from tests.factories import at, on, run_report


def full_report() -> RunReport:
    return RunReport(
        run_id="0123456789abcdef0123456789abcdef",
        business_date=on("2026-11-24"),
        outcome=Outcome.COMPLETED,
        users_read=2500,
        obligations=3100,
        not_yet=2600,
        over=71,
        owed=412,
        sent=410,
        already_sent=7,
        late=3,
        superseded=2,
        expired=1,
        missed=3,
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
        at=datetime(2026, 11, 24, 8, 0, 3, tzinfo=UTC),
        rules_digest="0123456789abcdef",
        reach=on("2026-08-28"),
        users_counted=2501,
        parts=44,
        filter_digest="fedcba9876543210",
        open_by_due_date={"2026-11-20": 7},
        signs={"no-values": "no user has a value"},
        accepted=True,
        shards=8,
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
        "notYet": 2600,
        "over": 71,
        "owed": 412,
        "sent": 410,
        "alreadySent": 7,
        "late": 3,
        "superseded": 2,
        "expired": 1,
        "missed": 3,
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
        "at": "2026-11-24T08:00:03Z",
        "rulesDigest": "0123456789abcdef",
        "reach": "2026-08-28",
        "usersCounted": 2501,
        "parts": 44,
        "filterDigest": "fedcba9876543210",
        "openByDueDate": {"2026-11-20": 7},
        "signs": {"no-values": "no user has a value"},
        "accepted": True,
        "shards": 8,
        "note": "a note",
        "error": "an error",
    }


@pytest.mark.parametrize(("shards", "steps"), [(0, 1), (1, 5), (16, 5), (17, 7), (32, 7), (64, 11)])
def test_a_run_in_shards_takes_as_many_steps_as_its_shards_need_turns(shards: int, steps: int) -> None:
    assert steps_of(shards) == steps


def test_a_run_that_has_done_nothing_yet_counts_as_failed() -> None:
    report = RunReport("0" * 32, on("2026-11-24"))

    fields = report.to_dict()

    assert fields["outcome"] == "failed"
    assert not report.ok
    assert {name for name, value in fields.items() if value == 0 and value is not False} == {
        *(
            "usersRead",
            "parts",
            "obligations",
            "owed",
            "sent",
            "alreadySent",
            "late",
            "superseded",
            "expired",
            "failed",
        ),
        *("graphRequests", "throttled", "notYet", "over", "missed", "shards"),
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
        (Outcome.FAILED, "failed", False),
        (Outcome.LIMIT, "limit", False),
        (Outcome.FALLEN, "fallen", False),
        (Outcome.BEGAN, "began", False),
    ],
)
def test_an_outcome_is_fine_or_is_not(outcome: Outcome, name: str, ok: bool) -> None:  # noqa: FBT001
    report = RunReport("0" * 32, on("2026-11-24"), outcome)

    assert (report.to_dict()["outcome"], report.ok) == (name, ok)


def test_every_outcome_is_judged() -> None:
    assert {str(outcome) for outcome in Outcome} == {
        *("completed", "already-completed", "outside-window", "failed", "limit", "fallen", "began"),
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


@pytest.mark.parametrize(
    "damage",
    [
        {"at": "2026-11-24T08:00:00"},
        {"at": "2026-11-24"},
        {"at": 0},
        {"stages": {"first": 1}},
        {"stages": {"0": "many"}},
        {"stages": [1]},
        {"skipped": "none"},
        {"seconds": {"total": "long"}},
        {"credential": {"kind": "a new one", "daysLeft": 3}},
        {"waiting": {"queue": "some"}},
    ],
    ids=str,
)
def test_a_damaged_field_of_one_run_hides_none_of_the_others(damage: dict[str, object]) -> None:
    well = replace(RunReport("1", on("2026-11-24"), Outcome.COMPLETED), at=at("2026-11-24T09:00"), stages={"0": 2})
    damaged = RunReport.from_dict(well.to_dict() | {"runId": "2"} | damage)

    (day,) = by_day([well, damaged])

    assert day.completed
    assert day.stages["0"] >= 2


def test_a_run_that_failed_before_it_read_hides_nothing_of_what_its_day_has_seen() -> None:
    figures: dict[str, Any] = {
        "users_read": 9,
        "missed": 3,
        "skipped": {"paid": 1},
        "open_by_due_date": {"2026-11-20": 7},
    }
    signs = {"skips-grew": "a sentence"}
    well = run_report("2026-11-24", at=at("2026-11-24T09:00"), sent=2, signs=signs, **figures)
    broken = run_report("2026-11-24", "failed", at=at("2026-11-24T15:00"), error="the vault is gone", graph_requests=1)

    (day,) = by_day([well, broken])

    assert day == replace(well, at=broken.at, error=broken.error, graph_requests=1)


def test_of_runs_that_read_the_last_one_says_what_was_seen() -> None:
    first = run_report("2026-11-24", at=at("2026-11-24T09:00"), users_read=9, missed=3)
    second = run_report("2026-11-24", "failed", at=at("2026-11-24T15:00"), users_read=8, missed=0)

    (day,) = by_day([first, second])

    assert (day.users_read, day.missed, day.completed) == (8, 0, True)


def test_a_run_that_found_nobody_has_seen_that() -> None:
    first = run_report("2026-11-24", at=at("2026-11-24T09:00"), users_read=9)
    empty = run_report("2026-11-24", "fallen", at=at("2026-11-24T15:00"), error="0 users were read")

    assert by_day([first, empty])[0].users_read == 0
