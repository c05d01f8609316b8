from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import pytest

from due_notices.ports import UserDirectory
from local.customers import SAMPLE_ATTRIBUTE
from tests.contract.conftest import MakeDirectory

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


def listed(directory: UserDirectory, due_dates: Collection[date] | None = None) -> list[str]:
    return [str(user["id"]) for page in directory.pages(due_dates) for user in page]


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

    ((user,),) = directory.pages()

    assert user["id"] == "user-0000"
    assert user["displayName"] == "Przemysław 0"
    assert user["accountEnabled"] is True
    assert user[SAMPLE_ATTRIBUTE] == "2026-12-01"


@pytest.mark.parametrize("count", [0, 1, 15, 16, 31])
def test_by_due_dates_only_those_who_owe_then(make_directory: MakeDirectory, count: int) -> None:
    directory = make_directory([*users(40), {"id": "no-date", "accountEnabled": True}], page_size=7)
    wanted = {DUE + timedelta(days=number) for number in range(count)}

    assert sorted(listed(directory, wanted)) == [f"user-{number:04d}" for number in range(count)]


def test_several_users_of_one_due_date_are_all_listed(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(25, **{SAMPLE_ATTRIBUTE: DUE.isoformat()}), page_size=10)

    assert len(listed(directory, {DUE})) == 25
    assert listed(directory, {DUE + timedelta(days=1)}) == []


@pytest.mark.parametrize(
    "name", ["user-0002", "USER-0002", "User2@contoso.onmicrosoft.com", "user2@CONTOSO.onmicrosoft.com"]
)
def test_one_user_by_id_or_principal_name(make_directory: MakeDirectory, name: str) -> None:
    user = make_directory(users(5)).user(name)

    assert user is not None
    assert user["id"] == "user-0002"
    assert user[SAMPLE_ATTRIBUTE] == "2026-12-03"


@pytest.mark.parametrize("name", ["user-0009", "nobody@example.com", "a?$select=id#c", "%2e%2e", "Grüße 東京"])
def test_no_such_user(make_directory: MakeDirectory, name: str) -> None:
    assert make_directory(users(5)).user(name) is None


def test_requests_are_counted(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(25), page_size=10)

    listed(directory)
    directory.user("user-0001")

    assert directory.requests == 4
    assert directory.throttled == 0


def test_whether_a_user_is_listed(make_directory: MakeDirectory) -> None:
    directory = make_directory(users(25), page_size=10)

    assert directory.lists("user-0024")
    assert not directory.lists("user-0025")
    assert not directory.lists("o'brien' or id eq 'user-0001")
