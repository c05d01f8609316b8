"""What the settings ask of a run: who is notified when, and the brakes. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from due_notices.calendars import ONE_DAY
from due_notices.function_timeout import LONGEST_RUN
from due_notices.model import Notice
from due_notices.planning import Rules
from due_notices.schedules import HOURLY, Schedule
from due_notices.stages import SendWindow

MOST_CATCH_UP_DAYS = 30  # to which CATCH_UP_DAYS may be raised any day
SKEW_NOTICED = timedelta(seconds=60)
SKEW_REFUSED = timedelta(minutes=5)  # what Entra and most verifiers of tokens tolerate


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings ask of a run.

    `longest` is how long it may take (the host ends it soon after). With `look_again` a day that is completed is looked
    at once more after so long. `read_parts` is by how many chains the directory is read in parts: 0 for none, None for
    as many as its size wants. The users may fall by `fall_limit` percent.
    """

    rules: Rules
    window: SendWindow
    limit: int
    lapse: timedelta
    source: str
    longest: timedelta = LONGEST_RUN
    fall_limit: int = 20
    look_again: timedelta | None = None
    read_parts: int | None = None
    schedule: Schedule = HOURLY

    @property
    def digest(self) -> str:
        """A digest of the settings that decide whom runs notify of what."""
        text = "\x1f".join((self.source, *self.rules.attribute, self.rules.digest, self.rules.filter_digest))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def business_date(self, now: datetime) -> date:
        """Return today in the business time zone; there is no other today."""
        return now.astimezone(self.rules.time_zone).date()

    def why_day_closed(self, day: date) -> str | None:
        """Return why nothing is sent on `day` at any hour, or None."""
        why = self.rules.stages.calendar.why_closed(day)
        return None if why is None else f"{day} is no business day: {why}"

    def business_days(self, until: date, count: int) -> list[date]:
        """Return the last `count` business days up to `until`, the newest first."""
        open_days = self.rules.stages.open_days
        newest = open_days.on_or_before(until)
        return [open_days.before(newest, number) for number in range(count)]

    def last_day_over(self, now: datetime) -> date:
        """Return the last business day on which nothing can be sent any more: its window has passed."""
        local = now.astimezone(self.rules.time_zone)
        today_over = self.window.closes is not None and local.time() >= self.window.closes
        return self.rules.stages.open_days.on_or_before(local.date() if today_over else local.date() - ONE_DAY)

    def ticks(self, day: date) -> Iterator[datetime]:
        """Yield the ticks (UTC) at which a run may send on `day`: none on a closed day."""
        if self.why_day_closed(day) is None:
            yield from self.schedule.in_window(day, self.window, self.rules.time_zone)

    def first_tick(self, day: date) -> datetime | None:
        """Return the first tick (UTC) within the send window of a local day, open or closed; None without one."""
        return self.schedule.first_tick(day, self.window, self.rules.time_zone)

    def may_send(self, notice: Notice, now: datetime) -> bool:
        """Whether a notice may still leave at this moment: in the window, before it expires."""
        return now < notice.expires and self.why_closed(now) is None

    def forget_before(self, today: date, reach: date) -> date:
        """Return the day before which the ledger may forget what was due, once the run of `today` completed.

        It asked for what was due from `reach` on. On another host it may still be yesterday.
        """
        return min(today - timedelta(days=self.rules.stages.retention_days) - ONE_DAY, reach)

    def looks_again(self, now: datetime, completed: datetime | None) -> bool:
        """Whether a day whose last run completed at `completed` is looked at once more."""
        return self.look_again is not None and completed is not None and now >= completed + self.look_again

    def why_closed(self, now: datetime) -> str | None:
        """Return why nothing may be sent at this moment, or None."""
        local = now.astimezone(self.rules.time_zone)
        if (closed := self.why_day_closed(local.date())) is not None:
            return closed
        if not self.window.contains(local.time()):
            return f"{local:%H:%M} is outside the send window {self.window} ({self.rules.time_zone})"
        return None


def is_refused(ahead: timedelta) -> bool:
    """Whether a clock is so far ahead (negative: behind) that nothing may be sent by it."""
    return abs(ahead) >= SKEW_REFUSED


def skew_sentence(ahead: timedelta, whose: str) -> str:
    """Return how wrong this machine's clock is compared with another clock, with the remedy."""
    seconds = round(ahead.total_seconds())
    where = "ahead of" if seconds > 0 else "behind"
    return f"this machine's clock is {abs(seconds):,} s {where} {whose}: set it, or turn on its time service"
