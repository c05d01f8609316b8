"""The command as a process: a list onto the emulated directory, killed, gone on with, taken back."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from due_notices.obligations import parse_obligation
from local.faults import Fault
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import ROOT, CommandLine
from tests.commands.import_.given_lists import BERLIN, LISTS, TODAY
from tests.conftest import use_environment

STAGES = (0, 1, 3, 7)
"""Days until due on which the default stages fall."""


def user_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-0000000000aa"


def people(count: int, **more: object) -> list[dict[str, Any]]:
    return [
        {
            "id": user_id(number),
            "displayName": f"Person {number}",
            "mail": f"c{number}@example.com",
            "userPrincipalName": f"u{number}@contoso.onmicrosoft.com",
            "accountEnabled": True,
            **more,
        }
        for number in range(count)
    ]


@pytest.fixture
def operator(
    stack: LocalStack, storage_access: StorageAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line under an operator's login."""
    use_environment(monkeypatch, stack.operator_environ)
    return CommandLine(
        {
            **os.environ,
            **stack.operator_environ,
            **storage_access.environ,
            "BUSINESS_TIME_ZONE": "Europe/Berlin",
            "SEND_WINDOW": "00:00-24:00",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
        },
        tmp_path,
    )


def values(stack: LocalStack) -> dict[str, object]:
    return {user["id"]: user.get(stack.attribute) for user in stack.graph.users}


def writes(stack: LocalStack) -> Counter[str]:
    return Counter(
        each.path.rpartition("/")[2] for each in stack.graph.requests if each.method == "PATCH" and each.status == 204
    )


