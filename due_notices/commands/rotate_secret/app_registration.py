"""Adds and removes passwords of the app registration through Microsoft Graph, with an operator's own login.

https://learn.microsoft.com/graph/api/application-addpassword. The operator owns the app, or is Application
Administrator. The function itself never comes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from due_notices.adapters.graph_http import GraphHttp, GraphRefused
from due_notices.credentials import Password, claims_of
from due_notices.errors import CredentialError, DirectoryError
from due_notices.secret import Secret

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NOT_TAKEN = frozenset({"BadRequest", "Request_BadRequest"})
_T = TypeVar("_T")


class GraphApplication:
    """One app registration. Every method raises CredentialError."""

    def __init__(self, graph: GraphHttp, client_id: str, login: Callable[[], str] = str) -> None:
        """Take Graph with the operator's login, and the tokens of that login; nothing is sent yet."""
        self._graph = graph
        self._client_id = client_id
        self._login = login

    def passwords(self) -> Sequence[Password]:
        """Return the passwords that the app has, without their values."""
        return self._read(lambda: [_password(each) for each in self._application()["passwordCredentials"]])

    def add_password(self, display_name: str, ends: datetime) -> tuple[Password, Secret]:
        """Add a password; only here its value can ever be seen.

        A password whose answer got lost is on the app all the same; its display name says that this command made it.
        """
        asked = {"passwordCredential": {"displayName": display_name, "endDateTime": _iso(ends)}}
        made = self._ask(lambda: self._graph.post(f"{self._object()}/addPassword", asked))
        return self._read(lambda: (_password(made), _text_of(made["secretText"])))

    def remove_password(self, key_id: str) -> None:
        """Remove a password; one that is gone already is fine."""
        try:
            self._ask(lambda: self._graph.post(f"{self._object()}/removePassword", {"keyId": key_id}))
        except CredentialError:
            if any(password.key_id == key_id for password in self.passwords()):
                raise

    def _object(self) -> str:
        identifier = self._read(lambda: str(self._application()["id"]))
        return self._graph.url(f"applications/{quote(identifier, safe='')}")

    def _application(self) -> Mapping[str, Any]:
        query = {"$filter": f"appId eq '{self._client_id}'", "$select": "id,appId,passwordCredentials"}
        answer = self._ask(lambda: self._graph.get(self._graph.url("applications", query))) or {}
        found = self._read(lambda: [{**each} for each in answer["value"]])
        if not found:
            raise CredentialError(
                f"Graph knows no app registration {self._client_id} in your login's tenant: check GRAPH_CLIENT_ID, "
                "and log in to its tenant with `az login --tenant <GRAPH_TENANT_ID>`"
            )
        return found[0]

    def _object_id(self) -> str:
        """Return whose login it is; a placeholder where the token does not say."""
        return str(claims_of(self._login()).get("oid") or "<your object id>")

    def _read(self, read: Callable[[], _T]) -> _T:
        """Read an answer, which may hold anything."""
        try:
            return read()
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CredentialError(
                f"the answer of Graph at {self._graph.endpoint} about the app registration is not of the form that was "
                "asked for; if a password was to be added, it may be there: the next rotation takes it away"
            ) from error

    def _ask(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except GraphRefused as refused:
            if refused.status == _FORBIDDEN:
                remedy = (
                    "your login may not change the app registration: have an owner add you with `az ad app owner add "
                    f"--id {self._client_id} --owner-object-id {self._object_id()}`, and log in again with `az login`"
                )
            elif refused.status == _UNAUTHORIZED:
                remedy = "log in again with `az login`, and check GRAPH_ENDPOINT"
            elif refused.code in _NOT_TAKEN:  # what a run should do about it is about USER_FILTER
                remedy = f"Graph does not take this change of the app registration {self._client_id}; check that id"
            else:
                raise CredentialError(str(refused)) from refused
            raise CredentialError(f"{refused.said}: {remedy}") from refused
        except DirectoryError as error:
            raise CredentialError(str(error)) from error


def _password(found: Mapping[str, Any]) -> Password:
    return Password(str(found["keyId"]), str(found.get("displayName") or ""), _moment(found.get("startDateTime")))


def _text_of(value: object) -> Secret:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return Secret(value)


def _moment(text: object) -> datetime:
    """Return a time of Graph's; the beginning of time where there is none."""
    if not isinstance(text, str):
        return datetime.min.replace(tzinfo=UTC)
    # Graph writes up to seven digits of a second, which Python 3.11 reads only up to six.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
