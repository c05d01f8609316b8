"""Whose list it is, and which column means what. Pure: from the first lines to a layout, or to what must be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from due_notices.commands.import_.amounts import Sign
from due_notices.commands.import_.dates import Order
from due_notices.commands.import_.problems import ListRefused, Problem
from due_notices.commands.import_.profiles import FIELDS, Field, Profile, State, Vocabulary, head_name, squeezed
from due_notices.commands.import_.source import MOST_COLUMNS, parsed_lines
from due_notices.currencies import decimals_of

DELIMITERS = (",", ";", "\t", "|")
HEAD_WITHIN = 40
"""Lines in which the head must stand."""
_NAMES = frozenset({"displayname", "givenname", "surname", "companyname"})
_MOST_NAMED = 30
NO_AMOUNT = re.compile(
    r"dat|day|tag|dag|jour|día|giorn|status|state|stav| by$| on$| at$| to$|prest|forest|interest|konto|account"
)
_CURRENCY_IN_HEAD = re.compile(r"[(\[ ]([A-Z]{3})[)\]]?\s*$")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator has said about the list."""

    profile: Profile | None = None
    delimiter: str = ""
    orders: frozenset[Order] = frozenset()
    excel: bool = False
    buddhist: bool = False
    decimal: Sign | None = None
    currency: str | None = None
    status: Mapping[str, State] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    match: tuple[str, ...] = ()


class Flag(NamedTuple):
    """A column of yes and no, and the state that either says."""

    position: int
    yes: State
    no: State


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands. `columns` are positions; `customer` is the one that says who is meant."""

    delimiter: str
    head_line: int
    head: tuple[str, ...]
    columns: Mapping[Field, int]
    customer: int
    customer_by: str
    profile: Profile | None
    carry: tuple[int, ...] = ()
    kinds: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    """Position, kind, and the words of a cell that make a row of this kind."""
    flags: tuple[Flag, ...] = ()
    paid_on: int | None = None
    """The column whose date means paid, where nothing else says what remains."""
    remains: bool = True
    """Whether the amount is known to be what remains, not what was billed."""
    document_type: int | None = None
    head_currency: str | None = None
    reasons: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What must be asked; the columns of dates and amounts are known all the same, and may ask for more."""

    def name(self, column: int) -> str:
        """Return a column's head as the list writes it."""
        return self.head[column].strip() or f"#{column + 1}"


@dataclass(frozen=True, slots=True)
class _Head:
    delimiter: str
    line: int
    cells: tuple[str, ...]
    names: Mapping[str, Sequence[int]]


def recognised(lines: list[str], asked: Asked, profiles: Sequence[Profile], words: Vocabulary) -> Layout:
    """Return the layout of a list whose first lines these are. Raises ListRefused with all that must be asked."""
    heads = _heads(lines, asked.delimiter)
    head, profile, why = _profile(heads, asked, profiles)
    if profile is not None and profile.refuse:
        raise ListRefused(
            [Problem("plain", f"this is {profile.title}, which cannot be read", profile.refuse, head.line)]
        )
    if profile is None:
        head = _generic(heads, asked, words)
        if head.delimiter == "|" and not head.cells[0].strip() and not head.cells[-1].strip():
            raise ListRefused([_drawn(head)])
    if len(head.cells) > MOST_COLUMNS:
        raise ListRefused(
            [
                Problem(
                    "columns", f"the head has {len(head.cells):,} columns", f"a list has {MOST_COLUMNS:,} at the most"
                )
            ]
        )
    return _Mapper(head, profile, asked, words).layout(why)


def _heads(lines: list[str], delimiter: str) -> list[_Head]:
    first = lines[0].strip("\ufeff \r\n").casefold() if lines else ""
    delimiters: Iterable[str] = DELIMITERS
    if delimiter:
        delimiters = (delimiter,)
    elif len(first) == 5 and first.startswith("sep="):  # noqa: PLR2004 (the line that Excel writes)
        delimiters = (first[4],)
    found = []
    for each in delimiters:
        for line, row in parsed_lines(lines, each):
            names: dict[str, list[int]] = {}
            for position, cell in enumerate(row):
                names.setdefault(head_name(cell), []).append(position)
            names.pop("", None)
            if len(names) > 1:
                found.append(_Head(each, line, tuple(row), names))
    return found


