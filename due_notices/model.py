"""The values that the program reasons about. No behaviour beyond what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

Status = Literal["open", "paid", "void", "disputed"]


class Reason(StrEnum):
    """Why an obligation, or everything of a user, is deliberately not notified."""

    MALFORMED = "malformed"
    PAID = "paid"
    VOID = "void"
    DISPUTED = "disputed"
    PAUSED = "paused"
    DISABLED = "disabled"
    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not-allowed"
    DUPLICATE = "duplicate"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something a user owes by a due date.

    `amount` is a decimal string and `currency` three capital letters (ISO 4217), both as the directory
    has them. `reference` is empty when there is none. `paused_until` is the last day of silence.
    """

    due: date
    reference: str = ""
    amount: str | None = None
    currency: str | None = None
    status: Status = "open"
    paused_until: date | None = None


@dataclass(frozen=True, slots=True)
class ContactNote:
    """One contact field that is not taken as it is: `unusable`, so that it counts as absent, or `cleaned`.

    `text` says why and what would be right, and never quotes the value.
    """

    field: str
    kind: Literal["unusable", "cleaned"]
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The notices of one user on one business date, so that a sender can make one letter of them."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class User:
    """A customer as far as a notice needs one. `None` is "not there, or of no use".

    `other_emails` are further addresses; `email` is none of them.
    """

    id: str
    enabled: bool = True
    display_name: str | None = None
    given_name: str | None = None
    email: str | None = None
    mobile_phone: str | None = None
    preferred_language: str | None = None
    other_emails: tuple[str, ...] = ()
    contact_notes: tuple[ContactNote, ...] = field(default=(), compare=False)


class UserPage(Protocol):
    """Some users as the directory lists them, in columns, since nearly none of them is looked at more closely."""

    @property
    def values(self) -> Sequence[object]:
        """What the due-date attribute of each user holds: None, a value, or a list of values, read by `obligations`."""
        ...

    def __len__(self) -> int:
        """Return how many users there are."""
        ...

    def user(self, index: int) -> User | None:
        """Return the user at `index`; None where the id is nothing that a log or a key could hold."""
        ...


class FoundUser(NamedTuple):
    """A user who was asked for alone, with what the due-date attribute holds."""

    user: User
    value: object


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about one obligation at one stage.

    `expires` is the moment (UTC) from which a late consumer must drop it. `previous_stage` is the last stage
    of this obligation that was sent.
    """

    id: str
    user: User
    obligation: Obligation
    stage: int
    stage_date: date
    business_date: date
    expires: datetime
    previous_stage: int | None = None
    batch: Batch | None = None

    @property
    def late(self) -> bool:
        """Whether it leaves on a later day than its stage date."""
        return self.business_date > self.stage_date

    @property
    def partition(self) -> str:
        """The ledger partition that remembers it."""
        return partition_of(self.obligation.due, self.stage)


@dataclass(frozen=True, slots=True)
class MissedStage:
    """A stage that passed without a completed run: never sent now, but counted.

    Either `superseded` by a later stage, or `expired` because the outage outlasted the catch-up window.
    """

    notice_id: str
    partition: str
    kind: Literal["superseded", "expired"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An obligation that is deliberately not notified. Holds no personal data besides the user's id."""

    user_id: str
    reason: Reason
    reference: str = ""


def notice_id(user_id: str, reference: str, due: date, stage: int) -> str:
    """Return the idempotency key of a notice: 32 hex digits, the same for ever for the same four facts.

    First half of SHA-256 over the four, joined by U+001F, UTF-8. None of them can hold that character.
    """
    facts = "\x1f".join((user_id, reference, due.isoformat(), str(stage)))
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def batch_id(user_id: str, business_date: date) -> str:
    """Return what the notices of one user on one business date have in common: 32 hex digits."""
    return hashlib.sha256(f"{user_id}\x1f{business_date.isoformat()}".encode()).hexdigest()[:32]


def partition_of(due: date, stage: int) -> str:
    """Return the ledger partition of all notices with this due date and stage."""
    return f"{due.isoformat()}_{stage}"
