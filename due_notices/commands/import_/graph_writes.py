"""Reads and writes the due-date attribute of users through Microsoft Graph's batches, with an operator's own login.

https://learn.microsoft.com/graph/json-batching, https://learn.microsoft.com/graph/api/user-update. The batches of
msgraph-core are not used: each inner answer must be read, and a 429 stands inside a 200.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from due_notices.adapters.graph_http import GraphHttp, GraphRefused
from due_notices.commands.import_.changes import Value
from due_notices.commands.import_.writing import GONE, Answer
from due_notices.errors import DirectoryError
from due_notices.obligations import value_of

_AGAIN = frozenset({408, 409, 423, 429, 500, 502, 503, 504})
_LEAST_WAIT = 1.0
EXTERNAL = (
    'Exchange or a directory sync owns this attribute of the user ("originated within an external service"): write it '
    "there, or register an extension of your own and name it in DUE_DATE_ATTRIBUTE"
)  # fmt: skip
FORBIDDEN = (
    "your login may not write this user: it needs User.ReadWrite.All (delegated) and a role that may change users, as "
    "User Administrator (for administrators' accounts: Privileged Authentication Administrator); then `az login` again"
)  # fmt: skip


class GraphUserValues:
    """The due-date attribute of the users of one tenant. Never follows a redirection, so the token stays with Graph."""

    def __init__(self, graph: GraphHttp, attribute: tuple[str, ...], *, several: bool) -> None:
        """Take Graph with the operator's login, and the attribute's path; nothing is sent yet.

        `several`: the attribute holds many values, and none is written as an empty list.
        """
        self._graph = graph
        self._attribute = attribute
        self._several = several

    def current(self, identifiers: Sequence[str]) -> Mapping[str, Answer]:
        """Return the values that users have."""
        select = quote(f"id,{self._attribute[0]}", safe=",")
        asked = [{"method": "GET", "url": f"/users/{each}?$select={select}"} for each in identifiers]
        return dict(zip(identifiers, self._batch(asked, self._found), strict=True))

    def write(self, values: Mapping[str, Value]) -> Mapping[str, Answer]:
        """Write users' values."""
        asked = [
            {
                "method": "PATCH",
                "url": f"/users/{identifier}",
                "headers": {"Content-Type": "application/json"},
                "body": self._body(value),
            }
            for identifier, value in values.items()
        ]
        return dict(zip(values, self._batch(asked, lambda _: Answer("ok")), strict=True))

    def _body(self, value: Value) -> dict[str, object]:
        if self._several:
            value = [] if value is None else [value] if isinstance(value, str) else value
        written: object = value
        for name in reversed(self._attribute):
            written = {name: written}
        assert isinstance(written, dict)  # noqa: S101 (an attribute has a name)
        return written

    def _found(self, body: object) -> Answer:
        value = value_of(body, self._attribute) if isinstance(body, Mapping) else None
        return Answer("ok", value if isinstance(value, list) else None if value is None else str(value))

    def _batch(self, asked: Sequence[Mapping[str, object]], good: Callable[[object], Answer]) -> list[Answer]:
        """Return an answer for each request, in their order, whatever the order of the inner answers."""
        requests_: list[dict[str, object]] = [{"id": str(number), **each} for number, each in enumerate(asked)]
        whole = self._post({"requests": requests_})
        if isinstance(whole, Answer):
            return [whole] * len(asked)
        inner = {str(each.get("id")): each for each in whole if isinstance(each, dict)}
        lost = Answer("again", why="the answer of the batch left this user out")
        return [self._answer(inner[str(each["id"])], good) if each["id"] in inner else lost for each in requests_]

    def _post(self, body: Mapping[str, object]) -> list[Any] | Answer:
        try:
            found = self._graph.post(self._graph.url("$batch"), body).get("responses")
        except GraphRefused as refused:
            raise DirectoryError(f"{refused.said}: {FORBIDDEN}") from refused
        except DirectoryError as error:
            return Answer("again", why=str(error))  # what was done of it is seen when the users are read again
        return found if isinstance(found, list) else Answer("again", why="Graph's answer is not a batch")

    def _answer(self, inner: Mapping[str, Any], good: Callable[[object], Answer]) -> Answer:
        status = inner.get("status")
        if not isinstance(status, int):
            return Answer("again", why="an inner answer of the batch has no status")
        if status in (200, 204):
            return good(inner.get("body"))
        headers = inner.get("headers")
        headers = {str(key): str(value) for key, value in headers.items()} if isinstance(headers, dict) else {}
        code, message = _refusal(inner.get("body"))
        if status in _AGAIN:
            return Answer("again", wait=_retry_after(headers), why=f"{status} {code}")
        return Answer("failed", why=_why(status, code, message))


def _why(status: int, code: str, message: str) -> str:
    """Return why a user was not written, in a sentence that is the same for all users of this kind."""
    if status == 404:  # noqa: PLR2004 (HTTP)
        return GONE
    if status in (401, 403):
        return f"{status} {code}: {FORBIDDEN}"
    if status == 400 and "external service" in message:  # noqa: PLR2004 (HTTP)
        return f"400 {code}: {EXTERNAL}"
    return f"{status} {code}: is DUE_DATE_ATTRIBUTE registered in this tenant, and for text?"


def _refusal(body: object) -> tuple[str, str]:
    """Return Graph's code and message; the message is read, never shown: it may hold what does not belong in a log."""
    error = body.get("error") if isinstance(body, dict) else None
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    known = isinstance(code, str) and re.fullmatch(r"[A-Za-z_.]{1,80}", code)
    return str(code) if known else "(no code)", str(message)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = next((value for name, value in headers.items() if name.casefold() == "retry-after"), "")
    return max(float(text), _LEAST_WAIT) if re.fullmatch(r"[0-9]{1,6}", text) else None
