"""Secrets: a string that does not print itself, and what a vault knows of its life."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, SupportsIndex

_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_QUOTES = "\"'“”‘’`"


class Secret:
    """Holds a secret; prints as stars, and can be neither pickled nor copied nor formatted.

    Printing and logging may meet a secret by accident and show stars. Formatting (an f-string) is how texts for
    use are made: stars would end up in a connection string, so it is refused.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; call this only where it is handed to a client."""
        return self._value

    @property
    def oddity(self) -> str:
        """What is odd about the form of a client secret, without a word of it; empty where nothing is.

        A GUID is what Entra calls the secret's id, and shows for ever beside it; the value it shows once.
        """
        if _GUID.fullmatch(self._value.strip("{} \t\r\n\"'")):
            return "it is a GUID, as the secret's id is; the value itself is shown only once, when it is made"
        if self._value != self._value.strip():
            end = "begins" if self._value == self._value.rstrip() else "ends"
            blank = "a line break" if self._value[0 if end == "begins" else -1] in "\r\n" else "a blank"
            return f"it {end} with {blank}, which counts as part of it"
        if len(self._value) > 1 and self._value[0] in _QUOTES and self._value[-1] in _QUOTES:
            return "it is in quotes, which count as part of it"
        return ""

    def __repr__(self) -> str:
        """Return stars."""
        return "Secret('***')"

    def __str__(self) -> str:
        """Return stars."""
        return "***"

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare by value, in the same time whatever it is."""
        return isinstance(other, Secret) and hmac.compare_digest(other._value.encode(), self._value.encode())

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)

    def __format__(self, specification: str) -> NoReturn:
        """Refuse f-strings and str.format."""
        raise TypeError("a Secret cannot be formatted: hand reveal() to the client that needs it")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse pickling and copying."""
        raise TypeError("a Secret cannot be pickled or copied")


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret's value and what the vault knows of its life (UTC; None where nothing is set)."""

    value: Secret
    version: str
    expires_on: datetime | None
    not_before: datetime | None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a secret in the vault, without its value."""

    version: str
    created_on: datetime | None
    tags: Mapping[str, str]
