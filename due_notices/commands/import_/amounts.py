"""What an amount says. Pure: a text may be read with either decimal sign, and the column proves which one holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from due_notices.commands.import_.problems import Problem, RowRefused
from due_notices.currencies import decimals_of

Sign = Literal[".", ","]
SIGNS: tuple[Sign, ...] = get_args(Sign)
USUAL_DECIMALS = 2  # of an unknown or absent currency
_GROUP = 3
_MOST_DIGITS = 15
_MOST_DECIMALS = 4
SHAPE = str.maketrans("123456789", "999999999")
"""What makes an amount its shape: which digits there are decides nothing about its form, but for zeros."""
_OTHER: Mapping[Sign, Sign] = {".": ",", ",": "."}

_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "฿": "THB", "₩": "KRW", "₽": "RUB", "₴": "UAH", "₪": "ILS",
        "₫": "VND", "₱": "PHP", "₦": "NGN", "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD",
        "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF",
        "FR.": "CHF", "SFR.": "CHF", "円": "JPY",
    }
)  # fmt: skip
"""What names one currency alone. `$`, `¥` and `kr` name several, and are asked for."""

_MINUS = "[-\u2212\u2013]"
_NAME = r"[^\W\d_]{1,4}\.?|[A-Za-z]{0,3}[$€£¥₹₺฿₩₽₴₪₫₱₦]|円"
_CELL = re.compile(
    rf"(?P<paren>\()? ?(?P<minus1>{_MINUS})? ?(?P<name1>{_NAME})? ?(?P<minus2>{_MINUS}|\+)? ?"
    rf"(?P<number>\d(?:[\d.,'\u2019 ]*\d)?|[.,]\d+) ?(?P<minus3>{_MINUS})? ?(?P<name2>{_NAME})? ?"
    rf"(?P<minus4>{_MINUS})?(?P<end>\))?"
)
_PLAIN = re.compile(r"[0-9]{1,15}")
_ARABIC = str.maketrans("\u066b\u066c", ".,")  # the decimal sign and the mark between thousands of Arabic digits
_DASHED = re.compile(r"(?<=\d)([.,])[-\u2212\u2013\u2014]{1,2}(?!\d)")  # 1'000.- and 1.000,-- are whole amounts
# Signs that name several currencies, and some that they cannot name.
_DOLLARS = "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP BRL BBD BSD BZD BMD BND FJD GYD JMD KYD LRD NAD SBD SRD"
_NAMED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "$": frozenset(f"{_DOLLARS} TTD XCD CVE MOP NIO PHP TOP WST ZWG BOB CUP".split()),
        "¥": frozenset({"JPY", "CNY"}),
        "KR": frozenset({"SEK", "NOK", "DKK", "ISK"}),
        "KR.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    }
)
_MAGNITUDES = re.compile(r"[KTM]|MM|MN|MIO\.?|MLN|MRD\.?|BN|TSD\.?|LAKH|LAC|[TKM](EUR|USD|GBP|CHF|[€$£])")
_CREDIT_WORDS = frozenset({"CR", "CR."})
_DEBIT_WORDS = frozenset({"DR", "DR."})


@dataclass(frozen=True, slots=True)
class Cell:
    """An amount as written: its digits and separators, whether it is a credit, and the currency that it names."""

    number: str
    negative: bool = False
    currency: str | None = None
    unclear: str = ""
    """A sign that stands for several currencies, as `$` does."""


def taken_apart(text: str) -> Cell:
    """Return the parts of a cell. Raises RowRefused for what is not an amount."""
    if _PLAIN.fullmatch(text):
        return Cell(text)
    text = " ".join(unicodedata.normalize("NFKC", text).split()).translate(_ARABIC)
    if not text.isascii():
        text = re.sub(r"[^\W_a-zA-Z0-9]", _ascii_digit, text)
    text = _DASHED.sub(r"\g<1>00", text)
    found = _CELL.fullmatch(text)
    if found is None or bool(found["paren"]) != bool(found["end"]):
        raise RowRefused("amount", "is not an amount", "write it with digits, as 1234.50")
    minuses = [found[name] for name in ("minus1", "minus2", "minus3", "minus4") if found[name]]
    names = [found[name].upper() for name in ("name1", "name2") if found[name]]
    credit = any(name in _CREDIT_WORDS for name in names)
    names = [name for name in names if name not in _CREDIT_WORDS | _DEBIT_WORDS]
    if len(minuses) + bool(found["paren"]) + credit > 1 or len(names) > 1:
        raise RowRefused("amount", "has two signs", "write it with one, as -1234.50")
    negative = bool(found["paren"]) or credit or any(sign != "+" for sign in minuses)
    if not names:
        return Cell(found["number"], negative)
    if _MAGNITUDES.fullmatch(names[0]) or (found["name2"] and re.fullmatch("[A-Z]", names[0])):
        raise RowRefused("amount", f"ends or begins with {names[0]}, which is no currency", "write it out, as 1234.50")
    code = _SYMBOLS.get(names[0]) or (names[0] if decimals_of(names[0]) is not None else None)
    return Cell(found["number"], negative, code, "" if code else names[0])


def _ascii_digit(found: re.Match[str]) -> str:
    """Return a digit of another script as ours; letters stay."""
    value = unicodedata.decimal(found[0], None)
    return found[0] if value is None else str(value)


def with_sign(number: str, sign: Sign, currency: str | None) -> str | None:
    """Return a number read with this decimal sign as a plain decimal, or None where it cannot be one.

    In a currency without decimals three digits behind the sign are thousands, never decimals.
    """
    whole, found, behind = number.rpartition(sign)
    if not found:
        whole, behind = number, ""
    elif not behind.isdigit() or (len(behind) == _GROUP and decimals_of(currency or "") == 0):
        return None
    digits = _ungrouped(whole or "0", _OTHER[sign])
    if digits is None:
        return None
    digits = digits.lstrip("0") or "0"
    return f"{digits}.{behind}" if behind else digits


def _ungrouped(whole: str, group: Sign) -> str | None:
    """Return the digits before the sign, their groups joined; None where they are not grouped as numbers are."""
    if whole.isdigit():
        return whole
    marks = {mark for mark in whole.replace("\u2019", "'") if not mark.isdigit()}
    if len(marks) != 1 or not marks <= {group, "'", " "}:
        return None
    first, *rest = re.split(r"[^\d]", whole)
    if not first or first.startswith("0") or len(rest[-1]) != _GROUP:
        return None
    if len(first) <= _GROUP and all(len(part) == _GROUP for part in rest):
        return whole.translate(_NO_MARKS)
    lakhs = marks == {","} and len(first) <= 2 and all(len(part) == 2 for part in rest[:-1])  # noqa: PLR2004 (India's groups)
    return whole.translate(_NO_MARKS) if lakhs else None


_NO_MARKS = {ord(mark): None for mark in ".,'\u2019 "}


def usual_amount(sign: Sign) -> str:
    """Return the pattern of what most cells are; `0.109` and `1.234` are left to the rules."""
    other, own = re.escape(_OTHER[sign]), re.escape(sign)
    return rf"(?:0|[1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}})*|[1-9][0-9]{{0,14}})(?:{own}[0-9]{{1,2}})?"


class AmountReader:
    """Reads the cells of a column whose decimal sign is known."""

    def __init__(self, sign: Sign) -> None:
        """Take the column's decimal sign."""
        self._sign: Sign = sign
        self._other: Sign = _OTHER[sign]
        self._usual = re.compile(usual_amount(sign))

    def __call__(self, text: str, currency: str | None) -> tuple[bool, str, str | None]:
        """Return whether the amount is negative, its plain decimal, and its currency. Raises RowRefused.

        `currency` is what the list says besides the cell; decimals are those of ISO 4217.
        """
        if self._usual.fullmatch(text) and (currency is None or decimals_of(currency) == USUAL_DECIMALS):
            return False, text.replace(self._other, "").replace(self._sign, "."), currency
        cell = taken_apart(text)
        if currency and cell.currency and cell.currency != currency:
            raise RowRefused("currency", f"names {cell.currency}, and the list {currency}", "correct one of them")
        if currency and cell.unclear in _NAMED and currency not in _NAMED[cell.unclear]:
            raise RowRefused("currency", f"has {cell.unclear}, and the list says {currency}", "correct one of them")
        currency = currency or cell.currency
        plain = with_sign(cell.number, self._sign, currency)
        if plain is None:
            raise RowRefused("amount", f"is not a number with the decimal sign {self._sign}", "correct the list")
        return cell.negative, _fitted(plain, currency), currency


