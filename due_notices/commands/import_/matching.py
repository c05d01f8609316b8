"""Who is meant: each user of the directory by each of their names, in any case. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from due_notices.commands.import_.entries import Entries
from due_notices.obligations import spelt_in, value_of, values_of

SELECTED = ("id", "userPrincipalName", "mail", "otherMails", "identities", "proxyAddresses")
"""What Graph is asked for; the due-date attribute and what --match names join them."""
_MOST_DOMAINS = 8
_NO_NAME = "\x00"  # which no customer of a list is called: files with it are refused


@dataclass
class Owners:
    """Which accounts are which customers of the list."""

    entries: Entries
    match: tuple[tuple[str, ...], ...] = ()
    """Paths of the attributes that --match names."""
    several: set[int] = field(default_factory=set)
    """Customers that match two accounts."""
    with_match: int = 0
    """Accounts that have a value in an attribute that --match names."""

    def __post_init__(self) -> None:
        self._claimed = bytearray(self.entries.customers)  # 1: an account matches this customer
        # No object id has an @, and most lists have nothing but addresses.
        ids = ("id",) if any("@" not in name for name in self.entries.numbers) else ()
        self._domains: dict[str, bool] = {}  # whether the list has such names
        self._keys = (*ids, "userPrincipalName", "mail")

    def meant(self, users: Sequence[Mapping[str, object]]) -> Mapping[int, list[int]]:
        """Return who of a page of users is which customers: places in the page, and the customers' numbers."""
        find = self.entries.numbers.get
        found: dict[int, list[int]] = {}
        for key in self._keys:
            names = _folded([user.get(key) for user in users])
            if self._all_elsewhere(names):
                continue
            if not found:
                found = {place: [each] for place, each in enumerate(map(find, names)) if each is not None}
                continue
            for place, customer in enumerate(map(find, names)):
                if customer is not None and customer not in found.setdefault(place, []):
                    found[place].append(customer)
        for place, name in self._other_names(users) if self.match or not _are_plain(users) else ():
            customer = find(name.casefold())
            if customer is not None and customer not in found.setdefault(place, []):
                found[place].append(customer)
        self._claim(found.values())
        return found

    def _claim(self, meant: Iterable[Sequence[int]]) -> None:
        claimed = self._claimed
        for customers in meant:
            for customer in customers:
                if claimed[customer]:
                    self.several.add(customer)
                else:
                    claimed[customer] = 1

    def _all_elsewhere(self, names: Sequence[str]) -> bool:
        """Whether all names of a page are of one domain that the list does not have, as `…@contoso.onmicrosoft.com`."""
        first = names[0] if names else ""
        domain = first[first.rfind("@") :] + _NO_NAME
        joined = _NO_NAME.join(names) + _NO_NAME
        if not joined.count(domain) == joined.count(_NO_NAME) == len(names) or "@" not in domain:
            return False
        if domain not in self._domains and len(self._domains) < _MOST_DOMAINS:
            self._domains[domain] = any(name.endswith(domain[:-1]) for name in self.entries.numbers)
        return not self._domains.get(domain, True)

    def is_held(self, user: Mapping[str, object]) -> bool:
        """Whether a row about this user was refused."""
        others = (name for _, name in self._other_names([user]))
        names = (user.get("id"), user.get("userPrincipalName"), user.get("mail"), *others)
        return any(isinstance(name, str) and name.casefold() in self.entries.held for name in names)

    def unmatched(self) -> Iterator[int]:
        """Yield the customers that match no account."""
        return (customer for customer, claimed in enumerate(self._claimed) if not claimed)

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
            for name in self._matched(user) if self.match else ():
                yield place, name

    def _matched(self, user: Mapping[str, object]) -> list[str]:
        """Return what the attributes that --match names hold."""
        values = [value for path in self.match for value in values_of(value_of(user, path))]
        found = [value.strip() for value in values if isinstance(value, str)]
        self.with_match += bool(found)
        return found


def _folded(names: Sequence[object]) -> list[str]:
    """Return names without case, and what is not text as a name that no user has."""
    try:
        return list(map(str.casefold, names))  # type: ignore[arg-type]  # (what is not text raises TypeError)
    except TypeError:
        return [name.casefold() if isinstance(name, str) else _NO_NAME for name in names]


def _assigned(identity: object) -> str | None:
    """Return what a user signs in with; what a social provider has assigned means nothing elsewhere."""
    if not isinstance(identity, dict) or identity.get("signInType") == "federated":
        return None
    name = identity.get("issuerAssignedId")
    return name if isinstance(name, str) else None


def values_at(users: Sequence[Mapping[str, object]], path: tuple[str, ...]) -> list[object]:
    """Return what an attribute of each user of a page holds, one after another."""
    if len(path) > 1 or not users:
        return [value_of(user, path) for user in users]
    name = path[0]
    if name not in users[0]:  # or no user of the page has it, or Graph spells it otherwise
        name = spelt_in(set[str]().union(*users), name) or name
    return [user.get(name) for user in users]


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _are_plain(users: Sequence[Any]) -> bool:
    """Whether no user of a page has a name besides id, principal name and mail: a quick look at most pages."""
    try:
        others = [each for user in users for each in user["otherMails"]]
        others += [each for user in users for each in user["proxyAddresses"] if each[5:] != user["mail"]]
        signs_in = "issuerAssignedId"
        others += [each for user in users for each in user["identities"] if each[signs_in] != user["userPrincipalName"]]
    except (KeyError, TypeError):
        return False
    return not others
