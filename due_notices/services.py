"""What a run works with: the adapters behind the ports, and an event loop for those that are asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

from due_notices.deadline import Deadline
from due_notices.ports import Clock, OpenStorage, Storage, UserDirectory


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
            runner.run(work if deadline is None else deadline.bind(work, "asking whose the ledger is"))
            yield storage, runner
        finally:
            runner.run(stack.aclose())
