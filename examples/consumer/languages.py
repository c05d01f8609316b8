"""The words of a letter. Two languages to begin with; add your own to `LANGUAGES`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Language:
    """All that depends on the language. Counting days is a function, since plurals differ."""

    tag: str
    subject_of_one: str
    subject_of_many: str
    greeting: str
    greeting_without_name: str
    opening: str
    payment: str
    line: str
    closing: str
    date_form: str
    months: tuple[str, ...]
    days: Callable[[int], str]
    decimal_point: str
    thousands: str

    def date_of(self, day: date) -> str:
        """Write a date out, so that day and month cannot be confused."""
        return self.date_form.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def amount_of(self, amount: str, currency: str | None) -> str:
        """Write an amount with the decimals that it has; without a currency it stays bare.

        No library chooses the decimals here: those of Python and Node disagree for some currencies, and round.
        """
        signs = str.maketrans({",": self.thousands, ".": self.decimal_point})
        number = f"{Decimal(amount):,f}".translate(signs)
        return f"{number}\u00a0{currency}" if currency else number


def _english_days(days: int) -> str:
    if days in {0, 1}:
        return ("today", "tomorrow")[days]
    return f"in {days} days" if days > 0 else f"overdue by {-days} {'day' if days == -1 else 'days'}"


def _german_days(days: int) -> str:
    if days in {0, 1}:
        return ("heute", "morgen")[days]
    return f"in {days} Tagen" if days > 0 else f"seit {-days} {'Tag' if days == -1 else 'Tagen'} überfällig"


ENGLISH = Language(
    tag="en",
    subject_of_one="Reminder: {what}, due on {date}",
    subject_of_many="Reminder: {count} payments",
    greeting="Hello {name},",
    greeting_without_name="Hello,",
    opening="this is a reminder of what is to be paid:",
    payment="your payment",
    line="- {what}, due on {date} ({days})",
    closing="If you have paid in the meantime, nothing is left for you to do.",
    date_form="{day} {month} {year}",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    days=_english_days,
    decimal_point=".",
    thousands=",",
)
GERMAN = Language(
    tag="de",
    subject_of_one="Erinnerung: {what}, fällig am {date}",
    subject_of_many="Erinnerung: {count} Zahlungen",
    greeting="Guten Tag {name},",
    greeting_without_name="Guten Tag,",
    opening="wir erinnern an diese Zahlungen:",
    payment="Ihre Zahlung",
    line="- {what}, fällig am {date} ({days})",
    closing="Falls Sie inzwischen gezahlt haben, ist nichts mehr zu tun.",
    date_form="{day}. {month} {year}",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    days=_german_days,
    decimal_point=",",
    thousands=".",
)
# By language; by language and script (`sr-Latn`) where it is not the one that the language is usually written in.
LANGUAGES = {"en": ENGLISH, "de": GERMAN}
USUAL_SCRIPTS = {"en": "Latn", "de": "Latn", "sr": "Cyrl", "zh": "Hans"}
SCRIPTS_OF_REGIONS = {"zh-TW": "Hant", "zh-HK": "Hant", "zh-MO": "Hant"}
SAME = {"no": "nb", "iw": "he", "in": "id", "tl": "fil"}  # old and new codes of one language
_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z]{3})*(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?(?:-.*)?", re.IGNORECASE)


def choose(tag: str | None, default: str) -> Language:
    """Return the language of a tag, if it is there in that script, else the default.

    No "closest match" is looked for: such tables send Russian letters to Ukrainians.
    """
    found = _TAG.fullmatch(tag or "")
    if found is None:
        return LANGUAGES[default]
    name = SAME.get(found[1].lower(), found[1].lower())
    region = f"{name}-{found[3].upper()}" if found[3] else ""
    script = (found[2] or SCRIPTS_OF_REGIONS.get(region, "")).title()
    key = name if script in {"", USUAL_SCRIPTS.get(name)} else f"{name}-{script}"
    return LANGUAGES.get(key) or LANGUAGES[default]
