"""What proves to Entra that we are the app registration, how long it is good, and when to warn. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from due_notices.secret import Secret

LOG_PREFIX = "due-notices secret "
WARNING_DAYS = (30, 14, 7, 1)


class CredentialKind(StrEnum):
    """The values of GRAPH_CREDENTIAL."""

    SECRET = "secret"  # noqa: S105 (the name of a kind)
    CERTIFICATE = "certificate"
    FEDERATED = "federated"


_NAMES: Mapping[CredentialKind, str] = {
    CredentialKind.SECRET: "client secret",
    CredentialKind.CERTIFICATE: "certificate",
    CredentialKind.FEDERATED: "federated credential",
}
_REMEDIES: Mapping[CredentialKind, str] = {
    CredentialKind.SECRET: "make and store a new one with `due-notices rotate-secret`",
    CredentialKind.CERTIFICATE: (
        "make a new version in the vault and add it to the app registration (docs/runbook.md, A new certificate)"
    ),
    CredentialKind.FEDERATED: "it has no end of its own",
}


class CredentialEnd(NamedTuple):
    """How many whole days a credential of a kind is good for, negative after its end; None where no end is known."""

    kind: CredentialKind
    days_left: int | None

    @property
    def name(self) -> str:
        """What to call it."""
        return _NAMES[self.kind]

    @property
    def remedy(self) -> str:
        """What an operator does before, or after, it ends."""
        return _REMEDIES[self.kind]


class ExpiryLevel(StrEnum):
    """How near the end is: the names that alerts look for. `30` means thirty days or fewer are left, and so on."""

    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    DAY_1 = "1"
    DAYS_7 = "7"
    DAYS_14 = "14"
    DAYS_30 = "30"
    NO_EXPIRY = "no-expiry"


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """What an operator must know of a credential before, or after, it ends."""

    level: ExpiryLevel
    days_left: int | None
    sentence: str

    @property
    def urgent(self) -> bool:
        """Whether no token can be had with it now."""
        return self.level in {ExpiryLevel.EXPIRED, ExpiryLevel.NOT_YET_VALID}

    def log_line(self) -> str:
        """Return the line that alerts look for: the fixed prefix and one JSON object."""
        fields = {"daysLeft": self.days_left, "level": self.level.value, "message": self.sentence}
        return LOG_PREFIX + json.dumps(fields, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Life:
    """From when until when a credential is good (UTC; None where nothing is set)."""

    kind: CredentialKind
    not_before: datetime | None
    expires_on: datetime | None

    def end(self, now: datetime) -> CredentialEnd:
        """Return how long it is still good."""
        left = None if self.expires_on is None else (self.expires_on - now) // timedelta(days=1)
        return CredentialEnd(self.kind, left)

    def warning(self, now: datetime) -> ExpiryWarning | None:
        """Return what to warn of: the end passed or near, a beginning ahead, or no end known.

        Every run below thirty days warns, with the smallest of 30, 14, 7 and 1 days that has been reached.
        """
        end = self.end(now)
        left, what, remedy = end.days_left, f"the {end.name}", end.remedy
        if self.not_before is not None and now < self.not_before:
            text = f"{what} is not valid before {self.not_before:%Y-%m-%d %H:%M}Z"
            return ExpiryWarning(ExpiryLevel.NOT_YET_VALID, left, f"{text}: {remedy}")
        if self.expires_on is None or left is None:
            text = f"the vault does not say when {what} expires, so no warning can come before it does"
            return ExpiryWarning(ExpiryLevel.NO_EXPIRY, None, f"{text}: {remedy}")
        if now >= self.expires_on:
            text = f"{what} has expired on {self.expires_on:%Y-%m-%d %H:%M}Z"
            return ExpiryWarning(ExpiryLevel.EXPIRED, left, f"{text}: {remedy}")
        reached = [days for days in WARNING_DAYS if self.expires_on - now <= timedelta(days=days)]
        if not reached:
            return None
        text = f"{what} expires on {self.expires_on:%Y-%m-%d}, in {left} days"
        return ExpiryWarning(ExpiryLevel(str(min(reached))), left, f"{text}: {remedy}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as MSAL wants it: the private key and the chain, the own certificate first, both in PEM."""

    private_key: Secret
    chain: str
    not_before: datetime
    expires_on: datetime


Assertion = Callable[[], str]
"""Returns a token of another identity that the app registration trusts. Called for each request; may raise."""


@dataclass(frozen=True, slots=True)
class AppCredential:
    """What proves the app to Entra. `life` is None for what has no end of its own."""

    proof: Secret | Certificate | Assertion
    version: str
    life: Life | None


@dataclass(frozen=True, slots=True)
class Password:
    """A password of the app registration, without its value."""

    key_id: str
    display_name: str
    start: datetime


def claims_of(token: str) -> Mapping[str, Any]:
    """Return what a token says, to be shown; nothing is verified. Empty for what is not a token."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
