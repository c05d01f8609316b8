"""What Graph may do to a whole run: it heals and sends everything, or fails in a sentence and sends nothing.

Each fault's every shape is in `tests/adapters/test_graph_directory.py`; this is the table of what becomes of a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from due_notices import bootstrap
from due_notices.report import Outcome, RunReport
from due_notices.run import send_due_notices
from due_notices.settings import Settings
from local.faults import (
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
from tests.fakes import FakeStorage, MovableClock
from tests.faults.harness import TODAY

USERS = 250
PAGES = 3


def error(status: int, code: str, **options: int) -> Fault:
    return Fault(status=status, body=json.dumps({"error": {"code": code, "message": "m"}}).encode(), **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Heals:
    """The run reads every user and sends every notice, after these waits in seconds (None: of its own choice)."""

    faults: Sequence[Fault]
    requests: int
    waits: Sequence[float] | None = None


@dataclass(frozen=True)
class Fails:
    """The run says all of these and sends nothing."""

    faults: Sequence[Fault]
    says: Sequence[str]


HEALS = {
    "429 with a small Retry-After": Heals([Fault(429, {"Retry-After": "7"}, on_request=2)], PAGES + 1, [7]),
    "429 without Retry-After": Heals([Fault(429, on_request=2)], PAGES + 1),
    "429 on every third request": Heals([Fault(429, {"Retry-After": "1"}, every=3)], PAGES + 1, [1]),
    "500": Heals([Fault(500, on_request=1)], PAGES + 1),
    "502": Heals([Fault(502, on_request=2)], PAGES + 1),
    "503 twice": Heals([Fault(503, times=2)], PAGES + 2),
    "504": Heals([Fault(504, on_request=3)], PAGES + 1),
    "cut in the middle of a body": Heals([Fault(damage=cut_body(), on_request=2)], PAGES + 1),
    "damaged gzip": Heals([Fault(damage=damaged_gzip(), on_request=3)], PAGES + 1),
    "invalid JSON": Heals([Fault(damage=invalid_json(), on_request=1)], PAGES + 1),
    "nested without end": Heals([Fault(200, body=b"[" * 200_000, on_request=2)], PAGES + 1),
    "page token expired once": Heals([error(400, "Directory_ExpiredPageToken", on_request=3)], PAGES + 3, []),
    "page token expired twice": Heals([error(400, "Directory_ExpiredPageToken", every=3, times=2)], 2 * PAGES + 3, []),
    "401 once": Heals([Fault(401, on_request=2)], PAGES + 1, []),
}

FAILS = {
    "429 with a huge Retry-After": Fails([Fault(429, {"Retry-After": "3600"}, on_request=2)], ["asks to wait 3600 s"]),
    "429 always": Fails([Fault(429, {"Retry-After": "1"})], ["429", "6 times", "next tick"]),
    "503 always": Fails([Fault(503)], ["503", "6 times", "next tick"]),
    "a bomb in an error's body": Fails([Fault(500, body=b'{"error":' * 100_000)], ["500", "6 times"]),
    "always cut": Fails([Fault(damage=cut_body(), path="/users")], ["no whole answer from Graph", "next tick"]),
    "the last page is lost": Fails([Fault(500, on_request=number) for number in range(3, 9)], ["500", "6 times"]),
    "invalid JSON always": Fails([Fault(damage=invalid_json())], ["is not JSON", "next tick"]),
    "a page that repeats": Fails([Fault(damage=next_link_to_itself(), on_request=2)], ["points back to a page"]),
    "a link to another host": Fails([Fault(damage=next_link_to_host("example.com"))], ["another host", "not followed"]),
    "a link by http": Fails([Fault(damage=next_link_over_http())], ["not followed", "GRAPH_ENDPOINT"]),
    "a link that hides its host": Fails(
        [Fault(damage=next_link_to("https://evil.example\\@127.0.0.1/v1.0/users"))], ["not followed"]
    ),
    "a link with a wrong port": Fails([Fault(damage=next_link_to("https://127.0.0.1:99999/"))], ["not followed"]),
    "page token always expired": Fails(
        [error(400, "Directory_ExpiredPageToken", every=2)], ["expired 3 times", "next tick"]
    ),
    "401 always": Fails([Fault(401)], ["401", "AZURE_AUTHORITY_HOST"]),
    "403": Fails([error(403, "Authorization_RequestDenied")], ["403", "User.Read.All", "consent"]),
}


@pytest.fixture
def users(stack: LocalStack) -> list[dict[str, object]]:
    """Customers on three pages, each of whom is owed a notice."""
    users: list[dict[str, object]] = [
        {
            "id": f"c0ffee00-0000-4000-8000-{number:012d}",
            "accountEnabled": True,
            "mail": f"casey.{number}@example.com",
            stack.attribute: str(TODAY),
        }
        for number in range(USERS)
    ]
    stack.reset(users)
    stack.graph.directory.page_limit = 100
    return users


@pytest.fixture
def run(stack: LocalStack, users: object) -> Callable[..., tuple[RunReport, FakeStorage, MovableClock]]:
    """Return a function that runs once on the emulated Graph, with queue and ledger in memory."""
    del users

    def run(faults: Sequence[Fault]) -> tuple[RunReport, FakeStorage, MovableClock]:
        clock, storage = MovableClock(), FakeStorage()
        stack.tell_time(clock.now)
        settings = Settings.from_mapping(stack.environ)
        services = replace(bootstrap.build_services(settings, clock), open_storage=storage)
        for fault in faults:
            stack.graph.faults.add(fault)
        return send_due_notices(settings.policy, services), storage, clock

    return run


def test_without_a_fault_everything_is_sent(run: Callable[..., tuple[RunReport, FakeStorage, MovableClock]]) -> None:
    report, storage, _ = run([])

    assert report.outcome is Outcome.COMPLETED
    assert len(storage.queue.messages) == USERS


@pytest.mark.parametrize("case", HEALS.values(), ids=HEALS)
def test_a_fault_that_passes_costs_time_and_no_notice(
    stack: LocalStack, run: Callable[..., tuple[RunReport, FakeStorage, MovableClock]], case: Heals
) -> None:
    report, storage, clock = run(case.faults)

    assert report.outcome is Outcome.COMPLETED, report.error
    assert report.users_read == USERS
    assert len({json.loads(text)["id"] for text in storage.queue.messages}) == len(storage.queue.messages) == USERS
    assert len([asked for asked in stack.graph.requests if asked.path == "/v1.0/users"]) == case.requests
    assert case.waits is None or clock.waits == list(case.waits)


@pytest.mark.parametrize("case", FAILS.values(), ids=FAILS)
def test_a_partial_read_is_a_failed_run_that_says_why_and_sends_nothing(
    stack: LocalStack, run: Callable[..., tuple[RunReport, FakeStorage, MovableClock]], case: Fails
) -> None:
    report, storage, clock = run(case.faults)

    assert report.outcome is Outcome.FAILED
    error = str(report.error)
    assert [part for part in case.says if part not in error] == []
    assert error.isprintable()
    assert storage.queue.messages == []
    assert storage.ledger.claimed | storage.ledger.sent_ids == set()
    assert sum(clock.waits) < 60

    stack.graph.faults.clear()
    report, storage, _ = run([])
    assert report.outcome is Outcome.COMPLETED
    assert len(storage.queue.messages) == USERS
