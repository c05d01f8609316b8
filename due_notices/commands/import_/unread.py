"""What the columns that nothing reads may still say: payments, states, credits, the amount itself. Pure.

A list that no profile knows is read by the names of its columns. A column whose name is not known may change what is
owed all the same; head and cells together show it, and then it is asked for.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from due_notices.commands.import_.amounts import SIGNS, Sign, taken_apart, with_sign
from due_notices.commands.import_.dates import readings
from due_notices.commands.import_.problems import Problem, RowRefused
from due_notices.commands.import_.profiles import Vocabulary, folded, head_name
from due_notices.commands.import_.recognition import NO_AMOUNT, Asked, Layout

_MOST = 40
"""Distinct cells of a column that are looked at: words of states are few, and of amounts a sample will do."""
_OF_NO_WEIGHT = re.compile(
    r"\bterm|method|type|means|link|mode|number|\bno\b|\bref|limit|count|gateway|provider|\bid\b|name|bank|iban|plan|"
    r"delay|score|promis|expect|bedingung|frist|ziel|zahlungsart|zahlweise|mittel|referenz|reference|referens|vorname|termij|termin|villkor|"
    r"betingels|vilkår|conditi|condici|condiz|plazo|prazo|ehto|aika\b"
)
NOT_OWED = re.compile(
    r"tax|vat\b|gst|tva|iva\b|mwst|ust\b|steuer|btw|moms|mva|discount|rabatt|skonto|remise|descuento|sconto|unit|price|"
    r"preis|prix|line|item|position|quantity|qty|menge|net\b|netto|fee|cost|rate|shipping|税|dph|áfa|\bkdv\b|\balv\b|\bpdv\b|\bddv\b|ндс"
)
_IN_ALL = re.compile(r"\bincl|\binkl|gross|brutto|\bttc\b|with (vat|tax|gst)")
_NEVER_A_PART = re.compile(
    rf"{NOT_OWED.pattern}|{_OF_NO_WEIGHT.pattern}|{NO_AMOUNT.pattern}|age\b|overdue|nr\b|num|code|konto|steuer|porto|"
    r"versand|mahn|zins|interest|penalty|late|reminder|percent|prozent|%|zip|postal|plz|week|month|year|excl|exkl|\bht\b|sub-?total|zwischensumme|sous-total|tussentotaal|"
    r"imponib|base imp|l[íi]quid|základ|kurs|\bfx\b|exchange|koers|cambio|hours?\b|stunden|heures|horas|\buren\b|"
    r"^current$|^[<>]? ?\d"
)
_SIDE = re.compile("sign|sens|side|seite|kennz|indic|vorz")
_FREE_TEXT = re.compile(r"note|comment|remark|bemerk|descr|beschr|memo|subject|betreff|name|email|e-mail|@|\bid\b|url")
_NOT_WHOLE = re.compile(
    r"(?<![^\W_])(cents?|ct|pence|minor|[øö]re|rappen|centimes?|c[ée]ntimos|centavos|centesimi|groszy|hal[ée]ř\w*|"
    r"kopeks?|fils|paise|0{3}s?|thousands?|tausend|tsd|milliers|miles|migliaia|duizend\w*|tys|tis|"
    r"[tkm] ?(eur|usd|gbp|chf|€|\$|£)|mio|mln|millions?|lakhs?|"
    r"lacs?|crores?|千円|万円|百万円|千元|万元|days?|hours?|%)(?![^\W_])",
    re.IGNORECASE,
)
_OWN_CURRENCY = re.compile(
    r"\blcy\b|\blocal\b|\bbase\b|\bcompany\b|\bfunctional\b|\bhome\b|\breporting\b|hauswähr|basiswähr|eigenwähr|"
    r"locale?\b|de base\b|lokal|basisvaluta"
)
_NO_STATE = re.compile(r"fee\b|gebühr|currency|währung|valuta|devise|moneda")
_NOTHING = frozenset({"-", "\u2013", "n/a", "0", "0.0", "0.00", "0,0", "0,00", "0000-00-00", "00.00.0000"})
_LEAST_PART = 10
_REMEDY = "leave such rows out of the list, or write a profile (docs/import.md)"


NO_REFERENCE = r"(?:[Nn]/?[Aa]|[Nn][Oo][Nn][Ee]|[Nn][Uu][Ll][Ll]|0+)"
PLACEHOLDER = re.compile(rf"{NO_REFERENCE}|[\W_]+")
"""What stands in a column of references where there is none."""
_MONTH = "jan|feb|f[ée]v|m[aä]r|apr|avr|may|mai|maj|mei|jun|jul|aug|ago|sep|o[ck]t|out|nov|de[cz]"
_DATED = re.compile(
    rf"\d{{1,2}}[-. ]{{1,2}}(?:{_MONTH})\.?(?:[-. ]\d{{2,4}})?|(?:{_MONTH})[-. ]\d{{2}}|"
    r"\d{4}-[01]\d-[0-3]\d(?: 00:00(?::00)?)?|[0-3]?\d([./])[0-3]?\d\1(?:19|20)\d{2}(?: 0?0:00(?::00)?)?",
    re.IGNORECASE,
)
_MOST_FORMS = 1_000
_CLASSES = {ord(each): "9" if each.isdigit() else "a" for each in f"{string.digits}{string.ascii_letters}"}


class DatedReferences:
    """Watches a column of references for those that a spreadsheet has turned into dates: `3-12` becomes `12-Mar`."""

    def __init__(self, column: int, name: str) -> None:
        """Take its place and its name."""
        self._column = column
        self._name = name
        self._dated: dict[str, tuple[int, str]] = {}
        self._others: set[str] = set()

    def add(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Take a block of rows into account."""
        cells = [row[self._column].strip() if len(row) > self._column else "" for row in rows]
        forms = _form("\x1f".join(cells)).split("\x1f")
        if len(forms) != len(cells):  # a cell holds the mark
            forms = list(map(_form, cells))
        others = self._others
        if others.issuperset(forms):
            return
        for line, cell, form in zip(lines, cells, forms, strict=True):
            if form in others or PLACEHOLDER.fullmatch(cell):
                continue
            if _DATED.fullmatch(cell):
                self._dated.setdefault(form, (line, cell))
            elif len(others) < _MOST_FORMS:
                others.add(form)

    def problem(self) -> Problem | None:
        """Ask where some references are dates and others are something else."""
        others = self._others - {""}
        of_digits = set(map(_run_together, others))  # 5/12/2026 is a number beside 45/12/2026
        turned = [
            found
            for form, found in self._dated.items()
            if form not in others and ("a" in form or _run_together(form) not in of_digits)
        ]
        if not turned or not others:
            return None
        line, text = min(turned)
        return Problem(
            "reference", f"{text} may be a reference that a spreadsheet has turned into a date, as others are none",
            f'format the column as text and export the list again, or add --columns "ref={self._name}" to take them '
            "as they are",
            line, self._name,
        )  # fmt: skip


