"""Reads the users of a tenant from Microsoft Graph: every page, or an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from due_notices.adapters.graph_http import GraphHttp, GraphRefused, Token
from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.errors import DirectoryError, ListingExpired
from due_notices.model import FoundUser, User
from due_notices.ports import Clock
from due_notices.users import SELECTED, to_user, user_id

PAGE_SIZE = 999  # the most that /users gives: https://learn.microsoft.com/graph/api/user-list
# The same state of the paging lost, in two words: https://learn.microsoft.com/graph/paging
_EXPIRED = frozenset({"Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"})
_Row = Mapping[str, object]


class AppToken(Token, Protocol):
    """Tokens of an app registration, whose credential ends some day."""

    @property
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential behind the tokens is good."""
        ...

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about that credential."""
        ...


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page of users as Graph lists them. `values` has what the due-date attribute of each holds."""

    rows: Sequence[_Row]
    values: Sequence[object]

    def __len__(self) -> int:
        """Return how many users there are."""
        return len(self.rows)

    def user(self, index: int) -> User | None:
        """Return the user at `index`; None where the id is nothing that a log or a key could hold."""
        row = self.rows[index]
        identifier = user_id(row)
        return None if identifier is None else to_user(row, identifier)


class GraphDirectory:
    """The users of one tenant. Never follows a link to another host, so the token stays with Graph."""

    def __init__(
        self,
        *,
        endpoint: str,
        token: AppToken,
        attribute: tuple[str, ...],
        user_filter: str,
        clock: Clock,
    ) -> None:
        """Take the endpoint (`https://graph.microsoft.com`) and what to ask it for; nothing is sent yet."""
        self._graph = GraphHttp(endpoint, token, clock)
        self._token = token
        self._attribute = attribute
        self._select = ",".join((*SELECTED, attribute[0]))
        self._filter = user_filter

    @property
    def requests(self) -> int:
        """How many requests were made so far."""
        return self._graph.requests

    @property
    def throttled(self) -> int:
        """How many of them were answered "too many requests"."""
        return self._graph.throttled

    @property
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential is good; None before it was read, or where it has no end of its own."""
        return self._token.credential_end

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about the credential; None before it was read or where all is well."""
        return self._token.credential_warning

    def pages(self, *, deadline: float | None = None) -> Iterator[GraphPage]:
        """Yield all users, page by page. Graph is not asked again after a pause that ends behind the `deadline`."""
        return self._listing(self._filter, deadline)

    def user(self, identifier: str) -> FoundUser | None:
        """Return one user by object id or principal name; None when there is no such user."""
        url = self._graph.url(f"users/{quote(identifier, safe='')}", {"$select": self._select})
        found = self._graph.get(url, missing_ok=True)
        key = None if found is None else user_id(found)
        if found is None or key is None:  # an answer without an id is about something else
            return None
        return FoundUser(to_user(found, key), value_of(found, self._attribute))

    def lists(self, identifier: str) -> bool:
        """Whether the listing has the user with this object id."""
        quoted = identifier.replace("'", "''")
        condition = f"id eq '{quoted}'"
        return any(self._listing(f"({self._filter}) and {condition}" if self._filter else condition))

    def _listing(self, user_filter: str, deadline: float | None = None) -> Iterator[GraphPage]:
        parameters = {"$select": self._select, "$top": str(PAGE_SIZE)}
        if user_filter:
            parameters["$filter"] = user_filter
        link: str | None = self._graph.url("users", parameters)
        followed = set()
        while link is not None:
            if link in followed:
                raise DirectoryError(
                    "Graph's listing of users points back to a page that was read already, so its end cannot be "
                    "reached; nothing was sent, the next tick reads again"
                )
            followed.add(link)
            rows, link = self._page(link, deadline)
            yield GraphPage(rows, self._values(rows))

    def _page(self, url: str, deadline: float | None) -> tuple[Sequence[_Row], str | None]:
        try:
            page = self._graph.get(url, deadline=deadline, valid=_is_listing) or {}
        except GraphRefused as refused:
            if refused.code in _EXPIRED:
                raise ListingExpired(refused.said) from refused
            raise
        return page["value"], self._next(page)

    def _values(self, rows: Sequence[_Row]) -> Sequence[object]:
        if len(self._attribute) == 1:
            name = self._attribute[0]
            return [row.get(name) for row in rows]
        return [value_of(row, self._attribute) for row in rows]

    def _next(self, page: Mapping[str, Any]) -> str | None:
        link = page.get("@odata.nextLink")
        if link is None:
            return None
        # A prefix that ends the host is compared, not parsed parts: what one parser takes for the host of
        # `https://other\\@graph` is a user's name to the next.
        home = f"{self._graph.endpoint}/"
        if not isinstance(link, str) or link[: len(home)].casefold() != home.casefold():
            raise DirectoryError(
                "Graph's listing of users continues on another host, which is not followed: the token stays with "
                "GRAPH_ENDPOINT. Check that GRAPH_ENDPOINT is the host of your cloud"
            )
        return link


def value_of(row: Mapping[str, object], attribute: tuple[str, ...]) -> object:
    """Return what an attribute of a user holds; `attribute` is its path."""
    value: object = row
    for name in attribute:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_listing(answer: Mapping[str, Any]) -> bool:
    rows = answer.get("value")
    return isinstance(rows, list) and set(map(type, rows)) <= {dict}
