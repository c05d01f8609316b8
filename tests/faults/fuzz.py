"""Hundreds of thousands of hostile inputs: `python -m tests.faults.fuzz 100000`.

Where the package `atheris` is installed (it is no requirement: there are wheels for Linux alone) it steers the
inputs towards code that was not reached yet; else they are drawn at random.
"""

from __future__ import annotations

import contextlib
import importlib.util
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


def at_random(inputs: int, seed: int) -> int:
    """Check so many inputs drawn at random; return how many it were."""
    from tests.faults.hostile import Strange, check_all

    strange, checked = Strange(random.Random(seed)), 0
    while checked < inputs:
        checked += check_all(strange)
    return checked


def has_atheris() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("atheris") is not None


class _Guided:
    """Randomness made of the bytes of an input, so that the fuzzer decides what `Strange` draws."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def random(self) -> float:
        return cast("float", self._provider.ConsumeProbability())

    def randint(self, least: int, most: int) -> int:
        return cast("int", self._provider.ConsumeIntInRange(least, most))

    def randrange(self, stop: int) -> int:
        return self.randint(0, stop - 1)

    def choice(self, items: Sequence[_T]) -> _T:
        return items[self.randint(0, len(items) - 1)]

    def sample(self, items: Sequence[_T], count: int) -> list[_T]:
        left = list(items)
        return [left.pop(self.randint(0, len(left) - 1)) for _ in range(count)]


def steered(inputs: int, seed: int, folder: str) -> None:
    """Let atheris make so many inputs, working in `folder`; ends the process, with 0 if nothing was found."""
    atheris = importlib.import_module("atheris")  # no requirement, so without types

    with atheris.instrument_imports(include=["due_notices"]):
        from tests.faults import hostile

    def one(data: bytes) -> None:
        kind, rest = data[:1], data[1:]
        if kind < b"\x40":  # raw text as a value
            text = rest.decode("utf-8", "surrogateescape")
            hostile.check_value(text)
            hostile.check_users([{"id": "user-1", "mail": "a@example.com", "due": text}])
        elif kind < b"\x80":  # raw bytes as a page, or as the body of a refusal
            hostile.check_users(hostile.check_page(rest, 200 if kind < b"\x70" else 500))
        else:  # made by `Strange`, as the bytes decide
            strange = hostile.Strange(cast("random.Random", _Guided(atheris.FuzzedDataProvider(rest))))
            with contextlib.suppress(IndexError):
                hostile.check_value(strange.value())
                hostile.check_users(cast("Any", strange.users()))
                hostile.check_page(strange.page())

    for number, value in enumerate(hostile.VALUES):
        if isinstance(value, str):
            Path(folder, f"value-{number}").write_bytes(b"\x00" + value.encode("utf-8", "surrogatepass"))
    for number, page in enumerate(hostile.PAGES):
        Path(folder, f"page-{number}").write_bytes(b"\x41" + page)
    options = [f"-runs={inputs}", f"-seed={seed}", "-max_len=4096", f"-artifact_prefix={tempfile.gettempdir()}/"]
    atheris.Setup([sys.argv[0], *options, folder], one)
    atheris.Fuzz()


def main() -> int:
    """Check as many inputs as the command line says; return 0 if none broke the program."""
    if sys.argv[1] == "--steered":
        steered(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    inputs, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if has_atheris():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.faults.fuzz", "--steered", str(inputs), str(seed), folder]
            if subprocess.run(command, check=False).returncode:
                return 1
    print(f"{at_random(inputs, seed):,} inputs at random")
    return 0


if __name__ == "__main__":
    sys.exit(main())
