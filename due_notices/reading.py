"""Read all users, one page after another or in parts, and ask the ledger what was sent before; or raise an error."""

from __future__ import annotations

import contextvars
import functools
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import date, timedelta
from typing import NamedTuple

from due_notices.deadline import together
from due_notices.errors import DirectoryError, ListingExpired, PartRefused
from due_notices.falls import count_differs
from due_notices.ladder import CompletedRun, Day, days_of
from due_notices.message import fits
from due_notices.model import UserPage
from due_notices.parts import Parts, chains_wanted, last_in_parts, last_of_all, last_proved
from due_notices.planning import Plan, Planner, Rules
from due_notices.policy import Policy
from due_notices.ports import Clock, Ledger, Progress, UserListing
from due_notices.report import RunReport, of_filter

SKIPS_NAMED = 5  # ids of skipped users in the log, for each reason
IDS_A_LINE = 300  # of users whose obligation was missed or has expired; Application Insights takes 32,768 characters
LISTINGS = 3  # how often an expired listing is begun again
RECORDS_BACK = timedelta(days=400)  # how far back the records of runs are read, for the last completed one
DUE_DATES_AT_A_TIME = 32  # of which the ledger is asked: each is a partition, which answers only so fast
CHAIN = "chain of parts"  # the name of a thread
PAGES_HELD = 4  # that were read in parts and wait for the planner; each has about one MiB
POLL = 0.5  # seconds that a thread waits before it looks whether it should stop
TO_STOP = 2.0  # seconds that all chains together get to end; one that waits longer for an answer ends by itself


class Read(NamedTuple):
    """The directory as it was read."""

    planner: Planner  # has all users
    counted: int | None  # how many users the tenant counts; None where it does not
    in_parts: Mapping[str, int]  # users by prefix; empty where they were read one page after another
    note: str | None = None  # why they were not read in parts, where they should have been


def read_users(
    directory: UserListing,
    clock: Clock,
    progress: Progress,
    new_planner: Callable[[], Planner],
    parts: Parts | None = None,
    *,
    deadline: float | None = None,
) -> Read:
    """Read all users into a planner: in `parts` if these prove to hold all users, else one page after another."""
    note = None
    if parts is not None:
        found = _in_parts(directory, clock, progress, new_planner, parts, deadline)
        if isinstance(found, Read):
            return found
        note = f"{found}: all users were read one page after another"
    planner, _ = _to_the_end(lambda: _one_chain(directory, deadline), clock, progress, new_planner, deadline)
    return Read(planner, count_users(directory, planner.users_read, deadline), {}, note)


def read_shard(
    directory: UserListing,
    clock: Clock,
    progress: Progress,
    new_planner: Callable[[], Planner],
    prefixes: Sequence[str],
    chains: int,
    *,
    deadline: float | None = None,
) -> Read:
    """Read the users of some parts into a planner; with no `prefixes` all users, one page after another.

    Whether the parts hold all users is proved later, of all shards together.
    """
    listing = (
        functools.partial(pages_in_parts, directory, prefixes, chains, deadline)
        if prefixes
        else functools.partial(_one_chain, directory, deadline)
    )
    planner, found = _to_the_end(listing, clock, progress, new_planner, deadline)
    return Read(planner, None, {prefix: found[prefix] for prefix in prefixes})


def _in_parts(
    directory: UserListing,
    clock: Clock,
    progress: Progress,
    new_planner: Callable[[], Planner],
    parts: Parts,
    deadline: float | None,
) -> Read | str:
    """Read in parts; where these do not prove to hold all users, return why, and all must be read page after page."""
    counted = directory.count(deadline=deadline)
    if (why := parts.why_serial(counted)) is not None:
        progress.detail(f"{why}: reading one page after another")
        return why
    prefixes, began = parts.prefixes, clock.monotonic()
    try:
        planner, found = _to_the_end(
            lambda: pages_in_parts(directory, prefixes, parts.chains, deadline), clock, progress, new_planner, deadline
        )
        found = {prefix: found[prefix] for prefix in prefixes}
    except PartRefused as refused:
        progress.say(f"{refused}: reading one page after another")
        return str(refused)
    read = planner.users_read
    if counted is not None and (parts.why_unproved(read, counted) or parts.why_short(read, counted)):
        counted = _counted_again(directory, counted, deadline)  # the number may be some minutes old
    why = parts.why_unproved(read, counted)
    if why is None and (short := parts.why_short(read, counted)) is not None:
        now = clock.monotonic()
        if deadline is None or now + parts.chains * (now - began) <= deadline:
            why = short
        else:  # rather miss these few today than run out of time and notify no one
            progress.say(f"{short}: the run has no time to read all one page after another")
    if why is None:
        return Read(planner, counted, found)
    progress.say(f"{why}: reading again, one page after another")
    return why


