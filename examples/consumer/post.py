"""From notices to letters: keep what comes until its batch is complete, or has waited long enough, then hand it over.

    message ──▶ kept ──▶ claimed ──▶ handed over, or refused for good: only the id is remembered, for 90 days
                  ▲         │
                  └─────────┘ failed for now, or the worker died: tried again, in the end poison

Knows neither Azure nor a database: `Store` is whatever remembers, `deliver` whatever reaches the customer.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from letters import Deliver, Refused, letter_of, one_line
from notices import Event, Unreadable, decode, has_expired, is_expired, read, utc_now

WAIT = timedelta(minutes=10)  # for the rest of a batch: from the first notice of it that came
LAPSE = timedelta(minutes=5)  # of a claim: longer than any delivery takes
REMEMBERED = timedelta(days=90)  # a notice may be sent again that late, after an outage
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60, 60))  # between the tries of a letter
FAILURES_IN_A_ROW = 3  # then the mail server, not a letter, is at fault
AT_MOST = timedelta(minutes=4)  # for one round; the next one goes on
_logger = logging.getLogger("consumer")


@dataclass(frozen=True, slots=True)
class Kept:
    """A notice that waits for its letter: since when, how often it was tried, and when it may be again."""

    event: Event
    since: datetime
    tries: int = 0
    retry: datetime | None = None

    @property
    def id(self) -> str:
        """The notice's id."""
        return str(self.event["id"])


class Store(Protocol):
    """Remembers notices, durably, for all workers."""

    def keep(self, text: str, identifier: str, now: datetime) -> bool:
        """Keep a notice until its letter is handed over; False if it was dealt with before."""
        ...

    def kept(self) -> Iterable[Kept]:
        """Return all that waits."""
        ...

    def claim(self, identifier: str, now: datetime) -> bool:
        """Claim what waits: one worker wins, until `LAPSE` is over."""
        ...

    def give_back(self, identifier: str, claimed: datetime, retry: datetime) -> None:
        """Give one's own claim of that moment back, and count the try; another worker's claim stays."""
        ...

    def done(self, identifier: str, outcome: str, now: datetime) -> None:
        """Remember the id and what became of it, and nothing else."""
        ...

    def drop(self, identifier: str) -> None:
        """Remember nothing of a notice that went to the poison queue, so that it may be put back."""
        ...

    def forget(self, before: datetime) -> int:
        """Forget the ids that were done before; return how many."""
        ...


def receive(raw: bytes, store: Store, now: datetime) -> str:
    """Take a message and return what became of it: `kept`, `repeated` or `expired`. Raises Unreadable."""
    text = decode(raw)
    if has_expired(text, now):
        _logger.warning("%s: expired", _named(text))
        return "expired"
    event = read(text)
    outcome = "kept" if store.keep(text, event["id"], now) else "repeated"
    _logger.info("notice %s: %s", event["id"], outcome)
    return outcome


def _named(text: str) -> str:
    """Return which notice an expired message is, so that a customer who was never reached has a name in the log."""
    try:
        event = read(text)
    except Unreadable:
        return "a message that is no notice"
    return f"notice {event['id']} of user {one_line(event['subject'])}"


def post(
    store: Store,
    deliver: Deliver,
    give_up: Callable[[Event], None],
    *,
    language: str = "en",
    wait: timedelta = WAIT,
    now: Callable[[], datetime] = utc_now,
) -> Counter[str]:
    """Hand over every letter that is ready; return how many letters ended how.

    `give_up` puts a notice on the poison queue, whose alarm calls a human.
    """
    begun, failures, counts = now(), 0, Counter[str]()
    for batch in ready(store.kept(), begun, wait):
        if failures == FAILURES_IN_A_ROW or now() - begun > AT_MOST:
            _logger.warning("this round ends early; the next one goes on")
            break
        outcome = _Round(store, deliver, give_up, language, now).one(batch)
        if outcome:
            counts[outcome] += 1
        failures = failures + 1 if outcome in {"failed", "poison"} else 0
    if counts:
        _logger.info("letters: %s", ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return counts


def ready(kept: Iterable[Kept], now: datetime, wait: timedelta) -> list[list[Kept]]:
    """Return the batches that are complete, or have waited long enough, and need not pause."""
    batches: defaultdict[str, list[Kept]] = defaultdict(list)
    for each in kept:
        batches[each.event["data"].get("batch", {}).get("id", each.id)].append(each)
    return [
        sorted(batch, key=lambda each: each.id)
        for batch in batches.values()
        if (len(batch) >= _size(batch) or min(each.since for each in batch) + wait <= now)
        and all(each.retry is None or each.retry <= now for each in batch)
    ]


def _size(batch: Sequence[Kept]) -> int:
    return int(max(each.event["data"].get("batch", {}).get("size", 1) for each in batch))


@dataclass(frozen=True, slots=True)
class _Round:
    store: Store
    deliver: Deliver
    give_up: Callable[[Event], None]
    language: str
    now: Callable[[], datetime]

    def one(self, batch: Sequence[Kept]) -> str:
        """Make one letter of a batch, and hand it over; return its outcome, empty if another worker is at it."""
        claimed, mine = self.now(), list[Kept]()
        for each in batch:
            if is_expired(each.event, claimed):
                _logger.warning("notice %s of user %s: expired", each.id, one_line(each.event["subject"]))
                self.store.done(each.id, "expired", claimed)
            elif self.store.claim(each.id, claimed):
                mine.append(each)
            elif not mine:
                return ""
        if not mine:
            return "expired"
        try:
            outcome = self._send([each.event for each in mine])
        except Exception as error:  # one customer's failure is not the next one's
            return self._failed(mine, claimed, error)
        except BaseException:  # Ctrl-C
            for each in mine:
                self.store.give_back(each.id, claimed, claimed)
            raise
        # A worker that dies here sends the same letter again, with the same key.
        for each in mine:
            self.store.done(each.id, outcome, self.now())
        return outcome.partition(":")[0]

    def _send(self, events: Sequence[Event]) -> str:
        letter = letter_of(events, self.now(), self.language)
        try:
            self.deliver(letter)
        except Refused as refusal:
            _logger.error("letter %s: user %s cannot be reached: %s", letter.key, letter.user_id, refusal)  # noqa: TRY400
            return f"refused: {refusal}"
        count = f"{len(events)} {'notice' if len(events) == 1 else 'notices'}"
        _logger.info("letter %s to user %s: handed over, %s", letter.key, letter.user_id, count)
        return "handed over"

    def _failed(self, mine: Sequence[Kept], claimed: datetime, error: Exception) -> str:
        tries = max(each.tries for each in mine)
        ids = " ".join(each.id for each in mine)
        if tries < len(PAUSES):
            _logger.warning("notices %s failed (%s); again in %s", ids, type(error).__name__, PAUSES[tries])
            for each in mine:
                self.store.give_back(each.id, claimed, claimed + PAUSES[tries])
            return "failed"
        _logger.error("notices %s go to the poison queue: %s tries failed (%s)", ids, tries + 1, type(error).__name__)
        for each in mine:
            self.give_up(each.event)
            self.store.drop(each.id)
        return "poison"
