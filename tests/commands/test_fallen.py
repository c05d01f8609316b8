"""A directory that lost most of its users, as an operator meets it: run, preview, status, and the way back."""

from __future__ import annotations

from datetime import date

import pytest
from azure.data.tables import TableClient

from local.customers import shown_customers
from local.past import write_past
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import CommandLine


@pytest.fixture
def fallen(program: CommandLine, stack: LocalStack, storage_access: StorageAccess) -> CommandLine:
    """The command line on a day on which 60 users are left of the 300 of yesterday."""
    today = date.fromisoformat(program.json("preview")["businessDate"])
    users = shown_customers(today, 300, attribute=stack.attribute)
    text = stack.azurite.connection_string
    with TableClient.from_connection_string(text, storage_access.name, use_env_settings=False) as table:
        write_past(table, users, today, program.environ)
    stack.graph.users = users[:60]
    return program


def test_a_fall_is_reported_by_each_command_and_accepted_by_hand(fallen: CommandLine) -> None:
    preview = fallen("preview")
    assert fallen.json("preview")["inForce"] in preview.stdout
    assert preview.returncode == 0
    assert "users were read, and" in preview.stdout

    run = fallen("run")
    assert run.returncode == 1
    assert run.stdout.startswith("FALLEN: far too little was found")
    for part in ("users were read, and", "each tick looks again", "`due-notices run --accept` accepts it as normal"):
        assert part in run.stdout
    status = fallen("status")
    assert status.returncode == 1
    assert status.stdout.startswith("act: ")
    assert "run --accept" in status.stdout

    accepted = fallen("run", "--accept")
    assert accepted.returncode == 0
    assert accepted.stdout.startswith("completed:")
    assert "nothing asks for attention" in fallen("status").stdout
    assert fallen("run").stdout.startswith("nothing done: this day's run is completed already")