def big_list(folder: Path, today: date, count: int = 2_000) -> Path:
    """A German list of `count` rows: every fourth is due on a stage today, the others far from any."""
    lines = ["Rechnungsnummer;E-Mail;Fälligkeitsdatum;Offener Betrag;Währung;Status"]
    for number in range(count):
        days = STAGES[number // 4 % 4] if number % 4 == 0 else 40 + number % 200
        due = today + timedelta(days=days)
        lines.append(f"RE-{number};C{number}@example.com;{due:%d.%m.%Y};1.{number % 900 + 100},50;EUR;Offen")
    path = folder / "rechnungen.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    return path


def test_a_list_is_shown_and_nothing_is_written_without_apply(stack: LocalStack, operator: CommandLine) -> None:
    stack.graph.users = people(1, otherMails=["ada@example.com"])

    found = operator.json("import", str(LISTS / "sevdesk-rechnungen.csv"), "--partial")

    assert (found["new"], found["notFound"], found["written"]) == (1, 4, 0)
    assert [each["userId"] for each in found["changes"] if each["what"] == "new"] == [user_id(0)]
    assert values(stack) == {user_id(0): None}
    assert not writes(stack)


def test_a_list_whose_last_line_has_no_end_is_named(stack: LocalStack, operator: CommandLine, tmp_path: Path) -> None:
    """It may be whole, and it may be cut off where a row ends: who is missing would be cleared by --complete."""
    stack.graph.users = people(4)
    path = big_list(tmp_path, TODAY, count=4)
    command = ("import", path.name, "--partial", "--dates", "dmy")

    assert any("no end of line" in reason for reason in operator.json(*command, "--explain")["reasons"])
    assert any("no end of line" in note for note in operator.json(*command)["notes"])
    path.write_bytes(path.read_bytes() + b"\r\n")
    assert not any("no end of line" in note for note in operator.json(*command)["notes"])


def test_what_is_ambiguous_is_asked_for_and_nothing_is_written(stack: LocalStack, operator: CommandLine) -> None:
    stack.graph.users = people(1, mail="ada@example.com")

    done = operator("import", str(LISTS / "ambiguous.csv"), "--partial", "--apply", "--json")

    asked = json.loads(done.stdout)["asked"]
    assert done.returncode == 1
    assert {(each["code"], each["line"], each["column"]) for each in asked} == {
        ("dates", 2, "due"),
        ("decimal", 2, "amount"),
    }
    assert not stack.graph.requests


def test_two_thousand_rows_survive_a_kill_and_are_taken_back(
    stack: LocalStack, operator: CommandLine, tmp_path: Path
) -> None:
    today = date.today()  # noqa: DTZ011 (the list is made for the day of the run)
    path = big_list(tmp_path, today)
    before = people(2_000)
    for number in range(0, 2_000, 5):
        before[number][stack.attribute] = "2027-06-01"
    stack.graph.users = before
    start = values(stack)
    command = ("import", str(path), "--partial", "--apply", "--json")
    second = {user["id"] for user in before if stack.attribute in user}

    _kill_in_the_middle(stack, operator, command)
    half = values(stack)
    done = operator(*command)

    after = values(stack)
    undisturbed = {user: value for user, value in after.items() if user not in second}
    assert half != start
    assert half != after
    assert {user: json.loads(str(value)) for user, value in undisturbed.items()} == _said_by(path, undisturbed)
    assert set(writes(stack).values()) == {1}
    assert done.returncode == 0
    assert json.loads(done.stdout)["notWritten"] == {}
    owed = _owed_by_the_list(path, today)
    preview = operator.json("preview")
    assert {(each["userId"], each["reference"], each["dueDate"]) for each in preview["notices"]} == {
        each for each in owed if each[0] not in second
    }

    stack.graph.write_quota.limit = 100_000  # taking back would wait for the quota, as it should
    journal = next(tmp_path.glob("*.journal"))
    assert operator("import", "--undo", str(journal)).returncode == 0
    assert values(stack) == start


def _kill_in_the_middle(stack: LocalStack, operator: CommandLine, command: Sequence[str]) -> None:
    stack.graph.faults.add(Fault(path="$batch", delay=0.05))
    child = subprocess.Popen(
        operator.command(*command),
        cwd=operator.folder,
        env=operator.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while sum(writes(stack).values()) < 300 and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    stack.graph.faults.clear()
    assert 300 <= sum(writes(stack).values()) < 1_600


def _said_by(path: Path, users: Container[str]) -> dict[str, dict[str, str]]:
    """Work out from the list alone what the values of these users must say."""
    said = {}
    for line in path.read_text("utf-8-sig").splitlines()[1:]:
        ref, address, due, amount, currency, _ = line.split(";")
        user = user_id(int(address[1:].partition("@")[0]))
        if user in users:
            day = date(*map(int, reversed(due.split("."))))
            plain = amount.replace(".", "").replace(",", ".")
            said[user] = {"due": day.isoformat(), "ref": ref, "amount": plain, "currency": currency}
    return said


def _owed_by_the_list(path: Path, today: date) -> set[tuple[str, str, str]]:
    """Work out from the list alone whom a run would notify today."""
    owed = set()
    for line in path.read_text("utf-8-sig").splitlines()[1:]:
        ref, address, due, *_ = line.split(";")
        day = date(*map(int, reversed(due.split("."))))
        if (day - today).days in STAGES:
            owed.add((user_id(int(address[1:].partition("@")[0])), ref, day.isoformat()))
    return owed


def test_an_open_value_on_a_single_valued_attribute_stands_in_the_way(
    stack: LocalStack, operator: CommandLine, tmp_path: Path
) -> None:
    stack.graph.users = people(2, **{stack.attribute: "2027-06-01"})
    path = tmp_path / "list.csv"
    path.write_text("customer,due,ref\nc0@example.com,2027-01-15,R1\nc1@example.com,2027-01-15,R2\n", "utf-8")

    partial = operator.json("import", str(path), "--partial")
    complete = operator.json("import", str(path), "--complete")

    assert (partial["refused"], {each["code"] for each in partial["problems"]}) == (2, {"single"})
    assert (complete["new"], complete["cleared"], complete["obstacle"] is not None) == (2, 2, True)


@pytest.mark.parametrize(
    ("words", "written"), [((), 0), (("--complete",), 0), (("--partial",), 1), (("--complete", "--accept"), 2)]
)
def test_what_a_list_leaves_out_must_be_said(
    stack: LocalStack, operator: CommandLine, tmp_path: Path, words: Sequence[str], written: int
) -> None:
    stack.graph.users = people(3, **{stack.attribute: ["2027-06-01"]})[:1] + people(3)[1:]
    path = tmp_path / "list.csv"
    path.write_text("customer,due,ref\nc1@example.com,2027-01-15,R1\n", "utf-8")

    done = operator("import", str(path), "--apply", *words)

    assert len(writes(stack)) == written
    assert done.returncode == (0 if written else 1)
    assert written or "not in the list: 1" in done.stdout or "more than 20 percent" in done.stderr


def test_the_same_command_finds_nothing_to_do(stack: LocalStack, operator: CommandLine) -> None:
    stack.graph.users = people(1, otherMails=["ada@example.com"])
    command = ("import", str(LISTS / "stripe-invoices.csv"), "--partial", "--apply")

    first, second = operator.json(*command), operator.json(*command)

    assert (first["written"], second["written"], second["unchanged"]) == (1, 0, 1)
    (value,) = values(stack).values()
    assert parse_obligation(value, BERLIN, TODAY).due == date(2026, 12, 15)


def test_customer_numbers_are_matched_by_the_attribute_that_is_named(stack: LocalStack, operator: CommandLine) -> None:
    stack.graph.users = people(1, employeeId="10001")

    operator("import", str(LISTS / "datev-buchungsstapel.csv"), "--match", "employeeId", "--partial", "--apply")

    assert json.loads(str(values(stack)[user_id(0)]))["ref"] == "RE-1001"


def test_ctrl_c_loses_nothing(stack: LocalStack, operator: CommandLine, tmp_path: Path) -> None:
    path = big_list(tmp_path, date(2026, 11, 29), 400)
    stack.graph.users = people(400)
    stack.graph.faults.add(Fault(path="$batch", delay=0.1))
    command = ("import", str(path), "--partial", "--apply")
    child = subprocess.Popen(
        operator.command(*command), cwd=tmp_path, env=operator.environ, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while sum(writes(stack).values()) < 60 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=30)
    stack.graph.faults.clear()

    assert child.returncode == 130
    assert "goes on where this one stopped" in said
    assert operator(*command).returncode == 0
    assert writes(stack) == Counter(user_id(number) for number in range(400))


def test_a_login_that_may_not_write_stops_before_thousands(
    stack: LocalStack, operator: CommandLine, tmp_path: Path
) -> None:
    stack.graph.users = people(400)
    stack.graph.faults.add(Fault(path="/users/0", status=403))
    stack.graph.faults.clear()
    path = big_list(tmp_path, date(2026, 11, 29), 400)
    for number in range(400):
        stack.graph.externally_owned.add(user_id(number))

    done = operator(
        "import",
        str(path),
        "--partial",
        "--apply",
        DUE_DATE_ATTRIBUTE="onPremisesExtensionAttributes/extensionAttribute1",
    )

    assert done.returncode == 1
    assert "originated within an external service" in done.stderr
    assert sum(each.method == "PATCH" for each in stack.graph.requests) == 3


@pytest.mark.parametrize("on_request", [1, 2])  # what the attribute holds, and the users
def test_a_login_that_may_not_read_the_users_is_what_is_wrong(
    stack: LocalStack, operator: CommandLine, tmp_path: Path, on_request: int
) -> None:
    stack.graph.users = people(1)
    stack.graph.faults.add(Fault(path="/users", status=403, on_request=on_request))

    done = operator("import", str(big_list(tmp_path, date(2026, 11, 29), 1)), "--partial")

    assert done.returncode == 1
    assert "403 Authorization_RequestDenied" in done.stderr
    assert "your login may not read the users" in done.stderr
    assert "app registration" not in done.stderr


def test_explain_needs_no_settings(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    found = CommandLine(environ, tmp_path).json("import", "--explain", str(LISTS / "moneybird-facturen.csv"))

    assert (found["profile"], found["dates"], found["decimal"], found["customer"]) == (
        "moneybird",
        "dmy",
        ",",
        "E-mail",
    )
    assert [row.get("status") for row in found["rows"]] == ["open", "open", None, "paid"]


def test_the_example_is_a_list_that_needs_nothing_else(tmp_path: Path) -> None:
    program = CommandLine({"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, tmp_path)
    path = tmp_path / "plain.csv"
    path.write_text(program("import", "--example").stdout, "utf-8")

    assert [row["status"] for row in program.json("import", "--explain", str(path))["rows"]] == ["open", "open", "paid"]


def test_all_profiles_are_listed(tmp_path: Path) -> None:
    program = CommandLine({"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, tmp_path)

    assert "stripe" in program("import", "--profiles").stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("x.csv", "--dates", "xyz"),
        ("x.csv", "--dates", "dmy,mdy"),
        ("x.csv", "--currency", "XYZ"),
        ("x.csv", "--status", "open"),
        ("x.csv", "--columns", "when=Due"),
        ("x.csv", "--match", "no attribute"),
        ("x.csv", "--delimiter", "::"),
    ],
)
def test_wrong_words_are_refused(tmp_path: Path, words: Sequence[str]) -> None:
    done = CommandLine({"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, tmp_path)("import", *words)

    assert done.returncode == 2


def test_an_attribute_of_several_values_takes_instalments(stack: LocalStack, operator: CommandLine) -> None:
    stack.graph.users = people(1, mail="ben@example.org")
    stack.graph.directory.declare_extension(stack.attribute, multi_valued=True)

    found = operator.json("import", str(LISTS / "odoo-account-move-lines.csv"), "--partial", "--apply")

    assert (found["severalValues"], found["written"]) == (True, 1)
    (value,) = values(stack).values()
    assert isinstance(value, list)
    assert [json.loads(each)["due"] for each in value] == ["2026-12-31", "2027-01-31"]


def test_an_attribute_that_is_not_registered_is_said_before_anything_is_written(
    stack: LocalStack, operator: CommandLine
) -> None:
    stack.graph.users = people(1, mail="ada@example.com")
    other = "extension_" + "0" * 32 + "_other"

    done = operator("import", str(LISTS / "stripe-invoices.csv"), "--partial", "--apply", DUE_DATE_ATTRIBUTE=other)

    assert done.returncode == 1
    assert "DUE_DATE_ATTRIBUTE" in done.stderr
    assert not writes(stack)


def test_the_rows_and_the_difference_are_written_as_csv(
    stack: LocalStack, operator: CommandLine, tmp_path: Path
) -> None:
    stack.graph.users = people(1, mail="ada@example.com")
    path = str(LISTS / "sevdesk-rechnungen.csv")

    operator("import", path, "--partial", "--csv", "diff.csv")
    operator("import", "--explain", path, "--csv", "rows.csv")

    diff = read_csv(tmp_path / "diff.csv")
    assert Counter(each["what"] for each in diff) == {"new": 1, "not found": 4}
    rows = read_csv(tmp_path / "rows.csv")
    assert [each["status"] for each in rows] == ["open", "open", "open", "paid", "void"]
    assert (tmp_path / "diff.csv").stat().st_mode & 0o077 == 0


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_each_import_has_a_journal_of_its_own(stack: LocalStack, operator: CommandLine, tmp_path: Path) -> None:
    stack.graph.users = people(1, mail="ada@example.com")
    command = ("import", str(LISTS / "stripe-invoices.csv"), "--partial", "--apply", "--journal", "mine.journal")

    first = operator.json(*command)
    operator("import", "--undo", "mine.journal")
    second = operator.json(*command)

    assert (first["journal"], second["journal"]) == ("mine.journal", "mine-2.journal")
    assert (first["written"], second["written"]) == (1, 1)
    assert {each.name for each in tmp_path.glob("*.journal")} == {"mine.journal", "mine-2.journal"}


def test_a_second_import_is_refused_while_the_first_one_writes(
    stack: LocalStack, operator: CommandLine, tmp_path: Path
) -> None:
    path = big_list(tmp_path, date(2026, 11, 29), 400)
    stack.graph.users = people(400)
    stack.graph.faults.add(Fault(path="$batch", delay=1.5))
    command = ("import", str(path), "--partial", "--apply")
    first = subprocess.Popen(operator.command(*command), cwd=tmp_path, env=operator.environ, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not writes(stack) and time.monotonic() < deadline:
        time.sleep(0.02)

    second = operator(*command)
    undo = operator("import", "--undo", str(next(tmp_path.glob("*.journal"))))
    first.kill()
    first.wait()
    stack.graph.faults.clear()

    for refused in (second, undo):
        assert refused.returncode == 1
        assert f"in use by another import (process {first.pid} on " in refused.stderr
    assert operator(*command).returncode == 0
    assert writes(stack) == Counter(user_id(number) for number in range(400))


def test_a_currency_that_has_gone_is_written_and_said(stack: LocalStack, operator: CommandLine, tmp_path: Path) -> None:
    stack.graph.users = people(1)
    path = tmp_path / "list.csv"
    path.write_text("customer,due,ref,amount,currency\nc0@example.com,2027-01-15,R1,120.50,BGN\n", "utf-8")

    found = operator.json("import", str(path), "--partial", "--apply")

    assert found["written"] == 1
    assert any("has no BGN (any longer)" in each for each in found["notes"])
    assert json.loads(str(values(stack)[user_id(0)]))["currency"] == "BGN"
