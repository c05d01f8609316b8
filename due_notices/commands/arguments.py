"""What the commands take: words of the command line, checked before anything is asked."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import click

# Room for every due date there is, and for counting days before the first and after the last.
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)
_FURTHEST = timedelta(days=400)
_GUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRITTEN = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            day = date.fromisoformat(value) if _WRITTEN.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            self.fail(f"{value!r} is not a day: write it as YYYY-MM-DD, such as 2026-12-24", param, ctx)
        if not _FIRST <= day <= _LAST:
            self.fail(f"{day} is out of reach: give a day from {_FIRST} to {_LAST}", param, ctx)
        return day


class _Customer(click.ParamType[str]):
    """An object id, in lower case as Graph gives it and the ledger has it, or an address or principal name."""

    name = "customer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted: str = value
        if is_object_id(wanted.lower()):
            return wanted.lower()
        if "@" not in wanted.strip("@"):
            self.fail(
                "give an object id, such as 8a6f3c1e-0000-4000-8000-000000000001, or an address or principal name, "
                "such as ada@example.com, which Graph is asked for: the ledger has only object ids",
                param,
                ctx,
            )
        return USER.convert(wanted, param, ctx)


def is_object_id(text: str) -> bool:
    """Whether a text is an object id."""
    return _GUID.fullmatch(text) is not None


class _User(click.ParamType[str]):
    """An object id, a principal name or an address: one segment of a path, so that it asks for a user alone."""

    name = "user"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted: str = value
        if not wanted.strip(" .") or not wanted.isprintable() or {"/", "\\"} & set(wanted):
            self.fail("this names no user: give an object id, a principal name or an address", param, ctx)
        return wanted


DAY, CUSTOMER, USER = _Day(), _Customer(), _User()


def foreseeable(day: date | None, today: date) -> None:
    """Refuse a day before today, and one so far ahead that the runs until then cannot be foreseen."""
    if day is not None and day < today:
        raise click.BadParameter(
            f"{day} is over: what a run saw then is not recorded; `due-notices audit` shows what was sent",
            param_hint="--date",
        )
    if day is not None and day > today + _FURTHEST:
        raise click.BadParameter(
            f"{day} is too far ahead: every run until then is gone through; give a day up to {today + _FURTHEST}",
            param_hint="--date",
        )