def _fitted(plain: str, currency: str | None) -> str:
    """Return an amount with no more decimals than its currency has. Raises RowRefused for others than zeros."""
    whole, _, behind = plain.partition(".")
    decimals = decimals_of(currency) if currency else USUAL_DECIMALS
    if decimals is None:
        decimals = USUAL_DECIMALS
    name = currency or "an amount without a currency"
    if len(whole) > _MOST_DIGITS:
        raise RowRefused("amount", f"has more than {_MOST_DIGITS} digits", "correct the list")
    if set(plain) <= {"0", "."}:
        return f"0.{behind[:decimals]}" if behind[:decimals] else "0"
    if len(behind) == _GROUP and decimals < _GROUP:
        raise RowRefused(
            "decimals", f"has three decimals, and {name} has {decimals}: thousands?", "correct the list, or --decimal"
        )
    if behind[decimals:].strip("0") or len(behind[:decimals]) > _MOST_DECIMALS:
        raise RowRefused("decimals", f"has more decimals than {name} has ({decimals})", "correct the list")
    kept = behind[:decimals]
    return f"{whole}.{kept}" if kept else whole


class AmountProof:
    """The decimal signs that are left for a column of amounts."""

    def __init__(self, column: str, decimal: Sign | None, currency: str | None, hint: str) -> None:
        """Take the column's name, the sign and the currency that were asked for, and the program's own sign."""
        self._column = column
        self._decimal = decimal
        self._currency = currency
        self._hint = hint
        self._left: frozenset[Sign] = frozenset({decimal}) if decimal else frozenset(SIGNS)
        self._ruled: tuple[int, str] | None = None
        self._clash: tuple[int, str] | None = None
        self._unlike: tuple[int, str, Mapping[Sign, str]] | None = None
        self._unclear: tuple[int, str] | None = None

    def see(self, text: str, line: int, currency: str | None) -> None:
        """Take a cell into account."""
        try:
            cell = taken_apart(text)
        except RowRefused:
            return
        currency = currency or cell.currency
        if currency is None and cell.unclear:
            self._unclear = self._unclear or (line, cell.unclear)
        found: dict[Sign, str] = {}
        for sign in SIGNS:
            plain = with_sign(cell.number, sign, currency)
            if plain is not None:
                found[sign] = plain
        if not found:
            return
        left = self._left & found.keys()
        if not left:
            self._clash = self._clash or (line, text)
            return
        if left != self._left:
            self._ruled = (line, text)
            self._left = left
        if len(set(found.values())) > 1:
            self._unlike = self._unlike or (line, text, found)

    def sign(self, problems: list[Problem]) -> tuple[Sign, str]:
        """Return the column's decimal sign, and why; what must be asked goes into `problems`."""
        left = [sign for sign in SIGNS if sign in self._left]
        why = "--decimal says so" if self._decimal else "no amount says otherwise"
        if self._ruled and not self._decimal:
            why = f"{self._ruled[1]} in line {self._ruled[0]} can be nothing else"
        if len(left) > 1 and self._unlike is not None and self._hint:
            left = [sign for sign in SIGNS if sign == self._hint]
            why = "the profile says so, and nothing speaks against it"
        elif len(left) > 1 and self._unlike is not None:
            line, text, found = self._unlike
            either = f"{text} may be {' or '.join(found.values())}, and no other amount of the column decides it"
            remedy = "add --decimal . or --decimal , (or --currency, if its currency has no decimals)"
            problems.append(Problem("decimal", either, remedy, line, self._column))
        if self._clash is not None and not self._decimal:
            line, text = self._clash
            other = f" (line {self._ruled[0]}: {self._ruled[1]})" if self._ruled else ""
            unlike = f"{text} has another decimal sign than amounts before it{other}"
            problems.append(
                Problem("decimal", unlike, "write all amounts of the column in one form", line, self._column)
            )
        if self._unclear is not None and not self._currency:
            line, name = self._unclear
            why_unclear = f"{name} is the sign of several currencies"
            remedy = "add --currency, for instance --currency USD"
            problems.append(Problem("currency", why_unclear, remedy, line, self._column))
        return left[0], why