def _profile(heads: Sequence[_Head], asked: Asked, profiles: Sequence[Profile]) -> tuple[_Head, Profile | None, str]:
    """Return the head and the profile that knows most of it; the profile is None where none does."""
    if asked.profile is not None:
        for head in heads:
            if all(name in head.names for name in asked.profile.signature):
                return head, asked.profile, "as --profile says"
        wanted = ", ".join(asked.profile.signature)
        raise ListRefused(
            [
                Problem(
                    "profile",
                    f"no line at the beginning is a head of the profile {asked.profile.name}",
                    f"it has the columns {wanted}",
                )
            ]
        )
    found = [
        (len(profile.signature), head, profile)
        for head in heads
        for profile in profiles
        if profile.signature and all(name in head.names for name in profile.signature)
    ]
    if not found:
        return _NO_HEAD, None, "no profile knows its head; columns by their names"
    most = max(size for size, _, _ in found)
    best = {profile.name: (head, profile) for size, head, profile in reversed(found) if size == most}
    if len(best) > 1:
        raise ListRefused(
            [
                Problem(
                    "profile", "the head fits several profiles", f"add --profile {' or --profile '.join(sorted(best))}"
                )
            ]
        )
    ((head, profile),) = best.values()
    columns = ", ".join(head.cells[position].strip() for position in _positions(head, profile.signature))
    return head, profile, f"line {head.line} has the columns {columns}"


_NO_HEAD = _Head("", 0, (), {})


def _positions(head: _Head, names: Sequence[str]) -> list[int]:
    return [head.names[name][0] for name in names]


def _generic(heads: Sequence[_Head], asked: Asked, words: Vocabulary) -> _Head:
    """Return the line that says most of what columns mean."""

    def known(head: _Head) -> int:
        bare = {squeezed(each) for name in head.names for each in (name, _bare(name))}
        given = {head_name(name) for name in asked.columns.values()}
        named = sum(3 for name in given if name in head.names)
        return named + sum(any(name in bare for rank in words.heads[each] for name in rank) for each in FIELDS)

    best = max(heads, key=known, default=_NO_HEAD)
    if not heads or known(best) < 2:  # noqa: PLR2004 (one known word may stand in any line)
        widest = max(heads, key=lambda head: len(head.names), default=_NO_HEAD)
        raise ListRefused(
            [
                Problem(
                    "columns",
                    "no line at the beginning is a head that says what the columns are"
                    + (f"; line {widest.line} has {_listed(widest)}" if widest.names else ""),
                    "add --columns due=NAME,customer=NAME,ref=NAME,amount=NAME, or write a profile (docs/import.md); "
                    "--delimiter where cells are parted by something else than a comma, a semicolon, a tab or |",
                )
            ]
        )
    return best


def _drawn(head: _Head) -> Problem:
    return Problem(
        "plain",
        "the list is drawn with lines, so its columns are cut to their width",
        "export it as CSV or as text with tabs",
        head.line,
    )


def _listed(head: _Head) -> str:
    shown = [cell.strip() for cell in head.cells if cell.strip()][:_MOST_NAMED]
    return ", ".join(shown) + (" …" if len(head.cells) > _MOST_NAMED else "")


def _bare(name: str) -> str:
    """Return a head without what stands in brackets, or a currency at its end: `Balance (EUR)`, `Balance EUR`."""
    bare = re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", name)
    start, blank, end = bare.rpartition(" ")
    return start if blank and (end in _SIGNS or decimals_of(end.upper()) is not None) else bare


_SIGNS = frozenset("€$£¥₹")


