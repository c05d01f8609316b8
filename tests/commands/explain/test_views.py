from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from due_notices.commands.explain.views import ObligationView, sentence, view, without
from due_notices.commands.reasons import REASONS
from due_notices.model import Reason
from due_notices.planning import Day, Rules, plan_notices
from due_notices.ports import PastNotice
from due_notices.stages import HolidayCalendar
from tests.factories import ALICE, day, found_user, graph_user, obligation_json, on, page_of, rules
from tests.unit.strategies import populations, some_days, some_rules

DUE = "2026-12-01"  # a Tuesday; its stages -7, -3, -1 and 0 fall on 24, 28 and 30 November and 1 December
CLAIMED = PastNotice(
    notice_id="0" * 32,
    user_id=ALICE,
    due=on(DUE),
    stage=-7,
    has_reference=False,
    state="claimed",
    business_date=on("2026-11-24"),
    claim_id="a claim",
    claimed_at=datetime(2026, 11, 24, 8, 0, 3, tzinfo=UTC),
)
SENT = replace(CLAIMED, state="sent", sent_at=datetime(2026, 11, 24, 8, 0, 4, tzinfo=UTC))
UNFINISHED = (
    "Unfinished: a run claimed stage -7 of 2026-11-24 at 2026-11-24 08:00 UTC and has not marked it sent; within "
    "3 days of its date the next run after the claim has lapsed sends it, with the same id."
)


def seen(*values: object, today: str | Day, by: Rules | None = None, **overrides: Any) -> list[ObligationView]:
    when = day(today) if isinstance(today, str) else today
    return list(view(found_user(graph_user(*values, **overrides)), by or rules(), when).obligations)


@pytest.mark.parametrize(
    ("value", "when", "entry", "verdict", "told"),
    [
        (DUE, day("2026-11-23"), None, "early", "Nothing on 2026-11-23: the first stage comes on 2026-11-24."),
        (
            *(DUE, day("2026-11-24"), None, "owed"),
            "Owed on 2026-11-24: the next run in the send window sends stage -7 of 2026-11-24.",
        ),
        (
            *(DUE, day("2026-11-26", after="2026-11-23"), None, "owed"),
            "Owed on 2026-11-26: the next run in the send window sends stage -7 of 2026-11-24 late.",
        ),
        (
            *(DUE, day("2026-11-25"), SENT, "sent"),
            "Sent: stage -7 of 2026-11-24 went out at 2026-11-24 08:00 UTC; the next stage comes on 2026-11-28.",
        ),
        (
            *(DUE, day("2026-11-24"), CLAIMED, "claimed"),
            UNFINISHED,
        ),
        (
            *(DUE, day("2026-12-05", after="2026-11-30"), None, "expired"),
            "Missed: stage 0 of 2026-12-01 is more than 3 days ago and no run completed in time; no stage follows.",
        ),
        (
            *(DUE, day("2026-12-05"), None, "over"),
            "Nothing on 2026-12-05: stage 0 of 2026-12-01 is more than 3 days ago and was not sent; no stage follows.",
        ),
        (
            *("soon", day("2026-11-24"), None, "skipped"),
            "Not notified on 2026-11-24 (malformed): a date is not written YYYY-MM-DD, as 2027-01-31.",
        ),
        (
            *(obligation_json(DUE, status="paid"), day("2026-11-24"), None, "skipped"),
            "Not notified on 2026-11-24 (paid): it is paid.",
        ),
        (
            *(obligation_json(DUE, pausedUntil=DUE), day("2026-11-24"), None, "skipped"),
            "Not notified on 2026-11-24 (paused): it is paused on that day.",
        ),
        # nothing was owed, so nothing was missed
        (
            *(obligation_json(DUE, status="paid"), day("2026-12-05", after="2026-11-30"), None, "over"),
            "Nothing on 2026-12-05: stage 0 of 2026-12-01 is more than 3 days ago and was not sent; no stage follows.",
        ),
    ],
)
def test_the_verdict_and_its_sentence(value: str, when: Day, entry: PastNotice | None, verdict: str, told: str) -> None:
    (one,) = seen(value, today=when)

    assert one.verdict(entry) == verdict
    assert sentence(one, entry, when, 3) == told


def test_a_stage_after_the_due_date_has_a_sign() -> None:
    (one,) = seen(DUE, today="2026-12-04", by=rules(0, 3))

    assert "sends stage +3 of 2026-12-04." in sentence(one, None, day("2026-12-04"), 3)


def test_each_stage_is_told_with_its_moves_and_which_is_current() -> None:
    (one,) = seen("2026-04-06", today="2026-04-02", by=rules(-7, -1, 0, calendar=HolidayCalendar("DE")))

    assert [(stage.date.stage, stage.date.day, stage.current) for stage in one.stages] == [
        (-7, on("2026-03-30"), False),
        (-1, on("2026-04-02"), False),
        (0, on("2026-04-02"), True),
    ]
    assert [why for _, why in one.stages[2].date.moved] == ["Easter Monday", "weekend", "weekend", "Good Friday"]
    assert one.current is one.stages[2]


def test_the_first_of_equal_values_counts_and_the_others_are_duplicates() -> None:
    found = seen(DUE, "soon", DUE, obligation_json(DUE, status="paid"), "soon", today="2026-11-24")

    assert [one.reason for one in found] == [
        *(Reason.DUPLICATE, Reason.MALFORMED, Reason.DUPLICATE, Reason.PAID, Reason.MALFORMED),
    ]


def test_a_due_date_in_the_year_that_means_never_is_not_yet() -> None:
    (one,) = seen("9999-12-31", today="2026-11-24")

    assert (one.reason, one.notice, one.verdict(None)) == (None, None, "early")
    assert "never" in sentence(one, None, day("2026-11-24"), 3)


def test_a_notice_too_large_for_a_message_is_skipped() -> None:
    (one,) = seen(DUE, today="2026-11-24", displayName="x" * 50_000)

    assert (one.reason, one.notice, one.verdict(None)) == (Reason.TOO_LARGE, None, "skipped")


def test_what_a_plan_over_all_users_leaves_out_is_a_duplicate() -> None:
    alice = view(found_user(graph_user(DUE, "2026-12-05", "soon")), rules(), day("2026-11-28"))
    kept = {one.notice.id for one in alice.obligations[:1] if one.notice}

    found = without(alice, kept)

    assert [one.reason for one in found.obligations] == [None, Reason.DUPLICATE, Reason.MALFORMED]
    assert [one.notice is None for one in found.obligations] == [False, True, True]


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(Reason)


@given(populations(), some_rules, some_days)
def test_an_explanation_says_what_the_plan_does(users: list[dict[str, object]], by: Rules, when: Day) -> None:
    for one in (user for user in users if user["id"] is not None):
        planned = plan_notices([page_of([one], by.attribute)], by, when)

        told = view(found_user(one), by, when).obligations

        assert Counter(view.notice.id for view in told if view.notice) == Counter(n.id for n in planned.notices)
        assert Counter(view.reason for view in told if view.verdict(None) == "skipped") == planned.skipped
        assert {view.current.notice_id for view in told if view.current and view.verdict(None) == "expired"} == {
            stage.notice_id for stage in planned.missed if stage.kind == "expired"
        }
        assert all(sentence(view, None, when, by.stages.catch_up_days).endswith(".") for view in told)
