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

from local.certificates import issue_certificates
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


def use_storage(stack: LocalStack, access: StorageAccess, *without: str, **changes: str) -> Mapping[str, Any]:
    ours = {name: value for name, value in stack.environ.items() if name not in without}
    inherited = {name: value for name, value in os.environ.items() if not is_foreign(name)}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("storage_program.py"))],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), **ours, **access.environ, **changes},
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
    assert "was not asked: the platform's identity endpoint" in answer["error"]
    assert "correct NOTICE_STORAGE__clientId" in answer["error"]
    assert "role" not in answer["error"]


def test_a_missing_table_is_said_in_this_mode_too(identity_stack: LocalStack, access: StorageAccess) -> None:
    access.delete_table()

    answer = use_storage(identity_stack, access)

    assert answer["kind"] == "StorageError"
    assert "TableNotFound" in answer["error"]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_either_variable_names_whom_to_trust(identity_stack: LocalStack, access: StorageAccess, variable: str) -> None:
    answer = use_storage(identity_stack, access, variable)

    assert answer.get("state") == "sent", answer


def test_a_certificate_that_is_not_trusted_is_named_with_both_variables(
    identity_stack: LocalStack, access: StorageAccess, tmp_path: Path
) -> None:
    foreign = issue_certificates(tmp_path).authority
    changes = {"NOTICE_STORAGE": identity_stack.azurite.connection_string, "NOTICE_STORAGE__queueServiceUri": ""}
    changes |= {"NOTICE_STORAGE__tableServiceUri": "", "SSL_CERT_FILE": str(foreign)}

    answer = use_storage(identity_stack, access, "REQUESTS_CA_BUNDLE", **changes)

    assert answer["kind"] in {"StorageError", "SendError"}
    assert all(word in answer["error"] for word in ("not trusted", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))


def test_neither_a_netrc_file_nor_a_proxy_variable_changes_the_login(
    identity_stack: LocalStack, access: StorageAccess, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)

    answer = use_storage(identity_stack, access, NETRC=str(netrc), HTTP_PROXY="http://127.0.0.1:1")

    assert answer.get("state") == "sent", answer
