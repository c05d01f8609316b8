"""Claim in the ledger, send, mark sent: every owed notice on the queue, once as far as can be known.

                    claim                    send                   mark sent
    (no entry) ──────────────▶ claimed ──────────────▶ on the queue ──────────────▶ sent
                                  │  certainly not accepted
                                  └──────────▶ released, the next run begins anew
                                  │  perhaps accepted, or this process died
                                  └──────────▶ the claim lapses; whoever finds it takes it over by a
                                               conditional update and sends again, with the same id

Notices go in chunks of one ledger partition, because a table transaction takes at most 100 rows of one
partition; several chunks are under way at a time. Whatever another run has claimed is left to it and looked
at again until it is sent, or its claim has lapsed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from due_notices.errors import SendError, StorageError
from due_notices.message import Message, to_message
from due_notices.model import Notice
from due_notices.planning import Plan
from due_notices.ports import Claim, ClaimRow, Clock, Ledger, LedgerEntry, Progress, Storage

_T = TypeVar("_T")

CHUNK = 100  # https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
CHUNKS_AT_A_TIME = 4
SENDS_AT_A_TIME = 64
LOOKS_AT_A_TIME = 8
FAILURES_IN_A_ROW = 20  # then the queue, not a message, is at fault
LONGEST_LOOK_PAUSE = 30.0  # seconds between two looks at what another run has claimed


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice that the ledger does not have as sent; `entry` is a claim on it, if there is one."""

    notice: Notice
    entry: LedgerEntry | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan after the ledger was asked what was done already."""

    owed: tuple[Owed, ...]
    already_sent: int
    superseded: int
    expired: int


async def standing(plan: Plan, ledger: Ledger) -> Standing:
    """Ask the ledger which planned notices are sent, and which missed stages were sent after all."""
    by_partition = _by_partition(plan.notices)
    missed_by_partition: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for missed in plan.missed:
        missed_by_partition[missed.partition].append((missed.notice_id, missed.kind))
    owed: list[Owed] = []
    missed_kinds: Counter[str] = Counter()
    partitions = sorted(by_partition.keys() | missed_by_partition.keys())
    for batch in _batches(partitions, LOOKS_AT_A_TIME):
        looks = await _together(ledger.entries(partition) for partition in batch)
        for partition, entries in zip(batch, looks, strict=True):
            sent = {identifier for identifier, entry in entries.items() if entry.state == "sent"}
            owed.extend(
                Owed(notice, entries.get(notice.id)) for notice in by_partition[partition] if notice.id not in sent
            )
            missed_kinds.update(kind for identifier, kind in missed_by_partition[partition] if identifier not in sent)
    return Standing(
        owed=tuple(owed),
        already_sent=len(plan.notices) - len(owed),
        superseded=missed_kinds["superseded"],
        expired=missed_kinds["expired"],
    )


@dataclass(slots=True)
class Delivery:
    """Delivers the owed notices of one run and counts what became of them.

    `deadline` is on the clock's monotonic scale: no chunk begins after it. `lapse` is how long a claim
    holds; a notice whose claim is older than a third of it is not sent any more, so that a slow but living run
    never sends what another may have taken over, even with clocks that differ by minutes.
    """

    storage: Storage
    clock: Clock
    progress: Progress
    run_id: str
    source: str
    time_zone: str
    lapse: timedelta
    deadline: float
    sent: int = 0
    late: int = 0
    taken: int = 0
    stages: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    _failures_in_a_row: int = 0
    _permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDS_AT_A_TIME))

    async def deliver(self, owed: Sequence[Owed]) -> None:
        """Send what can be sent; return when every notice is sent, failed, or taken by another run."""
        free, pending = self._by_freedom(owed)
        pending += await self._send_all(free)
        pause = 1.0
        while pending and not self.stopped:
            if self._out_of_time():
                break
            if pause == 1.0:
                until = (
                    max((item.entry.claim.at for item in pending if item.entry), default=self.clock.now()) + self.lapse
                )
                self.progress.say(
                    f"{len(pending)} notices are claimed by another run; waiting until it has sent them or its claims "
                    f"lapse, at {until:%H:%M:%S} UTC"
                )
            await self.clock.wait(pause)
            pause = min(pause * 2, LONGEST_LOOK_PAUSE)
            free, pending = self._by_freedom(await self._look_again(pending))
            pending += await self._send_all(free)
        if pending and not self.stopped:
            self._problem(
                "notices are claimed by another run that has not finished; the next tick sees to them",
                len(pending),
            )

    def _by_freedom(self, items: Iterable[Owed]) -> tuple[list[Owed], list[Owed]]:
        """Split into what may be claimed now, and what another run holds."""
        now = self.clock.now()
        free: list[Owed] = []
        held: list[Owed] = []
        for item in items:
            lapsed = item.entry is None or item.entry.claim.at + self.lapse <= now
            (free if lapsed else held).append(item)
        return free, held

    async def _look_again(self, pending: Sequence[Owed]) -> list[Owed]:
        still: list[Owed] = []
        for partition, notices in _by_partition(item.notice for item in pending).items():
            entries = await self.storage.ledger.entries(partition)
            for notice in notices:
                entry = entries.get(notice.id)
                if entry is not None and entry.state == "sent":
                    self.taken += 1
                else:
                    still.append(Owed(notice, entry))
        return still

    async def _send_all(self, free: Sequence[Owed]) -> list[Owed]:
        """Send chunk by chunk, a few at a time; return what another run had claimed first."""
        lost: list[Owed] = []
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
                    lost.extend(await self._to_its_end(self._send_chunk(partition, chunk)))
                except StorageError as error:
                    self.stopped = True
                    self._problem(str(error))
                    return

        await _together(work() for _ in range(CHUNKS_AT_A_TIME))
        return lost

    async def _to_its_end(self, chunk: Coroutine[Any, Any, _T]) -> _T:
        """Await a chunk; after Ctrl-C, too: its sends under way end marked as sent, and no new one begins."""
        task = asyncio.ensure_future(chunk)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not self.stopped:
                self.stopped = True
                self.progress.say("stopping as soon as what is under way is marked as sent; Ctrl-C again stops at once")
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _send_chunk(self, partition: str, chunk: Sequence[Owed]) -> list[Owed]:
        claim = Claim(self.run_id, self.clock.now())
        messages = {
            item.notice.id: to_message(item.notice, source=self.source, time=claim.at, time_zone=self.time_zone)
            for item in chunk
        }
        won = await self.storage.ledger.claim(
            partition,
            [ClaimRow(item.notice.id, item.notice.user.id, messages[item.notice.id].digest) for item in chunk],
            claim,
            {item.notice.id: item.entry for item in chunk if item.entry is not None},
        )
        accepted: dict[str, str] = {}
        unsure: set[str] = set()
        try:
            await _together(
                self._send(item.notice, messages[item.notice.id], claim, accepted, unsure)
                for item in chunk
                if item.notice.id in won
            )
        finally:  # also after a second Ctrl-C, as far as that leaves time: what was sent shall be known as sent
            if accepted:
                await self.storage.ledger.mark_sent(partition, accepted, self.clock.now())
            if unsent := won - accepted.keys() - unsure:
                await self.storage.ledger.release(partition, unsent, claim)
        return [item for item in chunk if item.notice.id not in won]

    async def _send(
        self, notice: Notice, message: Message, claim: Claim, accepted: dict[str, str], unsure: set[str]
    ) -> None:
        async with self._permits:
            if self.stopped:
                return
            if self.clock.now() - claim.at > self.lapse / 3:
                self._problem("notices waited too long behind slow storage to be sent safely")
                return
            unsure.add(notice.id)
            try:
                accepted[notice.id] = await self.storage.queue.send(message.text)
            except SendError as error:
                if not error.accepted_perhaps:
                    unsure.discard(notice.id)
                self._failed(error)
                return
            except StorageError as error:
                unsure.discard(notice.id)
                self.stopped = True
                self._problem(str(error))
                return
        unsure.discard(notice.id)
        self._failures_in_a_row = 0
        self.sent += 1
        self.late += notice.late
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


def _by_partition(notices: Iterable[Notice]) -> dict[str, list[Notice]]:
    grouped: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        grouped[notice.partition].append(notice)
    return grouped


def _chunks(items: Sequence[Owed]) -> Iterator[tuple[str, Sequence[Owed]]]:
    """Yield chunks of one partition each, in the order of the items."""
    grouped: dict[str, list[Owed]] = defaultdict(list)
    for item in items:
        grouped[item.notice.partition].append(item)
    for partition, members in grouped.items():
        for chunk in _batches(members, CHUNK):
            yield partition, chunk


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _together(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Await all of `work` at once; when the first error is raised, all of it has ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
