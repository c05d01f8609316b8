from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_OPT_OUT, malformed_values, sample_customers

TODAY = dt.date(2026, 11, 24)
User = dict[str, Any]


@pytest.fixture(scope="module")
def customers() -> list[User]:
    return sample_customers(TODAY)


def share(customers: list[User], holds: Callable[[User], object]) -> float:
    return sum(1 for user in customers if holds(user)) / len(customers)


def values(user: User) -> list[str]:
    value = user.get(SAMPLE_ATTRIBUTE)
    return value if isinstance(value, list) else [value] if value else []


def due_dates(user: User) -> list[dt.date]:
    """Read the due dates that anyone can tell: the first ten characters, of the text or of its JSON."""
    found = []
    for value in values(user):
        with contextlib.suppress(ValueError):
            text = json.loads(value)["due"] if value.startswith('{"due') else value
            found.append(dt.datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=dt.UTC).date())
    return found


def is_plain_date(value: str) -> bool:
    return re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", value, re.ASCII) is not None and (
        not value.endswith("-02-30")
    )


def addresses(user: User) -> list[str]:
    assigned = [item["issuerAssignedId"] for item in user["identities"] if item["signInType"] != "federated"]
    return [text for text in (user["mail"], *user["otherMails"], *assigned, user["userPrincipalName"]) if text]


def test_the_same_seed_makes_the_same_customers() -> None:
    assert sample_customers(TODAY, 50, seed=7) == sample_customers(TODAY, 50, seed=7)
    assert sample_customers(TODAY, 50, seed=7) != sample_customers(TODAY, 50, seed=8)


def test_fewer_customers_are_the_first_of_more() -> None:
    assert sample_customers(TODAY, 10) == sample_customers(TODAY, 20)[:10]


def test_another_day_moves_the_due_dates_of_the_same_people() -> None:
    one_day = dt.timedelta(days=1)
    today, tomorrow = (
        {user["id"]: dt.date.fromisoformat(value) for user in users for value in values(user) if is_plain_date(value)}
        for users in (sample_customers(TODAY, 200), sample_customers(TODAY + one_day, 200))
    )

    assert tomorrow == {user_id: due + one_day for user_id, due in today.items()}


def test_ids_and_principal_names_are_unique(customers: list[User]) -> None:
    assert len(customers) == 2_500
    assert len({user["id"] for user in customers}) == 2_500
    assert len({user["userPrincipalName"] for user in customers}) == 2_500


def test_every_address_is_under_a_reserved_domain(customers: list[User]) -> None:
    for user in customers:
        for address in addresses(user):
            assert re.fullmatch(r"[\w.#@-]+@(example\.(com|org|net)|contoso\.onmicrosoft\.com)", address, re.ASCII), (
                address
            )


def test_every_telephone_number_is_set_aside_for_fiction(customers: list[User]) -> None:
    fiction = re.compile(r"\+120255501\d\d|\+442079460\d{3}|\+493023125\d{3}|\+33639980\d{3}|\+467017406\d\d")

    assert {user["mobilePhone"] for user in customers if not fiction.fullmatch(user["mobilePhone"] or "")} == {None}


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        ("mail", lambda user: user["mail"]),
        ("guest", lambda user: "#EXT#" in user["userPrincipalName"] and user["userType"] == "Guest"),
        ("address from signing in", lambda user: user["identities"][0]["signInType"].startswith("emailAddress")),
        ("social account", lambda user: user["identities"][0]["signInType"] == "federated"),
        ("other address only", lambda user: user["otherMails"] and not user["mail"]),
        ("no telephone", lambda user: not user["mobilePhone"]),
        ("opted out", lambda user: user.get(SAMPLE_OPT_OUT) is True),
        ("has not opted out", lambda user: user.get(SAMPLE_OPT_OUT) is False),
        ("disabled", lambda user: not user["accountEnabled"]),
        (
            "principal name is the mailbox",
            lambda user: not user["mail"] and "@example." in user["userPrincipalName"],
        ),
        (
            "unreachable",
            lambda user: (
                not user["mobilePhone"]
                and not user["mail"]
                and not user["otherMails"]
                and not user["identities"][0]["signInType"].startswith("emailAddress")
                and user["userPrincipalName"].endswith("onmicrosoft.com")
            ),
        ),
    ],
)
def test_every_kind_of_contact_is_there(customers: list[User], kind: str, holds: Callable[[User], object]) -> None:
    assert 0.02 <= share(customers, holds) <= 0.6, kind


