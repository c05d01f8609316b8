"""One row of a list as an obligation, as no obligation and of which kind, or refused with line, column and remedy."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, tzinfo
from typing import NamedTuple

from due_notices.calendars import ONE_DAY
from due_notices.commands.import_.amounts import AmountReader
from due_notices.commands.import_.dates import YEARS_AHEAD, DateReader, readings
from due_notices.commands.import_.problems import Problem, RowRefused
from due_notices.commands.import_.profiles import (
    STATES,
    State,
    Vocabulary,
    folded,
    head_name,
    is_head,
    matches,
    vocabulary,
)
from due_notices.commands.import_.proof import Forms
from due_notices.commands.import_.recognition import DELIMITERS, Layout
from due_notices.commands.import_.unread import NO_REFERENCE, NOT_OWED, PLACEHOLDER
from due_notices.obligations import MAX_CHARACTERS

_ROUNDED = re.compile(r"[+-]?\d([.,]\d+)?[eE]\+?\d{1,3}")
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')
_CODE = re.compile(r"([A-Z]{3})(?: ?[-–(,:] ?.*)?")  # alone, or before its name
# No number in exponents, no placeholder, nothing that a spreadsheet or JSON would change.
USUAL_REFERENCE = re.compile(rf"(?!(?:[0-9.]+[eE][+0-9]+|{NO_REFERENCE})(?:$|\x1f))[A-Za-z0-9][A-Za-z0-9/_.#-]{{0,99}}")
# What a spreadsheet shows instead of a value that it cannot work out, or that does not fit its column, in any language.
_ERROR = re.compile(r"#{3,}|#[^\W\d_¡¿][^\W_]*(?:/0)?[!?]|#[¡¿][^\W\d_]+[!?]|#N/?[A-Z]|Err:[0-9]{3}", re.IGNORECASE)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_WITH_NAME = re.compile(r"[^<>@]*<([^<>\s]+@[^<>\s]+)>")
_MAILTO = re.compile(r"mailto:(?=[^?]+@[^?]+\Z)", re.IGNORECASE)
UNUSUAL_CUSTOMER = re.compile(_UNSEEN.pattern.replace("]", "<#:=\u00a0\u202f]"))
"""What a cell that says who is meant may have around the address or number itself."""
_LONGEST_REFERENCE = 120
LONGEST_CUSTOMER = 256


class Entry(NamedTuple):
    """One row that is an obligation. `customer` as the list writes it; `amount` a plain decimal."""

    line: int
    customer: str
    due: date
    ref: str
    amount: str | None
    currency: str | None
    state: State


class Kind(NamedTuple):
    """One row that is not an obligation, and what it is."""

    line: int
    kind: str


class Undated(Kind):
    """One row without a due date, which may be owed all the same: whose it is, and its reference, as written."""

    customer = ""
    ref = ""

    @classmethod
    def of(cls, line: int, customer: str, ref: str) -> Undated:
        """Return such a row."""
        found = cls(line, "no due date")
        found.customer, found.ref = customer, ref
        return found


Row = Entry | Kind | Problem


class RowReader:
    """Reads row by row; what is the same in many rows is worked out once."""

    def __init__(self, layout: Layout, forms: Forms, zone: tzinfo, today: date, *, guessed: bool = False) -> None:
        """Take what the columns mean, how they are read, the zone in which dates are meant, and the business date.

        `guessed` is whether the list's encoding is no more than likely.
        """
        self._layout = layout
        self._guessed = guessed
        self._forms = forms
        self._latest = today.year + YEARS_AHEAD
        self._tomorrow = today + ONE_DAY  # already today somewhere
        self._words: Vocabulary = vocabulary()
        self.date = DateReader(forms.dates, zone, today)
        self._amount = AmountReader(forms.sign)
        self._due = layout.columns["due"]
        self._ref = layout.columns.get("ref")
        self._amounts = layout.columns.get("amount")
        self._currency = layout.columns.get("currency")
        self._status = layout.columns.get("status")
        self._carried = dict.fromkeys(layout.carry, "")
        self._known_kinds: dict[tuple[str, ...], str] = {}
        self._known_states: dict[str, str] = {}
        self._known_currencies: dict[str, str | None] = {}
        used = [layout.customer, self._due, self._ref, self._amounts, self._currency, self._status, layout.paid_on]
        used += [flag.position for flag in layout.flags]
        behind = -1 if self._amounts is None or layout.delimiter != "," else self._amounts + 1
        head = head_name(layout.head[behind]) if 0 < behind < len(layout.head) else ""
        money = NOT_OWED.search(head) or any(
            part in head for part in (*self._words.amount_parts, *self._words.paid_parts)
        )
        is_free = 0 < behind < len(layout.head) and behind not in used and not money
        self.behind_amount = behind if is_free else None
        """The column into which an amount falls that has a comma for thousands, and no quotes."""
        self._is_unnamed = not head
        self._named = (layout.customer, self._ref)
        self._needed = max(position for position in used if position is not None) + 1
        self._width = len(layout.head)
        self._kind_columns = tuple(dict.fromkeys(position for position, _, _ in layout.kinds))
        self._has_kinds = bool(self._kind_columns) or forms.types is not None
        self._head = list(layout.head)

    def read(self, line: int, cells: Sequence[str]) -> Row | None:
        """Return what a row is, None for a blank one."""
        row = list(cells)
        if len(row) != self._width:
            refused = self._wrong_width(line, row)
            if refused is not None:
                return None if refused is _BLANK else refused
            row += [""] * (self._width - len(row))
        elif row == self._head:
            return Kind(line, "head")
        for position, above in self._carried.items():
            row[position] = self._carried[position] = row[position] or above
        try:
            return self._row(line, row)
        except BadCell as bad:
            if bad.column == self._due and is_head(row, self._head):
                return Kind(line, "head")
            refusal, customer = bad.refusal, customer_in(row[self._layout.customer])
            column, ref = self._layout.name(bad.column), self._known_reference(row)
            return Problem(refusal.code, refusal.why, refusal.remedy, line, column, customer, ref)

    def _wrong_width(self, line: int, row: list[str]) -> Row | None:
        """Return what a row is whose cells are not those of the head; None where only empty ones are more or less."""
        if not any(map(str.strip, row)):
            return _BLANK
        why = f"has {len(row)} cells, and the head {self._width}"
        if len(row) > self._width and any(map(str.strip, row[self._width :])):
            return Problem("cells", why, "put cells that hold the delimiter in quotes", line)
        if len(row) >= self._needed:
            return None
        if self._is_joined(row):
            return Problem("cells", _JOINED, _TAKE_APART, line)
        if self._is_heading(row):
            return Kind(line, "group or total")
        return Problem("cells", why, "is the list cut off? Export it again", line)

    def _row(self, line: int, row: list[str]) -> Row:
        kind = self.kind(row) if self._has_kinds else ""
        if kind and kind not in _STATES:
            return Kind(line, kind)
        text = row[self._due]
        if not text or text.isspace():
            return self._without_due(line, row)
        if not any(map(str.isdigit, text)):
            # It is no obligation, whatever its words of states mean, which nobody was asked.
            return Kind(line, "group or total") if self._is_total(row) else self._obligation(line, row, "open")
        state = kind or self.state(row)
        return self._obligation(line, row, state) if state in _STATES else Kind(line, state)

    def _obligation(self, line: int, row: list[str], state: str) -> Row:
        try:
            due = self.date(row[self._due])
        except RowRefused as refusal:
            if self._is_heading(row):
                return Kind(line, "group or total")
            raise BadCell(self._due, refusal) from refusal
        if due is None:
            return self._without_due(line, row)
        negative, amount, currency = self._amount_of(row)
        if amount is not None and amount[0] == "0" and not amount.strip("0."):
            state = "paid" if state == "open" else state  # nothing is left to pay
        elif negative:
            return Kind(line, "credit")
        customer = customer_in(row[self._layout.customer])
        if not customer or len(customer) > LONGEST_CUSTOMER:
            raise BadCell(self._layout.customer, _NO_CUSTOMER)
        ref = "" if self._ref is None else row[self._ref]
        if ref and not USUAL_REFERENCE.fullmatch(ref):
            ref = self._reference(ref)
        return Entry(line, customer, due, ref, amount, currency, state)  # type: ignore[arg-type]  # (one of _STATES)

    def _amount_of(self, row: list[str]) -> tuple[bool, str | None, str | None]:
        currency = self._forms.currency if self._currency is None else self.currency_of(row[self._currency])
        if self._amounts is None:
            return False, None, currency
        if self.behind_amount is not None and self.is_cut(row[self._amounts], row[self.behind_amount]):
            raise BadCell(self._amounts, _CUT)
        try:
            return self._amount(row[self._amounts], currency)
        except RowRefused as refusal:
            empty = not row[self._amounts].strip()
            raise BadCell(self._amounts, _NO_AMOUNT if empty else refusal) from refusal

    def is_cut(self, amount: str, behind: str) -> bool:
        """Whether an amount and the cell behind it look like one, with a comma for thousands or for decimals.

        Two digits may be anything where their column has a name.
        """
        if len(behind) == _CUT_LENGTH:
            return _REST.fullmatch(behind) is not None and _THOUSANDS.fullmatch(amount) is not None
        return self._is_unnamed and behind.isdigit() and _WHOLE.fullmatch(amount) is not None

    def kind(self, row: list[str]) -> str:
        """Return the kind that the profile, or the type of the document, makes of a row; empty for an invoice."""
        if self._forms.types is not None:
            return self._forms.types.get(folded(row[self._layout.document_type or 0]), "")
        cells = tuple([row[position] for position in self._kind_columns])
        try:
            return self._known_kinds[cells]
        except KeyError:
            kinds = self._layout.kinds
            found = next((kind for position, kind, wanted in kinds if matches(folded(row[position]), wanted)), "")
            if len(self._known_kinds) < _MOST_KNOWN:
                self._known_kinds[cells] = found
            return found

    def state(self, row: list[str]) -> str:
        """Return the state that the row's words say, or the kind of what is not an obligation."""
        layout = self._layout
        for flag in layout.flags:
            word = folded(row[flag.position])
            said = self._forms.meanings.get(word)
            if word and said is None:
                counted = flag.position in self._forms.counted
                if word in self._words.true or (counted and word == "1"):
                    said = flag.yes
                elif word in self._words.false or (counted and word == "0"):
                    said = flag.no  # whatever else stands there, as an amount, says neither
            if said and said != "open":
                return said
        if layout.paid_on is not None and self._is_filled(layout.paid_on, row[layout.paid_on]):
            return "paid"
        return "open" if self._status is None else self.state_of(row[self._status])

    def _is_filled(self, column: int, text: str) -> bool:
        """Whether a cell holds a day of payment. Raises BadCell where it holds something else, or a day to come."""
        found = readings(text, self._latest)
        if found.special == "empty":
            return False
        if not found.dates:
            raise BadCell(column, found.refusal or RowRefused("date", "is not a date", "correct the list"))
        if found.dates.get(self._forms.dates.order, min(found.dates.values())) > self._tomorrow:
            raise BadCell(column, _TO_COME)
        return True

    def state_of(self, text: str) -> str:
        """Return what a word of the status column says."""
        try:
            return self._known_states[text]
        except KeyError:
            found = self._known_states[text] = self._forms.meanings[folded(text)]
            return found

    def currency_of(self, text: str) -> str | None:
        """Return the currency that a cell names, else that of the whole list. Raises BadCell."""
        try:
            return self._known_currencies[text]
        except KeyError:
            written = text.strip().upper()
            code = _CODE.fullmatch(written)
            if written and code is None:
                refusal = RowRefused("currency", "is not a code of ISO 4217", "write it as three letters, as EUR")
                raise BadCell(self._currency or 0, refusal) from None
            in_head = self._layout.head_currency
            if code and in_head and code[1] != in_head:
                why = f"names {code[1]}, and the head of the amount {in_head}"
                refusal = RowRefused("currency", why, _ONE_CURRENCY)
                raise BadCell(self._currency or 0, refusal) from None
            found = self._known_currencies[text] = code[1] if code else self._forms.currency or in_head
            return found

    def _reference(self, text: str) -> str:
        ref = _kept(text.strip())
        why = remedy = ""
        if _ERROR.fullmatch(ref):
            why, remedy = "is an error of the spreadsheet, or did not fit its column", _AS_SHOWN
        elif PLACEHOLDER.fullmatch(ref):
            return ""
        elif _ROUNDED.fullmatch(ref):
            why, remedy = (
                "is a number that a spreadsheet has rounded",
                "format the column as text, and export the list again",
            )
        elif ref[:1] in ("=", "@") or (ref[:1] in ("+", "-") and re.search(r"[(!|]", ref)):
            why, remedy = "is a formula", "export the list with values"
        elif self._guessed and not ref.isascii():
            why = "has letters beyond A to Z, and the list's encoding is a guess (Windows' Western alphabet)"
            remedy = "add --encoding cp1252 if --explain shows them right, else the list's own, as cp1250 or cp1251"
        elif any(unicodedata.category(character) in {"Cc", "Cs"} for character in ref):
            why, remedy = "holds a control character", "correct the list"
        elif len(json.dumps(ref, ensure_ascii=False)) > _LONGEST_REFERENCE:
            why = f"is too long: a value of the directory has {MAX_CHARACTERS} characters"
            remedy = "shorten it, or use another column (--columns ref=NAME)"
        if why:
            raise BadCell(self._ref or 0, RowRefused("reference", why, remedy))
        return ref

    def _known_reference(self, row: Sequence[str]) -> str:
        """Return the reference of a row that is no obligation, empty where it names none that a value could have."""
        try:
            return "" if self._ref is None else self._reference(row[self._ref])
        except BadCell:
            return ""

    def _without_due(self, line: int, row: list[str]) -> Kind | Problem:
        if not any(map(str.strip, row)):
            return Kind(line, "blank")
        if self._is_joined(row):
            return Problem("cells", _JOINED, _TAKE_APART, line)
        if self._is_heading(row):
            return Kind(line, "group or total")
        return Undated.of(line, customer_in(row[self._layout.customer]), self._known_reference(row))

    def _is_joined(self, row: Sequence[str]) -> bool:
        """Whether a row is a single cell with a whole row in it: put in quotes, or parted by another delimiter."""
        cells = [cell for cell in row if cell.strip()]
        if len(cells) != 1:
            return False
        parted = (cells[0].split(delimiter) for delimiter in DELIMITERS)
        return any(
            len(parts) >= max(self._needed, 2)
            and parts[self._layout.customer].strip()
            and readings(parts[self._due], self._latest).dates
            for parts in parted
        )

    def _is_heading(self, row: list[str]) -> bool:
        """Whether a row is the head of a group, or a total."""
        return sum(bool(cell.strip()) for cell in row) == 1 or self._is_total(row)

    def _is_total(self, row: Sequence[str]) -> bool:
        """Whether a row begins with a word of totals that is no customer's name, as in `Total Energies`."""
        begin = next((place for place, cell in enumerate(row) if cell.strip()), 0)
        first = folded(row[begin])
        if first.rstrip(":") in self._words.totals:
            return True
        if not first.startswith(tuple(f"{word}{after}" for word in self._words.totals for after in " :")):
            return False
        customer, ref = (row[at].strip() if at is not None and at < len(row) else "" for at in self._named)
        return not customer or (begin == self._layout.customer and not ref)


