"""The requests of which there are many, over aiohttp: Put Message, the table's transactions and its queries.

The Storage SDKs spend several times the work of the request itself on each of them (docs/performance.md has the
figures), so these are written out here, as the services' references have them. All else goes through the
SDKs, which use aiohttp too, and so does the login: a credential's bearer token, or a shared access signature.
Errors are raised in azure-core's classes, so that the adapters know one kind.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.data.tables import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.data.tables.aio import TableClient
from azure.storage.queue import QueueSasPermissions, generate_queue_sas
from azure.storage.queue.aio import QueueClient
from yarl import URL

from due_notices.adapters.connections import Service, is_own_answer, proxy_to, ssl_context
from due_notices.adapters.storage_errors import ForeignAnswer, failure

API_VERSION = "2021-12-02"  # has all that is used here, and is known to every cloud and to Azurite
IDLE = 4.0  # seconds that a connection is kept: Azurite's server closes it after five, and no POST is repeated
STORAGE_SCOPE = "https://storage.azure.com/.default"
_UNAUTHORIZED = 401
_TENANT = re.compile(
    r"authorization(?:_uri)?=\"?https://[^/\s\"]+/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\b"
)
_MARGIN = 300  # seconds before its end in which a token is not used any more


class StoragePipeline:
    """Asks and posts to one service of a storage account, with a bearer token or a signature in the URL."""

    def __init__(self, credential: AsyncTokenCredential | None, signature: str, options: Mapping[str, Any]) -> None:
        """Take either a credential or a signature (a query string), and the options that the SDKs' clients get."""
        self._credential = credential
        self._signature = signature
        self._options = options
        self._token = AccessToken("", 0)
        self._login = asyncio.Lock()
        self._targets: dict[str, URL] = {}
        self._proxies: dict[str, str | None] = {}
        self._tenant = ""

    async def __aenter__(self) -> Self:
        """Open the connections."""
        self._session = await aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=IDLE, ssl=ssl_context("https://localhost")),
            headers={"Accept-Encoding": "identity"},  # whatever is compressed on the way would not be read
            # No time-out of its own for each piece of an answer: it is set anew at each piece, and costs a twentieth.
            timeout=aiohttp.ClientTimeout(
                total=self._options["connection_timeout"] + self._options["read_timeout"],
                sock_connect=self._options["connection_timeout"],
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a netrc file's entry would take the place of our login; proxies are named below
            auto_decompress=False,
        ).__aenter__()
        return self

    async def __aexit__(self, *reason: object) -> None:
        """Close them."""
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, success: int) -> bytes:
        """Return the answer of a request that succeeded with that status; raises AzureError, as the SDKs do.

        Any other status is a failure: a redirect or a proxy's own page does not show that the service did anything.
        """
        content, _ = await self._request("POST", self._target(url), headers, body, success)
        return content

    async def get(self, url: str, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        """Return body and headers of an answer with status 200; raises AzureError, as the SDKs do."""
        return await self._request("GET", self._signed(url), headers, None, success=200)

    async def _request(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes | None, success: int
    ) -> tuple[bytes, Mapping[str, str]]:
        answer, content = await self._send(method, target, headers, body)
        if answer.status == _UNAUTHORIZED and self._other_tenant(answer.headers):
            answer, content = await self._send(method, target, headers, body)
        if not is_own_answer(Service.STORAGE, answer.headers):
            raise ForeignAnswer(f"HTTP {answer.status}")
        if answer.status == success:
            return content, answer.headers
        raise failure(answer.status, answer.headers.get("x-ms-error-code") or _code_in(content))

    async def _send(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        given = {"x-ms-version": API_VERSION, **headers, **await self._authorization()}
        data = None if body is None else aiohttp.BytesPayload(body)
        try:
            async with self._session.request(
                method, target, data=data, headers=given, allow_redirects=False, proxy=self._proxy(target)
            ) as answer:
                return answer, await answer.read()
        except aiohttp.ConnectionTimeoutError as error:
            raise ServiceRequestTimeoutError(str(error)) from error
        except TimeoutError as error:
            raise ServiceResponseTimeoutError(str(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ServiceRequestError(str(error)) from error

    def _other_tenant(self, headers: Mapping[str, str]) -> bool:
        """Whether the service names another tenant to log in to than was tried; then that one from now on.

        The SDKs' clients do the same, without a word.
        https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge
        """
        found = _TENANT.search(headers.get("WWW-Authenticate", ""))
        if self._credential is None or found is None or found[1] == self._tenant:
            return False
        self._tenant, self._token = found[1], AccessToken("", 0)
        return True

    def _proxy(self, target: URL) -> str | None:
        if target.authority not in self._proxies:
            self._proxies[target.authority] = proxy_to(str(target.origin()))
        return self._proxies[target.authority]

    def _target(self, url: str) -> URL:
        """Return where to post; there are few addresses, so each is taken apart once and not for every message."""
        if url not in self._targets:
            self._targets[url] = self._signed(url)
        return self._targets[url]

    def _signed(self, url: str) -> URL:
        signature = f"{'&' if '?' in url else '?'}{self._signature}" if self._signature else ""
        return URL(url + signature, encoded=True)

    async def _authorization(self) -> dict[str, str]:
        if self._credential is None:
            return {}
        async with self._login:
            if self._token.expires_on - time.time() < _MARGIN:
                tenant: dict[str, Any] = {"tenant_id": self._tenant} if self._tenant else {}
                self._token = await self._credential.get_token(STORAGE_SCOPE, **tenant)
        return {"Authorization": f"Bearer {self._token.token}"}


def _code_in(body: bytes) -> str | None:
    """Return the service's code for an error, which tables write into the body alone, as JSON or XML."""
    found = re.search(rb'"code"\s*:\s*"([A-Za-z]+)"|<(?:[a-z]:)?code>([A-Za-z]+)<', body)
    return None if found is None else (found[1] or found[2]).decode()


def queue_signature(queue: QueueClient, expiry: datetime) -> str:
    """Return what entitles to put messages, for a client made from a connection string."""
    given = urlsplit(queue.url).query
    if given:
        return given
    return generate_queue_sas(
        queue.account_name or "",
        queue.queue_name,
        queue.credential.account_key,
        permission=QueueSasPermissions(add=True),
        expiry=expiry,
    )


def table_signature(table: TableClient, expiry: datetime) -> str:
    """Return what entitles to read the table and to write to it, for a client made from a connection string."""
    if isinstance(table.credential, AzureSasCredential):
        return table.credential.signature
    if not isinstance(table.credential, AzureNamedKeyCredential):
        raise TypeError("only a connection string gives a signature")
    # Of the account and not of the table alone: a transaction is sent to the account, and Azurite takes no other.
    # A query asks for rights on the container.
    return generate_account_sas(
        table.credential,
        resource_types=ResourceTypes(object=True, container=True),
        permission=AccountSasPermissions(read=True, write=True, add=True, update=True, delete=True),
        expiry=expiry,
    )
