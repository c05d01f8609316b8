"""A consumer without Azure Functions: a loop that any service manager can keep running.

    python plain.py                 until Ctrl-C
    python plain.py --once          until the queue is empty

What the Functions host does for a trigger is done here by hand: a message that was received is invisible to others
for a while, is deleted when it is finished, and is put on the poison queue when nothing can be made of it.

Exit codes: 0 done, 1 failed, 2 the settings or the command line are wrong.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage
from notices import Busy, Event, Seen, Unreadable, handle, utc_now
from seen_sqlite import SeenSqlite

HIDDEN = timedelta(minutes=2)  # longer than the delivery of one batch takes
MOST_TRIES = 5
BATCH = 16
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between looks into an empty or unwell queue
# For every request, in seconds: by itself the SDK is silent for minutes where an account does not answer.
LIMITS: Any = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1, "initial_backoff": 1, "increment_base": 1}
_logger = logging.getLogger("consumer")


class SettingsError(Exception):
    """The environment does not say where the queue is."""


class Consumer:
    """Empties the queue, message by message."""

    def __init__(
        self,
        queue: QueueClient,
        poison: QueueClient,
        seen: Seen,
        deliver: Callable[[Event], None],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take open clients of both queues."""
        self._queue = queue
        self._poison = poison
        self._seen = seen
        self._deliver = deliver
        self._now = now

    def step(self) -> int:
        """Handle one batch; return how many messages there were."""
        count = 0
        for message in self._queue.receive_messages(
            messages_per_page=BATCH, visibility_timeout=int(HIDDEN.total_seconds()), max_messages=BATCH
        ):
            count += 1
            self._one(message)
        return count

    def _one(self, message: QueueMessage) -> None:
        try:
            text = base64.b64decode(message.content, validate=True)
            handle(text, seen=self._seen, deliver=self._deliver, now=self._now())
        except (Unreadable, binascii.Error) as error:
            self._to_poison(message, str(error))
        except Busy as error:
            _logger.info("%s; left for later", error)
            return
        except Exception as error:  # one customer's failure is not the next one's
            if (message.dequeue_count or 0) >= MOST_TRIES:
                self._to_poison(message, f"{MOST_TRIES} tries failed ({type(error).__name__})")
            else:
                _logger.warning("message %s failed (%s); it comes again", message.id, type(error).__name__)
                return
        self._delete(message)

    def _to_poison(self, message: QueueMessage, why: str) -> None:
        """Put the message away as it came, for ever, before it is deleted: rather twice than never."""
        _logger.error("message %s goes to the poison queue: %s", message.id, why)
        self._poison.send_message(message.content, time_to_live=-1)

    def _delete(self, message: QueueMessage) -> None:
        try:
            self._queue.delete_message(message)
        except ResourceNotFoundError:
            # We took longer than HIDDEN and somebody else has it now: the seen ids recognise the repeat.
            _logger.warning("message %s was taken over by another worker", message.id)


def main() -> int:
    """Consume until told to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end when the queue is empty")
    parser.add_argument("--seen", type=Path, default=Path("seen.sqlite"), help="where the seen ids are kept")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.ERROR)  # its warnings are pages long; ours name the remedy
    name = os.environ.get("NOTICE_QUEUE", "due-notices")
    try:
        _consume(name, options.seen, once=options.once)
    except KeyboardInterrupt:
        _logger.info("stopped; what was received and not finished comes again in %s", HIDDEN)
    except SettingsError as error:
        _logger.critical("%s", error)
        return 2
    except sqlite3.Error as error:
        _logger.critical("seen ids cannot be kept in %s (%s): name another file with --seen", options.seen, error)
        return 1
    except AzureError as error:
        _logger.critical("%s", _remedy(error, name))
        return 1
    return 0


def _consume(name: str, path: Path, *, once: bool) -> None:
    from sender import deliver

    with _queue(name) as queue, _queue(f"{name}-poison") as poison, closing(SeenSqlite(path)) as seen:
        seen.forget_expired(utc_now())
        _loop(Consumer(queue, poison, seen, deliver), name, once=once)


def _loop(consumer: Consumer, name: str, *, once: bool) -> None:
    idle = 0
    while True:
        try:
            found = consumer.step()
        except AzureError as error:
            if once:
                raise
            _logger.warning("%s", _remedy(error, name))
            found = 0
        if found:
            idle = 0
            continue
        if once:
            return
        threading.Event().wait(PAUSES[min(idle, len(PAUSES) - 1)])
        idle += 1


def _queue(name: str) -> QueueClient:
    """Open a queue by connection string, or by its endpoint and one's own identity."""
    connection_string = os.environ.get("NOTICE_STORAGE")
    endpoint = os.environ.get("NOTICE_STORAGE__queueServiceUri")  # noqa: SIM112 (Azure's own spelling)
    try:
        if connection_string:
            return QueueClient.from_connection_string(connection_string, name, **LIMITS)
        if endpoint:
            from azure.identity import DefaultAzureCredential

            return QueueClient(endpoint, name, credential=DefaultAzureCredential(), **LIMITS)
    except ValueError:  # whose text may hold a part of the setting
        raise SettingsError(
            "NOTICE_STORAGE or NOTICE_STORAGE__queueServiceUri is malformed: copy it again from the storage account"
        ) from None
    raise SettingsError(
        "nobody says where the queue is: set NOTICE_STORAGE to the storage account's connection string, or "
        "NOTICE_STORAGE__queueServiceUri to https://<account>.queue.core.windows.net and log in with `az login`"
    )


def _remedy(error: AzureError, name: str) -> str:
    """Say what keeps the queue from being used, and what mends it."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ResourceNotFoundError):
        remedy = (
            f"it or {name}-poison does not exist: make both with `az storage queue create`, or correct NOTICE_QUEUE"
        )
    elif isinstance(error, ClientAuthenticationError) or status in {401, 403}:
        remedy = "access is refused: correct NOTICE_STORAGE, or `az login` and assign the roles that README.md names"
    elif status is None:
        remedy = "no answer: check NOTICE_STORAGE, the account's firewall and the network"
    elif status < 500:  # noqa: PLR2004 (HTTP)
        remedy = "the request is refused: check NOTICE_QUEUE and NOTICE_STORAGE"
    else:
        remedy = "the service is unwell: try again later"
    return f"the queue {name} cannot be used ({status or type(error).__name__}): {remedy}"


if __name__ == "__main__":
    sys.exit(main())
