from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from due_notices.calendars import HolidayCalendar
from due_notices.commands.explain.views import UserView, ask_about, sentence
from due_notices.commands.reasons import REASONS
from due_notices.ladder import CompletedRun, days_of
from due_notices.model import Obligation, Reason, notice_id
from due_notices.planning import Rules
from due_notices.ports import PastNotice
from tests.factories import ALICE, found_user, graph_user, obligation_json, on, rules

DUE = "2026-12-01"  # a Tuesday; its stages -7, -3, -1 and 0 fall on 24, 28 and 30 November and 1 December
AT = datetime(2026, 11, 24, 8, 0, 3, tzinfo=UTC)
LADDER = rules(-7, -3, -1, 0, 3, 7)


def past(
    stage: int, day: str, owed: Obligation | None = None, state: Literal["sent", "claimed"] = "sent"
) -> PastNotice:
    owed = owed or Obligation(on(DUE))
    return PastNotice(
        notice_id=notice_id(ALICE, owed, stage),
        user_id=ALICE,
        due=owed.due,
        stage=stage,
        has_reference=bool(owed.reference),
        state=state,
        business_date=on(day),
        claim_id="an earlier one",
        claimed_at=AT,
        sent_at=AT if state == "sent" else None,
    )


def seen(
    *values: object,
    today: str,
    rows: Sequence[PastNotice] = (),
    by: Rules | None = None,
    after: str | None = None,
    **overrides: Any,
) -> UserView:
    """Explain Alice on a day; with `after` the runs from the day after that one on are assumed to complete."""
    by = by or rules()
    last = on(after) if after else on(today) - timedelta(days=1)
    dates = [last + timedelta(days=number) for number in range(1, (on(today) - last).days + 1)]
    days = days_of(dates, by.stages, [CompletedRun(last)])
    question = ask_about(found_user(graph_user(*values, **overrides)), by, days)
    return question.view({due: [row for row in rows if row.due == due] for due in question.due_dates})


def told(view: UserView) -> list[tuple[str, str]]:
    return [(one.verdict, sentence(one, view, 3)) for one in view.obligations]


@pytest.mark.parametrize(
    ("value", "today", "rows", "verdict", "text"),
    [
        (DUE, "2026-11-23", [], "not-yet", "Nothing on 2026-11-23: stage -7 comes on 2026-11-24."),
        (
            *(DUE, "2026-11-24", [], "owed"),
            "Owed on 2026-11-24: the next run in the send window sends stage -7 of 2026-11-24.",
        ),
        (
            *(DUE, "2026-11-26", [], "owed"),
            "Owed on 2026-11-26: the next run in the send window sends stage -7 of 2026-11-24, late.",
        ),
        (
            *(DUE, "2026-11-25", [past(-7, "2026-11-24")], "already-sent"),
            "Sent: stage -7 went out on 2026-11-24; stage -3 comes on 2026-11-28.",
        ),
        (
            *(DUE, "2026-11-25", [past(-7, "2026-11-24", state="claimed")], "claimed"),
            (
                "Unfinished: a run has claimed stage -7 of 2026-11-24 and has not marked it sent; the next run after "
                "the claim has lapsed sends it, with the same id."
            ),
        ),
        (
            *(DUE, "2026-12-01", [past(0, "2026-12-01")], "already-sent"),
            "Sent: stage 0 went out on 2026-12-01; no stage follows.",
        ),
        (
            *(DUE, "2026-12-05", [], "missed"),
            (
                "Missed: nothing was sent of it, and its last chance was on 2026-12-04; `run --missed` sends stage 0 "
                "of 2026-12-01."
            ),
        ),
        (
            *(DUE, "2026-12-05", [past(-7, "2026-11-24")], "expired"),
            (
                "Expired: stage -7 went out on 2026-11-24, and its last chance was on 2026-12-04; `run --missed` sends "
                "stage 0 of 2026-12-01."
            ),
        ),
        (
            *(DUE, "2026-12-05", [past(-7, "2026-11-24", Obligation(on(DUE), "INV-1"))], "missed"),
            (
                "Missed: nothing was sent under its own key (stage -7 went out on 2026-11-24), and its last chance was "
                "on 2026-12-04; `run --missed` sends stage 0 of 2026-12-01."
            ),
        ),
        (
            *(DUE, "2026-12-05", [past(0, "2026-12-01")], "over"),
            "Over on 2026-12-05: stage 0 went out on 2026-12-01; no stage follows.",
        ),
        (
            *(DUE, "2027-01-04", [], "over"),
            "Over on 2027-01-04: a run looks back to due dates from 2026-12-02 on.",
        ),
        (
            "soon",
            "2026-11-24",
            [],
            "skipped",
            "Not notified on 2026-11-24 (malformed): a date is not written YYYY-MM-DD, as 2027-01-31.",
        ),
        (
            *(obligation_json(DUE, status="paid"), "2026-11-24", [], "skipped"),
            "Not notified on 2026-11-24 (paid): it is paid.",
        ),
        (
            *(obligation_json(DUE, pausedUntil=DUE), "2026-11-24", [], "skipped"),
            "Not notified on 2026-11-24 (paused): it is paused on that day.",
        ),
    ],
)
def test_the_verdict_and_its_sentence(value: str, today: str, rows: list[PastNotice], verdict: str, text: str) -> None:
    assert told(seen(value, today=today, rows=rows)) == [(verdict, text)]


