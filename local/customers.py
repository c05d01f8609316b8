"""Sample customers: Graph user objects of every kind that a real directory holds, good and bad.

Nobody in here exists. Addresses are under example.com, .org and .net (RFC 2606), user principal names
also under a contoso tenant, telephone numbers from ranges set aside for fiction.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from local.names import LOCALES, Locale

SAMPLE_ATTRIBUTE = "extension_5f1b0c52c1d14f6e9a0b7c3d2e8f4a69_dueDate"
SAMPLE_OPT_OUT = SAMPLE_ATTRIBUTE.replace("dueDate", "optOut")
SAMPLE_COUNT = 2_500
ADA = "8a6f3c1e-0000-4000-8000-000000000001"
TENANT_DOMAIN = "contoso.onmicrosoft.com"
MAIL_DOMAINS = ("example.com", "example.org", "example.net")
ON_PREMISES = "onPremisesExtensionAttributes/"

STAGE_OFFSETS = (0, 1, 3, 7)
"""Days until due on which the default stages fall."""
NEAR_OFFSETS = tuple(days for days in range(-14, 22) if days not in STAGE_OFFSETS)

UNSET, BLANK, MALFORMED, OBLIGATION = "unset", "blank", "malformed", "obligation"
VALUE_KINDS = {UNSET: 30, BLANK: 1, MALFORMED: 4, OBLIGATION: 65}
DUE_KINDS = {"stage": 7, "near": 40, "far": 53}
PHONE_SHARE = 0.5
DISABLED_SHARE = 0.04
OPT_OUT_KINDS: dict[bool | None, int] = {None: 94, False: 3, True: 3}

User = dict[str, Any]
Properties = dict[str, Any]
_Choice = TypeVar("_Choice")


def sample_customers(
    business_date: dt.date, count: int = SAMPLE_COUNT, seed: int = 1, attribute: str = SAMPLE_ATTRIBUTE
) -> list[User]:
    """Return the same `count` users for the same seed, their due dates set around `business_date`.

    About two thirds have no obligation near; some four in a hundred reach one of the default stages on
    the business date itself. Values are text, or lists of text for several obligations. An on-premises
    attribute holds one value only: of several the first is taken. A few have opted out, by `SAMPLE_OPT_OUT`.
    """
    generator = _Generator(seed, business_date, attribute)
    return [generator.user(number) for number in range(count)]


def with_every_sign(users: Sequence[User]) -> list[User]:
    """Return the users with principal names that begin with each character that Entra allows, in either case."""
    signs = (*string.ascii_letters, *string.digits, *"'.-_!#^~")
    return [
        {**user, "userPrincipalName": f"{signs[number % len(signs)]}{number}@{TENANT_DOMAIN}"}
        for number, user in enumerate(users)
    ]


UNFORESEEN_SIGN = "$"
"""Entra allows no name that begins with it, so that no reader by beginnings asks for one."""


def shown_customers(
    business_date: dt.date, count: int = SAMPLE_COUNT, seed: int = 1, attribute: str = SAMPLE_ATTRIBUTE
) -> list[User]:
    """Return the sample customers with Ada Example before them, whom the documents ask about: due in three days."""
    address = "ada@example.com"
    owed = {"due": str(business_date + dt.timedelta(days=3)), "ref": "INV-1001", "amount": "120.50", "currency": "EUR"}
    ada: User = {
        "id": ADA,
        "displayName": "Ada Example",
        "givenName": "Ada",
        "surname": "Example",
        "mobilePhone": "+12025550100",
        "otherMails": ["ada@example.org"],
        "identities": [_identity("userPrincipalName", TENANT_DOMAIN, address)],
        "preferredLanguage": "en",
        "accountEnabled": True,
        "userType": "Member",
        "userPrincipalName": address,
        "mail": address,
        attribute: _compact(owed),
    }
    return [ada, *sample_customers(business_date, count - 1, seed, attribute)]


@dataclass(frozen=True)
class _Person:
    """A name with the address part made of it; `number` keeps addresses unique."""

    locale: Locale
    given: str
    family: str
    display: str
    alias: str
    number: int


class _Generator:
    """Draws users one after another from one source of randomness."""

    def __init__(self, seed: int, today: dt.date, attribute: str) -> None:
        self._rng = random.Random(seed)
        self._opt_outs = random.Random(f"opt-outs {seed}")
        self._today = today
        self._attribute = attribute
        self._contacts: Mapping[Callable[[_Person], Properties], int] = {
            _member: 42,
            self._consumer: 22,
            self._guest: 10,
            self._other_mail: 6,
            self._principal_name_only: 6,
            self._federated: 4,
            self._phone_only: 6,
            self._unreachable: 4,
        }
        self._forms: Mapping[Callable[[dt.date, Locale], str | list[str]], int] = {
            self._plain_date: 48,
            self._midnight: 9,
            self._instant: 8,
            self._detailed: 25,
            self._several: 7,
            self._repeated: 3,
        }

    def user(self, number: int) -> User:
        person = self._person(number)
        user: User = {
            "id": self._guid(),
            "displayName": person.display,
            "givenName": person.given,
            "surname": person.family,
            "mail": None,
            "mobilePhone": self._phone(person.locale) if self._rng.random() < PHONE_SHARE else None,
            "otherMails": [],
            "identities": [],
            "preferredLanguage": person.locale.language,
            "accountEnabled": self._rng.random() >= DISABLED_SHARE,
            "userType": "Member",
        }
        user.update(self._weighted(self._contacts)(person))
        user["identities"].append(_identity("userPrincipalName", TENANT_DOMAIN, user["userPrincipalName"]))
        return user | self._due_property(person.locale) | self._opt_out()

    def _person(self, number: int) -> _Person:
        locale = self._rng.choice(LOCALES)
        given, given_alias = self._rng.choice(locale.given)
        family, family_alias = self._rng.choice(locale.family)
        names = (family, given) if locale.family_first else (given, family)
        alias = f"{given_alias}.{family_alias}.{number}"
        return _Person(locale, given, family, locale.joiner.join(names), alias, number)

    # How a customer can be reached.

    def _consumer(self, person: _Person) -> Properties:
        """Return an account of a customer's own, its address known from signing in alone."""
        kind = self._rng.choice(("emailAddress", "emailAddress", "emailAddress1"))
        return {
            "userPrincipalName": f"{self._guid()}@{TENANT_DOMAIN}",
            "identities": [_identity(kind, TENANT_DOMAIN, self._address(person))],
        }

    def _guest(self, person: _Person) -> Properties:
        address = self._address(person)
        return {
            "userPrincipalName": f"{address.replace('@', '_')}#EXT#@{TENANT_DOMAIN}",
            "mail": address,
            "otherMails": [address],
            "userType": "Guest",
        }

    def _other_mail(self, person: _Person) -> Properties:
        others = [self._address(person), f"{person.alias}.private@example.net"]
        return {
            "userPrincipalName": f"{person.alias}@{TENANT_DOMAIN}",
            "otherMails": others[: self._rng.choice((1, 2))],
        }

    def _principal_name_only(self, person: _Person) -> Properties:
        return {"userPrincipalName": self._address(person)}

    def _federated(self, person: _Person) -> Properties:
        """Return an account with a social provider, which keeps the address to itself."""
        del person
        issuer = self._rng.choice(("google.com", "facebook.com", "apple.com"))
        return {
            "userPrincipalName": f"{self._guid()}@{TENANT_DOMAIN}",
            "identities": [_identity("federated", issuer, self._guid().replace("-", ""))],
        }

    def _phone_only(self, person: _Person) -> Properties:
        return {
            "userPrincipalName": f"{person.alias}@{TENANT_DOMAIN}",
            "mobilePhone": self._phone(person.locale),
        }

    def _unreachable(self, person: _Person) -> Properties:
        return {"userPrincipalName": f"{person.alias}@{TENANT_DOMAIN}", "mobilePhone": None}

    def _address(self, person: _Person) -> str:
        return f"{person.alias}@{self._rng.choice(MAIL_DOMAINS)}"

    def _phone(self, locale: Locale) -> str:
        return locale.phone.format(self._rng.randint(*locale.phone_range))

    def _opt_out(self) -> Properties:
        (wish,) = self._opt_outs.choices(list(OPT_OUT_KINDS), list(OPT_OUT_KINDS.values()))
        return {} if wish is None else {SAMPLE_OPT_OUT: wish}

    # What a customer owes.

    def _due_property(self, locale: Locale) -> Properties:
        kind = self._weighted(VALUE_KINDS)
        if kind == UNSET:
            return {}
        if kind == BLANK:
            value: str | list[str] | None = self._rng.choice(("", " ", None))
        elif kind == MALFORMED:
            value = self._rng.choice(malformed_values(self._due_date()))
        else:
            value = self._weighted(self._forms)(self._due_date(), locale)
        if not self._attribute.startswith(ON_PREMISES):
            return {self._attribute: value}
        single = value[0] if isinstance(value, list) else value
        return {ON_PREMISES.rstrip("/"): {self._attribute.removeprefix(ON_PREMISES): single}}

    def _due_date(self) -> dt.date:
        kind = self._weighted(DUE_KINDS)
        if kind == "stage":
            days = self._rng.choice(STAGE_OFFSETS)
        elif kind == "near":
            days = self._rng.choice(NEAR_OFFSETS)
        else:
            days = self._rng.choice((-1, 1)) * self._rng.randint(30, 330)
        return self._today + dt.timedelta(days=days)

    def _plain_date(self, due: dt.date, locale: Locale) -> str:
        del locale
        return due.isoformat()

    def _midnight(self, due: dt.date, locale: Locale) -> str:
        del locale
        return self._rng.choice((f"{due}T00:00:00Z", f"{due}T00:00:00.0000000Z", f"{due}T00:00:00+00:00"))

    def _instant(self, due: dt.date, locale: Locale) -> str:
        """Return a moment whose calendar day depends on the time zone."""
        del locale
        return self._rng.choice((f"{due}T22:30:00Z", f"{due}T12:00:00Z", f"{due}T00:30:00+02:00"))

    def _detailed(self, due: dt.date, locale: Locale) -> str:
        """Return a JSON obligation, now and then one that nothing is to be sent for."""
        obligation = {"due": due.isoformat(), "ref": self._reference()}
        if self._rng.random() < 0.85:  # noqa: PLR2004
            obligation |= {"amount": self._amount(locale.currency), "currency": locale.currency}
        status = self._weighted({"": 62, "open": 20, "paid": 8, "void": 3, "disputed": 3, "paused": 4})
        if status == "paused":
            paused_for = self._rng.choice((-5, -1, 0, 1, 9))
            obligation["pausedUntil"] = (self._today + dt.timedelta(days=paused_for)).isoformat()
        elif status:
            obligation["status"] = status
        return _compact(obligation)

    def _several(self, due: dt.date, locale: Locale) -> list[str]:
        """Two to four obligations, now and then a malformed one between the good."""
        values = [self._detailed(due, locale)]
        values += [self._detailed(self._due_date(), locale) for _ in range(self._rng.randint(1, 3))]
        if self._rng.random() < 0.15:  # noqa: PLR2004
            values.insert(1, self._rng.choice(malformed_values(due)))
        return values

    def _repeated(self, due: dt.date, locale: Locale) -> list[str]:
        """Return the same obligation twice, letter for letter or said in two ways."""
        detailed = self._detailed(due, locale)
        return self._rng.choice(([detailed, detailed], [due.isoformat(), f"{due}T00:00:00Z"]))

    def _reference(self) -> str:
        number = self._rng.randint(1_000, 9_999)
        return self._rng.choice((f"INV-{number}", f"R {self._today.year}/{number}", f"Rechnung №{number}"))

    def _amount(self, currency: str) -> str:
        if currency in ("JPY", "KRW", "VND", "HUF"):
            return str(self._rng.randrange(1_000, 900_000, 100))
        return f"{self._rng.randint(5, 4_999)}.{self._rng.randint(0, 99):02d}"

    def _guid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _weighted(self, weights: Mapping[_Choice, int]) -> _Choice:
        return self._rng.choices(list(weights), list(weights.values()))[0]


