"""What the environment may and may not change of our own requests to Entra and Graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from due_notices.adapters.connections import session_to
from due_notices.adapters.graph_http import GraphHttp
from due_notices.commands.doctor.graph_probe import GraphProbe
from local.stack import LocalStack
from tests.adapters.conftest import MakeDirectory, MakeToken
from tests.fakes import MovableClock


@pytest.fixture(autouse=True)
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a netrc file with a login for every host."""
    file = tmp_path / "netrc"
    file.write_text("default login somebody password else\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


def test_a_netrc_file_does_not_replace_our_tokens_for_vault_and_users(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    stack.graph.users = [{"id": "a", "accountEnabled": True}]

    assert sum(map(len, make_directory().pages())) == 1


def test_a_netrc_file_does_not_change_the_doctors_requests(
    stack: LocalStack, make_token: MakeToken, clock: MovableClock
) -> None:
    probe = GraphProbe(GraphHttp(stack.graph.base_url, make_token(), clock), (stack.attribute,), "")

    assert probe.attribute()


def test_a_netrc_file_does_not_change_a_login(stack: LocalStack, make_token: MakeToken) -> None:
    asked = requests.Request("GET", stack.graph.base_url, headers={"Authorization": "Bearer ours"})

    assert make_token()._session.prepare_request(asked).headers["Authorization"] == "Bearer ours"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HTTPS_PROXY", "http://proxy.example:3128", {"https": "http://proxy.example:3128"}),
        ("NO_PROXY", "graph.example", {}),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: dict[str, str]
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(variable, value)

    assert dict(session_to("https://graph.example").proxies) == expected


def test_the_certificates_are_those_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/company/authority.pem")
    assert session_to("https://graph.example").verify == "/company/authority.pem"

    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert session_to("https://graph.example").verify is True
