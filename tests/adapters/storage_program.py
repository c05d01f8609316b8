"""Uses queue and ledger once, with the settings of its environment; a program in a process of its own.

The SDK's asynchronous transport reads which certificates to trust when it is imported, as in the function app.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from typing import Any

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.errors import DueNoticesError
from due_notices.ports import Claim, ClaimRow

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
DUE = date(2026, 12, 1)
ROW = f"{0:016x}{0:016x}_-7"


async def main() -> None:
    """Claim, send, mark, and print what is then known, or the error."""
    try:
        async with bootstrap.open_storage(bootstrap.load_settings(), SystemClock()) as storage:
            claim = Claim("claim", AT, AT.date())
            row = ClaimRow(ROW, "notice", "user", has_reference=False, message_hash="hash")
            lost = await storage.ledger.claim(DUE.isoformat(), [row], claim, AT)
            message_id = await storage.queue.send('{"id":"notice"}')
            await storage.ledger.mark_sent(DUE.isoformat(), {ROW: message_id}, claim, AT)
            (past,) = await storage.ledger.of_user([DUE], ROW[:16])
            waiting = await storage.queue.waiting()
            answer: dict[str, Any] = {"lost": sorted(lost), "state": past.state, "waiting": waiting}
    except DueNoticesError as error:
        answer = {"kind": type(error).__name__, "error": str(error)}
    print(json.dumps(answer))  # noqa: T201 (the answer)


if __name__ == "__main__":
    asyncio.run(main())
