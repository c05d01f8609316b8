"""The outside world as the core sees it: one Protocol per thing, named by its role.

`due_notices/adapters/` has one implementation per technology, `tests/fakes.py` one in memory, and one suite of
contract tests runs on both. What adapters raise is named here; nothing else may come out of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol

GraphUser = Mapping[str, object]


class Clock(Protocol):
    """Time, and waiting for it to pass."""

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def wait(self, seconds: float) -> None:
        """Wait, letting other work go on."""
        ...


class UserDirectory(Protocol):
    """Where the customers are listed."""

    @property
    def requests(self) -> int:
        """How many requests were made so far."""
        ...

    @property
    def throttled(self) -> int:
        """How many of them were answered "too many requests"."""
        ...

    @property
    def credential_days_left(self) -> int | None:
        """Whole days until the credential in use expires, negative afterwards; None where nobody knows."""
        ...

    def pages(self, due_dates: Collection[date] | None = None) -> Iterator[Sequence[GraphUser]]:
        """Yield all users, page by page, as the directory has them; with `due_dates` only those who owe then.

        Either reaches the end or raises: DirectoryError, ListingExpired (start over), QueryRefused (ask
        without `due_dates`), CredentialError.
        """
        ...

    def user(self, identifier: str) -> GraphUser | None:
        """Return one user by object id or principal name; None when there is no such user."""
        ...

    def lists(self, identifier: str) -> bool:
        """Whether `pages` would yield the user with this object id."""
        ...


class Waiting(NamedTuple):
    """Approximate numbers of messages."""

    queue: int | None
    poison: int | None


class NoticeQueue(Protocol):
    """Where notices wait for the customer's own sender. Messages never expire there."""

    async def send(self, text: str) -> str:
        """Put one message and return its id. Raises SendError (this one failed) or StorageError (all will)."""
        ...

    async def waiting(self) -> Waiting:
        """Return how many messages wait in the queue and its poison queue; None for what cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What one run writes before it sends: who claims, and since when (UTC)."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A notice to be claimed. `message_hash` is the SHA-256 of the message about to be sent."""

    notice_id: str
    user_id: str
    message_hash: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger knows of one notice. `version` changes with every write of the entry."""

    notice_id: str
    state: Literal["claimed", "sent"]
    claim: Claim
    version: str
    user_id: str = ""
    sent_at: datetime | None = None
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The stored outcome of a business date's run, and its report."""

    business_date: date
    outcome: str
    report: Mapping[str, object]


class Ledger(Protocol):
    """Remembers every notice claimed and sent, and every run. All methods may raise StorageError."""

    async def entries(self, partition: str) -> dict[str, LedgerEntry]:
        """Return what a partition knows, by notice id."""
        ...

    async def entry(self, partition: str, notice_id: str) -> LedgerEntry | None:
        """Return what is known of one notice."""
        ...

    async def claim(
        self,
        partition: str,
        rows: Sequence[ClaimRow],
        claim: Claim,
        lapsed: Mapping[str, LedgerEntry],
    ) -> frozenset[str]:
        """Claim notices (at most 100) and return the ids won.

        A notice in `lapsed` is taken over only if its entry is still that very one; any other only if the
        ledger has no entry of it. Asking again with the same claim wins again what it had won.
        """
        ...

    async def mark_sent(self, partition: str, sent: Mapping[str, str], at: datetime) -> None:
        """Mark notices (at most 100; id → message id) as sent, whatever was there before."""
        ...

    async def release(self, partition: str, notice_ids: Iterable[str], claim: Claim) -> None:
        """Forget what `claim` holds of these notices and has not sent."""
        ...

    async def runs(self, since: date) -> list[RunRecord]:
        """Return the recorded runs from business date `since` on, the oldest first."""
        ...

    async def record_run(self, record: RunRecord) -> None:
        """Store the run of a business date; a completed one is never overwritten by one that is not."""
        ...


class Progress(Protocol):
    """Somebody who watches a run."""

    def read(self, users: int) -> None:
        """`users` more were read."""
        ...

    def owed(self, notices: int) -> None:
        """So many notices will be sent."""
        ...

    def sent(self) -> None:
        """One more was sent."""
        ...

    def say(self, text: str) -> None:
        """Something worth knowing happened."""
        ...

    def detail(self, text: str) -> None:
        """Something worth keeping, though not worth interrupting anybody."""
        ...


class Storage(NamedTuple):
    """Queue and ledger, opened together."""

    queue: NoticeQueue
    ledger: Ledger


class OpenStorage(Protocol):
    """Opens queue and ledger; their connections live as long as the context."""

    def __call__(self) -> AbstractAsyncContextManager[Storage]:
        """Return the context."""
        ...