def malformed_values(due: dt.date) -> Sequence[str]:
    """Return values that people and programs really write, and that are no obligation."""
    day = due.isoformat()
    return (
        f"{due.year}-13-01",
        f"{due.year}-02-30",
        f"{due:%d.%m.%Y}",
        f"{due:%m/%d/%Y}",
        f"{due:%Y%m%d}",
        f"{due.year}-{due.month}-{due.day} ",
        f"{day} 00:00",
        f"{day}T25:00:00Z",
        f"{day}T10:00:00+0100",
        day.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        "tomorrow",
        "0",
        "null",
        f'{{"due":"{day}"',
        f"{{'due':'{day}'}}",
        f'["{day}"]',
        '{"ref":"INV-7001"}',
        f'{{"due":"{day}","amount":120.5,"currency":"EUR"}}',
        f'{{"due":"{day}","amount":"12,50","currency":"EUR"}}',
        f'{{"due":"{day}","amount":"12.50","currency":"Euro"}}',
        f'{{"due":"{day}","status":"overdue"}}',
        f'{{"due":"{day}","paused_until":"{day}"}}',
        _compact({"due": day, "ref": "INV-" + "7" * 260}),
    )


def _member(person: _Person) -> Properties:
    address = f"{person.alias}@example.com"
    return {"userPrincipalName": address, "mail": address}


def _identity(kind: str, issuer: str, assigned: str) -> dict[str, str]:
    return {"signInType": kind, "issuer": issuer, "issuerAssignedId": assigned}


def _compact(value: Mapping[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
