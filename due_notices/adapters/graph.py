"""Reads the users of a tenant from Microsoft Graph: every page, or an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

from due_notices.adapters.graph_http import GraphHttp, GraphRefused, Pause, Token
from due_notices.adapters.graph_users import SELECTED, GraphPage, PageDecoder, Row, is_set, to_user, user_id
from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.errors import DirectoryError, ListingExpired, PartRefused
from due_notices.model import FoundUser
from due_notices.obligations import value_of
from due_notices.ports import Clock

EVENTUAL = {"ConsistencyLevel": "eventual"}  # https://learn.microsoft.com/graph/aad-advanced-queries
PAGE_SIZE = 999  # the most that /users gives: https://learn.microsoft.com/graph/api/user-list
# The same state of the paging lost, in two words: https://learn.microsoft.com/graph/paging
_EXPIRED = frozenset({"Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"})
_BAD_REQUEST = 400


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

    @property
    def clock_ahead(self) -> timedelta | None:
        """How far this machine's clock is ahead of Entra's."""
        ...


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
        opt_out: str = "",
        names: Mapping[str, str] | None = None,
        select: Sequence[str] = SELECTED,
        pause: Pause | None = None,
    ) -> None:
        """Take the endpoint (`https://graph.microsoft.com`) and what to ask it for; nothing is sent yet.

        `opt_out` is the boolean property of the users who want no notices; empty where there is none. `names` fill the
        commands in refusals. A `pause` is shared with other directories.
        """
        self._graph = GraphHttp(endpoint, token, clock, names=names, pause=pause)
        self._token = token
        self._attribute = attribute
        self._opt_out = opt_out
        self._decode = PageDecoder(attribute, opt_out)
        self._select = selection(attribute, opt_out, select)
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

    def pages(self, *, prefix: str = "", deadline: float | None = None) -> Iterator[GraphPage]:
        """Yield the users whose principal name begins with `prefix`, page by page.

        Graph is not asked again after a pause that ends behind the `deadline`.
        """
        if not prefix:
            yield from self._listing(self._filter, deadline)
            return
        try:
            yield from self._listing(self._and(f"startsWith(userPrincipalName,'{_in_quotes(prefix)}')"), deadline)
        except GraphRefused as refused:
            if refused.status != _BAD_REQUEST:
                raise
            # Another filter may be fine by itself, and too much for Graph together with this one.
            raise PartRefused(
                f"{refused.said} when asked for a part of the users; give USER_FILTER fewer conditions, or set "
                "READ_PARTS to off"
            ) from refused

    @property
    def clock_ahead(self) -> timedelta | None:
        """How far this machine's clock is ahead of Graph's or Entra's, whichever differs more."""
        found = (self._graph.skew.ahead, self._token.clock_ahead)
        return max((ahead for ahead in found if ahead is not None), key=abs, default=None)

    def count(self, *, deadline: float | None = None) -> int | None:
        """Return how many users there are by an advanced query, which not every tenant answers (Azure AD B2C)."""
        url = self._graph.url("users/$count", {"$filter": self._filter} if self._filter else None)
        try:
            return self._graph.number(url, headers=EVENTUAL, deadline=deadline)
        except DirectoryError:  # it is a second opinion on what was read, and no more
            return None

    def user(self, identifier: str) -> FoundUser | None:
        """Return one user; None when there is no such user.

        `identifier` is an object id, a principal name, or an address: `mail`, one of `otherMails`, or that of a sign-in
        (`identities`). Raises DirectoryError where several users have the address.
        """
        # https://learn.microsoft.com/graph/api/user-get: a name that begins with $ is put in brackets
        quoted = f"('{_quoted(identifier)}')" if identifier.startswith("$") else f"/{quote(identifier, safe='')}"
        url = self._graph.url(f"users{quoted}", {"$select": self._select})
        row: Row | None = self._graph.get(url, missing_ok=True)
        if row is None and "@" in identifier:
            row = self._by_address(identifier)
        key = None if row is None else user_id(row)
        if row is None or key is None:  # an answer without an id is about something else
            return None
        user = to_user(row, key, opted_out=is_set(row, self._opt_out))
        return FoundUser(user, value_of(row, self._attribute))

    def _by_address(self, address: str) -> Row | None:
        text = _in_quotes(address)
        # Of a sign-in by an address Graph ignores the issuer's value, and wants it to be given.
        conditions = (
            f"mail eq '{text}'",
            f"otherMails/any(o:o eq '{text}')",
            f"identities/any(i:i/issuerAssignedId eq '{text}' and i/issuer eq 'any')",
        )
        found: dict[str, Row] = {}
        for condition in conditions:
            try:
                page = self._page(self._first({"$filter": condition, "$top": "5"}), None)
            except GraphRefused as refused:
                if refused.status != _BAD_REQUEST:  # not every directory filters by each of them
                    raise
                continue
            found.update({key: row for row in page.rows if (key := user_id(row)) is not None})
        if len(found) > 1:
            raise DirectoryError(
                f"{len(found)} users have this address: call the command again with one of their ids, "
                f"{', '.join(sorted(found))}"
            )
        return next(iter(found.values()), None)

    def lists(self, identifier: str) -> bool:
        """Whether the listing has the user with this object id."""
        return any(self._listing(self._and(f"id eq '{_in_quotes(identifier)}'")))

    def _and(self, condition: str) -> str:
        """Return the filter that asks for a condition besides USER_FILTER."""
        return f"({self._filter}) and {condition}" if self._filter else condition

    def _listing(self, user_filter: str, deadline: float | None = None) -> Iterator[GraphPage]:
        """Yield the pages of one listing.

        The link of a page that had to be asked for again may be refused later (DirectoryPageTokenNotFoundException,
        https://learn.microsoft.com/graph/paging). Then the last link that was answered at the first try is followed
        once more, and the users that were yielded since are left out.
        """
        link: str | None = self._graph.url("users", listing_query(self._select, user_filter))
        sure, since, fell_back, suspect = link, list[GraphPage](), False, False
        held: dict[str, tuple[int, object, object]] = {}
        seen = set[str]()
        while link is not None:
            retries: list[str] = []
            try:
                page = self._page(link, deadline, lambda: retries.append(""))  # noqa: B023 (called at once)
                following = self._next(page)
            except ListingExpired:
                if fell_back or not suspect:
                    raise
                link, fell_back = sure, True
                seen = {key for page in since for key in page.ids if isinstance(key, str)}
                held.clear()
                continue
            if held.get(link) == page.seal:
                raise DirectoryError(
                    "Graph's listing of users points back to a page that was read already, so its end cannot be "
                    "reached; nothing was sent, the next tick reads again"
                )
            held[link] = page.seal
            if fell_back:
                page = page.without(seen)
            if not retries and link != sure:
                sure, since, fell_back = link, [], False
            since.append(page)
            suspect = bool(retries)
            yield page
            link = following

    def _first(self, query: Mapping[str, str]) -> str:
        return self._graph.url("users", {"$select": self._select, **query})

    def _page(self, url: str, deadline: float | None, on_retry: Callable[[], None] | None = None) -> GraphPage:
        try:
            return self._graph.read(url, self._decode, deadline=deadline, on_retry=on_retry)
        except GraphRefused as refused:
            if refused.code in _EXPIRED:
                raise ListingExpired(refused.said) from refused
            raise with_hint(refused, self._filter) from refused

    def _next(self, page: GraphPage) -> str | None:
        link = page.link
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


