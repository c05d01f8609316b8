"""Which storage account an audit says it is from."""

from __future__ import annotations

import pytest

from due_notices.commands.audit.command import account_of
from due_notices.secret import Secret
from due_notices.settings import StorageAccount


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("UseDevelopmentStorage=true", "storage emulator"),
        ("DefaultEndpointsProtocol=https;AccountName=stone;AccountKey=bWFkZSB1cA==", "storage account stone"),
        ("accountkey=bWFkZSB1cA==;accountname=stone", "storage account stone"),
        (
            "TableEndpoint=https://sttwo.table.core.windows.net/;SharedAccessSignature=sv=1&sig=bWFkZSB1cA==",
            "storage account sttwo",
        ),
    ],
)
def test_the_account_is_the_one_of_the_connection_string_and_no_key_is_shown(text: str, name: str) -> None:
    assert account_of(StorageAccount(Secret(text), "", "", None)) == name


def test_the_account_is_the_one_of_the_tables_endpoint() -> None:
    storage = StorageAccount(None, "https://stone.queue.core.windows.net", "https://stone.table.core.windows.net", None)

    assert account_of(storage) == "storage account stone"
