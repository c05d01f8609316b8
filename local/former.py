"""Which notices the sample customers are owed by the rules as they were first written; goes when those go.

For the default settings (stages 7, 3, 1 and 0 days before the
due date, three days of catch-up, every day a business day, UTC). Slow and plain on purpose.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

STAGES = (-7, -3, -1, 0)
CATCH_UP_DAYS = 3


class ExpectedNotice(NamedTuple):
    """What identifies a notice, and its id."""

    user_id: str
    reference: str
    due: dt.date
    stage: int
    amount: str = ""
    currency: str = ""

    @property
    def id(self) -> str:
        """Return the idempotency key, by its definition."""
        amount = "" if self.reference or not self.amount else f"{Decimal(self.amount).normalize():f}"
        currency = "" if self.reference else self.currency
        parts = (self.user_id, str(self.due), self.reference, amount, currency, str(self.stage))
        return hashlib.sha256("\u001f".join(parts).encode()).hexdigest()[:32]


def expected_notices(
    users: Iterable[Mapping[str, Any]], attribute: str, business_date: dt.date
) -> dict[str, ExpectedNotice]:
    """Return the notices owed on `business_date` to customers never notified before, by id."""
    found: dict[str, ExpectedNotice] = {}
    told: set[tuple[str, str, dt.date, int]] = set()
    for user in sorted(users, key=lambda user: str(user["id"])):
        email, reachable = _contact(user)
        if user.get("accountEnabled") is False or not reachable:
            continue
        for (due, reference), (is_open, *price) in _obligations(user.get(attribute), business_date).items():
            passed = [stage for stage in STAGES if due + dt.timedelta(days=stage) <= business_date]
            if not is_open or not passed:
                continue
            stage = max(passed)
            if (business_date - due).days - stage > CATCH_UP_DAYS:
                continue
            same_message = (email.lower(), reference, due, stage)
            if email and reference:
                if same_message in told:
                    continue
                told.add(same_message)
            notice = ExpectedNotice(str(user["id"]), reference, due, stage, *price)
            found[notice.id] = notice
    return found


def _obligations(value: Any, business_date: dt.date) -> dict[tuple[dt.date, str], tuple[bool, str, str]]:
    """Return due date and reference of every readable value, whether all that say so are open, and their price."""
    values = value if isinstance(value, list) else [value]
    result: dict[tuple[dt.date, str], tuple[bool, str, str]] = {}
    for each in values:
        read = _read(each, business_date)
        if read is not None:
            key, is_open, amount, currency = read
            before, *price = result.get(key, (True, amount, currency))
            result[key] = (before and is_open, price[0], price[1])
    return result


def _read(value: Any, business_date: dt.date) -> tuple[tuple[dt.date, str], bool, str, str] | None:
    if not isinstance(value, str) or len(value) > 256:  # noqa: PLR2004 (the directory's limit)
        return None
    try:
        fields = json.loads(value) if value.startswith("{") else {"due": value}
    except ValueError:
        return None
    known = {"due", "ref", "amount", "currency", "status", "pausedUntil"}
    if set(fields) - known or not all(isinstance(field, str | None) for field in fields.values()):
        return None
    due, paused = _date(fields.get("due") or ""), fields.get("pausedUntil")
    until = None if paused is None else _date(paused)
    status = fields.get("status") or "open"
    wrong = (
        due is None
        or (paused is not None and until is None)
        or status not in {"open", "paid", "void", "disputed"}
        or not re.fullmatch(r"\d+(\.\d+)?", fields.get("amount") or "0")
        or not re.fullmatch(r"[A-Z]{3}", fields.get("currency") or "EUR")
    )
    if wrong or due is None:
        return None
    silent = until is not None and until >= business_date
    is_open = status == "open" and not silent
    return (due, fields.get("ref") or ""), is_open, fields.get("amount") or "", fields.get("currency") or ""


def _date(text: str) -> dt.date | None:
    with contextlib.suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return dt.date.fromisoformat(text)
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", text):
            return dt.datetime.fromisoformat(text).astimezone(dt.UTC).date()
    return None


def _contact(user: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the e-mail address, empty where there is none, and whether the user can be reached at all."""
    name = str(user.get("userPrincipalName") or "")
    addresses = [user.get("mail")]
    addresses += [
        identity.get("issuerAssignedId")
        for identity in user.get("identities") or []
        if str(identity.get("signInType")).startswith("emailAddress")
    ]
    addresses += user.get("otherMails") or []
    if "#EXT#" not in name and not name.endswith(".onmicrosoft.com"):
        addresses.append(name)
    good = [each for each in addresses if isinstance(each, str) and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", each)]
    return (good[0] if good else ""), bool(good or user.get("mobilePhone"))