def selection(attribute: tuple[str, ...], opt_out: str, select: Sequence[str] = SELECTED) -> str:
    """Return which properties of a user are asked for."""
    return ",".join(filter(None, (*select, attribute[0], opt_out)))


def listing_query(select: str, user_filter: str, top: int = PAGE_SIZE) -> dict[str, str]:
    """Return the query of a listing, as a run and the doctor ask it."""
    query = {"$select": select, "$top": str(top)}
    return {**query, "$filter": user_filter} if user_filter else query


def with_hint(refused: GraphRefused, user_filter: str) -> GraphRefused:
    """Return a refusal with what is wrong with the filter, where that is known."""
    outside_quotes = re.sub(r"'[^']*'", "", user_filter)
    advanced = re.search(r"\b(ne|not|endsWith)\b", outside_quotes, re.IGNORECASE)
    if refused.status != _BAD_REQUEST or advanced is None:
        return refused
    hint = (
        f"`{advanced[0]}` in USER_FILTER needs an advanced query, which a listing of all users is not: write it "
        "otherwise, such as `accountEnabled eq true` for `accountEnabled ne false`"
    )
    return GraphRefused(refused.status, refused.code, refused.said, f"{refused}. {hint}")


def _in_quotes(text: str) -> str:
    return text.replace("'", "''")


def _quoted(name: str) -> str:
    return quote(_in_quotes(name), safe="$@")
