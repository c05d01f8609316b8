"""The obligations of a whole list in little memory, by customer: a million rows are some hundred bytes each."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import accumulate, count, islice
from typing import Self

from due_notices.commands.import_.columns import Columns, column_of
from due_notices.commands.import_.problems import MOST_KEPT, ListRefused, Problem
from due_notices.commands.import_.profiles import State
from due_notices.commands.import_.rows import Entry, Kind, Row, Undated

_END = -1
_MOST_CONFLICTS = 50
_MARK = "\x1f"


@dataclass(frozen=True, slots=True)
class Owed:
    """One obligation of the list; `lines` are those that say it."""

    lines: tuple[int, ...]
    due: date
    ref: str
    amount: str | None
    currency: str | None
    state: State

    @property
    def key(self) -> tuple[date, str, Decimal | None, str | None]:
        """Values with the same key are one obligation."""
        if self.ref:
            return self.due, self.ref, None, None
        return self.due, "", None if self.amount is None else Decimal(self.amount), self.currency


@dataclass
class Entries:
    """What a list says, row by row and by customer. Customers are folded; numbered as they come."""

    kinds: Counter[str] = field(default_factory=Counter)
    refused: list[Problem] = field(default_factory=list)
    currencies: set[str] = field(default_factory=set)
    refused_rows: int = 0
    held: set[str] = field(default_factory=set)
    """Folded names of customers of whom a row is refused: what else they owe is not known."""
    held_refs: set[str] = field(default_factory=set)
    """References of rows that are refused, or have no due date."""
    of_unknown: bool = False
    """Whether a row is refused that says neither who is meant nor what: it may be about any customer."""

    def __post_init__(self) -> None:
        self._customers: defaultdict[str, int] = defaultdict(count().__next__)
        self._last = array("i")  # by customer: its latest row
        self._before = array("i")  # by row: the row before it of the same customer
        self._lines = array("I")
        self._days = array("I")  # ordinals
        self._ends = array("Q")
        self._texts = bytearray()

    def take(self, piece: Columns | Row) -> None:
        """Take in obligations, a row that is none, or one that is refused."""
        if isinstance(piece, Columns):
            self.add(piece)
        elif isinstance(piece, Entry):
            self.add(column_of(piece))
        elif isinstance(piece, Kind):
            self.kinds[piece.kind] += 1
            if isinstance(piece, Undated):
                self._hold(piece)
        else:
            self.refuse(piece)

    def _hold(self, undated: Undated) -> None:
        """Leave open what a row says that has no due date: the reference where it has one, else all of the customer."""
        if undated.ref:
            self.held_refs.add(undated.ref)
        elif undated.customer:
            self.held.add(undated.customer.casefold())

    def whole(self) -> Self:
        """Return this when the last row is in it. Raises ListRefused where two rows contradict each other."""
        self.held_refs.discard("")
        if conflicts := self.conflicts():
            raise ListRefused(conflicts)
        return self

    def add(self, found: Columns) -> None:
        """Take obligations in, whole columns at a time."""
        first, rows = len(self._lines), len(found.lines)
        self._lines.extend(found.lines)
        self._days.extend(map(date.toordinal, found.dues))
        numbers = list(map(self._customers.__getitem__, map(str.casefold, found.customers)))
        self._chain(first, numbers)
        columns = [
            [each or "" for each in column] if None in column else column
            for column in (found.refs, found.amounts, found.currencies, found.states)
        ]
        texts = list(map(_MARK.join, zip(*columns, strict=True)))
        written = "".join(texts).encode()
        lengths = map(len, texts) if written.isascii() else (len(each.encode()) for each in texts)
        self._ends.extend(islice(accumulate(lengths, initial=len(self._texts)), 1, rows + 1))
        self._texts += written
        self.currencies.update(filter(None, set(found.currencies)))

    def refuse(self, problem: Problem) -> None:
        """Take in a row that says nothing certain."""
        self.refused_rows += 1
        if len(self.refused) < MOST_KEPT:
            self.refused.append(problem)
        self.of_unknown = self.of_unknown or not (problem.customer or problem.ref)
        self.held.add(problem.customer.casefold())
        self.held_refs.add(problem.ref)

    def _chain(self, first: int, numbers: Sequence[int]) -> None:
        """Tie each row to the row before it of the same customer."""
        last, before = self._last, self._before
        known = len(last)
        if numbers == list(range(known, known + len(numbers))):  # none of them was met before
            last.extend(range(first, first + len(numbers)))
            before.extend([_END] * len(numbers))
            return
        for row, customer in enumerate(numbers, first):
            if customer == len(last):
                last.append(row)
                before.append(_END)
            else:
                before.append(last[customer])
                last[customer] = row

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def customers(self) -> int:
        """How many customers have an obligation."""
        return len(self._customers)

    @property
    def numbers(self) -> Mapping[str, int]:
        """The customers' numbers by their folded names. Ask whether a name is in it first."""
        return self._customers

    def first_line(self, customer: int) -> int:
        """Return the first line that is about a customer."""
        return min(self._lines[row] for row in self._rows(customer))

    def of(self, customer: int) -> list[Owed]:
        """Return what a customer owes, in the order of the list. Rows that repeat one obligation are one.

        Of rows with the same key that are void, one that is not speaks: a document may be voided and issued anew.
        """
        last = self._last[customer]
        if self._before[last] == _END:
            return [self._owed(last)]
        return once(map(self._owed, self._rows(customer)))

    def conflicts(self) -> list[Problem]:
        """Return where the same reference and due date come with different amounts or states."""
        problems: list[Problem] = []
        for customer in range(len(self._last)):
            if self._before[self._last[customer]] == _END:
                continue
            spoken: dict[object, Owed] = {}
            for row in self._rows(customer):
                each = self._owed(row)
                same = spoken.get(each.key)
                if same is None or same.state == "void":
                    spoken[each.key] = each
                    continue
                if (problem := clash(same, each)) is not None:
                    problems.append(problem)
                if len(problems) == _MOST_CONFLICTS:
                    return problems
        return problems

    def _rows(self, customer: int) -> list[int]:
        rows = []
        row = self._last[customer]
        while row != _END:
            rows.append(row)
            row = self._before[row]
        rows.reverse()
        return rows

    def _owed(self, row: int) -> Owed:
        begin = self._ends[row - 1] if row else 0
        ref, amount, currency, state = self._texts[begin : self._ends[row]].decode().split(_MARK)
        day = date.fromordinal(self._days[row])
        return Owed((self._lines[row],), day, ref, amount or None, currency or None, state)  # type: ignore[arg-type]  # (as it was put in)


