"""The values that the program reasons about. No behaviour beyond what identifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
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
    SETTLED = "settled"
    DISABLED = "disabled"
    UNREACHABLE = "unreachable"
    OPTED_OUT = "opted-out"
    NOT_ALLOWED = "not-allowed"
    DUPLICATE = "duplicate"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something a user owes by a due date.

    `amount` is a decimal string and `currency` three capital letters (ISO 4217), both as the directory
    has them. `reference` is empty when there is none. `paused_until` is the last day on which nothing is sent.
    """

    due: date
    reference: str = ""
    amount: str | None = None
    currency: str | None = None
    status: Status = "open"
    paused_until: date | None = None

    @property
    def settled(self) -> bool:
        """Whether it is open, but nothing is left to pay."""
        return self.status == "open" and self.amount is not None and Decimal(self.amount) <= 0

    @property
    def facts(self) -> tuple[str, str, str, str]:
        """What makes it this obligation and no other: due date, reference, amount and currency.

        With a reference the last two are empty. Amounts compare as numbers: `120.50` is `120.5`.
        """
        due = self.due.isoformat()
        if self.reference:
            return due, self.reference, "", ""
        return due, "", _plain(self.amount), self.currency or ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of one obligation: each stage with the latest business date on which it was sent."""

    stages: Mapping[int, date]
    has_reference: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """The notices of one user on one business date, so that a sender can make one letter of them."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class ContactNote:
    """One contact field that is not taken as it is: `unusable`, so that it counts as absent, or `cleaned`.

    `text` says why and what would be right, and never quotes the value.
    """

    field: str
    kind: Literal["unusable", "cleaned"]
    text: str


@dataclass(frozen=True, slots=True)
class User:
    """A customer as far as a notice needs one. `None` is "absent, or not usable".

    `opted_out` is whether they want no notices at all.
    """

    id: str
    enabled: bool = True
    display_name: str | None = None
    given_name: str | None = None
    email: str | None = None
    mobile_phone: str | None = None
    preferred_language: str | None = None
    other_emails: tuple[str, ...] = ()
    opted_out: bool = False
    contact_notes: tuple[ContactNote, ...] = field(default=(), compare=False)

    @property
    def unusable_contacts(self) -> str:
        """Which contact fields cannot be used, and why; empty where there are none."""
        return "; ".join(f"{note.field}: {note.text}" for note in self.contact_notes if note.kind == "unusable")


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
        """Return the user at `index`; None where the id cannot go into a log or a key."""
        ...


class FoundUser(NamedTuple):
    """A user who was asked for alone, with what the due-date attribute holds."""

    user: User
    value: object


class Notice(NamedTuple):
    """One message about one obligation at one stage.

    `expires` is the moment (UTC) from which a late consumer must drop it. It is `late` if it is
    sent after the day on which it would have been sent without outages and pauses. `previous_stage` is the last stage
    of this obligation that was sent, `superseded` the number of stages between the two that will never be sent.
    """

    id: str
    user: User
    obligation: Obligation
    stage: int
    stage_date: date
    business_date: date
    expires: datetime
    late: bool = False
    previous_stage: int | None = None
    superseded: int = 0
    batch: Batch | None = None

    @property
    def partition(self) -> str:
        """The ledger partition that remembers it: the due date."""
        return self.obligation.due.isoformat()

    @property
    def row(self) -> str:
        """Its row in that partition."""
        return row_of(self.user.id, self.obligation, self.stage)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An obligation that is deliberately not notified. Holds no personal data besides the user's id.

    `why` says what of a malformed value, or of the contacts of a user who is unreachable, cannot be used. `due` is None
    where the value cannot be read.
    """

    user_id: str
    reason: Reason
    reference: str = ""
    why: str = ""
    due: date | None = None


def user_key(user_id: str) -> str:
    """Return how the ledger's rows name a user: 16 hex digits."""
    return _digest(user_id)[:16]


def obligation_key(obligation: Obligation) -> str:
    """Return how the ledger's rows name an obligation of a user: 16 hex digits over its facts."""
    return _digest(*obligation.facts)[:16]


def notice_id(user_id: str, obligation: Obligation, stage: int) -> str:
    """Return the idempotency key of a notice: 32 hex digits, the same for ever for the same facts.

    First half of SHA-256 over user id, the obligation's facts and the stage.
    """
    return _digest(user_id, *obligation.facts, str(stage))[:32]


def batch_id(user_id: str, business_date: date) -> str:
    """Return what the notices of one user on one business date have in common: 32 hex digits."""
    return _digest(user_id, business_date.isoformat())[:32]


def row_of(user_id: str, obligation: Obligation, stage: int) -> str:
    """Return the row of a notice in the ledger partition of its due date."""
    return f"{user_key(user_id)}{obligation_key(obligation)}_{stage}"


def _digest(*facts: str) -> str:
    """Return SHA-256 over facts joined by U+001F, UTF-8. None of them can hold that character."""
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()


def _plain(amount: str | None) -> str:
    """Return a decimal number without trailing zeros and without an exponent; empty for none."""
    if amount is None:
        return ""
    number = Decimal(amount)
    return f"{number.normalize():f}" if number else "0"
