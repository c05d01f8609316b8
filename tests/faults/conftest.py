from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.faults.harness import Arena, Case


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    """The stack on which processes are killed; it serves the whole session."""
    if sys.platform == "win32":
        pytest.skip("processes are forked and killed as POSIX does it")
    with Arena() as arena:
        yield arena


@pytest.fixture
def case(arena: Arena) -> Case:
    """A queue and a ledger of the test's own."""
    return arena.case()
