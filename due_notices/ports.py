"""The outside world as the core sees it: one Protocol per thing, named by its role.

`due_notices/adapters/` has one implementation per technology, `tests/fakes.py` one in memory, and one suite of
contract tests runs on both. What adapters raise is named here; nothing else may come out of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol

from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.model import FoundUser, UserPage
from due_notices.report import RunReport, Waiting


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


class UserListing(Protocol):
    """A list of the customers."""

    def pages(self, *, deadline: float | None = None) -> Iterator[UserPage]:
        """Yield all users, page by page.

        `deadline` is on the clock's monotonic scale: no pause that ends beyond it is begun.
        Either reaches the end or raises: DirectoryError, ListingExpired (start over), CredentialError.
        """
        ...


class UserDirectory(UserListing, Protocol):
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
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential in use is good; None before it was read, or where it has no end of its own."""
        ...

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about that credential; None where all is well."""
        ...

    def user(self, identifier: str) -> FoundUser | None:
        """Return one user by object id or principal name; None when there is no such user."""
        ...

    def lists(self, identifier: str) -> bool:
        """Whether `pages` would yield the user with this object id."""
        ...


@dataclass(frozen=True, slots=True)
class QueueLook:
    """What somebody sees who looks at a queue without touching it.

    `count` is approximate. `oldest` is since when the oldest message that shows itself waits (UTC); None where none
    does. What cannot be seen is None, and `problem` then says in a sentence why.
    """

    count: int | None
    oldest: datetime | None
    problem: str | None = None


class QueueLooks(NamedTuple):
    """The queue and its poison queue."""

    queue: QueueLook
    poison: QueueLook


class NoticeQueue(Protocol):
    """Where notices wait for the customer's own sender. Messages never expire there."""

    async def send(self, text: str) -> str:
        """Put one message and return its id. Raises SendError (this one failed) or StorageError (all will)."""
        ...

    async def waiting(self) -> Waiting:
        """Return how many messages wait in the queue and its poison queue; None for what cannot be told."""
        ...

    async def look(self) -> QueueLooks:
        """Return what can be seen of the queue and its poison queue. Never raises for what may not be seen."""
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
class PastNotice:
    """A notice as the ledger remembers it for whoever looks back. Holds no personal data besides the user's id."""

    entry: LedgerEntry
    due: date
    stage: int
    message_hash: str

    @property
    def at(self) -> datetime:
        """When it was sent or, where the ledger does not know that it was, claimed (UTC)."""
        return self.entry.sent_at or self.entry.claim.at


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

    async def runs(self, since: date) -> list[RunReport]:
        """Return the reports of the recorded runs from business date `since` on, the oldest first."""
        ...

    def history(
        self, since: datetime, until: datetime, user_id: str | None = None
    ) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield, some at a time, the notices whose `at` lies from `since` to just before `until`.

        In the order of due date, stage (as text) and notice id. With `user_id` only those of this user.
        """
        ...

    async def record_run(self, report: RunReport) -> None:
        """Store the report of a business date's run; a completed one is never overwritten by one that is not."""
        ...

    async def forget(self, before: date, most: int) -> int:
        """Delete some of what was due, and of the runs recorded, before a day: the oldest first, `most` at the most.

        Returns how many there were to delete; 0 means that nothing so old is left. Two may forget at once.
        """
        ...


class Progress:
    """Watches a run. This one does nothing; others override what they show."""

    def read(self, users: int) -> None:
        """`users` more were read."""

    def owed(self, notices: int) -> None:
        """So many notices will be sent."""

    def sent(self) -> None:
        """One more was sent."""

    def say(self, text: str) -> None:
        """Something worth knowing happened."""

    def detail(self, text: str) -> None:
        """Something worth keeping, though not worth interrupting an operator."""

    def warn(self, warning: ExpiryWarning) -> None:
        """Warn once in a run: a credential must be renewed."""


class Storage(NamedTuple):
    """Queue and ledger, opened together."""

    queue: NoticeQueue
    ledger: Ledger


class OpenStorage(Protocol):
    """Opens queue and ledger; their connections live as long as the context."""

    def __call__(self) -> AbstractAsyncContextManager[Storage]:
        """Return the context."""
        ...
