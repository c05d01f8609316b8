"""The users of the emulated directory, listed page by page.

A listing is a snapshot for one query, rendered to bytes page by page as it is asked for and kept, so
that a benchmark's second pass measures the reader and not this emulator.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local.graph_filter import EXTENSION, check_filter, parse_filter
from local.tokens import compact_json

DEFAULT_PROPERTIES = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
COLLECTIONS = frozenset({"businessPhones", "identities", "otherMails", "proxyAddresses"})
SELECTABLE = frozenset(
    {
        *DEFAULT_PROPERTIES,
        *COLLECTIONS,
        "accountEnabled",
        "companyName",
        "createdDateTime",
        "department",
        "employeeId",
        "onPremisesExtensionAttributes",
        "userType",
    }
)
KEPT_LISTINGS = 64  # a reader in parts has up to 32 under way

User = Mapping[str, Any]


class PageTokenError(Exception):
    """The skip token of a next link leads nowhere; `expired` if it once did."""

    def __init__(self, *, expired: bool) -> None:
        """Keep whether the token has expired, or was never given out for this query."""
        super().__init__()
        self.expired = expired


@dataclass(frozen=True)
class ListQuery:
    """What defines a listing. `parameters` are the request's own, in its order, for the next links."""

    parameters: tuple[tuple[str, str], ...]
    select: tuple[str, ...] = ()
    filter: str = ""
    page_size: int = 100
    advanced: bool = False


class Listing:
    """One query's users, cut into pages. An empty page holds no user and still a next link."""

    def __init__(
        self,
        query: ListQuery,
        names: Sequence[str],
        users: Sequence[User],
        slices: Sequence[tuple[int, int]],
        url: str,
    ) -> None:
        """Cut `users` into the `slices`; `names` are the selected as Graph spells them, `url` that of the users."""
        self._query = query
        self._names = names
        self._users = users
        self._slices = slices
        self._url = url
        self._pages: dict[int, bytes] = {}
        # Random, so that no client can take a token apart or depend on its form.
        self._tokens = ["RFNwdAIAAQ" + secrets.token_urlsafe(90) for _ in slices[1:]]

    @property
    def tokens(self) -> Sequence[str]:
        """The skip tokens of the pages after the first, in order."""
        return self._tokens

    def page(self, number: int) -> bytes:
        """Return a page's body, counting from 0."""
        if number not in self._pages:
            self._pages[number] = self._render(number)
        return self._pages[number]

    def _render(self, number: int) -> bytes:
        start, end = self._slices[number]
        select = self._query.select
        names = ",".join(select)
        context = f"{self._url.removesuffix('/users')}/$metadata#users"
        head: dict[str, object] = {"@odata.context": f"{context}({names})" if select else context}
        if self._query.advanced and number == 0:
            head["@odata.count"] = len(self._users)
        if number < len(self._tokens):
            head["@odata.nextLink"] = self._next_link(self._tokens[number])
        rows = [rendered(user, self._names) for user in self._users[start:end]]
        return compact_json({**head, "value": rows}).encode()

    def _next_link(self, token: str) -> str:
        parameters = (*self._query.parameters, ("$skiptoken", token))
        return f"{self._url}?" + "&".join(
            f"{quote(name, safe='$')}={quote(value, safe='$,():')}" for name, value in parameters
        )


