"""Which storage account an audit says it is from."""

from __future__ import annotations

import pytest

from due_notices.connection_strings import account_of


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
        ("https://stone.table.core.windows.net", "storage account stone"),
    ],
)
def test_the_account_is_the_one_of_string_or_endpoint_and_no_key_is_shown(text: str, name: str) -> None:
    assert account_of(text) == name
