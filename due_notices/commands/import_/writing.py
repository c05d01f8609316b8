"""How values get onto users: looked at, written, and marked, some batches at a time, within Graph's quota.

Each user is read right before they are written: what is there already is not written again, so a kill, a lost answer
and a second call of the same command write nothing twice; what another has changed meanwhile is left alone.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, Protocol

from due_notices.commands.import_.changes import Value
from due_notices.commands.import_.journal import Journal, Write
from due_notices.errors import DueNoticesError
from due_notices.ports import Clock

BATCH = 20  # requests in one: https://learn.microsoft.com/graph/json-batching
AT_A_TIME = 4
ATTEMPTS = 8
QUOTA, WINDOW = 3_000, 150.0
"""Writes and seconds for one app in one tenant: https://learn.microsoft.com/graph/throttling-limits"""
TRIALS = 3
"""Users that are tried alone before the others; one of them must be taken."""
_LONGEST_PAUSE = 600.0

CHANGED = "changed by another since the import was made"
GONE = "the account is gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the directory says about one user: its value or that it was written; worth another try; or why never."""

    outcome: Literal["ok", "again", "failed"]
    value: Value = None
    wait: float | None = None
    why: str = ""


class UserValues(Protocol):
    """Reads and writes the due-date attribute of at most twenty users. Each user has an answer of their own.

    Raises DueNoticesError where no other user will fare better.
    """

    def current(self, identifiers: Sequence[str]) -> Mapping[str, Answer]:
        """Return the values that users have."""
        ...

    def write(self, values: Mapping[str, Value]) -> Mapping[str, Answer]:
        """Write users' values."""
        ...


class NotTaken(DueNoticesError):
    """The directory takes none of the first values: thousands more would fare no better."""


