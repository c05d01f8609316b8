from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from due_notices.model import UserPage
from due_notices.parts import FIRST_CHARACTERS, prefixes_of
from due_notices.ports import UserDirectory
from due_notices.reading import pages_in_parts
from local.customers import SAMPLE_ATTRIBUTE
from tests.contract.conftest import MakeDirectory
from tests.factories import OPT_OUT

DUE = date(2026, 12, 1)


def users(count: int, **properties: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": f"user-{number:04d}",
            "userPrincipalName": f"User{number}@contoso.onmicrosoft.com",
            "displayName": f"Przemysław {number}",
            "accountEnabled": number % 2 == 0,
            SAMPLE_ATTRIBUTE: (DUE + timedelta(days=number)).isoformat(),
            **properties,
        }
        for number in range(count)
    ]


def listed(directory: UserDirectory) -> list[str]:
    return ids_of(directory.pages())


@pytest.mark.parametrize(("count", "page_size"), [(0, 10), (1, 10), (10, 10), (11, 10), (35, 10), (1200, 999)])
def test_all_users_of_all_pages_are_listed_once(make_directory: MakeDirectory, count: int, page_size: int) -> None:
    directory = make_directory(users(count), page_size=page_size)

    assert listed(directory) == [user["id"] for user in users(count)]


def test_listing_is_lazy_and_can_begin_anew(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(30), page_size=10)

    assert directory.requests == 0
    first = next(iter(directory.pages()))

    assert len(first) == 10
    assert directory.requests == 1
    assert len(listed(directory)) == 30


def test_a_user_has_what_planning_needs(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(1))

    (page,) = directory.pages()

    user = page.user(0)
    assert user is not None
    assert (user.id, user.display_name, user.enabled) == ("user-0000", "Przemysław 0", True)
    assert list(page.values) == ["2026-12-01"]


def test_who_has_opted_out_is_so_in_the_listing_and_alone(make_directory: MakeDirectory) -> None:
    wishes: list[dict[str, Any]] = [{OPT_OUT: True}, {OPT_OUT: False}, {}]
    directory = make_directory([user | wish for user, wish in zip(users(3), wishes, strict=True)])

    (page,) = directory.pages()
    found = [directory.user(f"user-{number:04d}") for number in range(3)]

    assert [user.opted_out for index in range(3) if (user := page.user(index))] == [True, False, False]
    assert [one.user.opted_out for one in found if one] == [True, False, False]


@pytest.mark.parametrize(
    "name", ["user-0002", "USER-0002", "User2@contoso.onmicrosoft.com", "user2@CONTOSO.onmicrosoft.com"]
)
def test_one_user_by_id_or_principal_name(make_directory: MakeDirectory, name: str) -> None:
    found = make_directory(users(5)).user(name)

    assert found is not None
    assert (found.user.id, found.value) == ("user-0002", "2026-12-03")


@pytest.mark.parametrize("name", ["user-0009", "nobody@example.com", "a?$select=id#c", "%2e%2e", "Grüße 東京"])
def test_no_such_user(make_directory: MakeDirectory, name: str) -> None:
    assert make_directory(users(5)).user(name) is None


def test_requests_are_counted(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(25), page_size=10)

    listed(directory)
    directory.user("user-0001")

    assert directory.requests == 4
    assert directory.throttled == 0


def ids_of(pages: Iterable[UserPage]) -> list[str]:
    return [user.id for page in pages for index in range(len(page)) if (user := page.user(index))]


def test_a_prefix_lists_who_begins_with_it_in_either_case(make_directory: MakeDirectory) -> None:
    names = ["anna@x.example", "ANTON@x.example", "bert@x.example", "o'brien@x.example", "_anna@x.example"]
    everybody = [user | {"userPrincipalName": name} for user, name in zip(users(5), names, strict=True)]
    directory = make_directory(everybody, page_size=1)

    found = {prefix: ids_of(directory.pages(prefix=prefix)) for prefix in ("a", "an", "ann", "o'", "_", "z")}

    assert {prefix: [identifier[-1] for identifier in each] for prefix, each in found.items()} == {
        "a": ["0", "1"],
        "an": ["0", "1"],
        "ann": ["0"],
        "o'": ["3"],
        "_": ["4"],
        "z": [],
    }


def test_the_parts_of_all_legal_characters_are_all_users_whose_names_are_legal(make_directory: MakeDirectory) -> None:
    names = [f"{sign.upper()}{number}@x.example" for number, sign in enumerate(FIRST_CHARACTERS * 5)]
    everybody = [
        user | {"userPrincipalName": name}
        for user, name in zip(users(len(names) + 1), [*names, "$odd@x.example"], strict=True)
    ]
    directory = make_directory(everybody, page_size=3)

    found = [
        identifier for _, page in pages_in_parts(directory, prefixes_of({}, 8), 8) for identifier in ids_of([page])
    ]

    assert sorted(found) == sorted(user["id"] for user in everybody[:-1])
    assert directory.count() == len(everybody)
    assert directory.requests == 2 * len(FIRST_CHARACTERS) + 1


def test_whether_a_user_is_listed(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(25), page_size=10)

    assert directory.lists("user-0024")
    assert not directory.lists("user-0025")
    assert not directory.lists("o'brien' or id eq 'user-0001")