def _form(text: str) -> str:
    """Return what a text is made of: digits, letters and the marks between them."""
    return text.translate(_CLASSES)


def _run_together(form: str) -> str:
    return re.sub("9+", "9", form)


class Unread:
    """Watches the columns of a list that nothing reads."""

    def __init__(self, layout: Layout, asked: Asked, words: Vocabulary) -> None:
        """Take what is read, what was asked for, and what columns and states are called."""
        self._layout = layout
        self._asked = asked
        self._words = words
        self._due = layout.columns["due"]
        read = {*layout.columns.values(), layout.customer, layout.paid_on, layout.document_type}
        read |= {flag.position for flag in layout.flags} | {position for position, _, _ in layout.kinds}
        named = (position for position, cell in enumerate(layout.head) if cell.strip() and position not in read)
        # A profile knows the amounts of its program, and the states where it has a column of them.
        self._all = layout.profile is None
        watched = self._all or "status" not in layout.columns
        self._cells: dict[int, dict[str, int]] = {position: {} for position in named} if watched else {}
        self._watched = list(self._cells)
        parts = words.due_parts
        amount = layout.columns.get("amount")
        # The names alone have asked which column is the amount.
        self._is_asked = any("amount=" in problem.remedy for problem in layout.problems)
        self._amount_at = -1 if amount is None or layout.remains or not self._all else amount
        self._parts = {
            position: _Part()
            for position in (self._cells if self._amount_at >= 0 else ())
            if not _NEVER_A_PART.search(head_name(layout.head[position]))
        }
        self._other_days: dict[int, tuple[int, str] | None] = {
            position: None
            for position in self._cells
            if any(part in head_name(layout.head[position]) for part in parts)
        }

    def add(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Take a block of rows into account."""
        if not self._cells:
            return
        width = min(map(len, rows))
        self._compare_days(lines, rows)
        self._compare_amounts(lines, rows)
        for position in tuple(self._watched):
            seen = self._cells[position]
            if position < width and {row[position] for row in rows} <= seen.keys():
                continue
            for line, row in zip(lines, rows, strict=True):
                # A row without a due date, as a group or a total, says nothing.
                if max(position, self._due) < len(row) and any(map(str.isdigit, row[self._due])):
                    seen.setdefault(row[position], line)
            if len(seen) > _MOST:
                self._watched.remove(position)

    def _compare_days(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Note where a column that may be the due date, too, says another day."""
        for position in [position for position, unlike in self._other_days.items() if unlike is None]:
            for line, row in zip(lines, rows, strict=True):
                if max(position, self._due) >= len(row):
                    continue
                due, other = row[self._due].strip(), row[position].strip()
                if due != other and is_day(due) and is_day(other):
                    self._other_days[position] = line, other
                    break

    def _compare_amounts(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Note the columns whose cells are amounts, and never more than the one that is taken for the amount."""
        for position, part in tuple(self._parts.items()):
            for line, row in zip(lines, rows, strict=True):
                if max(position, self._amount_at, self._due) >= len(row) or not row[self._due].strip():
                    continue
                if not part.fits(row[self._amount_at].strip(), row[position].strip(), line):
                    del self._parts[position]
                    break

    def problems(self) -> Iterator[Problem]:
        """Yield what must be asked."""
        for position, unlike in self._other_days.items():
            if unlike is not None and "due" not in self._asked.columns:
                name, due = self._layout.name(position), self._layout.name(self._due)
                yield Problem(
                    "columns", f"{name} says {unlike[1]}, and {due} another day; each may be the due date",
                    f'add --columns "due={name}" or "due={due}"', unlike[0], name,
                )  # fmt: skip
        cells = {
            position: {folded(cell): line for cell, line in reversed(seen.items()) if cell.strip()}
            for position, seen in self._cells.items()
        }
        yield from self._other_units()
        if self._all:
            yield from self._two_sides(cells)
        for position, words in cells.items():
            if words:
                head = head_name(self._layout.head[position])
                problem = self._states(position, head, words)
                if problem is None and self._all:
                    problem = (
                        self._credits(position, head, words)
                        or self._payments(position, head, words)
                        or self._part(position)
                        or self._amount(position, head, words)
                    )
                if problem is not None:
                    yield problem

    def _other_units(self) -> Iterator[Problem]:
        """Refuse amounts whose head says that they are no whole units, or not of the currency beside them."""
        columns = self._layout.columns
        if self._layout.profile is not None or "amount" not in columns:
            return
        name = self._layout.name(columns["amount"])
        if unit := _NOT_WHOLE.search(name):
            why = f"holds no whole units of a currency, as its head says ({unit[0]})"
            yield Problem("unit", why, "export amounts as 120.50, or take another column", column=name)
        if "currency" not in columns or "amount" in self._asked.columns:
            return
        own, beside = _OWN_CURRENCY.search(head_name(name)), self._layout.name(columns["currency"])
        if own and own[0] not in head_name(beside):
            yield Problem(
                "columns",
                f"{name} is in the books' own currency, and {beside} may name another one; what the customer owes is "
                "in the document's",
                f'add "--columns amount=NAME", or "amount={name}" if all are in one currency',
            )

    def _two_sides(self, cells: Mapping[int, Mapping[str, int]]) -> Iterator[Problem]:
        """Ask where debits stand in one column and credits in another."""
        if "amount" in self._layout.columns:
            return
        sides = [
            [at for at, words in cells.items() if head_name(self._layout.head[at]) in names and _amounts(words)]
            for names in (self._words.debits, self._words.credits)
        ]
        if all(sides):
            debit, credit = (self._layout.name(side[0]) for side in sides)
            yield Problem(
                "columns",
                f"amounts stand in {debit} and in {credit}, and one of them is no obligation",
                f"add --columns amount={debit} or --columns amount={credit}",
            )
            for at in (*sides[0], *sides[1]):
                cells[at].clear()  # type: ignore[attr-defined]  # (a dict of our own)

    def _credits(self, position: int, head: str, words: Mapping[str, int]) -> Problem | None:
        """Ask where a column says of each amount whether it is a debit or a credit."""
        debits, credits_ = self._words.debits, self._words.credits
        if not words.keys() <= debits | credits_ or words.keys().isdisjoint(credits_):
            return None
        parts = set(re.split(r"[^\w+]+|_", head))
        named = not parts.isdisjoint(debits | credits_) or _SIDE.search(head)
        spelt = max(map(len, words)) > 1 and not words.keys().isdisjoint(debits)
        if not named and (not spelt or _OF_NO_WEIGHT.search(head)):
            return None
        name = self._layout.name(position)
        return Problem(
            "columns", f"{name} says which amounts are credits, which are no obligations", _REMEDY,
            min(words.values()), name,
        )  # fmt: skip

    def _states(self, position: int, head: str, words: Mapping[str, int]) -> Problem | None:
        """Ask where a column may say that nothing is owed any more."""
        if _FREE_TEXT.search(head):
            return None
        name = self._layout.name(position)
        known = self._words.status
        said = {word: line for word, line in words.items() if known.get(word, "open") != "open"}
        speaks = any(part in head for part in self._words.state_parts) and not _NO_STATE.search(head)
        if not said and speaks and not (_amounts(words) and any(part in head for part in self._words.paid_parts)):
            said = {word: line for word, line in words.items() if word not in self._words.false | _NOTHING}
        answered = {*self._asked.status, *(word for word, state in known.items() if state == "open")}
        said = {word: line for word, line in said.items() if word not in answered}
        contested = any(part in head for part in self._words.dispute_parts)
        if not said or ("status" in self._layout.columns and not contested):
            return None
        word, line = next(iter(said.items()))
        if "status" in self._layout.columns:
            return Problem("columns", f"{name} says {word}, and is not read", _REMEDY, line, name)
        return Problem(
            "columns", f"{name} says {word}, and may be the status, which no column is known to be",
            f'add --columns "status={name}", or --status "{word}=open"', line, name,
        )  # fmt: skip

    def _payments(self, position: int, head: str, words: Mapping[str, int]) -> Problem | None:
        """Ask where the amount may be what was billed, since another column holds what was paid of it."""
        amount = self._layout.columns.get("amount")
        if amount is None or self._layout.remains or self._is_asked or not self._speaks(head, self._words.paid_parts):
            return None
        if not _amounts(words):
            return None
        billed, name = self._layout.name(amount), self._layout.name(position)
        return Problem(
            "columns", f"{billed} may be what was billed, since {name} holds what was paid; what remains is owed",
            f'add "--columns amount=NAME" with the column of what remains, or "amount={billed}" if that is it',
            min(words.values()), name,
        )  # fmt: skip

    def _part(self, position: int) -> Problem | None:
        """Ask where another column may be what remains, or was paid, of the amount, whatever it is called."""
        part = self._parts.get(position)
        if part is None or not part.is_likely or self._is_asked:
            return None
        billed, name = self._layout.name(self._amount_at), self._layout.name(position)
        return Problem(
            "columns", f"{billed} may be what was billed, and {name} what remains or was paid of it",
            f'what remains is owed: add --columns "amount={name}" or "amount={billed}"', part.line, name,
        )  # fmt: skip

    def _amount(self, position: int, head: str, words: Mapping[str, int]) -> Problem | None:
        """Ask where no column is known to be the amount, and this one may be."""
        if "amount" in self._layout.columns or not self._speaks(head, self._words.amount_parts):
            return None
        if (NOT_OWED.search(head) and not _IN_ALL.search(head)) or not _amounts(words):
            return None
        name = self._layout.name(position)
        why = f"{name} may be the amount, which no column is known to be"
        return Problem("columns", why, f'add --columns "amount={name}"', min(words.values()), name)

    @staticmethod
    def _speaks(head: str, parts: Sequence[str]) -> bool:
        head = head.replace("to date", "")  # as in "paid to date", which is no day
        return any(part in head for part in parts) and not NO_AMOUNT.search(head) and not _OF_NO_WEIGHT.search(head)


class _Part:
    """Whether the cells of a column may be a part of the amounts beside them."""

    def __init__(self) -> None:
        self.line = 0
        self._whole = self._some = self._none = self._decimals = False

    @property
    def is_likely(self) -> bool:
        """Whether some are a part, and all look like money."""
        return bool(self.line) and (self._whole or (self._some and (self._none or self._decimals)))

    def fits(self, amount: str, cell: str, line: int) -> bool:
        """Take a row into account; return False where the cell can be no part of the amount."""
        if cell == amount:
            self._whole = self._whole or bool(amount)
            return True
        if cell in {"", "-", "\u2013"}:
            return True
        try:
            one, other = taken_apart(amount), taken_apart(cell)
        except RowRefused:
            return False
        both = (_number(one.number, sign, other.number) for sign in SIGNS)
        found = next((pair for pair in both if pair is not None), None)
        if found is None or found[1] > found[0] or one.negative != other.negative:
            return False
        if found[1] < found[0]:
            self.line = self.line or line
            decimals = re.search(r"[.,]\d{2}$", cell) is not None
            # A digit alone is a yes, a level or a count.
            self._some = self._some or (bool(found[1]) and (decimals or found[1] >= _LEAST_PART))
            self._none = self._none or not found[1]
            self._decimals = self._decimals or decimals
        else:
            self._whole = True
        return True


def _number(one: str, sign: Sign, other: str) -> tuple[Decimal, Decimal] | None:
    """Return two numbers that are both written with this decimal sign."""
    found = with_sign(one, sign, None), with_sign(other, sign, None)
    return None if None in found else (Decimal(found[0] or 0), Decimal(found[1] or 0))


def is_day(text: str) -> bool:
    """Whether a cell holds a day, in whatever order it is written."""
    return len(re.findall(r"\d+", text)) >= 2 and bool(readings(text, 9999).dates)  # noqa: PLR2004 (day and year)


def _amounts(words: Mapping[str, int]) -> bool:
    """Whether cells hold amounts other than zero, and nothing but amounts and dashes."""
    found = False
    for word in words:
        try:
            cell = taken_apart(word)
        except RowRefused:
            if word not in _NOTHING:
                return False
        else:
            found = found or bool(cell.number.strip("0.,' "))
    return found
