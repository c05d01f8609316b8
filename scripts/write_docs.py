"""`make docs`: writes what the documents say of settings and refusals from the code that has them.

Between a pair of marks (`<!-- settings -->`, `<!-- /settings -->`) a document holds what this writes; a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from due_notices.refusals import REFUSALS  # noqa: E402 (found by the line above)
from due_notices.settings import SETTINGS, Setting  # noqa: E402

OF_THE_HOST = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def texts() -> Mapping[Path, str]:
    """Return every file that is made, wholly or in part, with the text that it should have."""
    return {
        ROOT / "docs" / "settings.md": _marked("docs/settings.md", "settings", _settings_table()),
        ROOT / "docs" / "runbook.md": _marked("docs/runbook.md", "refusals", _refusals_table()),
        ROOT / "local.settings.json.example": _json({"IsEncrypted": False, "Values": _example()}),
        ROOT / "docs" / "local.settings.schema.json": _json(_schema()),
    }


def _marked(name: str, mark: str, text: str) -> str:
    begin, end = f"<!-- {mark} -->\n", f"\n<!-- /{mark} -->"
    document = (ROOT / name).read_text("utf-8")
    before, found, rest = document.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise ValueError(f"{name} has no {begin.strip()} … {end.strip()}")
    return before + begin + text + end + after


def _settings_table() -> str:
    rows = (f"| `{each.name}` | {_default(each)} | {each.meaning} |" for each in SETTINGS)
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "required"
    return f"`{setting.default}`" if setting.default else "empty"


def _refusals_table() -> str:
    rows = (f"| {each.service} | {each.code} | {each.cause} | {each.remedy} |" for each in REFUSALS)
    return "\n".join(["| service | code | likely cause | remedy |", "|---|---|---|---|", *rows])


def _example() -> Mapping[str, str]:
    shown = {each.name: each.default or "" if each.example is None else each.example for each in SETTINGS}
    return {**OF_THE_HOST, **shown}


def _schema() -> Mapping[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a local.settings.json, for editors."""
    values = {each.name: _value_schema(each) for each in SETTINGS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "local.settings.json of Due Notices",
        "type": "object",
        "required": ["IsEncrypted", "Values"],
        "properties": {
            "IsEncrypted": {"type": "boolean"},
            "Values": {
                "type": "object",
                "required": [each.name for each in SETTINGS if each.default is None],
                "properties": values,
                "additionalProperties": {"type": "string"},
            },
        },
    }


def _value_schema(setting: Setting) -> Mapping[str, str]:
    meaning = {"type": "string", "description": re.sub("`", "", setting.meaning)}
    return {**meaning, "default": setting.default} if setting.default else meaning


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
