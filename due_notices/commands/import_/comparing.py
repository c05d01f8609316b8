"""The list against the whole directory: one reading, matched at home, and what would become of each user.

The directory is read once. What is needed of each user waits in a file, because only its last page shows that an
address belongs to one account alone; then each user's change is worked out. So memory does not grow with the users.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from tempfile import TemporaryFile
from typing import IO, Any, Literal

import msgspec

from due_notices.commands.import_.changes import Rules, Step, UserChange, Value, changed
from due_notices.commands.import_.entries import Entries, Owed, clash, once
from due_notices.commands.import_.matching import Owners, values_at
from due_notices.commands.import_.problems import MOST_KEPT, Problem
from due_notices.model import Obligation
from due_notices.obligations import values_of

Mode = Literal["complete", "partial", ""]
CLEAR_LIMIT = 20
"""Percent of the open values that a complete list may clear without --accept."""
_AT_A_TIME = 500
_GUID = "00000000-0000-0000-0000-000000000000"
_DIGITS = str.maketrans(dict.fromkeys("123456789abcdefABCDEF", "0"))

Page = Sequence[Mapping[str, object]]


class Spool:
    """Things that wait in a file until they are asked for, in the order in which they were added."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Take an open file."""
        self._stream = stream
        self._last: list[Any] = []

    def add(self, each: Any) -> None:
        """Add what JSON can say."""
        self._last.append(each)
        if len(self._last) == _AT_A_TIME:
            self._write()

    def __iter__(self) -> Iterator[Any]:
        if self._last:
            self._write()
        return _items(self._stream)

    def _write(self) -> None:
        self._stream.write(msgspec.json.encode(self._last) + b"\n")
        self._last.clear()


@dataclass
class Comparison:
    """What an import would do, in figures; the users whose values change, and each step, wait in files."""

    mode: Mode
    _writes: Spool
    _rows: Spool
    users: int = 0
    several: bool = False
    """Whether the attribute holds several values."""
    changes: int = 0
    """Users that would be written."""
    opened: int = 0
    """Open values of the directory."""
    still_open: int = 0
    """Those that are not in the list and are left open."""
    absent: int = 0
    """Those that are not in the list and would be cleared."""
    held: int = 0
    """Those that a complete list would clear, were their row or their customer not in doubt."""
    counts: Counter[str] = field(default_factory=Counter)
    """Obligations: new, changed, unchanged, cleared, not found, refused."""
    not_asked: int = 0
    """Paid or void in the list, and not in the directory."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def clears_too_many(self) -> bool:
        """Whether a complete list would clear more than its share."""
        return self.absent * 100 > self.opened * CLEAR_LIMIT

    def writes(self) -> Iterator[tuple[str, Value, Value]]:
        """Yield id, values before and values after of each user that would be written."""
        yield from self._writes

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what would become of each obligation: what, id, lines, due, ref, amount, currency, status."""
        yield from self._rows

    def add_problem(self, problem: Problem) -> None:
        """Take in why a user, or a customer, is left alone."""
        if len(self.problems) < MOST_KEPT:
            self.problems.append(problem)

    def add_write(self, identifier: str, before: Value, after: Value) -> None:
        """Take in a user that would be written."""
        self.changes += 1
        self._writes.add((identifier, before, after))

    def add_row(
        self, what: str, identifier: str, lines: Sequence[int], said: Obligation | Owed | None, because: str = ""
    ) -> None:
        """Take in what would become of one obligation."""
        self.counts[what] += 1
        if what == "unchanged":
            return
        row: dict[str, Any] = {"what": what, "userId": identifier, "lines": list(lines)}
        if isinstance(said, Obligation):
            row |= _shown(said.due, said.reference, said.amount, said.currency, said.status)
        elif said is not None:
            row |= _shown(said.due, said.ref, said.amount, said.currency, said.state)
        if because:
            row["because"] = because
        self._rows.add(row)


@contextmanager
def compared(
    entries: Entries,
    owners: Owners,
    pages: Iterable[Page],
    attribute: tuple[str, ...],
    mode: Mode,
    rules: Callable[[bool | None], Rules],
    seen: Callable[[int], None] = lambda _: None,
) -> Iterator[Comparison]:
    """Read the directory to its end and give what the list would change, as long as the context lasts.

    `rules` are asked for when it is known whether users have several values (None: no user has any). Without a mode,
    values that the list says nothing of are counted and left alone.
    """
    known: bool | None = None
    with TemporaryFile() as waiting, TemporaryFile() as writes, TemporaryFile() as rows:
        found = Comparison(mode, Spool(writes), Spool(rows))
        for page in pages:
            found.users += len(page)
            several = _wait(waiting, owners, page, attribute)
            known = known or several if several is not None else known
            seen(len(page))
        accounts, listed_again = _accounts(owners, waiting)
        lost = _lost(entries, owners)
        ruled = rules(known)
        found.several = ruled.several
        for user in _once(_items(waiting), listed_again):
            _decide(found, entries, owners, user, ruled, lost)
        _not_meant(found, entries, owners, accounts)
        for problem in entries.refused:
            found.add_row("refused", "", [problem.line] if problem.line else [], None, str(problem))
        found.counts["refused"] += entries.refused_rows - len(entries.refused)
        found.problems = [*entries.refused, *found.problems]
        yield found


