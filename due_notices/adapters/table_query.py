"""Where the questions to a table go, as the service's reference has them. Pure.

https://learn.microsoft.com/rest/api/storageservices/query-entities
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from urllib.parse import quote, urlencode

PAGE = 1_000  # rows, the service's limit
HEADERS = {"Accept": "application/json;odata=nometadata", "DataServiceVersion": "3.0"}
_CONTINUED = ("NextPartitionKey", "NextRowKey")


class Query(NamedTuple):
    """Rows that fulfil a filter, and the columns wanted of them."""

    filter: str
    columns: Sequence[str] = ()
    most: int = PAGE


def of_partition(partition: str, more: str = "") -> str:
    """Return the filter for the rows of a partition."""
    return f"PartitionKey eq {literal(partition)}{f' and {more}' if more else ''}"


def between(first: str, last: str) -> str:
    """Return the filter for the rows of a partition, or of those from the first to the last.

    The service looks through a range, and through the whole table for partitions that are joined by `or`.
    """
    if first == last:
        return of_partition(first)
    return f"PartitionKey ge {literal(first)} and PartitionKey le {literal(last)}"


def spans(days: Iterable[date], most: int) -> list[tuple[date, date]]:
    """Part some days into spans, at most so many, at the widest gaps."""
    ordered = sorted(set(days))
    widest = sorted(range(1, len(ordered)), key=lambda place: ordered[place - 1] - ordered[place])[: most - 1]
    ends = [*sorted(widest), len(ordered)] if ordered else []
    return [(ordered[start], ordered[end - 1]) for start, end in itertools.pairwise([0, *ends])]


def literal(text: str) -> str:
    """Return a text as a filter or an address has it."""
    return "'" + text.replace("'", "''") + "'"


def page_url(table: str, query: Query, after: Mapping[str, str] | None = None) -> str:
    """Return the address of a page of a query; `after` is where the page before it ended."""
    asked = {"$filter": query.filter, "$select": ",".join(query.columns), "$top": str(query.most), **(after or {})}
    return f"{table}()?" + urlencode(
        {name: value for name, value in asked.items() if value}, safe="$,'", quote_via=quote
    )


def row_url(table: str, partition: str, row: str, columns: Sequence[str]) -> str:
    """Return the address of a row."""
    named = (quote(literal(each), safe="'") for each in (partition, row))
    key = "(PartitionKey={},RowKey={})".format(*named)
    return table + key + (f"?$select={','.join(columns)}" if columns else "")


def after(headers: Mapping[str, str]) -> dict[str, str] | None:
    """Return where a page ended, by its headers; None after the last one."""
    found = {name: headers[header] for name in _CONTINUED if (header := f"x-ms-continuation-{name}") in headers}
    return found or None
