"""The verdict, from values to values: each finding with the least that brings it about, and the least that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from due_notices.calendars import HolidayCalendar
from due_notices.commands.days_without_tick import DaysWithoutTick
from due_notices.commands.status.verdict import (
    FINDINGS,
    Finding,
    Level,
    Situation,
    Verdict,
    age,
    judge,
)
from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.falls import SIGNS
from due_notices.policy import Policy
from due_notices.ports import QueueLook, QueueLooks
from due_notices.report import RunReport, Waiting
from due_notices.stages import SendWindow
from tests.factories import at, on, policy, run_report

TUESDAY_MORNING = datetime(2026, 11, 24, 7, tzinfo=UTC)  # before the send window, 08:00-18:00
EMPTY = QueueLooks(QueueLook(0, None), QueueLook(0, None))
MONDAY = date(2026, 11, 23)


def secret(left: int | None) -> CredentialEnd:
    return CredentialEnd(CredentialKind.SECRET, left)


def run(day: date | str = MONDAY, outcome: str = "completed", **figures: Any) -> RunReport:
    usual = {"users_read": 1000, "obligations": 1000, "owed": 90, "sent": 90, "credential": secret(200)}
    return run_report(day, outcome, **{**usual, **figures})


def week(**newest: Any) -> list[RunReport]:
    return [*(run(MONDAY - timedelta(days=days)) for days in (3, 2, 1)), run(MONDAY, **newest)]


def situation(
    records: Sequence[RunReport] | None = None,
    *,
    now: datetime = TUESDAY_MORNING,
    looks: QueueLooks = EMPTY,
    rules: Policy | None = None,
    first_tick: datetime | None = datetime(2026, 11, 24, 8, tzinfo=UTC),
) -> Situation:
    return Situation(now, rules or policy(), week() if records is None else records, looks, first_tick)


def names(verdict: Verdict) -> list[str]:
    return [finding.name for finding in verdict.findings]


def test_after_a_completed_run_all_is_fine() -> None:
    verdict = judge(situation())

    assert (verdict.level, verdict.findings) == (Level.FINE, ())
    assert verdict.headline == "the run of 2026-11-23 completed and sent 90 notices; nothing asks for attention"


def test_late_notices_are_reported_and_no_reason_to_look() -> None:
    assert "90 notices, 12 late" in judge(situation(week(late=12))).headline


@pytest.mark.parametrize(("outcome", "name"), [("failed", "run-failed"), ("limit", "limit")])
def test_a_newest_run_that_did_not_complete_asks_for_action_with_its_error(outcome: str, name: str) -> None:
    verdict = judge(situation([run("2026-11-22"), run(MONDAY, outcome, error="the vault is gone")]))

    assert verdict.level is Level.ACT
    assert names(verdict) == [name, "no-completed-run"]
    assert "the vault is gone" in verdict.headline


def test_a_failed_run_that_a_later_one_repaired_is_over() -> None:
    assert judge(situation([run("2026-11-22", "failed"), run(MONDAY)])).level is Level.FINE


def test_silence_on_the_last_business_day_asks_for_action() -> None:
    verdict = judge(situation([run("2026-11-21"), run("2026-11-22")]))

    assert (verdict.level, names(verdict)) == (Level.ACT, ["no-completed-run"])
    assert "2026-11-23" in verdict.headline
    assert "the last one that did is that of 2026-11-22" in verdict.headline


def test_a_first_run_ever_that_failed_leaves_its_day_without_a_completed_one() -> None:
    assert names(judge(situation([run(MONDAY, "failed", error="x")]))) == ["run-failed", "no-completed-run"]


def test_a_day_whose_window_is_not_over_is_not_missed_yet() -> None:
    assert judge(situation(now=datetime(2026, 11, 24, 8, 30, tzinfo=UTC))).level is Level.FINE


def test_a_day_is_missed_from_the_end_of_its_window() -> None:
    before, after = (
        situation(now=datetime(2026, 11, 24, hour, minute, tzinfo=UTC), first_tick=None)
        for hour, minute in ((17, 59), (18, 0))
    )

    assert judge(before).level is Level.FINE
    assert names(judge(after)) == ["no-completed-run"]


def test_a_missed_day_that_was_caught_up_is_worth_a_look() -> None:
    records = [run("2026-11-22"), run("2026-11-24")]

    verdict = judge(situation(records, now=datetime(2026, 11, 24, 9, tzinfo=UTC)))

    assert (verdict.level, names(verdict)) == (Level.LOOK, ["day-missed"])


def test_days_before_the_first_run_ever_were_not_missed() -> None:
    verdict = judge(situation([run("2026-11-24")], now=datetime(2026, 11, 24, 9, tzinfo=UTC)))

    assert verdict.level is Level.FINE


def test_weekends_and_holidays_are_not_missed() -> None:
    german = policy(calendar=HolidayCalendar("DE"))
    monday = datetime(2026, 12, 28, 7, tzinfo=UTC)  # after Christmas (Friday, Saturday) and a Sunday

    fine = judge(situation([run("2026-12-23"), run("2026-12-24")], now=monday, rules=german, first_tick=None))
    silent = judge(situation([run("2026-12-22"), run("2026-12-23")], now=monday, rules=german, first_tick=None))

    assert fine.level is Level.FINE
    assert names(silent) == ["no-completed-run"]
    assert "2026-12-24" in silent.headline


def test_the_business_date_is_that_of_the_business_time_zone() -> None:
    from zoneinfo import ZoneInfo

    auckland = policy(time_zone=ZoneInfo("Pacific/Auckland"))
    evening = at("2026-11-24T18:00", "Pacific/Auckland")  # still morning in UTC

    assert auckland.last_day_over(evening) == on("2026-11-24")
    assert auckland.last_day_over(evening - timedelta(minutes=1)) == on("2026-11-23")


def test_a_window_until_midnight_is_over_with_the_day() -> None:
    all_day = policy(window=SendWindow.parse("00:00-24:00"))

    assert all_day.last_day_over(datetime(2026, 11, 24, 23, 59, tzinfo=UTC)) == on("2026-11-23")


def test_coming_days_without_a_tick_are_a_reason_to_look() -> None:
    without = DaysWithoutTick(217, on("2027-03-28"), on("2027-10-30"))

    verdict = judge(replace(situation(), without_tick=without))

    assert (verdict.level, [finding.name for finding in verdict.findings]) == (Level.LOOK, ["days-without-tick"])
    assert "2027-03-28" in verdict.findings[0].sentence


@pytest.mark.parametrize(("minutes", "found"), [(59, []), (60, ["no-run-today"])])
def test_a_tick_that_left_no_run_is_worth_a_look_after_an_hour(minutes: int, found: list[str]) -> None:
    now = datetime(2026, 11, 24, 8, tzinfo=UTC) + timedelta(minutes=minutes)

    assert names(judge(situation(now=now))) == found


def test_todays_failed_run_is_a_run() -> None:
    records = [*week(), run("2026-11-24", "failed", error="x")]

    assert names(judge(situation(records, now=datetime(2026, 11, 24, 10, tzinfo=UTC)))) == ["run-failed"]


@pytest.mark.parametrize(("minutes", "found"), [(25, []), (26, ["run-failed"])])
def test_a_run_that_began_and_did_not_end_in_its_time_is_one_that_failed(minutes: int, found: list[str]) -> None:
    began = datetime(2026, 11, 24, 8, tzinfo=UTC)
    records = [*week(), run("2026-11-24", "began", at=began)]

    assert names(judge(situation(records, now=began + timedelta(minutes=minutes)))) == found


@pytest.mark.parametrize(("minutes", "found"), [(26, []), (125, []), (126, ["orchestration-stuck"])])
def test_an_orchestration_has_the_time_of_a_run_for_each_of_its_steps(minutes: int, found: list[str]) -> None:
    began = datetime(2026, 11, 24, 8, tzinfo=UTC)
    records = [*week(), run("2026-11-24", "began", at=began, shards=8)]

    verdict = judge(situation(records, now=began + timedelta(minutes=minutes)))

    assert names(verdict) == found
    if found:
        assert verdict.level is Level.ACT
        assert "in 8 shards, began at 08:00" in verdict.headline
        assert "id ends with -2026-11-24" in verdict.headline


def test_an_orchestration_that_was_started_anew_leaves_a_run_that_never_ended() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    killed, going = (run("2026-11-24", "began", at=now - timedelta(hours=hours), shards=8) for hours in (3, 1))
    second = replace(going, run_id="second")

    verdict = judge(replace(situation([*week(), second], now=now), last=second, unfinished=[killed, second]))

    assert names(verdict) == ["run-unfinished"]


def test_a_run_at_work_is_named_beside_the_last_one_that_ended() -> None:
    began = datetime(2026, 11, 24, 8, tzinfo=UTC)
    now = began + timedelta(minutes=20)
    going = run("2026-11-24", "began", at=began, shards=8)

    verdict = judge(replace(situation([*week(), going], now=now), unfinished=[going]))
    first = judge(replace(situation([going], now=now), unfinished=[going]))

    assert verdict.headline == (
        "the run of 2026-11-23 completed and sent 90 notices; the orchestration, in 8 shards, of 2026-11-24 has been "
        "at work since 08:00, and ends by 10:05; nothing asks for attention"
    )
    assert first.headline == "the first run is at work; nothing asks for attention"


def test_no_run_at_all_is_worth_a_look_and_no_more() -> None:
    assert names(judge(situation([], now=datetime(2026, 11, 24, 17, tzinfo=UTC)))) == ["no-run-yet"]


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (32, []),
        (31, ["secret-near-expiry"]),
        (9, ["secret-near-expiry"]),
        (8, ["secret-ends-now"]),
        (1, ["secret-ends-now"]),
        (0, ["secret-expired"]),
        (None, []),
    ],
)
def test_the_secrets_days_are_those_of_the_last_report_less_the_days_since(left: int | None, found: list[str]) -> None:
    assert (
        names(judge(situation(week(credential=secret(left)) if left is not None else [run(credential=None)]))) == found
    )


def test_a_report_that_did_not_get_as_far_as_the_secret_leaves_it_to_the_one_before() -> None:
    records = [run("2026-11-22", credential=secret(12)), run(MONDAY, credential=None)]

    assert situation(records).credential == secret(10)


def test_a_secret_that_was_replaced_by_one_without_an_end_expires_no_more() -> None:
    found = situation([run("2026-11-22", credential=secret(1)), run(MONDAY, credential=secret(None))])

    assert judge(found).level is Level.FINE
    assert found.credential == secret(None)


def test_where_the_credential_is_federated_now_the_secret_of_before_expires_no_more() -> None:
    records = [run("2026-11-22", credential=secret(1)), run(MONDAY, credential=None)]

    found = replace(situation(records), kind=CredentialKind.FEDERATED)

    assert judge(found).level is Level.FINE
    assert found.credential == CredentialEnd(CredentialKind.FEDERATED, None)
    assert names(judge(situation(records))) == ["secret-expired"]


def test_one_poison_message_asks_for_action() -> None:
    verdict = judge(situation(looks=QueueLooks(QueueLook(0, None), QueueLook(1, TUESDAY_MORNING))))

    assert (verdict.level, names(verdict)) == (Level.ACT, ["poison"])


@pytest.mark.parametrize(("hours", "found"), [(24, []), (25, ["backlog"])])
def test_a_message_that_waits_more_than_a_day_is_a_backlog(hours: int, found: list[str]) -> None:
    looks = QueueLooks(QueueLook(90, TUESDAY_MORNING - timedelta(hours=hours)), QueueLook(0, None))

    assert names(judge(situation(looks=looks))) == found


def test_a_count_that_may_not_be_seen_is_taken_from_the_last_report() -> None:
    hidden = QueueLooks(QueueLook(None, None, "refused"), QueueLook(None, None, "refused"))

    seen_then = situation(week(waiting=Waiting(5, 3)), looks=hidden)

    assert (seen_then.waiting, seen_then.poison) == (5, 3)
    assert names(judge(seen_then)) == ["poison"]


def test_a_queue_that_cannot_be_seen_is_worth_a_look() -> None:
    hidden = QueueLooks(QueueLook(None, None, "it does not exist"), QueueLook(0, None))

    verdict = judge(situation(looks=hidden))

    assert names(verdict) == ["queue-unseen"]
    assert "it does not exist" in verdict.headline


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ({"missed": 1}, "notices-missed"),
        ({"expired": 1}, "notices-expired"),
        ({"unusual": True, "usual_owed": 9}, "unusual-number"),
        ({"unusual": True, "usual_owed": None}, "unusual-number"),
        ({"skipped": {"malformed": 101}}, "malformed"),
        ({"skipped": {"not-allowed": 1}}, "not-allowed"),
        ({"seconds": {"total": 1201.0}}, "slow-run"),
    ],
)
def test_what_the_newest_report_says_is_worth_a_look(figures: dict[str, Any], name: str) -> None:
    verdict = judge(situation(week(**figures)))

    assert (verdict.level, names(verdict)) == (Level.LOOK, [name])
    assert judge(situation([run("2026-11-22", **figures), run(MONDAY)])).level is Level.FINE


@pytest.mark.parametrize(("malformed", "found"), [(19, []), (40, []), (41, ["malformed"])])
def test_more_than_twice_the_usual_share_of_malformed_values_is_worth_a_look(malformed: int, found: list[str]) -> None:
    earlier = [run(f"2026-11-{day}", skipped={"malformed": 20}) for day in (19, 20, 21, 22)]

    assert names(judge(situation([*earlier, run(MONDAY, skipped={"malformed": malformed})]))) == found


@pytest.mark.parametrize(("malformed", "found"), [(100, []), (101, ["malformed"])])
def test_more_than_a_tenth_is_worth_a_look_however_usual(malformed: int, found: list[str]) -> None:
    earlier = run("2026-11-22", skipped={"malformed": malformed})

    assert names(judge(situation([earlier, run(MONDAY, skipped={"malformed": malformed})]))) == found


@pytest.mark.parametrize(("malformed", "found"), [(19, []), (20, ["malformed"])])
def test_a_handful_of_malformed_values_is_no_jump(malformed: int, found: list[str]) -> None:
    earlier = run("2026-11-22", skipped={"malformed": 9})

    assert names(judge(situation([earlier, run(MONDAY, skipped={"malformed": malformed})]))) == found


def test_a_run_of_just_four_fifths_of_its_time_is_no_slow_one() -> None:
    assert judge(situation(week(seconds={"total": 1200.0}))).level is Level.FINE
    slow = judge(situation(week(seconds={"total": 1260.0})))
    assert slow.headline == f"the run of {MONDAY} took 21 minutes, and may take 25"


def test_the_worst_comes_first_and_the_verdict_is_its_level() -> None:
    looks = QueueLooks(QueueLook(9, TUESDAY_MORNING - timedelta(days=2)), QueueLook(2, None))

    verdict = judge(situation(week(unusual=True), looks=looks), Finding("directory-unreadable", "Graph is away"))

    assert names(verdict) == ["poison", "unusual-number", "backlog", "directory-unreadable"]
    assert verdict.level is Level.ACT
    assert verdict.headline == verdict.findings[0].sentence


def test_a_run_at_work_does_not_hide_what_the_last_one_found() -> None:
    found: dict[str, Any] = {"missed": 3, "signs": {"skips-grew": "a sign"}, "unusual": True, "waiting": Waiting(1, 0)}
    unseen = QueueLooks(QueueLook(None, None, "refused"), QueueLook(None, None, "refused"))
    began = run(TUESDAY_MORNING.date(), "began", at=TUESDAY_MORNING, sent=0, owed=0)

    before, meanwhile = (
        judge(situation(records, looks=unseen)) for records in (week(**found), [*week(**found), began])
    )

    assert names(before) == ["notices-missed", "skips-grew", "unusual-number"]
    assert meanwhile.findings == before.findings


def test_a_report_of_another_version_breaks_nothing() -> None:
    strange: dict[str, Any] = {"skipped": None, "seconds": [], "waiting": 3, "expired": "many", "ofALaterVersion": 1}
    odd = RunReport.from_dict(run().to_dict() | strange)

    assert judge(situation([odd])).level is Level.FINE


def test_every_finding_has_a_level_and_none_of_them_is_fine() -> None:
    assert {FINDINGS[name] for name in FINDINGS} == {Level.LOOK, Level.ACT}


def test_business_days_go_back_over_closed_ones() -> None:
    german = policy(calendar=HolidayCalendar("DE"))

    assert german.business_days(on("2026-12-28"), 3) == [on("2026-12-28"), on("2026-12-24"), on("2026-12-23")]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47), "1 day"),
        (timedelta(days=1200), "1,200 days"),
    ],
)
def test_an_age_is_given_in_its_largest_unit(span: timedelta, text: str) -> None:
    assert age(span) == text


# A world that fell silent, and strange records.


def test_a_fall_asks_for_action_with_both_numbers() -> None:
    records = [*week(), run("2026-11-24", "fallen", error="400 users were read, and 1,000 in the run of 2026-11-23")]

    verdict = judge(situation(records, now=datetime(2026, 11, 24, 10, tzinfo=UTC)))

    assert (verdict.level, names(verdict)) == (Level.ACT, ["fallen"])
    assert "400 users were read, and 1,000" in verdict.headline


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_of_the_newest_run_is_worth_a_look(sign: str) -> None:
    verdict = judge(situation(week(signs={sign: "a sentence", "unknown": "of a later version"})))

    assert (verdict.level, names(verdict), verdict.headline) == (Level.LOOK, [sign], "a sentence")


def with_records(field: str, record: RunReport) -> Situation:
    more: dict[str, Any] = {field: [record]}
    return replace(situation(), **more)


@pytest.mark.parametrize(
    ("field", "record", "name"),
    [
        ("later", run("2026-11-25"), "record-of-the-future"),
        ("others", run("2026-11-18"), "other-filter"),
        ("unfinished", run("2026-11-23", "began", at=at("2026-11-23T08:00")), "run-unfinished"),
    ],
)
def test_a_strange_record_is_worth_a_look(field: str, record: RunReport, name: str) -> None:
    verdict = judge(with_records(field, record))

    assert (verdict.level, names(verdict)) == (Level.LOOK, [name])
    assert str(record.business_date) in verdict.headline


@pytest.mark.parametrize(
    ("field", "record"),
    [
        ("others", run("2026-11-17")),
        ("unfinished", run("2026-11-17", "began", at=at("2026-11-17T08:00"))),
        ("unfinished", run("2026-11-24", "began", at=at("2026-11-24T06:40"))),  # it may still end
    ],
)
def test_a_strange_record_is_named_for_seven_days(field: str, record: RunReport) -> None:
    assert judge(with_records(field, record)).level is Level.FINE


def test_a_newest_run_that_never_ended_is_named_once() -> None:
    began = run("2026-11-24", "began", at=at("2026-11-24T06:00"))

    assert names(judge(replace(situation([*week(), began]), unfinished=[began]))) == ["run-failed"]
