from __future__ import annotations

import codecs
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.local_settings import DamagedSettings, adopt_local_settings, read_local_settings
from due_notices.errors import SettingsError
from tests.command_line import CommandLine

# What Core Tools (Newtonsoft.Json 13.0.3, called as it calls it) made of each text.
FILES: list[Mapping[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("local-settings.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("file", FILES, ids=[repr(file["text"])[:60] for file in FILES])
def test_a_file_is_read_as_core_tools_reads_it_and_where_that_drops_all_it_is_read_with_a_warning(
    file: Mapping[str, Any],
) -> None:
    if file["error"]:
        with pytest.raises(DamagedSettings):
            read_local_settings(file["text"].encode())
        return
    found = read_local_settings(file["text"].encode())
    as_core_tools = {name: value for name, value in file["values"].items() if name and value is not None}
    in_other_capitals = '"values"' in file["text"]
    assert found.values == ({"A": "1"} if in_other_capitals else as_core_tools)
    assert bool(found.encrypted) == (found.encrypted is not None and file["isEncrypted"] and not in_other_capitals)
    dropped = file["values"] != as_core_tools and None not in file["values"].values()
    silent = in_other_capitals or dropped or (file["isEncrypted"] and not found.encrypted) or not file["values"]
    assert bool(found.warnings) == (silent or "T00:00:00" in file["text"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"IsEncrypted": 0, "Values": {"A": "x"}}', "x"),
        ('{"IsEncrypted": "False", "Values": {"A": "x"}}', "x"),
        ('{"IsEncrypted": false, "Values": {"A": .5}}', "0.5"),
        ('{"IsEncrypted": false, "Values": {"A": 1e3}}', "1000"),
        ('{"IsEncrypted": false, "Values": {"A": -Infinity}}', "-Infinity"),
        ('{"IsEncrypted": false, "Values": {"A": false}}', "False"),
        ('{"IsEncrypted": false, "Values": {"A": "0 0 * * * * // no comment /* here */"}}', None),
        ('{"IsEncrypted": false, "Values": {"A": "it\'s 012, {}"}}', "it's 012, {}"),
        ('{"IsEncrypted": false, "Values": {"A": \'a "b"\'}}', 'a "b"'),
        ('{"IsEncrypted": false, "Values": {"A": "a\\r\\n\tb"}}', "a\r\n\tb"),
        ('{"IsEncrypted": false, "Values": {"A": "C:\\\\new\\/x"}}', "C:\\new/x"),
        ('{"IsEncrypted": false, "Values": {"A": "x"}, "Values": {"A": "y"}}', "y"),
        ('/* head */ {"$schema": "s", "Host": {"CORS": "*"}, "IsEncrypted": false, "Values": {"A": "x"}} // end', "x"),
        ('{"IsEncrypted": false, "Values": {"A": "2026-12-01T08:00"}}', "2026-12-01T08:00"),
        ('{"IsEncrypted": false, "Values": {"A": "2026-12-01T08:00:00.1234567Z"}}', "12/01/2026 08:00:00"),
    ],
)
def test_what_newtonsoft_accepts_is_read(text: str, value: str | None) -> None:
    found = read_local_settings(text.encode())

    assert found.values == {"A": value or "0 0 * * * * // no comment /* here */"}
    assert found.encrypted is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("// nothing", "line 1, column"),
        ('{\n  "IsEncrypted": false\n  "Values": {}\n}', "line 3, column 3: unexpected character '\"'"),
        ('{\n  "IsEncrypted": false,\n  "Values": {\n    "A": "1"\n', "line 5, column 1: unexpected end of the file"),
        (
            '{"IsEncrypted": false,\n "Values": {"PATH": "C:\\Users"}}',
            "line 2, column 24: '\\\\U' is not an escape of JSON",
        ),
        ('{"IsEncrypted": false, "Values": {"A": "x}}', "unexpected"),
        ('{"IsEncrypted": "perhaps", "Values": {}}', '"IsEncrypted" is neither true nor false'),
        ('{"IsEncrypted": [], "Values": {}}', '"IsEncrypted" is neither true nor false'),
        ('{"IsEncrypted": false, "Values": {"A": {"B": 1}}}', '"A" in "Values" is an object'),
        ('{"IsEncrypted": false, "Values": {"A": 08}}', "line 1, column"),
        ('"text"', "holds a text"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_damaged_file_is_named_with_line_and_reason(text: str, says: str) -> None:
    with pytest.raises(DamagedSettings) as refused:
        read_local_settings(text.encode())

    assert says in str(refused.value)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),  # `>` in Windows PowerShell
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    ],
)
def test_the_mark_at_the_beginning_says_the_encoding(encode: Any) -> None:
    found = read_local_settings(encode('{"IsEncrypted": false, "Values": {"A": "é€"}}'))

    assert (found.values, found.warnings) == ({"A": "é€"}, ())


def test_another_encoding_is_warned_of() -> None:
    found = read_local_settings('{"IsEncrypted": false, "Values": {"A": "é", "B": "x"}}'.encode("cp1252"))

    assert found.values["B"] == "x"
    assert len(found.warnings) == 1


@given(
    st.binary(max_size=60) | st.text(alphabet="{}[]\":,'\\/*\n 0xAValuesIsEncryptedfalse", max_size=80).map(str.encode)
)
def test_any_bytes_are_settings_or_a_sentence(content: bytes) -> None:
    with contextlib.suppress(DamagedSettings):
        read_local_settings(content)


# ---- the file and the environment -----------------------------------------------------------------------------------


def write(path: Path, **values: str) -> Path:
    path.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    return path


def test_the_environment_wins_over_the_file_and_that_is_said_by_name_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "local.settings.json", NOTICE_STORAGE="AccountKey=new", NOTICE_QUEUE="q", PATH="/x")
    environ = {"NOTICE_STORAGE": "AccountKey=old", "NOTICE_QUEUE": "q", "PATH": "/bin"}

    (warning,) = adopt_local_settings(path, environ)

    assert environ == {"NOTICE_STORAGE": "AccountKey=old", "NOTICE_QUEUE": "q", "PATH": "/bin"}
    assert "NOTICE_STORAGE" in warning
    assert "unset NOTICE_STORAGE" in warning
    assert not any(word in warning for word in ("AccountKey", "NOTICE_QUEUE", "PATH"))


def test_what_to_trust_is_taken_from_the_file_in_any_case(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": "/machine.pem"}

    warnings = adopt_local_settings(write(tmp_path / "l.json", SSL_CERT_FILE="/stack.pem"), environ)

    assert (environ, warnings) == ({"SSL_CERT_FILE": "/stack.pem"}, ())


def test_a_file_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    environ: dict[str, str] = {}

    assert adopt_local_settings(tmp_path / "local.settings.json", environ) == ()
    assert environ == {}


def test_a_file_that_cannot_be_read_is_a_settings_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        adopt_local_settings(tmp_path, {})


def test_the_commands_warn_that_the_environment_wins(program: CommandLine, tmp_path: Path) -> None:
    write(tmp_path / "local.settings.json", NOTICE_QUEUE="another-queue")

    done = program("preview")

    assert done.returncode == 0
    assert "the environment has other values for NOTICE_QUEUE" in done.stderr
