"""Reads queue and ledger back and says whether every owed notice is there: `python -m tests.verify`.

A second opinion. It shares no code with `due_notices`: it knows the two services, the definition of a notice's
id, and (through `local.expected`) the rules as they were worked out a second time. Every fault test ends with it.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from azure.data.tables import TableClient
from azure.storage.queue import QueueClient, QueueMessage

from local.expected import batch_id, expected, notice_id, obligation_key, rules_of, user_key
from local.expected_values import plain_number

HOLD_SECONDS = 120  # for which the messages are hidden from consumers, should the verifier die half-way
OPTIONS: dict[str, Any] = {"use_env_settings": False}


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the queue."""

    message_id: str
    event: dict[str, Any]

    @property
    def id(self) -> str:
        """The notice's id."""
        return str(self.event.get("id"))

    @property
    def partition(self) -> str:
        """The partition in which the ledger should have it."""
        return str(self._data.get("dueDate"))

    @property
    def row(self) -> str:
        """The row in which the ledger should have it."""
        return f"{user_key(self._user)}{obligation_key(*self._obligation)}_{self._data.get('stage')}"

    @property
    def id_of_its_facts(self) -> str:
        """The id that its own facts ask for, by the definition."""
        return notice_id(self._user, *self._obligation, self._data.get("stage", 0))

    @property
    def business_date(self) -> str:
        """The day of the run that sent it."""
        return str(self._data.get("businessDate"))

    @property
    def batch_is_its_own(self) -> bool:
        """Whether its batch has the id that user and day ask for, and counts at least this notice."""
        batch = self._data.get("batch", {})
        size = batch.get("size")
        return batch.get("id") == batch_id(self._user, self.business_date) and isinstance(size, int) and size > 0

    @property
    def says_what_came_before(self) -> bool:
        """Whether the stage before it is an earlier one, where it names one."""
        previous = self._data.get("previousStage")
        return previous is None or previous < self._data.get("stage", previous)

    @property
    def _user(self) -> str:
        return str(self.event.get("subject"))

    @property
    def _obligation(self) -> tuple[Any, str, str, str]:
        """Due date, reference, amount and currency as in an id."""
        obligation = self._data.get("obligation", {})
        due, reference = self._data.get("dueDate"), obligation.get("reference", "")
        if reference:
            return due, reference, "", ""
        amount = obligation.get("amount")
        return due, "", "" if amount is None else plain_number(amount), obligation.get("currency", "")

    @property
    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event.get("data", {})
        return data


@dataclass(frozen=True, slots=True)
class Row:
    """One notice in the ledger."""

    partition: str
    row: str
    id: str
    state: str
    message_id: str | None
    business_date: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `owed` is None where the caller did not say who owes what."""

    messages: Sequence[Message]
    rows: Sequence[Row]
    owed: frozenset[str] | None = None

    @property
    def on_queue(self) -> Counter[str]:
        """The ids on the queue, and how often each is there."""
        return Counter(message.id for message in self.messages)

    @property
    def sent(self) -> frozenset[str]:
        """What the ledger has as sent."""
        return frozenset(row.id for row in self.rows if row.state == "sent")

    @property
    def unfinished(self) -> frozenset[str]:
        """What the ledger has as claimed and not as sent."""
        return frozenset(row.id for row in self.rows if row.state != "sent")

    @property
    def repeated(self) -> frozenset[str]:
        """The ids that are on the queue more than once."""
        return frozenset(identifier for identifier, times in self.on_queue.items() if times > 1)

    @property
    def repeats(self) -> int:
        """How many messages a consumer has to drop because it had their ids before."""
        return len(self.messages) - len(self.on_queue)

    @property
    def missing(self) -> frozenset[str]:
        """What should be on the queue and is not: it is owed, or the ledger has it as sent."""
        return ((self.owed or frozenset()) | self.sent) - self.on_queue.keys()

    @property
    def foreign(self) -> frozenset[str]:
        """What is on the queue and should not be: not owed, unknown to the ledger, or with an id of other facts."""
        known = {(row.partition, row.row, row.id) for row in self.rows}
        return frozenset(
            message.id
            for message in self.messages
            if (self.owed is not None and message.id not in self.owed)
            or (message.partition, message.row, message.id) not in known
            or message.id != message.id_of_its_facts
        )

    @property
    def unproven(self) -> frozenset[str]:
        """What the ledger has as sent by a message that is not one of this notice's on the queue."""
        there = {(message.id, message.message_id) for message in self.messages}
        return frozenset(
            row.id for row in self.rows if row.state == "sent" and (row.id, row.message_id or "") not in there
        )

    @property
    def misleading(self) -> frozenset[str]:
        """What would mislead a consumer: another business date than the ledger's, a wrong batch, or a later "before".

        Of a notice that is there more than once the ledger knows the message that it was marked with.
        """
        marked = {(row.id, row.message_id): row.business_date for row in self.rows if row.state == "sent"}
        return frozenset(
            message.id
            for message in self.messages
            if message.business_date != marked.get((message.id, message.message_id), message.business_date)
            or not message.batch_is_its_own
            or not message.says_what_came_before
        )

    def faults(
        self, may_repeat: Collection[str] = (), *, may_stay_claimed: Collection[str] = (), finished: bool = True
    ) -> list[str]:
        """Return what is wrong, a sentence each, where only `may_repeat` may be there more than once.

        `may_stay_claimed` were sent by a tick that died, and not owed any more when the next one ran. Work that is
        not `finished` may leave claims and lack notices, but nothing else.
        """
        found = {
            "on the queue and should not be": self.foreign,
            "repeated without having been claimed and unfinished": self.repeated - frozenset(may_repeat),
            "sent by the ledger's word, and not on the queue by that message": self.unproven,
            "with another business date, batch or stage before than is right": self.misleading,
        }
        if finished:
            found["missing on the queue"] = self.missing
            wanted = self.owed or frozenset(self.on_queue)
            found["not marked as sent"] = wanted - self.sent - frozenset(may_stay_claimed)
        return [f"{len(ids)} {what}: {', '.join(sorted(ids)[:3])}" for what, ids in found.items() if ids]

    def figures(self) -> dict[str, int | None]:
        """Return the numbers, in the order in which they are shown."""
        return {
            "owed": None if self.owed is None else len(self.owed),
            "on the queue": len(self.on_queue),
            "ledger sent": len(self.sent),
            "claimed and unfinished": len(self.unfinished),
            "repeats": self.repeats,
            "missing": len(self.missing),
            "foreign": len(self.foreign),
        }


