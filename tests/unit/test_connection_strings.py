from __future__ import annotations

import asyncio
import re

import pytest
from azure.data.tables.aio import TableClient
from azure.storage.queue.aio import QueueClient
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.connection_strings import other_service, plain_connection_string
from due_notices.settings import Settings
from tests.factories import environ
from tests.fakes import MovableClock

KEY = "c2VjcmV0"  # made up: the word "secret"
NAME_AND_KEY = f"AccountName=notices;AccountKey={KEY}"
QUEUES, TABLES = "https://notices.queue.core.windows.net", "https://notices.table.core.windows.net"
SIGNATURE = "sv=2024-01-01&ss=bqt&srt=sco&sp=rwdlacup&se=2030-01-01&sig=x%3D"
EMULATOR = ("http://127.0.0.1:10001/devstoreaccount1", "http://127.0.0.1:10002/devstoreaccount1")


@pytest.mark.parametrize(
    ("text", "queues", "tables"),
    [
        (NAME_AND_KEY, QUEUES, TABLES),
        (f"DefaultEndpointsProtocol=https;{NAME_AND_KEY};EndpointSuffix=core.windows.net", QUEUES, TABLES),
        (f'"DefaultEndpointsProtocol=https;{NAME_AND_KEY};EndpointSuffix=core.windows.net"', QUEUES, TABLES),
        (f"'{NAME_AND_KEY}'\n", QUEUES, TABLES),
        (f"“{NAME_AND_KEY}”", QUEUES, TABLES),
        (f"\ufeff{NAME_AND_KEY};", QUEUES, TABLES),
        (f"AccountName = notices ;\n AccountKey = {KEY} ;;", QUEUES, TABLES),
        (f"accountkey={KEY};ACCOUNTNAME=notices;defaultendpointsprotocol=HTTPS", QUEUES, TABLES),
        (f"{NAME_AND_KEY};BlobEndpoint=https://notices.blob.core.windows.net/", QUEUES, TABLES),
        (
            f"{NAME_AND_KEY};EndpointSuffix=core.usgovcloudapi.net",
            "https://notices.queue.core.usgovcloudapi.net",
            "https://notices.table.core.usgovcloudapi.net",
        ),
        (
            f"{NAME_AND_KEY};QueueEndpoint=https://q.example/;TableEndpoint=https://t.example",
            "https://q.example",
            "https://t.example",
        ),
        (f"{NAME_AND_KEY};QueueEndpoint=http://[::1]:1/x;TableEndpoint=http://127.0.0.1:2/x", "http://[::1]:1/x", None),
        (
            f"BlobEndpoint=https://b;QueueEndpoint={QUEUES}/;TableEndpoint={TABLES}/;SharedAccessSignature=?{SIGNATURE}",
            QUEUES,
            TABLES,
        ),
        (f"QueueEndpoint={QUEUES};TableEndpoint={TABLES};SharedAccessSignature={SIGNATURE}", QUEUES, TABLES),
        (f"AccountName=notices;SharedAccessSignature=&{SIGNATURE}", QUEUES, TABLES),
        ("AccountName=notices;SharedAccessSignature=sig=x", QUEUES, TABLES),
        ("UseDevelopmentStorage=true", *EMULATOR),
        ("UseDevelopmentStorage=true;", *EMULATOR),
        ("usedevelopmentstorage=True", *EMULATOR),
        (
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite.example",
            "http://azurite.example:10001/devstoreaccount1",
            "http://azurite.example:10002/devstoreaccount1",
        ),
    ],
)
async def test_each_documented_form_leads_both_clients_to_the_right_place(
    text: str, queues: str, tables: str | None
) -> None:
    plain = plain_connection_string(text)

    async with QueueClient.from_connection_string(plain, "notices") as queue:
        assert queue.url.partition("?")[0] == f"{queues}/notices"
    async with TableClient.from_connection_string(plain, "ledger") as table:
        assert tables is None or table.url.partition("?")[0].rstrip("/") == tables
    async with bootstrap.open_storage(Settings.from_mapping(environ(NOTICE_STORAGE=text)), MovableClock()):
        pass


