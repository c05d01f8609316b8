"""An entity group transaction as bytes, and what its answer says. Pure.

https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError

from due_notices.adapters.storage_errors import ForeignAnswer, failure

Operation = tuple[str, Mapping[str, Any], str | None]
"""`create`, `update` (replaces), `replace` (or inserts), `upsert` (merges) or `delete`; the entity; its `etag` where it
must be unchanged."""


def transaction(table_url: str, table: str, operations: Sequence[Operation]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the request."""
    batch, changes = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
    parts = [f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changes}\r\n\r\n"]
    for kind, entity, etag in operations:
        key = f"(PartitionKey='{_key(entity['PartitionKey'])}',RowKey='{_key(entity['RowKey'])}')"
        method, where = {
            "create": ("POST", ""),
            "update": ("PUT", key),
            "replace": ("PUT", key),  # without If-Match it inserts where nothing is
            "upsert": ("PATCH", key),  # merges; without If-Match it inserts where nothing is
            "delete": ("DELETE", key),
        }[kind]
        wanted = etag or ("*" if kind == "delete" else None)
        match = "" if wanted is None else f"If-Match: {wanted}\r\n"
        content = "" if kind == "delete" else json.dumps(_to_json(entity), separators=(",", ":"))
        parts.append(
            f"--{changes}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"{method} {table_url}/{table}{where} HTTP/1.1\r\n{match}Accept: application/json;odata=nometadata\r\n"
            f"Content-Type: application/json\r\nPrefer: return-no-content\r\n\r\n{content}\r\n"
        )
    parts.append(f"--{changes}--\r\n--{batch}--\r\n")
    headers = {
        "Content-Type": f"multipart/mixed; boundary={batch}",
        "DataServiceVersion": "3.0",
        "MaxDataServiceVersion": "3.0;NetFx",
    }
    return "".join(parts).encode(), headers


def refused(answer: bytes, operations: int) -> AzureError | None:
    """Return what refused a transaction, whose own status is 202 in either case, or None.

    It was taken only if the answer says so of each operation.
    """
    found = re.search(rb"HTTP/1\.1 ([45][0-9]{2})", answer)
    if found is None:
        if len(re.findall(rb"HTTP/1\.1 2[0-9]{2}", answer)) == operations:
            return None
        return ForeignAnswer("the answer to a transaction does not say that it was taken")
    code = re.search(rb'"code":"([A-Za-z]+)"', answer)
    return failure(int(found[1]), code[1].decode() if code else None)


def _key(value: str) -> str:
    return quote(value.replace("'", "''"), safe="'")


def _to_json(entity: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, datetime):
            values[f"{name}@odata.type"] = "Edm.DateTime"
            values[name] = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        else:
            values[name] = value
    return values