def customer_in(text: str) -> str:
    """Return who a cell means: the address or number itself. Empty where the spreadsheet has left an error."""
    if UNUSUAL_CUSTOMER.search(text) is None:
        return text.strip()
    # A name may be spelt with such characters, and then the directory has them too; no address is.
    plain = _kept((_UNSEEN.sub("", text) if "@" in text else text).strip())
    if _ERROR.fullmatch(plain):
        return ""
    found = _WITH_NAME.fullmatch(plain)
    return _MAILTO.sub("", found[1] if found else plain, count=1)


def _kept(text: str) -> str:
    """Return what a spreadsheet was to keep as text (`="00123"`)."""
    found = _KEPT_AS_TEXT.fullmatch(text)
    return found[1].strip() if found else text


_THOUSANDS, _REST, _CUT_LENGTH = re.compile(r"-?[1-9][0-9]{0,2}"), re.compile(r"[0-9]{3}\.[0-9]{2}"), 6
_WHOLE = re.compile(r"-?[0-9]+")
_CUT = RowRefused(
    "cells", "goes on in the next cell, as with a comma for thousands", "put amounts that hold the delimiter in quotes"
)
_JOINED, _TAKE_APART = "has a whole row in one cell", "take its quotes away, or write all rows with one delimiter"
_ONE_CURRENCY = "correct one of them, or take a column of the document's own currency (--columns amount=NAME)"
_AS_SHOWN = "make the column wider or correct its formula, and export the list again"
_STATES = frozenset(STATES)
_TO_COME = RowRefused(
    "date", "is a day of payment that is still to come", "empty such cells, or take the column out: it is not paid yet"
)
_NO_CUSTOMER = RowRefused("customer", "does not say who is meant", "add an address, or --columns customer=NAME")
_NO_AMOUNT = RowRefused("amount", "does not say what is owed", "complete the list")
_MOST_KNOWN = 10_000
_BLANK = Kind(0, "blank")


class BadCell(Exception):
    """A cell for which its row is refused."""

    def __init__(self, column: int, refusal: RowRefused) -> None:
        """Take its position and why."""
        super().__init__(refusal.why)
        self.column = column
        self.refusal = refusal
