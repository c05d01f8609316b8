"""Storage connection strings in every documented form, brought into one that both Storage SDKs read alike. Pure.

https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string. The two SDKs differ where a
string is not in its plainest form, and guess where it leaves something out (`BlobEndpoint` alone leads to another
host); what is left out here is a problem, before any network call. No message repeats a part of a string.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

_SERVICES = ("queue", "table")
_ALL_SERVICES = (*_SERVICES, "blob", "file")
_COPY_IT = "copy it whole from the account's access keys, it holds AccountName=…;AccountKey=…"
_EMULATOR = "UseDevelopmentStorage=true"
# The emulators' account, the same on every machine: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
_EMULATOR_ACCOUNT = "devstoreaccount1"
_EMULATOR_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"  # pragma: allowlist secret
    "/K1SZFPTOtr/KBHBeksoGMGw=="  # pragma: allowlist secret
)
_OF_EMULATOR = {"usedevelopmentstorage", "developmentstorageproxyuri"}
_EMULATOR_PORTS = {"queue": 10001, "table": 10002}
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
# What people paste in its place, by a name that only it has.
_STRANGERS = {
    "accountendpoint": "Cosmos DB's",
    "instrumentationkey": "Application Insights'",
    "sharedaccesskeyname": "Service Bus' or Event Hubs'",
    "endpoint": "another service's",
    "server": "a database's",
    "data source": "a database's",
}
_URI = "write {service}Endpoint=https://<account>.{name}.core.windows.net"


def plain_connection_string(text: str) -> str:
    """Return the connection string with each endpoint written out. Raises ValueError with the remedy."""
    parts = _parts(_unquoted(text))
    if "usedevelopmentstorage" in parts:
        parts = _emulator(parts)
    stranger = next((whose for name, whose in _STRANGERS.items() if name in parts), None)
    if ".table.cosmos" in parts.get("tableendpoint", ""):
        stranger = "Cosmos DB's"
    if stranger is not None:
        raise ValueError(f"is {stranger} connection string, not a storage account's; {_COPY_IT}")
    proof = _proof(parts)
    endpoints = "".join(f"{service.title()}Endpoint={_endpoint(service, parts)};" for service in _SERVICES)
    return f"{endpoints}{proof}"


def account_of(text: str) -> str:
    """Return the storage account that a connection string, or a table's endpoint, names; never a part of a key."""
    if "UseDevelopmentStorage" in text or f"AccountName={_EMULATOR_ACCOUNT}" in text:
        return "storage emulator"
    named = re.search("(?:^|;) *AccountName=([^;]+)", text, re.IGNORECASE)
    host = re.search("(?:^|TableEndpoint=)https?://([^/:;]+)", text, re.IGNORECASE)
    return f"storage account {named[1] if named else host[1].partition('.')[0] if host else 'unknown'}"


def _unquoted(text: str) -> str:
    text = text.strip().strip("\ufeff\u200b\u00a0")
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _parts(text: str) -> Mapping[str, str]:
    """Return the parts by their names in lower case."""
    if re.match(r"(?i)https?://", text):
        raise ValueError(
            "is an address; with a managed identity put the addresses into NOTICE_STORAGE__queueServiceUri and "
            f"NOTICE_STORAGE__tableServiceUri, else {_COPY_IT}"
        )
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    named = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    parts = dict(named)
    if not parts or not all(name and value for name, value in named):
        raise ValueError(f"is not a connection string; {_COPY_IT}")
    if len(parts) < len(pairs):
        twice = next(name for name, _ in named if sum(name == other for other, _ in named) > 1)
        where = " (it is two strings in one)" if twice == "accountname" else ""
        raise ValueError(f"is not a connection string, it names one of its parts twice{where}; {_COPY_IT}")
    if set("\"'“”‘’") & set("".join(parts.values())):
        raise ValueError(f"holds a quotation mark, which no connection string does; {_COPY_IT}")
    return parts


def _emulator(parts: Mapping[str, str]) -> Mapping[str, str]:
    """Return what `UseDevelopmentStorage=true` stands for."""
    if parts["usedevelopmentstorage"].lower() != "true" or parts.keys() - _OF_EMULATOR:
        raise ValueError(f"means the emulator on this machine; write {_EMULATOR} and nothing else")
    proxy = parts.get("developmentstorageproxyuri", "http://127.0.0.1")
    if not is_address(proxy):
        raise ValueError("its DevelopmentStorageProxyUri is not an address of the form http://host")
    address = urlsplit(proxy)
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return {
        "accountname": _EMULATOR_ACCOUNT,
        "accountkey": _EMULATOR_KEY,
        **{
            f"{service}endpoint": f"{address.scheme}://{host}:{port}/{_EMULATOR_ACCOUNT}"
            for service, port in _EMULATOR_PORTS.items()
        },
    }


