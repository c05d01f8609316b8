"""What only Graph does, and what can go wrong with it. The contract is in `tests/contract/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests

from due_notices.adapters.graph import GraphDirectory
from due_notices.adapters.graph_users import SELECTED
from due_notices.adapters.retries import GRAPH
from due_notices.errors import CredentialError, DirectoryError, ListingExpired
from local.clock import now
from local.customers import SAMPLE_OPT_OUT
from local.emulated_service import RecordedRequest
from local.faults import (
    Damage,
    Fault,
    cut_body,
    damaged_gzip,
    invalid_json,
    next_link_over_http,
    next_link_to,
    next_link_to_host,
    next_link_to_itself,
)
from local.stack import LocalStack
from tests.adapters.conftest import MakeDirectory
from tests.fakes import MovableClock

DUE = date(2026, 12, 1)
USERS_PATH = "/v1.0/users"


def people(
    stack: LocalStack, count: int, due: Callable[[int], object] = lambda _: "2026-12-01"
) -> list[dict[str, Any]]:
    return [
        {"id": f"user-{number:05d}", "displayName": f"Person {number}", "accountEnabled": True, stack.attribute: value}
        for number in range(count)
        for value in [due(number)]
    ]


@pytest.fixture
def three_pages(stack: LocalStack) -> Sequence[dict[str, Any]]:
    """Give the directory 25 users on three pages."""
    users = people(stack, 25)
    stack.graph.users = users
    stack.graph.directory.page_limit = 10
    return users


def listed(directory: GraphDirectory) -> list[str]:
    return [str(row["id"]) for page in directory.pages() for row in page.rows]


def listings(stack: LocalStack) -> list[RecordedRequest]:
    return [request for request in stack.graph.requests if request.path == USERS_PATH]


def token_requests(stack: LocalStack) -> int:
    return sum(request.path.endswith("/token") for request in stack.entra.requests)


def failure(directory: GraphDirectory) -> str:
    with pytest.raises(DirectoryError) as caught:
        listed(directory)
    assert type(caught.value) is not ListingExpired
    assert "eyJ" not in str(caught.value)
    return str(caught.value)


# Reading.


def test_2500_users_over_three_pages_and_an_empty_one_are_all_read(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    stack.graph.users = people(stack, 2500)
    stack.graph.directory.empty_page_after = 2

    pages = list(make_directory().pages())

    assert [len(page) for page in pages] == [999, 999, 0, 502]
    assert len({row["id"] for page in pages for row in page.rows}) == 2500


@pytest.mark.usefixtures("three_pages")
def test_every_page_asks_for_what_is_used_and_no_more(stack: LocalStack, make_directory: MakeDirectory) -> None:
    listed(make_directory())

    assert len(listings(stack)) == 3
    for request in listings(stack):
        assert request.query["$top"] == "999"
        assert set(request.query["$select"].split(",")) == {*SELECTED, stack.attribute, SAMPLE_OPT_OUT}
        assert request.query["$filter"] == "accountEnabled eq true"
        assert request.headers["accept"] == "application/json"
        assert "consistencylevel" not in request.headers
    assert len({request.headers["client-request-id"] for request in listings(stack)}) == 3


def test_without_a_filter_none_is_sent(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.users = [*people(stack, 1), {"id": "disabled", "accountEnabled": False}]

    assert len(listed(make_directory(USER_FILTER=""))) == 2
    assert len(listed(make_directory())) == 1
    assert "$filter" not in listings(stack)[0].query


@pytest.mark.parametrize("spell", [str, str.upper, str.lower])
def test_an_opt_out_is_seen_however_its_name_is_spelled(
    stack: LocalStack, make_directory: MakeDirectory, spell: Callable[[str], str]
) -> None:
    stack.graph.users = [{"id": who, "accountEnabled": True, SAMPLE_OPT_OUT: who == "a"} for who in ("a", "b")]
    directory = make_directory(OPT_OUT_ATTRIBUTE=spell(SAMPLE_OPT_OUT))

    (page,) = directory.pages()

    found = [page.user(0), page.user(1), *(one.user for who in ("a", "b") if (one := directory.user(who)))]
    assert [user.opted_out for user in found if user] == [True, False, True, False]


def test_without_an_opt_out_attribute_none_is_asked_for(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.users = [{"id": "a", "accountEnabled": True, SAMPLE_OPT_OUT: True}]

    (page,) = make_directory(OPT_OUT_ATTRIBUTE="").pages()

    user = page.user(0)
    assert user is not None
    assert not user.opted_out
    assert SAMPLE_OPT_OUT not in listings(stack)[0].query["$select"]


def test_an_attribute_from_on_premises_is_selected_with_its_parent(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    attribute = "onPremisesExtensionAttributes/extensionAttribute7"
    stack.graph.users = [
        {"id": "a", "accountEnabled": True, "onPremisesExtensionAttributes": {"extensionAttribute7": "2026-12-01"}}
    ]

    (page,) = make_directory(DUE_DATE_ATTRIBUTE=attribute).pages()

    assert list(page.values) == ["2026-12-01"]


@pytest.mark.usefixtures("three_pages")
def test_one_token_serves_all_pages(stack: LocalStack, make_directory: MakeDirectory) -> None:
    directory = make_directory()

    for _ in range(3):
        listed(directory)

    assert token_requests(stack) == 1


@pytest.mark.usefixtures("three_pages")
def test_a_token_that_runs_out_while_reading_is_replaced(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.entra.token_lifetime = timedelta(seconds=120)  # MSAL does not use the last five minutes

    for number, _ in enumerate(make_directory().pages(), start=1):
        assert token_requests(stack) == number
        clock.move(minutes=1)

    assert token_requests(stack) == 3


def test_a_misspelt_attribute_in_the_filter_is_refused(make_directory: MakeDirectory) -> None:
    with pytest.raises(DirectoryError, match="USER_FILTER"):
        listed(make_directory(USER_FILTER="extension_" + "0" * 32 + "_nothing eq 'x'"))


# Throttling and outages.


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("status", [429, 503, 504])
def test_it_waits_exactly_as_long_as_graph_asks(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, status: int
) -> None:
    stack.graph.faults.add(Fault(status=status, headers={"Retry-After": "17"}, on_request=2))
    directory = make_directory()

    assert len(listed(directory)) == 25

    assert clock.waits == [17.0]
    assert directory.throttled == (status == 429)
    assert directory.requests == 4


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_without_retry_after_it_waits_longer_from_try_to_try(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, status: int
) -> None:
    stack.graph.faults.add(Fault(status=status, times=4))

    assert len(listed(make_directory())) == 25

    assert len(clock.waits) == 4
    for number, seconds in enumerate(clock.waits):
        assert 0.75 * 2**number <= seconds <= 1.25 * 2**number


@pytest.mark.parametrize(
    ("text", "waited"),
    [
        ("45.5", 45.5),
        ("1.5", 1.5),
        ("5, 10", 10.0),  # joined by a proxy
    ],
)
def test_retry_after_may_have_fractions(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, text: str, waited: float
) -> None:
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": text}, times=1))

    listed(make_directory())

    assert clock.waits == [waited]


def test_retry_after_may_be_a_date(stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock) -> None:
    later = format_datetime(now() + timedelta(seconds=30), usegmt=True)
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": later}, times=1))

    listed(make_directory())

    assert 27 <= clock.waits[0] <= 32


@pytest.mark.parametrize("text", ["soon", "-5", "0", "0.5", "Wed, 21 Oct 2020 07:28:00 GMT", ""])
def test_a_retry_after_that_asks_for_no_wait_leaves_the_pause_as_it_is(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, text: str
) -> None:
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": text}, times=1))

    listed(make_directory())

    assert len(clock.waits) == 1
    assert 0.75 <= clock.waits[0] <= 1.25


@pytest.mark.parametrize(("seconds", "waited"), [(1, True), (120, True), (121, False), (3600, False)])
def test_a_very_long_wait_is_not_worth_a_runs_time(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, seconds: int, *, waited: bool
) -> None:
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": str(seconds)}, times=1))

    if waited:
        listed(make_directory())
        assert clock.waits == [float(seconds)]
        return

    text = failure(make_directory())
    assert "429 TooManyRequests" in text
    assert f"asks to wait {seconds} s, longer than the {GRAPH.longest:.0f} s" in text
    assert "the next tick" in text
    assert clock.waits == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_outage_ends_in_one_sentence(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, status: int
) -> None:
    stack.graph.faults.add(Fault(status=status))

    text = failure(make_directory())

    assert f"answered {status} " in text
    assert f"{GRAPH.attempts} times" in text
    assert "the next tick tries again" in text
    assert len(listings(stack)) == GRAPH.attempts
    assert sum(clock.waits) < 60


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=429, headers={"Retry-After": "40"}), "429 TooManyRequests"),
        (Fault(status=503, headers={"Retry-After": "40"}), "answered 503"),
        (Fault(damage=invalid_json()), "is not JSON"),
    ],
    ids=["429", "503", "JSON"],
)
def test_nothing_is_waited_for_beyond_the_deadline(
    stack: LocalStack,
    make_directory: MakeDirectory,
    clock: MovableClock,
    fault: Fault,
    said: str,
) -> None:
    stack.graph.faults.add(fault)
    deadline = clock.monotonic() + (100 if fault.status else 2)

    with pytest.raises(DirectoryError) as caught:
        list(make_directory().pages(deadline=deadline))

    assert said in str(caught.value)
    assert "the run has no time left to ask again" in str(caught.value)
    assert str(caught.value).endswith("; the next tick tries again")
    assert "times" not in str(caught.value)
    assert clock.waits
    assert clock.monotonic() <= deadline


@pytest.mark.usefixtures("three_pages")
def test_a_pause_that_ends_before_the_deadline_is_kept(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "40"}, times=2))

    assert sum(map(len, make_directory().pages(deadline=clock.monotonic() + 80))) == 25
    assert clock.waits == [40.0, 40.0]


def test_after_a_503_it_comes_back_on_a_new_connection(
    stack: LocalStack, make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    close = requests.Session.close

    def remember(session: requests.Session) -> None:
        closed.append(len(listings(stack)))
        close(session)

    monkeypatch.setattr(requests.Session, "close", remember)
    stack.graph.faults.add(Fault(status=503, on_request=2))
    directory = make_directory()

    listed(directory)
    listed(directory)

    assert 2 in closed


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("on_page", [1, 2, 3])
@pytest.mark.parametrize(
    "damage", [cut_body(), cut_body(0.99), cut_body(0), damaged_gzip(), invalid_json()], ids=lambda _: ""
)
def test_a_damaged_page_is_read_again(
    stack: LocalStack, make_directory: MakeDirectory, damage: Damage, on_page: int
) -> None:
    stack.graph.faults.add(Fault(damage=damage, on_request=on_page))

    assert listed(make_directory()) == [f"user-{number:05d}" for number in range(25)]


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("damage", [cut_body(), damaged_gzip(), invalid_json()], ids=["cut", "gzip", "JSON"])
def test_pages_that_stay_damaged_end_in_one_sentence(
    stack: LocalStack, make_directory: MakeDirectory, damage: Damage
) -> None:
    stack.graph.faults.add(Fault(damage=damage))

    text = failure(make_directory())

    assert stack.graph.base_url in text
    assert "GRAPH_ENDPOINT" in text
    assert "the next tick tries again" in text
    assert len(listings(stack)) == GRAPH.attempts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in to the hotel's network</html>",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"value":null}',
        b'{"value":{"id":"a"}}',
        b'{"value":[1]}',
        b'{"value":[null]}',
        b'{"value":[["id"]]}',
        b"[" * 100_000,
        b'{"value":[' + b"1" * 5_000 + b"]}",
        b'\xff\xfe{"value":[]}',
        b'{"value":[]} trailing',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_an_answer_that_is_no_list_of_users_never_passes_for_one(
    stack: LocalStack, make_directory: MakeDirectory, body: bytes
) -> None:
    stack.graph.faults.add(Fault(status=200, body=body))

    assert "GRAPH_ENDPOINT" in failure(make_directory())
    assert len(listings(stack)) == GRAPH.attempts


def test_where_no_server_listens_the_error_names_the_address(
    make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    directory = make_directory(GRAPH_ENDPOINT="https://127.0.0.1:1")
    monkeypatch.setattr(directory._graph, "_token", lambda **_: "token")

    text = failure(directory)

    assert len(clock.waits) == GRAPH.attempts - 1

    assert "https://127.0.0.1:1" in text


# Links.


@pytest.mark.usefixtures("three_pages")
def test_a_page_whose_link_points_to_itself_ends_the_reading(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.faults.add(Fault(damage=next_link_to_itself(), on_request=2))

    assert "points back to a page that was read already" in failure(make_directory())
    assert len(listings(stack)) <= 4


@pytest.mark.usefixtures("three_pages")
def test_a_link_back_to_an_earlier_page_ends_the_reading(stack: LocalStack, make_directory: MakeDirectory) -> None:
    directory = make_directory()
    first_link: list[str] = []
    adapter = directory._graph._session.get_adapter("https://")
    send = adapter.send

    def remember(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        first_link.append(str(request.url))
        if len(first_link) == 2:
            stack.graph.faults.add(Fault(damage=next_link_to(first_link[0]), times=1))
        return send(request, **options)

    adapter.send = remember  # type: ignore[assignment, method-assign]

    assert "points back" in failure(directory)
    assert len(listings(stack)) <= 4


def hostile_links(stack: LocalStack) -> dict[str, str]:
    """Return links that lead to the vault's server, or nowhere, by any trick of writing."""
    graph, vault = (service.base_url.removeprefix("https://") for service in (stack.graph, stack.vault))
    path = f"{USERS_PATH}?$skiptoken=x"
    return {
        "another host": f"https://example.com{path}",
        "another port": f"https://{vault}{path}",
        "the host as user": f"https://{graph}@{vault}{path}",
        "a backslash": f"https://{vault}\\@{graph}{path}",
        "another backslash": f"https://{graph}\\@{vault}{path}",
        "user information": f"https://somebody:secret@{graph}{path}",
        "a longer host": f"https://{graph}.example.com{path}",
        "a longer port": f"https://{graph}0{path}",
        "no scheme": f"//{vault}{path}",
        "only a path": path,
        "http": f"http://{graph}{path}",
        "no port number": f"https://127.0.0.1:port{path}",
        "a broken address": "https://[::1/users",
        "a space before": f" https://{vault}{path}",
        "a line break": f"https://{vault}\n@{graph}{path}",
        "a file": "file:///etc/passwd",
        "empty": "",
    }


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize(
    "trick",
    [
        "another host",
        "another port",
        "the host as user",
        "a backslash",
        "another backslash",
        "user information",
        "a longer host",
        "a longer port",
        "no scheme",
        "only a path",
        "http",
        "no port number",
        "a broken address",
        "a space before",
        "a line break",
        "a file",
        "empty",
    ],
)
def test_a_link_to_anywhere_else_is_never_followed(
    stack: LocalStack, make_directory: MakeDirectory, trick: str
) -> None:
    stack.graph.faults.add(Fault(damage=next_link_to(hostile_links(stack)[trick]), times=1))
    directory = make_directory()

    assert "another host, which is not followed" in failure(directory)

    assert directory.requests == 1
    assert len(stack.graph.requests) == 1
    assert not any(request.path == USERS_PATH for request in stack.vault.requests)


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("link", [17, ["https://graph"], {"href": "x"}, True])
def test_a_link_that_is_no_text_is_never_followed(
    stack: LocalStack, make_directory: MakeDirectory, link: object
) -> None:
    body = json.dumps({"value": [], "@odata.nextLink": link}).encode()
    stack.graph.faults.add(Fault(status=200, body=body))

    assert "not followed" in failure(make_directory())


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("damage", [next_link_over_http(), next_link_to_host("example.com")], ids=["http", "host"])
def test_a_link_that_only_changes_host_or_scheme_is_never_followed(
    stack: LocalStack, make_directory: MakeDirectory, damage: Damage
) -> None:
    stack.graph.faults.add(Fault(damage=damage, times=1))

    assert "the token stays" in failure(make_directory())
    assert len(stack.graph.requests) == 1


