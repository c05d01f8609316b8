"""What the list changes on a user. Pure: the values of before and what the list says, to the values of after.

A value is written in the product's own form: a date where nothing else is known, else JSON. What the list does not
know of an obligation (a dispute, a pause) stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from due_notices.commands.import_.entries import Owed
from due_notices.commands.import_.problems import Problem
from due_notices.model import Obligation, Status
from due_notices.obligations import Malformed

What = Literal["new", "changed", "unchanged", "cleared"]
Value = str | list[str] | None
Parse = Callable[[str], Obligation]
CLOSED_KEPT = timedelta(days=90)
"""A paid or void value whose due date is longer ago goes when its user is written anyway."""


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one obligation. `lines` are those of the list that say it, none where it says nothing."""

    what: What
    obligation: Obligation
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class UserChange:
    """What becomes of one user: the values of after, as texts, and each step; or why nothing does."""

    after: tuple[str, ...]
    steps: tuple[Step, ...]
    still_open: int = 0
    """Values that are open in the directory and not in the list, and are left so."""
    opened: int = 0
    """Values that were open before."""
    refused: Problem | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How values change. `complete`: who is not in the list owes nothing. `several`: the attribute holds many."""

    complete: bool
    several: bool
    today: date
    parse: Parse


def composed(obligation: Obligation) -> str:
    """Return an obligation as a value of the attribute."""
    due = obligation.due.isoformat()
    text = f'{{"due":"{due}"'
    if obligation.reference:
        text += f',"ref":{_quoted(obligation.reference)}'
    if obligation.amount is not None:
        text += f',"amount":"{obligation.amount}"'
    if obligation.currency is not None:
        text += f',"currency":"{obligation.currency}"'
    if obligation.status != "open":
        text += f',"status":"{obligation.status}"'
    if obligation.paused_until is not None:
        text += f',"pausedUntil":"{obligation.paused_until.isoformat()}"'
    return due if len(text) == _BARE else text + "}"


_BARE = len('{"due":"2026-12-15"')


def _quoted(text: str) -> str:
    """Return a text as JSON writes it."""
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else json.dumps(text, ensure_ascii=False)


def changed(
    values: Sequence[object], owed: Sequence[Owed], rules: Rules, keep: Callable[[Obligation], bool]
) -> UserChange:
    """Return what becomes of a user who has these values and of whom the list says this.

    `keep` says of an open value that is not in the list whether it must stay open all the same.
    """
    listed = [Obligation(each.due, each.ref, each.amount, each.currency, each.state) for each in owed]
    if not values and len(owed) == 1:
        return _first(owed[0], listed[0])
    if same := _as_written(values, owed, listed):
        return same
    slots = [_Slot(text, _parsed(text, rules.parse)) for text in values]
    by_key: dict[tuple[str, ...], list[_Slot]] = {}
    for slot in slots:
        if slot.obligation is not None:
            by_key.setdefault(slot.obligation.facts, []).append(slot)
    steps: list[Step] = []
    added: list[str] = []
    for each, obligation in zip(owed, listed, strict=True):
        found = by_key.get(obligation.facts) or _without_reference(obligation, listed, slots)
        if found:
            steps.append(_updated(found, obligation, each.lines))
        elif each.state == "open":
            added.append(composed(obligation))
            steps.append(Step("new", obligation, each.lines))
    still_open = _without_list(slots, steps, keep if rules.complete else lambda _: True)
    opened = sum(slot.was_open for slot in slots)
    if not any(step.what != "unchanged" for step in steps):
        return UserChange(tuple(map(str, values)), tuple(steps), still_open, opened)
    kept = [slot for slot in slots if not slot.dropped and not _outdated(slot, rules.today)]
    if rules.several:
        return UserChange((*(str(slot.text) for slot in kept), *added), tuple(steps), still_open, opened)
    return _single(kept, added, steps, still_open, opened, owed, in_doubt=rules.complete and still_open > 0)


def _without_list(slots: Sequence[_Slot], steps: list[Step], keep: Callable[[Obligation], bool]) -> int:
    """Close the open values that the list says nothing of, but for those to keep; return how many stay open."""
    still_open = 0
    for slot in slots:
        if slot.taken or slot.obligation is None or slot.obligation.status != "open":
            continue
        if keep(slot.obligation):
            still_open += 1
        else:
            slot.obligation = _closed(slot.obligation, "paid")
            slot.text = composed(slot.obligation)
            steps.append(Step("cleared", slot.obligation))
    return still_open


def _first(owed: Owed, obligation: Obligation) -> UserChange:
    """Return what becomes of a user who had no value yet: most of them, when a list is imported the first time."""
    if owed.state != "open":
        return UserChange((), ())
    return UserChange((composed(obligation),), (Step("new", obligation, owed.lines),))


class _Slot:
    """One value of the directory, and what becomes of it. Malformed ones stay as they are."""

    __slots__ = ("dropped", "obligation", "taken", "text", "was_open")

    def __init__(self, text: object, obligation: Obligation | None) -> None:
        self.text = text
        self.obligation = obligation
        self.taken = False
        self.dropped = False
        self.was_open = obligation is not None and obligation.status == "open"


def _as_written(values: Sequence[object], owed: Sequence[Owed], listed: Sequence[Obligation]) -> UserChange | None:
    """Return "unchanged" where the values are letter for letter what an import writes."""
    if len(values) != len(listed) or not all(each.state == "open" for each in owed):
        return None
    texts = {composed(each) for each in listed}
    if len(texts) != len(values) or not texts.issuperset(map(str, values)):
        return None
    steps = tuple(Step("unchanged", obligation, each.lines) for each, obligation in zip(owed, listed, strict=True))
    return UserChange(tuple(map(str, values)), steps, 0, len(values))


def _updated(found: Sequence[_Slot], obligation: Obligation, lines: tuple[int, ...]) -> Step:
    """Write what the list says over the values that mean this obligation; the first stays, the others go."""
    first, *others = found
    for slot in found:
        slot.taken = True
    before = first.obligation
    assert before is not None  # noqa: S101 (found by what it says)
    after = obligation
    if obligation.status == "open":
        disputed = before.status == "disputed"
        after = replace(obligation, status="disputed" if disputed else "open", paused_until=before.paused_until)
    if _same(before, after) and not any(slot.was_open for slot in others):
        return Step("unchanged", before, lines)
    for slot in others:
        slot.dropped = True
    first.obligation, first.text = after, composed(after)
    cleared = any(slot.was_open for slot in found) and after.status in ("paid", "void")
    return Step("cleared" if cleared else "changed", after, lines)


def _single(
    kept: Sequence[_Slot],
    added: Sequence[str],
    steps: list[Step],
    still_open: int,
    opened: int,
    owed: Sequence[Owed],
    *,
    in_doubt: bool,
) -> UserChange:
    """Return the one value of a single-valued attribute; two that are open are refused.

    `in_doubt` is whether one is open only because a row of a complete list may be about it.
    """
    alive = [slot for slot in kept if slot.obligation is not None and slot.obligation.status not in ("paid", "void")]
    if len(alive) + len(added) > 1:
        lines = sorted(line for each in owed if each.state == "open" for line in each.lines)
        mine = len(added) + sum(slot.taken for slot in alive)
        besides = ", besides what is open in the directory" if mine < len(alive) + len(added) else ""
        remedy = (
            "register a multi-valued extension and name it in DUE_DATE_ATTRIBUTE (an attribute cannot be changed "
            "afterwards): docs/import.md"
        )
        if in_doubt:
            besides = f"{besides}, which a row in doubt may be about"
            remedy = f"correct the rows that are refused, or that have no due date, and import again; or {remedy}"
        problem = Problem(
            "single",
            f"several open obligations (lines {', '.join(map(str, lines))}{besides}) do not fit on DUE_DATE_ATTRIBUTE, "
            "which holds one value",
            remedy,
            lines[0] if lines else None,
        )
        return UserChange((), (), still_open, opened, problem)
    if added:
        return UserChange(tuple(added), tuple(steps), still_open, opened)
    chosen = alive or sorted(kept, key=lambda slot: slot.obligation is None or not slot.was_open)[:1]
    return UserChange(tuple(str(slot.text) for slot in chosen), tuple(steps), still_open, opened)


def _without_reference(obligation: Obligation, listed: Iterable[Obligation], slots: Iterable[_Slot]) -> list[_Slot]:
    """Return the one value without a reference that can only mean this obligation: the list adds the reference."""
    if not obligation.reference or sum(each.due == obligation.due for each in listed) > 1:
        return []
    same_day = [
        slot
        for slot in slots
        if slot.obligation is not None and slot.obligation.due == obligation.due and not slot.taken
    ]
    if len(same_day) != 1:
        return []
    found = same_day[0].obligation
    assert found is not None  # noqa: S101 (chosen so)
    fits = (
        not found.reference
        and found.amount in (None, obligation.amount)
        and found.currency in (None, obligation.currency)
    )
    return same_day if fits else []


def _parsed(value: object, parse: Parse) -> Obligation | None:
    try:
        return parse(value)  # type: ignore[arg-type]  # (what is not text is malformed)
    except Malformed:
        return None


def _same(one: Obligation, other: Obligation) -> bool:
    if one.status != other.status:
        return False
    if one.status in ("paid", "void"):
        return True
    return (
        _number(one.amount) == _number(other.amount)
        and one.currency == other.currency
        and one.reference == other.reference
    )


def _number(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _closed(obligation: Obligation, status: Status) -> Obligation:
    return replace(obligation, status=status, paused_until=None)


def _outdated(slot: _Slot, today: date) -> bool:
    found = slot.obligation
    return (
        found is not None
        and not slot.taken
        and not slot.was_open
        and found.status in ("paid", "void")
        and found.due < today - CLOSED_KEPT
    )
