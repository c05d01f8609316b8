"""Reads the users of a tenant from Microsoft Graph: every page, or an error."""

from __future__ import annotations

import json
import random
import re
import threading
import uuid
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

import orjson
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from due_notices.adapters.connections import session_to
from due_notices.adapters.graph_errors import graph_answer
from due_notices.credentials import CredentialEnd, ExpiryWarning
from due_notices.errors import DirectoryError, ListingExpired, QueryRefused
from due_notices.ports import Clock, GraphUser
from due_notices.refusals import GRAPH, refusal_of
from due_notices.users import SELECTED

PAGE_SIZE = 999  # the most that /users gives: https://learn.microsoft.com/graph/api/user-list
VALUES_PER_QUERY = 15  # `in` counts as OR, of which the directory takes 15
QUERIES_AT_A_TIME = 4  # only within one query must a page wait for the one before it
ATTEMPTS = 6
LONGEST_WAIT = 120.0  # seconds; a longer Retry-After than this is not worth a run's time
_TIMEOUTS = (10, 60)  # seconds to connect, and between two pieces of an answer
_PIECE = 1 << 20  # bytes of a body read at once; in requests' own pieces of 10 KiB a page takes a tenth longer
_AGAIN = frozenset({429, 500, 502, 503, 504})
_NETWORK = "check GRAPH_ENDPOINT and the network"
_Page = Sequence[GraphUser]
# What a status means whatever its code is.
_BY_STATUS = {401: ["401 InvalidAuthenticationToken"], 403: ["403 Authorization_RequestDenied"]}
# The same state of the paging lost, in two words: https://learn.microsoft.com/graph/paging
_EXPIRED = frozenset({"Directory_ExpiredPageToken", "DirectoryPageTokenNotFoundException"})


class Token(Protocol):
    """Gives a bearer token for Graph."""

    @property
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential behind the tokens is good."""
        ...

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about that credential."""
        ...

    def __call__(self, *, fresh: bool = False) -> str:
        """Return a token, a new one if `fresh`."""
        ...


class _Transient(DirectoryError):
    """Worth another try, after `wait` seconds where the service said so."""

    def __init__(self, what: str, remedy: str = "", wait: float | None = None) -> None:
        self._what = what
        self._remedy = f": {remedy}" if remedy else ""
        self.wait = wait
        super().__init__(self.sentence(f"{ATTEMPTS} times"))

    def sentence(self, how_it_ended: str) -> str:
        return f"{self._what}, {how_it_ended}{self._remedy}; the next tick tries again"


