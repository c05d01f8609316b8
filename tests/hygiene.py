"""Looks for secrets where none may be: in the logs and the output of every test of the suite.

The local stack makes its secrets in the shapes that Azure's have, so shapes are enough to find them. A test that
prints one on purpose (the stack's own settings) is marked `prints_secrets`.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

SHAPES = {
    "a client secret": re.compile(r"[A-Za-z0-9._~-]{3}[0-9]Q~[A-Za-z0-9._~-]{31,34}"),
    "a signed token": re.compile(r"eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "a storage account key": re.compile(r"AccountKey=[A-Za-z0-9+/]{40,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a shared access signature": re.compile(r"[?&]sig=[A-Za-z0-9%+/]{20,}"),
}


def secrets_in(text: str) -> list[str]:
    """Return the kinds of secrets that the text holds."""
    return [kind for kind, shape in SHAPES.items() if shape.search(text)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose captured log or output holds a secret."""
    report = yield
    if call.when == "teardown" and item.get_closest_marker("prints_secrets") is None:
        found = {kind for name, text in report.sections if name.startswith("Captured") for kind in secrets_in(text)}
        if found:
            report.outcome = "failed"
            report.longrepr = f"the log or the output of {item.nodeid} holds {', '.join(sorted(found))}"
    return report
