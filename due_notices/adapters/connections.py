"""What every client's connections share: proxies, trust, who answered and when, and the bounds of an answer.

The environment is looked at once for each service, and a netrc file never. Left to itself, requests looks for proxies
and certificates at each request, which is a twentieth of what a page of users costs, and lets a netrc file's entry for
the host take the place of our Authorization header. Either of REQUESTS_CA_BUNDLE and SSL_CERT_FILE serves every client,
whichever of the two its own library would look for.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError, SSLError

from due_notices.ports import Clock


class Service(Enum):
    """The services whose answers are recognised by a header."""

    GRAPH = auto()
    ENTRA = auto()
    VAULT = auto()
    STORAGE = auto()


# https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
_HEADERS: Mapping[Service, tuple[str, ...]] = {
    Service.GRAPH: ("request-id",),
    Service.ENTRA: ("x-ms-request-id",),
    Service.VAULT: ("x-ms-request-id",),
    Service.STORAGE: ("x-ms-request-id", "x-ms-error-code"),
}


_PIECE = 1 << 16  # bytes read at once; in requests' own pieces of 10 KiB a page of users takes a tenth longer
_NO_BUNDLE = "Could not find a suitable TLS CA certificate bundle"  # requests' words, in an OSError of no kind


def is_own_answer(service: Service, headers: Mapping[str, str]) -> bool:
    """Whether an answer is the service's own. Any other proves nothing about the service, whatever its status.

    `headers` find a name in whatever case it is asked for, as those of requests and aiohttp do.
    """
    return any(name in headers for name in _HEADERS[service])


def session_to(service: str, session: requests.Session | None = None) -> requests.Session:
    """Return a session (a new one unless given) for one service, as the environment is now."""
    session = session or requests.Session()
    found = session.merge_environment_settings(service, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], _certificates(of_requests=found["verify"]) or True
    session.trust_env = False
    return session


def sdk_options(service: str) -> dict[str, Any]:
    """Return the same as keywords for a client of the Azure SDKs, synchronous or not."""
    with session_to(service) as session:
        return {"use_env_settings": False, "proxies": session.proxies, "connection_verify": session.verify}


def proxy_to(service: str) -> str | None:
    """Return the proxy on the way to a service."""
    with session_to(service) as session:
        return select_proxy(service, session.proxies)


def ssl_context(service: str) -> ssl.SSLContext:
    """Return the same trust for aiohttp."""
    with session_to(service) as session:
        path = session.verify
    if not isinstance(path, str):
        return ssl.create_default_context()
    return ssl.create_default_context(capath=path) if Path(path).is_dir() else ssl.create_default_context(cafile=path)


def _certificates(*, of_requests: bool | str | None) -> str | None:
    """Return the file or folder of certificates that the environment names."""
    paths = ssl.get_default_verify_paths()  # SSL_CERT_FILE where it is set, else OpenSSL's own place
    of_openssl = paths.cafile if paths.cafile != paths.openssl_cafile else None
    return of_requests if isinstance(of_requests, str) else of_openssl


def is_loopback(service: str) -> bool:
    """Whether a service is on this machine, by its address or name."""
    host = urlsplit(service).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def distrusted(error: BaseException) -> str:
    """Return why the service's certificate was not trusted, with the remedy; empty where that was not the failure."""
    for each in _chain(error):
        reason = getattr(each, "verify_message", "")  # aiohttp's error is of this class too, and lacks it
        if isinstance(each, ssl.SSLCertVerificationError) and reason:
            return (
                f"its certificate is not trusted ({reason}): where a proxy or firewall shows its own "
                "certificate instead of the service's, name the authority of that certificate in REQUESTS_CA_BUNDLE "
                "or in SSL_CERT_FILE (a PEM file; either serves every connection)"
            )
        if isinstance(each, OSError) and _NO_BUNDLE in str(each):
            return "REQUESTS_CA_BUNDLE or SSL_CERT_FILE names no file of certificates: correct it, or take it away"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, in whichever way its library wraps it."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        wrapped = [getattr(each, name, None) for name in ("__cause__", "__context__", "reason", "inner_exception")]
        waiting += [*wrapped, getattr(each, "certificate_error", None), *each.args]


def hush() -> None:
    """Silence MSAL and azure-identity: what they log of a damaged answer is its body, the token included.

    What they fail of reaches us as exceptions.
    """
    for name in ("msal", "azure.identity"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class AnswerTooSlow(requests.Timeout):
    """An answer began and did not come to its end in time."""


class AnswerTooLarge(requests.RequestException):
    """An answer is larger, decompressed, than it may be."""


def read_body(response: requests.Response, *, most: int, in_time: Callable[[], bool]) -> bytes:
    """Return the body, decompressed, of a response that was asked for as a stream.

    `most` is how many bytes it may have; `in_time` is asked after each piece, which is whatever has arrived. Raises
    what requests raises, AnswerTooSlow and AnswerTooLarge: requests bounds neither. Its time-out is for each piece, so
    that an answer of a byte a minute never ends, and a kilobyte may unpack to a megabyte.
    """
    pieces, size = list[bytes](), 0
    try:
        while piece := response.raw.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise AnswerTooLarge
            if not in_time():
                raise AnswerTooSlow
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except (ProtocolError, SSLError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    return b"".join(pieces)


@lru_cache(maxsize=16)  # a service answers many times in a second
def http_date(text: str) -> datetime:
    """Return the moment that a header tells, to a second, in any form of RFC 9110, 5.6.7. Raises ValueError.

    The form of C's asctime names no zone, and all of them are in UTC.
    """
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, OverflowError) as error:
        raise ValueError(text) from error


def moment_of(headers: Mapping[str, str]) -> datetime:
    """Return the moment of an answer's Date header (RFC 9110, 6.6.1). Raises LookupError, ValueError."""
    return http_date(headers["Date"])


class Skew:
    """How far this machine's clock is `ahead` of one service's, by the service's own last answer; None before one."""

    def __init__(self, service: Service, clock: Clock) -> None:
        """Begin without an answer."""
        self._service = service
        self._clock = clock
        self.ahead: timedelta | None = None

    def look(self, headers: Mapping[str, str]) -> None:
        """Take the headers of an answer, as soon as they are there."""
        if is_own_answer(self._service, headers):
            try:
                self.ahead = self._clock.now() - moment_of(headers)
            except (LookupError, ValueError):
                return
