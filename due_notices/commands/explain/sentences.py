"""The verdict on an obligation as one sentence, which gives no reason that is not the cause. Pure."""

from __future__ import annotations

from due_notices.commands.explain.views import ObligationView
from due_notices.commands.reasons import REASONS
from due_notices.ladder import Day
from due_notices.model import Reason
from due_notices.obligations import NEVER
from due_notices.stages import StageDate

LEFT_OUT = "USER_FILTER leaves this user out: no run reads them"


def sentence(view: ObligationView, day: Day, catch_up_days: int) -> str:
    """Return what the run of a day makes of an obligation, and why."""
    on, current = f"on {day.business_date}", view.decision.stage if view.decision else None
    match view.verdict:
        case "left-out":
            text = f"Not notified: {LEFT_OUT}."
        case "skipped":
            text = f"Not notified {on} ({view.reason}): {_why_skipped(view)}."
        case "owed":
            late = ", late" if view.decision and view.decision.late else ""
            text = f"Owed {on}: the next run, on that day, sends {_stage(current)}{late}."
        case "claimed":
            text = (
                f"Unfinished: a run has claimed {_stage(current)} and has not marked it sent; the next run after the "
                "claim has lapsed sends it, with the same id."
            )
        case "already-sent":
            text = f"Sent: {_last(view)}; {_next(view, day, catch_up_days)}."
        case "not-yet":
            text = f"Nothing {on}: {_next(view, day, catch_up_days)}."
        case "over":
            text = f"Over {on}: {_why_over(view, day)}."
        case "missed" | "expired":
            text = _given_up(view)
    return text + _also_void(view)


def _why_skipped(view: ObligationView) -> str:
    if view.reason is Reason.DUPLICATE:
        (counts,) = view.same
        return f"it is the same obligation as value {counts.number} of the user, which counts and is {counts.status}"
    return view.reading.malformed or (REASONS[view.reason] if view.reason else "")


def _also_void(view: ObligationView) -> str:
    """Say of an open obligation that it is listed as void, too."""
    void = [str(same.number) for same in view.same if same.status == "void"]
    if not void or view.reason is Reason.DUPLICATE or view.obligation is None or view.obligation.status != "open":
        return ""
    return f" Value {', '.join(void)} of the user says that it is void: both are listed, and void settles nothing."


def _next(view: ObligationView, day: Day, catch_up_days: int) -> str:
    """Return what comes next and, where the date of a stage has come that is not sent, why it is not."""
    if view.obligation is not None and view.obligation.due.year == NEVER:
        return "a due date in the year 9999 never comes"
    dates = [stage.falls for stage in view.stages if stage.falls is not None]
    come = [stage for stage in dates if stage.day <= day.business_date]
    following = next((stage for stage in dates if stage.day > day.business_date), None)
    gone = ""
    if come and day.business_date in {stage.day_sent for stage in view.stages}:
        waits = next((stage for stage in come if stage.stage > 0), come[-1])
        return f"{_stage(waits)} waits, since no second notice is sent on one day"
    if come:
        gone = f"{_stage(come[-1])} is more than {catch_up_days} open days ago and was not sent; "
    return gone + (f"{_number(following.stage)} comes on {following.day}" if following else "no stage follows")


def _why_over(view: ObligationView, day: Day) -> str:
    if view.decision is None:
        return f"a run looks back to due dates from {day.reach} on"
    if view.decision.ended is None:
        return f"{_last(view)}; no stage follows"
    chance = f"its last chance was on {view.decision.ended}"
    if day.last_completed is None:
        return f"{chance}, and no run was completed before: the first one begins with {day.begins}"
    return f"{chance}, longer ago than such obligations are named"


def _given_up(view: ObligationView) -> str:
    decision, last = view.decision, _last(view)
    if decision is None:  # pragma: no cover (it is what was decided)
        return ""
    if view.verdict == "expired":
        word = f"Expired: {last}" if last else "Expired: nothing was sent of it"
    else:
        word = (
            f"Missed: nothing was sent of it as it is listed now (before it changed, {last})"
            if last
            else "Missed: nothing was sent of it"
        )
    why = (
        "its pause ended so late that the ledger may have forgotten what was sent"
        if decision.ended is None
        else f"its last chance was on {decision.ended}"
    )
    sends = "nothing" if decision.stage is None else _stage(decision.stage)
    return f"{word}, and {why}; `run --missed` sends {sends}."


def _last(view: ObligationView) -> str:
    """Return which stage went out last, and when; empty where none did."""
    sent = [stage for stage in view.stages if stage.day_sent is not None]
    if not sent:
        return ""
    last = sent[-1]
    if last.past is None:
        return f"{_number(last.stage)} will have gone out on {last.day_sent}"
    if last.past.state == "claimed":
        return f"{_number(last.stage)} was claimed on {last.day_sent}, so long ago that it counts as sent"
    return f"{_number(last.stage)} went out on {last.day_sent}"


def _stage(stage: StageDate | None) -> str:
    return "" if stage is None else f"{_number(stage.stage)} of {stage.day}"


def _number(stage: int) -> str:
    return f"stage {stage:+d}" if stage else "stage 0"
