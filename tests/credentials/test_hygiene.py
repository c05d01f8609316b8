"""No secret in any log, no token for anybody but its service, no way to turn verification off."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from due_notices import bootstrap
from due_notices.errors import CredentialError, DirectoryError
from due_notices.run import send_due_notices
from due_notices.services import LogProgress
from due_notices.settings import SETTINGS, Settings
from local.clock import now
from local.faults import Fault
from local.registrations import new_secret_text
from local.stack import LocalStack
from tests.credentials.conftest import ROOT, MakeToken
from tests.fakes import MovableClock
from tests.hygiene import BODIES, SHAPES, secrets_in

PACKAGE = ROOT / "due_notices"


def known_secrets(stack: LocalStack) -> set[str]:
    """Return every secret of the stack that has no end of its own."""
    versions = stack.vault.versions("graph-client-secret")
    secrets = {secret.value for secret in stack.entra.app(stack.app.client_id).secrets}
    return secrets | {version.value for version in versions} | {stack.identity.header, stack.azurite.key}


def test_a_whole_run_with_everything_logged_names_no_secret(
    stack: LocalStack, stack_settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    stack.graph.users = [{"id": "1", "accountEnabled": True, "mail": "a@example.com", stack.attribute: "2026-11-24"}]
    clock = MovableClock(now().replace(hour=12))
    stack.tell_time(clock.now)
    services = bootstrap.build_services(stack_settings, clock)
    for name in ("azure", "msal", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)

    assert send_due_notices(stack_settings.policy, services, LogProgress()).ok
    stack.secret_rotate(store=False)
    list_again = bootstrap.build_services(stack_settings, clock).open_directory()
    with pytest.raises(CredentialError):
        list(list_again.pages())

    logged = caplog.text + "".join(capfd.readouterr())
    assert len(caplog.records) > 20
    assert secrets_in(logged) == []
    assert [secret for secret in known_secrets(stack) if secret in logged] == []


LEAKS = {
    "a client secret": new_secret_text(),
    "a signed token": ".".join(["eyJ" + "a" * 20, "eyJ" + "b" * 20, "c" * 20]),
    "a storage account key": "AccountKey=" + "A" * 64,
    "a private key": "-----BEGIN " + "PRIVATE KEY-----",
    "a shared access signature": "?sig=" + "a" * 30,
    "a bearer token": "Bearer " + "a" * 30,
    "the body of a request for a token": "grant_type=x&client_assertion=" + "a" * 30,
    "the body of an answer with a token": '{"access_token": "x"}',
    "the body of an answer of Graph": '{"@odata.context": "x"}',
    "the body of a notice": '{"specversion": "1.0"}',
    "the body of a queue's answer": "<QueueMessage><MessageText>x",
    "a secret of the local stack": "remembered-by-the-test",
}
WAYS = {
    "logs": "logging.getLogger('x').warning(leak)",
    "prints": "print(leak)",
    "has a process": "subprocess.run([sys.executable, '-c', f'print({leak!r})'], capture_output=True, check=True)",
}


def test_the_suites_watch_finds_each_kind_in_log_output_and_processes(pytester_like: Path) -> None:
    assert LEAKS.keys() == SHAPES.keys() | BODIES.keys() | {"a secret of the local stack"}
    cases = [(kind, leak, way) for kind, leak in LEAKS.items() for way in WAYS]
    tests = [
        f"def test_{number}():\n    leak = {leak!r}\n    {WAYS[way]}\n" for number, (_, leak, way) in enumerate(cases)
    ]
    head = "import logging, subprocess, sys\nfrom tests.hygiene import remember\nremember(['remembered-by-the-test'])\n"
    suite = pytester_like / "test_leak.py"
    suite.write_text(head + "\n".join(tests) + "\ndef test_innocent():\n    print('12 notices')\n", "utf-8")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.hygiene",
            "-c",
            "/dev/null",
            "--show-capture=no",
            str(suite),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    found = dict.fromkeys(re.findall(r"(test_\d+ holds .*)", done.stdout))  # where CI is set the summary repeats each
    assert [f"test_{number} holds {kind}" for number, (kind, _, _) in enumerate(cases)] == [*found]


@pytest.fixture
def pytester_like(tmp_path: Path) -> Path:
    """A folder for a small suite of its own."""
    return tmp_path


# Whom the token may reach.


def test_a_redirect_of_graph_is_not_followed(stack: LocalStack, stack_settings: Settings) -> None:
    elsewhere = f"{stack.vault.base_url}/secrets/x"
    stack.graph.faults.add(Fault(status=302, body=b"", headers={"Location": elsewhere}))
    services = bootstrap.build_services(stack_settings)

    with pytest.raises(DirectoryError):
        list(services.open_directory().pages())

    assert not [request for request in stack.vault.requests if request.path == "/secrets/x"]


def test_a_redirect_of_the_token_endpoint_does_not_carry_the_secret_away(
    stack: LocalStack, make_token: MakeToken
) -> None:
    elsewhere = f"{stack.graph.base_url}/v1.0/users"
    stack.entra.faults.add(Fault(status=307, path="/token", body=b"", headers={"Location": elsewhere}))

    with pytest.raises(CredentialError):
        make_token()()

    assert not stack.graph.requests


# TLS.


def test_who_does_not_trust_the_stack_gets_nothing(
    stack: LocalStack, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("SSL_CERT_FILE")
    seen = len(stack.vault.requests)

    with pytest.raises(CredentialError):
        make_token()()
    assert len(stack.vault.requests) == seen
    assert not stack.entra.requests


def test_no_setting_turns_verification_off() -> None:
    words = re.compile(r"verif|insecure|tls|ssl|trust", re.IGNORECASE)

    assert [setting.name for setting in SETTINGS if words.search(setting.name)] == []


def test_nothing_in_the_package_turns_verification_off() -> None:
    """`verify=False` and its kin, however they are written; a keyword's value must not be false or None."""
    keywords = {"verify", "connection_verify", "ssl", "cert_reqs", "check_hostname"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in keywords:
                found.append(f"{path.name}: {ast.unparse(node)}")
            if isinstance(node, ast.Attribute) and node.attr in {"CERT_NONE", "_create_unverified_context"}:
                found.append(f"{path.name}: {node.attr}")
            if isinstance(node, ast.Constant) and node.value in keywords - {"ssl"}:
                found.append(f"{path.name}: {node.value!r}")

    # One place hands on what the environment says, which tests/adapters/test_connections.py holds to be no "off", and
    # another what that place says.
    assert set(found) == {
        "graph_http.py: verify=session.verify or True",
        "connections.py: 'verify'",
        "connections.py: 'connection_verify'",
        "storage_pipeline.py: ssl=ssl_context('https://localhost')",
    }
    assert len(list(PACKAGE.rglob("*.py"))) > 20


def test_only_adapters_reveal_secrets() -> None:
    revealing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if ".reveal()" in path.read_text("utf-8") and path.name != "secret.py"
    }

    assert revealing == {
        "adapters/certificates.py",
        "adapters/key_vault.py",
        "adapters/msal.py",
        "adapters/storage_clients.py",
    }