def test_a_few_in_a_hundred_reach_a_stage_today(customers: list[User]) -> None:
    stages = {TODAY + dt.timedelta(days=days) for days in (7, 3, 1, 0)}

    assert 0.02 <= share(customers, lambda user: stages & set(due_dates(user))) <= 0.09


def test_most_have_no_obligation_near(customers: list[User]) -> None:
    near = share(customers, lambda user: any(abs((due - TODAY).days) < 25 for due in due_dates(user)))

    assert 0.6 <= 1 - near <= 0.75


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("plain date", r"\d{4}-\d\d-\d\d"),
        ("midnight", r"\d{4}-\d\d-\d\dT00:00:00(\.0+)?(Z|\+00:00)"),
        ("another instant", r"\d{4}-\d\d-\d\dT(22:30|12:00|00:30):00(Z|\+02:00)"),
        ("JSON", r'\{"due":.*\}'),
        ("JSON with an amount", r'\{"due":.*"amount":"[\d.]+","currency":"[A-Z]{3}".*\}'),
        ("paid", r'.*"status":"paid".*'),
        ("void", r'.*"status":"void".*'),
        ("disputed", r'.*"status":"disputed".*'),
        ("paused", r'.*"pausedUntil":"20.*'),
    ],
)
def test_every_form_of_obligation_is_there(customers: list[User], kind: str, pattern: str) -> None:
    assert share(customers, lambda user: any(re.fullmatch(pattern, v, re.ASCII) for v in values(user))) > 0.004, kind


def test_several_repeated_and_missing_values_are_there(customers: list[User]) -> None:
    assert share(customers, lambda user: len(values(user)) > 1) > 0.03
    assert share(customers, lambda user: len(set(values(user))) < len(values(user))) > 0.004
    assert share(customers, lambda user: SAMPLE_ATTRIBUTE not in user) > 0.2
    assert {user.get(SAMPLE_ATTRIBUTE, "unset") for user in customers if not values(user)} == {"", None, "unset"}


def test_every_malformed_value_is_there_and_differs_from_the_others(customers: list[User]) -> None:
    samples = malformed_values(TODAY)
    shapes = {shape(value) for value in samples}
    found = {shape(value) for user in customers for value in values(user)}

    assert len(set(samples)) == len(samples)
    assert len(shapes - found) <= 3


def shape(value: str) -> str:
    return re.sub(r"\d", "9", value)


def test_names_are_written_in_many_scripts(customers: list[User]) -> None:
    scripts = {unicodedata.name(letter).split()[0] for user in customers for letter in user["displayName"]}

    assert scripts >= {
        *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "KATAKANA", "HANGUL"),
        *("DEVANAGARI", "THAI"),
    }


def test_the_family_name_goes_first_where_that_is_usual(customers: list[User]) -> None:
    orders = {
        user["preferredLanguage"]: user["displayName"].startswith(user["surname"])
        for user in customers
        if not user["surname"].startswith(user["givenName"])
    }

    assert {language for language, family_first in orders.items() if family_first} == {
        *("hu-HU", "vi-VN", "zh-CN", "zh-TW", "ja-JP", "ko-KR")
    }


def test_an_on_premises_attribute_holds_one_text() -> None:
    users = sample_customers(TODAY, 300, attribute="onPremisesExtensionAttributes/extensionAttribute4")

    found = [user.get("onPremisesExtensionAttributes", {}).get("extensionAttribute4") for user in users]
    assert {type(value) for value in found} == {str, type(None)}


def test_values_keep_to_the_directorys_limit_but_for_the_one_that_is_too_long(customers: list[User]) -> None:
    long = [value for user in customers for value in values(user) if len(value) > 256]

    assert long
    assert all("7" * 260 in value for value in long)
