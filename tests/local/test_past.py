"""The made-up past: the first run after it is an ordinary day."""

from __future__ import annotations

from datetime import date

import pytest
from azure.data.tables import TableClient

from local.customers import ADA, shown_customers
from local.expected import expected, rules_of
from local.past import DAYS, Written, write_past
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import CommandLine


@pytest.fixture
def today(program: CommandLine) -> date:
    return date.fromisoformat(program.json("preview")["businessDate"])


@pytest.fixture
def past(program: CommandLine, stack: LocalStack, storage_access: StorageAccess, today: date) -> Written:
    users = stack.graph.users = shown_customers(today, 600, attribute=stack.attribute)
    text = stack.azurite.connection_string
    with TableClient.from_connection_string(text, storage_access.name, use_env_settings=False) as table:
        return write_past(table, users, today, program.environ)


def test_the_first_run_after_the_made_up_past_is_an_ordinary_day(
    program: CommandLine, stack: LocalStack, today: date, past: Written
) -> None:
    rules, users = rules_of(program.environ), stack.graph.users
    wanted = expected(users, stack.attribute, today, rules, past.before(today), past.rows)

    report = program.json("run")
    status = program.json("status", "--days", "5")

    assert report["outcome"] == "completed"
    assert report["sent"] == len(wanted.notices)
    assert 0 < report["late"] < report["sent"] / 3
    assert (report["missed"], report["expired"], report["unusual"]) == (0, 0, False)
    assert status["verdict"] == "fine"
    assert [run["outcome"] for run in status["runs"]] == ["completed"] * 5


def test_the_past_has_the_customers_own_notices_and_two_outages(program: CommandLine, past: Written) -> None:
    shown = program("explain", "ada@example.com").stdout
    audit = program.json("audit", "--user", ADA)

    assert "INV-1001" in shown
    assert [notice["stage"] for notice in audit["notices"]] == ["-7"]
    assert past.notices > len(past.rows) > 0
    assert DAYS > 50