def test_a_plain_connection_string_stays_as_it_is() -> None:
    plain = plain_connection_string(NAME_AND_KEY)

    assert plain_connection_string(plain) == plain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("notices", "is not a connection string"),
        ("", "is not a connection string"),
        (KEY, "is not a connection string"),
        (f"AccountName=;AccountKey={KEY}", "is not a connection string"),
        (f"AccountName=a;AccountName=b;AccountKey={KEY}", "two strings in one"),
        (f"AccountName=a;AccountKey={KEY};AccountKey={KEY}", "one of its parts twice"),
        (f"AccountKey={KEY}", "neither AccountName and AccountKey nor a SharedAccessSignature"),
        ("AccountName=notices", "neither AccountName and AccountKey nor a SharedAccessSignature"),
        ("AccountName=notices;SharedAccessSignature=sv=2024", "SharedAccessSignature with its sig="),
        (f"AccountName=notices;SharedAccessSignature={SIGNATURE.replace('bqt', 'bq')}", "ss=qt"),
        (f"AccountName=notices;SharedAccessSignature={SIGNATURE.replace('sco', 'o')}", "containers and objects"),
        (f"AccountName=notices;AccountKey={KEY[:-1]}", "its AccountKey is not base64"),
        (f"AccountName=notices;AccountKey='{KEY}'", "holds a quotation mark"),
        (f'"AccountName=notices;AccountKey={KEY}', "is not a connection string"),
        (f"AccountName=my notices;AccountKey={KEY}", "its AccountName is not an account's"),
        (f"AccountName=Notices;AccountKey={KEY}", "its AccountName is not an account's"),
        (f"AccountName=notices.blob.core.windows.net;AccountKey={KEY}", "its AccountName is not an account's"),
        (f"AccountName=devstoreaccount1;AccountKey={KEY}", "is the emulator's account; write UseDevelopmentStorage"),
        (f"DefaultEndpointsProtocol=x;AccountName=notices;AccountKey={KEY}", "names no address of the queue service"),
        (f"{NAME_AND_KEY};EndpointSuffix=https://core.windows.net", "names no address of the queue service"),
        (f"EndpointSuffix=core.windows.net\u200b;{NAME_AND_KEY}", "names no address of the queue service"),
        (f"AccountName=a;AccountKey={KEY};TableEndpoint=a;QueueEndpoint=https://q", "no address of the table service"),
        (f"QueueEndpoint={QUEUES};SharedAccessSignature=sv=1&sig=x", "TableEndpoint=https://<account>.table"),
        (f"BlobEndpoint=https://b.example;SharedAccessSignature={SIGNATURE}", "names no address of the queue service"),
        (f"{NAME_AND_KEY};BlobEndpoint=https://notices.blob.core.usgovcloudapi.net", "none for the queue service"),
        (f"{NAME_AND_KEY};BlobEndpoint=http://127.0.0.1:10000/x", "none for the queue service"),
        (f"{NAME_AND_KEY};QueueEndpoint=https://q.example", "none for the table service"),
        (f"{NAME_AND_KEY};TableEndpoint=https://x.table.cosmos.azure.com:443/", "Cosmos DB's"),
        (f"AccountEndpoint=https://x.documents.azure.com:443/;AccountKey={KEY};", "Cosmos DB's"),
        (
            f"Endpoint=sb://x.example/;SharedAccessKeyName=n;SharedAccessKey={KEY}",
            "is Service Bus' or Event Hubs' connection string",
        ),
        (
            "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://x",
            "Application Insights'",
        ),
        ("Server=tcp:x.example,1433;Database=d;User ID=u;Password=p", "a database's"),
        (f"https://notices.queue.core.windows.net/?{SIGNATURE}", "is an address"),
        ("UseDevelopmentStorage=false", "write UseDevelopmentStorage=true"),
        (f"UseDevelopmentStorage=true;{NAME_AND_KEY}", "write UseDevelopmentStorage=true and nothing else"),
        ("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=azurite", "ProxyUri is not an address"),
        (
            f"{NAME_AND_KEY};QueueEndpoint=https://notices.table.core.windows.net;TableEndpoint={QUEUES}",
            "for the queue service, the address of the table service",
        ),
        (f"{NAME_AND_KEY};EndpointSuffix=queue.core.windows.net", "the address of the queue service"),
        (f"{NAME_AND_KEY};QueueEndpoint=https://[::1", "names no address of the queue service"),
    ],
)
def test_what_would_lead_elsewhere_is_refused_with_the_remedy(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as refused:
        plain_connection_string(text)

    assert KEY not in str(refused.value)
    assert "sig=x" not in str(refused.value)


_NAMES = st.sampled_from(
    ["AccountName", "AccountKey", "QueueEndpoint", "TableEndpoint", "SharedAccessSignature", "EndpointSuffix", "X", ""]
)
_VALUES = st.sampled_from(["a", KEY, "https://a.example", "http://[::1", "sig=x", "", "a b", "ä", "=", "?"]) | st.text()


@given(st.lists(st.tuples(_NAMES, _VALUES)))
def test_what_is_taken_opens_both_clients(runner: asyncio.Runner, parts: list[tuple[str, str]]) -> None:
    text = ";".join(f"{name}={value}" for name, value in parts)
    try:
        plain = plain_connection_string(text)
    except ValueError:
        return

    async def opened() -> None:
        async with (
            QueueClient.from_connection_string(plain, "notices"),
            TableClient.from_connection_string(plain, "t1"),
        ):
            pass

    runner.run(opened())


@pytest.mark.parametrize("service", ["queue", "table"])
@pytest.mark.parametrize(
    ("host", "other"),
    [
        ("notices.blob.core.windows.net", "blob"),
        ("notices.privatelink.web.core.windows.net", "web"),
        ("notices.z01.file.storage.azure.net", "file"),
        ("notices-secondary.dfs.core.chinacloudapi.cn", "dfs"),
        ("azurite.web.svc.cluster.local", ""),
        ("azurite.file", ""),
    ],
)
def test_only_a_host_of_azure_storage_is_one_of_another_service(service: str, host: str, other: str) -> None:
    assert other_service(f"https://{host}/devstoreaccount1", service) == other
