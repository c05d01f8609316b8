"""Adds and removes passwords of the app registration through Microsoft Graph, with an operator's own login.

https://learn.microsoft.com/graph/api/application-addpassword. The operator owns the app, or is Application
Administrator. The function itself never comes here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from due_notices.adapters.connections import session_to
from due_notices.adapters.graph_errors import graph_answer
from due_notices.credentials import Password
from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.secret import Secret

ATTEMPTS = 6
_TIMEOUTS = (10, 30)
_NOT_DONE = frozenset({404, 409, 429, 503})  # a replica that has not heard of the app; somebody else writes; busy


class _NotDone(CredentialError):
    """Certainly not carried out: worth another try."""


class GraphApplication:
    """One app registration. Every method raises CredentialError."""

    def __init__(self, *, endpoint: str, client_id: str, token: Callable[[], str], clock: Clock) -> None:
        """Take Graph's endpoint and the operator's login; nothing is sent yet."""
        self._applications = f"{endpoint}/v1.0/applications"
        self._client_id = client_id
        self._token = token
        self._clock = clock
        self._session = session_to(endpoint)

    def passwords(self) -> Sequence[Password]:
        """Return the passwords that the app has, without their values."""
        return [_password(each) for each in self._application()["passwordCredentials"]]

    def add_password(self, display_name: str, ends: datetime) -> tuple[Password, Secret]:
        """Add a password; only here its value can ever be seen.

        A password whose answer got lost is on the app all the same; its display name tells whose it is.
        """
        asked = {"passwordCredential": {"displayName": display_name, "endDateTime": _iso(ends)}}
        made = self._patiently("POST", f"{self._object()}/addPassword", asked)
        return _password(made), Secret(str(made["secretText"]))

    def remove_password(self, key_id: str) -> None:
        """Remove a password; one that is gone already is fine."""
        try:
            self._patiently("POST", f"{self._object()}/removePassword", {"keyId": key_id})
        except CredentialError:
            if any(password.key_id == key_id for password in self.passwords()):
                raise

    def _object(self) -> str:
        return f"{self._applications}/{self._application()['id']}"

    def _application(self) -> Mapping[str, Any]:
        query = f"?$filter=appId eq '{self._client_id}'&$select=id,appId,passwordCredentials"
        found = self._patiently("GET", self._applications + query)["value"]
        if not found:
            raise CredentialError(
                f"Graph knows no app registration {self._client_id} in your login's tenant: check GRAPH_CLIENT_ID, "
                "and log in to its tenant with `az login --tenant <GRAPH_TENANT_ID>`"
            )
        application: Mapping[str, Any] = found[0]
        return application

    def _patiently(self, method: str, url: str, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        retrying = Retrying(
            retry=retry_if_exception_type(_NotDone),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(max=10),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._ask, method, url, body)

    def _ask(self, method: str, url: str, body: Mapping[str, object] | None) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self._token()}", "client-request-id": str(uuid.uuid4())}
        try:
            response = self._session.request(
                method, url, json=body, headers=headers, timeout=_TIMEOUTS, allow_redirects=False
            )
            answer = response.json() if response.content else {}
        except (requests.RequestException, ValueError) as error:
            raise CredentialError(
                f"no whole answer from Graph at {self._applications} ({type(error).__name__}): check "
                "GRAPH_ENDPOINT and the network"
            ) from error
        if response.ok and isinstance(answer, dict):
            return answer
        raise self._refused(response)

    def _refused(self, response: requests.Response) -> CredentialError:
        said = graph_answer(response.status_code, response.headers, response.content).sentence
        if response.status_code in _NOT_DONE:
            return _NotDone(f"{said} {ATTEMPTS} times: try again in some minutes")
        if response.status_code == 403:  # noqa: PLR2004 (HTTP)
            return CredentialError(
                f"{said}: your login may not change the app registration: have an owner add you with `az ad app owner "
                f"add --id {self._client_id} --owner-object-id <your object id>`, and log in again with `az login`"
            )
        return CredentialError(f"{said}: log in again with `az login`, and check GRAPH_ENDPOINT")


def _password(found: Mapping[str, Any]) -> Password:
    return Password(str(found["keyId"]), str(found.get("displayName") or ""), _moment(found.get("startDateTime")))


def _moment(text: object) -> datetime:
    """Return a time of Graph's; the beginning of time where there is none."""
    if not isinstance(text, str):
        return datetime.min.replace(tzinfo=UTC)
    # Graph writes up to seven digits of a second, which Python 3.11 reads only up to six.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