class Directory:
    """All users, the directory extensions declared for them, and the listings under way.

    `empty_page_after` puts an empty page after each so many full ones, `page_limit` keeps pages smaller
    than what the caller asks for; Graph may do both at any time. They hold for listings begun later.
    """

    def __init__(self, url: str) -> None:
        """Make an empty directory; `url` is that of the users resource."""
        self._url = url
        self._users: list[User] | tuple[User, ...] = ()
        self._positions: dict[str, int] = {}
        self._declared: dict[str, bool] = {}
        self._multi_valued: dict[str, bool] = {}
        self._listings: dict[ListQuery, Listing] = {}
        self._kept: list[Listing] = []
        self._pages: dict[str, tuple[ListQuery, Listing, int]] = {}
        self._expired: set[str] = set()
        self.empty_page_after: int | None = None
        self.page_limit: int | None = None

    @property
    def users(self) -> Sequence[User]:
        """Return the users; setting them ends the listings under way."""
        return self._users

    @users.setter
    def users(self, users: Iterable[User]) -> None:
        self._users = tuple(users)
        self._positions = {}
        for position, user in reversed(list(enumerate(self._users))):
            for name in ("userPrincipalName", "id"):
                if user.get(name) is not None:
                    self._positions[str(user[name]).casefold()] = position
        self._multi_valued = _extensions_of(self._users)
        self.expire_page_tokens()

    def declare_extension(self, name: str, *, multi_valued: bool) -> None:
        """Declare a directory extension that no user has a value for; others are known by the values."""
        self._declared[name] = multi_valued

    def expire_page_tokens(self) -> None:
        """Forget all listings: their next links are answered as expired from now on."""
        self._expired.update(self._pages)
        self._pages.clear()
        self._listings.clear()
        self._kept.clear()

    @property
    def extensions(self) -> Mapping[str, bool]:
        """Return the directory extensions, and whether they hold collections."""
        return {**self._declared, **self._multi_valued}

    def user(self, key: str) -> User | None:
        """Find a user by id or user principal name."""
        position = self._positions.get(key.casefold())
        return None if position is None else self._users[position]

    def replace(self, key: str, user: User) -> None:
        """Replace the user with this key by a changed one; listings under way show the users of before."""
        position = self._positions[key.casefold()]
        if isinstance(self._users, tuple):
            self._users = list(self._users)
        self._users[position] = user
        self._listings.clear()

    def count(self, query: ListQuery) -> int:
        """Return how many users a query would list, or raise `FilterError`."""
        return len(self._filtered(query))

    def spelt(self, names: Sequence[str]) -> Sequence[str]:
        """Return property names, given in any case, as Graph spells them."""
        known = {each.casefold(): each for each in (*SELECTABLE, *self.extensions)}
        return tuple(known.get(name.casefold(), name) for name in names)

    def first_page(self, query: ListQuery) -> bytes:
        """Return a listing's first page, or raise `FilterError`."""
        return self._listing(query).page(0)

    def next_page(self, token: str, query: ListQuery) -> bytes:
        """Return the page that a next link leads to. The token holds for its own query alone."""
        found = self._pages.get(token)
        if found is None or found[0] != query:
            raise PageTokenError(expired=token in self._expired)
        return found[1].page(found[2])

    def _listing(self, query: ListQuery) -> Listing:
        listing = self._listings.get(query)
        if listing is None:
            users = self._filtered(query)
            slices = _slices(len(users), self._page_size(query), self.empty_page_after)
            listing = Listing(query, self.spelt(query.select), tuple(users), slices, self._url)
            while len(self._kept) >= KEPT_LISTINGS:
                self._forget(self._kept.pop(0))
            self._kept.append(listing)
            self._listings[query] = listing
            for number, token in enumerate(listing.tokens, start=1):
                self._pages[token] = (query, listing, number)
        return listing

    def _page_size(self, query: ListQuery) -> int:
        return query.page_size if self.page_limit is None else min(query.page_size, self.page_limit)

    def _forget(self, old: Listing) -> None:
        self._listings = {query: listing for query, listing in self._listings.items() if listing is not old}
        for token in old.tokens:
            del self._pages[token]
            self._expired.add(token)

    def _filtered(self, query: ListQuery) -> Sequence[User]:
        if not query.filter:
            return self._users
        tree = parse_filter(query.filter)
        extensions = self.extensions
        check_filter(tree, advanced=query.advanced, multi_valued=extensions)
        return [user for user in self._users if tree.matches(user)]


def rendered(user: User, select: Sequence[str]) -> dict[str, object]:
    """Return the selected properties as Graph shows them.

    Built-in properties without a value are null or an empty list; a directory extension without a
    value is absent; a name that Graph does not know is ignored.
    """
    row: dict[str, object] = {}
    for name in select or DEFAULT_PROPERTIES:
        value = user.get(name)
        if value is not None:
            row[name] = value
        elif name in SELECTABLE:
            row[name] = [] if name in COLLECTIONS else None
    return row


def _slices(count: int, size: int, empty_after: int | None) -> list[tuple[int, int]]:
    """Cut `count` users into pages, with an empty page after each `empty_after` full ones."""
    slices: list[tuple[int, int]] = []
    for number, start in enumerate(range(0, max(count, 1), size), start=1):
        end = min(start + size, count)
        slices.append((start, end))
        if empty_after is not None and number % empty_after == 0 and end < count:
            slices.append((end, end))
    return slices


def _extensions_of(users: Iterable[User]) -> dict[str, bool]:
    """Find the directory extensions in use, and which of them hold collections."""
    found: dict[str, bool] = {}
    for user in users:
        for name, value in user.items():
            if EXTENSION.fullmatch(name):
                found[name] = found.get(name, False) or isinstance(value, list)
    return found