@pytest.mark.usefixtures("three_pages")
def test_a_redirect_is_not_followed(stack: LocalStack, make_directory: MakeDirectory) -> None:
    location = f"{stack.vault.base_url}{USERS_PATH}"
    stack.graph.faults.add(Fault(status=302, headers={"Location": location}, body=b""))

    assert "answered 302" in failure(make_directory())
    assert not stack.vault.requests or all(request.path != USERS_PATH for request in stack.vault.requests)


# The listing's state.


@pytest.mark.usefixtures("three_pages")
def test_an_expired_page_token_is_distinguished_from_other_failures(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    pages = make_directory().pages()
    next(pages)
    stack.graph.directory.expire_page_tokens()

    with pytest.raises(ListingExpired, match="Directory_ExpiredPageToken"):
        next(pages)


@pytest.mark.usefixtures("three_pages")
def test_an_unknown_page_token_counts_as_expired(stack: LocalStack, make_directory: MakeDirectory) -> None:
    pages = make_directory().pages()
    link = f"{stack.graph.base_url}{USERS_PATH}?$skiptoken=unknown"
    stack.graph.faults.add(Fault(damage=next_link_to(link), times=1))
    next(pages)

    with pytest.raises(ListingExpired, match="DirectoryPageTokenNotFoundException"):
        next(pages)


# Rights.


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("on_request", [1, 2])
def test_a_token_that_is_refused_once_is_replaced(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, on_request: int
) -> None:
    stack.graph.faults.add(Fault(status=401, on_request=on_request))

    assert len(listed(make_directory())) == 25

    assert token_requests(stack) == 2
    assert clock.waits == []


def test_a_token_that_is_always_refused_ends_the_reading(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.faults.add(Fault(status=401))

    text = failure(make_directory())

    assert "401 InvalidAuthenticationToken" in text
    assert "GRAPH_ENDPOINT and AZURE_AUTHORITY_HOST are of one cloud" in text
    assert len(listings(stack)) <= 4


@pytest.mark.parametrize("roles", [[], ["User.ReadBasic.All", "Mail.Send"]])
def test_a_missing_permission_is_named_with_its_remedy(
    stack: LocalStack, make_directory: MakeDirectory, roles: list[str]
) -> None:
    stack.entra.set_roles(stack.app.client_id, roles)

    text = failure(make_directory())

    assert "403 Authorization_RequestDenied" in text
    assert "User.Read.All" in text
    assert "consent" in text
    assert len(listings(stack)) == 1


def test_a_login_that_fails_is_no_failure_of_the_directory(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.secret_rotate(store=False)

    with pytest.raises(CredentialError):
        listed(make_directory())
    assert listings(stack) == []


@pytest.mark.parametrize("status", [400, 404, 405, 410, 418, 501])
def test_any_other_answer_ends_the_reading_at_once(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, status: int
) -> None:
    stack.graph.faults.add(Fault(status=status))

    text = failure(make_directory())

    assert f"answered {status} " in text
    assert "request id " in text
    assert ("correct USER_FILTER" if status == 400 else "look it up") in text
    assert clock.waits == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad Gateway</html>",
        b'{"error":"text"}',
        b'{"error":{"code":5}}',
        b'{"error":{"code":"two\\nlines eyJsecret"}}',
        b"[]",
        b"",
    ],
)
def test_an_error_in_another_form_is_reported_without_quoting_it(
    stack: LocalStack, make_directory: MakeDirectory, body: bytes
) -> None:
    stack.graph.faults.add(Fault(status=400, body=body, headers={"request-id": "two words"}))

    text = failure(make_directory())

    assert "400 (no code) (request id unknown)" in text
    assert "\n" not in text


def test_one_user_is_read_with_the_same_patience(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.graph.users = people(stack, 3)
    stack.graph.faults.add(Fault(status=503, times=2))

    found = make_directory().user("user-00001")

    assert found is not None
    assert found.user.display_name == "Person 1"
    assert len(clock.waits) == 2


@pytest.mark.parametrize("body", [b"{}", b'{"value": []}', b'{"id": null}'])
def test_an_answer_without_an_id_is_no_user(stack: LocalStack, make_directory: MakeDirectory, body: bytes) -> None:
    stack.graph.faults.add(Fault(status=200, body=body))

    assert make_directory().user("user-00001") is None


# Answers that are not Graph's.


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 407])
def test_an_answer_of_a_proxy_says_nothing_about_graph(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, status: int
) -> None:
    stack.graph.faults.add(Fault(status=status, body=b"<html>Blocked by policy</html>", foreign=True))

    text = failure(make_directory())

    assert f"HTTP {status} came instead of an answer of Graph" in text
    assert not any(word in text for word in ("User.Read.All", "consent", "cloud", "<"))
    assert len(stack.graph.requests) == 1
    assert clock.waits == []


