"""The one way of asking Microsoft Graph: a token, a request, its answer or a refusal, and patience.

Several threads may ask at a time. They share the quota, which is the app's: what one is asked to wait, all do.
"""

from __future__ import annotations

import json
import math
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from due_notices.adapters.connections import (
    AnswerTooLarge,
    Service,
    Skew,
    distrusted,
    is_own_answer,
    read_body,
    session_to,
)
from due_notices.adapters.retries import GRAPH as PATIENCE
from due_notices.adapters.retries import Retries, retry_after
from due_notices.errors import DirectoryError
from due_notices.ports import Clock
from due_notices.refusals import GRAPH, not_its_own, refusal_of
from due_notices.setting_values import MOST_CHAINS

_MOMENT = 0.001  # seconds; a shorter rest of a pause, left by rounding, is not waited for
_TO_CONNECT, _TO_GO_ON = 10.0, 60.0  # seconds, the second between two pieces of an answer
LONGEST_ANSWER = 120.0  # seconds for a request as a whole
LARGEST_ANSWER = 64 << 20  # bytes, decompressed; a page of 999 users has about one MiB
_READS_AGAIN = frozenset({429, 500, 502, 503, 504})
_WRITES_AGAIN = frozenset({404, 409, 429, 503})  # a replica that has not heard of the object; another writes; busy
_PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_NETWORK = "check GRAPH_ENDPOINT and the network"
# What a status means that comes without a code.
_BY_STATUS = {401: ["401 InvalidAuthenticationToken"], 403: ["403 Authorization_RequestDenied"]}
_NO_CODE = "(no code)"
_T = TypeVar("_T")


class Token(Protocol):
    """Gives a bearer token for Graph."""

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token, a new one if `fresh`. Raises CredentialError."""
        ...


class GraphRefused(DirectoryError):
    """Graph's own refusal: its HTTP status, its code (`(no code)` where it gives none), and what it said."""

    def __init__(self, status: int, code: str, said: str, sentence: str) -> None:
        """Take the refusal and the sentence for people."""
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.said = said


class _Transient(DirectoryError):
    """Worth another try, after `wait` seconds where the service said so."""

    def __init__(self, what: str, remedy: str = "", wait: float | None = None) -> None:
        self._what = what
        self._remedy = f": {remedy}" if remedy else ""
        self.wait = wait
        super().__init__(what)

    def sentence(self, how_it_ended: str) -> str:
        return f"{self._what}, {how_it_ended}{self._remedy}; the next tick tries again"


class OtherForm(Exception):
    """An answer is JSON, but not what was asked for."""


def parsed(body: bytes) -> Any:
    """Return the JSON of an answer; a lone surrogate, which the fast parser refuses, spoils a name and not a page."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return json.loads(body)


def _of_kind(kind: type[_T]) -> Callable[[bytes], _T]:
    """Return what decodes an answer that must be of one type."""

    def decode(body: bytes) -> _T:
        found = parsed(body)
        if not isinstance(found, kind):
            raise OtherForm
        return found

    return decode


_an_object: Callable[[bytes], dict[str, Any]] = _of_kind(dict)


class _Request(NamedTuple):
    """A request, the statuses after which it may be made again, and what decodes its answer.

    That raises ValueError or RecursionError where the answer is not JSON, and OtherForm where it is another answer.
    """

    method: str
    url: str
    again: frozenset[int]
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] | None = None
    missing_ok: bool = False
    deadline: float | None = None
    decode: Callable[[bytes], Any] = _an_object


class _Answer(NamedTuple):
    """An HTTP answer, its body read to the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def own(self) -> bool:
        """Whether it is Graph's own."""
        return is_own_answer(Service.GRAPH, self.headers)


class Pause:
    """Until when Graph has asked one to wait, on the clock's monotonic scale: the quota is the app's, so all wait."""

    def __init__(self) -> None:
        """Begin without."""
        self._lock = threading.Lock()
        self.until = -math.inf

    def prolong(self, until: float) -> None:
        """Wait until then at least."""
        with self._lock:
            self.until = max(self.until, until)