class _Mapper:
    """Finds the column of each field, and collects what must be asked."""

    def __init__(self, head: _Head, profile: Profile | None, asked: Asked, words: Vocabulary) -> None:
        self._head = head
        self._profile = profile
        self._asked = asked
        self._words = words
        self._problems: list[Problem] = []
        self._reasons: list[str] = []
        self._bare: dict[str, list[int]] = {}
        for name, positions in head.names.items():
            for each in {squeezed(name), squeezed(_bare(name))} - {""}:
                self._bare.setdefault(each, []).extend(positions)

    def layout(self, why: str) -> Layout:
        given = {key: self._position(key, name) for key, name in self._asked.columns.items()}
        columns: dict[Field, int] = {}
        for each in FIELDS:
            position = given.get(each)
            if position is None and not (each in ("address", "number", "name") and "customer" in given):
                position = self._found(each)
            if position is not None and (position >= 0 or each == "due"):
                columns[each] = position
        if "due" not in columns and not self._problems:
            self._ask(f"no column is known to be the due date; the list has {_listed(self._head)}", "due")
        customer, by = self._customer(columns, given.get("customer"))
        self._billed(columns)
        if (
            self._profile is not None
            and "currency" in self._profile.ask
            and not self._asked.currency
            and "currency" not in columns
        ):
            self._problems.append(
                Problem(
                    "currency",
                    f"{self._profile.title} does not say the currency",
                    "add --currency, for instance --currency THB",
                )
            )
        if "due" not in columns or columns["due"] < 0:
            raise ListRefused(self._problems)
        profile, words = self._profile, self._words
        return Layout(
            delimiter=self._head.delimiter,
            head_line=self._head.line,
            head=self._head.cells,
            columns=columns,
            customer=customer,
            customer_by=by,
            profile=profile,
            carry=tuple(
                self._head.names[name][0] for name in (profile.carry if profile else ()) if name in self._head.names
            ),
            kinds=self._kinds(),
            flags=() if profile else self._flags(columns),
            paid_on=None
            if profile or "status" in columns or self._remains(columns)
            else self._one_of(words.paid_dates),
            remains=profile is not None or self._remains(columns),
            document_type=None if profile else self._one_of(self._words.types),
            head_currency=self._head_currency(columns.get("amount")),
            reasons=(why, *self._reasons),
            problems=tuple(self._problems),
        )

    def _flags(self, columns: Mapping[Field, int]) -> tuple[Flag, ...]:
        words = self._words
        kinds: tuple[tuple[frozenset[str], State, State], ...] = (
            (words.paid_flags, "paid", "open"),
            (words.void_flags, "void", "open"),
            (words.open_flags, "open", "paid"),
        )
        return tuple(
            Flag(position, yes, no)
            for names, yes, no in kinds
            for name, positions in self._head.names.items()
            for position in positions
            if squeezed(name) in names and position not in columns.values()
        )

    def _remains(self, columns: Mapping[Field, int]) -> bool:
        """Whether the amount is known to be what remains."""
        amount = columns.get("amount")
        if amount is None:
            return False
        name = head_name(self._head.cells[amount])
        remains = self._words.heads["amount"][0]
        return "amount" in self._asked.columns or squeezed(name) in remains or squeezed(_bare(name)) in remains

    def _position(self, key: str, name: str) -> int:
        if re.fullmatch(r"#[0-9]{1,4}", name) and 0 < int(name[1:]) <= len(self._head.cells):
            return int(name[1:]) - 1
        found = self._head.names.get(head_name(name), ())
        if len(found) != 1:
            many = "two columns are" if found else "no column is"
            self._problems.append(
                Problem(
                    "columns",
                    f"{many} called {name}; the list has {_listed(self._head)}",
                    f"correct --columns {key}=, or give its place as #3",
                )
            )
            return -1
        return found[0]

    def _found(self, each: Field) -> int | None:
        if self._profile is not None:
            return self._of_profile(self._profile, each)
        for rank in self._words.heads[each]:
            positions = sorted({position for name in rank for position in self._bare.get(name, ())})
            if len(positions) == 1:
                self._reasons.append(f"{self._head.cells[positions[0]].strip()} is the {each}, by its name")
                return positions[0]
            if positions and each not in ("number", "name"):
                names = [self._head.cells[position].strip() for position in positions]
                self._ask(f"{' and '.join(names)} may each be the {each}", each, names)
                return None
        return None

    def _of_profile(self, profile: Profile, each: Field) -> int | None:
        choice = [name for name in profile.choose.get(each, ()) if name in self._head.names]
        if len(choice) > 1:
            names = [self._head.cells[self._head.names[name][0]].strip() for name in choice]
            self._ask(f"{' and '.join(names)} may each be the {each}", each, names)
            return None
        for name in (*choice, *profile.columns.get(each, ())):
            if name in self._head.names:
                return self._head.names[name][0]
        return None

    def _customer(self, columns: Mapping[Field, int], given: int | None) -> tuple[int, str]:
        """Return the column that says who is meant: what was asked for, the address, or what --match can find."""
        if given is not None:
            return given, "customer"
        by_name = any(attribute.casefold() in _NAMES for attribute in self._asked.match)
        wanted: tuple[Field, ...] = ("address", "number", "name")
        if self._asked.match:
            wanted = ("name", "number", "address") if by_name else ("number", "address", "name")
        for each in wanted:
            if each in columns:
                if each != "address" and not self._asked.match:
                    self._needs_match(self._head.cells[columns[each]].strip(), each)
                return columns[each], each
        if not self._problems:
            self._ask(f"no column is known to say who is meant; the list has {_listed(self._head)}", "customer")
        return -1, ""

    def _needs_match(self, name: str, each: Field) -> None:
        attribute = "displayName" if each == "name" else "employeeId"
        self._problems.append(
            Problem(
                "match",
                f"the list says who is meant by a {each} ({name}), which no account is found by",
                f"add a column with e-mail addresses, or name the attribute that holds it, as --match {attribute}",
            )
        )

    def _billed(self, columns: Mapping[Field, int]) -> None:
        """Ask where the only amount may be what was billed, since another column says what was paid of it."""
        amount = columns.get("amount")
        if self._profile is not None or amount is None or self._remains(columns):
            return
        billed = self._head.cells[amount].strip()
        if (paid := self._one_of(self._words.paid_amounts)) is not None:
            payments = self._head.cells[paid].strip()
            why = f"{billed} may be what was billed, since {payments} says what was paid; what remains is owed"
            self._ask(why, "amount")
        elif (other := self._may_remain(columns)) is not None:
            name = self._head.cells[other].strip()
            why = f"{billed} may be what was billed, and {name} what remains; what remains is owed"
            self._ask(why, "amount", (billed, name))

    def _may_remain(self, columns: Mapping[Field, int]) -> int | None:
        """Return a column whose head speaks of what remains, if not of its day or state."""
        flags = {flag.position for flag in self._flags(columns)}
        for name, positions in self._head.names.items():
            free = positions[0] not in columns.values() and positions[0] not in flags
            if free and not NO_AMOUNT.search(name) and any(part in name for part in self._words.remains_parts):
                return positions[0]
        return None

    def _kinds(self) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
        if self._profile is None:
            return ()
        return tuple(
            (self._head.names[name][0], kind, wanted)
            for kind, heads in self._profile.kinds.items()
            for name, wanted in heads.items()
            if name in self._head.names
        )

    def _one_of(self, names: frozenset[str]) -> int | None:
        found = [at for name, positions in self._head.names.items() for at in positions if squeezed(name) in names]
        return found[0] if len(found) == 1 else None

    def _head_currency(self, amount: int | None) -> str | None:
        found = None if amount is None else _CURRENCY_IN_HEAD.search(self._head.cells[amount].strip())
        return found[1] if found and decimals_of(found[1]) is not None else None

    def _ask(self, why: str, each: str, names: Sequence[str] = ("NAME",)) -> None:
        self._problems.append(
            Problem("columns", why, "add " + " or ".join(f"--columns {each}={name}" for name in names))
        )
