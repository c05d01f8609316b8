"""No secret, token, name, address or phone number in any line of any log, whether a run succeeds or fails.

Nor in message or stack of a failed invocation, which the host logs: a stack holds the texts of causes, notes and
members of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from local.clock import now
from local.customers import sample_customers
from local.faults import Fault, cut_body, invalid_json, next_link_to_host
from local.stack import SECRET_NAME, LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.app.conftest import StartWorker, WorkerProcess, report_of

PERSONAL = ("displayName", "givenName", "surname", "mail", "mobilePhone", "userPrincipalName")
SHORTEST = 5  # below this a name is also a part of ordinary words


def personal_texts(users: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for user in users:
        yield from (user[name] for name in PERSONAL if user.get(name))
        yield from user["otherMails"]
        yield from (identity["issuerAssignedId"] for identity in user["identities"])


def values_of(users: Sequence[Mapping[str, Any]], attribute: str) -> Iterator[str]:
    """Yield what the directory has about debts, with amounts, references and malformed texts: none may be logged."""
    for user in users:
        value = user.get(attribute) or []
        for text in value if isinstance(value, list) else [value]:
            if text.startswith("{"):
                yield text


def test_there_are_many_personal_texts_of_each_kind_to_look_for() -> None:
    """Guards the tests below, which would pass if they looked for nothing."""
    users = sample_customers(now().date(), 300)
    texts = set(personal_texts(users))

    assert len(texts) > 600
    assert any("@" in text for text in texts)
    assert any(text.startswith("+") for text in texts)
    assert any(not text.isascii() for text in texts)
    assert len(set(values_of(users, next(name for name in users[0] | users[1] | users[2] if "_dueDate" in name)))) > 30


@pytest.fixture
def busy_worker(start_worker: StartWorker, stack: LocalStack, storage_access: StorageAccess) -> WorkerProcess:
    """Run a worker through good and bad days, and return it with all that it said."""
    users = [
        *sample_customers(now().date(), 300),
        {**sample_customers(now().date(), 1, seed=9)[0], "displayName": "Maximilian " * 6000, "mobilePhone": None},
    ]
    stack.graph.users = users
    stack.graph.directory.page_limit = 100
    stack.entra.token_lifetime = timedelta(seconds=50)  # a new token for each page
    worker = start_worker().started()

    def failing(fault: Fault | None = None) -> None:
        stack.graph.faults.clear()
        if fault is not None:
            stack.graph.faults.add(fault)
        answer = worker.tick()
        assert not answer["ok"]
        assert report_of(answer)["outcome"] == "failed"

    failing(Fault(status=403))
    failing(Fault(status=429, headers={"Retry-After": "900"}))
    failing(Fault(damage=next_link_to_host("example.com")))
    failing(Fault(status=400, body=b'{"error":{"code":"BadRequest","message":"person@example.com"}}'))
    stack.secret_rotate(store=False)
    failing()
    stack.secret_rotate()
    stack.vault.readers.clear()
    stack.entra.set_secrets(stack.app.client_id, [])
    failing()
    stack.vault.readers.add(stack.managed_identity.principal_id)
    stack.secret_rotate()
    storage_access.delete_queue()
    failing()
    storage_access.create_queue()
    stack.graph.faults.add(Fault(damage=cut_body(), on_request=1))
    stack.graph.faults.add(Fault(damage=invalid_json(), on_request=2))
    stack.graph.faults.add(Fault(status=401, on_request=3))
    answer = worker.tick()
    assert answer["ok"], answer["message"]
    assert report_of(answer)["sent"] > 10
    worker.close()
    return worker


def test_nothing_personal_and_no_secret_is_logged(busy_worker: WorkerProcess, stack: LocalStack) -> None:
    users = stack.graph.users
    everything = busy_worker.everything
    secrets = [version.value for version in stack.vault.versions(SECRET_NAME)]

    assert len(busy_worker.log) > 20
    assert len(busy_worker.failures) == 2 * 7
    found = [
        text
        for text in {
            *(text for text in personal_texts(users) if len(text) >= SHORTEST),
            *values_of(users, stack.attribute),
            *secrets,
            stack.azurite.key,
            stack.identity.header,
        }
        if text in everything
    ]
    assert found == []
    assert "eyJ" not in everything
    assert "Bearer" not in everything
    assert "person@example.com" not in everything
    assert "AccountKey" not in everything


@pytest.mark.parametrize(
    "changes",
    [
        {"NOTICE_STORAGE": "DefaultEndpointsProtocol=https;AccountNme=x;AccountKey=@;EndpointSuffix=core.windows.net"},
        {"KEY_VAULT_URL": "https://a-user:@@contoso.vault.azure.net"},
        {"GRAPH_ENDPOINT": "https://a-user:@@graph.microsoft.com"},
        {"KEY_VAULT_SECRET_NAME": "@ is the secret and not its name"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_wrong_settings_are_named_without_the_secret_that_may_be_in_them(
    start_worker: StartWorker, changes: Mapping[str, str]
) -> None:
    secret = "kept-to-ourselves-kept-to-ourselves-kept"
    worker = start_worker({name: text.replace("@", secret, 1) for name, text in changes.items()}).started()

    assert not worker.tick()["ok"]
    worker.close()

    assert next(iter(changes)) in worker.everything
    assert secret not in worker.everything


def test_nothing_personal_but_the_users_id_is_in_the_ledger(
    busy_worker: WorkerProcess, stack: LocalStack, storage_access: StorageAccess
) -> None:
    del busy_worker
    everything = "\n".join(str(value) for row in storage_access.rows() for value in row.values())

    assert [text for text in personal_texts(stack.graph.users) if len(text) >= SHORTEST and text in everything] == []
    assert "eyJ" not in everything
