"""What the first users of the directory hold in the due-date attribute, as a run would read it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from due_notices.commands.counted import counted
from due_notices.currencies import CODES
from due_notices.model import Obligation
from due_notices.obligations import Malformed, parse_obligation, values_of
from due_notices.planning import Rules

MANY_MALFORMED = 0.10  # of all values


def judge_values(found: Sequence[object], rules: Rules, today: date) -> tuple[bool, str]:
    """Return whether all is well with what the attribute holds at some users, and a sentence on it.

    `found` has a raw value for each user. No value is quoted, but for currency codes that ISO 4217 does not have.
    """
    attribute = "/".join(rules.attribute)
    values = [value for raw in found for value in values_of(raw)]
    if not values:
        return not found, (
            f"none of the first {len(found):,} users has a value in {attribute}: is DUE_DATE_ATTRIBUTE right, and does "
            "anything write it?"
        )
    read = [_read(value, rules, today) for value in values]
    faults = Counter(str(one) for one in read if isinstance(one, Malformed))
    malformed = faults.total()
    parts = [
        (
            f"of {counted(len(values), 'obligation')} of the first {counted(len(found), 'user')} "
            f"{len(values) - malformed:,} can be read"
        )
    ]
    if faults:
        (often, count), *_ = faults.most_common(1)
        parts.append(f"{malformed:,} are malformed, {count:,} of them because {often}; preview --skipped names them")
    gone = Counter(
        one.currency for one in read if isinstance(one, Obligation) and one.currency and one.currency not in CODES
    )
    if gone:
        codes = ", ".join(f"{code} ({count:,})" for code, count in sorted(gone.items()))
        parts.append(
            f"ISO 4217 does not have these currencies, or no longer has them: {codes}; they are sent as they are"
        )
    return malformed <= MANY_MALFORMED * len(values) and not gone, "\n".join(parts)


def _read(value: object, rules: Rules, today: date) -> Obligation | Malformed:
    try:
        return parse_obligation(value, rules.time_zone, today)
    except Malformed as malformed:
        return malformed
