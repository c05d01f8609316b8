"""A service that hangs is noticed soon, wherever it hangs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from due_notices.commands.status import gather
from due_notices.errors import StorageError
from due_notices.services import Services
from tests.factories import policy
from tests.fakes import FakeDirectory, FakeStorage, MovableClock


async def hang(*_: object) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("part", "call"), [("ledger", "check_owner"), ("ledger", "runs"), ("queue", "look")])
def test_status_does_not_wait_for_a_service_that_hangs(
    part: str, call: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FakeStorage()
    monkeypatch.setattr(getattr(storage, part), call, hang)
    monkeypatch.setattr(gather, "PATIENCE", timedelta(milliseconds=50))

    with pytest.raises(StorageError, match="took longer than"):
        gather.look_around(policy(), Services(FakeDirectory, storage, clock))


def test_an_operator_waits_for_a_quarter_of_a_minute_at_the_most() -> None:
    assert gather.PATIENCE.total_seconds() <= 15
