"""Many rows at a time, column by column, where they are all plain: a million rows in seconds.

What this reads is what `rows` reads; whatever is not plain is left to it. Each step is one call for a whole column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from due_notices.commands.import_.amounts import SHAPE, USUAL_DECIMALS, usual_amount
from due_notices.commands.import_.problems import RowRefused
from due_notices.commands.import_.profiles import STATES, State
from due_notices.commands.import_.proof import Forms
from due_notices.commands.import_.recognition import Layout
from due_notices.commands.import_.rows import (
    LONGEST_CUSTOMER,
    UNUSUAL_CUSTOMER,
    USUAL_REFERENCE,
    BadCell,
    Entry,
    RowReader,
    customer_in,
)
from due_notices.currencies import decimals_of

_MARK = "\x1f"
_ZERO = re.compile(r"0(?:[.,]0+)?")


class Columns(NamedTuple):
    """Obligations as columns; `Entry` has the same fields in the same order."""

    lines: Sequence[int]
    customers: Sequence[str]
    dues: Sequence[date]
    refs: Sequence[str]
    amounts: Sequence[str | None]
    currencies: Sequence[str | None]
    states: Sequence[State]


def column_of(entry: Entry) -> Columns:
    """Return one obligation as columns."""
    line, customer, due, ref, amount, currency, state = entry
    return Columns([line], [customer], [due], [ref], [amount], [currency], [state])


class ColumnReader:
    """Reads blocks of rows all of which are plain obligations."""

    def __init__(self, layout: Layout, forms: Forms, rows: RowReader) -> None:
        """Take what a reader of rows takes, and such a reader for what is met the first time."""
        self._layout = layout
        self._forms = forms
        self._rows = rows
        self._head = list(layout.head)
        self._possible = not (layout.carry or layout.kinds or forms.types or layout.flags or layout.paid_on is not None)
        self._dues: dict[str, date] = {}
        self._states: dict[str, State] = {}
        self._currencies: dict[str, str | None] = {}
        self._refs = _all_of(USUAL_REFERENCE.pattern)
        self._usual = re.compile(usual_amount(forms.sign))
        self._plain: set[str] = set()

    def read(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> Columns | None:
        """Return the columns of a block, or None where a row of it must be looked at by itself."""
        if not self._possible or set(map(len, rows)) != {len(self._head)} or self._head in rows:
            return None
        cells = list(zip(*rows, strict=True))
        columns = self._layout.columns
        try:
            states = self._all_states(cells, len(rows))
            currencies = self._all_currencies(cells, len(rows))
            behind = self._rows.behind_amount
            if behind is not None and any(map(self._rows.is_cut, cells[columns["amount"]], cells[behind])):
                return None
            amounts = (
                self._all_amounts(cells[columns["amount"]], currencies) if "amount" in columns else [None] * len(rows)
            )
            dues = self._all_dues(cells[columns["due"]])
            refs = self._all_refs(cells, len(rows))
        except (_NotPlain, BadCell, RowRefused, KeyError):  # or a word that only a row without a due date has
            return None
        customers = list(map(str.strip, cells[self._layout.customer]))
        if UNUSUAL_CUSTOMER.search(_MARK.join(customers)):
            customers = list(map(customer_in, customers))
        if "" in customers or max(map(len, customers)) > LONGEST_CUSTOMER:
            return None
        return Columns(lines, customers, dues, refs, amounts, currencies, states)

    def _all_dues(self, texts: Sequence[str]) -> list[date]:
        known = self._dues
        for text in set(texts).difference(known):
            due = self._rows.date(text)
            if due is None:
                raise _NotPlain
            if len(known) < _MOST_KNOWN:
                known[text] = due
        try:
            return [known[text] for text in texts]
        except KeyError:
            raise _NotPlain from None

    def _all_states(self, cells: Sequence[Sequence[str]], count: int) -> list[State]:
        column = self._layout.columns.get("status")
        if column is None:
            return ["open"] * count
        words, known = cells[column], self._states
        for word in set(words).difference(known):
            state = self._rows.state_of(word)
            found = next((each for each in STATES if each == state), None)
            if found is None:
                raise _NotPlain
            known[word] = found
        return [known[word] for word in words]

    def _all_currencies(self, cells: Sequence[Sequence[str]], count: int) -> Sequence[str | None]:
        column = self._layout.columns.get("currency")
        if column is None:
            return [self._forms.currency] * count
        known = self._currencies
        for text in set(cells[column]).difference(known):
            known[text] = self._rows.currency_of(text)
        return [known[text] for text in cells[column]]

    def _all_refs(self, cells: Sequence[Sequence[str]], count: int) -> Sequence[str]:
        column = self._layout.columns.get("ref")
        if column is None:
            return [""] * count
        if not self._refs.fullmatch(_joined(cells[column])):
            raise _NotPlain
        return cells[column]

    def _all_amounts(self, texts: Sequence[str], currencies: Iterable[str | None]) -> list[str | None]:
        if any(code is not None and decimals_of(code) != USUAL_DECIMALS for code in set(currencies)):
            raise _NotPlain
        sign = self._forms.sign
        joined = _joined(texts)
        # Whether an amount is plain depends on where it has digits and zeros; a list has some hundred such shapes.
        for shape in set(joined.translate(SHAPE).split(_MARK)).difference(self._plain):
            if not self._usual.fullmatch(shape) or _ZERO.fullmatch(shape):
                raise _NotPlain
            if len(self._plain) < _MOST_KNOWN:
                self._plain.add(shape)
        other = "," if sign == "." else "."
        return list(joined.replace(other, "").replace(sign, ".").split(_MARK))


def _joined(texts: Sequence[str]) -> str:
    """Return a column as one text, in which a mark parts cells and nothing else."""
    joined = _MARK.join(texts)
    if joined.count(_MARK) != len(texts) - 1:
        raise _NotPlain
    return joined


class _NotPlain(Exception):
    """A cell must be looked at by itself."""


_MOST_KNOWN = 100_000


def _all_of(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{pattern}){_MARK})*(?:{pattern})")
