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
_ISO = click.DateTime(["%Y-%m-%d"])


class _Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        day = _ISO.convert(value, param, ctx).date()
        if not _FIRST <= day <= _LAST:
            self.fail(f"{day} is out of reach: give a day from {_FIRST} to {_LAST}", param, ctx)
        return day


class _ObjectId(click.ParamType[str]):
    """An object id, in lower case as Graph gives it and the ledger has it."""

    name = "object id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted: str = value.lower()
        if not _GUID.fullmatch(wanted):
            self.fail(
                "the ledger knows object ids alone, such as 8a6f3c1e-0000-4000-8000-000000000001; "
                "`python -m due_notices explain ada@example.com` tells the one behind a principal name",
                param,
                ctx,
            )
        return wanted


class _User(click.ParamType[str]):
    """An object id or a user principal name: one segment of an address's path, so that it asks for a user alone."""

    name = "user"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted: str = value
        if not wanted.strip(" .") or not wanted.isprintable() or {"/", "\\"} & set(wanted):
            self.fail("this names no user: give the object id or the user principal name", param, ctx)
        return wanted


DAY, OBJECT_ID, USER = _Day(), _ObjectId(), _User()


def foreseeable(day: date | None, today: date) -> None:
    """Refuse a day before today, and one that is further ahead than anybody can foresee the runs until then."""
    if day is not None and day < today:
        raise click.BadParameter(
            f"{day} is over: nothing can tell what a run saw then; `python -m due_notices audit` shows what was sent",
            param_hint="--date",
        )
    if day is not None and day > today + _FURTHEST:
        raise click.BadParameter(
            f"{day} is too far ahead: every run until then is gone through; give a day up to {today + _FURTHEST}",
            param_hint="--date",
        )
