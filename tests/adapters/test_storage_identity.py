"""Storage by managed identity, over TLS, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.stack import LocalStack
from local.tokens import new_guid
from tests.adapters.storage_access import StorageAccess
from tests.conftest import is_foreign

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def identity_stack() -> Iterator[LocalStack]:
    with LocalStack(storage_identity=True) as stack:
        yield stack


@pytest.fixture
def access(identity_stack: LocalStack) -> Iterator[StorageAccess]:
    identity_stack.reset()
    authority = str(identity_stack.certificates.authority)
    name = f"t{new_guid().replace('-', '')[:20]}"
    with StorageAccess(identity_stack.azurite.connection_string, name, connection_verify=authority) as access:
        access.create()
        yield access


def use_storage(stack: LocalStack, access: StorageAccess, **changes: str) -> Mapping[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if not is_foreign(name)}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("storage_program.py"))],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **stack.environ, **access.environ, **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "eyJ" not in done.stdout + done.stderr
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def test_queue_and_ledger_work_with_a_managed_identity(identity_stack: LocalStack, access: StorageAccess) -> None:
    answer = use_storage(identity_stack, access)

    assert answer == {"lost": [], "state": "sent", "waiting": [1, 0]}
    assert access.properties().approximate_message_count == 1
    resources = {request.query["resource"] for request in identity_stack.identity.requests}
    assert resources == {"https://storage.azure.com"}
    assert {request.query["client_id"] for request in identity_stack.identity.requests} == {
        identity_stack.managed_identity.client_id
    }


def test_an_identity_that_is_not_assigned_is_said_with_its_remedy(
    identity_stack: LocalStack, access: StorageAccess
) -> None:
    answer = use_storage(identity_stack, access, NOTICE_STORAGE__clientId=new_guid())

    assert answer["kind"] == "StorageError"
    assert "NOTICE_STORAGE__clientId" in answer["error"]


def test_a_missing_table_is_said_in_this_mode_too(identity_stack: LocalStack, access: StorageAccess) -> None:
    access.delete_table()

    answer = use_storage(identity_stack, access)

    assert answer["kind"] == "StorageError"
    assert "TableNotFound" in answer["error"]
