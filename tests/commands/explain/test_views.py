from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import pytest

from due_notices.calendars import HolidayCalendar
from due_notices.commands.explain.sentences import sentence
from due_notices.commands.explain.views import ObligationView, Question
from due_notices.commands.reasons import REASONS
from due_notices.ladder import CompletedRun, Day, days_of
from due_notices.model import Obligation, Reason, notice_id, row_of
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
        row=row_of(ALICE, owed, stage),
    )


class Seen(NamedTuple):
    day: Day
    obligations: tuple[ObligationView, ...]


def seen(
    *values: object,
    today: str,
    rows: Sequence[PastNotice] = (),
    by: Rules | None = None,
    after: str | None = None,
    listed: bool = True,
    first: bool = False,
    **overrides: Any,
) -> Seen:
    """Explain Alice on a day, the `first` of which a run completes or not.

    With `after` the runs from the day after that one on are assumed to complete.
    """
    by = by or rules()
    last = on(after) if after else on(today) - timedelta(days=1)
    dates = [last + timedelta(days=number) for number in range(1, (on(today) - last).days + 1)]
    days = days_of(dates, by.stages, [] if first else [CompletedRun(last)])
    question = Question.of(found_user(graph_user(*values, **overrides)), by, days, listed=listed)
    return Seen(days[-1], question.views([row for row in rows if row.due in question.due_dates]))


def told(seen: Seen) -> list[tuple[str, str]]:
    return [(one.verdict, sentence(one, seen.day, 3)) for one in seen.obligations]