def _proof(parts: Mapping[str, str]) -> str:
    """Return the part that grants access: the account's name and key, or a shared access signature."""
    if "accountkey" in parts and "accountname" in parts:
        try:
            key = base64.b64decode(parts["accountkey"], validate=True)
        except ValueError:
            key = b""
        if not key:
            raise ValueError(f"its AccountKey is not base64, so that a part is missing or wrong; {_COPY_IT}")
        return f"AccountName={parts['accountname']};AccountKey={parts['accountkey']}"
    signature = parts.get("sharedaccesssignature", "").lstrip("?&")
    given = parse_qs(signature)
    if "sig" not in given:
        raise ValueError(
            "is not a connection string that grants access: it holds neither AccountName and AccountKey nor a "
            f"SharedAccessSignature with its sig=; {_COPY_IT}"
        )
    # https://learn.microsoft.com/rest/api/storageservices/create-account-sas: of which services, which kinds of things
    for name, letters, what in (("ss", "qt", "queues and tables (ss=qt)"), ("srt", "co", "containers and objects")):
        if name in given and not set(letters) <= set(given[name][0]):
            raise ValueError(f"its SharedAccessSignature is not for {what}: make one that is, or use the account's key")
    return f"SharedAccessSignature={signature}"


def _endpoint(service: str, parts: Mapping[str, str]) -> str:
    """Return the address of a service."""
    known = {name: parts[f"{name}endpoint"] for name in _ALL_SERVICES if f"{name}endpoint" in parts}
    remedy = _URI.format(service=service.title(), name=service)
    name = parts.get("accountname", "")
    if service not in known and name == _EMULATOR_ACCOUNT:
        raise ValueError(f"is the emulator's account; write {_EMULATOR}")
    if service not in known and name and not re.fullmatch("[a-z0-9]{3,24}", name):
        raise ValueError("its AccountName is not an account's: 3 to 24 lower-case letters and digits, nothing else")
    if service in known:
        address = known[service].rstrip("/")
    elif "accountname" not in parts:
        raise ValueError(f"names no address of the {service} service: {remedy}")
    elif foreign := [name for name in known if _host(known[name]) != _host(_default(name, parts))]:
        # The SDKs would look for it at core.windows.net, wherever the account really is.
        raise ValueError(
            f"has an address of its own for the {foreign[0]} service and none for the {service} service: {remedy}"
        )
    else:
        address = _default(service, parts)
    if not is_address(address):
        raise ValueError(f"names no address of the {service} service: correct AccountName, or {remedy}")
    if other := other_service(address, service):
        raise ValueError(f"names, for the {service} service, the address of the {other} service: {remedy}")
    return address


def other_service(address: str, service: str) -> str:
    """Return which other service of Azure Storage an address belongs to, by its host; empty where to none."""
    labels = (_host(address) or "").split(".")
    # As in <account>.queue.core.windows.net and <account>.z01.queue.storage.azure.net: other hosts are named freely.
    found = {label for label, domain in pairwise(labels[1:]) if domain in ("core", "storage")}
    return next((each for each in (*_ALL_SERVICES, "dfs", "web") if each in found and each != service), "")


def _default(service: str, parts: Mapping[str, str]) -> str:
    protocol = parts.get("defaultendpointsprotocol", "https").lower()
    suffix = parts.get("endpointsuffix", "core.windows.net").strip("/.")
    return f"{protocol}://{parts.get('accountname', '')}.{service}.{suffix}"


def _host(address: str) -> str | None:
    return urlsplit(address).hostname if is_address(address) else None


def is_address(text: str) -> bool:
    """Whether `text` is an http or https address without query, fragment and login."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # refuses what is not a number
    except ValueError:
        return False
    host = parts.hostname or ""
    plain = re.fullmatch(r"(?a)[\w-]+(\.[\w-]+)*", host) or ":" in host  # a name, or an IPv6 address
    wrong = parts.query or parts.fragment or "@" in parts.netloc or parts.netloc.endswith(":")
    return parts.scheme in {"http", "https"} and bool(plain) and not wrong
