"""Which deployment a ledger belongs to: one ledger, one deployment. Pure.

The ledger's `format` row names the form of its rows and the deployment that they belong to. Two deployments on
one ledger would each take the other's completed day for their own, and one that writes another form of rows
would send everything again; so a run refuses, in one sentence, a ledger that is not its own.
"""

from __future__ import annotations

from typing import NamedTuple

FORMAT = 1
"""The form of the rows that this version reads and writes."""

_OWN_TABLE = "give this deployment its own LEDGER_TABLE"


class Deployment(NamedTuple):
    """What makes a deployment another one: who owes is in another place, or the notices go elsewhere."""

    tenant: str
    attribute: str
    queue: str

    def is_same(self, other: Deployment) -> bool:
        """Whether both are one, in any case of letters."""
        return self._folded() == other._folded()

    def _folded(self) -> tuple[str, ...]:
        return tuple(part.casefold() for part in self)


class Owner(NamedTuple):
    """What the `format` row says. `version` is None where it says nothing that can be read."""

    version: int | None
    deployment: Deployment


def why_refused(
    found: Owner | None, mine: Deployment, *, table: str, has_rows: bool, accept: bool = False
) -> str | None:
    """Return why a deployment must not use a ledger, in one sentence, or None.

    `found` is its `format` row, None where there is none. With `accept` the attribute and the queue may differ.
    """
    if found is None:
        if not has_rows:
            return None
        return (
            f"the ledger table {table} has rows but does not say which deployment they belong to: an older version of "
            f"Due Notices, or something else, wrote them; {_OWN_TABLE}"
        )
    if found.version != FORMAT:
        named = "an unreadable format" if found.version is None else f"format {found.version}"
        return (
            f"the ledger table {table} has {named} and this version of Due Notices knows format {FORMAT}: deploy "
            f"the version that wrote it, or {_OWN_TABLE}"
        )
    theirs = found.deployment
    if accept and theirs.tenant.casefold() == mine.tenant.casefold():
        return None
    if theirs.is_same(mine):
        return None
    differing = [
        f"{what} {their}, not {my}"
        for what, their, my in zip(("tenant", "attribute", "queue"), theirs, mine, strict=True)
        if their.casefold() != my.casefold()
    ]
    return f"this ledger (table {table}) belongs to another deployment ({'; '.join(differing)}): {_OWN_TABLE}"
