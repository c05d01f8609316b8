"""The ledger in Azure Table Storage.

A partition per due date with a row per notice, `runs` with a row per run, and `format`, which names its deployment.
Every write may be repeated without harm, so an answer that got lost is simply asked for again; of a query, the page
that got lost. Nothing but the rows in question is read, and of them the columns in question.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import operator
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.data.tables.aio import TableClient

from due_notices.adapters import table_query, table_rows
from due_notices.adapters.retries import BUSY, STORAGE, TRANSIENT, Pace
from due_notices.adapters.storage_errors import (
    NO_SUCH_ROW,
    TO_READ,
    TO_WRITE,
    ForeignAnswer,
    code_of,
    status_of,
    table_unusable,
)
from due_notices.adapters.storage_pipeline import StoragePipeline
from due_notices.adapters.table_query import PAGE, Query, between, literal, of_partition, spans
from due_notices.adapters.table_rows import RUNS, UNREADABLE, Row
from due_notices.adapters.table_transaction import Operation, refused, transaction
from due_notices.deadline import together
from due_notices.errors import StorageError
from due_notices.ownership import FORMAT, Deployment, Owner, why_refused
from due_notices.ports import Claim, ClaimRow, Clock, Entry, PastNotice, SentByUser
from due_notices.report import RunReport, by_date_and_time

# https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
MOST_OPERATIONS = 100
ROWS_AT_A_TIME = 16  # looked at one by one
TRANSACTIONS_AT_A_TIME = 8  # when rows are deleted; one after another is slower than a day's sending
PARTITIONS_AT_A_TIME = 8  # counted
RANGES_AT_A_TIME = 5  # of partitions, looked at for one user
USERS_A_PAGE = 4  # that are asked for one by one instead of a page: a request each, several at a time, and few rows
USERS_AT_A_TIME = 8
_ACCEPTED = 202
_KEYS = ("PartitionKey", "RowKey")
_NOTICES = "PartitionKey lt 'A'"  # their partitions begin with a digit, the others with a letter
_T = TypeVar("_T")


class _Found(NamedTuple):
    """A row with its ETag."""

    row: Row
    etag: str


class TableLedger:
    """One table, which belongs to one deployment."""

    def __init__(self, table: TableClient, pipeline: StoragePipeline, clock: Clock, owner: Deployment) -> None:
        """Take a client that knows the table's address, the pipeline to its service, and the ledger's deployment."""
        self._table = table
        self._name = table.table_name
        self._url = f"{table.url}/{table.table_name}"
        self._pipeline = pipeline
        self._clock = clock
        self._owner = owner
        self._paces: defaultdict[str, Pace] = defaultdict(lambda: Pace(clock))  # by partition

    async def check_owner(self) -> None:
        """Refuse what is another's."""
        await self._format(accept=False)

    async def take_ownership(self, *, accept: bool = False) -> None:
        """Refuse what is another's, and write the `format` row where it is not there, or says something else."""
        mine = table_rows.owner_entity(Owner(FORMAT, self._owner))
        for _ in range(STORAGE.attempts):
            found = await self._format(accept=accept)
            if found is not None and not (accept and table_rows.owner_of(found.row) != Owner(FORMAT, self._owner)):
                return
            with contextlib.suppress(_Conflict):
                await self._transaction([("create", mine, None) if found is None else ("update", mine, found.etag)])
                return
        raise StorageError(
            f"the ledger table {self._name} changes its owner at each try; find out what else writes to it"
        )

    async def _format(self, *, accept: bool) -> _Found | None:
        found = await self._row(*table_rows.FORMAT_KEY)
        has_rows = found is not None or await self._has_rows()
        if found is None and has_rows:  # an owner writes this row first of all, and may have done so since
            found = await self._row(*table_rows.FORMAT_KEY)
        owner = None if found is None else table_rows.owner_of(found.row)
        why = why_refused(owner, self._owner, table=self._name, has_rows=has_rows, accept=accept)
        if why is not None:
            raise StorageError(why)
        return found

    async def sent(self, due: date, users: Collection[str], today: date) -> SentByUser:
        """Return what was sent of one partition, a page at a time; user by user where that is less.

        The first page shows how many follow: in a large partition there may be thousands of them, of which a shard
        wants few rows.
        """
        reader, partition = table_rows.SentReader(users, today), due.isoformat()
        is_first = True
        async for rows in self._pages(Query(of_partition(partition), table_rows.SENT_COLUMNS)):
            with self._reading():
                reader.add(rows)
            if is_first and len(rows) == PAGE:
                left = [user for user in users if user >= table_rows.user_of(rows[-1])]
                if len(left) <= USERS_A_PAGE * table_rows.pages_after(rows):
                    await self._add_users(reader, partition, left)
                    break
            is_first = False
        return reader.result()

    async def _add_users(self, reader: table_rows.SentReader, partition: str, users: Iterable[str]) -> None:
        """Ask for each user's rows alone, several users at a time."""
        waiting = iter(users)

        async def work() -> None:
            for user in waiting:
                query = Query(of_partition(partition, _rows_of(user)), table_rows.SENT_COLUMNS)
                async for rows in self._pages(query):
                    with self._reading():
                        reader.add(rows)

        await together(work() for _ in range(USERS_AT_A_TIME))

    async def of_user(self, due_dates: Collection[date], user: str) -> Sequence[PastNotice]:
        """Return ranges of rows, whose keys begin with the user's, of some ranges of partitions."""
        rows = _rows_of(user)

        async def within(first: date, last: date) -> list[PastNotice]:
            query = Query(f"{between(first.isoformat(), last.isoformat())} and {rows}", table_rows.NOTICE_COLUMNS)
            return [past async for page in self._pages(query) for past in self._read(page, table_rows.past_notice)]

        found = await together(within(first, last) for first, last in spans(due_dates, RANGES_AT_A_TIME))
        return [past for some in found for past in some if past.due in due_dates]

    async def claim(
        self, partition: str, rows: Sequence[ClaimRow], claim: Claim, lapsed_before: datetime
    ) -> Mapping[str, Entry]:
        """Claim notices in one transaction; where a row stands in the way, leave it out and claim the rest."""
        wanted = {row.row: row for row in rows}
        lapsed: dict[str, _Found] = {}  # what may be taken over
        in_the_way: dict[str, Entry] = {}
        for _ in range(STORAGE.attempts):
            if not wanted:
                break
            operations: list[Operation] = [
                ("create", entity, None)
                if (old := lapsed.get(key)) is None
                else ("update", entity | table_rows.taken_over(old.row), old.etag)
                for key, row in wanted.items()
                for entity in (table_rows.claim_entity(partition, row, claim),)
            ]
            try:
                await self._transaction(operations)
            except _Conflict:
                # One row in the way rejects all, and so does our own first try when its answer got lost.
                found = await self._rows(partition, wanted)
                lapsed.clear()
                with self._reading():
                    for key, each in found.items():
                        row = each.row
                        if row.get("claimId") != claim.id and table_rows.is_lapsed(row, claim, lapsed_before):
                            lapsed[key] = each
                            continue
                        if row.get("claimId") != claim.id:
                            in_the_way[key] = table_rows.entry_of(row, claim)
                        del wanted[key]
            else:
                return in_the_way
        # Others were quicker at each attempt: what they hold is theirs since now.
        return in_the_way | dict.fromkeys(wanted, Entry("claimed", claim.at))

    async def mark_sent(self, partition: str, sent: Mapping[str, str], claim: Claim, at: datetime) -> None:
        """Mark notices as sent in one transaction, whatever was there before."""
        await self._transaction(
            [
                ("upsert", table_rows.sent_entity(partition, row, message_id, claim, at), None)
                for row, message_id in sent.items()
            ]
        )

    async def release(self, partition: str, rows: Iterable[str], claim: Claim) -> None:
        """Delete what `claim` still holds, or put back what it took over; where others interfere, the claims lapse."""
        found = await self._rows(partition, set(rows))
        operations: list[Operation] = []
        with self._reading():
            for key, (row, etag) in found.items():
                if row.get("claimId") == claim.id and row.get("state") == "claimed":
                    older, where = table_rows.older_claim(row), {"PartitionKey": partition, "RowKey": key}
                    operations.append(("delete", where, etag) if older is None else ("upsert", where | older, etag))
        with contextlib.suppress(_Conflict):
            await self._transaction(operations)

    async def runs(self, since: date) -> list[RunReport]:
        """Return the recorded runs from business date `since` on."""
        query = Query(of_partition(RUNS, f"RowKey ge {literal(since.isoformat())}"), ("RowKey", "report"))
        found = [run async for rows in self._pages(query) for run in self._read(rows, table_rows.run_of)]
        return sorted(found, key=by_date_and_time)

    async def sent_by_claims(self, due_dates: Collection[date], begin: str) -> Mapping[tuple[str, int], int]:
        """Count rows of a claim, several partitions at a time; the service looks through each and sends what fits."""
        found: Counter[tuple[str, int]] = Counter()
        claims = f"claimId ge {literal(begin)} and claimId lt {literal(f'{begin}~')} and state eq 'sent'"
        dues = iter(sorted(due_dates))

        async def work() -> None:
            for due in dues:
                query = Query(of_partition(due.isoformat(), claims), table_rows.COUNTED_COLUMNS)
                async for rows in self._pages(query):
                    found.update(self._read(rows, lambda row: table_rows.claim_and_stage(row, len(begin))))

        await together(work() for _ in range(PARTITIONS_AT_A_TIME))
        return found

    async def history(self, first: date, last: date, user_id: str | None = None) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield the notices of a period, a page of the service at a time.

        The service looks through the whole table and sends what fits, so that memory stays flat.
        """
        period = f"businessDate ge {literal(first.isoformat())} and businessDate le {literal(last.isoformat())}"
        user = "" if user_id is None else f"userId eq {literal(user_id)} and "
        async for rows in self._pages(Query(f"{user}{_NOTICES} and {period}", table_rows.NOTICE_COLUMNS)):
            yield self._read(rows, table_rows.past_notice)

    async def record_run(self, report: RunReport) -> None:
        """Store a run in its row."""
        await self._transaction([("replace", table_rows.run_entity(report), None)])

    async def name_counts(self, report: RunReport) -> Mapping[str, int]:
        """Return what a run's row has of them."""
        found = await self._row(RUNS, table_rows.run_key(report), ("RowKey", "nameCounts"))
        return {} if found is None else table_rows.name_counts_of(found.row)

    async def forget(self, due_before: date, sent_before: date, *, until: float = math.inf) -> int:
        """Delete old rows, a page of the service at a time, so that memory stays flat however many they are."""
        # No table lists its partitions: a range of keys finds the old ones.
        due = literal(due_before.isoformat())
        notices = f"PartitionKey lt {due} and businessDate lt {literal(sent_before.isoformat())}"
        forgotten = 0
        for condition in (notices, of_partition(RUNS, f"RowKey lt {due}")):
            async for rows in self._pages(Query(condition, _KEYS, PAGE)):
                deleted = await self._delete(self._read(rows, table_rows.key_of), until)
                forgotten += deleted
                if deleted < len(rows) or self._clock.monotonic() > until:
                    return forgotten
        return forgotten

    async def _delete(self, rows: Sequence[Row], until: float) -> int:
        """Delete rows, in transactions of one partition each, some at a time; return how many the time was enough for.

        What others delete meanwhile is left to them.
        """
        chunks = _chunks(rows)

        async def work() -> int:
            deleted = 0
            for chunk in chunks:
                if self._clock.monotonic() > until:
                    break
                with contextlib.suppress(_Conflict):
                    await self._transaction([("delete", row, None) for row in chunk])
                deleted += len(chunk)
            return deleted

        return sum(await together(work() for _ in range(TRANSACTIONS_AT_A_TIME)))

    async def _has_rows(self) -> bool:
        """Whether anything is in the table; a page may be empty and more follow."""
        async for rows in self._pages(Query("", _KEYS, 1)):
            if rows:
                return True
        return False

    async def _pages(self, query: Query) -> AsyncIterator[list[Any]]:
        """Yield the pages of a query; one that got lost is asked for again, those before it are not."""
        after: dict[str, str] | None = None
        while True:
            url = table_query.page_url(self._url, query, after)

            async def read(url: str = url) -> tuple[list[Any], dict[str, str] | None]:
                body, headers = await self._pipeline.get(url, table_query.HEADERS)
                return table_rows.page_of(body), table_query.after(headers)

            rows, after = await self._patiently(read)
            yield rows
            if after is None:
                return

    async def _rows(self, partition: str, keys: Iterable[str]) -> dict[str, _Found]:
        """Return those of some rows that are there, by key, some at a time."""
        permits = asyncio.Semaphore(ROWS_AT_A_TIME)

        async def one(key: str) -> tuple[str, _Found | None]:
            async with permits:
                return key, await self._row(partition, key, table_rows.ENTRY_COLUMNS)

        return {key: found for key, found in await together(one(key) for key in keys) if found is not None}

    async def _row(self, partition: str, key: str, columns: Sequence[str] = ()) -> _Found | None:
        url = table_query.row_url(self._url, partition, key, columns)

        async def read() -> _Found | None:
            try:
                body, headers = await self._pipeline.get(url, table_query.HEADERS)
            except AzureError as error:
                if _is_no_row(error):
                    return None
                raise
            etag = headers.get("ETag")
            if not etag:  # without one a takeover would not be a conditional update
                raise ForeignAnswer("the answer to a question for a row lacks its ETag")
            return _Found(table_rows.row_of(body), etag)

        return await self._patiently(read)

    def _read(self, rows: Iterable[Row], read: Callable[[Row], _T]) -> list[_T]:
        with self._reading():
            return [read(row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise StorageError for a row that this program did not write."""
        try:
            yield
        except UNREADABLE as error:
            raise StorageError(
                f"the ledger table {self._name} has a row that this program did not write ({type(error).__name__}): "
                "find out what else writes to it, and remove that row or give this deployment its own LEDGER_TABLE"
            ) from error

    async def _transaction(self, operations: Sequence[Operation]) -> None:
        if not operations:
            return
        body, headers = transaction(self._table.url, self._name, operations)
        pace = self._paces[operations[0][1]["PartitionKey"]]

        async def write() -> None:
            await pace.turn(len(operations))
            try:
                answer = await self._pipeline.post(f"{self._table.url}/$batch", body, headers, success=_ACCEPTED)
                if (error := refused(answer, len(operations))) is not None:
                    raise error
            except AzureError as error:
                if status_of(error) in BUSY:
                    pace.refused()
                if _is_conflict(error):
                    message = f"the ledger table {self._name} refused a write ({code_of(error)})"
                    raise _Conflict(f"{message}; the next tick tries again") from error
                raise

        await self._patiently(write, TO_WRITE)

    async def _patiently(self, work: Callable[[], Awaitable[_T]], role: str = TO_READ) -> _T:
        """Do idempotent work, again after what passes by itself. Raises StorageError."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await work()
            except AzureError as error:
                if attempt == STORAGE.attempts or not _passes(error):
                    raise table_unusable(error, self._table, role) from error
            await self._clock.wait(STORAGE.pause(attempt))


def _rows_of(user: str) -> str:
    return f"RowKey ge {literal(user)} and RowKey lt {literal(f'{user}~')}"


class _Conflict(StorageError):
    """A row was not as the transaction expected; nothing of it was written."""


def _passes(error: AzureError) -> bool:
    status = status_of(error)
    return status in TRANSIENT or (status is None and not isinstance(error, ClientAuthenticationError))


def _is_conflict(error: AzureError) -> bool:
    """Whether a row was not as expected; a 404 is only where the service says so of a row."""
    return status_of(error) in {409, 412} or _is_no_row(error)


def _is_no_row(error: AzureError) -> bool:
    return status_of(error) == 404 and code_of(error) in NO_SUCH_ROW  # noqa: PLR2004 (HTTP)


def _chunks(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """Yield rows of one partition each, as many as a transaction takes."""
    for _, members in itertools.groupby(rows, key=operator.itemgetter("PartitionKey")):
        while chunk := list(itertools.islice(members, MOST_OPERATIONS)):
            yield chunk
