from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.keyvault.secrets import SecretClient

from local.faults import (
    Fault,
    Faults,
    cut_body,
    damaged_gzip,
    invalid_json,
    next_link_over_http,
    next_link_to,
    next_link_to_host,
    next_link_to_itself,
)
from local.stack import SECRET_NAME, LocalStack

Get = Callable[..., requests.Response]
People = Callable[..., list[dict[str, Any]]]


def statuses(get: Get, count: int) -> list[int]:
    return [get("/v1.0/users").status_code for _ in range(count)]


class TestWhichRequests:
    def test_all_of_them_unless_said_otherwise(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=503))

        assert statuses(graph_get, 3) == [503, 503, 503]

    def test_one_by_its_number(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "1"}, on_request=2))

        assert statuses(graph_get, 3) == [200, 429, 200]

    def test_every_nth(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=503, every=2))

        assert statuses(graph_get, 5) == [200, 503, 200, 503, 200]

    def test_the_next_few(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=503, times=2))

        assert statuses(graph_get, 4) == [503, 503, 200, 200]

    def test_those_to_a_path(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=503, path="/users/", times=1))

        assert graph_get("/v1.0/users").status_code == 200
        assert graph_get("/v1.0/users/0").status_code == 503

    def test_counting_starts_when_the_fault_is_added(self, stack: LocalStack, graph_get: Get) -> None:
        statuses(graph_get, 3)

        stack.graph.faults.add(Fault(status=503, on_request=1))

        assert statuses(graph_get, 2) == [503, 200]

    def test_none_after_clearing(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=503))
        stack.graph.faults.clear()

        assert statuses(graph_get, 1) == [200]

    def test_one_request_and_a_series_do_not_go_together(self) -> None:
        for series in ({"every": 2}, {"times": 1}):
            with pytest.raises(ValueError, match="on_request names one request"):
                Fault(on_request=1, **series)  # type: ignore[arg-type]

    def test_each_fault_keeps_its_own_count(self) -> None:
        faults = Faults()
        second, third = Fault(on_request=2), Fault(on_request=3)
        faults.add(second)
        faults.due("/")
        faults.add(third)

        assert [faults.due("/") for _ in range(3)] == [[second], [], [third]]


class TestPlannedAnswers:
    def test_status_headers_and_body_are_as_planned(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=502, headers={"content-type": "text/html"}, body=b"<h1>Bad gateway</h1>"))

        reply = graph_get("/v1.0/users")

        assert (reply.status_code, reply.text) == (502, "<h1>Bad gateway</h1>")
        assert reply.headers["content-type"] == "text/html"

    def test_without_a_body_the_service_words_it(self, stack: LocalStack, http: requests.Session) -> None:
        urls = {
            stack.graph: "/v1.0/users",
            stack.vault: f"/secrets/{SECRET_NAME}",
            stack.entra: "/common/discovery/instance",
            stack.identity: "/msi/token",
        }
        for service in urls:
            service.faults.add(Fault(status=503, headers={"Retry-After": "7"}))

        replies = [http.get(service.base_url + path, timeout=5) for service, path in urls.items()]

        assert [(reply.status_code, reply.headers["Retry-After"]) for reply in replies] == [(503, "7")] * 4
        graph, vault, entra, identity = (reply.json() for reply in replies)
        assert graph["error"]["code"] == "ServiceUnavailable"
        assert vault["error"]["code"] == "ServiceUnavailable"
        assert entra["error_codes"] == [90033]
        assert identity["statusCode"] == 503

    def test_a_delay_holds_the_answer_back(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(delay=0.2, on_request=1))
        start = time.monotonic()

        assert graph_get("/v1.0/users").status_code == 200

        assert time.monotonic() - start >= 0.2

    def test_a_delay_can_outlast_the_callers_patience(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(delay=60, on_request=1))

        with pytest.raises(requests.ReadTimeout):
            graph_get("/v1.0/users", timeout=0.2)
        assert graph_get("/v1.0/users").status_code == 200

    def test_an_sdk_meets_the_fault(self, stack: LocalStack, secrets: SecretClient) -> None:
        stack.vault.faults.add(Fault(status=500, times=1))

        with pytest.raises(HttpResponseError) as caught:
            secrets.get_secret(SECRET_NAME)

        assert caught.value.status_code == 500


class TestDamage:
    @pytest.fixture(autouse=True)
    def directory(self, stack: LocalStack, people: People) -> None:
        stack.graph.users = people(30)

    @pytest.mark.parametrize("after", [0.0, 0.5, 0.99])
    def test_a_cut_body_is_shorter_than_announced(
        self, stack: LocalStack, graph_get: Get, after: float, caplog: pytest.LogCaptureFixture
    ) -> None:
        stack.graph.faults.add(Fault(damage=cut_body(after), times=1))

        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            graph_get("/v1.0/users")

        assert graph_get("/v1.0/users").status_code == 200
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

    def test_damaged_gzip_cannot_be_unpacked(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(damage=damaged_gzip(), times=1))

        with pytest.raises(requests.exceptions.ContentDecodingError):
            graph_get("/v1.0/users")

    def test_invalid_json_is_complete_for_http(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(damage=invalid_json(), times=1))

        reply = graph_get("/v1.0/users")

        assert reply.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.content)

    def test_a_link_to_itself_repeats_the_page(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(damage=next_link_to_itself(), on_request=2))
        first = graph_get("/v1.0/users?$select=id&$top=10").json()
        second = graph_get(first["@odata.nextLink"]).json()

        again = graph_get(second["@odata.nextLink"]).json()

        assert again["value"] == second["value"]
        assert again["@odata.nextLink"] != second["@odata.nextLink"]

    def test_a_link_can_lead_elsewhere(self, stack: LocalStack, graph_get: Get) -> None:
        first = f"{stack.graph.base_url}/v1.0/users?$top=10"
        host = stack.graph.base_url.removeprefix("https://")
        for damage, start in (
            (next_link_to(first), first),
            (next_link_to_host("graph.example.com"), "https://graph.example.com/v1.0/users?$top=10&$skiptoken="),
            (next_link_over_http(), f"http://{host}/v1.0/users?$top=10&$skiptoken="),
        ):
            stack.graph.faults.add(Fault(damage=damage, times=1))
            assert graph_get("/v1.0/users?$top=10").json()["@odata.nextLink"].startswith(start)

    def test_the_last_page_has_no_link_to_change(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(damage=next_link_over_http(), times=1))

        assert "@odata.nextLink" not in graph_get("/v1.0/users").json()


class TestRecord:
    def test_requests_are_recorded_without_their_secrets(
        self, stack: LocalStack, graph_get: Get, http: requests.Session
    ) -> None:
        graph_get("/v1.0/users?$top=5&$filter=", headers={"ConsistencyLevel": "eventual"})
        http.post(f"{stack.entra.base_url}/x/oauth2/v2.0/token", data={"client_secret": "made-up"}, timeout=5)

        (listing,) = stack.graph.requests
        assert (listing.method, listing.path, listing.status) == ("GET", "/v1.0/users", 200)
        assert listing.query == {"$top": "5", "$filter": ""}
        assert listing.headers["consistencylevel"] == "eventual"
        assert "authorization" not in listing.headers
        assert "made-up" not in repr(stack.entra.requests)

    def test_a_planned_answer_is_recorded_with_its_status(self, stack: LocalStack, graph_get: Get) -> None:
        stack.graph.faults.add(Fault(status=429, on_request=2))

        statuses(graph_get, 3)

        assert [request.status for request in stack.graph.requests] == [200, 429, 200]
