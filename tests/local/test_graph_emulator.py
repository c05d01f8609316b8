from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from local.clock import now
from local.graph_listing import COLLECTIONS, DEFAULT_PROPERTIES, KEPT_LISTINGS
from local.stack import LocalStack
from local.tokens import TokenAuthority

Get = Callable[..., requests.Response]
People = Callable[..., list[dict[str, Any]]]
ADVANCED = {"ConsistencyLevel": "eventual"}


def pages(get: Get, path: str, **options: Any) -> Iterator[dict[str, Any]]:
    url: str | None = path
    while url is not None:
        reply = get(url, **options)
        assert reply.status_code == 200, reply.text
        yield reply.json()
        url = reply.json().get("@odata.nextLink")


def assert_refused(reply: requests.Response, status: int, code: str, message: str = "") -> None:
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert message in error["message"]
    assert error["innerError"]["request-id"] == reply.headers["request-id"]
    assert {"date", "client-request-id"} <= error["innerError"].keys()


class TestProperties:
    def test_without_select_the_default_set_is_shown(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(1, mail="p@example.com", otherMails=["q@example.com"])

        (user,) = graph_get("/v1.0/users").json()["value"]

        assert user.keys() == set(DEFAULT_PROPERTIES)
        assert user["mail"] == "p@example.com"
        assert user["surname"] is None
        assert user["businessPhones"] == []

    def test_select_shows_what_it_names_and_nothing_else(
        self, stack: LocalStack, graph_get: Get, people: People
    ) -> None:
        stack.graph.users = people(1, mail="p@example.com")

        reply = graph_get("/v1.0/users?$select=displayName,mail,otherMails").json()

        assert reply["value"] == [{"displayName": "Person 0", "mail": "p@example.com", "otherMails": []}]
        assert reply["@odata.context"].endswith("/v1.0/$metadata#users(displayName,mail,otherMails)")

    def test_an_extension_without_a_value_is_absent(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        with_value = people(1, **{stack.attribute: "2026-12-01"})
        stack.graph.users = [*with_value, *people(1), *people(1, **{stack.attribute: None})]

        rows = graph_get(f"/v1.0/users?$select={stack.attribute}").json()["value"]

        assert rows == [{stack.attribute: "2026-12-01"}, {}, {}]

    def test_a_name_that_is_not_declared_is_ignored(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(1)

        rows = graph_get(f"/v1.0/users?$select=id,extension_{'0' * 32}_other,nonsense").json()["value"]

        assert rows == [{"id": "0000"}]

    def test_letters_of_all_scripts_arrive_as_themselves(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.users = [{"id": "1", "displayName": 'Ёлка 𠮷田 <&> "q" \\ \u2028'}]

        assert graph_get("/v1.0/users").json()["value"][0]["displayName"] == 'Ёлка 𠮷田 <&> "q" \\ \u2028'

    @pytest.mark.parametrize("key", ["0001", "PERSON@example.com"])
    def test_one_user_is_found_by_id_or_principal_name(self, stack: LocalStack, graph_get: Get, key: str) -> None:
        stack.graph.users = [
            {"id": "0000"},
            {"id": "0001", "userPrincipalName": "person@example.com", "accountEnabled": False},
        ]

        user = graph_get(f"/v1.0/users/{key}?$select=id,accountEnabled").json()

        assert (user["id"], user["accountEnabled"]) == ("0001", False)

    def test_an_unknown_user_is_not_found(self, graph_get: Get) -> None:
        assert_refused(graph_get("/v1.0/users/nobody"), 404, "Request_ResourceNotFound", "'nobody'")

    def test_collections_are_part_of_what_can_be_selected(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.users = [{"id": "1"}]

        (user,) = graph_get(f"/v1.0/users?$select={','.join(sorted(COLLECTIONS))}").json()["value"]

        assert user == {name: [] for name in COLLECTIONS}


class TestPages:
    def test_the_links_lead_through_all_users_once(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(2_500)

        found = list(pages(graph_get, "/v1.0/users?$select=id&$top=999"))

        assert [len(page["value"]) for page in found] == [999, 999, 502]
        assert [user["id"] for page in found for user in page["value"]] == [user["id"] for user in people(2_500)]

    def test_a_page_holds_a_hundred_users_unless_asked(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(101)

        assert [len(page["value"]) for page in pages(graph_get, "/v1.0/users")] == [100, 1]

    def test_full_pages_leave_no_empty_one_at_the_end(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(20)

        assert [len(page["value"]) for page in pages(graph_get, "/v1.0/users?$top=10")] == [10, 10]

    def test_an_empty_directory_is_one_empty_page(self, graph_get: Get) -> None:
        assert graph_get("/v1.0/users").json()["value"] == []

    def test_the_link_is_absolute_and_repeats_the_query(
        self, stack: LocalStack, graph_get: Get, people: People
    ) -> None:
        stack.graph.users = people(3)

        link = graph_get("/v1.0/users?$select=id&$top=1&$filter=accountEnabled eq true").json()["@odata.nextLink"]

        assert link.startswith(f"{stack.graph.base_url}/v1.0/users?$select=id&$top=1&$filter=accountEnabled")
        assert "&$skiptoken=" in link

    @pytest.mark.parametrize("top", ["0", "1000", "99999"])
    def test_a_page_size_out_of_range_is_refused(self, graph_get: Get, top: str) -> None:
        reply = graph_get(f"/v1.0/users?$top={top}")

        assert_refused(reply, 400, "Request_UnsupportedQuery", "Must be between 1 and 999 inclusive")

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("$top=many", "BadRequest"),
            ("$top=-1", "BadRequest"),
            ("$skip=10", "Request_UnsupportedQuery"),
            ("$orderby=displayName", "Request_UnsupportedQuery"),
        ],
    )
    def test_an_option_that_is_not_supported_is_refused(self, graph_get: Get, query: str, code: str) -> None:
        assert_refused(graph_get(f"/v1.0/users?{query}"), 400, code)

    def test_an_empty_page_in_the_middle_still_has_a_link(
        self, stack: LocalStack, graph_get: Get, people: People
    ) -> None:
        stack.graph.users = people(5)
        stack.graph.directory.empty_page_after = 1

        found = list(pages(graph_get, "/v1.0/users?$top=2"))

        assert [len(page["value"]) for page in found] == [2, 0, 2, 0, 1]

    def test_pages_may_be_smaller_than_asked_for(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(5)
        stack.graph.directory.page_limit = 2

        assert [len(page["value"]) for page in pages(graph_get, "/v1.0/users?$top=999")] == [2, 2, 1]

    def test_a_link_works_more_than_once(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(2)
        link = graph_get("/v1.0/users?$top=1").json()["@odata.nextLink"]

        assert graph_get(link).content == graph_get(link).content

    def test_an_invented_page_token_is_not_found(self, graph_get: Get) -> None:
        reply = graph_get("/v1.0/users?$skiptoken=invented")

        assert_refused(reply, 400, "DirectoryPageTokenNotFoundException")

    def test_a_page_token_holds_for_its_own_query_alone(
        self, stack: LocalStack, graph_get: Get, people: People
    ) -> None:
        stack.graph.users = people(2)
        link = graph_get("/v1.0/users?$top=1").json()["@odata.nextLink"]

        assert_refused(graph_get(link.replace("$top=1", "$top=2")), 400, "DirectoryPageTokenNotFoundException")

    def test_page_tokens_can_be_made_to_expire(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(2)
        link = graph_get("/v1.0/users?$top=1").json()["@odata.nextLink"]

        stack.graph.directory.expire_page_tokens()

        assert_refused(graph_get(link), 400, "Directory_ExpiredPageToken")
        assert len(list(pages(graph_get, "/v1.0/users?$top=1"))) == 2

    def test_old_listings_give_way_to_new_ones(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(KEPT_LISTINGS + 2)
        first = graph_get("/v1.0/users?$top=1").json()["@odata.nextLink"]

        for top in range(2, KEPT_LISTINGS + 2):
            graph_get(f"/v1.0/users?$top={top}")

        assert_refused(graph_get(first), 400, "Directory_ExpiredPageToken")


class TestFilters:
    @pytest.fixture(autouse=True)
    def directory(self, stack: LocalStack, people: People) -> None:
        due = [*people(1, **{stack.attribute: "2026-12-01"}), *people(1, **{stack.attribute: "2026-12-02"})]
        stack.graph.users = [*due, *people(1), {"id": "off", "accountEnabled": False}]

    @pytest.mark.parametrize(
        ("expression", "count"),
        [
            ("accountEnabled eq true", 3),
            ("{a} eq '2026-12-01'", 1),
            ("{a} in ('2026-12-01', '2026-12-02')", 2),
            ("accountEnabled eq true and {a} in ('2026-12-01')", 1),
            ("{a} eq '2026-12-01' or {a} eq '2026-12-02' or id eq 'off'", 3),
        ],
    )
    def test_a_default_filter_selects_users(
        self, stack: LocalStack, graph_get: Get, expression: str, count: int
    ) -> None:
        reply = graph_get(f"/v1.0/users?$filter={expression.format(a=stack.attribute)}")

        assert len(reply.json()["value"]) == count
        assert "@odata.count" not in reply.json()

    def test_the_service_refuses_what_graph_refuses(self, stack: LocalStack, graph_get: Get) -> None:
        days = ",".join(f"'2026-12-{day:02d}'" for day in range(1, 17))

        reply = graph_get(f"/v1.0/users?$filter={stack.attribute} in ({days})")

        assert_refused(reply, 400, "Request_UnsupportedQuery", "Too many child clauses")

    def test_an_advanced_query_needs_both_the_header_and_the_count(self, stack: LocalStack, graph_get: Get) -> None:
        path = f"/v1.0/users?$filter=startswith({stack.attribute},'2026-12')"

        assert_refused(graph_get(path), 400, "Request_UnsupportedQuery")
        assert_refused(graph_get(path, headers=ADVANCED), 400, "Request_UnsupportedQuery")
        assert_refused(graph_get(f"{path}&$count=true"), 400, "Request_UnsupportedQuery")
        assert len(graph_get(f"{path}&$count=true", headers=ADVANCED).json()["value"]) == 2

    def test_the_count_comes_with_the_first_page_only(self, graph_get: Get) -> None:
        found = list(pages(graph_get, "/v1.0/users?$count=true&$top=3", headers=ADVANCED))

        assert [page.get("@odata.count") for page in found] == [4, None]

    def test_the_count_without_the_header_is_silently_ignored(self, graph_get: Get) -> None:
        assert "@odata.count" not in graph_get("/v1.0/users?$count=true").json()

    def test_an_extension_counts_as_a_collection_once_a_user_holds_one(
        self, stack: LocalStack, graph_get: Get, people: People
    ) -> None:
        stack.graph.users = people(1, **{stack.attribute: ["2026-12-01"]})

        reply = graph_get(f"/v1.0/users?$filter={stack.attribute} in ('2026-12-01')")

        assert_refused(reply, 400, "Request_UnsupportedQuery")


class TestAccess:
    def test_a_missing_token_is_unauthorized(self, stack: LocalStack, http: requests.Session) -> None:
        reply = http.get(f"{stack.graph.base_url}/v1.0/users", timeout=5)

        assert_refused(reply, 401, "InvalidAuthenticationToken", "Access token is empty")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"audience": "https://vault.azure.net"}, "Invalid audience"),
            ({"lifetime": dt.timedelta(seconds=-1)}, "expired"),
        ],
    )
    def test_a_token_that_is_not_good_for_graph_is_unauthorized(
        self, graph_get: Get, graph_token: Callable[..., str], changes: dict[str, Any], message: str
    ) -> None:
        reply = graph_get("/v1.0/users", token=graph_token(**changes))

        assert_refused(reply, 401, "InvalidAuthenticationToken", message)

    def test_a_token_that_runs_out_is_refused_from_then_on(
        self, stack: LocalStack, graph_get: Get, graph_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = graph_token()
        assert graph_get("/v1.0/users", token=token).status_code == 200

        later = now() + stack.entra.token_lifetime
        monkeypatch.setattr("local.tokens.now", lambda: later)

        assert_refused(graph_get("/v1.0/users", token=token), 401, "InvalidAuthenticationToken", "expired")

    def test_a_forged_signature_is_unauthorized(self, stack: LocalStack, graph_get: Get) -> None:
        forger = TokenAuthority(stack.tokens.tenant_id)
        token = forger.issue(
            audience="https://graph.microsoft.com",
            object_id="o",
            app_id="a",
            lifetime=dt.timedelta(hours=1),
            roles={"User.Read.All"},
        )

        assert_refused(graph_get("/v1.0/users", token=token), 401, "InvalidAuthenticationToken", "signature")

    def test_a_token_that_is_none_is_unauthorized(self, graph_get: Get) -> None:
        assert_refused(graph_get("/v1.0/users", token="not.a.token"), 401, "InvalidAuthenticationToken")

    def test_a_token_without_the_permission_is_denied(self, graph_get: Get, graph_token: Callable[..., str]) -> None:
        reply = graph_get("/v1.0/users", token=graph_token(roles={"Group.Read.All"}))

        assert_refused(reply, 403, "Authorization_RequestDenied", "Insufficient privileges")


class TestDiagnostics:
    def test_a_page_says_what_it_cost(self, stack: LocalStack, graph_get: Get, people: People) -> None:
        stack.graph.users = people(1)

        units = {
            query: graph_get(f"/v1.0/users?{query}").headers["x-ms-resource-unit"]
            for query in ("$top=999", "$select=id&$top=999", "$top=10", "$select=id&$top=10")
        }

        assert list(units.values()) == ["2", "1", "1", "1"]

    def test_the_callers_request_id_comes_back(self, graph_get: Get) -> None:
        reply = graph_get("/v1.0/users", headers={"client-request-id": "mine"})

        assert reply.headers["client-request-id"] == "mine"
        assert reply.headers["request-id"] != "mine"
        assert "ServerInfo" in reply.headers["x-ms-ags-diagnostic"]
        assert reply.headers["Content-Type"].startswith("application/json;odata.metadata=minimal")

    @pytest.mark.parametrize(
        ("path", "message"),
        [("/v1.0/nonsense", "segment 'nonsense'"), ("/v1.0/groups/1", "segment 'groups'"), ("/v3/users", "v3")],
    )
    def test_an_unknown_resource_is_a_bad_request(self, graph_get: Get, path: str, message: str) -> None:
        assert_refused(graph_get(path), 400, "BadRequest", message)