def test_what_ended_longer_ago_than_it_is_named_says_so() -> None:
    by = rules(3, look_back_days=5)

    assert told(seen(DUE, today="2026-12-13", by=by)) == [
        ("over", "Over on 2026-12-13: its last chance was on 2026-12-07, longer ago than such obligations are named.")
    ]


def test_a_stage_that_is_too_late_while_another_is_to_come_says_both() -> None:
    by = rules(-30, -3, catch_up_days=2)

    assert told(seen("2026-12-31", today="2026-12-10", by=by))[0][1] == (
        "Nothing on 2026-12-10: stage -30 of 2026-12-01 is more than 3 open days ago and was not sent; stage -3 comes "
        "on 2026-12-28."
    )


def test_a_pause_beyond_the_memory_of_the_ledger_is_named_as_the_cause() -> None:
    by = rules(0, 3, 30, retention_days=200)
    value = obligation_json("2026-01-01", pausedUntil="2026-09-01")

    (one,) = told(seen(value, today="2026-09-10", rows=[past(3, "2026-01-04", Obligation(on("2026-01-01")))], by=by))

    assert one == (
        "expired",
        (
            "Expired: stage +3 went out on 2026-01-04, and its pause ended so late that the ledger may have forgotten "
            "what was sent; `run --missed` sends stage +30 of 2026-09-02."
        ),
    )


def test_the_history_and_the_dates_still_to_come_are_shown() -> None:
    view = seen(DUE, today="2026-12-08", rows=[past(-7, "2026-11-24"), past(3, "2026-12-07")], by=LADDER)

    (one,) = view.obligations
    assert one.verdict == "already-sent"
    assert [(stage.stage, stage.day_sent, stage.falls and stage.falls.day) for stage in one.stages] == [
        (-7, on("2026-11-24"), None),
        (-3, None, None),  # passed over
        (-1, None, None),
        (0, None, None),
        (3, on("2026-12-07"), None),
        (7, None, on("2026-12-11")),  # it counts on from what was sent
    ]
    assert [stage.notice_id for stage in one.stages if stage.past] == [
        notice_id(ALICE, Obligation(on(DUE)), stage) for stage in (-7, 3)
    ]


def test_a_stage_of_settings_that_are_gone_is_shown_too() -> None:
    (one,) = seen(DUE, today="2026-11-25", rows=[past(-9, "2026-11-22")]).obligations

    assert [stage.stage for stage in one.stages] == [-9, -7, -3, -1, 0]
    assert one.stages[0].day_sent == on("2026-11-22")


def test_what_is_inherited_is_marked() -> None:
    rows = [past(-7, "2026-11-24", Obligation(on(DUE), "", "100"))]

    (one,) = seen(obligation_json(DUE, amount="80"), today="2026-11-25", rows=rows).obligations

    assert one.verdict == "already-sent"
    assert [(stage.stage, stage.inherited) for stage in one.stages if stage.past] == [(-7, True)]


def test_a_later_day_assumes_the_runs_until_then() -> None:
    view = seen(DUE, today="2026-12-08", after="2026-11-25", rows=[past(-7, "2026-11-24")], by=LADDER)

    (one,) = view.obligations
    assert (one.verdict, one.current and one.current.stage) == ("owed", 7)
    assert [(stage.stage, str(stage.expected)) for stage in one.stages if stage.expected] == [
        *((-3, "2026-11-28"), (-1, "2026-11-30"), (0, "2026-12-01"), (3, "2026-12-04")),
    ]
    assert told(seen(DUE, today="2026-12-05", after="2026-11-25", rows=[past(-7, "2026-11-24")], by=LADDER)) == [
        ("already-sent", "Sent: stage +3 will have gone out on 2026-12-04; stage +7 comes on 2026-12-08.")
    ]


def test_each_stage_says_what_it_moved_off_and_why() -> None:
    by = rules(-7, -1, 0, calendar=HolidayCalendar("DE"))

    (one,) = seen("2026-04-06", today="2026-04-02", by=by).obligations

    assert [(stage.stage, stage.falls and stage.falls.day, stage.current) for stage in one.stages] == [
        (-7, on("2026-03-30"), False),
        (-1, on("2026-04-02"), False),
        (0, on("2026-04-02"), True),
    ]
    falls = one.stages[2].falls
    assert falls is not None
    assert [why for _, why in falls.moved] == ["Easter Monday", "weekend", "weekend", "Good Friday"]


def test_a_paused_obligation_shows_when_it_goes_on() -> None:
    (one,) = seen(obligation_json(DUE, pausedUntil="2026-12-05"), today="2026-12-02", by=LADDER).obligations

    assert [(stage.stage, stage.falls and str(stage.falls.day)) for stage in one.stages[-3:]] == [
        *((0, "2026-12-06"), (3, "2026-12-06"), (7, "2026-12-10")),
    ]


def test_values_that_mean_one_obligation_are_all_shown_and_one_speaks() -> None:
    view = seen(DUE, "soon", DUE, obligation_json(DUE, status="paid"), "soon", today="2026-11-24")

    assert [one.reason for one in view.obligations] == [
        *(Reason.DUPLICATE, Reason.MALFORMED, Reason.DUPLICATE, Reason.PAID, Reason.MALFORMED),
    ]


def test_a_notice_too_large_for_a_message_is_skipped() -> None:
    (one,) = seen(DUE, today="2026-11-24", displayName="x" * 50_000).obligations

    assert (one.reason, one.verdict) == (Reason.TOO_LARGE, "skipped")


def test_a_user_who_owes_nothing_has_no_obligations() -> None:
    assert seen(today="2026-11-24").obligations == ()


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(Reason)
