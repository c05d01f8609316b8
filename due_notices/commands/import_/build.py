"""Builds the parts from the settings, with the operator's own login: never the function's identity."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.identity import DefaultAzureCredential

from due_notices.adapters.graph import EVENTUAL, GraphDirectory
from due_notices.adapters.graph_http import GraphHttp, GraphRefused
from due_notices.adapters.identity import IdentityToken
from due_notices.commands.import_.graph_writes import GraphUserValues
from due_notices.commands.import_.matching import SELECTED
from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.errors import DirectoryError, ListingExpired
from due_notices.ports import Clock
from due_notices.settings import Settings

_SPARE = 300  # seconds before its end at which a token is no longer used
# A directory extension is filtered by its type, which shows whether it holds one value or several.
_PROBES: Sequence[tuple[bool, str, Mapping[str, str]]] = (
    (False, "{} eq '2000-01-01'", {}),
    (True, "{}/any(v:v eq '2000-01-01')", {}),
    (True, "{}/any(v:v eq '2000-01-01')", EVENTUAL),
)


_FORBIDDEN = 403
_MAY_NOT_READ = (
    "your login may not read the users: log in with `az login --tenant <GRAPH_TENANT_ID>` as one that has "
    "User.ReadWrite.All (delegated)"
)


@contextmanager
def _own_login() -> Iterator[None]:
    """Say what a refusal means for a person: the remedy of a run is about the app registration."""
    try:
        yield
    except GraphRefused as refused:
        if refused.status != _FORBIDDEN:
            raise
        raise DirectoryError(f"{refused.said}: {_MAY_NOT_READ}") from refused


class _Kept:
    """A login that is asked once for many requests: that of the Azure CLI starts a process each time."""

    def __init__(self, login: TokenCredential, clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._token: AccessToken | None = None
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        with self._lock:
            if self._token is None or self._token.expires_on - _SPARE < self._clock.now().timestamp():
                self._token = self._login.get_token(*scopes, **options)
            return self._token

    def forget(self) -> None:
        with self._lock:
            self._token = None


class _OperatorToken(IdentityToken):
    """The tokens of a person's login, which has no end that this program could know."""

    credential_end: CredentialEnd | None = None
    credential_warning: ExpiryWarning | None = None
    clock_ahead: timedelta | None = None

    def __init__(self, login: TokenCredential, resource: str, clock: Clock) -> None:
        """Take the login and the resource; nothing is sent yet."""
        self._kept = _Kept(login, clock)
        super().__init__(self._kept, resource)

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token, a new one if `fresh`. Raises CredentialError."""
        if fresh:
            self._kept.forget()
        return super().__call__()


class Operator:
    """The tenant's directory under the operator's own login. Nothing is sent before it is used."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Take the deployment's settings."""
        self._settings = settings
        self._clock = clock
        self._attribute = settings.policy.rules.attribute
        self._token = _OperatorToken(DefaultAzureCredential(), settings.graph_endpoint, clock)
        self._graph = GraphHttp(settings.graph_endpoint, self._token, clock)

    def pages(self, match: Sequence[tuple[str, ...]]) -> Iterator[Sequence[Mapping[str, object]]]:
        """Yield all users, page by page. Raises DirectoryError, CredentialError."""
        directory = GraphDirectory(
            endpoint=self._settings.graph_endpoint,
            token=self._token,
            attribute=self._attribute,
            user_filter=self._settings.user_filter,
            clock=self._clock,
            select=tuple(dict.fromkeys((*SELECTED, *(path[0] for path in match)))),
        )
        try:
            with _own_login():
                for page in directory.pages():
                    yield page.rows
        except ListingExpired as error:
            raise DirectoryError(f"{error}: nothing was written; call the command again") from error

    def holds_several(self) -> bool:
        """Return whether the attribute holds several values. Raises DirectoryError where it is not registered."""
        if len(self._attribute) > 1:
            return False
        name = self._attribute[0]
        for several, probe, headers in _PROBES:
            query: dict[str, Any] = {"$select": "id", "$top": "1", "$filter": probe.format(name)}
            if headers:
                query["$count"] = "true"
            try:
                with _own_login():
                    self._graph.get(self._graph.url("users", query), headers=headers)
            except GraphRefused as refused:
                if refused.status == 400:  # noqa: PLR2004 (HTTP)
                    continue
                raise
            return several
        raise DirectoryError(
            f"the tenant has no attribute {name}: register it (docs/deploy.md), or correct DUE_DATE_ATTRIBUTE"
        )

    def values(self, *, several: bool) -> GraphUserValues:
        """Return what reads and writes the attribute."""
        return GraphUserValues(self._graph, self._attribute, several=several)
