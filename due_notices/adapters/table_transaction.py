"""An entity group transaction as bytes, and what its answer says. Pure.

https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError

from due_notices.adapters.storage_errors import ForeignAnswer, failure

Operation = tuple[str, Mapping[str, Any], str | None]
"""`create`, `update` (replaces), `replace` (or inserts), `upsert` (merges) or `delete`; the entity; its `etag` where it
must be unchanged."""
_METHODS = {
    "create": "POST",
    "update": "PUT",
    "replace": "PUT",  # without If-Match it inserts where nothing is
    "upsert": "PATCH",  # merges; without If-Match it inserts where nothing is
    "delete": "DELETE",
}
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")  # in a URL


def transaction(table_url: str, table: str, operations: Sequence[Operation]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the request."""
    batch, changes = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
    parts = [f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changes}\r\n\r\n"]
    before = f"--{changes}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    after = "Accept: application/json;odata=nometadata\r\nContent-Type: application/json\r\nPrefer: return-no-content"
    for kind, entity, etag in operations:
        where = "" if kind == "create" else _where(entity)
        wanted = etag or ("*" if kind == "delete" else None)
        match = "" if wanted is None else f"If-Match: {wanted}\r\n"
        content = "" if kind == "delete" else _to_json(entity)
        parts.append(
            f"{before}{_METHODS[kind]} {table_url}/{table}{where} HTTP/1.1\r\n{match}{after}\r\n\r\n{content}\r\n"
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


def _where(entity: Mapping[str, Any]) -> str:
    return f"(PartitionKey='{_partition(entity['PartitionKey'])}',RowKey='{_key(entity['RowKey'])}')"


def _key(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else quote(value.replace("'", "''"), safe="'")


_partition = lru_cache(maxsize=256)(_key)  # many rows have the same


@lru_cache(maxsize=256)
def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _to_json(entity: Mapping[str, Any]) -> str:
    """Return an entity in JSON, its moments with their type.

    Written out, because json.dumps makes an encoder anew for each of the hundred rows.
    """
    fields = []
    for name, value in entity.items():
        if isinstance(value, str):
            fields.append(f'"{name}":{encode_basestring_ascii(value)}')
        elif isinstance(value, datetime):
            fields.append(f'"{name}@odata.type":"Edm.DateTime","{name}":"{_moment(value)}"')
        elif isinstance(value, bool):
            fields.append(f'"{name}":{"true" if value else "false"}')
        else:
            fields.append(f'"{name}":{json.dumps(value)}')
    return f"{{{','.join(fields)}}}"
