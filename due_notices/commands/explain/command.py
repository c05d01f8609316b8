"""`explain`: why one customer is, or is not, notified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import click

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.ahead import TODAY_IS_DONE
from due_notices.commands.arguments import DAY, USER, foreseeable
from due_notices.commands.explain.gather import Explanation, explain_user
from due_notices.commands.explain.sentences import LEFT_OUT, sentence
from due_notices.commands.explain.views import ObligationView, StageView
from due_notices.ports import PastNotice


@click.command(short_help="Why one customer is, or is not, notified.")
@click.argument("user", type=USER)
@click.option("--date", "day", type=DAY, metavar="YYYY-MM-DD", help="The run of a later day instead of the next one.")
@click.option("--reference", help="Only the obligations with this reference.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def explain(*, user: str, day: date | None, reference: str | None, as_json: bool) -> int:
    """Show one customer's obligations, stages and ledger entries, and the verdict in one sentence.

    USER is an object id, a user principal name, or an address. It is decided as the next run will, by the same code,
    and nothing is written.
    What it shows of a later day assumes that every run until then completes and that nothing changes in the directory.

    \b
    Examples:
      due-notices explain 8a6f3c1e-0000-4000-8000-000000000001
      due-notices explain ada@example.com --reference INV-1001
    """
    settings = bootstrap.load_settings()
    services = bootstrap.build_services(settings)
    foreseeable(day, settings.policy.business_date(services.clock.now()))
    found = explain_user(settings.policy, services, user, business_date=day)
    if found is None:
        console.err().print(
            console.plain(f"Graph knows no user {user!r}: neither by id or principal name nor by an address")
        )
        return 1
    shown = [
        view
        for view in found.obligations
        if reference is None or (view.obligation and view.obligation.reference == reference)
    ]
    catch_up_days = settings.policy.rules.stages.catch_up_days
    sentences = [sentence(view, found.day, catch_up_days) for view in shown]
    if as_json:
        obligations = [_obligation_dict(*each) for each in zip(shown, sentences, strict=True)]
        console.print_json(_to_dict(found, obligations))
        return 0
    screen = console.out()
    screen.print(console.plain(f"user {found.user.id} on {found.day.business_date}", style="bold"))
    for remark in _remarks(found):
        screen.print(console.plain(remark, style="yellow"))
    if not shown:
        screen.print(console.plain("no obligations" + ("" if reference is None else " with this reference")))
    for view, text in zip(shown, sentences, strict=True):
        screen.print()
        _print(screen, view)
        screen.print(console.plain(text, style="green"))
    return 0


def _remarks(found: Explanation) -> Iterator[str]:
    day = found.day.business_date
    if found.no_run is not None:
        then = f"what follows is what the run of {day} does" if day != found.asked else "nor for more than a year"
        again = "; `run --again` looks once more today" if found.no_run == TODAY_IS_DONE else ""
        yield f"no run comes on {found.asked} ({found.no_run}): {then}{again}"
    if found.at_work is not None:
        yield f"{found.at_work}; what it has sent is in the ledger as soon as it is sent"
    if not found.listed:
        yield LEFT_OUT
    for note in found.user.contact_notes:
        yield f"{note.field} is {note.kind}: {note.text}"


def _print(screen: Any, view: ObligationView) -> None:
    obligation = view.obligation
    if obligation is None:
        screen.print(console.plain(f"value {view.number}: malformed"))
        return
    amount = " ".join(filter(None, (obligation.amount, obligation.currency)))
    named = [f"due {obligation.due}", obligation.reference, amount, obligation.status]
    if obligation.paused_until:
        named.append(f"paused until {obligation.paused_until}")
    screen.print(console.plain(f"value {view.number}: {', '.join(filter(None, named))}", style="bold"))
    if not view.stages:
        return
    moved = ("moved off",) if any(stage.falls and stage.falls.moved for stage in view.stages) else ()
    columns = ("", "stage", "date", *moved, "ledger", "notice")
    whole = frozenset({"", "stage", "date", "notice"})
    shown = console.table("", *columns, right=frozenset({"stage"}), whole=whole)
    for stage in view.stages:
        off = ", ".join(f"{day} ({why})" for day, why in stage.falls.moved) if stage.falls else ""
        shown.add_row(
            "→" if stage.current else "",
            console.signed(stage.stage),
            f"{stage.falls.day:%a %Y-%m-%d}" if stage.falls else "",
            *(off for _ in moved),
            _ledger(stage),
            stage.notice_id,
        )
    screen.print(shown)
    for stage in view.stages:
        if stage.past is not None and stage.past.message_id:
            of = f"stage {console.signed(stage.stage)}: message {stage.past.message_id}"
            screen.print(console.plain(of, style="dim"))


def _ledger(stage: StageView) -> str:
    past = stage.past
    if past is None:
        return "" if stage.expected is None else f"will be sent {stage.expected}"
    of = ", of an obligation that is no longer listed" if stage.inherited else ""
    if past.state == "claimed":
        old = "" if stage.claimed else ", counts as sent"
        return f"claimed {past.claimed_at:%Y-%m-%d %H:%M}Z{old}{of}"
    return f"sent {past.at:%Y-%m-%d %H:%M}Z{of}"


def _to_dict(found: Explanation, obligations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "userId": found.user.id,
        "businessDate": found.day.business_date.isoformat(),
        "asked": found.asked.isoformat(),
        "noRun": found.no_run,
        "atWork": found.at_work,
        "listed": found.listed,
        "contacts": [{"field": note.field, "kind": note.kind, "text": note.text} for note in found.user.contact_notes],
        "obligations": obligations,
    }


def _obligation_dict(view: ObligationView, text: str) -> dict[str, Any]:
    obligation = view.obligation
    return {
        "value": view.number,
        "dueDate": None if obligation is None else obligation.due.isoformat(),
        "reference": None if obligation is None else obligation.reference,
        "status": None if obligation is None else obligation.status,
        "malformed": view.reading.malformed,
        "reason": None if view.reason is None else str(view.reason),
        "verdict": view.verdict,
        "sentence": text,
        "stages": [_stage_dict(stage) for stage in view.stages],
    }


def _stage_dict(stage: StageView) -> dict[str, Any]:
    falls = stage.falls
    return {
        "stage": stage.stage,
        "stageDate": None if falls is None else falls.day.isoformat(),
        "movedOff": [] if falls is None else [{"date": day.isoformat(), "why": why} for day, why in falls.moved],
        "current": stage.current,
        "noticeId": stage.notice_id,
        "willBeSent": None if stage.expected is None else stage.expected.isoformat(),
        "inherited": stage.inherited,
        "ledger": None if stage.past is None else _past_dict(stage, stage.past),
    }


def _past_dict(stage: StageView, past: PastNotice) -> dict[str, Any]:
    return {
        "noticeId": past.notice_id or None,
        "state": past.state,
        "countsAsSent": not stage.claimed,
        "businessDate": past.business_date.isoformat(),
        "claimedAt": past.claimed_at.isoformat(),
        "sentAt": None if past.sent_at is None else past.sent_at.isoformat(),
        "messageId": past.message_id or None,
    }
