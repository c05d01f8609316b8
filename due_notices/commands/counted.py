"""Numbers with their nouns."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return `1 notice`, `2 notices`, `1,204 obligations`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def verb(count: int) -> str:
    """Return `is` or `are`."""
    return "is" if count == 1 else "are"
