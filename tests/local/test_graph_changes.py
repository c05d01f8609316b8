"""Changes of users and batches, as Graph documents them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.faults import Fault
from local.graph_changes import MOST_IN_BATCH
from local.stack import LocalStack

Token = Callable[..., str]
People = Callable[..., list[dict[str, Any]]]
MULTI = "extension_0123456789abcdef0123456789abcdef_paymentsDue"


class Client:
    """Requests of an operator who may read and write users."""

    def __init__(self, stack: LocalStack, token: str) -> None:
        self.base = f"{stack.graph.base_url}/v1.0"
        self.session = requests.Session()
        self.session.verify = str(stack.certificates.authority)
        self.session.headers["Authorization"] = f"Bearer {token}"

    def patch(self, path: str, body: object) -> requests.Response:
        return self.session.patch(self.base + path, json=body)

    def batch(self, *asked: dict[str, Any]) -> dict[str, dict[str, Any]]:
        reply = self.session.post(f"{self.base}/$batch", json={"requests": list(asked)})
        assert reply.status_code == 200, reply.text
        return {each["id"]: each for each in reply.json()["responses"]}


@pytest.fixture
def operator(stack: LocalStack, graph_token: Token) -> Client:
    return Client(stack, graph_token(roles=["User.ReadWrite.All"]))


@pytest.fixture
def users(stack: LocalStack, people: People) -> list[dict[str, Any]]:
    found = people(3, employeeId="10001")
    stack.graph.users = found
    stack.graph.directory.declare_extension(MULTI, multi_valued=True)
    return found


def patch_request(identifier: str, key: str, body: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    return {"id": identifier, "method": "PATCH", "url": f"/users/{key}", "headers": headers, "body": body}


def error_of(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_change_is_seen_by_the_next_reading(stack: LocalStack, operator: Client, users: list[dict[str, Any]]) -> None:
    key = users[0]["id"]

    assert operator.patch(f"/users/{key}", {stack.attribute: "2026-12-15", MULTI: ["a", "b"]}).status_code == 204

    url = f"{operator.base}/users('{key}')?$select=ID,EMPLOYEEID,{stack.attribute.upper()},{MULTI}"
    found = operator.session.get(url).json()
    assert found.pop("@odata.context")
    assert found == {"id": key, "employeeId": "10001", stack.attribute: "2026-12-15", MULTI: ["a", "b"]}


def test_null_takes_a_value_away(stack: LocalStack, operator: Client, users: list[dict[str, Any]]) -> None:
    key = users[0]["id"]
    operator.patch(f"/users/{key}", {stack.attribute: "2026-12-15"})

    operator.patch(f"/users/{key}", {stack.attribute: None})

    assert stack.attribute not in operator.session.get(f"{operator.base}/users/{key}?$select={stack.attribute}").json()


@pytest.mark.parametrize(
    "body",
    [
        {"extension_" + "0" * 32 + "_unknown": "2026-12-15"},
        {MULTI: "one text where several are held"},
        {"extension_5f1b0c52c1d14f6e9a0b7c3d2e8f4a69_dueDate": ["several where one is held"]},
        {"extension_5f1b0c52c1d14f6e9a0b7c3d2e8f4a69_dueDate": "x" * 257},
        {"nonsense": "x"},
    ],
)
def test_what_the_directory_cannot_hold_is_refused(operator: Client, users: list[dict[str, Any]], body: object) -> None:
    assert error_of(operator.patch(f"/users/{users[0]['id']}", body)) == (400, "Request_BadRequest")


def test_attributes_that_exchange_owns_are_refused(
    stack: LocalStack, operator: Client, users: list[dict[str, Any]]
) -> None:
    stack.graph.externally_owned.add(users[0]["id"])
    body = {"onPremisesExtensionAttributes": {"extensionAttribute1": "2026-12-15"}}

    refused = operator.patch(f"/users/{users[0]['id']}", body)

    assert error_of(refused) == (400, "Request_BadRequest")
    assert "originated within an external service" in refused.json()["error"]["message"]
    assert operator.patch(f"/users/{users[1]['id']}", body).status_code == 204


def test_who_may_only_read_may_not_write(stack: LocalStack, graph_token: Token, users: list[dict[str, Any]]) -> None:
    reader = Client(stack, graph_token(roles=["User.Read.All"]))

    assert error_of(reader.patch(f"/users/{users[0]['id']}", {stack.attribute: "2026-12-15"})) == (
        403,
        "Authorization_RequestDenied",
    )


def test_each_request_of_a_batch_has_its_own_answer(
    stack: LocalStack, operator: Client, users: list[dict[str, Any]]
) -> None:
    stack.graph.faults.add(Fault(path=users[1]["id"], status=429, headers={"Retry-After": "7"}, times=1))

    answers = operator.batch(
        patch_request("a", users[0]["id"], {stack.attribute: "2026-12-15"}),
        patch_request("b", users[1]["id"], {stack.attribute: "2026-12-15"}),
        {"id": "c", "method": "GET", "url": "/users/nobody"},
        {"id": "d", "method": "GET", "url": f"/users/{users[2]['id']}?$select=id,employeeId"},
    )

    assert {name: answer["status"] for name, answer in answers.items()} == {"a": 204, "b": 429, "c": 404, "d": 200}
    assert answers["b"]["headers"]["Retry-After"] == "7"
    assert answers["b"]["body"]["error"]["code"] == "TooManyRequests"
    assert answers["d"]["body"]["employeeId"] == "10001"


def test_a_batch_holds_twenty_requests(operator: Client, users: list[dict[str, Any]]) -> None:
    asked = [{"id": str(n), "method": "GET", "url": f"/users/{users[0]['id']}"} for n in range(MOST_IN_BATCH + 1)]

    reply = operator.session.post(f"{operator.base}/$batch", json={"requests": asked})

    assert error_of(reply) == (400, "BadRequest")


def test_writes_beyond_the_quota_wait(stack: LocalStack, operator: Client, users: list[dict[str, Any]]) -> None:
    stack.graph.write_quota.limit = 2
    replies = [operator.patch(f"/users/{user['id']}", {stack.attribute: "2026-12-15"}) for user in users]

    assert [reply.status_code for reply in replies] == [204, 204, 429]
    assert int(replies[-1].headers["Retry-After"]) > 100


def test_users_are_counted_by_an_advanced_query_alone(operator: Client, users: list[dict[str, Any]]) -> None:
    del users
    advanced = {"ConsistencyLevel": "eventual"}

    assert operator.session.get(f"{operator.base}/users/$count", headers=advanced).text == "3"
    assert operator.session.get(f"{operator.base}/users/$count").status_code == 400


def test_what_depends_on_a_failed_request_is_not_carried_out(
    stack: LocalStack, operator: Client, users: list[dict[str, Any]]
) -> None:
    second = patch_request("b", users[0]["id"], {stack.attribute: "2026-12-15"}) | {"dependsOn": ["a"]}

    answers = operator.batch({"id": "a", "method": "GET", "url": "/users/nobody"}, second)

    assert (answers["a"]["status"], answers["b"]["status"]) == (404, 424)
    assert stack.attribute not in stack.graph.users[0]
