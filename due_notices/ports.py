"""The outside world as the core sees it: one Protocol per thing, named by its role.

`due_notices/adapters/` has one implementation per technology, `tests/fakes.py` one in memory, and one suite of
contract tests runs on both. What adapters raise is named here; nothing else may come out of them.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.model import FoundUser, Sent, UserPage
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

    def pages(self, *, prefix: str = "", deadline: float | None = None) -> Iterator[UserPage]:
        """Yield the users whose principal name begins with `prefix`, letters in either case, page by page.

        Several listings may be read at the same time, each in a thread of its own.
        `deadline` is on the clock's monotonic scale: no pause that ends beyond it is begun.
        Either reaches the end or raises: DirectoryError, ListingExpired (start over), CredentialError; with a prefix
        also PartRefused (the directory cannot be asked so).
        """
        ...

    def count(self, *, deadline: float | None = None) -> int | None:
        """Return how many users `pages` would yield in all, as the tenant counts them; None where it does not say.

        The number may be some minutes old.
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
    def clock_ahead(self) -> timedelta | None:
        """How far this machine's clock is ahead of the services' by their last answers; None before there was one.

        Negative: behind. Of several services the one that differs most.
        """
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
    """What can be seen of a queue without changing anything.

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
        """Return how many messages wait in the queue and its poison queue; None for what is not known."""
        ...

    async def look(self) -> QueueLooks:
        """Return what can be seen of the queue and its poison queue. Never raises for what may not be seen."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What is written before anything is sent: which attempt claims, since when (UTC), and for which business date.

    The id is a new one at each attempt, so that an attempt knows its own claims and no other's.
    """

    id: str
    at: datetime
    business_date: date


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A notice to be claimed. `message_hash` is the SHA-256 of the message about to be sent."""

    row: str
    notice_id: str
    user_id: str
    has_reference: bool
    message_hash: str


class Entry(NamedTuple):
    """What stands in the way of a claim: the notice was sent, or another run has claimed it, since `at` (UTC)."""

    state: Literal["claimed", "sent"]
    at: datetime


CLAIM_COUNTS_AS_SENT = timedelta(days=80)
"""The age at which a claim counts as sent on its day: consumers keep ids for 90 days, no repeat may come later."""


@dataclass(frozen=True, slots=True)
class PastNotice:
    """A notice as the ledger remembers it. Holds no personal data besides the user's id.

    `business_date` is that of the run that claimed it last; `sent_at` is None where the ledger does not know that
    it was sent. Moments are UTC.
    """

    notice_id: str
    user_id: str
    due: date
    stage: int
    has_reference: bool
    state: Literal["claimed", "sent"]
    business_date: date
    claim_id: str
    claimed_at: datetime
    sent_at: datetime | None = None
    message_id: str = ""
    message_hash: str = ""
    row: str = ""

    @property
    def at(self) -> datetime:
        """When it was sent or, where the ledger does not know that it was, claimed (UTC)."""
        return self.sent_at or self.claimed_at

    @property
    def obligation_key(self) -> str:
        """Of which of the user's obligations it is."""
        return self.row[16:32]

    def counts_as_sent(self, today: date) -> bool:
        """Whether it was sent, or claimed so long ago that it must not be sent again."""
        return self.state == "sent" or today - self.business_date > CLAIM_COUNTS_AS_SENT


SentByUser = Mapping[str, Mapping[str, Sent]]
"""What was sent: user key → obligation key → the stages."""


class Ledger(Protocol):
    """Remembers every notice claimed and sent, and every run. All methods may raise StorageError.

    A partition is a due date (ISO 8601); `Notice.row` names a row in it.
    """

    async def check_owner(self) -> None:
        """Raise StorageError where the ledger belongs to another deployment, or has another format. Writes nothing."""
        ...

    async def take_ownership(self, *, accept: bool = False) -> None:
        """Check the owner; a ledger without anything in it becomes this deployment's.

        With `accept` a changed attribute or queue is taken over; another tenant's or format's is still refused.
        """
        ...

    async def sent(self, due: date, users: Collection[str], today: date) -> SentByUser:
        """Return what was sent of the obligations due on a day, of those whose user's key is in `users`.

        A claim whose business date lies more than CLAIM_COUNTS_AS_SENT before `today` counts as sent on that date.
        """
        ...

    async def of_user(self, due_dates: Collection[date], user: str) -> Sequence[PastNotice]:
        """Return all that the ledger has about a user (by key) and some due dates, in the order of dates and rows.

        A handful of requests, however many the dates.
        """
        ...

    async def claim(
        self, partition: str, rows: Sequence[ClaimRow], claim: Claim, lapsed_before: datetime
    ) -> Mapping[str, Entry]:
        """Claim notices (at most 100); return those not won, by row, with what stands in the way.

        A claim made before `lapsed_before` is taken over, unless it counts as sent. Asking again with the same
        claim wins again what it had won.
        """
        ...

    async def mark_sent(self, partition: str, sent: Mapping[str, str], claim: Claim, at: datetime) -> None:
        """Mark notices (at most 100; row → message id) as sent on the claim's business date, whatever was there."""
        ...

    async def release(self, partition: str, rows: Iterable[str], claim: Claim) -> None:
        """Forget what `claim` holds of these rows and has not sent.

        A claim that it took over is put back: the message of that one was perhaps accepted.
        """
        ...

    async def runs(self, since: date) -> list[RunReport]:
        """Return the report of each run from business date `since` on, by date and then by when it was recorded."""
        ...

    async def sent_by_claims(self, due_dates: Collection[date], begin: str) -> Mapping[tuple[str, int], int]:
        """Count what was sent of some due dates by claims whose id begins with `begin`.

        The counts are by the two characters that follow in the claim's id, and by stage.
        """
        ...

    def history(self, first: date, last: date, user_id: str | None = None) -> AsyncIterator[Sequence[PastNotice]]:
        """Yield, some at a time, the notices of the business dates from `first` to `last`.

        In the order of due date and row. With `user_id` only those of this user.
        """
        ...

    async def record_run(self, report: RunReport) -> None:
        """Store the report of a run, with its name counts, instead of what the same run recorded before."""
        ...

    async def name_counts(self, report: RunReport) -> Mapping[str, int]:
        """Return the name counts of a run that `runs` returned, whose reports come without; empty where it has none."""
        ...

    async def forget(self, due_before: date, sent_before: date, *, until: float = math.inf) -> int:
        """Delete what is old, the oldest first.

        Old is a notice that was due before a day and sent or claimed before another, and a run before `due_before`.
        After `until`, on the clock's monotonic scale, no transaction is begun. Returns how many there were to delete.
        Two may forget at once.
        """
        ...


class Progress:
    """Watches a run. This one does nothing; others override what they show."""

    def ended(self, report: RunReport) -> None:
        """Take the report of a run that has ended; what may still come is tidying up."""

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
