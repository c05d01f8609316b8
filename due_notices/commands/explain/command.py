"""`explain`: why one customer is, or is not, notified."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.arguments import DAY, USER
from due_notices.commands.explain.gather import Explanation, explain_user
from due_notices.commands.explain.views import ObligationView
from due_notices.ports import PastNotice


@click.command(short_help="Why one customer is, or is not, notified.")
@click.argument("user", type=USER)
@click.option("--date", "day", type=DAY, metavar="YYYY-MM-DD", help="The business date, in place of today.")
@click.option("--reference", help="Only the obligations with this reference.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def explain(*, user: str, day: date | None, reference: str | None, as_json: bool) -> int:
    """Show one customer's obligations, stages and ledger entries, and the verdict in one sentence.

    USER is an object id or a user principal name. The same code as a run decides; nothing is written.

    \b
    Examples:
      python -m due_notices explain 8a6f3c1e-0000-4000-8000-000000000001
      python -m due_notices explain ada@example.com --reference INV-1001
    """
    settings = bootstrap.load_settings()
    services = bootstrap.build_services(settings)
    with console.progress() as progress:
        found = explain_user(settings.policy, services, user, progress, business_date=day)
    if found is None:
        console.err().print(
            console.plain(f"Graph knows no user {user!r}: give the object id or the user principal name")
        )
        return 1
    obligations = [
        view
        for view in found.view.obligations
        if reference is None or (view.reading.obligation and view.reading.obligation.reference == reference)
    ]
    if as_json:
        console.print_json(_to_dict(found, obligations))
        return 0
    screen = console.out()
    screen.print(console.plain(f"user {found.view.user.id} on {found.view.day.business_date}", style="bold"))
    if not found.listed:
        screen.print(console.plain("USER_FILTER leaves this user out: a run does not read them at all", style="yellow"))
    for note in found.view.user.contact_notes:
        screen.print(console.plain(f"{note.field} is {note.kind}: {note.text}", style="yellow"))
    if not obligations:
        screen.print(console.plain("no obligations" + ("" if reference is None else " with this reference")))
    for number, view in enumerate(obligations, 1):
        screen.print()
        _print(screen, number, view, found)
    return 0


def _print(screen: Any, number: int, view: ObligationView, found: Explanation) -> None:
    obligation = view.reading.obligation
    if obligation is None:
        screen.print(console.plain(f"obligation {number}: malformed"))
    else:
        amount = " ".join(filter(None, (obligation.amount, obligation.currency)))
        named = [f"due {obligation.due}", obligation.reference, amount, obligation.status]
        if obligation.paused_until:
            named.append(f"paused until {obligation.paused_until}")
        screen.print(console.plain(f"obligation {number}: {', '.join(filter(None, named))}", style="bold"))
        moved = ("moved off",) if any(stage.date.moved for stage in view.stages) else ()
        columns = ("", "stage", "date", *moved, "ledger", "notice")
        whole = frozenset({"", "stage", "date", "notice"})
        shown = console.table("", *columns, right=frozenset({"stage"}), whole=whole)
        for stage in view.stages:
            off = ", ".join(f"{day} ({why})" for day, why in stage.date.moved)
            shown.add_row(
                "→" if stage.current else "",
                console.signed(stage.date.stage),
                f"{stage.date.day:%a %Y-%m-%d}",
                *(off for _ in moved),
                _ledger(found.entries.get(stage.notice_id)),
                stage.notice_id,
            )
        screen.print(shown)
        for stage in view.stages:
            if entry := found.entries.get(stage.notice_id):
                whose = f"message {entry.message_id}" if entry.state == "sent" else f"claim {entry.claim_id}"
                screen.print(
                    console.plain(f"stage {console.signed(stage.date.stage)}: {entry.state}, {whose}", style="dim")
                )
    screen.print(console.plain(found.verdict_sentence(view), style="green"))


def _ledger(entry: PastNotice | None) -> str:
    if entry is None:
        return ""
    if entry.state == "sent":
        return f"sent {entry.sent_at:%Y-%m-%d %H:%M}Z"
    return f"claimed {entry.claimed_at:%Y-%m-%d %H:%M}Z"


def _to_dict(found: Explanation, obligations: list[ObligationView]) -> dict[str, Any]:
    return {
        "userId": found.view.user.id,
        "businessDate": found.view.day.business_date.isoformat(),
        "listed": found.listed,
        "contacts": [
            {"field": note.field, "kind": note.kind, "text": note.text} for note in found.view.user.contact_notes
        ],
        "obligations": [_obligation_dict(found, view) for view in obligations],
    }


def _obligation_dict(found: Explanation, view: ObligationView) -> dict[str, Any]:
    obligation = view.reading.obligation
    return {
        "dueDate": None if obligation is None else obligation.due.isoformat(),
        "reference": None if obligation is None else obligation.reference,
        "status": None if obligation is None else obligation.status,
        "malformed": view.reading.malformed,
        "reason": None if view.reason is None else str(view.reason),
        "verdict": found.verdict(view),
        "sentence": found.verdict_sentence(view),
        "stages": [
            {
                "stage": stage.date.stage,
                "stageDate": stage.date.day.isoformat(),
                "movedOff": [{"date": day.isoformat(), "why": why} for day, why in stage.date.moved],
                "current": stage.current,
                "noticeId": stage.notice_id,
                "ledger": _entry_dict(found.entries.get(stage.notice_id)),
            }
            for stage in view.stages
        ],
    }


def _entry_dict(entry: PastNotice | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "state": entry.state,
        "claimId": entry.claim_id,
        "claimedAt": entry.claimed_at.isoformat(),
        "sentAt": None if entry.sent_at is None else entry.sent_at.isoformat(),
        "messageId": entry.message_id or None,
    }
