"""What a list's columns prove by themselves: the order of dates, the decimal sign, the states. One pass over the rows.

A column that can be read in two ways is asked for; so is a word that is not known. All at once, and before any row
is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

from due_notices.commands.import_.amounts import SHAPE, AmountProof, Sign
from due_notices.commands.import_.dates import (
    ORDERS,
    YEARS_AHEAD,
    DateForm,
    Order,
    Readings,
    has_short_year,
    readings,
    zone_of_head,
)
from due_notices.commands.import_.problems import ListRefused, Problem, RowRefused
from due_notices.commands.import_.profiles import Vocabulary, folded, head_name, is_other_head, matches
from due_notices.commands.import_.recognition import Asked, Layout
from due_notices.commands.import_.source import Ending
from due_notices.commands.import_.unread import DatedReferences, Unread, is_day

_FOLDED_AT = 20_000
"""Distinct cells that are kept before they are looked at: a column of a million different ones stays small."""
_MOST_WORDS = 12
_MARK = "\x1f"
_CODE = re.compile(r"[a-z]{1,3}")
_UNCLEAR_STATES = frozenset({"credit", "sc", "cn", "crn", "cm", "dg", "order"})
# What a state or a kind becomes: a state of ours, or the kind of a row that is not an obligation.
Meaning = str


@dataclass(frozen=True, slots=True)
class Forms:
    """How the cells of a list are to be read."""

    dates: DateForm
    sign: Sign
    currency: str | None
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    """Folded word of the status column, as far as it is known → state."""
    types: Mapping[str, Meaning] | None = None
    """Folded word of the document type → kind, empty for an invoice; None where no column says it."""
    counted: frozenset[int] = frozenset()
    """Columns of yes and no that say 1 and 0."""
    reasons: Sequence[str] = field(default=(), compare=False)


class DateProof:
    """The orders that are left for a column of dates, and who ruled out the others."""

    def __init__(self, column: str, asked: Asked, hint: str, latest: int) -> None:
        """Take the column's name, what was asked for, and the order that the program is known for."""
        self._column = column
        self._asked = asked
        self._hint = hint
        self._latest = latest
        self._left: frozenset[Order] = asked.orders or frozenset(ORDERS)
        self._ruled: list[tuple[int, str, frozenset[Order]]] = []
        self._unlike: dict[tuple[Order, Order], tuple[int, str, Readings]] = {}
        self._clash: tuple[int, str] | None = None
        self._year_first: dict[bool, tuple[int, str]] = {}  # whether its year is short: the first such
        self._serial: tuple[int, str, date] | None = None
        self._buddhist: tuple[int, str, Readings] | None = None
        self._first_refused: tuple[int, str, RowRefused] | None = None
        self.seen = False

    def none(self) -> Problem:
        """Return what must be asked where no cell of the column is a date, with why the first one is none."""
        line, text, why = self._first_refused or (None, "", RowRefused("", ""))
        such = f": {text} {why.why}" if text else ""
        remedy = f"{why.remedy + ', or ' if text else ''}add --columns due=NAME"
        return Problem("columns", f"no cell of this column is a date{such}", remedy, line, self._column)

    def see(self, text: str, line: int) -> None:
        """Take a cell into account."""
        found = readings(text, self._latest)
        if found.refusal is not None:
            self._first_refused = self._first_refused or (line, text, found.refusal)
        if found.special == "serial":
            day = next(iter(found.dates.values()))
            self._serial = self._serial or (line, text, day)
            self.seen = True
        if not found.dates or found.special == "serial":
            return
        self.seen = True
        if found.special == "buddhist":
            self._buddhist = self._buddhist or (line, text, found)
        if "ymd" in found.dates and (has_short_year(text) or len(found.dates) == 1):
            self._year_first.setdefault(has_short_year(text), (line, text))
        left = self._left & found.dates.keys()
        if not left:
            self._clash = self._clash or (line, text)
            return
        if left != self._left:
            self._ruled.append((line, text, left))
            self._left = left
        for one, other in combinations([order for order in ORDERS if order in found.dates], 2):
            if found.dates[one] != found.dates[other]:
                self._unlike.setdefault((one, other), (line, text, found))

    def form(self, head: str, problems: list[Problem]) -> tuple[DateForm, str]:
        """Return the column's form, and why; what must be asked goes into `problems`."""
        asked = self._asked
        left = [order for order in ORDERS if order in self._left]
        unlike = next((self._unlike[pair] for pair in combinations(left, 2) if pair in self._unlike), None)
        why = "--dates says so" if asked.orders else "no date says otherwise"
        if self._ruled and not asked.orders:
            line, text, _ = self._ruled[-1]
            why = f"{text} in line {line} can be nothing else"
        if unlike is not None and self._hint in left:
            left, why = (
                [order for order in ORDERS if order == self._hint],
                "the profile says so, and nothing speaks against it",
            )
        elif unlike is not None:
            problems.append(self._ambiguous(unlike, left))
        if self._clash is not None and not asked.orders:
            problems.append(self._two_forms(self._clash))
        elif left[0] == "ymd" and len(self._year_first) > 1:  # 31/12/26 among 2026-12-31 is no day of 2031
            problems.append(self._two_forms(self._year_first[True]))
        if self._serial is not None and not asked.excel:
            line, text, day = self._serial
            problems.append(
                Problem(
                    "serial-day",
                    f"{text} may be a spreadsheet's serial day, {day}",
                    "add --dates excel if it is",
                    line,
                    self._column,
                )
            )
        if self._buddhist is not None and not asked.buddhist:
            line, text, found = self._buddhist
            guess = " or ".join(sorted({f"{day}" for day in found.dates.values()}))
            problems.append(
                Problem(
                    "buddhist",
                    f"{text} has a year of the Buddhist era ({guess}?)",
                    "add --dates buddhist if it is",
                    line,
                    self._column,
                )
            )
        return DateForm(left[0], asked.excel, asked.buddhist, zone_of_head(head)), why

    def _ambiguous(self, unlike: tuple[int, str, Readings], left: Sequence[Order]) -> Problem:
        line, text, found = unlike
        days = " or ".join(dict.fromkeys(_spelt(found.dates[order]) for order in left))
        besides = ",buddhist" if self._buddhist else ""
        remedy = " or ".join(f"--dates {order}{besides}" for order in left)
        return Problem(
            "dates",
            f"{text} may be {days}, and no other date of the column decides it",
            f"add {remedy}",
            line,
            self._column,
        )

    def _two_forms(self, clash: tuple[int, str]) -> Problem:
        line, text = clash
        other = f" (line {self._ruled[-1][0]}: {self._ruled[-1][1]})" if self._ruled else ""
        remedy = "write all dates of the column in one form"
        remedy += "" if self._asked.orders else ", or say which with --dates"
        return Problem("dates", f"{text} has another form than dates before it{other}", remedy, line, self._column)


