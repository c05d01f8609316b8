"""Who is meant: each user of the directory by each of their names, in any case. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from due_notices.commands.import_.entries import Entries
from due_notices.obligations import values_of

SELECTED = ("id", "userPrincipalName", "mail", "otherMails", "identities", "proxyAddresses")
"""What Graph is asked for; the due-date attribute and what --match names join them."""
_UNCLAIMED = -1
_NO_NAME = "\x00"  # which no customer of a list is called: files with it are refused


@dataclass
class Owners:
    """Which account is which customer of the list. Accounts are numbered as the directory is read."""

    entries: Entries
    match: tuple[tuple[str, ...], ...] = ()
    """Paths of the attributes that --match names."""
    several: set[int] = field(default_factory=set)
    """Customers whom two accounts are."""
    with_match: int = 0
    """Accounts that have a value in an attribute that --match names."""

    def __post_init__(self) -> None:
        self._accounts = array("i", [_UNCLAIMED]) * self.entries.customers
        self._read = 0
        # No object id has an @, and most lists have nothing but addresses.
        ids = ("id",) if any("@" not in name for name in self.entries.numbers) else ()
        self._keys = (*ids, "userPrincipalName", "mail")

    def meant(self, users: Sequence[Mapping[str, object]]) -> Mapping[int, list[int]]:
        """Return who of a page of users is which customers: places in the page, and the customers' numbers."""
        find = self.entries.numbers.get
        found: dict[int, list[int]] = {}
        for key in self._keys:
            names = [name.casefold() if type(name := user.get(key)) is str else _NO_NAME for user in users]
            for place, customer in enumerate(map(find, names)):
                if customer is not None:
                    _note(found, place, customer)
        for place, name in self._other_names(users):
            customer = find(name.casefold())
            if customer is not None:
                _note(found, place, customer)
        accounts, read = self._accounts, self._read
        for place, customers in found.items():
            for customer in customers:
                if accounts[customer] == _UNCLAIMED:
                    accounts[customer] = read + place
                else:
                    self.several.add(customer)
        self._read += len(users)
        return found

    def is_held(self, user: Mapping[str, object]) -> bool:
        """Whether a row about this user was refused."""
        others = (name for _, name in self._other_names([user]))
        names = (user.get("id"), user.get("userPrincipalName"), user.get("mail"), *others)
        return any(isinstance(name, str) and name.casefold() in self.entries.held for name in names)

    def unmatched(self) -> Iterator[int]:
        """Yield the customers whom no account is."""
        return (customer for customer, account in enumerate(self._accounts) if account == _UNCLAIMED)

    def _other_names(self, users: Sequence[Mapping[str, object]]) -> Iterator[tuple[int, str]]:
        """Yield the names by which a list may mean users besides id, principal name and mail, each with its place."""
        for place, user in enumerate(users):
            mail, principal = user.get("mail"), user.get("userPrincipalName")
            for each in _items(user.get("otherMails")):
                if type(each) is str and each != mail:
                    yield place, each
            for each in _items(user.get("identities")):
                name = _assigned(each)
                if name is not None and name != principal:
                    yield place, name
            for each in _items(user.get("proxyAddresses")):
                if type(each) is str and each[5:] != mail and each[:5].casefold() == "smtp:":
                    yield place, each[5:]
        if self.match:
            for place, user in enumerate(users):
                yield from ((place, name) for name in self._matched(user))

    def _matched(self, user: Mapping[str, object]) -> list[str]:
        """Return what the attributes that --match names hold."""
        values = [value for path in self.match for value in values_of(value_at(user, path))]
        found = [value.strip() for value in values if isinstance(value, str)]
        self.with_match += bool(found)
        return found


def _note(found: dict[int, list[int]], place: int, customer: int) -> None:
    if place not in found:
        found[place] = [customer]
    elif customer not in found[place]:
        found[place].append(customer)


def _assigned(identity: object) -> str | None:
    """Return what a user signs in with; what a social provider has assigned means nothing elsewhere."""
    if not isinstance(identity, dict) or identity.get("signInType") == "federated":
        return None
    name = identity.get("issuerAssignedId")
    return name if isinstance(name, str) else None


def value_at(user: Mapping[str, object], path: Sequence[str]) -> object:
    """Return what an attribute of a user holds; `path` is its own."""
    value: object = user
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
