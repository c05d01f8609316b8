"""What the commands take: words of the command line, checked before anything is asked."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

# Room for every due date there is, and for counting days before the first and after the last.
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)


_ISO = click.DateTime(["%Y-%m-%d"])


class _Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        day = _ISO.convert(value, param, ctx).date()
        if not _FIRST <= day <= _LAST:
            self.fail(f"{day} is out of reach: give a day from {_FIRST} to {_LAST}", param, ctx)
        return day


DAY = _Day()
