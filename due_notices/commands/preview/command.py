"""`preview`: what a run would send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.arguments import DAY, foreseeable
from due_notices.commands.counted import counted, verb
from due_notices.commands.preview.ahead import Ahead, look_ahead
from due_notices.commands.preview.gather import Preview, preview_day
from due_notices.commands.preview.lists import print_skips, write_notices, write_skips
from due_notices.commands.reasons import REASONS
from due_notices.currencies import CODES
from due_notices.falls import ACCEPT
from due_notices.in_force import in_force
from due_notices.model import Notice
from due_notices.planning import GivenUp, Plan
from due_notices.policy import Policy

_SHOWN = 20


@click.command(short_help="What a run would send; sends and writes nothing.")
@click.option("--date", "day", type=DAY, metavar="YYYY-MM-DD", help="A later business date instead of today.")
@click.option("--missed", is_flag=True, help="What `run --missed` would send.")
@click.option("--skipped", is_flag=True, help="Show the skipped obligations alone, and why each is skipped.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all notices as CSV, or with --skipped all skipped obligations.",
)
@click.option("--with-contacts", is_flag=True, help="Show names and addresses too (personal data).")
@click.option("--all", "show_all", is_flag=True, help=f"List every notice, not only the first {_SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def preview(
    *,
    day: date | None,
    missed: bool,
    skipped: bool,
    csv_path: Path | None,
    with_contacts: bool,
    show_all: bool,
    as_json: bool,
) -> int:
    """Read the customers, decide, ask the ledger, and show what a run would send.

    Sends and writes nothing. It ignores the send window, so that you can look at any hour. What it shows of a later
    day assumes that every run until then completes and that nothing changes in the directory.

    \b
    Examples:
      due-notices preview --date YYYY-MM-DD
      due-notices preview --skipped --csv skipped.csv
      due-notices preview --json | jq '.notices | length'
    """
    settings = bootstrap.load_settings()
    console.warn(settings.warnings)
    services = bootstrap.build_services(settings)
    foreseeable(day, settings.policy.business_date(services.clock.now()))
    with console.progress() as progress:
        found = preview_day(settings.policy, services, progress, business_date=day, list_skips=None, send_missed=missed)
    ahead = look_ahead(settings.policy, found.plan.day.business_date)
    if csv_path is not None and skipped:
        write_skips(csv_path, found.plan)
    elif csv_path is not None:
        write_notices(csv_path, found.plan.notices, with_contacts=with_contacts)
    if as_json:
        rules = in_force(settings.policy, found.plan.day.business_date)
        console.print_json(_to_dict(found, with_contacts=with_contacts) | {"inForce": rules} | ahead.to_dict())
    elif skipped:
        print_skips(found.plan)
    else:
        now = services.clock.now()
        closed = settings.policy.why_closed(now)
        if found.plan.day.business_date != settings.policy.business_date(now):
            closed = settings.policy.why_day_closed(found.plan.day.business_date)
        _print(found, settings.policy, closed, with_contacts=with_contacts, show_all=show_all)
        _print_ahead(ahead)
    return 0


def _print(
    found: Preview,
    policy: Policy,
    closed: str | None,
    *,
    with_contacts: bool,
    show_all: bool,
) -> None:
    screen, plan = console.out(), found.plan
    owed = sorted(plan.notices, key=lambda notice: (notice.stage, notice.obligation.due, notice.id))
    screen.print(
        Text.assemble(
            (counted(len(owed), "notice"), "bold"),
            f" {verb(len(owed))} owed on {plan.day.business_date}, of {counted(plan.users_read, 'user')} with "
            f"{counted(plan.obligations, 'obligation')}; {plan.already_sent:,} sent already, {plan.not_yet:,} not due "
            f"yet, {plan.over:,} over",
        )
    )
    for remark, style in _remarks(found, policy, closed):
        screen.print(console.plain(remark, style=style))
    if owed:
        screen.print()
        screen.print(_stages(owed))
        screen.print()
        screen.print(_notices(owed if show_all else owed[:_SHOWN], len(owed), with_contacts=with_contacts))
    if plan.superseded:
        screen.print()
        stages = counted(plan.superseded, "earlier stage")
        screen.print(console.plain(f"never sent, and superseded by these notices: {stages}"))
    if plan.given_up:
        screen.print()
        screen.print(_given_up(plan.given_up if show_all else plan.given_up[:_SHOWN], plan))
    if plan.skipped:
        screen.print()
        screen.print(_reasons(plan))
        screen.print(console.plain("--skipped lists them", style="dim"))


def _remarks(found: Preview, policy: Policy, closed: str | None) -> Iterator[tuple[str, str]]:
    """Yield what to know of the day before its notices, and how to print it."""
    yield in_force(policy, found.plan.day.business_date), "dim"
    if found.fallen is not None:
        yield f"a run would end as fallen: {found.fallen}; {ACCEPT}", "bold red"
    for sign in found.signs.values():
        yield sign, "yellow"
    if found.at_work is not None:
        yield f"{found.at_work}; what it sends meanwhile counts as sent already", "yellow"
    if found.completed:
        yield "the day's run is completed; `run --again` looks once more", "yellow"
    if closed:
        yield f"a run would send nothing now: {closed}", "yellow"
    if unusable := len({notice.user.id for notice in found.plan.notices if notice.user.unusable_contacts}):
        yield (
            f"a contact field cannot be used: {counted(unusable, 'customer')} of these; `explain USER` names it",
            "yellow",
        )
    if unknown := sorted({notice.obligation.currency or "" for notice in found.plan.notices} - CODES - {""}):
        yield f"ISO 4217 does not have these currencies, or no longer has them: {', '.join(unknown)}", "yellow"
    if len(found.plan.notices) > policy.limit:
        yield f"a run would send nothing: this is more than NOTICE_LIMIT ({policy.limit:,})", "bold red"


def _reasons(plan: Plan) -> Any:
    reasons = console.table("skipped", "reason", "obligations", "because", right=frozenset({"obligations"}))
    for reason, count in plan.skipped.items():
        reasons.add_row(reason, f"{count:,}", REASONS[reason])
    return reasons


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


def _given_up(some: Sequence[GivenUp], plan: Plan) -> Any:
    title = (
        f"{plan.missed:,} missed (nothing was sent) and {plan.expired:,} expired, which by the rules get nothing more"
    )
    if len(some) < len(plan.given_up):
        title += f"; the first {len(some)} (--all shows them all)"
    shown = console.table(title, "", "due", "user", "reference", "run --missed sends", whole=frozenset({"due", "user"}))
    for one in some:
        sends = "" if one.stage is None else f"stage {console.signed(one.stage.stage)} of {one.stage.day}"
        shown.add_row(one.state, one.obligation.due.isoformat(), one.user_id, one.obligation.reference, sends)
    return shown


def _to_dict(found: Preview, *, with_contacts: bool) -> dict[str, Any]:
    plan = found.plan
    last: date | None = plan.day.last_completed
    return {
        "businessDate": plan.day.business_date.isoformat(),
        "lastCompleted": None if last is None else last.isoformat(),
        "usersRead": plan.users_read,
        "obligations": plan.obligations,
        "completed": found.completed,
        "atWork": found.at_work,
        "fallen": found.fallen,
        "signs": dict(found.signs),
        "notYet": plan.not_yet,
        "over": plan.over,
        "owed": len(plan.notices),
        "alreadySent": plan.already_sent,
        "superseded": plan.superseded,
        "expired": plan.expired,
        "missed": plan.missed,
        "skipped": {str(reason): count for reason, count in plan.skipped.items()},
        "notices": [_notice_dict(notice, with_contacts=with_contacts) for notice in plan.notices],
        "skips": [
            {
                "userId": skip.user_id,
                "dueDate": skip.due.isoformat() if skip.due else None,
                "reason": str(skip.reason),
                "reference": skip.reference,
                "why": skip.why,
            }
            for skip in plan.skips
        ],
        "givenUp": [
            {
                "userId": one.user_id,
                "reference": one.obligation.reference,
                "dueDate": one.obligation.due.isoformat(),
                "state": one.state,
                "sends": None if one.stage is None else one.stage.stage,
            }
            for one in plan.given_up
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
        "previousStage": notice.previous_stage,
        "superseded": notice.superseded,
        **(contact if with_contacts else {}),
    }
