"""Hostile and strange data never stops a run, gets into a key or a filter, or writes its own log lines."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.model import Reason
from due_notices.report import Outcome
from tests.faults import hostile
from tests.faults.hostile import PAGES, SECRET, TODAY, USERS, VALUES, Strange, check_page, check_users, check_value
from tests.run.world import World, customer

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
ANY_USER = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "due", "mail", "otherMails", "identities", "mobilePhone", "displayName", "accountEnabled"), ANY_JSON
    ),
)


def shown(value: object) -> str:
    return ascii(value)[:40]


@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_a_nasty_value_is_an_obligation_or_malformed(value: object) -> None:
    check_value(value)
    check_users([{"id": "user-1", "mail": "a@example.com", "due": value}])


@pytest.mark.parametrize("user", USERS, ids=shown)
def test_a_nasty_user_is_planned_for_or_skipped(user: dict[str, object]) -> None:
    check_users([user])


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_nasty_page_is_read_or_fails_the_run_in_a_sentence(page: bytes, status: int) -> None:
    check_users(check_page(page, status))


def test_the_pages_are_taken_for_graphs_own() -> None:
    assert check_page(b'{"value":[{"id":"user-1","due":"2026-12-01"}]}') == [{"id": "user-1", "due": "2026-12-01"}]
    assert any(check_page(page) for page in PAGES)


@given(ANY_JSON)
def test_any_json_value(value: object) -> None:
    check_value(value)
    check_users([{"id": "user-1", "mail": "a@example.com", "due": value}])


@given(st.lists(ANY_USER, max_size=4))
def test_any_users(users: list[dict[str, object]]) -> None:
    check_users(users)


@given(st.binary(max_size=200) | ANY_JSON.map(lambda page: json.dumps(page).encode()))
def test_any_page(page: bytes) -> None:
    check_page(page)


def test_strange_data_made_at_random() -> None:
    strange = Strange(random.Random(6))

    assert sum(hostile.check_all(strange) for _ in range(700)) == 2100


def test_a_run_over_everything_nasty_sends_what_is_good_and_its_figures_add_up() -> None:
    good = [customer(number) for number in range(25)]
    bad = [
        {**customer(100 + number), "due": value if isinstance(value, list) else [value]}
        for number, value in enumerate(VALUES)
    ]
    nasty = [user | ({"id": f"nasty-{n}"} if user.get("id") == "user-1" else {}) for n, user in enumerate(USERS)]
    world = World(cast("list[Mapping[str, Any]]", [*bad, *good, *nasty, *nasty]))

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert report.users_read == len(good) + len(bad) + 2 * len(nasty)
    sent = {json.loads(text)["subject"] for text in world.storage.queue.messages}
    assert sent >= {user["id"] for user in good}
    assert report.owed == report.sent == len(world.storage.queue.messages)
    assert (
        report.owed + sum(report.skipped.values()) + report.not_yet + report.over + report.missed == report.obligations
    )
    assert report.skipped[Reason.MALFORMED] > 40
    assert report.skipped[Reason.TOO_LARGE] == 1
    said = "\n".join([report.log_line(), *(line.replace("\n", "!") for line in world.watcher.said)])
    assert said.isascii()
    assert SECRET not in said
    assert "!" not in said


def test_nothing_of_a_value_can_stand_in_a_key_but_its_due_date() -> None:
    due = TODAY + timedelta(days=7)
    reference = "' or PartitionKey ne '/\\#?%00"
    plan = check_users(
        [{"id": "user-1", "mail": "a@example.com", "due": json.dumps({"due": str(due), "ref": reference})}]
    )

    (notice,) = plan.notices
    assert notice.partition == str(due)
    assert notice.obligation.reference == reference
