"""Watchers of a run: nobody, and the log."""

from __future__ import annotations

import logging

from due_notices.credentials import ExpiryWarning

_logger = logging.getLogger("due_notices")


class Silent:
    """Nobody watches."""

    def read(self, users: int) -> None:
        """Ignore."""

    def owed(self, notices: int) -> None:
        """Ignore."""

    def sent(self) -> None:
        """Ignore."""

    def say(self, text: str) -> None:
        """Ignore."""

    def detail(self, text: str) -> None:
        """Ignore."""

    def warn(self, warning: ExpiryWarning) -> None:
        """Ignore."""


class LogProgress(Silent):
    """Writes to the log what is worth knowing; the figures are the report's business."""

    def say(self, text: str) -> None:
        """Log a warning."""
        _logger.warning("%s", text)

    def detail(self, text: str) -> None:
        """Log a line."""
        _logger.info("%s", text)

    def warn(self, warning: ExpiryWarning) -> None:
        """Log the line that alerts look for; an error where no token can be had any more."""
        _logger.log(logging.ERROR if warning.urgent else logging.WARNING, "%s", warning.log_line())
