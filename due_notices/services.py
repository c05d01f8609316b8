"""What a run works with: the adapters behind the ports, an event loop for those that are asynchronous, the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

from due_notices.credentials import ExpiryWarning
from due_notices.deadline import Deadline
from due_notices.ports import Clock, OpenStorage, Progress, Storage, UserDirectory
from due_notices.report import RunReport

_logger = logging.getLogger("due_notices")


@dataclass(frozen=True, slots=True)
class Services:
    """The adapters that runs work with; each run opens its own directory and storage."""

    open_directory: Callable[[], UserDirectory]
    open_storage: OpenStorage
    clock: Clock


@contextmanager
def opened(
    open_storage: OpenStorage, *, to_write: bool = False, accept: bool = False, deadline: Deadline | None = None
) -> Iterator[tuple[Storage, asyncio.Runner]]:
    """Open queue and ledger on an event loop of this thread, and close both.

    Another deployment's ledger is refused; an empty one becomes this deployment's where it is opened to write, and
    with `accept` one whose attribute or queue has changed.

    Coroutines run through the runner, one after another, so that the synchronous reading in between can be
    interrupted like any other code, and log lines stay in the thread of the function's invocation.
    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:  # from the opening on: an interruption may come as soon as something is open
            storage = runner.run(stack.enter_async_context(open_storage()))
            ledger = storage.ledger
            work = ledger.take_ownership(accept=accept) if to_write else ledger.check_owner()
            runner.run(work if deadline is None else deadline.bind(work, "asking the ledger for its owner"))
            yield storage, runner
        finally:
            runner.run(stack.aclose())


class LogProgress(Progress):
    """Writes to the log what is worth knowing; the figures are the report's business."""

    def ended(self, report: RunReport) -> None:
        """Log the report before anything that takes time, during which the host may stop the process."""
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