class GraphHttp:
    """Asks one Graph endpoint (`https://graph.microsoft.com`) and counts its requests. Raises DirectoryError."""

    def __init__(
        self,
        endpoint: str,
        token: Token,
        clock: Clock,
        retries: Retries = PATIENCE,
        names: Mapping[str, str] | None = None,
        pause: Pause | None = None,
    ) -> None:
        """Take what a request needs; nothing is sent yet.

        `names` fill the commands in refusals; a `pause` is shared with others who ask.
        """
        self.endpoint = endpoint
        self._names = names or {}
        self._token = token
        self._clock = clock
        self._retries = retries
        self._session = session_to(endpoint)
        self._session.mount("https://", HTTPAdapter(pool_maxsize=MOST_CHAINS))  # a connection for each reader
        self._counting, self._renewing = threading.Lock(), threading.Lock()
        self._pause = pause or Pause()
        self.requests = 0
        self.throttled = 0
        self.skew = Skew(Service.GRAPH, clock)

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Return the URL of a path of version 1.0, whose segments are quoted already."""
        asked = f"?{urlencode(query, safe='$,', quote_via=quote)}" if query else ""
        return f"{self.endpoint}/v1.0/{path}{asked}"

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> dict[str, Any] | None:
        """Return the JSON object behind `url`; None for a 404 that is `missing_ok`."""
        asked = _Request("GET", url, headers=headers, again=_READS_AGAIN, missing_ok=missing_ok)
        found: dict[str, Any] | None = self._patiently(asked, None)
        return found

    def read(
        self,
        url: str,
        decode: Callable[[bytes], _T],
        *,
        deadline: float | None = None,
        on_retry: Callable[[], None] | None = None,
    ) -> _T:
        """Return what `decode` makes of the body behind `url`; one of which it makes nothing is asked for again.

        It raises ValueError or RecursionError of what is not JSON, and OtherForm of what was not asked for. `deadline`
        is on the clock's monotonic scale: no pause that ends beyond it is begun, and no answer read on. `on_retry` is
        called before each further try.
        """
        asked = _Request("GET", url, again=_READS_AGAIN, deadline=deadline, decode=decode)
        found: _T = self._patiently(asked, deadline, on_retry)
        return found

    def number(self, url: str, *, headers: Mapping[str, str], deadline: float | None = None) -> int:
        """Return the number behind `url`, which is plain text."""
        plain = {"Accept": "text/plain", **headers}
        asked = _Request("GET", url, headers=plain, again=_READS_AGAIN, deadline=deadline, decode=_of_kind(int))
        return int(self._patiently(asked, deadline))

    def post(self, url: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Send JSON and return the answer, empty where there is none; repeated only where it was not carried out."""
        return self._patiently(_Request("POST", url, body=body, again=_WRITES_AGAIN), None) or {}

    def _patiently(self, asked: _Request, deadline: float | None, on_retry: Callable[[], None] | None = None) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._ask(asked)
            except _Transient as error:
                if attempt == self._retries.attempts:
                    raise DirectoryError(error.sentence(f"{attempt} times")) from error
                if on_retry is not None:
                    on_retry()
                pause = self._retries.pause(attempt, error.wait)
                if deadline is not None and self._clock.monotonic() + pause > deadline:
                    raise DirectoryError(error.sentence("and the run has no time left to ask again")) from error
            self._clock.sleep(pause)

    def _ask(self, asked: _Request) -> Any:
        self._wait_with_the_others(asked.deadline)
        token = self._token()
        answer = self._request(asked, token)
        if answer.status == 401 and answer.own:  # noqa: PLR2004 (HTTP)
            answer = self._request(asked, self._another_than(token))
        if answer.status == 404 and answer.own and asked.missing_ok:  # noqa: PLR2004 (HTTP)
            return None
        if not 200 <= answer.status < 300:  # noqa: PLR2004 (HTTP)
            raise self._refused(answer, asked.again)
        if not answer.own:  # a page of a login, or the JSON of whatever stands on the way: no users, and no lack of any
            raise self._perhaps(asked, not_its_own("Graph", self.endpoint, answer.status))
        if not answer.body and asked.method != "GET":
            return {}
        try:
            return asked.decode(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._spoilt(asked, "is not JSON") from error
        except OtherForm as error:
            raise self._spoilt(asked, "is not of the form that was asked for") from error

    def _wait_with_the_others(self, deadline: float | None) -> None:
        """Wait as long as Graph has asked any thread to."""
        now = self._clock.monotonic()
        if self._pause.until - now < _MOMENT:
            return
        if deadline is not None and self._pause.until > deadline:
            raise DirectoryError("Graph asks to wait, and the run has no time left; the next tick tries again")
        self._clock.sleep(self._pause.until - now)

    def _another_than(self, refused: str) -> str:
        """Return another token than the refused one: that of a thread which was refused before, or a new one."""
        with self._renewing:
            token = self._token()
            return self._token(fresh=True) if token == refused else token

    def _request(self, asked: _Request, token: str) -> _Answer:
        with self._counting:
            self.requests += 1
        began = self._clock.monotonic()
        until = began + LONGEST_ANSWER if asked.deadline is None else min(began + LONGEST_ANSWER, asked.deadline)
        session = self._session
        # Not by the session, which looks for cookies and redirects each time: none are wanted.
        request = requests.PreparedRequest()
        try:
            request.prepare_method(asked.method)
            request.prepare_url(asked.url, None)
            request.prepare_headers(
                {
                    **session.headers,
                    # Graph drops custom headers from its next links, so every page gets them.
                    "Authorization": f"Bearer {token}",
                    "Accept": "application/json",
                    "client-request-id": str(uuid.uuid4()),
                    **(asked.headers or {}),
                }
            )
            request.prepare_body(None, None, asked.body)
            with session.get_adapter(asked.url).send(
                request,
                stream=True,
                timeout=(_TO_CONNECT, min(_TO_GO_ON, max(1.0, until - began))),
                verify=session.verify or True,
                proxies=session.proxies,
            ) as response:
                self.skew.look(response.headers)
                body = read_body(response, most=LARGEST_ANSWER, in_time=lambda: self._clock.monotonic() <= until)
                return _Answer(response.status_code, response.headers, body)
        except AnswerTooLarge as error:
            raise DirectoryError(
                f"an answer of Graph at {self.endpoint} is larger than {LARGEST_ANSWER >> 20} MiB and was not read to "
                "its end: check GRAPH_ENDPOINT and any proxy on the way; if it is Graph's own, narrow USER_FILTER to "
                "leave out the users who have that much"
            ) from error
        except requests.exceptions.ContentDecodingError as error:
            raise self._spoilt(asked, "arrived damaged") from error
        except (OSError, ValueError, HTTPError) as error:
            # requests' own errors are OSErrors, but not all that it lets through are its own.
            raise self._unreachable(error, asked) from error

    def _unreachable(self, error: Exception, asked: _Request) -> DirectoryError:
        said = f"no whole answer from Graph at {self.endpoint} ({type(error).__name__})"
        if why := distrusted(error):
            return DirectoryError(f"{said}: {why}")
        if asked.method != "GET":
            return DirectoryError(f"{said}, and it may have done what it was asked")
        if isinstance(error, _PASSING):
            return _Transient(said, _NETWORK)
        return DirectoryError(f"{said}: {_NETWORK}; the next tick tries again")

    def _spoilt(self, asked: _Request, how: str) -> DirectoryError:
        what = f"the answer of Graph at {self.endpoint} {how}"
        return self._perhaps(asked, what, "check GRAPH_ENDPOINT and any proxy on the way")

    def _perhaps(self, asked: _Request, what: str, remedy: str = "") -> DirectoryError:
        """Return the error for an answer that does not tell what was done: only a question is asked again."""
        if asked.method == "GET":
            return _Transient(what, remedy)
        return DirectoryError(f"{what}{f': {remedy}' if remedy else ''}; it may have done what it was asked")

    def _refused(self, answer: _Answer, again: frozenset[int]) -> DirectoryError:
        status = answer.status
        if not answer.own:
            said = not_its_own("Graph", self.endpoint, status)
            return _Transient(said) if status in again else DirectoryError(said)
        code, said = _what_it_says(answer)
        if status in again:
            with self._counting:
                self.throttled += status == 429  # noqa: PLR2004 (HTTP)
            if status == 503:  # noqa: PLR2004 (HTTP)
                self._session.close()  # https://learn.microsoft.com/graph/best-practices-concept: on a new connection
            wait = retry_after(answer.headers)
            if wait is not None and wait > self._retries.longest:
                return DirectoryError(
                    f"{said} and asks to wait {wait:.0f} s, longer than the {self._retries.longest:.0f} s that a run "
                    "waits; the next tick tries again"
                )
            if wait is not None:
                self._pause.prolong(self._clock.monotonic() + wait)
            return _Transient(said, wait=wait)
        refusal = refusal_of(GRAPH, f"{status} {code}", *(_BY_STATUS.get(status, ()) if code == _NO_CODE else ()))
        return GraphRefused(status, code, said, refusal.sentence(said, **self._names))


def _what_it_says(answer: _Answer) -> tuple[str, str]:
    """Return the code of a refusal, and the sentence that names it with the request's id; both may go into logs.

    https://learn.microsoft.com/graph/errors
    """
    try:
        found = json.loads(answer.body)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    code = found if isinstance(found, str) and re.fullmatch(r"[A-Za-z_.]{1,80}", found) else _NO_CODE
    identifier = answer.headers.get("request-id", "")
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", identifier):
        identifier = "unknown"
    return code, f"Graph answered {answer.status} {code} (request id {identifier})"
