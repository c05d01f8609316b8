"""The list of the skipped in a terminal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from due_notices.commands import console
from due_notices.commands.preview import lists
from due_notices.model import Reason, Skipped
from tests.factories import ALICE, on


@pytest.mark.parametrize("width", [80, 160])
def test_the_skipped_fit_the_terminal_with_reason_and_reference_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip = Skipped(ALICE, Reason.UNREACHABLE, "INV 2026/1001", due=on("2026-12-01"))
    plan = SimpleNamespace(
        skipped={Reason.UNREACHABLE: 1}, skips=[skip], day=SimpleNamespace(business_date="2026-11-30")
    )
    monkeypatch.setattr(console, "out", lambda: Console(width=width))

    lists.print_skips(cast("Any", plan))

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    user = ALICE if width == 160 else f"{ALICE[:8]}…"
    assert f"2026-12-01  {user}  unreachable  INV 2026/1001  the user has" in shown
    assert ("shortened; a wider terminal" in shown) == (width == 80)