class Pace:
    """Lets no more writes through than a window of time allows. Used by many threads at once."""

    def __init__(self, clock: Clock, share: int = 100) -> None:
        """Take the percent of the quota that is ours."""
        self._clock = clock
        self._most = max(QUOTA * share // 100, 1)
        self._taken: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()
        self._paused_until = 0.0

    def take(self, writes: int) -> None:
        """Wait until so many more writes are allowed."""
        while (pause := self._pause(writes)) > 0:
            self._clock.sleep(pause)

    def hold(self, seconds: float) -> None:
        """Let nothing through for a time: the directory has asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + min(seconds, _LONGEST_PAUSE))

    def _pause(self, writes: int) -> float:
        with self._lock:
            now = self._clock.monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            while self._taken and self._taken[0][0] <= now - WINDOW:
                self._taken.popleft()
            if not self._taken or sum(count for _, count in self._taken) + writes <= self._most:
                self._taken.append((now, writes))
                return 0
            return self._taken[0][0] + WINDOW - now


def seconds_for(users: int, share: int = 100) -> float:
    """Return about how long writing takes: a first window's worth at the speed of requests, the rest by the quota."""
    at_once = QUOTA * share // 100
    return min(users, at_once) / 60 + max(0, users - at_once) * WINDOW / max(at_once, 1)


@dataclass
class Written:
    """How it ended: users written, found as they should be already, and those that were not written, by reason."""

    done: int = 0
    already: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    stopped: bool = False


class Writer:
    """Carries a journal out, or takes it back."""

    def __init__(
        self, journal: Journal, directory: UserValues, pace: Pace, clock: Clock, *, undo: bool = False
    ) -> None:
        """Take the journal; `undo` writes the values of before where those of after are."""
        self._journal = journal
        self._directory = directory
        self._pace = pace
        self._clock = clock
        self._undo = undo
        self._stop = threading.Event()
        self._tries: Counter[str] = Counter()

    def run(self, seen: Callable[[int], None] = lambda _: None) -> Written:
        """Write what is not done. On Ctrl-C what is under way is waited for and marked. Raises DueNoticesError."""
        result = Written()
        todo = self._todo()
        again: deque[Write] = deque()
        self._try_first(todo, again, result, seen)
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="import") as pool:
            under_way: set[Future[_Batch]] = set()
            try:
                while True:
                    while len(under_way) < AT_A_TIME and (batch := _next(todo, again)):
                        under_way.add(pool.submit(self._one_batch, batch))
                    if not under_way:
                        return result
                    for each in wait(under_way, return_when=FIRST_COMPLETED).done:
                        under_way.remove(each)
                        self._take(each.result(), again, result, seen)
            except BaseException as error:
                self._stop.set()
                for each in under_way:
                    if each.exception() is None:
                        self._take(each.result(), again, result, lambda _: None)
                if not isinstance(error, KeyboardInterrupt):
                    raise
                result.stopped = True
                return result

    def _todo(self) -> Iterator[Write]:
        for each in self._journal.writes():
            if self._undo or not self._journal.is_done(each.id):
                yield Write(each.id, each.after, each.before) if self._undo else each

    def _try_first(
        self, todo: Iterator[Write], again: deque[Write], result: Written, seen: Callable[[int], None]
    ) -> None:
        """Write users one by one until the directory has taken one; a few that it refuses stop everything."""
        refusals: list[str] = []
        for each in islice(todo, TRIALS):
            batch = self._one_batch([each])
            self._take(batch, again, result, seen)
            if batch.done or batch.again:
                return
            refusals += [why for why in batch.failed.values() if why not in (CHANGED, GONE)]
        if len(refusals) == TRIALS or (refusals and result.done == 0 and len(refusals) == self._journal.users):
            raise NotTaken(f"none of the first {len(refusals)} users was written: {refusals[-1]}")

    def _one_batch(self, batch: Sequence[Write]) -> _Batch:
        found = _Batch()
        current = self._directory.current([each.id for each in batch])
        to_write: dict[str, Write] = {}
        for each in batch:
            answer = current.get(each.id, _NO_ANSWER)
            if answer.outcome != "ok":
                found.not_done(each, answer)
            elif same(answer.value, each.after):
                found.already.append(each.id)
            elif not same(answer.value, each.before):
                found.failed[each.id] = CHANGED
            else:
                to_write[each.id] = each
        if to_write and not self._stop.is_set():
            self._pace.take(len(to_write))
        if to_write and not self._stop.is_set():
            answers = self._directory.write({each.id: each.after for each in to_write.values()})
            for each in to_write.values():
                answer = answers.get(each.id, _NO_ANSWER)
                if answer.outcome == "ok":
                    found.done.append(each.id)
                else:
                    found.not_done(each, answer)
        return found

    def _take(self, batch: _Batch, again: deque[Write], result: Written, seen: Callable[[int], None]) -> None:
        """Mark what a batch has done, and see to what it has not."""
        failed = dict(batch.failed)
        for each, answer in batch.again:
            self._tries[each.id] += 1
            if self._tries[each.id] >= ATTEMPTS:
                failed[each.id] = answer.why
            else:
                again.append(each)
        if batch.again:
            waits = [answer.wait for _, answer in batch.again if answer.wait is not None]
            tries = max(self._tries[each.id] for each, _ in batch.again)
            self._pace.hold(max(waits) if waits else min(2.0**tries, 60.0))
        self._journal.mark([*batch.done, *batch.already], failed, undo=self._undo)
        result.done += len(batch.done)
        result.already += len(batch.already)
        result.failed.update(failed.values())
        seen(len(batch.done) + len(batch.already) + len(failed))


@dataclass
class _Batch:
    done: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    again: list[tuple[Write, Answer]] = field(default_factory=list)

    def not_done(self, each: Write, answer: Answer) -> None:
        if answer.outcome == "failed":
            self.failed[each.id] = answer.why
        else:
            self.again.append((each, answer))


_NO_ANSWER = Answer("again", why="the answer of the batch left this user out")


def same(one: Value, other: Value) -> bool:
    """Whether two values of the attribute are the same: the directory promises no order, and no value is no value."""
    return _texts(one) == _texts(other)


def _texts(value: Value) -> list[str]:
    if value is None or value == "":
        return []
    return sorted(map(str, value)) if isinstance(value, list) else [value]


def _next(todo: Iterator[Write], again: deque[Write]) -> list[Write]:
    batch = [again.popleft() for _ in range(min(BATCH, len(again)))]
    return batch + list(islice(todo, BATCH - len(batch)))