@pytest.mark.usefixtures("three_pages")
def test_a_gateway_that_fails_for_a_moment_is_asked_again_and_is_no_throttling(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.graph.faults.add(Fault(status=429, body=b"<html>", foreign=True, times=2))
    directory = make_directory()

    assert len(listed(directory)) == 25
    assert (len(clock.waits), directory.throttled) == (2, 0)


def test_a_refusal_has_this_deployments_values_in_its_commands(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    body = json.dumps({"error": {"code": "Authorization_IdentityNotFound", "message": "…"}}).encode()
    stack.graph.faults.add(Fault(status=401, body=body))

    text = failure(make_directory())

    assert f"az ad sp create --id {stack.app.client_id}" in text
    assert f"admin-consent --id {stack.app.client_id}" in text


@pytest.mark.parametrize("status", [401, 403])
def test_an_unknown_code_is_shown_without_a_cause(
    stack: LocalStack, make_directory: MakeDirectory, status: int
) -> None:
    body = json.dumps({"error": {"code": "SomethingNew", "message": "…"}}).encode()
    stack.graph.faults.add(Fault(status=status, body=body))

    text = failure(make_directory())

    assert f"{status} SomethingNew" in text
    assert "User.Read.All" not in text
    assert "cloud" not in text


# A page that had to be asked for again.


def refuse_links_of_retried_pages(stack: LocalStack, fail: int) -> None:
    """Answer the request number `fail` with 503, and the link of the page that then comes as Graph may."""
    body = json.dumps({"error": {"code": "DirectoryPageTokenNotFoundException", "message": "…"}}).encode()
    stack.graph.faults.add(Fault(status=503, on_request=fail))
    stack.graph.faults.add(Fault(status=400, body=body, on_request=fail + 2))


@pytest.mark.parametrize("fail", [1, 2])
def test_the_link_of_a_page_that_was_asked_again_may_be_refused_and_costs_one_page(
    stack: LocalStack, make_directory: MakeDirectory, three_pages: Sequence[dict[str, Any]], fail: int
) -> None:
    refuse_links_of_retried_pages(stack, fail)

    assert listed(make_directory()) == [user["id"] for user in three_pages]
    assert len(listings(stack)) == 3 + 2 + fail


@pytest.mark.usefixtures("three_pages")
def test_where_the_last_good_link_does_not_help_the_listing_starts_again(
    stack: LocalStack, make_directory: MakeDirectory
) -> None:
    refuse_links_of_retried_pages(stack, 2)
    body = json.dumps({"error": {"code": "DirectoryPageTokenNotFoundException", "message": "…"}}).encode()
    stack.graph.faults.add(Fault(status=400, body=body, on_request=5))

    with pytest.raises(ListingExpired):
        listed(make_directory())


def test_a_link_that_comes_twice_with_other_users_is_followed(stack: LocalStack, make_directory: MakeDirectory) -> None:
    link = f"{stack.graph.base_url}{USERS_PATH}?$skiptoken=same"
    pages = [{"value": [{"id": f"user-{number}"}], "@odata.nextLink": link} for number in range(3)]
    bodies = [*pages, {"value": [{"id": "last"}]}]
    for number, body in enumerate(bodies, 1):
        stack.graph.faults.add(Fault(status=200, body=json.dumps(body).encode(), on_request=number))

    assert listed(make_directory()) == ["user-0", "user-1", "user-2", "last"]


# Who is meant.


@pytest.fixture
def family(stack: LocalStack) -> None:
    stack.graph.users = [
        {
            "id": "parent",
            "displayName": "Parent",
            "userPrincipalName": "parent@contoso.example",
            "mail": "o'hara@example.com",
            "otherMails": ["second@example.org"],
            "identities": [{"signInType": "emailAddress", "issuer": "x", "issuerAssignedId": "login@example.net"}],
        },
        {"id": "child", "userPrincipalName": "$x@example.com", "otherMails": ["shared@example.org"]},
        {"id": "aunt", "userPrincipalName": "aunt@contoso.example", "mail": "shared@example.org"},
    ]


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("parent", "parent"),
        ("parent@contoso.example", "parent"),
        ("o'hara@example.com", "parent"),
        ("second@example.org", "parent"),
        ("login@example.net", "parent"),
        ("$x@example.com", "child"),
        ("nobody@example.com", None),
        ("nobody", None),
    ],
)
def test_a_customer_is_found_by_id_name_or_any_address(
    make_directory: MakeDirectory, who: str, found: str | None
) -> None:
    user = make_directory().user(who)

    assert (user.user.id if user else None) == found


@pytest.mark.usefixtures("family")
def test_an_address_of_two_customers_names_both(make_directory: MakeDirectory) -> None:
    with pytest.raises(DirectoryError, match=r"2 users have this address: .* aunt, child"):
        make_directory().user("shared@example.org")


@pytest.mark.usefixtures("family")
def test_a_name_that_begins_with_a_dollar_is_put_in_brackets(stack: LocalStack, make_directory: MakeDirectory) -> None:
    make_directory().user("$x@example.com")

    assert stack.graph.requests[-1].path == "/v1.0/users('$x@example.com')"
