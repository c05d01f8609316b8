"""The guards of `tests/conftest.py` hold: no network but this machine's own, and a clean environment."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
import requests

from tests.conftest import is_foreign

FAR = "192.0.2.1"  # set aside for documentation (RFC 5737)


def test_connections_to_other_machines_are_refused(refused_addresses: list[str]) -> None:
    with socket.socket() as far, pytest.raises(OSError, match="tests reach this machine alone"):
        far.connect((FAR, 443))
    with socket.socket() as far, pytest.raises(OSError, match="tests reach this machine alone"):
        far.connect_ex((FAR, 443))
    with socket.socket(type=socket.SOCK_DGRAM) as far, pytest.raises(OSError, match="tests reach this machine alone"):
        far.sendto(b"x", (FAR, 53))

    assert refused_addresses == [FAR] * 3
    refused_addresses.clear()


def test_names_of_other_machines_are_not_looked_up(refused_addresses: list[str]) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("https://graph.microsoft.com/v1.0/users", timeout=1)

    assert refused_addresses == ["graph.microsoft.com"]
    refused_addresses.clear()


async def test_coroutines_are_refused_too(refused_addresses: list[str]) -> None:
    with pytest.raises(OSError, match="tests reach this machine alone"):
        await asyncio.open_connection(FAR, 443)

    assert refused_addresses
    refused_addresses.clear()


def test_the_environment_of_the_machine_is_gone() -> None:
    assert [name for name in os.environ if is_foreign(name)] == []


@pytest.mark.parametrize(
    "name", ["AZURE_CLIENT_ID", "GRAPH_TENANT_ID", "IDENTITY_ENDPOINT", "https_proxy", "SSL_CERT_FILE", "NOTICE_QUEUE"]
)
def test_what_is_foreign(name: str) -> None:
    assert is_foreign(name)
    assert not is_foreign("PATH")
