"""Looks for secrets and bodies where none may be: in the logs and the output of every test, and of its processes.

The local stack makes its secrets in the shapes that Azure's have, so shapes are enough to find most of them; those
without a shape are handed to `remember`. A test that prints one on purpose (the stack's own settings) is marked
`prints_secrets`. `pytest -o log_level=DEBUG` watches what the libraries would log at their most talkative, too.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pytest

SHAPES = {
    "a client secret": re.compile(r"[A-Za-z0-9._~-]{3}[0-9]Q~[A-Za-z0-9._~-]{31,34}"),
    "a signed token": re.compile(r"eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "a storage account key": re.compile(r"AccountKey=[A-Za-z0-9+/]{40,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a shared access signature": re.compile(r"[?&]sig=[A-Za-z0-9%+/]{20,}"),
}
BODIES = {
    "a bearer token": re.compile(r"Bearer [A-Za-z0-9._~+/-]{20,}"),
    "the body of a request for a token": re.compile(r"client_(secret|assertion)=[^&\s*]{8,}"),
    "the body of an answer with a token": re.compile(r"""["']access_token["']\s*:"""),
    "the body of an answer of Graph": re.compile(r"""["']@odata\.(context|nextLink)["']\s*:"""),
    "the body of a notice": re.compile(r"""["']specversion["']\s*:|eyJzcGVjdmVyc2lvbiI6"""),
    "the body of a queue's answer": re.compile(r"<MessageText>"),
}
"""What may stand in a document, and in no log."""

_known: set[str] = set()
_of_processes: list[str] = []


def secrets_in(text: str) -> list[str]:
    """Return the kinds of secrets that the text holds."""
    return [kind for kind, shape in SHAPES.items() if shape.search(text)]


def leaks_in(text: str) -> list[str]:
    """Return the kinds of secrets and bodies that the text of a log or an output holds."""
    bodies = [kind for kind, shape in BODIES.items() if shape.search(text)]
    return [
        *secrets_in(text),
        *bodies,
        *(["a secret of the local stack"] if any(map(text.__contains__, _known)) else []),
    ]


def remember(secrets: Iterable[str]) -> None:
    """Look for these texts, too, from now on."""
    _known.update(secrets)


def look_at(*outputs: object) -> None:
    """Look at what a process of the present test has written, texts or bytes."""
    for output in outputs:
        text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
        if isinstance(text, str):
            _of_processes.extend(leaks_in(text))


@pytest.fixture(autouse=True, scope="session")
def _watch_processes() -> Iterator[None]:
    """Look at what every process wrote that a test started and read to its end."""
    communicate = subprocess.Popen.communicate

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        written = communicate(self, *arguments, **options)
        look_at(*written)
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", watched)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose captured log or output, or that of its processes, holds a secret or a body."""
    report = yield
    if call.when == "teardown":
        found = {kind for name, text in report.sections if name.startswith("Captured") for kind in leaks_in(text)}
        found |= set(_of_processes)
        _of_processes.clear()
        if found and item.get_closest_marker("prints_secrets") is None:
            report.outcome = "failed"
            report.longrepr = f"the log or the output of {item.nodeid} holds {', '.join(sorted(found))}"
    return report
