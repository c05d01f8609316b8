"""What becomes of a run that reads the emulated Graph in parts: the second calculation's plan, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from due_notices import bootstrap
from due_notices.report import Outcome, RunReport
from due_notices.run import send_due_notices
from due_notices.settings import Settings
from local.customers import UNFORESEEN_SIGN, sample_customers, with_every_sign
from local.expected import expected
from local.faults import Fault, without_users
from local.stack import LocalStack
from tests.fakes import FakeStorage, MovableClock
from tests.faults.harness import TODAY
from tests.faults.test_graph_faults import error

USERS = 440
PARTS = 44
SERIAL = "all users were read one page after another"


@dataclass
class Tenant:
    """The emulated tenant, and one ledger for all runs."""

    stack: LocalStack
    clock: MovableClock
    storage: FakeStorage
    users: list[dict[str, Any]]

    def runs(self, user_filter: str = "") -> RunReport:
        """Run once, with a queue of its own."""
        self.storage.queue.messages.clear()
        found = Settings.from_mapping({**self.stack.environ, "READ_PARTS": "16", "USER_FILTER": user_filter})
        services = replace(bootstrap.build_services(found, self.clock), open_storage=self.storage)
        return send_due_notices(found.policy, services)

    @property
    def sent(self) -> list[str]:
        return sorted(json.loads(text)["id"] for text in self.storage.queue.messages)

    @property
    def owed(self) -> list[str]:
        """What the second calculation says of a first run."""
        return sorted(expected(self.users, self.stack.attribute, TODAY).notices)


@pytest.fixture
def tenant(stack: LocalStack) -> Tenant:
    """Customers of every kind, whose names begin with every legal character, five to a page."""
    users = with_every_sign(sample_customers(TODAY, USERS, attribute=stack.attribute))
    stack.reset(users)
    stack.graph.directory.page_limit = 5
    clock = MovableClock()
    stack.tell_time(clock.now)
    return Tenant(stack, clock, FakeStorage(), users)


HEALS: dict[str, Sequence[Fault]] = {
    "nothing": [],
    "a part is refused with 429": [Fault(429, {"Retry-After": "7"}, on_request=40)],
    "several are, without a word": [Fault(429, every=30, times=3)],
    "a part expires": [error(400, "Directory_ExpiredPageToken", on_request=60)],
    "a token is refused": [Fault(401, on_request=50)],
    "the first count fails": [Fault(500, path="$count", on_request=1)],
}


@pytest.mark.parametrize("faults", HEALS.values(), ids=HEALS)
def test_what_passes_costs_time_and_no_notice(tenant: Tenant, faults: Sequence[Fault]) -> None:
    for fault in faults:
        tenant.stack.graph.faults.add(fault)

    report = tenant.runs()

    assert report.outcome is Outcome.COMPLETED, report.error
    assert (report.users_read, report.users_counted, report.parts, report.note) == (USERS, USERS, PARTS, None)
    assert tenant.sent == tenant.owed
    assert report.owed == len(tenant.owed) > 0
    assert sum(tenant.clock.waits) < 60


FAILS: dict[str, tuple[Fault, str]] = {
    "a part is refused": (error(403, "Authorization_RequestDenied", on_request=40), "403"),
    "Graph asks to wait too long": (Fault(429, {"Retry-After": "3600"}, on_request=40), "asks to wait 3600 s"),
    "every part fails": (Fault(503, path="/users"), "503"),
}


@pytest.mark.parametrize(("fault", "said"), FAILS.values(), ids=FAILS)
def test_a_part_that_fails_fails_the_run_and_nothing_is_sent(tenant: Tenant, fault: Fault, said: str) -> None:
    tenant.stack.graph.faults.add(fault)

    report = tenant.runs()

    assert report.outcome is Outcome.FAILED
    assert said in str(report.error)
    assert tenant.sent == []

    tenant.stack.graph.faults.clear()
    assert tenant.runs().outcome is Outcome.COMPLETED
    assert tenant.sent == tenant.owed


def read_serially(tenant: Tenant, said: str, users: int, user_filter: str = "") -> None:
    report = tenant.runs(user_filter=user_filter)

    assert report.outcome is Outcome.COMPLETED, report.error
    assert (report.users_read, report.parts) == (users, 0)
    assert report.note is not None
    assert said in report.note
    assert report.note.endswith(SERIAL)
    assert tenant.sent == tenant.owed


def some_answers(stack: LocalStack, answers: int, damage: Callable[..., Any]) -> None:
    """Damage so many answers in the middle of the parts."""
    for number in range(answers):
        stack.graph.faults.add(Fault(damage=damage, on_request=10 + number))


def test_parts_that_come_short_are_noticed_in_the_same_run(tenant: Tenant) -> None:
    some_answers(tenant.stack, 10, without_users())

    read_serially(tenant, "users were read, and Graph counts 440", USERS)


def test_only_the_proof_finds_names_that_begin_with_an_unexpected_character(tenant: Tenant) -> None:
    due = json.dumps({"due": str(TODAY + timedelta(days=7))})
    odd = {**tenant.users[0], "accountEnabled": True, "mail": "odd@example.com", tenant.stack.attribute: due}
    tenant.users += [
        {
            **odd,
            "id": f"0dd00000-0000-4000-8000-{number:012d}",
            "userPrincipalName": f"{UNFORESEEN_SIGN}{number}@x.example",
        }
        for number in range(20)
    ]
    tenant.stack.graph.users = tenant.users

    read_serially(tenant, "in parts 440 users were read, and Graph counts 460", USERS + 20)


def test_with_a_filter_that_cannot_be_combined_the_users_are_read_serially(tenant: Tenant) -> None:
    for user in tenant.users:
        user.update(accountEnabled=True, userType="Member")
    tenant.stack.graph.users = tenant.users

    high = "accountEnabled eq true and (userType eq 'Member' or userType eq 'Guest')"
    read_serially(tenant, "400 Request_UnsupportedQuery", USERS, high)


def test_a_tenant_of_azure_ad_b2c_is_read_serially_first_and_each_seventh_day(tenant: Tenant) -> None:
    tenant.stack.graph.counts = False
    parts = []
    for days in (0, 6, 1):
        tenant.clock.move(days=days)
        report = tenant.runs()
        assert (report.outcome, report.users_read, report.users_counted) == (Outcome.COMPLETED, USERS, None)
        parts.append(report.parts)

    assert parts == [0, PARTS, 0]
