"""Reads a `local.settings.json` as Core Tools reads it, and says what Core Tools keeps to itself.

Core Tools reads the file with Newtonsoft.Json, which takes comments, trailing commas, single quotes, bare names, raw
line breaks and octal numbers; the package json5 takes the rest. Names are `Values` and `IsEncrypted`, with these
capitals, and a file without `IsEncrypted` counts as encrypted: Core Tools then takes no value at all, without a word.
Here such a file is read, with a warning. `tests/commands/local-settings.jsonl` holds what Core Tools makes of a file.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from due_notices.errors import SettingsError
from due_notices.settings import SETTINGS

_VALUES, _ENCRYPTED = "Values", "IsEncrypted"
# Taken from the file in any case: a machine's own certificate bundle knows nothing of the local stack.
_TRUST = frozenset({"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"})
_OURS = frozenset(setting.name for setting in SETTINGS)
_REQUIRED = frozenset(setting.name for setting in SETTINGS if setting.default is None)
LOCAL_SETTINGS = Path("local.settings.json")
# .NET knows an encoding by its mark, and takes a text without one for UTF-8.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TOKEN = re.compile(
    r"""
    (?P<text> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<comment> //[^\n]* | /\*.*?\*/ )
    | (?P<octal> (?<![\w.$+-]) -?0[0-7]+ (?![\w.$]) )
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
_BAD_ESCAPE = re.compile(r"\\(?:\\|[^bfnrtu\"'/\\])", re.DOTALL)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")


class DamagedSettings(ValueError):
    """Core Tools cannot read the file either; the text says where and why."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """What a file holds: the values as texts, whether they are encrypted, and what to warn of.

    `encrypted` is None where the file does not say, which Core Tools takes for yes.
    """

    values: Mapping[str, str]
    encrypted: bool | None
    warnings: tuple[str, ...] = ()


def adopt_local_settings(path: Path, environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Take the values of a file that the environment has not set, as Core Tools does; return what to warn of.

    Raises SettingsError when the file is there and cannot be read.
    """
    if not path.exists():
        return ()
    try:
        found = read_local_settings(path.read_bytes())
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read ({error.strerror or type(error).__name__})"]) from error
    except DamagedSettings as error:
        raise SettingsError([f"{path}: {error}; compare it with local.settings.json.example"]) from error
    if found.encrypted:
        raise SettingsError([f"{path}: is encrypted; call `func settings decrypt` in its folder"])
    differ = sorted(
        name
        for name, value in found.values.items()
        if name in _OURS - _TRUST and environ.get(name, value).strip() != value.strip()
    )
    for name, value in found.values.items():
        if name in _TRUST or name not in environ:
            environ[name] = value
    warnings = [f"{path}: {warning}" for warning in found.warnings]
    if differ:
        warnings.append(
            f"{path}: the environment has other values for {', '.join(differ)}, and the environment wins over the "
            f"file; to go by the file: `unset {' '.join(differ)}`"
        )
    return tuple(warnings)


def what_is_wrong(error: SettingsError, environ: Mapping[str, str]) -> str:
    """Return what to print for wrong settings: one line where none is there at all, as in a wrong folder."""
    if LOCAL_SETTINGS.exists() or any(name in environ for name in _REQUIRED):
        return str(error)
    return (
        f"no settings: {Path.cwd()} has no {LOCAL_SETTINGS}, and the environment does not have them. Go to the folder "
        "that has the file, or name it (--settings FILE); to get one, run `make start` in a clone (the local stack), "
        f"or copy {LOCAL_SETTINGS}.example and fill it in (your own tenant)"
    )


def read_local_settings(content: bytes) -> LocalSettings:
    """Return the settings in a file's bytes. Raises DamagedSettings."""
    warnings: list[str] = []
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    text = content.decode(encoding, "replace")
    if "\ufffd" in text:
        warnings.append("is not UTF-8 throughout, so that some characters are lost: save it as UTF-8")
    found = _parsed(text.removeprefix("\ufeff"))
    if not isinstance(found, dict):
        raise DamagedSettings(f'holds {_kind(found)} where {{"{_ENCRYPTED}": false, "{_VALUES}": {{…}}}} is needed')
    values = _member(found, _VALUES, warnings)
    encrypted = _encrypted(_member(found, _ENCRYPTED, warnings))
    if encrypted is None:
        warnings.append(
            f'has no "{_ENCRYPTED}": false: Core Tools takes the file for encrypted and uses none of its values; they '
            "are used here"
        )
    if values is None:
        warnings.append(f'has no "{_VALUES}", so that nothing is set by it')
        values = {}
    if not isinstance(values, dict):
        raise DamagedSettings(f'"{_VALUES}" is {_kind(values)} where {{"NAME": "value", …}} is needed')
    adopted = {}
    for name, value in values.items():
        if value is None:
            continue  # as if it were not there
        if not name or "=" in name or "\0" in name + str(value):
            warnings.append(f'the name {name!r} in "{_VALUES}" cannot be that of a setting, and is left out')
            continue
        adopted[name] = _as_text(name, value)
        if _MOMENT.fullmatch(str(value)) and adopted[name] != value:
            warnings.append(
                f"{name} is a moment, which Core Tools rewrites into American form ({adopted[name]}), as is done here"
            )
    return LocalSettings(adopted, encrypted, tuple(warnings))


def _parsed(text: str) -> Any:
    """Return what the JSON holds. Raises DamagedSettings with line and column."""
    import json5

    if not text.strip():
        raise DamagedSettings("is empty")
    text = _as_json5(text)
    try:
        return json5.loads(text)
    except ValueError as error:
        place = re.search(r":(\d+) (.*) at column (\d+)", str(error), re.DOTALL)
        if place is None:
            raise DamagedSettings("is not JSON") from None
        what = "unexpected end of the file" if "end of input" in place[2] else "unexpected character"
        before = re.search(r'"(.)"', place[2], re.DOTALL)
        shown = f" {before[1]!r}" if before and before[1].isprintable() and not before[1].isalnum() else ""
        raise DamagedSettings(f"line {place[1]}, column {place[3]}: {what}{shown}") from None
    except RecursionError:
        raise DamagedSettings("is nested too deeply") from None


def _as_json5(text: str) -> str:
    """Return the text with what Newtonsoft takes and JSON5 does not in JSON5's form; places stay where they are."""

    def rewritten(found: re.Match[str]) -> str:
        if found["text"]:
            bad = next((each for each in _BAD_ESCAPE.finditer(found["text"]) if each[0] != r"\\"), None)
            if bad is not None:
                at = found.start() + bad.start()
                line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
                raise DamagedSettings(
                    f"line {line}, column {column}: {bad[0]!r:.9} is not an escape of JSON; write a backslash as two"
                )
            return found["text"].replace("\r", r"\r").replace("\n", r"\n")
        return str(int(found["octal"], 8)) if found["octal"] else found[0]

    return _TOKEN.sub(rewritten, text)


def _member(found: Mapping[str, Any], name: str, warnings: list[str]) -> Any:
    """Return a member by its name, else by the same name in other capitals, with a warning."""
    if name in found:
        return found[name]
    other = next((each for each in found if each.casefold() == name.casefold()), None)
    if other is None:
        return None
    warnings.append(
        f'"{other}" is written "{name}": Core Tools knows no other capitals and ignores it; it is used here'
    )
    return found[other]


def _encrypted(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value != 0
    known = {"true": True, "false": False}
    text = value.strip().casefold() if isinstance(value, str) else ""
    if text not in known:
        raise DamagedSettings(f'"{_ENCRYPTED}" is neither true nor false')
    return known[text]


def _as_text(name: str, value: Any) -> str:
    """Return a value as .NET writes it. Raises DamagedSettings for what is not a single value."""
    if isinstance(value, (dict, list)):
        raise DamagedSettings(f'"{name}" in "{_VALUES}" is {_kind(value)} where a text in quotes is needed')
    if isinstance(value, float):
        if not math.isfinite(value):
            return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        return f"{value:.15g}".upper() if value != round(value) else f"{value:.0f}"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return _american(value)
    return str(value)


def _american(text: str) -> str:
    """Return a moment as Newtonsoft and .NET's invariant culture write it: UTC, in American form."""
    # Newtonsoft reads up to seven digits of a second, Python up to six; neither writes them here.
    try:
        moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        return text
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%m/%d/%Y %H:%M:%S}"


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(type(value), "a single value")