def _spelt(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


class Proof:
    """What the rows of a list have proven so far."""

    def __init__(
        self, layout: Layout, asked: Asked, words: Vocabulary, today: date, *, open_ended: bool = False
    ) -> None:
        """Take what the columns mean, what was asked for, and whether the list's last line has no end."""
        self._layout = layout
        self._asked = asked
        self._words = words
        self._seen = _Seen(layout)
        self._unread = Unread(layout, asked, words)
        self._others: list[Ending | DatedReferences] = []
        if open_ended:
            self._others.append(Ending(layout.columns["due"], layout.columns.get("amount")))
        if "ref" in layout.columns and "ref" not in asked.columns:
            self._others.append(DatedReferences(layout.columns["ref"], layout.name(layout.columns["ref"])))
        profile, amount = layout.profile, layout.columns.get("amount")
        self._dates = DateProof(
            layout.name(layout.columns["due"]), asked, profile.dates if profile else "", today.year + YEARS_AHEAD
        )
        self._amounts = AmountProof(
            "" if amount is None else layout.name(amount),
            asked.decimal,
            asked.currency,
            profile.decimal if profile else "",
        )
        self._currency = asked.currency or (layout.head_currency if "currency" not in layout.columns else None)

    def add(self, lines: Sequence[int], rows: Sequence[list[str]]) -> None:
        """Take a block of rows into account."""
        self._seen.add(lines, rows)
        self._unread.add(lines, rows)
        for each in self._others:
            each.add(lines, rows)
        if len(self._seen.dates) > _FOLDED_AT or len(self._seen.amounts) > _FOLDED_AT:
            self._fold()

    def _fold(self) -> None:
        seen = self._seen
        for text, line in seen.dates.items():
            self._dates.see(text, line)
        for (_, currency), (text, line) in seen.amounts.items():
            self._amounts.see(text.strip(), line, currency.strip().upper()[:3] or self._currency)
        seen.dates.clear()
        seen.amounts.clear()

    def forms(self) -> tuple[Forms, list[Problem]]:
        """Return the forms of all columns, and everything that must be asked before they may be used."""
        self._fold()
        layout, seen = self._layout, self._seen
        problems = list(layout.problems)
        if not seen.rows:
            problems.append(Problem("file", "there is no row below the head", "export the list again"))
        if seen.other_head is not None:
            why = "is another head, below which the columns stand in another order"
            problems.append(Problem("head", why, "import each of the lists by itself", seen.other_head))
        form, why_dates = self._dates.form(layout.name(layout.columns["due"]), problems)
        if seen.rows and not self._dates.seen:
            problems.append(self._dates.none())
        sign, why_sign = self._amounts.sign(problems)
        problems += self._unread.problems()
        problems += filter(None, (each.problem() for each in self._others))
        meanings = _meanings(seen, layout, self._asked, self._words, problems)
        types = _types(seen, self._asked, self._words, problems)
        reasons = [f"dates are {form.order}: {why_dates}"]
        reasons += [f"the decimal sign is {sign}: {why_sign}"] if "amount" in layout.columns else []
        ones = frozenset(at for at, cells in seen.flags.items() if {""} < cells.keys() | {""} <= {"0", "1", ""})
        return Forms(form, sign, self._currency, meanings, types, ones, reasons), problems

    def proven(self) -> Forms:
        """Return the forms of all columns. Raises ListRefused with everything that must be asked."""
        forms, problems = self.forms()
        if problems:
            raise ListRefused(problems)
        return forms


class _Seen:
    """The distinct cells of the columns that must prove something, each with the line where it stands first."""

    def __init__(self, layout: Layout) -> None:
        self.dates: dict[str, int] = {}
        self.amounts: dict[tuple[str, str], tuple[str, int]] = {}
        self.words: dict[str, int] = {}
        self.flags: dict[int, dict[str, int]] = {flag.position: {} for flag in layout.flags}
        self.types: dict[str, int] = {}
        self.rows = 0
        self.other_head: int | None = None
        """The line of a head that names other columns, or in another order."""
        self._head = list(layout.head)
        self._names = frozenset(map(head_name, layout.head)) - {""}
        self._due = layout.columns["due"]
        self._amount = layout.columns.get("amount", -1)
        self._currency = layout.columns.get("currency", -1)
        status = layout.columns.get("status")
        said = ((status, self.words), (layout.document_type, self.types), *self.flags.items())
        self._others = [(position, seen) for position, seen in said if position is not None]
        self._needed = max(self._due, self._amount, self._currency, *(position for position, _ in self._others), 0)

    def add(self, lines: Sequence[int], rows: Sequence[list[str]]) -> None:
        """Take a block of rows into account."""
        if min(map(len, rows)) <= self._needed or self._head in rows:
            found = [
                (line, self._filled(row))
                for line, row in zip(lines, rows, strict=True)
                if any(row) and row != self._head
            ]
            if not found:
                return
            lines, rows = zip(*found, strict=True)
        self.rows += len(rows)
        dues = [row[self._due] for row in rows]
        if not self.dates.keys() >= set(dues):
            self._see_heads(lines, rows, dues)
            for due, line in zip(dues, lines, strict=True):
                self.dates.setdefault(due, line)
        if self._amount >= 0:
            self._see_amounts(lines, rows)
        for position, seen in self._others:
            words = [row[position] for row in rows]
            if not set(words) <= seen.keys():
                self._see_words(seen, words, dues, lines)

    def _see_amounts(self, lines: Sequence[int], rows: Sequence[list[str]]) -> None:
        """Keep an amount of each shape: which digits there are proves nothing, but for zeros."""
        amounts = [row[self._amount] for row in rows]
        currencies = [row[self._currency] for row in rows] if self._currency >= 0 else [""] * len(rows)
        shapes = _MARK.join(amounts).translate(SHAPE).split(_MARK)
        if len(shapes) != len(rows):  # a cell holds the mark
            shapes = [amount.translate(SHAPE) for amount in amounts]
        codes = set(currencies)
        seen = (
            {(shape, currencies[0]) for shape in set(shapes)}
            if len(codes) == 1
            else set(zip(shapes, currencies, strict=True))
        )
        if not self.amounts.keys() >= seen:
            for shape, code, amount, line in zip(shapes, currencies, amounts, lines, strict=True):
                self.amounts.setdefault((shape, code), (amount, line))

    def _see_heads(self, lines: Sequence[int], rows: Sequence[Sequence[str]], dues: Sequence[str]) -> None:
        """Note a row that names columns: below one that is not this list's head, cells mean something else."""
        heads = {due for due in dues if due and not due[0].isdigit() and head_name(due) in self._names}
        for line, due, row in zip(lines, dues, rows, strict=True) if heads else ():
            if due in heads and self.other_head is None and is_other_head(row, self._head):
                self.other_head = line

    def _filled(self, row: list[str]) -> list[str]:
        return row + [""] * (self._needed + 1 - len(row))

    def _see_words(self, seen: dict[str, int], words: Sequence[str], dues: Sequence[str], lines: Sequence[int]) -> None:
        for word, due, line in zip(words, dues, lines, strict=True):
            # A row without a due date, as a group or a total, says nothing of states.
            if word not in seen and len(seen) < _FOLDED_AT and any(map(str.isdigit, due)):
                seen[word] = line


def _meanings(
    found: _Seen, layout: Layout, asked: Asked, words: Vocabulary, problems: list[Problem]
) -> Mapping[str, Meaning]:
    """Return what the words of the status column and of the paid flag mean."""
    if layout.profile is not None:
        status = layout.columns.get("status")
        kinds = [(kind, wanted) for position, kind, wanted in layout.kinds if position == status]
        known: Mapping[str, Meaning] = layout.profile.status
    else:
        # As a state `Credit` may mean that it is owed, and `Payment` that one is awaited.
        unpaid = {word: kind for word, kind in words.kinds.items() if kind != "payment" and word not in _UNCLEAR_STATES}
        kinds, known = [], {**unpaid, **words.status}
    carried = layout.columns.get("status") in layout.carry
    meanings: dict[str, Meaning] = {**known, **asked.status}
    unknown: dict[str, int] = {}
    for word, line in found.words.items():
        each = folded(word)
        if each not in meanings and not any(matches(each, wanted) for _, wanted in kinds) and (each or not carried):
            unknown.setdefault(each, line)
    if unknown:
        problems.append(_unknown_words(unknown, found.words, "status", layout.name(layout.columns["status"])))
    for position, seen in found.flags.items():
        known_words = words.true | words.false | meanings.keys()
        if seen.keys() <= {"0", "1", ""}:
            continue
        flags = {each: line for word, line in seen.items() if (each := folded(word)) not in known_words}
        if flags and not any(any(map(str.isdigit, each)) for each in flags):
            problems.append(_unknown_words(flags, seen, "yes or no", layout.name(position)))
        elif days := [line for each, line in flags.items() if is_day(each)]:
            why = "holds days, and is read as a column of yes and no: whether a day there means yes is not known"
            remedy = 'if they are days of payment, call it "Paid on" in the list; else take the column out'
            problems.append(Problem("columns", why, remedy, min(days), layout.name(position)))
        elif flags and not layout.remains:
            why = "holds amounts, so the amount may be what was billed; what remains is owed"
            problems.append(
                Problem("columns", why, "add --columns amount=NAME", min(flags.values()), layout.name(position))
            )
    return meanings


def _types(found: _Seen, asked: Asked, words: Vocabulary, problems: list[Problem]) -> Mapping[str, Meaning] | None:
    """Return which kinds of documents the rows are; None where the column does not speak of documents."""
    known = {folded(word): line for word, line in found.types.items()}
    # Short codes in a column that is called the type, as SI and SC, may be documents that are not known.
    codes = len(known) > 1 and all(_CODE.fullmatch(word) for word in known)
    if not codes and not any(word in words.kinds or word in words.invoices for word in known):
        return None
    unknown = {
        word: line
        for word, line in known.items()
        if word not in words.kinds and word not in words.invoices and word not in asked.status
    }
    if unknown:
        problems.append(_unknown_words(unknown, found.types, "the kind of document", ""))
    given = {word: "" if state == "open" else state for word, state in asked.status.items()}
    return {**dict.fromkeys(words.invoices, ""), **words.kinds, **given}


def _unknown_words(unknown: Mapping[str, int], written: Mapping[str, int], what: str, column: str) -> Problem:
    spelt = {folded(word): word.strip() for word in written}
    shown = [spelt[word] for word in list(unknown)[:_MOST_WORDS]]
    more = f" and {len(unknown) - _MOST_WORDS} more" if len(unknown) > _MOST_WORDS else ""
    named = ", ".join(word or "an empty cell" for word in shown) + more
    options = " ".join(f'--status "{word}=open|paid|void"' for word in shown)
    return Problem("status", f"{named}: not known as {what}", f"add {options}", min(unknown.values()), column)
