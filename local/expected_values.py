"""What a user's raw values and contacts mean: the half of the second calculation (`expected`) that reads.

Written from the description of the data alone, without the program's own code. Slow and plain on purpose.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

NEVER: Final = 9999
"""The year that means never."""
NO_END: Final = dt.date.max
"""The last day of a pause that has no end."""

Standing = Literal["paid", "disputed", "open", "settled", "void"]

_MOST_CHARACTERS = 256
_YEARS_AHEAD = 50
_FIRST_YEAR = 1970
_FIELDS = ("due", "ref", "amount", "currency", "status", "pausedUntil")
_MAY_BE_BAD = ("amount", "currency", "pausedUntil")
"""The fields that make a value malformed only if it is open."""
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_DECIMALS = {
    **dict.fromkeys(_WITHOUT_DECIMALS.split(), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""The decimals of ISO 4217 where they are not two."""
_THREE = 3
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
_INITIAL_DOMAINS = (
    ".onmicrosoft.com",
    ".onmicrosoft.us",
    ".partner.onmschina.cn",
    ".onsovcloud.fr",
    ".onsovcloud.de",
)


class Malformed(Exception):
    """The value is not an obligation."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a user. `amount` is a plain decimal without trailing zeros, empty where there is none.

    `reference` and `currency` are empty where there is none; a pause without an end ends on `NO_END`.
    """

    text: str
    due: dt.date
    standing: Standing
    reference: str = ""
    amount: str = ""
    currency: str = ""
    paused_until: dt.date | None = None

    @property
    def key(self) -> tuple[dt.date, str, str, str]:
        """What makes two values one obligation: due date, reference, amount, currency, as in a notice's id."""
        return (self.due, self.reference, "", "") if self.reference else (self.due, "", self.amount, self.currency)

    @property
    def rank(self) -> tuple[int, bool, Decimal, str]:
        """The lowest of one key speaks."""
        order = ("paid", "disputed", "open", "settled", "void").index(self.standing)
        return order, not self.amount, Decimal(self.amount or "0"), self.text


def raw_values(user: Mapping[str, Any], attribute: str) -> list[Any]:
    """Return the values of the attribute, whose name has no case; what is null or blank is none."""
    where: Any = user
    for name in attribute.split("/"):
        where = {key.lower(): each for key, each in (where or {}).items()}.get(name.lower())
    values = where if isinstance(where, list) else [where]
    return [value for value in values if value is not None and not (isinstance(value, str) and not value.strip())]


def read_value(value: Any, today: dt.date, zone: dt.tzinfo) -> Value:
    """Return what a value says, or raise `Malformed`."""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise Malformed
    if not value.lstrip().startswith("{"):
        return Value(value, _due(value, today, zone), "open")
    present = _fields(value)
    status = present.get("status", "open")
    is_open = status == "open"
    due, reference = _due(present.get("due"), today, zone), present.get("ref", "")
    if not isinstance(reference, str):
        raise Malformed
    currency = _unless_closed(_currency, is_open, present.get("currency")) or ""
    amount = _unless_closed(_amount, is_open, present.get("amount"), currency) or ""
    pause = _unless_closed(_pause, is_open, present.get("pausedUntil"), today, zone)
    standing: Standing = "settled" if is_open and amount and Decimal(amount) <= 0 else status
    seen = any(unicodedata.category(character)[0] not in "CZ" for character in reference)
    return Value(value, due, standing, reference if seen else "", amount, currency, pause)


def _fields(value: str) -> dict[str, Any]:
    """Return the fields that are there, under their right names and with a status that is one."""
    try:
        fields: dict[str, Any] = json.loads(value)
    except ValueError:
        raise Malformed from None
    present = {name: each for name, each in fields.items() if each is not None}
    status = present.get("status", "open")
    if status not in ("open", "paid", "void", "disputed"):
        raise Malformed
    for name in fields:
        meant = [each for each in _FIELDS if each.lower() == re.sub("[_-]", "", name).lower()]
        if meant and meant != [name] and (status == "open" or meant[0] not in _MAY_BE_BAD):
            raise Malformed
    return present


