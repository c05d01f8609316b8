"""The log as the watcher of a run."""

from __future__ import annotations

import logging

from due_notices.credentials import ExpiryWarning
from due_notices.ports import Progress
from due_notices.report import RunReport

_logger = logging.getLogger("due_notices")


class LogProgress(Progress):
    """Writes to the log what is worth knowing; the figures are the report's business."""

    def ended(self, report: RunReport) -> None:
        """Log the report: before anything that may still take time, in which a host may end."""
        _logger.log(logging.INFO if report.ok else logging.ERROR, "%s", report.log_line())

    def say(self, text: str) -> None:
        """Log a warning."""
        _logger.warning("%s", text)

    def detail(self, text: str) -> None:
        """Log a line."""
        _logger.info("%s", text)

    def warn(self, warning: ExpiryWarning) -> None:
        """Log the line that alerts look for; an error where no token can be had any more."""
        _logger.log(logging.ERROR if warning.urgent else logging.WARNING, "%s", warning.log_line())