def gathered(pieces: Iterable[Columns | Row]) -> Entries:
    """Return all that a list says. Raises ListRefused where two rows contradict each other."""
    entries = Entries()
    for piece in pieces:
        entries.take(piece)
    return entries.whole()


def once(owed: Iterable[Owed]) -> list[Owed]:
    """Return each obligation once, with all lines that say it. One that is not void speaks for those with its key."""
    found: dict[object, Owed] = {}
    for each in owed:
        same = found.get(each.key)
        if same is None:
            found[each.key] = each
        else:
            found[each.key] = replace(each if same.state == "void" else same, lines=same.lines + each.lines)
    return list(found.values())


def clash(one: Owed, other: Owed) -> Problem | None:
    """Return why two with the same key, the first not void, cannot be taken as one; None where they can."""
    if other.state != "void" and _facts(other) != _facts(one):
        return _conflict(one, other)
    return _one_or_two(one, other) if other.state == "open" and not other.ref else None


def _facts(owed: Owed) -> tuple[object, ...]:
    amount = None if owed.amount is None else Decimal(owed.amount)
    return amount, owed.currency, owed.state


def _conflict(one: Owed, other: Owed) -> Problem:
    what = "amounts" if one.amount != other.amount else "currencies" if one.currency != other.currency else "states"
    return Problem(
        "conflict",
        f"lines {one.lines[0]} and {other.lines[0]} say different {what} for the same customer, reference and due date",
        "correct one of them, or name a column that distinguishes them (--columns ref=NAME)",
        other.lines[0],
    )


def _one_or_two(one: Owed, other: Owed) -> Problem:
    return Problem(
        "conflict",
        f"lines {one.lines[0]} and {other.lines[0]} say the same customer, due date and amount, and no reference: "
        "two obligations, or one twice?",
        "name the column that distinguishes them (--columns ref=NAME), fill their references in, or take one out",
        other.lines[0],
    )
