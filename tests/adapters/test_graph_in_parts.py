"""What only Graph does when it is read in parts: how it is asked, and what its readers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from due_notices.adapters.graph import GraphDirectory
from due_notices.errors import DirectoryError, PartRefused
from due_notices.parts import FIRST_CHARACTERS
from due_notices.reading import pages_in_parts
from local.emulated_service import RecordedRequest
from local.faults import Fault
from local.stack import LocalStack
from tests.adapters.conftest import MakeDirectory
from tests.fakes import MovableClock


def people(stack: LocalStack, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{number:04d}",
            "userPrincipalName": f"{FIRST_CHARACTERS[number % 44]}{number}@contoso.example",
            "accountEnabled": number % 2 == 0,
            "userType": "Member",
            stack.attribute: "2026-12-01",
        }
        for number in range(count)
    ]


def ids(directory: GraphDirectory, prefix: str) -> list[object]:
    return [row["id"] for page in directory.pages(prefix=prefix) for row in page.rows]


def in_parts(directory: GraphDirectory, chains: int = 16, deadline: float | None = None) -> int:
    return sum(len(page) for _, page in pages_in_parts(directory, tuple(FIRST_CHARACTERS), chains, deadline))


@pytest.mark.parametrize(
    ("user_filter", "asked"),
    [
        ("", "startsWith(userPrincipalName,'o''')"),
        ("accountEnabled eq true", "(accountEnabled eq true) and startsWith(userPrincipalName,'o''')"),
        (
            "userType eq 'Guest' or accountEnabled eq true",
            "(userType eq 'Guest' or accountEnabled eq true) and startsWith(userPrincipalName,'o''')",
        ),
    ],
)
def test_a_part_is_asked_for_besides_the_filter(
    stack: LocalStack, make_directory: MakeDirectory, user_filter: str, asked: str
) -> None:
    users = people(stack, 2)
    stack.graph.users = [
        {**users[0], "userPrincipalName": "O'Brien@x.example"},
        {**users[0], "id": "p", "userPrincipalName": "o@x.example"},
    ]

    assert ids(make_directory(USER_FILTER=user_filter), "o'") == ["0000"]
    (request,) = stack.graph.requests
    assert request.query["$filter"] == asked
    assert "consistencylevel" not in request.headers


@pytest.mark.parametrize("sign", FIRST_CHARACTERS)
def test_users_can_be_asked_for_by_every_legal_character(
    stack: LocalStack, make_directory: MakeDirectory, sign: str
) -> None:
    stack.graph.users = people(stack, 44)

    assert ids(make_directory(USER_FILTER=""), sign) == [f"{FIRST_CHARACTERS.index(sign):04d}"]


def test_a_filter_that_cannot_be_combined_is_refused_only_in_parts(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    stack.graph.users = people(stack, 44)
    high = "accountEnabled eq true and (userType eq 'Member' or userType eq 'Guest')"
    directory = make_directory(USER_FILTER=high)

    assert sum(map(len, directory.pages())) == 22
    with pytest.raises(PartRefused, match="400 Request_UnsupportedQuery"):
        in_parts(directory)


@pytest.mark.parametrize("status", [403, 500])
def test_another_refusal_of_a_part_is_a_failure(stack: LocalStack, make_directory: MakeDirectory, status: int) -> None:
    stack.graph.users = people(stack, 44)
    stack.graph.faults.add(Fault(status=status))

    with pytest.raises(DirectoryError) as caught:
        in_parts(make_directory(), chains=1)

    assert not isinstance(caught.value, PartRefused)


def test_each_reader_keeps_a_connection_and_requests_are_counted(
    stack: LocalStack, make_directory: MakeDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    stack.graph.users = people(stack, 880)
    stack.graph.directory.page_limit = 5
    directory = make_directory(USER_FILTER="")

    assert in_parts(directory, chains=32) == 880
    assert directory.requests == len(stack.graph.requests) == 44 * 4
    assert "pool is full" not in caplog.text


def token_requests(stack: LocalStack) -> list[RecordedRequest]:
    return [request for request in stack.entra.requests if request.path.endswith("/token")]


def test_all_readers_share_one_token(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.users = people(stack, 440)

    in_parts(make_directory())

    assert len(token_requests(stack)) == 1


def test_readers_whose_token_is_refused_at_once_get_one_new_one(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    stack.graph.users = people(stack, 44)
    stack.graph.faults.add(Fault(status=401, times=3, delay=0.2))

    assert in_parts(make_directory(USER_FILTER=""), chains=3) == 44
    assert len(token_requests(stack)) == 2


def meanwhile(clock: MovableClock, monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Let something happen while the first reader that waits does so."""
    sleep = clock.sleep

    def first(seconds: float) -> None:
        monkeypatch.setattr(clock, "sleep", sleep)
        do()
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", first)


def test_what_one_reader_is_asked_to_wait_all_wait(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.graph.users = people(stack, 44)
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "30"}, on_request=1))
    directory = make_directory(USER_FILTER="")
    answered: list[float] = []

    def read() -> None:
        assert len(ids(directory, "b")) == 1
        answered.append(clock.monotonic())

    meanwhile(clock, monkeypatch, read)

    assert len(ids(directory, "a")) == 1
    assert answered == [30.0]
    assert directory.throttled == 1


def test_a_reader_does_not_wait_with_the_others_beyond_its_deadline(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.graph.users = people(stack, 44)
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "30"}, on_request=1))
    directory = make_directory(USER_FILTER="")

    def read() -> None:
        with pytest.raises(DirectoryError, match="asks to wait, and the run has no time left"):
            list(directory.pages(prefix="b", deadline=clock.monotonic() + 29))

    meanwhile(clock, monkeypatch, read)

    assert len(ids(directory, "a")) == 1
    assert len(stack.graph.requests) == 2


def test_a_reader_in_parts_goes_on_after_it_was_asked_to_wait(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.graph.users = people(stack, 440)
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "30"}, every=20, times=2))
    directory = make_directory(USER_FILTER="")

    assert in_parts(directory) == 440
    assert directory.throttled == 2
    assert max(clock.waits) <= 60
