"""Which files Core Tools packs when it publishes: its own reading of `.funcignore`, which is not git's.

`data/funcignore.jsonl` holds verdicts of Core Tools' parser: the first line names the paths that were tried, each
other line a file's text and which of the paths it leaves at home. Every pattern is anchored at the root; `*` is one
or more characters without a slash, `**` one or more of any; a pattern ends where a word begins or ends; a path that
any `!` pattern matches is packed, whatever the order of the lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

ALWAYS_LEFT_OUT_FOLDERS = frozenset({".git", ".vscode"})
ALWAYS_LEFT_OUT_FILES = frozenset({".funcignore", ".gitignore", "local.settings.json", "project.lock.json"})


class FuncIgnore:
    """The text of a `.funcignore`."""

    def __init__(self, text: str) -> None:
        """Read the text; blank lines and comments say nothing."""
        lines = [line.strip() for line in text.splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        self._left_out = [_expression(line) for line in patterns if not line.startswith("!")]
        self._packed = [_expression(line[1:]) for line in patterns if line.startswith("!")]

    def leaves_out(self, path: str) -> bool:
        """Whether a path, relative to the root and with slashes, stays at home."""
        return any(item.match(path) for item in self._left_out) and not any(item.match(path) for item in self._packed)


def _expression(pattern: str) -> re.Pattern[str]:
    expression = re.escape(pattern.removeprefix("/")).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
    return re.compile(rf"(?:{expression})\b")


def packed(root: Path) -> Iterator[Path]:
    """Yield the files under a root that Core Tools publishes, relative to it."""
    ignore = FuncIgnore((root / ".funcignore").read_text(encoding="utf-8"))
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in ALWAYS_LEFT_OUT_FOLDERS]
        for name in files:
            path = (Path(folder) / name).relative_to(root)
            if name not in ALWAYS_LEFT_OUT_FILES and not ignore.leaves_out(path.as_posix()):
                yield path
