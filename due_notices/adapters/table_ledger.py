"""The ledger in Azure Table Storage.

A partition per due date and stage, a row per notice. Partition `runs` has a row per business date. Every
write may be repeated without harm, so an answer that got lost is simply asked for again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import operator
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from due_notices.adapters.storage_errors import (
    ATTEMPTS,
    TO_READ,
    TO_WRITE,
    TRANSIENT,
    code_of,
    status_of,
    table_unusable,
)
from due_notices.adapters.storage_pipeline import StoragePipeline
from due_notices.adapters.table_transaction import Operation, refused, transaction
from due_notices.errors import StorageError
from due_notices.ports import Claim, ClaimRow, Clock, LedgerEntry, PastNotice
from due_notices.report import RunReport

RUNS = "runs"
# https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
MOST_OPERATIONS = 100
_ACCEPTED = 202
_SECOND = timedelta(seconds=1)
_NO_SUCH_ROW = frozenset({"ResourceNotFound", "EntityNotFound"})
_T = TypeVar("_T")


class TableLedger:
    """One table. The client must not retry by itself."""

    def __init__(self, table: TableClient, pipeline: StoragePipeline, clock: Clock) -> None:
        """Take an open client, and the pipeline that writes transactions."""
        self._table = table
        self._pipeline = pipeline
        self._clock = clock

    async def entries(self, partition: str) -> dict[str, LedgerEntry]:
        """Return what a partition knows, by notice id."""
        return await self._entries("PartitionKey eq @partition", {"partition": partition})

    async def entry(self, partition: str, notice_id: str) -> LedgerEntry | None:
        """Return what is known of one notice."""
        found = await self._entries(
            "PartitionKey eq @partition and RowKey eq @row", {"partition": partition, "row": notice_id}
        )
        return found.get(notice_id)

    async def claim(
        self,
        partition: str,
        rows: Sequence[ClaimRow],
        claim: Claim,
        lapsed: Mapping[str, LedgerEntry],
    ) -> frozenset[str]:
        """Claim notices in one transaction; where a row stands in the way, leave it out and claim the rest."""
        wanted = {row.notice_id: row for row in rows}
        replaceable = dict(lapsed)
        won: set[str] = set()
        for _ in range(ATTEMPTS):
            if not wanted:
                break
            operations = [_claim_operation(partition, row, claim, replaceable) for row in wanted.values()]
            try:
                await self._transaction(operations)
            except _Conflict:
                # One row in the way rejects all, and so does our own first try when its answer got lost.
                known = await self._entries(
                    "PartitionKey eq @partition and RowKey ge @first and RowKey le @last",
                    {"partition": partition, "first": min(wanted), "last": max(wanted)},
                )
                for identifier in list(wanted):
                    entry = known.get(identifier)
                    if entry is None:
                        replaceable.pop(identifier, None)
                    elif entry.claim == claim:
                        won.add(identifier)
                        del wanted[identifier]
                    elif identifier not in replaceable or entry.version != replaceable[identifier].version:
                        del wanted[identifier]
            else:
                won.update(wanted)
                break
        return frozenset(won)

    async def mark_sent(self, partition: str, sent: Mapping[str, str], at: datetime) -> None:
        """Mark notices as sent in one transaction, whatever was there before."""
        await self._transaction(
            [
                (
                    "upsert",
                    {
                        "PartitionKey": partition,
                        "RowKey": identifier,
                        "state": "sent",
                        "sentAt": at,
                        "messageId": message_id,
                    },
                    None,
                )
                for identifier, message_id in sent.items()
            ]
        )

    async def release(self, partition: str, notice_ids: Iterable[str], claim: Claim) -> None:
        """Delete what `claim` still holds; should somebody interfere, the claims lapse by themselves."""
        ids = set(notice_ids)
        if not ids:
            return
        known = await self._entries(
            "PartitionKey eq @partition and RowKey ge @first and RowKey le @last",
            {"partition": partition, "first": min(ids), "last": max(ids)},
        )
        operations: list[Operation] = [
            ("delete", {"PartitionKey": partition, "RowKey": identifier}, entry.version)
            for identifier, entry in known.items()
            if identifier in ids and entry.claim == claim and entry.state == "claimed"
        ]
        if operations:
            try:
                await self._transaction(operations)
            except _Conflict:
                return

    async def runs(self, since: date) -> list[RunReport]:
        """Return the recorded runs from business date `since` on, the oldest first."""
        rows = await self._query(
            "PartitionKey eq @partition and RowKey ge @first", {"partition": RUNS, "first": since.isoformat()}
        )
        return [RunReport.from_dict(json.loads(row["report"])) for row in rows]

    async def history(
        self, since: datetime, until: datetime, user_id: str | None = None
    ) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield the notices of a period, a page of the service at a time.

        The service looks through the whole table and sends what fits, so that memory stays flat; a page that
        got lost is asked for again, the pages before it are not.
        """
        # Partitions of notices begin with a digit, the others with a letter.
        query = (
            "PartitionKey lt @letters and ( sentAt ge @since and sentAt lt @until "
            "or state eq 'claimed' and claimedAt ge @since and claimedAt lt @until )"
        )
        # The SDK writes moments in filters with fewer digits than rows have: a second more, and then exactly, here.
        parameters: dict[str, Any] = {"letters": "A", "since": since - _SECOND, "until": until + _SECOND}
        if user_id is not None:
            query, parameters["user"] = f"userId eq @user and {query}", user_id
        pages = self._table.query_entities(query, parameters=parameters, results_per_page=1000).by_page()

        async def read() -> list[TableEntity] | None:
            try:
                return [row async for row in await anext(pages)]
            except StopAsyncIteration:
                return None

        while (rows := await self._patiently(read)) is not None:
            yield [past for past in map(_to_past_notice, rows) if since <= past.at < until]

    async def record_run(self, report: RunReport) -> None:
        """Store a run; a completed one is never overwritten by one that is not."""
        row = {
            "PartitionKey": RUNS,
            "RowKey": report.business_date.isoformat(),
            "outcome": report.outcome.value,
            "report": report.to_json(),
        }
        for _ in range(ATTEMPTS):
            known = await self._query(
                "PartitionKey eq @partition and RowKey eq @row", {"partition": RUNS, "row": row["RowKey"]}
            )
            if known and not report.completed and RunReport.from_dict(json.loads(known[0]["report"])).completed:
                return
            operation: Operation = ("update", row, _etag(known[0])) if known else ("create", row, None)
            try:
                await self._transaction([operation])
            except _Conflict:
                continue
            return
        raise StorageError(f"the run of {row['RowKey']} was recorded by somebody else all the time; look at both runs")

    async def forget(self, before: date, most: int) -> int:
        """Delete old rows, in transactions of one partition each; what others delete meanwhile is left to them."""
        # Partitions of notices begin with the due date, and no table lists its partitions: a range of keys does.
        old = await self._oldest("PartitionKey lt @before", {"before": before.isoformat()}, most)
        if len(old) < most:
            runs = {"partition": RUNS, "before": before.isoformat()}
            old += await self._oldest("PartitionKey eq @partition and RowKey lt @before", runs, most - len(old))
        for _, rows in itertools.groupby(old, key=operator.itemgetter("PartitionKey")):
            operations: list[Operation] = [("delete", row, None) for row in rows]
            for start in range(0, len(operations), MOST_OPERATIONS):
                with contextlib.suppress(_Conflict):
                    await self._transaction(operations[start : start + MOST_OPERATIONS])
        return len(old)

    async def _oldest(self, query: str, parameters: dict[str, str], most: int) -> list[TableEntity]:
        """Return the keys of the first rows of a query."""

        async def read() -> list[TableEntity]:
            found = self._table.query_entities(
                query, parameters=parameters, results_per_page=most, select=["PartitionKey", "RowKey"]
            )
            keys: list[TableEntity] = []
            async for row in found:
                keys.append(row)
                if len(keys) == most:
                    break
            return keys

        return await self._patiently(read)

    async def _entries(self, query: str, parameters: dict[str, str]) -> dict[str, LedgerEntry]:
        return {row["RowKey"]: _to_entry(row) for row in await self._query(query, parameters)}

    async def _query(self, query: str, parameters: dict[str, str]) -> list[TableEntity]:
        async def read() -> list[TableEntity]:
            found = self._table.query_entities(query, parameters=parameters, results_per_page=1000)
            return [row async for row in found]

        return await self._patiently(read)

    async def _transaction(self, operations: Sequence[Operation]) -> None:
        if not operations:
            return

        body, headers = transaction(self._table.url, self._table.table_name, operations)

        async def write() -> None:
            try:
                answer = await self._pipeline.post(f"{self._table.url}/$batch", body, headers, success=_ACCEPTED)
                if (error := refused(answer, len(operations))) is not None:
                    raise error
            except AzureError as error:
                if _is_conflict(error):
                    message = f"the ledger table {self._table.table_name} refused a write ({code_of(error)})"
                    raise _Conflict(f"{message}; the next tick tries again") from error
                raise

        await self._patiently(write, TO_WRITE)

    async def _patiently(self, work: Callable[[], Awaitable[_T]], role: str = TO_READ) -> _T:
        """Do idempotent work, again after what passes by itself. Raises StorageError."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(_passes),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=0.5, max=8),
            sleep=self._clock.wait,
            reraise=True,
        )
        try:
            return await retrying(work)
        except AzureError as error:
            raise table_unusable(error, self._table, role) from error


class _Conflict(StorageError):
    """A row was not as the transaction expected; nothing of it was written."""


def _passes(error: BaseException) -> bool:
    if not isinstance(error, AzureError):
        return False
    status = status_of(error)
    return status in TRANSIENT or (status is None and not isinstance(error, ClientAuthenticationError))


def _is_conflict(error: AzureError) -> bool:
    """Whether a row was not as expected; a 404 is only where the service says so of a row."""
    status = status_of(error)
    return status in {409, 412} or (status == 404 and code_of(error) in _NO_SUCH_ROW)  # noqa: PLR2004 (HTTP)


def _claim_operation(partition: str, row: ClaimRow, claim: Claim, replaceable: Mapping[str, LedgerEntry]) -> Operation:
    entity = {
        "PartitionKey": partition,
        "RowKey": row.notice_id,
        "state": "claimed",
        "claimId": claim.id,
        "claimedAt": claim.at,
        "userId": row.user_id,
        "messageHash": row.message_hash,
    }
    if row.notice_id in replaceable:
        entry = replaceable[row.notice_id]
        return ("update", entity, entry.version)
    return ("create", entity, None)


def _etag(row: TableEntity) -> str:
    return row.metadata["etag"] or ""


def _to_entry(row: TableEntity) -> LedgerEntry:
    return LedgerEntry(
        notice_id=row["RowKey"],
        state="sent" if row["state"] == "sent" else "claimed",
        claim=Claim(row.get("claimId", ""), _utc(row.get("claimedAt"))),
        version=_etag(row),
        user_id=row.get("userId", ""),
        sent_at=_utc(row["sentAt"]) if "sentAt" in row else None,
        message_id=row.get("messageId", ""),
    )


def _to_past_notice(row: TableEntity) -> PastNotice:
    due, _, stage = row["PartitionKey"].partition("_")
    return PastNotice(_to_entry(row), date.fromisoformat(due), int(stage), row.get("messageHash", ""))


def _utc(moment: datetime | None) -> datetime:
    """Return the moment as an ordinary datetime (the SDK has a class of its own, which compares differently)."""
    if moment is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.combine(moment.date(), moment.time(), UTC)
