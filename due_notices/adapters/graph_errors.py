"""How Graph says that it refuses: https://learn.microsoft.com/graph/errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple


class GraphAnswer(NamedTuple):
    """Graph's error code, and the sentence that names it with the request's id; both may go into logs."""

    code: str
    sentence: str


def graph_answer(status: int, headers: Mapping[str, str], body: bytes) -> GraphAnswer:
    """Return what an answer other than a success says, as far as it looks like Graph's own."""
    try:
        found = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    code = found if isinstance(found, str) and re.fullmatch(r"[A-Za-z_.]{1,80}", found) else "(no code)"
    identifier = headers.get("request-id", "")
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", identifier):
        identifier = "unknown"
    return GraphAnswer(code, f"Graph answered {status} {code} (request id {identifier})")