@pytest.mark.parametrize(
    ("value", "today", "rows", "verdict", "text"),
    [
        (DUE, "2026-11-23", [], "not-yet", "Nothing on 2026-11-23: stage -7 comes on 2026-11-24."),
        (
            *(DUE, "2026-11-24", [], "owed"),
            "Owed on 2026-11-24: the next run, on that day, sends stage -7 of 2026-11-24.",
        ),
        (
            *(DUE, "2026-11-26", [], "owed"),
            "Owed on 2026-11-26: the next run, on that day, sends stage -7 of 2026-11-24, late.",
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
                "Missed: nothing was sent of it as it is listed now (before it changed, stage -7 went out on "
                "2026-11-24), and its last chance was on 2026-12-04; `run --missed` sends stage 0 of 2026-12-01."
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


@pytest.mark.parametrize("until", ["9999-12-31", "9999-01-01", "9998-12-31", "2077-01-01"])
@pytest.mark.parametrize(
    ("status", "enabled", "reason"),
    [
        *(("open", True, Reason.PAUSED), ("open", False, Reason.DISABLED)),
        *(("disputed", True, Reason.DISPUTED), ("paid", False, Reason.DISABLED)),
    ],
)
def test_of_a_pause_without_an_end_nothing_comes(until: str, status: str, reason: Reason, *, enabled: bool) -> None:
    value = obligation_json(DUE, pausedUntil=until, status=status)

    (one,) = seen(value, today="2026-12-02", by=LADDER, accountEnabled=enabled).obligations

    assert (one.verdict, one.reason) == ("skipped", reason)
    assert [stage.falls for stage in one.stages] == [None] * 6


def test_a_due_date_in_the_year_9999_never_comes() -> None:
    assert told(seen("9999-12-31", obligation_json("9999-01-01", status="paid"), today="2026-12-02")) == [
        ("not-yet", "Nothing on 2026-12-02: a due date in the year 9999 never comes."),
        ("skipped", "Not notified on 2026-12-02 (paid): it is paid."),
    ]


def test_what_is_skipped_has_its_history_and_no_stage_that_is_due() -> None:
    rows = [past(-7, "2026-11-24"), past(-3, "2026-11-28", state="claimed")]

    (one,) = seen(DUE, today="2026-12-01", rows=rows, accountEnabled=False).obligations

    assert (one.verdict, one.current, one.decision) == ("skipped", None, None)
    assert [(stage.stage, stage.day_sent and str(stage.day_sent), stage.claimed) for stage in one.stages] == [
        *((-7, "2026-11-24", False), (-3, None, True), (-1, None, False), (0, None, False)),
    ]


def test_what_has_another_reference_is_not_inherited() -> None:
    other, own = Obligation(on(DUE), "INV-1"), Obligation(on(DUE), "INV-2")
    rows = [past(-7, "2026-11-23", other), past(-3, "2026-11-24", other), past(-7, "2026-11-24", own)]

    (one,) = seen(obligation_json(DUE, ref="INV-2"), today="2026-11-25", rows=rows).obligations

    assert [(stage.stage, stage.past, stage.inherited) for stage in one.stages if stage.past] == [(-7, rows[2], False)]


def test_of_several_rows_of_a_stage_the_one_that_counts_is_shown() -> None:
    other = Obligation(on(DUE), "INV-1")
    rows = [
        *(past(-7, "2026-11-26", other), past(-7, "2026-11-24")),
        *(past(-3, "2026-11-28"), past(-3, "2026-11-28", other)),
    ]

    (one,) = seen(DUE, today="2026-11-29", rows=rows).obligations

    assert [(stage.stage, stage.past, stage.inherited) for stage in one.stages if stage.past] == [
        *((-7, rows[0], True), (-3, rows[2], False)),
    ]


def test_a_claim_beside_what_was_inherited_is_not_said_to_have_gone_out() -> None:
    rows = [past(-7, "2026-11-25", state="claimed"), past(-7, "2026-11-24", Obligation(on(DUE), "INV-1"))]

    view = seen(DUE, today="2026-11-26", rows=rows)

    (one,) = view.obligations
    assert (one.stages[0].past, one.stages[0].inherited, one.stages[0].claimed) == (rows[1], True, False)
    assert told(view)[0][1].startswith("Sent: stage -7 went out on 2026-11-24;")


def test_a_claim_that_is_so_old_that_it_counts_as_sent_is_said_to_be_one() -> None:
    view = seen("2026-12-01", today="2026-11-29", rows=[past(-7, "2026-09-01", state="claimed")], by=rules(-7, 0))

    assert told(view) == [
        (
            "already-sent",
            (
                "Sent: stage -7 was claimed on 2026-09-01, so long ago that it counts as sent; stage 0 comes on "
                "2026-12-01."
            ),
        )
    ]


def test_a_rows_obligation_is_found_by_its_key() -> None:
    rows = [replace(past(-7, "2026-11-24"), notice_id="", user_id="")]

    (one,) = seen(DUE, today="2026-11-25", rows=rows).obligations

    assert (one.verdict, one.stages[0].past, one.stages[0].inherited) == ("already-sent", rows[0], False)


def test_what_ended_before_the_first_run_is_over_because_no_run_was_before_it() -> None:
    assert told(seen("2026-11-10", today="2026-11-24", first=True)) == [
        (
            "over",
            (
                "Over on 2026-11-24: its last chance was on 2026-11-13, and no run was completed before: the first one "
                "begins with 2026-11-21."
            ),
        )
    ]


def test_a_duplicate_names_the_value_that_counts() -> None:
    values = obligation_json(DUE, ref="A"), obligation_json(DUE, ref="A", status="paid")

    assert told(seen(*values, today="2026-11-24")) == [
        (
            "skipped",
            (
                "Not notified on 2026-11-24 (duplicate): it is the same obligation as value 2 of the user, which "
                "counts and is paid."
            ),
        ),
        ("skipped", "Not notified on 2026-11-24 (paid): it is paid."),
    ]


def test_a_document_that_is_void_and_issued_anew_is_said_to_be_listed_twice() -> None:
    void, anew = obligation_json(DUE, ref="A", status="void"), obligation_json(DUE, ref="A")

    first, second = told(seen(void, anew, today="2026-11-24"))

    assert first[1].endswith("the same obligation as value 2 of the user, which counts and is open.")
    assert second[1].endswith(" Value 1 of the user says that it is void: both are listed, and void settles nothing.")


def test_of_a_user_whom_no_run_reads_nothing_is_said_to_be_owed() -> None:
    found = seen(DUE, "soon", DUE, today="2026-11-24", listed=False)

    assert {text for _, text in told(found)} == {"Not notified: USER_FILTER leaves this user out: no run reads them."}
    assert [(one.verdict, one.reason, one.current) for one in found.obligations] == [("left-out", None, None)] * 3


def test_a_stage_that_waits_for_the_next_day_says_so() -> None:
    by = rules(-9, -7, 0)

    assert told(seen(DUE, today="2026-11-24", rows=[past(-9, "2026-11-24")], by=by))[0][1] == (
        "Sent: stage -9 went out on 2026-11-24; stage -7 of 2026-11-24 waits, since no second notice is sent on one "
        "day."
    )


def test_what_has_expired_before_anything_was_sent_says_so() -> None:
    by = rules(0, 3, 30, retention_days=200)

    (one,) = told(seen(obligation_json("2026-01-01", pausedUntil="2026-09-01"), today="2026-09-10", by=by))

    assert one[1].startswith("Expired: nothing was sent of it, and its pause ended so late")


def test_a_notice_too_large_for_a_message_is_skipped() -> None:
    (one,) = seen(DUE, today="2026-11-24", displayName="x" * 50_000).obligations

    assert (one.reason, one.verdict) == (Reason.TOO_LARGE, "skipped")


def test_a_user_who_owes_nothing_has_no_obligations() -> None:
    assert seen(today="2026-11-24").obligations == ()


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(Reason)