def _to_the_end(
    listing: Callable[[], Generator[tuple[str, UserPage]]],
    clock: Clock,
    progress: Progress,
    new_planner: Callable[[], Planner],
    deadline: float | None,
) -> tuple[Planner, Mapping[str, int]]:
    """Read a listing to its end, and count by prefix; begin all of it anew where Graph lost its place."""
    expirations = 0
    while True:
        planner, found = new_planner(), Counter[str]()
        try:
            with closing(listing()) as pages:
                for prefix, page in _watched(pages, clock, progress, deadline):
                    planner.add_page(page)
                    found[prefix] += len(page)
        except ListingExpired as error:
            expirations += 1
            if expirations >= LISTINGS:
                message = f"the listing expired {LISTINGS} times before its end; the next tick tries again ({error})"
                raise DirectoryError(message) from error
            progress.say("Graph lost its place in the listing; reading again from the first page")
        else:
            return planner, found


def _one_chain(directory: UserListing, deadline: float | None) -> Generator[tuple[str, UserPage]]:
    for page in directory.pages(deadline=deadline):
        yield "", page


def pages_in_parts(
    directory: UserListing, prefixes: Sequence[str], chains: int, deadline: float | None = None
) -> Generator[tuple[str, UserPage]]:
    """Yield the pages of all parts in the caller's thread, each with its prefix, as they come.

    `chains` threads read a part each, and what one of them raises is raised here. Closing the generator stops each
    after its present request. Only a few pages wait to be taken, so memory stays small.
    """
    reading = _Chains(lambda prefix: directory.pages(prefix=prefix, deadline=deadline), prefixes)
    # A copied context has the log lines of a thread stay with the function's invocation.
    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(reading.read,), name=CHAIN, daemon=True)
        for _ in range(min(chains, len(prefixes)))
    ]
    try:
        for thread in threads:
            thread.start()
        yield from reading.taken(len(threads))
    finally:
        reading.stopped.set()
        for thread in threads:
            if thread.is_alive():
                thread.join(TO_STOP / len(threads))


class _Chains:
    """The parts, which several threads `read` and one thread takes the pages of; all end once `stopped` is set."""

    def __init__(self, part: Callable[[str], Iterator[UserPage]], prefixes: Sequence[str]) -> None:
        self._part = part
        self._left = deque(prefixes)
        self._found: queue.Queue[tuple[str, UserPage] | BaseException | None] = queue.Queue(PAGES_HELD)
        self.stopped = threading.Event()

    def read(self) -> None:
        """Read one part after another until none is left."""
        end: BaseException | None = None
        try:
            while (prefix := self._next()) is not None:
                for page in self._part(prefix):
                    self._hand_over((prefix, page))
                    if self.stopped.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 (it is raised in the thread that takes the pages)
            end = error
        self._hand_over(end)

    def _next(self) -> str | None:
        try:
            return None if self.stopped.is_set() else self._left.popleft()
        except IndexError:
            return None

    def _hand_over(self, item: tuple[str, UserPage] | BaseException | None) -> None:
        while not self.stopped.is_set():
            with suppress(queue.Full):
                self._found.put(item, timeout=POLL)
                break

    def taken(self, reading: int) -> Iterator[tuple[str, UserPage]]:
        """Yield the pages that so many threads read, until all have come to the end or one has failed."""
        while reading:
            try:
                item = self._found.get(timeout=POLL)  # an interruption is noticed in between, on every system
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                reading -= 1
            else:
                yield item


