"""The command line as a process: what people and programs see, and the exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from due_notices import VERSION
from due_notices.commands import console
from due_notices.commands.main import main
from local.customers import sample_customers
from local.expected import expected as expected_by
from local.faults import Fault
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess
from tests.command_line import ROOT, CommandLine

USER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def customers(stack: LocalStack, program: CommandLine) -> list[dict[str, Any]]:
    stack.graph.users = users = sample_customers(today_of(program), 600, 7, stack.attribute)
    return users


def today_of(program: CommandLine) -> date:
    """Return the machine's own today, as the program sees it."""
    return date.fromisoformat(program.json("preview")["businessDate"])


def owe_today(stack: LocalStack, storage: StorageAccess, program: CommandLine, **fields: Any) -> str:
    """Give the directory one user who owes a notice on the machine's own today, and return their due date."""
    del storage
    due = program.json("preview")["businessDate"]
    stack.graph.users = [
        {"id": USER, "accountEnabled": True, "mail": "ada@example.com", stack.attribute: due, **fields}
    ]
    return str(due)


def test_preview_lists_what_an_independent_calculation_expects_and_writes_nothing(
    program: CommandLine, customers: list[dict[str, Any]], stack: LocalStack, storage_access: StorageAccess
) -> None:
    today = today_of(program)
    shown = program.json("preview", "--date", today.isoformat())

    expected = expected_by(customers, stack.attribute, today).notices
    assert {notice["id"] for notice in shown["notices"]} == expected.keys()
    assert shown["owed"] == len(expected)
    assert storage_access.ids() == []
    assert storage_access.rows() == []


def test_preview_for_people_shows_stages_and_skips_without_personal_data(
    program: CommandLine, customers: list[dict[str, Any]]
) -> None:
    done = program("preview", "--date", today_of(program).isoformat(), "--all")

    assert done.returncode == 0
    assert "by stage" in done.stdout
    assert "unreachable" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    for user in customers:
        for name in ("displayName", "mail"):
            assert not user.get(name) or str(user[name]) not in done.stdout


