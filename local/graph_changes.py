"""Microsoft Graph v1.0: changes of users, and batches.

Contract: https://learn.microsoft.com/graph/api/user-update, https://learn.microsoft.com/graph/json-batching and
https://learn.microsoft.com/graph/throttling-limits (identity and access: writes of one app in one tenant).
"""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from local.clock import now
from local.graph_filter import EXTENSION
from local.graph_listing import SELECTABLE, User

MOST_IN_BATCH = 20
MOST_CHARACTERS = 256
WRITE_WINDOW = dt.timedelta(seconds=150)
WRITE_QUOTA = 3_000
ON_PREMISES = "onPremisesExtensionAttributes"
EXTERNAL = "Unable to update the specified properties for objects that have originated within an external service."
READ_ONLY = frozenset({"id", "createdDateTime", "proxyAddresses"})


class ChangeError(Exception):
    """Graph refuses a change."""

    def __init__(self, message: str, code: str = "Request_BadRequest") -> None:
        """Take Graph's message and code."""
        super().__init__(message)
        self.code = code
        self.message = message


class WriteQuota:
    """How many writes one app may make; `limit` may be changed at any time."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self.limit = WRITE_QUOTA
        self._written: deque[dt.datetime] = deque()

    def seconds_to_wait(self) -> int:
        """Count a write and return 0, or return after how many seconds there is room for it."""
        moment = now()
        while self._written and self._written[0] <= moment - WRITE_WINDOW:
            self._written.popleft()
        if len(self._written) >= self.limit:
            return max(1, round((self._written[0] + WRITE_WINDOW - moment).total_seconds())) if self._written else 1
        self._written.append(moment)
        return 0


def changed_user(user: User, body: object, extensions: Mapping[str, bool], external: bool) -> User:  # noqa: FBT001 (a fact of the user)
    """Return a user after a PATCH, or raise `ChangeError`.

    `extensions` are the declared ones and whether they hold collections; `external` says that Exchange or a sync
    owns the user's on-premises attributes.
    """
    if not isinstance(body, dict) or not body:
        raise ChangeError("Empty Payload. JSON content expected.", "BadRequest")
    after = dict(user)
    for name, value in body.items():
        if name.startswith("@"):
            continue
        if EXTENSION.fullmatch(name):
            _set_extension(after, name, value, extensions)
        elif name == ON_PREMISES:
            if external:
                raise ChangeError(EXTERNAL)
            _set_on_premises(after, value)
        elif name in READ_ONLY or name not in SELECTABLE:
            raise ChangeError(f"Property '{name}' is read-only or does not exist and cannot be set.")
        else:
            after[name] = value
    return after


def _set_extension(user: dict[str, Any], name: str, value: object, extensions: Mapping[str, bool]) -> None:
    known = {each.casefold(): each for each in extensions}
    declared = known.get(name.casefold())
    if declared is None:
        raise ChangeError(f"The following extension properties are not available: {name}.")
    if value is None or value == []:
        user.pop(declared, None)
        return
    texts: list[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, list) != extensions[declared] or not all(isinstance(each, str) for each in texts):
        raise ChangeError(f"Invalid value specified for property '{name}' of resource 'User'.")
    if any(len(each) > MOST_CHARACTERS for each in texts):
        raise ChangeError(f"Property '{name}' value exceeds the maximum length of {MOST_CHARACTERS}.")
    user[declared] = value


def _set_on_premises(user: dict[str, Any], value: object) -> None:
    if not isinstance(value, dict):
        raise ChangeError(f"Invalid value specified for property '{ON_PREMISES}' of resource 'User'.")
    user[ON_PREMISES] = {**(user.get(ON_PREMISES) or {}), **value}


def batch_requests(body: object) -> Sequence[Mapping[str, Any]]:
    """Return the requests of a batch, or raise `ChangeError`."""
    found = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(found, list) or not found:
        raise ChangeError("Invalid batch payload format.", "BadRequest")
    if len(found) > MOST_IN_BATCH:
        raise ChangeError(f"Number of batch request steps exceeds the maximum value of {MOST_IN_BATCH}.", "BadRequest")
    ids = [each.get("id") for each in found if isinstance(each, dict)]
    if len(ids) < len(found) or not all(isinstance(each, str) and each for each in ids) or len(set(ids)) < len(ids):
        raise ChangeError("Each batch request must have a unique id.", "BadRequest")
    if not all(isinstance(each.get("method"), str) and isinstance(each.get("url"), str) for each in found):
        raise ChangeError("Each batch request must have a method and a relative url.", "BadRequest")
    for each in found:
        if each.get("body") is not None and "content-type" not in {name.lower() for name in each.get("headers") or {}}:
            raise ChangeError(
                "Write request id : {} does not contain Content-Type header or body.".format(each["id"]), "BadRequest"
            )
    return found


def batch_answer(identifier: str, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the answer to one request of a batch."""
    kept = {
        name.title(): value
        for name, value in headers.items()
        if name.lower() in ("retry-after", "content-type", "cache-control")
    }
    answer: dict[str, Any] = {"id": identifier, "status": status, "headers": kept}
    if body:
        answer["body"] = json.loads(body)
    return answer


def failed_dependency(identifier: str) -> dict[str, Any]:
    """Return the answer to a request of a batch that depends on one which has failed."""
    error = {"code": "FailedDependency", "message": "A request on which this request depends has failed."}
    return {"id": identifier, "status": 424, "headers": {}, "body": {"error": error}}
