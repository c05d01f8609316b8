from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, TableServiceClient
from azure.identity import ManagedIdentityCredential
from azure.storage.queue import QueueClient, QueueServiceClient

from local.azurite import SERVICES, Azurite, AzuriteError
from local.certificates import HOST
from local.stack import QUEUE, TABLE, LocalStack


def test_data_on_disk_survives_a_restart_on_the_same_ports(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path, persistent=True)
    azurite.start()
    try:
        ports = dict(azurite.ports)
        with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
            queues.create_queue("kept").send_message("a notice")
        with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
            tables.create_table("kept").create_entity({"PartitionKey": "p", "RowKey": "r"})

        azurite.stop()
        azurite.start()

        assert azurite.ports == ports
        with QueueClient.from_connection_string(azurite.connection_string, "kept") as queue:
            assert [message.content for message in queue.receive_messages()] == ["a notice"]
        with TableClient.from_connection_string(azurite.connection_string, "kept") as table:
            assert table.get_entity("p", "r")["RowKey"] == "r"
    finally:
        azurite.stop()


def test_the_managed_identity_is_let_in_where_tls_is_served(use_environment: Callable[[LocalStack], None]) -> None:
    with LocalStack(storage_identity=True) as stack:
        use_environment(stack)
        settings = stack.environ
        with (
            ManagedIdentityCredential(client_id=settings["NOTICE_STORAGE__clientId"]) as credential,
            QueueClient(settings["NOTICE_STORAGE__queueServiceUri"], QUEUE, credential=credential) as queue,
            TableClient(settings["NOTICE_STORAGE__tableServiceUri"], TABLE, credential=credential) as table,
        ):
            queue.send_message("a notice")
            table.create_entity({"PartitionKey": "p", "RowKey": "r"})

            assert queue.get_queue_properties().approximate_message_count == 1
        assert "NOTICE_STORAGE" not in settings


def test_a_wrong_account_key_is_refused(stack: LocalStack) -> None:
    wrong = stack.azurite.connection_string.replace(stack.azurite.key, "bWFkZSB1cA==")

    with (
        QueueClient.from_connection_string(wrong, QUEUE, retry_total=0) as queue,
        pytest.raises(HttpResponseError) as caught,
    ):
        queue.get_queue_properties()

    assert caught.value.status_code == 403


def test_a_start_that_fails_quotes_azurite(tmp_path: Path) -> None:
    azurite = Azurite(tmp_path)
    with socket.create_server((HOST, 0)) as taken:
        azurite.ports["queue"] = taken.getsockname()[1]

        with pytest.raises(AzuriteError, match="EADDRINUSE"):
            azurite.start()

    assert azurite.process_id is None


def test_starting_twice_is_refused(stack: LocalStack) -> None:
    with pytest.raises(AzuriteError, match="running already"):
        stack.azurite.start()


def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    Azurite(tmp_path).stop()


def test_a_missing_installation_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    with pytest.raises(AzuriteError, match="make setup"):
        Azurite(tmp_path).start()


def test_each_azurite_has_an_account_key_of_its_own(tmp_path: Path) -> None:
    assert Azurite(tmp_path).key != Azurite(tmp_path).key


def test_all_services_are_named_in_the_connection_string(stack: LocalStack) -> None:
    for service in SERVICES:
        assert f"{service.capitalize()}Endpoint={stack.azurite.url(service)}" in stack.azurite.connection_string