def test_preview_of_the_skipped_shows_them_alone_with_due_date_and_why(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    due = owe_today(stack, storage_access, program)
    values = [due, json.dumps({"due": due, "ref": "00123", "status": "paid"}), f"{due} 00:00"]
    owe_today(stack, storage_access, program, **{stack.attribute: values})

    done = program("preview", "--skipped", "--csv", "skipped.csv")
    head, _, columns, *rows = done.stdout.splitlines()

    assert head == f"2 obligations skipped on {due}"
    assert columns.split() == ["due", "user", "reason", "reference", "why"]
    assert [row.split()[:2] for row in rows] == [[USER, "malformed"], [due, USER]]
    assert "00123" in rows[1]
    assert "it is paid" in rows[1]
    with (program.folder / "skipped.csv").open(encoding="utf-8", newline="") as lines:
        written = list(csv.reader(lines))
    assert written[2] == [USER, due, "'00123", "paid", "it is paid"]
    assert written[1][:4] == [USER, "", "", "malformed"]
    assert written[1][4]


def test_preview_writes_its_notices_as_csv_and_one_is_one_notice(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    due = owe_today(stack, storage_access, program)

    done = program("preview", "--csv", "notices.csv")

    assert done.stdout.startswith(f"1 notice is owed on {due}, of 1 user with 1 obligation;")
    with (program.folder / "notices.csv").open(encoding="utf-8", newline="") as lines:
        names, cells = csv.reader(lines)
    assert dict(zip(names, cells, strict=True))["due_date"] == due
    assert USER in cells
    assert "ada@example.com" not in cells


@pytest.mark.parametrize("day", ["2026-02-30", "30.11.2026", "2026-1-1", "tomorrow", "20261201"])
def test_a_day_that_is_none_is_said_with_the_form_to_write(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--date", day]) == 2
    assert f"{day!r} is not a day: write it as YYYY-MM-DD" in " ".join(capsys.readouterr().err.split())


def test_preview_shows_contacts_only_where_asked(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program, displayName="Ada Example")

    assert "ada@example.com" not in program("preview").stdout
    assert "ada@example.com" in program("preview", "--with-contacts").stdout


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202etxt\u2066\r\n[bold]Ada[/bold]"
HARMLESS = r"\x1b[2J\x1b]0;title\x07\x9b31m\u202etxt\u2066\r\n[bold]Ada[/bold]"


def test_control_characters_are_shown_and_not_obeyed_by_terminals(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    value = json.dumps({"due": owe_today(stack, storage_access, program), "ref": "\u202eINV-[red]1"})
    owe_today(stack, storage_access, program, displayName=HOSTILE, **{stack.attribute: value})

    previewed, explained = program("preview", "--with-contacts").stdout, program("explain", USER).stdout

    assert HARMLESS in previewed
    assert r"\u202eINV-[red]1" in previewed
    assert r"\u202eINV-[red]1" in explained
    assert not set("\x1b\x07\x9b\r\u202e\u2066") & set(previewed + explained)


@pytest.mark.parametrize(
    "name",
    [
        "Ada Example",
        "Zoë O'Brien-Ødegård",
        "山田\u3000太郎",
        "מרים",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d💻",
        "a\u00a0b",
    ],
)
def test_names_stay_as_they_are_written(name: str) -> None:
    assert console.plain(name).plain == name
    table = console.table("", "name")
    table.add_row(name)
    assert str(next(iter(table.columns[0].cells))) == name


def test_an_error_keeps_its_lines_and_obeys_nothing_else() -> None:
    assert console.plain("1 setting is wrong:\n  - \x1b\udcff").plain == "1 setting is wrong:\n  - \\x1b\\udcff"


def test_run_sends_once_and_says_so_the_second_time(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program)

    first, second = program.json("run"), program.json("run")

    assert (first["outcome"], first["sent"]) == ("completed", 1)
    assert second["outcome"] == "already-completed"
    assert len(storage_access.ids()) == 1


def test_run_for_people_ends_with_a_table(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program)

    done = program("run")

    assert done.returncode == 0
    assert "completed: every owed notice is on the queue" in done.stdout


def test_run_outside_the_window_does_nothing_and_says_why(program: CommandLine, stack: LocalStack) -> None:
    window = "00:00-00:01" if time.gmtime().tm_hour else "23:58-23:59"

    done = program("run", SEND_WINDOW=window)

    assert done.returncode == 0
    assert "outside the send window" in done.stdout
    assert stack.graph.requests == []


def test_explain_shows_the_stages_and_the_verdict_before_and_after_a_run(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    due = owe_today(stack, storage_access, program)

    before = program("explain", USER)
    program("run")
    after = program("explain", USER)

    assert f"Owed on {due}" in before.stdout
    assert "Sent: stage 0" in after.stdout
    assert "today's run is completed" in after.stdout
    assert "`run --again`" in after.stdout
    assert storage_access.ids()[0] in after.stdout


def test_explain_names_the_contacts_that_cannot_be_used(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program, mail="a@example.com; b@example.com", mobilePhone="\u202a+1 555 0100")

    shown, found = program("explain", USER).stdout, json.loads(program("explain", USER, "--json").stdout)

    assert "mail is unusable: it holds several addresses" in shown
    assert "example.com" not in shown
    assert [(note["field"], note["kind"]) for note in found["contacts"]] == [
        ("mail", "unusable"),
        ("mobilePhone", "cleaned"),
    ]


def test_preview_shows_what_calendar_and_schedule_bring(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program)
    program.environ.update(
        BUSINESS_CALENDAR="GB",
        NOTICE_SCHEDULE="0 0,30 7 * * *",
        SEND_WINDOW="08:00-09:00",
        BUSINESS_TIME_ZONE="Europe/Berlin",
    )

    shown = " ".join(program("preview").stdout.split())
    found = json.loads(program("preview", "--json").stdout)

    assert "weekend SAT and SUN; closed next: " in shown
    assert "GB-ENG, GB-NIR, GB-SCT, GB-WLS" in shown
    assert "no tick of NOTICE_SCHEDULE lies inside SEND_WINDOW on" in shown
    assert [note["code"] for note in found["calendar"]["notes"]] == ["next", "parts"]
    assert found["calendar"]["package"].startswith("holidays ")
    assert found["daysWithoutTick"]["count"] > 100


def test_preview_says_which_value_or_contact_cannot_be_used(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    due = owe_today(stack, storage_access, program)
    value = json.dumps({"due": due, "amount": "5", "currency": "BGN"})
    stack.graph.users = [
        {"id": "1", "accountEnabled": True, "mail": "a@example.com; b@example.com", stack.attribute: due},
        {"id": "2", "accountEnabled": True, "mail": "a@example.com", stack.attribute: "2569-12-02"},
        {"id": "3", "accountEnabled": True, "mail": "a@b.co", "mobilePhone": "call me", stack.attribute: value},
    ]

    shown = " ".join(program("preview").stdout.split())
    skips = {skip["userId"]: skip["why"] for skip in program.json("preview")["skips"]}

    assert "mail: it holds several addresses" in skips["1"]
    assert "the Buddhist era?" in skips["2"]
    assert "a contact field cannot be used: 1 customer of these" in shown
    assert "ISO 4217 does not have these currencies, or no longer has them: BGN" in shown


def test_explain_of_an_unknown_user_fails_with_what_to_give(program: CommandLine) -> None:
    done = program("explain", "nobody@example.com")

    assert done.returncode == 1
    assert "neither by id or principal name nor by an address" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        ".",
        "..",
        "../../me",
        "..\\me",
        "[bold]x[/bold]@example.com",
        "ada\x1b@example.com",
        "ada\udcff@example.com",
    ],
)
def test_explain_refuses_what_would_ask_graph_for_something_else(
    capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert main(["explain", words]) == 2
    assert "names no user" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Grüße.東京@example.com", "o'brien@example.com", "ada_x.com#EXT#@a.example"])
def test_explain_asks_for_every_name_that_a_user_can_have(program: CommandLine, stack: LocalStack, name: str) -> None:
    stack.graph.users = [{"id": USER, "userPrincipalName": name}]

    assert USER in program("explain", name).stdout


def test_explain_says_when_the_filter_leaves_a_user_out(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess
) -> None:
    owe_today(stack, storage_access, program, accountEnabled=False)

    done = program("explain", USER)

    assert "Not notified: USER_FILTER leaves this user out" in done.stdout
    assert "Owed" not in done.stdout


def test_wrong_settings_are_all_reported_before_any_request(program: CommandLine, stack: LocalStack) -> None:
    done = program("run", GRAPH_CLIENT_ID="my app", SEND_WINDOW="18:00-08:00", NOTICE_LIMIT="many")

    assert done.returncode == 2
    for name in ("GRAPH_CLIENT_ID", "SEND_WINDOW", "NOTICE_LIMIT"):
        assert f"- {name}: " in done.stderr
    assert [*stack.identity.requests, *stack.vault.requests, *stack.entra.requests, *stack.graph.requests] == []


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2200-01-01", "9999-12-31"])
@pytest.mark.parametrize("words", [["preview", "--date"], ["explain", USER, "--date"], ["audit", "--from"]])
def test_a_day_that_cannot_be_counted_from_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], day: str
) -> None:
    assert main([*words, day]) == 2
    assert f"{day} is out of reach: give a day from 2000-01-01 to 2199-12-31" in capsys.readouterr().err


def test_a_later_day_is_foreseen_for_400_days(program: CommandLine, storage_access: StorageAccess) -> None:
    del storage_access
    settings = {"BUSINESS_CALENDAR": "DE"}
    today = today_of(program)
    furthest = today + timedelta(days=400)

    assert program("preview", "--date", furthest.isoformat(), **settings).returncode == 0
    for day in (today - timedelta(days=1), furthest + timedelta(days=1), date(2199, 12, 31)):
        refused = program("preview", "--date", day.isoformat(), **settings)
        assert refused.returncode == 2
        assert day.isoformat() in refused.stderr


@pytest.mark.parametrize("day", ["2000-01-01", "2199-12-31"])
def test_the_first_and_the_last_day_can_be_counted_from(program: CommandLine, day: str) -> None:
    settings = {"BUSINESS_CALENDAR": "DE", "BUSINESS_TIME_ZONE": "America/New_York"}

    assert program("audit", "--to", day, **settings).returncode == 0


@pytest.mark.parametrize("command", ["run", "preview", "explain"])
def test_help_teaches_and_needs_no_settings(tmp_path: Path, command: str) -> None:
    bare = CommandLine({**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path)

    done = bare(command, "--help")

    assert done.returncode == 0
    assert "Usage: due-notices" in done.stdout


def break_vault(stack: LocalStack, storage: StorageAccess) -> None:
    del storage
    stack.vault.readers.clear()


def break_secret(stack: LocalStack, storage: StorageAccess) -> None:
    del storage
    stack.secret_rotate(store=False)


def break_consent(stack: LocalStack, storage: StorageAccess) -> None:
    del storage
    stack.graph.faults.add(Fault(status=403))


def break_queue(stack: LocalStack, storage: StorageAccess) -> None:
    del stack
    storage.delete_queue()


def break_table(stack: LocalStack, storage: StorageAccess) -> None:
    del stack
    storage.delete_table()


@pytest.mark.parametrize(
    ("breakage", "cause", "remedy"),
    [
        (break_vault, "Forbidden", "Key Vault Secrets User"),
        (break_secret, "AADSTS7000215", "store a new one"),
        (break_consent, "403", "User.Read.All"),
        (break_queue, "QueueNotFound", "az storage queue create"),
        (break_table, "TableNotFound", "az storage table create"),
    ],
)
def test_a_dead_service_ends_in_one_sentence_with_cause_and_remedy(
    program: CommandLine, stack: LocalStack, storage_access: StorageAccess, breakage: Any, cause: str, remedy: str
) -> None:
    owe_today(stack, storage_access, program)
    breakage(stack, storage_access)

    done = program("run")

    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert cause in said
    assert remedy in said


def test_settings_come_from_a_file_unless_the_environment_has_them(
    program: CommandLine, stack: LocalStack, tmp_path: Path
) -> None:
    values = {name: program.environ.pop(name) for name in list(stack.environ) if name in program.environ}
    (tmp_path / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))

    assert program("preview").returncode == 0
    done = program("preview", NOTICE_LIMIT="no number")
    assert "NOTICE_LIMIT" in done.stderr


def test_a_damaged_settings_file_is_a_settings_problem(program: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": []}')

    done = program("preview")

    assert done.returncode == 2
    assert "local.settings.json.example" in done.stderr


def test_an_encrypted_settings_file_is_named_with_the_command_that_decrypts_it(
    program: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "local.settings.json").write_text(
        json.dumps({"IsEncrypted": True, "Values": {"NOTICE_LIMIT": "CfDJ8"}})
    )

    done = program("preview")

    assert done.returncode == 2
    assert "local.settings.json: is encrypted; call `func settings decrypt`" in done.stderr
    assert "CfDJ8" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_ends_a_reading_cleanly_within_moments(program: CommandLine, stack: LocalStack) -> None:
    stack.graph.faults.add(Fault(delay=20))
    running = subprocess.Popen(
        program.command("preview"), cwd=program.folder, env=program.environ, stderr=subprocess.PIPE, text=True
    )
    while not stack.graph.requests:  # the process has to reach Graph first
        assert running.poll() is None
        time.sleep(0.02)

    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=5)

    assert running.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors


def test_the_version_is_that_of_the_package_and_the_changelog() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "due_notices", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == f"due-notices {VERSION}\n"
    assert f"## {VERSION} - " in (ROOT / "CHANGELOG.md").read_text("utf-8")