@dataclass(frozen=True)
class _Patience:
    """How long a listing's pages are worth waiting for: until `deadline`, and while anybody awaits them."""

    clock: Clock
    deadline: float | None = None
    given_up: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise where nobody awaits the listing any longer: another query of the same reading has failed."""
        if self.given_up.is_set():
            raise DirectoryError("the reading was given up")

    def before_sleep(self, state: RetryCallState) -> None:
        """Raise where the pause to come is not worth while."""
        self.check()
        error = state.outcome.exception() if state.outcome else None
        late = self.deadline is not None and self.clock.monotonic() + state.upcoming_sleep > self.deadline
        if late and isinstance(error, _Transient):
            raise DirectoryError(error.sentence("and the run has no time left to ask again")) from error


class _Answer(NamedTuple):
    """An HTTP answer, its body read to the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class GraphDirectory:
    """The users of one tenant. Never follows a link to another host, so the token stays with Graph."""

    def __init__(
        self,
        *,
        endpoint: str,
        token: Token,
        attribute: tuple[str, ...],
        user_filter: str,
        clock: Clock,
    ) -> None:
        """Take the endpoint (`https://graph.microsoft.com`) and what to ask it for; nothing is sent yet."""
        self._users = f"{endpoint}/v1.0/users"
        self._endpoint = endpoint
        self._token = token
        self._attribute = "/".join(attribute)
        self._select = ",".join((*SELECTED, attribute[0]))
        self._filter = user_filter
        self._clock = clock
        self._session = session_to(endpoint)
        self._counting = threading.Lock()
        self.requests = 0
        self.throttled = 0

    @property
    def credential_end(self) -> CredentialEnd | None:
        """How long the credential is good; None before it was read, or where it has no end of its own."""
        return self._token.credential_end

    @property
    def credential_warning(self) -> ExpiryWarning | None:
        """What to warn of about the credential; None before it was read or where all is well."""
        return self._token.credential_warning

    def pages(
        self, due_dates: Collection[date] | None = None, *, deadline: float | None = None
    ) -> Iterator[Sequence[GraphUser]]:
        """Yield all users, page by page; with `due_dates` only those whose attribute is one of these dates.

        Due dates are asked for in several queries at once. The order of the pages is the same each time. Graph is
        not asked again after a pause that ends behind the `deadline`.
        """
        patience = _Patience(self._clock, deadline)
        if due_dates is None:
            return self._listing(self._filter, patience)
        filters = [self._with(f"{self._attribute} in ({values})") for values in _dealt(due_dates)]
        return self._at_once([self._listing(each, patience) for each in filters], patience)

    def user(self, identifier: str) -> GraphUser | None:
        """Return one user by object id or principal name; None when there is no such user."""
        query = urlencode({"$select": self._select}, safe="$,", quote_via=quote)
        url = f"{self._users}/{quote(identifier, safe='')}?{query}"
        found: GraphUser | None = self._get(url, _Patience(self._clock), missing_ok=True)
        return found if found and found.get("id") else None  # an answer without an id is about something else

    def lists(self, identifier: str) -> bool:
        """Whether the listing has the user with this object id."""
        quoted = identifier.replace("'", "''")
        return any(self._listing(self._with(f"id eq '{quoted}'"), _Patience(self._clock)))

    def _with(self, condition: str) -> str:
        return " and ".join(filter(None, (self._filter, condition)))

    def _at_once(self, listings: Iterable[Iterator[_Page]], patience: _Patience) -> Iterator[_Page]:
        """Yield the pages of all listings in turn, a few listings at a time, each of them a page ahead."""
        rest = iter(listings)
        self._token()  # here and once, lest each of the threads tries a login that fails
        under_way = deque((listing, _begin(listing)) for listing in islice(rest, QUERIES_AT_A_TIME))
        try:
            while under_way:
                listing, answer = under_way.popleft()
                page = answer.result()
                if (goes_on := next(rest, None) if page is None else listing) is not None:
                    under_way.append((goes_on, _begin(goes_on)))
                if page is not None:
                    yield page
        finally:
            patience.given_up.set()

    def _listing(self, user_filter: str, patience: _Patience) -> Iterator[_Page]:
        parameters = {"$select": self._select, "$top": str(PAGE_SIZE)}
        if user_filter:
            parameters["$filter"] = user_filter
        link: str | None = f"{self._users}?{urlencode(parameters, safe='$,', quote_via=quote)}"
        followed = set()
        while link is not None:
            if link in followed:
                raise DirectoryError(
                    "Graph's listing of users points back to a page that was read already, so its end cannot be "
                    "reached; nothing was sent, the next tick reads again"
                )
            followed.add(link)
            page = self._get(link, patience)
            yield page["value"]
            link = self._next(page)

    def _next(self, page: dict[str, Any]) -> str | None:
        link = page.get("@odata.nextLink")
        if link is None:
            return None
        # A prefix that ends the host is compared, not parsed parts: what one parser takes for the host of
        # `https://other\\@graph` is a user's name to the next.
        home = f"{self._endpoint}/"
        if not isinstance(link, str) or link[: len(home)].casefold() != home.casefold():
            raise DirectoryError(
                "Graph's listing of users continues on another host, which is not followed: the token stays with "
                "GRAPH_ENDPOINT. Check that GRAPH_ENDPOINT is the host of your cloud"
            )
        return link

    def _get(self, url: str, patience: _Patience, *, missing_ok: bool = False) -> Any:
        """Return the JSON object behind `url`, with patience; None for a 404 that is `missing_ok`."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            before=lambda _: patience.check(),
            before_sleep=patience.before_sleep,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._get_with_token, url, missing_ok)

    def _get_with_token(self, url: str, missing_ok: bool) -> Any:  # noqa: FBT001 (called by the retrying alone)
        answer = self._request(url, self._token())
        if answer.status == 401:  # noqa: PLR2004 (HTTP)
            answer = self._request(url, self._token(fresh=True))
        if answer.status == 404 and missing_ok:  # noqa: PLR2004 (HTTP)
            return None
        if answer.status != 200:  # noqa: PLR2004 (HTTP)
            raise self._refused(answer)
        try:
            found = _parsed(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._spoilt("is no JSON") from error
        if not isinstance(found, dict) or not (missing_ok or _is_listing(found)):
            raise self._spoilt("is no list of users")
        return found

    def _request(self, url: str, token: str) -> _Answer:
        with self._counting:
            self.requests += 1
        headers = {
            # Graph drops custom headers from its next links, so every page gets them.
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "client-request-id": str(uuid.uuid4()),
        }
        try:
            with self._session.get(
                url, headers=headers, timeout=_TIMEOUTS, allow_redirects=False, stream=True
            ) as response:
                return _Answer(response.status_code, response.headers, b"".join(response.iter_content(_PIECE)))
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Transient(self._unreachable(error), _NETWORK) from error
        except requests.exceptions.ContentDecodingError as error:
            raise self._spoilt("arrived damaged") from error
        except requests.RequestException as error:
            raise DirectoryError(f"{self._unreachable(error)}: {_NETWORK}; the next tick tries again") from error

    def _unreachable(self, error: Exception) -> str:
        return f"no whole answer from Graph at {self._endpoint} ({type(error).__name__})"

    def _spoilt(self, how: str) -> _Transient:
        what = f"the answer of Graph at {self._endpoint} {how}"
        return _Transient(what, "check GRAPH_ENDPOINT and any proxy on the way")

    def _refused(self, answer: _Answer) -> DirectoryError:
        status = answer.status
        code, where = graph_answer(status, answer.headers, answer.body)
        if status in _AGAIN:
            with self._counting:
                self.throttled += status == 429  # noqa: PLR2004 (HTTP)
            if status == 503:  # noqa: PLR2004 (HTTP)
                self._session.close()  # https://learn.microsoft.com/graph/best-practices-concept: on a new connection
            wait = _retry_after(answer.headers)
            if wait is not None and wait > LONGEST_WAIT:
                return DirectoryError(
                    f"{where} and asks to wait {wait:.0f} s, longer than the {LONGEST_WAIT:.0f} s that a run waits; "
                    "the next tick tries again"
                )
            return _Transient(where, wait=wait)
        if code in _EXPIRED:
            return ListingExpired(where)
        refusal = refusal_of(GRAPH, f"{status} {code}", *_BY_STATUS.get(status, ()))
        kind = QueryRefused if code == "Request_UnsupportedQuery" else DirectoryError
        return kind(refusal.sentence(where))


def _dealt(days: Collection[date]) -> Iterator[str]:
    """Yield the values for each query: as few queries as the limit allows, or as many as are asked at once."""
    ordered = sorted(set(days))
    queries = max(-(-len(ordered) // VALUES_PER_QUERY), min(len(ordered), QUERIES_AT_A_TIME))
    for number in range(queries):
        yield ",".join(f"'{day.isoformat()}'" for day in ordered[number::queries])


def _begin(listing: Iterator[_Page]) -> Future[_Page | None]:
    """Read a listing's next page in a thread of its own; None after the last one."""
    answer: Future[_Page | None] = Future()

    def work() -> None:
        try:
            answer.set_result(next(listing, None))
        except BaseException as error:  # noqa: BLE001 (raised where the page is awaited)
            answer.set_exception(error)

    # A daemon, and no pool: a page that nobody awaits any longer must not hold up the end of the process.
    threading.Thread(target=work, name="graph", daemon=True).start()
    return answer


def _wait(state: RetryCallState) -> float:
    """Wait as long as Graph asks, else 1, 2, 4 … seconds with jitter, so that callers do not return in step."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Transient) and error.wait is not None:
        return error.wait
    return min(LONGEST_WAIT, 2.0 ** (state.attempt_number - 1)) * random.uniform(0.75, 1.25)  # noqa: S311


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After; Graph sends a number, never a date."""
    text = headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _parsed(body: bytes) -> Any:
    """Return the JSON of an answer; a lone surrogate, which the fast parser refuses, spoils a name and not a page."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def _is_listing(answer: dict[str, Any]) -> bool:
    rows = answer.get("value")
    return isinstance(rows, list) and set(map(type, rows)) <= {dict}
