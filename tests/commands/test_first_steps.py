"""What stands in a newcomer's way: no settings here, or a package that was left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from due_notices.commands import main as entry

COMMAND = Path(sys.executable).with_name("due-notices")


def bare_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "SYSTEMROOT"}}


def installed(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=bare_environ() | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_installed_command_has_a_name_and_a_version_in_any_folder(tmp_path: Path) -> None:
    done = installed(tmp_path, "--version")

    assert (done.returncode, done.stdout.split()[0]) == (0, "due-notices")
    assert "Usage: due-notices [OPTIONS]" in installed(tmp_path, "--help").stdout


@pytest.mark.parametrize("command", ["status", "preview", "doctor", "run"])
def test_a_folder_without_settings_is_one_line_that_says_how_to_get_them(tmp_path: Path, command: str) -> None:
    done = installed(tmp_path, command)

    line, *rest = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 2
    assert [each.split()[0] for each in rest] == (["not"] if command == "doctor" else [])
    for hint in (str(tmp_path), "make start", "local.settings.json.example", "--settings"):
        assert hint in line


def test_settings_that_are_there_and_wrong_are_listed(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {}}')

    done = installed(tmp_path, "status")

    assert done.returncode == 2
    assert "GRAPH_TENANT_ID: is not set" in done.stderr
    assert "GRAPH_CLIENT_ID: is not set" in installed(tmp_path.parent, "status", GRAPH_TENANT_ID="x").stderr


def test_what_needs_no_settings_asks_for_none(tmp_path: Path) -> None:
    assert installed(tmp_path, "import", "--profiles").returncode == 0


def test_pictures_without_their_package_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'vl_convert'", name="vl_convert")

    monkeypatch.setattr(entry.commands, "main", without)

    assert entry.main(["audit"]) == 1
    assert "due-notices[pictures]" in capsys.readouterr().err


GUID = "11111111-2222-4333-8444-555555555555"
SETTINGS = {
    "GRAPH_TENANT_ID": GUID,
    "GRAPH_CLIENT_ID": GUID,
    "KEY_VAULT_URL": "https://vault-of-mine.vault.azure.net",
    "DUE_DATE_ATTRIBUTE": "extension_5f1b0c52c1d14f6e9a0b7c3d2e8f4a69_dueDate",
    "NOTICE_SCHEDULE": "0 0 * * * *",
}
NOWHERE = "http://127.0.0.1:9/account"


def test_storage_that_is_away_is_named_by_its_host(tmp_path: Path) -> None:
    storage = f"AccountName=account;AccountKey=bWFkZSB1cA==;QueueEndpoint={NOWHERE};TableEndpoint={NOWHERE}"

    done = installed(tmp_path, "status", **SETTINGS, NOTICE_STORAGE=storage)

    assert done.returncode == 1
    assert "no answer from 127.0.0.1:9" in done.stdout


def test_an_operator_who_is_not_logged_in_reads_one_sentence(tmp_path: Path) -> None:
    endpoints = {f"NOTICE_STORAGE__{kind}ServiceUri": f"https://127.0.0.1:9/{kind}" for kind in ("queue", "table")}

    done = installed(tmp_path, "status", **SETTINGS, **endpoints, AZURE_TOKEN_CREDENTIALS="dev")

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "`az login`" in done.stdout
    assert done.stderr == ""
