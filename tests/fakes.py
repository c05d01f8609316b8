"""The ports in memory: hand-written, faithful, and able to fail when a test wants it.

`tests/contract/` runs one suite over these and over the real adapters, so that what is shown with a fake holds
for the service as well.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from due_notices.credentials import CredentialEnd, CredentialKind, ExpiryWarning
from due_notices.errors import SendError, StorageError
from due_notices.model import FoundUser, UserPage
from due_notices.ports import (
    Claim,
    ClaimRow,
    LedgerEntry,
    PastNotice,
    Progress,
    QueueLook,
    QueueLooks,
    Storage,
)
from due_notices.report import RunReport, Waiting
from tests.factories import GraphUser, found_user, page_of

START = datetime(2026, 11, 24, 9, tzinfo=UTC)  # a Tuesday
MOST_ROWS = 100
COMPLETED = "completed"


class MovableClock:
    """A clock that stands still until it is moved. Waiting moves it at once and is written down in `waits`."""

    def __init__(self, start: datetime = START) -> None:
        """Begin at `start`."""
        self._start = start
        self._elapsed = timedelta()
        self.waits: list[float] = []
        self.after_wait: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """Return the moment that it was moved to."""
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """Return the seconds it was moved by."""
        return self._elapsed.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.waits.append(seconds)
        self._elapsed += timedelta(seconds=seconds)
        self.after_wait()

    async def wait(self, seconds: float) -> None:
        """Move on, and let other work go on."""
        self.sleep(seconds)
        await asyncio.sleep(0)

    def move(self, **by: float) -> None:
        """Move on by so many `days`, `hours`, `minutes`, `seconds`."""
        self._elapsed += timedelta(**by)

    def move_to(self, moment: datetime) -> None:
        """Move on to a later moment."""
        assert moment >= self.now(), "a clock does not go back"
        self._elapsed = moment - self._start


@dataclass
class Failures:
    """Which calls of an operation fail, by their number counted from 1, and how."""

    planned: dict[int, Exception] = field(default_factory=dict)
    always: Exception | None = None
    calls: int = 0

    def on(self, *numbers: int, error: Exception) -> None:
        """Let the calls with these numbers (from now on: 1 is the next) fail."""
        self.planned.update({self.calls + number: error for number in numbers})

    def count(self) -> Exception | None:
        """Count a call and return the error that it meets."""
        self.calls += 1
        return self.planned.get(self.calls, self.always)


class FakeNoticeQueue:
    """A queue that keeps its messages in a list. Failing sends are planned in `failures`."""

    def __init__(self) -> None:
        """Begin empty."""
        self.messages: list[str] = []
        self.failures = Failures()
        self.poison: int | None = 0
        self.looks: QueueLooks | None = None
        self.before_send: Callable[[str], None] = lambda _: None
        self.latency: Callable[[], float] | None = None

    async def send(self, text: str) -> str:
        """Keep a message. One that is "perhaps accepted" is kept although its send fails."""
        self.before_send(text)
        if self.latency is not None:
            await asyncio.sleep(self.latency() / 2)
        error = self.failures.count()
        if error is None or (isinstance(error, SendError) and error.accepted_perhaps):
            self.messages.append(text)
        number = len(self.messages)
        if self.latency is not None:
            await asyncio.sleep(self.latency() / 2)
        if error is not None:
            raise error
        return f"message-{number}"

    async def waiting(self) -> Waiting:
        """Count."""
        return Waiting(len(self.messages), self.poison)

    async def look(self) -> QueueLooks:
        """Look; `looks` says what is to be seen where a test wants it to."""
        return self.looks or QueueLooks(QueueLook(len(self.messages), None), QueueLook(self.poison, None))


class FakeLedger:
    """A ledger in dictionaries. Each method is one indivisible step, as a table transaction is.

    Its failures are planned by method name in `failures`; `lost_answers` are calls that take effect and
    fail all the same.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.partitions: dict[str, dict[str, LedgerEntry]] = defaultdict(dict)
        self.hashes: dict[str, str] = {}
        self.records: dict[date, RunReport] = {}
        self.failures: dict[str, Failures] = defaultdict(Failures)
        self.lost_answers: dict[str, Failures] = defaultdict(Failures)
        self.writes = 0
        self.latency: Callable[[], float] | None = None
        self._versions = itertools.count(1)

    async def entries(self, partition: str) -> dict[str, LedgerEntry]:
        """Return a copy of a partition."""
        await self._begin("entries")
        found = dict(self.partitions[partition])
        await self._end("entries")
        return found

    async def entry(self, partition: str, notice_id: str) -> LedgerEntry | None:
        """Return an entry."""
        await self._begin("entry")
        found = self.partitions[partition].get(notice_id)
        await self._end("entry")
        return found

    async def claim(
        self, partition: str, rows: Sequence[ClaimRow], claim: Claim, lapsed: Mapping[str, LedgerEntry]
    ) -> frozenset[str]:
        """Claim what nobody has, what is lapsed and unchanged, and what this claim has already."""
        _check_rows(row.notice_id for row in rows)
        await self._begin("claim")
        entries = self.partitions[partition]
        won = set()
        for row in rows:
            there, known = entries.get(row.notice_id), lapsed.get(row.notice_id)
            if there is not None and there.claim == claim:
                won.add(row.notice_id)
            elif there is None or (known is not None and there.version == known.version):
                entries[row.notice_id] = LedgerEntry(
                    row.notice_id, "claimed", claim, self._version(), user_id=row.user_id
                )
                self.hashes[row.notice_id] = row.message_hash
                won.add(row.notice_id)
        await self._end("claim")
        return frozenset(won)

    async def mark_sent(self, partition: str, sent: Mapping[str, str], at: datetime) -> None:
        """Mark, keeping what the claim wrote."""
        _check_rows(sent)
        await self._begin("mark_sent")
        entries = self.partitions[partition]
        nobody = Claim("", datetime.min.replace(tzinfo=UTC))
        for identifier, message_id in sent.items():
            there = entries.get(identifier) or LedgerEntry(identifier, "claimed", nobody, "")
            entries[identifier] = replace(
                there, state="sent", sent_at=at, message_id=message_id, version=self._version()
            )
        await self._end("mark_sent")

    async def release(self, partition: str, notice_ids: Iterable[str], claim: Claim) -> None:
        """Forget what this claim holds and has not sent."""
        await self._begin("release")
        entries = self.partitions[partition]
        for identifier in set(notice_ids):
            there = entries.get(identifier)
            if there is not None and there.claim == claim and there.state == "claimed":
                del entries[identifier]
        await self._end("release")

    async def runs(self, since: date) -> list[RunReport]:
        """Return records."""
        await self._begin("runs")
        found = [self.records[day] for day in sorted(self.records) if day >= since]
        await self._end("runs")
        return found

    async def history(
        self, since: datetime, until: datetime, user_id: str | None = None
    ) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield what is in the period, two at a time."""
        await self._begin("history")
        found = [
            PastNotice(entry, date.fromisoformat(partition[:10]), int(partition[11:]), self.hashes.get(identifier, ""))
            for partition in sorted(self.partitions)
            for identifier, entry in sorted(self.partitions[partition].items())
            if user_id in {None, entry.user_id}
        ]
        found = [past for past in found if since <= past.at < until]
        for start in range(0, len(found), 2):
            yield found[start : start + 2]
        await self._end("history")

    async def record_run(self, report: RunReport) -> None:
        """Keep a record, unless it would hide a completed run."""
        await self._begin("record_run")
        there = self.records.get(report.business_date)
        if there is None or not there.completed or report.completed:
            self.records[report.business_date] = RunReport.from_dict(report.to_dict())
        await self._end("record_run")

    async def forget(self, before: date, most: int) -> int:
        """Delete old entries and records, the oldest first."""
        await self._begin("forget")
        old = [
            (partition, identifier)
            for partition in sorted(self.partitions)
            if partition[:10] < before.isoformat()
            for identifier in sorted(self.partitions[partition])
        ][:most]
        for partition, identifier in old:
            del self.partitions[partition][identifier]
        days = sorted(day for day in self.records if day < before)[: most - len(old)]
        for day in days:
            del self.records[day]
        await self._end("forget")
        return len(old) + len(days)

    @property
    def sent(self) -> set[str]:
        """The ids of all notices marked as sent."""
        return {entry.notice_id for entry in self._all() if entry.state == "sent"}

    @property
    def claimed(self) -> set[str]:
        """The ids of all notices claimed and not sent."""
        return {entry.notice_id for entry in self._all() if entry.state == "claimed"}

    def _all(self) -> Iterator[LedgerEntry]:
        for entries in self.partitions.values():
            yield from entries.values()

    def _version(self) -> str:
        self.writes += 1
        return f"version-{next(self._versions)}"

    async def _begin(self, method: str) -> None:
        await self._delay()
        error = self.failures[method].count()
        if error is not None:
            raise error

    async def _end(self, method: str) -> None:
        await self._delay()
        error = self.lost_answers[method].count()
        if error is not None:
            raise error

    async def _delay(self) -> None:
        if self.latency is not None:
            await asyncio.sleep(self.latency() / 2)


def _check_rows(identifiers: Iterable[str]) -> None:
    rows = list(identifiers)
    if len(rows) > MOST_ROWS or len(set(rows)) < len(rows):
        raise StorageError("a transaction takes at most 100 rows, each once")


class FakeDirectory:
    """Users in memory, in pages. `faults` are raised by page: the n-th page asked for, counted from 1."""

    def __init__(self, users: Sequence[GraphUser] = (), *, attribute: str = "due", page_size: int = 999) -> None:
        """Take the users as Graph has them, and the name of the attribute that holds their due dates."""
        self.users = users
        self.attribute = attribute
        self.page_size = page_size
        self.faults = Failures()
        self.before_page: Callable[[], None] = lambda: None
        self.listings = 0
        self.requests = 0
        self.throttled = 0
        self.credential_end: CredentialEnd | None = CredentialEnd(CredentialKind.SECRET, 90)
        self.credential_warning: ExpiryWarning | None = None

    def pages(self, *, deadline: float | None = None) -> Iterator[UserPage]:
        """Yield the pages; at least one, as a listing has. Nothing is ever waited for."""
        del deadline
        self.listings += 1
        for start in range(0, max(len(self.users), 1), self.page_size):
            self.requests += 1
            self.before_page()
            error = self.faults.count()
            if error is not None:
                raise error
            yield page_of(self.users[start : start + self.page_size], (self.attribute,))

    def user(self, identifier: str) -> FoundUser | None:
        """Find a user."""
        self.requests += 1
        wanted = identifier.casefold()
        for user in self.users:
            if wanted in {str(user.get("id", "")).casefold(), str(user.get("userPrincipalName", "")).casefold()}:
                return found_user(user, (self.attribute,))
        return None

    def lists(self, identifier: str) -> bool:
        """Tell; the fake has no filter."""
        return any(user.get("id") == identifier for user in self.users)


class FakeStorage:
    """Queue and ledger, and a way to open them. `unopenable` is raised instead of opening."""

    def __init__(self) -> None:
        """Begin empty."""
        self.queue = FakeNoticeQueue()
        self.ledger = FakeLedger()
        self.unopenable: Exception | None = None
        self.opened = 0
        self.closed = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Storage]:
        """Open."""
        if self.unopenable is not None:
            raise self.unopenable
        self.opened += 1
        try:
            yield Storage(self.queue, self.ledger)
        finally:
            self.closed += 1


class Watcher(Progress):
    """Writes down what a run tells its watcher."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.said: list[str] = []
        self.details: list[str] = []
        self.warnings: list[ExpiryWarning] = []
        self.users = 0
        self.to_send: int | None = None
        self.sends = 0

    def read(self, users: int) -> None:
        """Add."""
        self.users += users

    def owed(self, notices: int) -> None:
        """Keep."""
        self.to_send = notices

    def sent(self) -> None:
        """Count."""
        self.sends += 1

    def say(self, text: str) -> None:
        """Keep."""
        self.said.append(text)

    def detail(self, text: str) -> None:
        """Keep apart."""
        self.details.append(text)

    def warn(self, warning: ExpiryWarning) -> None:
        """Keep."""
        self.warnings.append(warning)