async def parts_of(policy: Policy, runs: Sequence[RunReport], today: date, ledger: Ledger) -> Parts | None:
    """Return how to read in parts on a day, given the recorded runs; None for one page after another."""
    # A run with another filter may have read few of the users, and says nothing of how many there are.
    alike = of_filter([run for run in runs if run.completed], policy.rules.filter_digest)
    chains = chains_wanted(policy.read_parts, alike)
    if not chains:
        return None
    last = last_in_parts(alike)
    counts = await ledger.name_counts(last) if last is not None else {}
    own = [run for run in alike if run.filter_digest == policy.rules.filter_digest]
    return Parts(chains, today, policy.fall_limit, last_proved(own), counts, last_of_all(own))


async def ask_ledger(planner: Planner, ledger: Ledger) -> Plan:
    """Ask the ledger for what was sent of the due dates in question, several at a time, and return the plan."""
    asks = iter(planner.asks().items())

    async def work() -> None:
        for due, users in asks:
            planner.decide(due, await ledger.sent(due, users, planner.day.business_date))

    await together(work() for _ in range(DUE_DATES_AT_A_TIME))
    return planner.plan(fits)


def _watched(
    pages: Iterator[tuple[str, UserPage]], clock: Clock, progress: Progress, deadline: float | None
) -> Iterator[tuple[str, UserPage]]:
    for prefix, page in pages:
        if deadline is not None and clock.monotonic() > deadline:
            raise DirectoryError(
                "reading the users took longer than a run may take, and nothing was sent; give the function a "
                "longer functionTimeout, or narrow USER_FILTER"
            )
        progress.read(len(page))
        yield prefix, page


async def past_runs(ledger: Ledger, today: date) -> list[RunReport]:
    """Return the runs on record of the last year or so, up to `today`; a record of a later day counts for nothing."""
    return [run for run in await ledger.runs(today - RECORDS_BACK) if run.business_date <= today]


def count_users(directory: UserListing, read: int, deadline: float | None = None) -> int | None:
    """Return how many users the tenant counts, None where it does not.

    The number is eventually consistent, so it is asked for again where it is not what was read.
    """
    counted = directory.count(deadline=deadline)
    if counted is not None and count_differs(read, counted):
        counted = _counted_again(directory, counted, deadline)
    return counted


def _counted_again(directory: UserListing, counted: int, deadline: float | None) -> int:
    """Ask the tenant for its count once more, and return that; the first one where it does not answer."""
    again = directory.count(deadline=deadline)
    return counted if again is None else again


def days_to(last: date, records: Iterable[RunReport], rules: Rules, before: Iterable[date] = ()) -> tuple[Day, ...]:
    """Return the days `before`, whose runs are assumed to complete, and the day `last`, given the recorded runs."""
    completed = [
        CompletedRun(run.business_date, run.rules_digest, run.reach, run.filter_digest == rules.filter_digest)
        for run in records
        if run.completed
    ]
    return days_of([*before, last], rules.stages, completed, rules.digest)


def skipped_sentences(plan: Plan) -> Iterator[str]:
    """Yield, for each reason, how many obligations were skipped and the ids of the first users."""
    for reason, count in plan.skipped.items():
        named = [skip.user_id for skip in plan.skips if skip.reason is reason]
        more = f" and {count - len(named):,} more, see `preview --skipped`" if count > len(named) else ""
        yield f"skipped as {reason}: {count:,} ({', '.join(named)}{more})"


def given_up_sentences(plan: Plan) -> Iterator[str]:
    """Yield the ids of all users with a missed or expired obligation, some hundred a line, so that no line is cut."""
    for state, meaning in (("missed", "nothing was sent"), ("expired", "the rest was not sent in time")):
        found = [one for one in plan.given_up if one.state == state]
        for start in range(0, len(found), IDS_A_LINE):
            some = found[start : start + IDS_A_LINE]
            left = sum(one.stage is not None for one in some)
            which = f" ({start + 1:,} to {start + len(some):,})" if len(some) < len(found) else ""
            yield (
                f"{state} obligations: {len(found):,}{which}, {meaning}; `run --missed` sends a notice for {left:,} of "
                f"them; by user: {', '.join(one.user_id for one in some)}"
            )
