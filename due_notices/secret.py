"""Secrets: a string that does not print itself, and what a vault knows of its life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn


class Secret:
    """Holds a secret; shows stars wherever it is printed, formatted or logged, and cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; call this only where it is handed to a client."""
        return self._value

    def __repr__(self) -> str:
        """Return stars."""
        return "Secret('***')"

    def __str__(self) -> str:
        """Return stars."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        """Refuse pickling and copying to a byte stream."""
        message = "a Secret cannot be pickled"
        raise TypeError(message)


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret's value and what the vault knows of its life (UTC; None where nothing is set)."""

    value: Secret
    version: str
    expires_on: datetime | None
    not_before: datetime | None
