"""Asks Graph for the doctor whether the attribute is there, how many users are, and what the first of them hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from due_notices.adapters.graph import EVENTUAL, listing_query, selection, with_hint
from due_notices.adapters.graph_http import GraphHttp, GraphRefused
from due_notices.obligations import value_of

_BAD_REQUEST = 400
# A directory extension is compared by its type, which is not known here: text, time, several texts. Whether the last
# is an advanced query is not documented.
_PROBES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("{} eq '2000-01-01'", {}),
    ("{} eq 2000-01-01T00:00:00Z", {}),
    ("{}/any(v:v eq '2000-01-01')", {}),
    ("{}/any(v:v eq '2000-01-01')", EVENTUAL),
)


class GraphProbe:
    """One directory. Raises DirectoryError."""

    def __init__(self, graph: GraphHttp, attribute: tuple[str, ...], user_filter: str, opt_out: str = "") -> None:
        """Take what a run takes; nothing is sent yet."""
        self._graph = graph
        self._attribute = attribute
        self._filter = user_filter
        self._opt_out = opt_out
        self._select = selection(attribute, opt_out)

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
            except GraphRefused as refused:
                if refused.status != _BAD_REQUEST:
                    raise
                continue
            return True
        self._get(select)  # a directory that refuses this refuses everything; it does not lack the attribute
        return False

    def opt_out(self) -> bool:
        """Whether the directory has the boolean property of those who want no notices; True where none is named."""
        if not self._opt_out:
            return True
        try:
            self._get({"$select": "id", "$top": "1", "$filter": f"{self._opt_out} eq true"})
        except GraphRefused as refused:
            if refused.status != _BAD_REQUEST:
                raise
            return False
        return True

    def users(self) -> int | None:
        """Return how many users USER_FILTER lists; None where the tenant does not count (Azure AD B2C).

        Then a user is listed as a run lists all, since a tenant may count by a filter by which it does not list.
        """
        count = self._count()
        try:
            self._get(listing_query(self._select, self._filter, top=1))
        except GraphRefused as refused:
            raise with_hint(refused, self._filter) from refused
        return count

    def _count(self) -> int | None:
        query = {"$select": "id", "$top": "1", "$count": "true"}
        if self._filter:
            query["$filter"] = self._filter
        try:
            count = self._get(query, EVENTUAL).get("@odata.count")
        except GraphRefused as refused:
            if refused.status != _BAD_REQUEST:
                raise
            return None
        return count if isinstance(count, int) else None

    def values(self) -> Sequence[object]:
        """Return what the attribute holds at each of the first users that USER_FILTER lists."""
        rows = self._get(listing_query(self._select, self._filter)).get("value")
        return (
            [value_of(row, self._attribute) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        )

    def _get(self, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._graph.get(self._graph.url("users", query), headers=headers) or {}
