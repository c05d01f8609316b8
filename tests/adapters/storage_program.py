"""Uses queue and ledger once, with the settings of its environment; a program in a process of its own.

The SDK's asynchronous transport reads which certificates to trust when it is imported, as in the function app.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.errors import DueNoticesError
from due_notices.ports import Claim, ClaimRow

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)


async def main() -> None:
    """Claim, send, mark, and print what is then known, or the error."""
    try:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            claim = Claim("run", AT)
            won = await storage.ledger.claim("2026-12-01_-7", [ClaimRow("notice", "user", "hash")], claim, {})
            message_id = await storage.queue.send('{"id":"notice"}')
            await storage.ledger.mark_sent("2026-12-01_-7", {"notice": message_id}, AT)
            entry = await storage.ledger.entry("2026-12-01_-7", "notice")
            waiting = await storage.queue.waiting()
            answer: dict[str, Any] = {"won": sorted(won), "state": entry.state if entry else None, "waiting": waiting}
    except DueNoticesError as error:
        answer = {"kind": type(error).__name__, "error": str(error)}
    print(json.dumps(answer))  # noqa: T201 (the answer)


if __name__ == "__main__":
    asyncio.run(main())
