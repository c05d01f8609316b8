"""The verifier finds what is wrong: it must be able to fail."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableClient

from due_notices.message import to_message
from due_notices.model import Batch, batch_id
from local.stack import LocalStack
from tests import factories
from tests.adapters.storage_access import StorageAccess
from tests.verify import OPTIONS, Message, Row, Verdict, main, verify

BATCH = Batch(batch_id(factories.user().id, factories.on("2026-11-24")), size=4)
NOTICES = [factories.notice(reference=f"INV-{number}", batch=BATCH) for number in range(4)]
OWED = frozenset(notice.id for notice in NOTICES)


def message(number: int, message_id: str | None = None, **changes: Any) -> Message:
    notice = NOTICES[number]
    event = json.loads(to_message(notice, source="/tenants/t/due-notices", time=notice.expires, time_zone="UTC").text)
    return Message(message_id or f"message-{number}", event | changes)


def row(number: int, state: str = "sent", **changes: Any) -> Row:
    notice = NOTICES[number]
    fields = {"partition": notice.partition, "row": notice.row, "id": notice.id, "message_id": f"message-{number}"}
    fields["business_date"] = notice.business_date.isoformat()
    return Row(**fields | {"state": state} | changes)


def saying(number: int, **changes: Any) -> Message:
    return message(number, data=message(number).event["data"] | changes)


MESSAGES = [message(number) for number in range(4)]
ROWS = [row(number) for number in range(4)]


def test_nothing_is_wrong_with_what_is_right() -> None:
    verdict = Verdict(MESSAGES, ROWS, OWED)

    assert verdict.faults() == []
    assert list(verdict.figures().values()) == [4, 4, 4, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("messages", "rows", "says"),
    [
        (MESSAGES[1:], ROWS[1:], "1 missing on the queue"),
        (MESSAGES[1:], ROWS, "1 sent by the ledger's word"),
        (MESSAGES, ROWS[1:], "1 on the queue and should not be"),
        (MESSAGES, [row(0, "claimed"), *ROWS[1:]], "1 not marked as sent"),
        ([*MESSAGES, message(0, "again")], ROWS, "1 repeated without having been claimed"),
        ([message(0, id="f" * 32), *MESSAGES[1:]], ROWS, "on the queue and should not be: " + "f" * 32),
        ([message(0, subject="somebody else"), *MESSAGES[1:]], ROWS, "1 on the queue and should not be"),
        ([message(0, "another"), *MESSAGES[1:]], ROWS, "1 sent by the ledger's word"),
        (MESSAGES, [row(0, partition="2026-12-02"), *ROWS[1:]], "1 on the queue and should not be"),
        (MESSAGES, [row(0, row=NOTICES[1].row), *ROWS[1:]], "1 on the queue and should not be"),
        (MESSAGES, [row(0, business_date="2026-01-01"), *ROWS[1:]], "1 with another business date"),
        ([saying(0, batch={"id": "0" * 32, "size": 1}), *MESSAGES[1:]], ROWS, "1 with another business date, batch"),
        ([saying(0, previousStage=NOTICES[0].stage), *MESSAGES[1:]], ROWS, "1 with another business date, batch"),
    ],
)
def test_what_is_wrong_is_found(messages: list[Message], rows: list[Row], says: str) -> None:
    assert any(says in fault for fault in Verdict(messages, rows, OWED).faults())


def test_what_nobody_owes_is_foreign() -> None:
    assert Verdict(MESSAGES, ROWS, OWED - {NOTICES[2].id}).foreign == {NOTICES[2].id}


def test_a_repeat_is_allowed_where_a_claim_was_unfinished() -> None:
    verdict = Verdict([*MESSAGES, message(0, "again")], ROWS, OWED)

    assert verdict.faults(may_repeat=[NOTICES[0].id]) == []
    assert verdict.repeats == 1


def test_a_claim_may_stay_where_the_notice_is_not_owed_any_more() -> None:
    verdict = Verdict(MESSAGES, [row(0, "claimed"), *ROWS[1:]], OWED)

    assert verdict.faults() != []
    assert verdict.faults(may_stay_claimed=[NOTICES[0].id]) == []


def test_unfinished_work_may_lack_notices_and_nothing_else() -> None:
    assert Verdict(MESSAGES[:1], [row(0, "claimed"), row(1, "claimed")], OWED).faults(finished=False) == []
    assert Verdict(MESSAGES[:1], [row(0), row(1)], OWED).faults(finished=False)


def test_it_reads_everything_and_leaves_it_there(running_stack: LocalStack, storage_access: StorageAccess) -> None:
    queue = storage_access.queue
    for number in range(70):
        queue.send_message(base64.b64encode(json.dumps({"id": str(number)}).encode()).decode())
    text, name = running_stack.azurite.connection_string, storage_access.name

    queue.send_message("no notice at all")

    first, second = verify(text, name, name), verify(text, name, name)

    assert first.on_queue == second.on_queue
    assert len(first.on_queue) == 71


def test_the_command_prints_the_figures_and_its_exit_code_is_the_verdict(
    running_stack: LocalStack, storage_access: StorageAccess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, due = storage_access.name, str(factories.on("2026-12-01"))
    attribute = running_stack.attribute
    users = [{"id": "user-1", "mail": "a@example.com", attribute: due}]
    values = {
        "NOTICE_STORAGE": running_stack.azurite.connection_string,
        "NOTICE_QUEUE": name,
        "LEDGER_TABLE": name,
        "DUE_DATE_ATTRIBUTE": attribute,
    }
    settings, listing = tmp_path / "settings.json", tmp_path / "users.json"
    settings.write_text(json.dumps({"Values": values}), encoding="utf-8")
    listing.write_text(json.dumps(users), encoding="utf-8")
    options = ["--settings", str(settings)]

    assert main(options) == 0
    assert "owed                    not asked" in capsys.readouterr().out
    assert main([*options, "--users", str(listing), "--date", "2026-11-24"]) == 1
    told = capsys.readouterr().out
    assert "missing                 1" in told
    assert "wrong: 1 missing on the queue" in told
    with TableClient.from_connection_string(running_stack.azurite.connection_string, name, **OPTIONS) as table:
        table.create_entity({"PartitionKey": "2026-12-01", "RowKey": "x", "noticeId": "x", "state": "sent"})
    assert main(options) == 1
    with pytest.raises(SystemExit):
        main([*options, "--date", "2026-11-24"])


def test_it_shares_no_code_with_the_program() -> None:
    code = "import sys, tests.verify; sys.exit(any(name.startswith('due_notices') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
