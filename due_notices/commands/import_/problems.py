"""What keeps a list, or one row of it, from being read: a code, where, why, and what to add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from due_notices.errors import DueNoticesError

MOST_KEPT = 10_000
"""Problems that are kept to be shown; more are counted, so that a spoilt list of a million rows fits into memory."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal. `line` is the file's line (1 is the first), None where the whole list is meant."""

    code: str
    why: str
    remedy: str = ""
    line: int | None = None
    column: str = ""
    customer: str = ""
    """Who is meant by the refused row, as the list writes it; never printed."""
    ref: str = ""
    """The reference of the refused row, as the list writes it; never printed."""

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (f"line {self.line}" if self.line else "", f"column {self.column}" if self.column else "")
            if part
        )
        return f"{place + ': ' if place else ''}{self.why}{': ' + self.remedy if self.remedy else ''}"


class RowRefused(Exception):
    """One cell says nothing that could be taken. The row is refused, the others are not."""

    def __init__(self, code: str, why: str, remedy: str = "") -> None:
        """Take what becomes a problem once line and column are known."""
        super().__init__(why)
        self.code = code
        self.why = why
        self.remedy = remedy


class ListRefused(DueNoticesError):
    """The list cannot be read without being asked for more; nothing of it may be written."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take every problem found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(["the list is not read:", *(f"  - {problem}" for problem in self.problems)]))
