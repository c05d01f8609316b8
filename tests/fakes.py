"""The ports in memory: hand-written, faithful, and able to fail when a test wants it.

`tests/contract/` runs one suite over these and over the real adapters, so that what is shown with a fake holds
for the service as well.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from due_notices.credentials import CredentialEnd, CredentialKind, ExpiryWarning
from due_notices.errors import SendError, StorageError
from due_notices.model import FoundUser, Sent, UserPage
from due_notices.ownership import FORMAT, Deployment, Owner, why_refused
from due_notices.ports import (
    CLAIM_COUNTS_AS_SENT,
    Claim,
    ClaimRow,
    Entry,
    PastNotice,
    Progress,
    QueueLook,
    QueueLooks,
    SentByUser,
    Storage,
)
from due_notices.report import RunReport, Waiting, by_date_and_time
from tests.factories import GraphUser, found_user, page_of

START = datetime(2026, 11, 24, 9, tzinfo=UTC)  # a Tuesday
MOST_ROWS = 100
COMPLETED = "completed"
MINE = Deployment("00000000-0000-0000-0000-000000000000", "due", "due-notices")


class MovableClock:
    """A clock that stands still until it is moved. Waiting moves it at once and is written down in `waits`."""

    def __init__(self, start: datetime = START) -> None:
        """Begin at `start`."""
        self._start = start
        self._elapsed = timedelta()
        self.waits: list[float] = []
        self._moving = threading.Lock()
        self.after_wait: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """Return the moment that it was moved to."""
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """Return the seconds it was moved by."""
        return self._elapsed.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Move on."""
        with self._moving:
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

    `rows` are the notices by partition and row. Its failures are planned by method name in `failures`;
    `lost_answers` are calls that take effect and fail all the same.
    """

    def __init__(self, owner: Deployment = MINE, table: FakeLedger | None = None) -> None:
        """Begin empty, or on the table of another ledger, in the hands of `owner`."""
        self.taken_over: dict[tuple[str, str], PastNotice | None] = {}
        self.rows: dict[str, dict[str, PastNotice]] = table.rows if table else defaultdict(dict)
        self.records: dict[tuple[date, str], RunReport] = table.records if table else {}
        self.counts: dict[tuple[date, str], Mapping[str, int]] = table.counts if table else {}
        self.formats: list[Owner] = table.formats if table else []
        self.owner = owner
        self.failures: dict[str, Failures] = defaultdict(Failures)
        self.lost_answers: dict[str, Failures] = defaultdict(Failures)
        self.writes = 0
        self.clock: MovableClock | None = None
        self.latency: Callable[[], float] | None = None

    async def check_owner(self) -> None:
        """Refuse what is another's."""
        await self._begin("check_owner")
        self._refuse_others(accept=False)
        await self._end("check_owner")

    async def take_ownership(self, *, accept: bool = False) -> None:
        """Refuse what is another's, and keep what is nobody's."""
        await self._begin("take_ownership")
        self._refuse_others(accept=accept)
        self.take()
        await self._end("take_ownership")

    def take(self) -> None:
        """Let it be `owner`'s."""
        self.formats[:] = [Owner(FORMAT, self.owner)]

    def _refuse_others(self, *, accept: bool) -> None:
        has_rows = any(self.rows.values()) or bool(self.records)
        found = self.formats[0] if self.formats else None
        why = why_refused(found, self.owner, table="duenotices", has_rows=has_rows, accept=accept)
        if why is not None:
            raise StorageError(why)

    async def sent(self, due: date, users: Collection[str], today: date) -> SentByUser:
        """Return what was sent, and what was claimed too long ago to be sent again."""
        await self._begin("sent")
        found: dict[str, dict[str, Sent]] = {}
        for row, past in sorted(self.rows[due.isoformat()].items()):
            if row[:16] in users and past.counts_as_sent(today):
                obligations = found.setdefault(row[:16], {})
                before = obligations.get(row[16:32])
                stages = dict(before.stages) if before else {}
                stages[past.stage] = past.business_date
                obligations[row[16:32]] = Sent(stages, past.has_reference)
        await self._end("sent")
        return found

    async def of_user(self, due_dates: Collection[date], user: str) -> Sequence[PastNotice]:
        """Return a user's rows."""
        await self._begin("of_user")
        found = [
            past
            for due in sorted(due_dates)
            for row, past in sorted(self.rows[due.isoformat()].items())
            if row.startswith(user)
        ]
        await self._end("of_user")
        return found

    async def claim(
        self, partition: str, rows: Sequence[ClaimRow], claim: Claim, lapsed_before: datetime
    ) -> Mapping[str, Entry]:
        """Claim what nobody has, what has lapsed, and what this claim has already."""
        _check_rows(row.row for row in rows)
        await self._begin("claim")
        there = self.rows[partition]
        found: dict[str, Entry] = {}
        for row in rows:
            past = there.get(row.row)
            if past is not None and past.claim_id == claim.id:
                continue
            if past is None or (
                past.state == "claimed"
                and past.claimed_at <= lapsed_before
                and claim.business_date - past.business_date <= CLAIM_COUNTS_AS_SENT
            ):
                self.writes += 1
                self.taken_over[partition, row.row] = past
                there[row.row] = PastNotice(
                    row.notice_id,
                    row.user_id,
                    date.fromisoformat(partition),
                    int(row.row[33:]),
                    row.has_reference,
                    "claimed",
                    claim.business_date,
                    claim.id,
                    claim.at,
                    message_hash=row.message_hash,
                    row=row.row,
                )
                continue
            old = claim.business_date - past.business_date > CLAIM_COUNTS_AS_SENT
            found[row.row] = Entry("sent" if old else past.state, past.at)
        await self._end("claim")
        return found

    async def mark_sent(self, partition: str, sent: Mapping[str, str], claim: Claim, at: datetime) -> None:
        """Mark, keeping what the claim wrote."""
        _check_rows(sent)
        await self._begin("mark_sent")
        there = self.rows[partition]
        for row, message_id in sent.items():
            past = there.get(row) or PastNotice(
                notice_id="",
                user_id="",
                due=date.fromisoformat(partition),
                stage=int(row[33:]),
                has_reference=True,
                state="sent",
                business_date=claim.business_date,
                claim_id="",
                claimed_at=at,
                row=row,
            )
            self.writes += 1
            there[row] = replace(
                past, state="sent", sent_at=at, message_id=message_id, business_date=claim.business_date
            )
        await self._end("mark_sent")

    async def release(self, partition: str, rows: Iterable[str], claim: Claim) -> None:
        """Forget what this claim holds and has not sent, but for what it took over."""
        await self._begin("release")
        there = self.rows[partition]
        for row in set(rows):
            past = there.get(row)
            if past is not None and past.claim_id == claim.id and past.state == "claimed":
                older = self.taken_over.pop((partition, row), None)
                if older is None:
                    del there[row]
                else:
                    there[row] = older
        await self._end("release")

    async def runs(self, since: date) -> list[RunReport]:
        """Return records."""
        await self._begin("runs")
        found = [record for (day, _), record in self.records.items() if day >= since]
        await self._end("runs")
        return sorted(found, key=by_date_and_time)

    async def sent_by_claims(self, due_dates: Collection[date], begin: str) -> Mapping[tuple[str, int], int]:
        """Count."""
        await self._begin("sent_by_claims")
        found = Counter(
            (past.claim_id[len(begin) :][:2], past.stage)
            for due in due_dates
            for past in self.rows[due.isoformat()].values()
            if past.state == "sent" and past.claim_id.startswith(begin)
        )
        await self._end("sent_by_claims")
        return found

    async def history(self, first: date, last: date, user_id: str | None = None) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield what is in the period, two at a time."""
        await self._begin("history")
        found = [
            past
            for partition in sorted(self.rows)
            for _, past in sorted(self.rows[partition].items())
            if user_id in {None, past.user_id} and first <= past.business_date <= last
        ]
        for start in range(0, len(found), 2):
            yield found[start : start + 2]
        await self._end("history")

    async def record_run(self, report: RunReport) -> None:
        """Keep a record."""
        await self._begin("record_run")
        self.records[report.business_date, report.run_id] = RunReport.from_dict(report.to_dict())
        self.counts[report.business_date, report.run_id] = dict(report.name_counts)
        await self._end("record_run")

    async def name_counts(self, report: RunReport) -> Mapping[str, int]:
        """Return what was kept with a record."""
        await self._begin("name_counts")
        found = self.counts.get((report.business_date, report.run_id), {})
        await self._end("name_counts")
        return found

    async def forget(self, due_before: date, sent_before: date, *, until: float = math.inf) -> int:
        """Delete old rows and records, the oldest first; all at once, so that `until` is looked at once."""
        await self._begin("forget")
        if self.clock is not None and self.clock.monotonic() > until:
            await self._end("forget")
            return 0
        old = [
            (partition, row)
            for partition in sorted(self.rows)
            if partition < due_before.isoformat()
            for row, past in sorted(self.rows[partition].items())
            if past.business_date < sent_before
        ]
        for partition, row in old:
            del self.rows[partition][row]
        runs = sorted(key for key in self.records if key[0] < due_before)
        for key in runs:
            del self.records[key]
        await self._end("forget")
        return len(old) + len(runs)

    @property
    def sent_ids(self) -> set[str]:
        """The ids of all notices marked as sent."""
        return {past.notice_id for past in self._all() if past.state == "sent"}

    @property
    def claimed(self) -> set[str]:
        """The ids of all notices claimed and not sent."""
        return {past.notice_id for past in self._all() if past.state == "claimed"}

    def _all(self) -> Iterator[PastNotice]:
        for rows in self.rows.values():
            yield from rows.values()

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
    """Users in memory, in pages. `faults` are raised by page: the n-th page asked for, counted from 1.

    `faults_of` are those of a part, by its prefix; users in `left_out` are in no part.
    """

    def __init__(self, users: Sequence[GraphUser] = (), *, attribute: str = "due", page_size: int = 999) -> None:
        """Take the users as Graph has them, and the name of the attribute that holds their due dates."""
        self.users = users
        self.attribute = attribute
        self.page_size = page_size
        self.faults = Failures()
        self.faults_of: dict[str, Failures] = defaultdict(Failures)
        self.left_out: Callable[[GraphUser], bool] = lambda _: False
        self.prefixes: list[str] = []
        self._counting = threading.Lock()
        self.before_page: Callable[[], None] = lambda: None
        self.listings = 0
        self.requests = 0
        self.throttled = 0
        self.credential_end: CredentialEnd | None = CredentialEnd(CredentialKind.SECRET, 90)
        self.credential_warning: ExpiryWarning | None = None
        self.counts: Callable[[], int | None] = lambda: len(self.users)
        self.clock_ahead: timedelta | None = None

    def count(self, *, deadline: float | None = None) -> int | None:
        """Count, as `counts` says."""
        del deadline
        self.requests += 1
        return self.counts()

    def pages(self, *, prefix: str = "", deadline: float | None = None) -> Iterator[UserPage]:
        """Yield the pages; at least one, as a listing has. Nothing is ever waited for."""
        del deadline
        with self._counting:
            self.listings += 1
            self.prefixes.append(prefix)
        users = self.users if not prefix else [user for user in self.users if self._is_in(user, prefix)]
        for start in range(0, max(len(users), 1), self.page_size):
            with self._counting:
                self.requests += 1
                self.before_page()
                error = self.faults.count() or (self.faults_of[prefix].count() if prefix else None)
            if error is not None:
                raise error
            yield page_of(users[start : start + self.page_size], (self.attribute,))

    def _is_in(self, user: GraphUser, prefix: str) -> bool:
        name = str(user.get("userPrincipalName", ""))
        return name.casefold().startswith(prefix.casefold()) and not self.left_out(user)

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
        self.reports: list[RunReport] = []
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

    def ended(self, report: RunReport) -> None:
        """Keep a copy."""
        self.reports.append(replace(report))

    def say(self, text: str) -> None:
        """Keep."""
        self.said.append(text)

    def detail(self, text: str) -> None:
        """Keep apart."""
        self.details.append(text)

    def warn(self, warning: ExpiryWarning) -> None:
        """Keep."""
        self.warnings.append(warning)
