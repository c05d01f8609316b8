"""What time a service has, by the Date header of its answers (RFC 9110, 6.6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from due_notices.adapters.connections import Service, is_own_answer
from due_notices.ports import Clock


def moment_of(headers: Mapping[str, str]) -> datetime:
    """Return the moment that an answer's Date header names, exact to a second. Raises LookupError, ValueError."""
    return parsedate_to_datetime(headers["Date"]).astimezone(UTC)


class Skew:
    """How far this machine's clock is `ahead` of one service's, by the service's own last answer; None before one."""

    def __init__(self, service: Service, clock: Clock) -> None:
        """Begin without an answer."""
        self._service = service
        self._clock = clock
        self.ahead: timedelta | None = None

    def look(self, headers: Mapping[str, str]) -> None:
        """Take the headers of an answer, as soon as they are there."""
        if is_own_answer(self._service, headers):
            try:
                self.ahead = self._clock.now() - moment_of(headers)
            except (LookupError, TypeError, ValueError, OverflowError):
                return