def _wait(waiting: IO[bytes], owners: Owners, page: Page, attribute: tuple[str, ...]) -> bool | None:
    """Keep what is needed of a page; return whether the attribute holds several values, None where it holds none."""
    users = page
    ids = [str(user.get("id")) for user in page]
    if "".join(ids).translate(_DIGITS) != _GUID * len(page) or set(map(len, ids)) - {len(_GUID)}:
        users = [user for user, each in zip(page, ids, strict=True) if each.translate(_DIGITS) == _GUID]
    meant = owners.meant(users)
    values = values_at(users, attribute)
    with_value = [value for value in values if value]
    places = meant.keys() | {place for place, value in enumerate(values) if value} if with_value else meant
    names_held = bool(with_value and owners.entries.held)
    kept = [
        (
            users[place]["id"],
            values[place],
            meant.get(place, ()),
            names_held and bool(values[place]) and owners.is_held(users[place]),
        )
        for place in sorted(places)
    ]
    waiting.write(msgspec.json.encode(kept) + b"\n")
    return any(isinstance(value, list) for value in with_value) if with_value else None


def _accounts(owners: Owners, waiting: IO[bytes]) -> tuple[Mapping[int, Sequence[str]], frozenset[str]]:
    """Return the ids of the accounts that claim one customer, and the accounts that the directory has listed twice.

    A page that Graph gives again lists its users again; they are one account each.
    """
    claims: dict[int, list[str]] = {customer: [] for customer in owners.several}
    if claims:
        for identifier, _, customers, _ in _items(waiting):
            for customer in customers:
                if customer in claims:
                    claims[customer].append(identifier)
    one = {customer for customer, ids in claims.items() if len(set(ids)) == 1}
    owners.several -= one
    again = frozenset(claims[customer][0] for customer in one)
    return {customer: ids for customer, ids in claims.items() if customer not in one}, again


def _once(users: Iterable[Any], listed_again: frozenset[str]) -> Iterator[Any]:
    """Yield each user, those that are listed again the first time only."""
    seen = set()
    for user in users:
        if user[0] in listed_again:
            if user[0] in seen:
                continue
            seen.add(user[0])
        yield user


def _lost(entries: Entries, owners: Owners) -> frozenset[int]:
    """Return what is owed by customers that match no account, or several: due date and reference, hashed.

    An open value that says the same is left open: its customer may have a new address.
    """
    doubtful = [*owners.unmatched(), *owners.several]
    return frozenset(hash((owed.due, owed.ref)) for customer in doubtful for owed in entries.of(customer) if owed.ref)


def _decide(
    found: Comparison,
    entries: Entries,
    owners: Owners,
    user: Any,
    rules: Rules,
    lost: frozenset[int],
) -> None:
    identifier, before, customers, held = user
    values = values_of(before)
    doubtful = [customer for customer in customers if customer in owners.several]
    owed = [each for customer in customers if customer not in owners.several for each in entries.of(customer)]
    problem = None
    if len(customers) - len(doubtful) > 1:
        problem, owed = _unlike(owed), once(owed)
    kept = 0

    def keep(obligation: Obligation) -> bool:
        nonlocal kept
        in_doubt = obligation.reference in entries.held_refs or hash((obligation.due, obligation.reference)) in lost
        stays = held or bool(doubtful) or in_doubt or entries.of_unknown
        kept += stays
        return stays

    change = changed(values, owed, rules, keep)
    found.opened += change.opened
    found.still_open += change.still_open
    found.held += kept
    if (refused := problem or change.refused) is not None:
        found.add_problem(refused)
        for each in owed:
            found.add_row("refused", identifier, each.lines, each, refused.why)
        return
    _take(found, identifier, change, owed)
    if any(step.what != "unchanged" for step in change.steps):
        found.add_write(identifier, before, _value(change.after, several=rules.several))


def _take(found: Comparison, identifier: str, change: UserChange, owed: Sequence[Owed]) -> None:
    steps: Sequence[Step] = change.steps
    for step in steps:
        found.add_row(step.what, identifier, step.lines, step.obligation)
        found.absent += step.what == "cleared" and not step.lines
    found.not_asked += len(owed) - sum(bool(step.lines) for step in steps)


def _unlike(owed: Sequence[Owed]) -> Problem | None:
    """Return where rows that call one account by several names contradict each other, or may be one row twice."""
    spoken: dict[object, Owed] = {}
    for each in owed:
        same = spoken.get(each.key)
        if same is None or same.state == "void":
            spoken[each.key] = each
        elif (problem := clash(same, each)) is not None:
            return problem
    return None


def _not_meant(found: Comparison, entries: Entries, owners: Owners, accounts: Mapping[int, Sequence[str]]) -> None:
    """Count what is owed by customers that match no account, or several."""
    for customer in owners.unmatched():
        for owed in entries.of(customer):
            found.add_row("not found", "", owed.lines, owed)
    for customer, identifiers in accounts.items():
        line = entries.first_line(customer)
        ids = " and ".join(dict.fromkeys(identifiers))
        problem = Problem(
            "two accounts",
            f"the customer of this line has two accounts: {ids}",
            "add the right object id to the list",
            line,
        )
        found.add_problem(problem)
        for owed in entries.of(customer):
            found.add_row("refused", "", owed.lines, owed, problem.why)


def _value(values: Sequence[object], *, several: bool) -> Value:
    texts = [str(each) for each in values]
    if several:
        return texts
    return texts[0] if texts else None


def _shown(due: date, ref: str, amount: str | None, currency: str | None, state: str) -> dict[str, Any]:
    return {"due": due.isoformat(), "ref": ref, "amount": amount, "currency": currency, "status": state}


def _items(stream: IO[bytes]) -> Iterator[Any]:
    stream.flush()
    stream.seek(0)
    for line in stream:
        yield from msgspec.json.decode(line)
    stream.seek(0, 2)
