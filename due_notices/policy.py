"""What the settings ask of a run: who is notified when, and the brakes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from due_notices.model import Notice
from due_notices.planning import Rules
from due_notices.stages import LONGEST_MOVE_DAYS, ONE_DAY, SendWindow

MOST_CATCH_UP_DAYS = 30  # to which CATCH_UP_DAYS may be raised any day


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings ask of a run. `longest` is how long it may take (the host ends it soon after)."""

    rules: Rules
    window: SendWindow
    limit: int
    lapse: timedelta
    source: str
    longest: timedelta = timedelta(minutes=25)
    retention: timedelta = timedelta(days=400)

    def business_date(self, now: datetime) -> date:
        """Return today in the business time zone; there is no other today."""
        return now.astimezone(self.rules.time_zone).date()

    def why_day_closed(self, day: date) -> str | None:
        """Return why nothing is sent on `day` at any hour, or None."""
        why = self.rules.stages.calendar.why_closed(day)
        return None if why is None else f"{day} is no business day: {why}"

    def business_days(self, until: date, count: int) -> list[date]:
        """Return the last `count` business days up to `until`, the newest first."""
        days: list[date] = []
        day = until
        for _ in range(count * (LONGEST_MOVE_DAYS + 1)):
            if self.why_day_closed(day) is None:
                days.append(day)
            if len(days) == count:
                break
            day -= ONE_DAY
        return days

    def last_day_over(self, now: datetime) -> date | None:
        """Return the last business day on which nothing can be sent any more: its window has passed."""
        local = now.astimezone(self.rules.time_zone)
        today_over = self.window.closes is not None and local.time() >= self.window.closes
        return next(iter(self.business_days(local.date() if today_over else local.date() - ONE_DAY, 1)), None)

    def may_send(self, notice: Notice, now: datetime) -> bool:
        """Whether a notice may still leave at this moment: in the window, before it expires."""
        return now < notice.expires and self.why_closed(now) is None

    def forget_before(self, today: date) -> date:
        """Return the day before which the ledger may forget what was due, once the run of `today` completed.

        No later run asks for anything that was due before it: its stages lie further back than any catch-up
        window, whatever moved them, even where another host still has yesterday.
        """
        asked_for = max(*self.rules.stages.days, 0) + LONGEST_MOVE_DAYS + MOST_CATCH_UP_DAYS
        return today - max(self.retention, timedelta(days=asked_for)) - ONE_DAY

    def why_closed(self, now: datetime) -> str | None:
        """Return why nothing may be sent at this moment, or None."""
        local = now.astimezone(self.rules.time_zone)
        if (closed := self.why_day_closed(local.date())) is not None:
            return closed
        if not self.window.contains(local.time()):
            return f"{local:%H:%M} is outside the send window {self.window} ({self.rules.time_zone})"
        return None
