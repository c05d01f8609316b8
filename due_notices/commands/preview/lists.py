"""The lists of a preview: who is skipped and why, and notices or skips as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from due_notices.commands import console
from due_notices.commands.counted import counted
from due_notices.commands.csv_lines import csv_file, csv_line, identifier
from due_notices.commands.reasons import REASONS
from due_notices.model import Notice, Skipped
from due_notices.planning import Plan

_NOTICES = ("stage", "stage_date", "due_date", "user_id", "reference", "amount", "currency", "late", "notice_id")
_CONTACTS = ("name", "email", "phone")
_WIDE = 120  # columns; below it the users' ids would leave no room for why
_SHORT = 9
_SKIPS = ("user_id", "due_date", "reference", "reason", "why")


def print_skips(plan: Plan) -> None:
    """Print every skipped obligation, and nothing else."""
    screen, count = console.out(), sum(plan.skipped.values())
    screen.print(
        console.plain(f"{counted(count, 'obligation')} skipped on {plan.day.business_date}", "bold"), soft_wrap=True
    )
    if count:
        wide = screen.width >= _WIDE
        screen.print()
        screen.print(_table(plan, wide=wide))
        if not wide:
            screen.print(
                console.plain("shortened; a wider terminal, --csv and --json show the users whole", style="dim")
            )


def _table(plan: Plan, *, wide: bool) -> Any:
    whole = frozenset({"due", "user", "reason", "reference"})
    each = console.table("", "due", "user", "reason", "reference", "why", whole=whole)
    each.title = None
    for skip in _sorted(plan):
        due = skip.due.isoformat() if skip.due else ""
        user = skip.user_id if wide or len(skip.user_id) <= _SHORT else f"{skip.user_id[: _SHORT - 1]}…"
        each.add_row(due, user, skip.reason, skip.reference, _why(skip))
    return each


def write_skips(path: Path, plan: Plan) -> None:
    """Write every skipped obligation."""
    with csv_file(path) as stream:
        stream.write(csv_line(_SKIPS))
        for skip in _sorted(plan):
            due = skip.due.isoformat() if skip.due else ""
            cells = (identifier(skip.user_id), due, identifier(skip.reference), str(skip.reason), _why(skip))
            stream.write(csv_line(cells))


def write_notices(path: Path, notices: Sequence[Notice], *, with_contacts: bool) -> None:
    """Write every notice that is owed."""
    with csv_file(path) as stream:
        stream.write(csv_line((*_NOTICES, *(_CONTACTS if with_contacts else ()))))
        for notice in notices:
            stream.write(csv_line((*_cells(notice), *(_contacts(notice) if with_contacts else ()))))


def _cells(notice: Notice) -> Sequence[str]:
    owed = notice.obligation
    return (
        str(notice.stage),
        notice.stage_date.isoformat(),
        owed.due.isoformat(),
        identifier(notice.user.id),
        identifier(owed.reference),
        owed.amount or "",
        owed.currency or "",
        "late" if notice.late else "",
        identifier(notice.id),
    )


def _contacts(notice: Notice) -> Sequence[str]:
    user = notice.user
    return (user.display_name or "", user.email or "", identifier(user.mobile_phone or ""))


def _why(skip: Skipped) -> str:
    return skip.why or REASONS[skip.reason]


def _sorted(plan: Plan) -> Sequence[Skipped]:
    return sorted(plan.skips, key=lambda skip: (skip.reason, skip.user_id, str(skip.due)))
