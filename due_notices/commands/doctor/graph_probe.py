"""Asks Graph two small questions for the doctor: whether the attribute is there, and how many users are."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import requests

from due_notices.adapters.connections import session_to
from due_notices.adapters.graph_errors import graph_answer
from due_notices.errors import DirectoryError, QueryRefused
from due_notices.refusals import GRAPH, refusal_of

_TIMEOUTS = (10, 30)
_EVENTUAL = {"ConsistencyLevel": "eventual"}  # with $count=true: https://learn.microsoft.com/graph/aad-advanced-queries
# A directory extension is compared by its type, which nobody has told us: text, time, several texts. Whether the last
# is an advanced query is not documented.
_PROBES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("{} eq '2000-01-01'", {}),
    ("{} eq 2000-01-01T00:00:00Z", {}),
    ("{}/any(v:v eq '2000-01-01')", {}),
    ("{}/any(v:v eq '2000-01-01')", _EVENTUAL),
)


class GraphProbe:
    """One directory. Raises DirectoryError."""

    def __init__(
        self, *, endpoint: str, token: Callable[[], str], attribute: tuple[str, ...], user_filter: str
    ) -> None:
        """Take what a run takes; nothing is sent yet."""
        self._endpoint = endpoint
        self._users = f"{endpoint}/v1.0/users"
        self._token = token
        self._attribute = attribute
        self._filter = user_filter
        self._session = session_to(endpoint)

    def attribute(self) -> bool:
        """Whether the directory knows the attribute, shown by one row that selects and filters it.

        Selecting an unknown extension is not refused, filtering by it is. `onPremisesExtensionAttributes` are
        there in every directory, and not every tenant can filter by them: these are only selected.
        """
        select = {"$select": f"id,{self._attribute[0]}", "$top": "1"}
        if len(self._attribute) > 1:
            self._get(select)
            return True
        for probe, headers in _PROBES:
            query = {**select, "$filter": probe.format(self._attribute[0])}
            try:
                self._get({**query, "$count": "true"} if headers else query, headers)
            except QueryRefused:
                continue
            return True
        self._get(select)  # tells a directory that refuses everything from one that lacks the attribute
        return False

    def users(self) -> int | None:
        """Return how many users USER_FILTER lists; None where the tenant does not count (Azure AD B2C)."""
        query = {"$select": "id", "$top": "1", "$count": "true"}
        if self._filter:
            query["$filter"] = self._filter
        try:
            count = self._get(query, _EVENTUAL).get("@odata.count")
        except QueryRefused:
            return None
        return count if isinstance(count, int) else None

    def _get(self, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        url = f"{self._users}?{urlencode(query, safe='$,', quote_via=quote)}"
        own = {"Authorization": f"Bearer {self._token()}", "client-request-id": str(uuid.uuid4())}
        try:
            response = self._session.get(
                url, headers={**own, **(headers or {})}, timeout=_TIMEOUTS, allow_redirects=False
            )
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise DirectoryError(
                f"no whole answer from Graph at {self._endpoint} ({type(error).__name__}): check GRAPH_ENDPOINT and "
                "the network"
            ) from error
        if response.status_code == 200 and isinstance(answer, dict):  # noqa: PLR2004 (HTTP)
            return answer
        raise _refused(response)


def _refused(response: requests.Response) -> DirectoryError:
    code, said = graph_answer(response.status_code, response.headers, response.content)
    refusal = refusal_of(GRAPH, f"{response.status_code} {code}")
    kind = QueryRefused if response.status_code == 400 else DirectoryError  # noqa: PLR2004 (HTTP)
    return kind(refusal.sentence(said))
