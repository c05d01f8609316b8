"""A consumer without Azure Functions: a loop that any service manager can keep running.

    python plain.py                 until Ctrl-C
    python plain.py --once          until the queue is empty and every letter is handed over

What the Functions host does for a trigger is done here by hand: a message that was received is invisible to others
for a while, is deleted when the notice is kept, and is put on the poison queue when nothing can be made of it.

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
from typing import NoReturn

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue import QueueClient, QueueMessage
from notices import Unreadable, utc_now
from post import REMEMBERED, WAIT, Store, post, receive
from queues import is_gone, open_queue, remedy, to_poison
from sender import SettingsError, language, sender
from store_sqlite import SqliteStore

HIDDEN = timedelta(minutes=2)  # longer than keeping one page of messages takes
MOST_TRIES = 5
PAGE = 32
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between looks into an empty or failing queue
_logger = logging.getLogger("consumer")


class Consumer:
    """Empties the queue, message by message."""

    def __init__(
        self, queue: QueueClient, poison: QueueClient, store: Store, now: Callable[[], datetime] = utc_now
    ) -> None:
        """Take open clients of both queues."""
        self._queue = queue
        self._poison = poison
        self._store = store
        self._now = now

    def step(self) -> int:
        """Keep one page of messages; return how many there were."""
        count = 0
        for message in self._queue.receive_messages(
            messages_per_page=PAGE, visibility_timeout=int(HIDDEN.total_seconds()), max_messages=PAGE
        ):
            count += 1
            self._one(message)
        return count

    def _one(self, message: QueueMessage) -> None:
        try:
            self._keep(message)
        except (Unreadable, binascii.Error) as error:
            # As it came, for ever, before it is deleted: rather twice than never.
            _logger.error("message %s goes to the poison queue: %s", message.id, error)  # noqa: TRY400
            self._poison.send_message(message.content, time_to_live=-1)
        try:
            self._queue.delete_message(message)
        except HttpResponseError as error:
            if not is_gone(error):
                raise
            _logger.warning("message %s was taken over by another worker", message.id)

    def _keep(self, message: QueueMessage) -> None:
        if (message.dequeue_count or 0) > MOST_TRIES:
            raise Unreadable(f"{MOST_TRIES} tries ended this program, or took too long")
        receive(base64.b64decode(message.content, validate=True), self._store, self._now())


def main() -> int:
    """Consume until asked to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end when nothing is left to do now")
    parser.add_argument("--store", type=Path, default=Path("notices.sqlite"), help="where notices and ids are kept")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)  # else two records for every request
    logging.getLogger("azure.identity").setLevel(logging.ERROR)  # its warnings are pages long; ours name the remedy
    name = os.environ.get("NOTICE_QUEUE") or "due-notices"
    try:
        return _consume(name, options.store, once=options.once)
    except KeyboardInterrupt:
        _logger.info("stopped; what was received and not kept comes again in %s", HIDDEN)
        return 0
    except SettingsError as error:
        _logger.critical("%s", error)
        return 2
    except sqlite3.Error as error:
        _logger.critical("notices cannot be kept in %s (%s): name another file with --store", options.store, error)
        return 1
    except AzureError as error:
        _logger.critical("%s", remedy(error, name))
        return 1


def _consume(name: str, path: Path, *, once: bool) -> int:
    deliver, default_language = sender(os.environ), language(os.environ)
    with (
        open_queue(name, os.environ) as queue,
        open_queue(f"{name}-poison", os.environ) as poison,
        closing(SqliteStore(path)) as store,
    ):
        store.forget(utc_now() - REMEMBERED)
        consumer = Consumer(queue, poison, store)

        def hand_over(wait: timedelta) -> int:
            counts = post(store, deliver, to_poison(poison), language=default_language, wait=wait)
            return counts["failed"] + counts["poison"]

        if not once:
            _loop(consumer, hand_over, name)
        while consumer.step():
            pass
        return 1 if hand_over(timedelta(0)) else 0


def _loop(consumer: Consumer, hand_over: Callable[[timedelta], int], name: str) -> NoReturn:
    idle = 0
    while True:
        try:
            found = consumer.step()
            hand_over(WAIT)
        except AzureError as error:
            _logger.warning("%s", remedy(error, name))
            found = 0
        idle = 0 if found else idle + 1
        if idle:
            threading.Event().wait(PAUSES[min(idle, len(PAUSES)) - 1])


if __name__ == "__main__":
    sys.exit(main())
