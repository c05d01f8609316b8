"""What proves to Entra that we are the app registration, how long it is good, and when to warn. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from due_notices.secret import Secret

LOG_PREFIX = "due-notices secret "
WARNING_DAYS = (30, 14, 7, 1)


class CredentialKind(StrEnum):
    """The values of GRAPH_CREDENTIAL."""

    SECRET = "secret"  # noqa: S105 (the name of a kind)
    CERTIFICATE = "certificate"
    FEDERATED = "federated"


class Level(StrEnum):
    """How bad it is: the names that alerts look for. `30` means thirty days or fewer are left, and so on."""

    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    DAY_1 = "1"
    DAYS_7 = "7"
    DAYS_14 = "14"
    DAYS_30 = "30"
    NO_EXPIRY = "no-expiry"


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """Something that somebody must do about a credential before, or after, it ends."""

    level: Level
    days_left: int | None
    sentence: str

    @property
    def urgent(self) -> bool:
        """Whether no new token can be had already."""
        return self.level in {Level.EXPIRED, Level.NOT_YET_VALID}

    def log_line(self) -> str:
        """Return the line that alerts look for: the fixed prefix and one JSON object."""
        fields = {"daysLeft": self.days_left, "level": self.level.value, "message": self.sentence}
        return LOG_PREFIX + json.dumps(fields, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Life:
    """From when until when a credential is good (UTC; None where nothing is set), and what to call it."""

    not_before: datetime | None
    expires_on: datetime | None
    what: str
    remedy: str

    def days_left(self, now: datetime) -> int | None:
        """Return whole days until the end, negative afterwards; None where no end is known."""
        return None if self.expires_on is None else (self.expires_on - now) // timedelta(days=1)

    def warning(self, now: datetime) -> ExpiryWarning | None:
        """Return what to warn of: the end passed or near, a beginning ahead, or no end known.

        Every run below thirty days warns, with the smallest of 30, 14, 7 and 1 days that has been reached.
        """
        left = self.days_left(now)
        if self.not_before is not None and now < self.not_before:
            text = f"{self.what} is not valid before {self.not_before:%Y-%m-%d %H:%M}Z"
            return ExpiryWarning(Level.NOT_YET_VALID, left, f"{text}: {self.remedy}")
        if self.expires_on is None or left is None:
            text = f"nobody knows when {self.what} expires, so nobody can be warned"
            return ExpiryWarning(Level.NO_EXPIRY, None, f"{text}: {self.remedy}")
        if now >= self.expires_on:
            text = f"{self.what} has expired on {self.expires_on:%Y-%m-%d %H:%M}Z"
            return ExpiryWarning(Level.EXPIRED, left, f"{text}: {self.remedy}")
        reached = [days for days in WARNING_DAYS if self.expires_on - now <= timedelta(days=days)]
        if not reached:
            return None
        text = f"{self.what} expires on {self.expires_on:%Y-%m-%d}, in {left} days"
        return ExpiryWarning(Level(str(min(reached))), left, f"{text}: {self.remedy}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as MSAL wants it: the private key and the chain, the own certificate first, both in PEM."""

    private_key: Secret
    chain: str
    thumbprint: str  # SHA-256, hexadecimal
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


def secret_life(not_before: datetime | None, expires_on: datetime | None) -> Life:
    """Return the life of a client secret."""
    return Life(
        not_before,
        expires_on,
        "the client secret",
        "make and store a new one with `python -m due_notices rotate-secret`",
    )


def certificate_life(not_before: datetime | None, expires_on: datetime | None) -> Life:
    """Return the life of a certificate."""
    return Life(
        not_before,
        expires_on,
        "the certificate",
        "make a new version in the vault and add it to the app registration (docs/runbook.md, A new certificate)",
    )


# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
_EXCHANGES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}


def exchange_audience(authority_host: str) -> str:
    """Return the audience of a token that a cloud's Entra takes as federated assertion."""
    return _EXCHANGES.get(_host(authority_host), "api://AzureADTokenExchange")


# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
_VAULTS = {
    ".vault.azure.net": "https://vault.azure.net",
    ".vault.usgovcloudapi.net": "https://vault.usgovcloudapi.net",
    ".vault.azure.cn": "https://vault.azure.cn",
}


def is_azure_vault(vault_url: str) -> bool:
    """Whether a vault is in one of Azure's own domains; the local stack's is not."""
    return _host(vault_url).endswith(tuple(_VAULTS))


def vault_resource(vault_url: str) -> str:
    """Return the resource that a token for a vault is for."""
    host = _host(vault_url)
    return next((found for ending, found in _VAULTS.items() if host.endswith(ending)), _VAULTS[".vault.azure.net"])


def name_of_vault(vault_url: str) -> str:
    """Return a vault's name as `az` wants it; its whole host where that is none of Azure's vaults."""
    host = _host(vault_url)
    return host.partition(".")[0] if is_azure_vault(vault_url) else host


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()
