"""`status` and `audit` as a process: what the one on duty sees, and what a program that asks gets."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableClient

from due_notices.adapters.table_rows import run_entity
from due_notices.report import Outcome, RunReport
from local.faults import Fault
from local.past import DAYS, LONG_OUTAGE, SHORT_OUTAGE, write_past
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import ROOT, CommandLine

USER = "11111111-2222-4333-8444-abcdefabcdef"
OTHER = "22222222-2222-4333-8444-555555555555"
NOBODY = "33333333-2222-4333-8444-555555555555"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def owing(stack: LocalStack, *identifiers: str, reference: str = "INV-1001") -> list[dict[str, Any]]:
    value = f'{{"due":"{today()}","ref":"{reference}"}}'
    return [
        {
            "id": each,
            "accountEnabled": True,
            "displayName": "Ada Example",
            "mail": f"{each[:4]}@example.com",
            "otherMails": ["second@example.org"] if each == USER else [],
            stack.attribute: value,
        }
        for each in identifiers
    ]


@pytest.fixture
def sent(stack: LocalStack, program: CommandLine) -> CommandLine:
    """The command line, after a run that sent two notices."""
    stack.graph.users = owing(stack, USER, OTHER)
    assert program("run").returncode == 0
    return program


def test_before_the_first_run_an_operator_should_look(program: CommandLine) -> None:
    done = program("status")

    assert done.returncode == 3
    assert done.stdout.startswith("look: no run was recorded")


def test_after_a_completed_run_the_first_line_says_fine_and_the_exit_code_is_0(sent: CommandLine) -> None:
    done = sent("status")

    assert done.stdout.splitlines()[0] == (
        f"fine: the run of {today()} completed and sent 2 notices; nothing asks for attention"
    )
    assert done.returncode == 0
    assert re.search(r"^outcome +completed *$", done.stdout, re.MULTILINE)
    assert re.search(r"^queue +2 waiting, the oldest for", done.stdout, re.MULTILINE)
    assert re.search(r"^poison queue +empty *$", done.stdout, re.MULTILINE)


def test_an_orchestration_at_work_is_named_by_status_preview_and_explain(
    sent: CommandLine, storage_access: StorageAccess
) -> None:
    now = datetime.now(UTC)
    began = RunReport("orchestration", now.date(), Outcome.BEGAN, at=now, shards=8)
    storage_access.table.create_entity(run_entity(began))

    told = {words: sent.json(*words.split())["atWork"] for words in ("status", "preview", f"explain {USER}")}
    shown = {words: " ".join(sent(*words.split()).stdout.split()) for words in told}

    assert {text[: text.index(" has been at work")] for text in told.values()} == {
        f"the orchestration, in 8 shards, of {now.date()}"
    }
    assert [words for words, text in shown.items() if told[words] not in text] == []


def test_status_asks_neither_graph_nor_the_vault(sent: CommandLine, stack: LocalStack) -> None:
    asked = len(stack.graph.requests), len(stack.vault.requests)

    sent("status")

    assert (len(stack.graph.requests), len(stack.vault.requests)) == asked


def test_poison_asks_for_action_with_exit_code_1(sent: CommandLine, storage_access: StorageAccess) -> None:
    storage_access.poison.send_message(base64.b64encode(b"{}").decode())

    done = sent("status")

    assert done.stdout.startswith("act: 1 notice is in the poison queue")
    assert done.returncode == 1


def test_a_failed_run_asks_for_action_and_names_its_error(program: CommandLine, stack: LocalStack) -> None:
    stack.vault.readers.clear()
    program("run")

    done = program("status")

    assert done.returncode == 1
    assert done.stdout.startswith(f"act: the run of {today()} ended as failed: ")
    assert "Key Vault Secrets User" in done.stdout


def test_a_ledger_that_cannot_be_read_asks_for_action(program: CommandLine, storage_access: StorageAccess) -> None:
    storage_access.delete_table()

    done, told = program("status"), program.json("status")

    assert done.returncode == 1
    assert done.stdout.startswith("act: the ledger table")
    assert (told["verdict"], told["findings"][0]["name"]) == ("act", "ledger-unreadable")


def test_wrong_settings_are_exit_code_2_and_no_verdict(program: CommandLine) -> None:
    done = program("status", SEND_WINDOW="never")

    assert (done.returncode, done.stdout) == (2, "")


def test_status_as_json_has_the_verdict_the_reports_and_the_queues(sent: CommandLine) -> None:
    told = sent.json("status")

    assert told["verdict"] == "fine"
    assert [run["outcome"] for run in told["runs"]] == ["completed"]
    assert told["runs"][0]["sent"] == 2
    assert (told["queue"]["count"], told["poison"]["count"]) == (2, 0)
    assert datetime.now(UTC) - datetime.fromisoformat(told["queue"]["oldest"]) < timedelta(minutes=5)


def test_ahead_shows_the_coming_days_from_one_reading(sent: CommandLine, stack: LocalStack) -> None:
    def listed() -> int:
        return sum(request.path == "/v1.0/users" for request in stack.graph.requests)

    before = listed()

    told = sent.json("status", "--ahead", "14")
    shown = sent("status", "--ahead", "3")

    assert len(told["ahead"]) == 14
    assert told["ahead"][0] == {"date": today(), "closed": "today's run is completed", "notices": 0, "stages": {}}
    assert listed() - before == 2
    assert "the coming days, by stage" in shown.stdout


def test_a_graph_that_is_away_leaves_the_rest_of_the_status(sent: CommandLine, stack: LocalStack) -> None:
    stack.graph.faults.add(Fault(status=403))

    done = sent("status", "--ahead", "3")

    assert done.returncode == 3
    assert done.stdout.startswith("look: the coming days are not known: ")
    assert "User.Read.All" in " ".join(done.stdout.split())
    assert "poison queue" in done.stdout


def test_notices_in_the_ledger_that_cannot_be_read_leave_the_rest_of_the_status(
    sent: CommandLine, storage_access: StorageAccess
) -> None:
    (row, *_) = (row for row in storage_access.rows() if row["PartitionKey"] == today())
    storage_access.table.upsert_entity(row | {"businessDate": "in autumn"})

    done = sent("status", "--ahead", "3", "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["ahead"]) == (1, "act", [])
    assert [finding["name"] for finding in found["findings"]] == ["ledger-unreadable"]
    assert "the coming days are not known" in found["findings"][0]["sentence"]
    assert found["runs"][0]["sent"] == 2


def test_ahead_says_where_the_tenant_counts_more_users_than_it_listed(sent: CommandLine, stack: LocalStack) -> None:
    stack.graph.faults.add(Fault(path="/users/$count", damage=lambda reply, _: reply.with_body(b"2500")))

    told = sent.json("status", "--ahead", "3")

    assert len(told["ahead"]) == 3
    assert [found["name"] for found in told["findings"]] == ["directory-unreadable"]
    assert "2 users were read, and Graph counts 2,500" in told["findings"][0]["sentence"]


def test_audit_lists_what_was_sent(sent: CommandLine, storage_access: StorageAccess) -> None:
    done = sent("audit")

    assert done.returncode == 0
    assert done.stdout.startswith(f"2 notices from {datetime.now(UTC).date() - timedelta(days=90)} to {today()} (UTC)")
    for identifier in (USER, *storage_access.ids()):
        assert identifier in done.stdout
    assert "Ada" not in done.stdout
    assert "@" not in done.stdout


def test_audit_asks_the_ledger_alone(sent: CommandLine, stack: LocalStack) -> None:
    asked = len(stack.graph.requests), len(stack.vault.requests)

    assert sent("audit", "--reference", "INV-1001").stdout.startswith("2 notices")
    assert (len(stack.graph.requests), len(stack.vault.requests)) == asked


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--user", USER], 1),
        (["--user", USER.upper()], 1),
        (["--user", "second@example.org"], 1),
        (["--user", NOBODY], 0),
        (["--reference", "INV-1001"], 2),
        (["--reference", "INV-1002"], 0),
        (["--user", OTHER, "--reference", "INV-1001"], 1),
        (["--from", "2020-01-01", "--to", "2020-12-31"], 0),
    ],
)
def test_audit_filters(sent: CommandLine, filters: list[str], count: int) -> None:
    assert len(sent.json("audit", *filters)["notices"]) == count


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_audit_goes_by_the_days_of_the_rows_after_the_time_zone_has_changed(sent: CommandLine, zone: str) -> None:
    days = ("--from", today(), "--to", today())

    before, after = sent.json("audit", *days), sent.json("audit", *days, BUSINESS_TIME_ZONE=zone)

    assert len(after["notices"]) == 2
    assert after["notices"] == before["notices"]
    assert after | {"timeZone": ""} == before | {"timeZone": ""}


def test_a_request_for_information_is_answered_with_the_oldest_row_too(
    program: CommandLine, storage_access: StorageAccess, running_stack: LocalStack
) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    words = re.findall(r"`due-notices (audit --user <object id>[^`]*)`", runbook)
    options: dict[str, Any] = {"use_env_settings": False}
    with TableClient.from_connection_string(
        running_stack.azurite.connection_string, storage_access.name, **options
    ) as table:
        # Sent as long before its due date as a stage can be, and kept as long after it as a row can be.
        write_past(table, (), datetime.now(UTC).date() - timedelta(days=365 + 3650 - DAYS), program.environ)
        held = {row["noticeId"]: row["userId"] for row in table.list_entities() if "userId" in row}
    user = min(held.values())

    for each in words:
        assert program(*each.replace("<object id>", user).split()).returncode == 0

    with (program.folder / "person.csv").open(encoding="utf-8", newline="") as file:
        assert {row["notice_id"] for row in csv.DictReader(file)} == {key for key in held if held[key] == user}


def test_audit_writes_csv_for_the_auditor(sent: CommandLine, storage_access: StorageAccess) -> None:
    done = sent("audit", "--csv", "notices.csv")

    raw = (sent.folder / "notices.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline="")))
    assert "written: notices.csv" in done.stdout
    assert raw.count(b"\r\n") == raw.count(b"\n") == 3
    assert sorted(row["notice_id"] for row in rows) == storage_access.ids()
    assert {row["message_id"] for row in rows} == {event.message_id for event in storage_access.events()}
    assert {(row["stage"], row["state"], row["business_date"]) for row in rows} == {("0", "sent", today())}
    assert [path.name for path in sent.folder.iterdir()] == ["notices.csv"]


def test_a_link_stays_and_the_file_behind_it_is_replaced(sent: CommandLine) -> None:
    (sent.folder / "there").mkdir()
    behind = [sent.folder / "there" / name for name in ("notices.csv", "page.html")]
    links = [sent.folder / file.name for file in behind]
    for link, file in zip(links, behind, strict=True):
        file.write_text("the old one")
        link.symlink_to(file)

    assert sent("audit", "--csv", "notices.csv", "--html", "page.html").returncode == 0

    assert all(link.is_symlink() for link in links)
    assert [file.read_text("utf-8").partition(",")[0].lower()[:9] for file in behind] == ["sent_at", "<!doctype"]
    assert sorted((sent.folder / "there").iterdir()) == behind


@pytest.mark.skipif(sys.platform == "win32", reason="makes a named pipe")
@pytest.mark.parametrize(("option", "begins"), [("--csv", b"sent_at,"), ("--html", b"<!doctype")])
def test_a_pipe_takes_what_is_written_and_stays_a_pipe(sent: CommandLine, option: str, begins: bytes) -> None:
    pipe = sent.folder / "pipe"
    os.mkfifo(pipe)
    written: list[bytes] = []
    reader = threading.Thread(target=lambda: written.append(pipe.read_bytes()), daemon=True)
    reader.start()

    assert sent("audit", option, "pipe").returncode == 0

    reader.join(10)
    assert written[0].lower().startswith(begins)
    assert list(sent.folder.iterdir()) == [pipe]
    assert pipe.is_fifo()


@pytest.mark.skipif(sys.platform == "win32", reason="makes a named pipe")
def test_a_pipe_whose_reader_goes_ends_in_one_sentence(sent: CommandLine) -> None:
    pipe = sent.folder / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: pipe.open("rb").close(), daemon=True)
    reader.start()

    done = sent("audit", "--csv", "pipe")

    assert done.returncode == 1
    assert "pipe cannot be written (Broken pipe): choose another place" in done.stderr
    assert pipe.is_fifo()


@pytest.mark.parametrize("second", ["one", "./one", "link"])
def test_two_results_are_not_written_to_one_place(program: CommandLine, second: str) -> None:
    (program.folder / "one").write_text("the old one")
    (program.folder / "link").symlink_to("one")

    done = program("audit", "--csv", "one", "--html", second)

    assert done.returncode == 2
    assert "give each a place of its own" in done.stderr
    assert (program.folder / "one").read_text() == "the old one"


def test_a_broken_audit_leaves_no_half_a_file(sent: CommandLine, storage_access: StorageAccess) -> None:
    (sent.folder / "notices.csv").write_text("the old one")
    storage_access.delete_table()

    assert sent("audit", "--csv", "notices.csv").returncode == 1
    assert [path.read_text() for path in sent.folder.iterdir()] == ["the old one"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--user", "nobody@example.com"], "Graph knows no user"),
        (["--user", "a/b@example.com"], "names no user"),
        (["--user", ""], "only object ids"),
        (["--user", "nosuch"], "only object ids"),
        (["--user", f"{USER}\n"], "only object ids"),
        (["--user", "'; or 1 eq 1"], "only object ids"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "after"),
        (["--from", "2024-01-01", "--html", "x.html"], "400 days"),
        (["--from", "yesterday"], "yesterday"),
    ],
)
def test_audit_refuses_what_makes_no_sense(program: CommandLine, arguments: list[str], hint: str) -> None:
    done = program("audit", *arguments)

    assert done.returncode == 2
    assert hint in done.stderr


@pytest.mark.parametrize("place", [Path("no", "folder.csv"), Path("long" * 100)])
def test_a_place_that_cannot_be_written_is_reported_before_the_ledger_is_read(
    program: CommandLine, tmp_path: Path, place: Path
) -> None:
    done = program("audit", "--csv", str(tmp_path / place))

    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_the_made_up_past_of_the_demonstration_makes_a_page(
    program: CommandLine, storage_access: StorageAccess, running_stack: LocalStack
) -> None:
    end = datetime.now(UTC).date()
    options: dict[str, Any] = {"use_env_settings": False}
    with TableClient.from_connection_string(
        running_stack.azurite.connection_string, storage_access.name, **options
    ) as table:
        notices = write_past(table, (), end, program.environ).notices
    words = ("audit", "--from", (end - timedelta(days=DAYS)).isoformat())

    done = program(*words, "--html", "page.html")
    told = program.json(*words)

    assert f"{notices:,} notices" in done.stdout
    assert len(told["notices"]) == sum(day["notices"] for day in told["days"]) == notices
    assert sum(day["noRun"] for day in told["days"]) == len(SHORT_OUTAGE) + len(LONG_OUTAGE)
    never_sent = sum(day["tooLate"] for day in told["days"])
    assert 0 < never_sent < sum(day["expired"] for day in told["days"])
    assert f"{never_sent:,} found too late and never sent" in done.stdout
    assert f"{never_sent}\u00a0reminders were never sent: no run completed" in page_of(program)


def page_of(program: CommandLine) -> str:
    return (program.folder / "page.html").read_text("utf-8")


def test_the_page_says_whose_figures_these_are(
    sent: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    assert sent("audit", "--html", "page.html").returncode == 0

    for each in (sent.environ["GRAPH_TENANT_ID"], f"ledger {storage_access.name}", stack.attribute):
        assert each in page_of(sent)
    (account,) = re.findall("AccountName=([^;]+)", sent.environ["NOTICE_STORAGE"])
    assert f"storage account {account}," in page_of(sent)
    assert "AccountKey" not in page_of(sent)


def test_the_page_of_one_customer_lists_their_notices(sent: CommandLine) -> None:
    assert sent("audit", "--user", USER, "--html", "page.html").returncode == 0

    assert f"Customer {USER}" in page_of(sent)
    assert OTHER not in page_of(sent)
    assert page_of(sent).count("<td>on the day</td>") == 1
    assert {"late", "tooLate", "afterAll", "seconds"}.isdisjoint(sent.json("audit", "--user", USER)["days"][0])


def test_of_an_empty_ledger_the_audit_says_that_no_run_is_recorded(program: CommandLine) -> None:
    done = program("audit", "--html", "page.html")

    assert done.returncode == 0
    assert "no run is recorded" in done.stdout
    assert "No run is recorded, and nothing was sent." in page_of(program)
