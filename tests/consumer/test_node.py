"""The example consumer in Node, on a real queue, as a process."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.consumer.conftest import EXAMPLE, event, message
from tests.consumer.test_plain import left, poisoned, put, text
from tests.node_program import run_node

HOME = Path(sys.prefix) / "examples" / "node"
DRIVER = Path(__file__).with_name("node_driver.mjs")


@pytest.fixture(scope="module", autouse=True)
def _beside_its_packages() -> None:
    """Put the example where `make setup` has installed its packages, the schema one folder above it as it is."""
    for source in (EXAMPLE / "node" / "consumer.mjs", DRIVER):
        shutil.copy(source, HOME / source.name)
    shutil.copy(EXAMPLE / "notice.schema.json", HOME.parent)


@pytest.fixture
def environ(stack: LocalStack, storage_access: StorageAccess) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP"}}
    return {**kept, "NOTICE_STORAGE": stack.azurite.connection_string, **storage_access.environ}


def ask(environ: dict[str, str], folder: Path, what: str, *arguments: str) -> Any:
    return json.loads(run_node(folder, environ, HOME / DRIVER.name, what, *arguments).stdout.splitlines()[-1])


def test_it_reads_what_the_program_writes_and_keeps_poison_apart(
    environ: dict[str, str], storage_access: StorageAccess, tmp_path: Path
) -> None:
    poison: list[str | bytes] = [
        "{}",
        "null",
        "[]",
        "3",
        "",
        "{",
        b"\xff",
        json.dumps(json.loads(text()) | {"type": "v2"}),
    ]
    poison += [
        json.dumps(event() | {"expirytime": moment}) for moment in ("soon", None, 5, "2000", "2000-01-01T00:00:00")
    ]
    put(storage_access, text(), *poison, text(), text(stage=-3, size=2, other_emails=("a@example.net",)))
    put(storage_access, message(stage=0, expires=datetime(2020, 1, 1, tzinfo=UTC)))
    storage_access.queue.send_message("no base64 at all!", time_to_live=-1)

    ran = run_node(tmp_path, environ, HOME / "consumer.mjs", "--once")
    log = ran.stdout

    assert f"{event(stage=0)['id']} of user {event()['subject']}: too late" in ran.stderr
    assert [log.count(f": {outcome}\n") for outcome in ("handed over", "repeated", "expired")] == [2, 1, 1]
    assert len(poisoned(storage_access)) == len(poison) + 1
    assert {"e30=", "bnVsbA==", "/w==", "no base64 at all!"} <= set(poisoned(storage_access))
    assert left(storage_access) == 0
    assert "alice@example.com" not in log


def test_it_reads_what_a_relay_has_rewritten(
    environ: dict[str, str], storage_access: StorageAccess, tmp_path: Path
) -> None:
    moment = "2999-01-01T01:00:00.123+01:00"
    put(storage_access, json.dumps(event() | {"time": moment, "expirytime": moment}))

    assert ": handed over\n" in run_node(tmp_path, environ, HOME / "consumer.mjs", "--once").stdout


def test_it_remembers_across_restarts(environ: dict[str, str], storage_access: StorageAccess, tmp_path: Path) -> None:
    logs = []
    for _ in range(2):
        put(storage_access, text())
        logs.append(run_node(tmp_path, environ, HOME / "consumer.mjs", "--once").stdout)

    assert [log.count(": handed over\n") for log in logs] == [1, 0]
    assert [log.count(": repeated\n") for log in logs] == [0, 1]


@pytest.mark.parametrize("how", ["cleared", "updated"])
def test_a_message_that_another_worker_took_over_meanwhile_does_no_harm(
    environ: dict[str, str], storage_access: StorageAccess, tmp_path: Path, how: str
) -> None:
    put(storage_access, text(), text(stage=-3))

    assert ask(environ, tmp_path, how) == {"found": 2, "notified": 2}
    assert poisoned(storage_access) == []


@pytest.mark.parametrize(
    ("how", "outcome"), [("refused", "done"), ("failed", "free"), ("busy", "busy"), ("lapsed", "free")]
)
def test_notifying_ends_in_one_of_three_ways(
    environ: dict[str, str], storage_access: StorageAccess, tmp_path: Path, how: str, outcome: str
) -> None:
    put(storage_access, text())

    assert ask(environ, tmp_path, how) == {"claim": outcome}
    assert poisoned(storage_access) == []


def test_a_claim_that_another_worker_took_over_is_not_given_back(environ: dict[str, str], tmp_path: Path) -> None:
    assert ask(environ, tmp_path, "give-back") == {"claims": ["mine", "mine", "busy", "mine"]}


@pytest.mark.parametrize(
    ("zone", "moment", "days"),
    [
        ("America/Los_Angeles", "2026-12-02T01:30:00Z", 0),
        ("Pacific/Auckland", "2026-11-30T12:00:00Z", 0),
        ("Pacific/Auckland", "2026-11-30T10:00:00Z", 1),
        ("UTC", "2026-12-04T10:00:00Z", -3),
        ("Europe/Berlin", "2026-10-24T22:30:00Z", 37),
    ],
)
@pytest.mark.parametrize("here", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_days_are_counted_in_the_zone_of_the_notice_wherever_it_runs(
    environ: dict[str, str], tmp_path: Path, zone: str, moment: str, days: int, here: str
) -> None:
    assert ask(environ | {"TZ": here}, tmp_path, "days", "2026-12-01", zone, moment) == days