def _unless_closed(read: Callable[..., Any], is_open: bool, *arguments: Any) -> Any:  # noqa: FBT001
    """Return what `read` makes of a field; a bad one counts as absent where the value is not open."""
    try:
        return read(*arguments)
    except Malformed:
        if is_open:
            raise
        return None


def _due(text: Any, today: dt.date, zone: dt.tzinfo) -> dt.date:
    day = _date(text, zone)
    if day.year != NEVER and (day.year < _FIRST_YEAR or day > _years_after(today)):
        raise Malformed
    return day


def _pause(text: Any, today: dt.date, zone: dt.tzinfo) -> dt.date | None:
    if text is None:
        return None
    day = _date(text, zone)
    return NO_END if day.year == NEVER or day > _years_after(today) else day


def _years_after(today: dt.date) -> dt.date:
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return today.replace(year=today.year + _YEARS_AHEAD, day=day)


def _date(text: Any, zone: dt.tzinfo) -> dt.date:
    if not isinstance(text, str):
        raise Malformed
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return dt.date.fromisoformat(text)
        if not re.fullmatch(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?", text):
            raise Malformed
        moment = dt.datetime.fromisoformat(text)
        at_zero = moment.utcoffset() == dt.timedelta(0)
        midnight, last_minute = moment.time() == dt.time(0), (moment.hour, moment.minute) == (23, 59)
        if moment.year == NEVER or moment.tzinfo is None or (at_zero and (midnight or last_minute)):
            return moment.date()
        return moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        raise Malformed from None


def _currency(text: Any) -> str:
    if text is None:
        return ""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Z]{3}", text):
        raise Malformed
    return text


def _amount(text: Any, currency: str) -> str:
    if text is None:
        return ""
    if not isinstance(text, str) or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        raise Malformed
    decimals = text.partition(".")[2]
    number, most = Decimal(text), _DECIMALS.get(currency, 2)
    if number != 0 and ((len(decimals) == _THREE and most < _THREE) or decimals[most:].strip("0")):
        raise Malformed
    return plain_number(text)


def plain_number(text: str) -> str:
    """Return a decimal without zeros that mean nothing, as in a notice's id."""
    if Decimal(text) == 0:
        return "0"
    whole, _, decimals = text.removeprefix("-").partition(".")
    sign = "-" if text.startswith("-") else ""
    return sign + f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")


def reason_to_skip(user: Mapping[str, Any], opt_out_attribute: str, allowed: Collection[str]) -> str | None:
    """Return why a user gets nothing whatever is owed; `allowed` are addresses and `@domains`, empty for everybody."""
    email = next(_addresses(user), None)
    if user.get("accountEnabled") is False:
        return "disabled"
    phone = user.get("mobilePhone")
    if email is None and not (isinstance(phone, str) and re.search("[0-9]", phone)):
        return "unreachable"
    if opt_out_attribute and any(value is True for value in raw_values(user, opt_out_attribute)):
        return "opted-out"
    if allowed and (email is None or not {email.lower(), "@" + email.lower().split("@")[1]} & set(allowed)):
        return "not-allowed"
    return None


def _addresses(user: Mapping[str, Any]) -> Iterator[str]:
    """Yield the usable e-mail addresses, the best first."""
    found = [user.get("mail")]
    found += [
        identity.get("issuerAssignedId")
        for identity in _list(user.get("identities"))
        if isinstance(identity, dict) and str(identity.get("signInType")).startswith("emailAddress")
    ]
    found += _list(user.get("otherMails"))
    name = str(user.get("userPrincipalName") or "")
    if "#EXT#" not in name and not name.lower().endswith(_INITIAL_DOMAINS):
        found.append(name)
    for each in found:
        if isinstance(each, str):
            shown = "".join(letter for letter in each if unicodedata.category(letter) != "Cf")
            clean = shown.translate(_DASHES).strip()
            if re.fullmatch(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+", clean):
                yield clean


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
