"""Claim in the ledger, send, mark sent: puts every owed notice on the queue; a repeat has the same id.

                    claim                    send                   mark sent
    (no entry) ──────────────▶ claimed ──────────────▶ on the queue ──────────────▶ sent
                                  │  certainly not accepted
                                  └──────────▶ released, the next run begins anew
                                  │  perhaps accepted, or this process died
                                  └──────────▶ the claim lapses; the run that finds it takes it over by a
                                               conditional update and sends again, with the same id;
                                               after 80 days it counts as sent

Notices go in chunks of one ledger partition, because a table transaction takes at most 100 rows of one partition;
several chunks are under way at a time. What another run has claimed is left to it, and looked at again until the other
has sent it or its claim has lapsed.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import repeat, zip_longest
from typing import Any, NamedTuple, TypeVar

from due_notices.deadline import together
from due_notices.errors import SendError, StorageError
from due_notices.message import Message, to_message
from due_notices.model import Notice
from due_notices.ports import Claim, ClaimRow, Clock, Progress, Storage

_T = TypeVar("_T")

CHUNK = 100  # https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
CHUNKS_AT_A_TIME = 4
SENDS_AT_A_TIME = 64
FAILURES_IN_A_ROW = 20  # then the queue, not a message, is at fault
LONGEST_PAUSE = 30.0  # seconds between two looks at what another run has claimed


class _Held(NamedTuple):
    """A notice that another run has claimed, and since when."""

    notice: Notice
    since: datetime


@dataclass(slots=True)
class Delivery:
    """Delivers the owed notices of one run and counts what became of them.

    A notice whose claim is older than a third of `lapse` is not sent any more: so a slow but living run never sends
    what another may have taken over, even with clocks that differ by minutes.
    """

    storage: Storage
    clock: Clock
    progress: Progress
    source: str
    time_zone: str
    lapse: timedelta  # how long a claim holds
    deadline: float  # on the clock's monotonic scale; no chunk begins after it
    may_send: Callable[[Notice, datetime], bool]  # asked right before each is sent: a run is slow, a notice expires
    mark: str = ""  # the ids of its claims begin with this, so that what it sent can be counted
    chunks_at_a_time: int = CHUNKS_AT_A_TIME
    sent: int = 0
    late: int = 0
    superseded: int = 0
    sent_by_others: int = 0
    stages: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    _failures_in_a_row: int = 0
    _permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDS_AT_A_TIME))

    async def deliver(self, owed: Sequence[Notice]) -> None:
        """Send what can be sent; return when every notice is sent, failed, or taken by another run."""
        held = await self._send_all(owed)
        pause = 1.0
        while held and not self.stopped and not self._out_of_time():
            if pause == 1.0:
                until = max(item.since for item in held) + self.lapse
                self.progress.say(
                    f"another run has claimed notices of this run ({len(held):,}); waiting until it has sent them or "
                    f"its claims lapse, at {until:%H:%M:%S} UTC"
                )
            await self.clock.wait(min(pause, max(self.deadline - self.clock.monotonic(), 0.0)))
            pause = min(pause * 2, LONGEST_PAUSE)
            if not self._out_of_time():
                held = await self._send_all([item.notice for item in held])
        if held and not self.stopped:
            self._problem(
                "notices are claimed by another run that has not finished; the next tick sees to them", len(held)
            )

    async def _send_all(self, free: Sequence[Notice]) -> list[_Held]:
        """Send chunk by chunk, a few at a time; return what another run has claimed."""
        held: list[_Held] = []
        chunks = _chunks(free)

        async def work() -> None:
            for partition, chunk in chunks:
                if self.stopped:
                    return
                if self._out_of_time():
                    self.stopped = True
                    self._problem("the run came near the host's time limit and stopped; the next tick goes on")
                    return
                try:
                    held.extend(await self._to_its_end(self._send_chunk(partition, chunk)))
                except StorageError as error:
                    self.stopped = True
                    self._problem(str(error))
                    return

        await together(work() for _ in range(self.chunks_at_a_time))
        return held

    async def _to_its_end(self, chunk: Coroutine[Any, Any, _T]) -> _T:
        """Await a chunk to its end, also after Ctrl-C: what is under way is sent and marked, no new send begins."""
        task = asyncio.ensure_future(chunk)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not self.stopped:
                self.stopped = True
                self.progress.say("stopping as soon as what is under way is marked as sent; Ctrl-C again stops at once")
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _send_chunk(self, partition: str, chunk: Sequence[Notice]) -> list[_Held]:
        claim = Claim(f"{self.mark}{uuid.uuid4().hex}"[:32], self.clock.now(), chunk[0].business_date)
        rows = {notice.row: notice for notice in chunk}
        messages = {
            row: to_message(notice, source=self.source, time=claim.at, time_zone=self.time_zone)
            for row, notice in rows.items()
        }
        found = await self.storage.ledger.claim(
            partition,
            [
                ClaimRow(row, notice.id, notice.user.id, bool(notice.obligation.reference), messages[row].digest)
                for row, notice in rows.items()
            ],
            claim,
            claim.at - self.lapse,
        )
        self.sent_by_others += sum(entry.state == "sent" for entry in found.values())
        won = rows.keys() - found.keys()
        accepted: dict[str, str] = {}
        unsure: set[str] = set()
        try:
            await together(
                self._send(row, notice, messages[row], claim, accepted, unsure)
                for row, notice in rows.items()
                if row in won
            )
        finally:  # also after a second Ctrl-C, as far as that leaves time: what was sent is marked as sent
            if accepted:
                await self.storage.ledger.mark_sent(partition, accepted, claim, self.clock.now())
            if unsent := won - accepted.keys() - unsure:
                await self.storage.ledger.release(partition, unsent, claim)
        return [_Held(rows[row], entry.at) for row, entry in found.items() if entry.state == "claimed"]

    async def _send(
        self, row: str, notice: Notice, message: Message, claim: Claim, accepted: dict[str, str], unsure: set[str]
    ) -> None:
        async with self._permits:
            if self.stopped:
                return
            now = self.clock.now()
            if now - claim.at > self.lapse / 3:
                self._problem("notices waited too long behind slow storage to be sent safely")
                return
            if not self.may_send(notice, now):
                self._problem("notices had expired, or the send window had closed; the next tick decides again")
                return
            unsure.add(row)
            try:
                accepted[row] = await self.storage.queue.send(message.text)
            except SendError as error:
                if not error.accepted_perhaps:
                    unsure.discard(row)
                self._failed(error)
                return
            except StorageError as error:
                unsure.discard(row)
                self.stopped = True
                self._problem(str(error))
                return
        unsure.discard(row)
        self._failures_in_a_row = 0
        self.sent += 1
        self.late += notice.late
        self.superseded += notice.superseded
        self.stages[notice.stage] += 1
        self.progress.sent()

    def _failed(self, error: SendError) -> None:
        self._problem(str(error))
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= FAILURES_IN_A_ROW and not self.stopped:
            self.stopped = True
            self._problem(f"stopped after {FAILURES_IN_A_ROW} failed sends in a row; the next tick goes on")

    def _out_of_time(self) -> bool:
        return self.clock.monotonic() >= self.deadline

    def _problem(self, text: str, count: int = 1) -> None:
        self.problems[text] += count


def _chunks(notices: Iterable[Notice]) -> Iterator[tuple[str, Sequence[Notice]]]:
    """Yield chunks of one partition each, from each partition in turn: together they take more writes."""
    grouped: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        grouped[notice.partition].append(notice)
    turns = zip_longest(*(zip(repeat(partition), _batches(each, CHUNK)) for partition, each in grouped.items()))
    return (chunk for turn in turns for chunk in turn if chunk is not None)


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