def verify(
    connection_string: str, queue: str, table: str, owed: Collection[str] | None = None, *, keep: bool = True
) -> Verdict:
    """Read queue and ledger back. The messages stay on the queue, each with a higher dequeue count.

    Without `keep` they are left hidden for two minutes, which is quicker.
    """
    with (
        closing(QueueClient.from_connection_string(connection_string, queue, **OPTIONS)) as messages,
        closing(TableClient.from_connection_string(connection_string, table, **OPTIONS)) as rows,
    ):
        return Verdict(
            list(_messages(messages, keep=keep)),
            list(_rows(rows)),
            None if owed is None else frozenset(owed),
        )


def _messages(queue: QueueClient, *, keep: bool) -> Iterator[Message]:
    held: list[QueueMessage] = []
    try:
        # A look that does not touch ("peek") shows 32 messages at most, so each is received and given back.
        for message in queue.receive_messages(messages_per_page=32, visibility_timeout=HOLD_SECONDS):
            held.append(message)
            yield Message(message.id, _event(message.content))
    finally:
        for message in held if keep else ():
            queue.update_message(message, visibility_timeout=0)


def _event(content: str) -> dict[str, Any]:
    """Return the CloudEvent; what cannot be read is one without anything, and so foreign."""
    try:
        event = json.loads(base64.b64decode(content, validate=True))
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _rows(table: TableClient) -> Iterator[Row]:
    # Partitions of notices are due dates; those with letters hold runs and the ledger's format.
    for entity in table.query_entities("PartitionKey lt 'A'"):
        identifier = entity.get("noticeId", "")
        key = entity["PartitionKey"], entity["RowKey"]
        yield Row(*key, identifier, entity["state"], entity.get("messageId"), entity.get("businessDate", ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; return 0 if nothing is wrong, 1 if something is."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify", description=__doc__)
    parser.add_argument(
        "--settings",
        type=Path,
        default=Path("local.settings.json"),
        help="the settings file with NOTICE_STORAGE (a connection string), NOTICE_QUEUE, LEDGER_TABLE",
    )
    parser.add_argument("--users", type=Path, help="a JSON list of Graph users, to work out what is owed")
    parser.add_argument("--date", type=date.fromisoformat, help="the business date of the ledger's only run")
    options = parser.parse_args(arguments)
    if (options.users is None) != (options.date is None):
        parser.error("--users and --date go together")
    settings: dict[str, str] = json.loads(options.settings.read_text("utf-8"))["Values"]
    owed = None
    if options.users is not None:
        users = json.loads(options.users.read_text("utf-8"))
        owed = expected(users, settings["DUE_DATE_ATTRIBUTE"], options.date, rules_of(settings)).notices.keys()
    verdict = verify(
        settings["NOTICE_STORAGE"],
        settings.get("NOTICE_QUEUE", "due-notices"),
        settings.get("LEDGER_TABLE", "duenotices"),
        owed,
    )
    for what, number in verdict.figures().items():
        print(f"{what:24}{'not asked: give --users and --date' if number is None else number}")
    faults = verdict.faults(verdict.repeated, finished=not verdict.unfinished)
    for fault in faults:
        print(f"wrong: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
