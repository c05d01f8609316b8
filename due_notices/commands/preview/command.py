"""`preview`: what a run would send."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import click
from rich.text import Text

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.arguments import DAY
from due_notices.commands.preview.ahead import Ahead, look_ahead
from due_notices.commands.preview.gather import Preview, preview_day
from due_notices.commands.reasons import REASONS
from due_notices.model import Notice
from due_notices.policy import Policy

_SHOWN = 20


@click.command(short_help="What a run would send; sends and writes nothing.")
@click.option("--date", "day", type=DAY, metavar="YYYY-MM-DD", help="The business date, in place of today.")
@click.option("--skipped", is_flag=True, help="List every skipped obligation: user id, reference and reason.")
@click.option("--with-contacts", is_flag=True, help="Show names and addresses too (personal data).")
@click.option("--all", "show_all", is_flag=True, help=f"List every notice, not only the first {_SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def preview(*, day: date | None, skipped: bool, with_contacts: bool, show_all: bool, as_json: bool) -> int:
    """Read the customers, decide, ask the ledger, and show what a run would send.

    Sends and writes nothing. It ignores the send window, so that you can look at any hour.

    \b
    Examples:
      python -m due_notices preview --date 2026-12-24
      python -m due_notices preview --skipped --with-contacts
      python -m due_notices preview --json | jq '.notices | length'
    """
    settings = bootstrap.load_settings()
    services = bootstrap.build_services(settings)
    with console.progress() as progress:
        found = preview_day(settings.policy, services, progress, business_date=day, list_skips=None)
    ahead = look_ahead(settings, found.plan.day.business_date)
    if as_json:
        console.print_json(_to_dict(found, with_contacts=with_contacts) | ahead.to_dict())
    else:
        now = services.clock.now()
        closed = settings.policy.why_closed(now)
        if found.plan.day.business_date != settings.policy.business_date(now):
            closed = settings.policy.why_day_closed(found.plan.day.business_date)
        _print(found, settings.policy, closed, skipped=skipped, with_contacts=with_contacts, show_all=show_all)
        _print_ahead(ahead)
    return 0


def _print(
    found: Preview,
    policy: Policy,
    closed: str | None,
    *,
    skipped: bool,
    with_contacts: bool,
    show_all: bool,
) -> None:
    screen, plan, standing = console.out(), found.plan, found.standing
    owed = sorted(standing.owed, key=lambda notice: (notice.stage, notice.obligation.due, notice.id))
    screen.print(
        Text.assemble(
            (f"{len(owed):,} notices", "bold"),
            f" are owed on {plan.day.business_date}, of {plan.users_read:,} users with {plan.obligations:,} "
            f"obligations; {standing.already_sent:,} more are sent already",
        )
    )
    if closed:
        screen.print(console.plain(f"a run would send nothing now: {closed}", style="yellow"))
    if len(owed) > policy.limit:
        screen.print(
            console.plain(
                f"a run would send nothing: this is more than NOTICE_LIMIT ({policy.limit:,})", style="bold red"
            )
        )
    if owed:
        screen.print()
        screen.print(_stages(owed))
        screen.print()
        screen.print(_notices(owed if show_all else owed[:_SHOWN], len(owed), with_contacts=with_contacts))
    rest = {"superseded": standing.superseded, "expired": standing.expired}
    if any(rest.values()):
        screen.print()
        screen.print(
            console.plain("missed stages: " + ", ".join(f"{count:,} {name}" for name, count in rest.items() if count))
        )
    if plan.skipped:
        screen.print()
        reasons = console.table("skipped", "reason", "obligations", "because", right=frozenset({"obligations"}))
        for reason, count in plan.skipped.items():
            reasons.add_row(reason, f"{count:,}", REASONS[reason])
        screen.print(reasons)
        if not skipped:
            screen.print(console.plain("--skipped lists them", style="dim"))
    if skipped and plan.skips:
        screen.print()
        each = console.table("skipped obligations", "user", "reason", "reference", whole=frozenset({"user", "reason"}))
        for skip in sorted(plan.skips, key=lambda skip: (skip.reason, skip.user_id)):
            each.add_row(skip.user_id, skip.reason, skip.reference)
        screen.print(each)


def _print_ahead(ahead: Ahead) -> None:
    """Show what a person must see of calendar and schedule before trusting them."""
    screen = console.out()
    if ahead.notes or ahead.without_tick:
        screen.print()
    for note in ahead.notes:
        screen.print(console.plain(f"calendar: {note.text}", style="yellow" if note.warning else "dim"))
    if ahead.without_tick:
        screen.print(console.plain(ahead.without_tick.sentence, style="yellow"))


def _stages(owed: list[Notice]) -> Any:
    counts: Counter[int] = Counter(notice.stage for notice in owed)
    late: Counter[int] = Counter(notice.stage for notice in owed if notice.late)
    numbers = frozenset({"stage", "notices", "late"})
    shown = console.table("by stage", "stage", "notices", "late", right=numbers)
    for stage in sorted(counts):
        shown.add_row(console.signed(stage), f"{counts[stage]:,}", f"{late[stage]:,}")
    return shown


def _notices(owed: list[Notice], total: int, *, with_contacts: bool) -> Any:
    title = "notices" if len(owed) == total else f"the first {len(owed)} of {total:,} notices (--all shows them all)"
    contact = ("name", "e-mail", "phone") if with_contacts else ()
    shown = console.table(
        title,
        "stage",
        "due",
        "user",
        "reference",
        "amount",
        *contact,
        "",
        right=frozenset({"stage"}),
        whole=frozenset({"stage", "due", "user"}),
    )
    for notice in owed:
        user = notice.user
        who = (user.display_name or "", user.email or "", user.mobile_phone or "") if with_contacts else ()
        shown.add_row(
            console.signed(notice.stage),
            notice.obligation.due.isoformat(),
            user.id,
            notice.obligation.reference,
            " ".join(filter(None, (notice.obligation.amount, notice.obligation.currency))),
            *who,
            "late" if notice.late else "",
        )
    return shown


def _to_dict(found: Preview, *, with_contacts: bool) -> dict[str, Any]:
    plan, standing = found.plan, found.standing
    last: date | None = plan.day.last_completed
    return {
        "businessDate": plan.day.business_date.isoformat(),
        "lastCompleted": None if last is None else last.isoformat(),
        "usersRead": plan.users_read,
        "obligations": plan.obligations,
        "owed": len(standing.owed),
        "alreadySent": standing.already_sent,
        "superseded": standing.superseded,
        "expired": standing.expired,
        "skipped": {str(reason): count for reason, count in plan.skipped.items()},
        "notices": [_notice_dict(notice, with_contacts=with_contacts) for notice in standing.owed],
        "skips": [
            {"userId": skip.user_id, "reason": str(skip.reason), "reference": skip.reference} for skip in plan.skips
        ],
    }


def _notice_dict(notice: Notice, *, with_contacts: bool) -> dict[str, Any]:
    user = notice.user
    contact = {"displayName": user.display_name, "email": user.email, "mobilePhone": user.mobile_phone}
    return {
        "id": notice.id,
        "userId": user.id,
        "reference": notice.obligation.reference,
        "dueDate": notice.obligation.due.isoformat(),
        "stage": notice.stage,
        "stageDate": notice.stage_date.isoformat(),
        "late": notice.late,
        **(contact if with_contacts else {}),
    }
