from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local.__main__ import main
from local.serve_command import local_settings, write_settings
from local.stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
UP = "The local stack is up"
GONE_SECONDS = 10.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and process lists are those of POSIX")


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "local.settings.json"


@pytest.fixture
def serving(settings_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A `serve` in a process of its own, up; what a sudden death leaves lying is in the test's folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "local", "serve", "--users", "20", "--date", "2026-11-24"]
    with subprocess.Popen(
        [*command, "--write-settings", str(settings_file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith(UP) for line in process.stdout)
            yield process
        finally:
            process.kill()


def run_ps(*options: str) -> str:
    command = ["ps", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def descendants(process_id: int) -> list[int]:
    listing = run_ps("-eo", "pid=,ppid=")
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [process_id]
    for each in found:
        found += children.get(each, [])
    return found[1:]


def is_alive(process_id: int) -> bool:
    """Tell whether the process exists and is no zombie."""
    return run_ps("-o", "stat=", "-p", str(process_id)).strip()[:1] not in ("", "Z")


def wait_until_gone(process_ids: list[int]) -> list[int]:
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline and any(map(is_alive, process_ids)):
        time.sleep(0.05)
    return [process_id for process_id in process_ids if is_alive(process_id)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(serving: subprocess.Popen[str], settings_file: Path, number: signal.Signals) -> None:
    children = descendants(serving.pid)
    directory = Path(json.loads(settings_file.read_text())["Values"]["SSL_CERT_FILE"]).parent
    assert children
    assert directory.is_dir()

    serving.send_signal(number)

    assert serving.wait(GONE_SECONDS) == 0
    assert wait_until_gone(children) == []
    assert not directory.exists()


def test_a_sudden_death_takes_azurite_along(serving: subprocess.Popen[str]) -> None:
    children = descendants(serving.pid)
    assert children

    serving.kill()

    assert wait_until_gone(children) == []


def test_the_settings_file_is_complete_for_the_functions_host(stack: LocalStack, settings_file: Path) -> None:
    write_settings(settings_file, stack)

    settings = json.loads(settings_file.read_text(encoding="utf-8"))
    values = settings["Values"]
    assert settings["IsEncrypted"] is False
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert "BlobEndpoint=" in values["AzureWebJobsStorage"]
    assert values.keys() > stack.environ.keys()
    assert all(isinstance(value, str) for value in values.values())
    assert settings_file.stat().st_mode & 0o077 == 0
    assert list(settings_file.parent.iterdir()) == [settings_file]


def test_the_functions_host_trusts_the_stack_and_the_public_authorities(stack: LocalStack) -> None:
    bundle = local_settings(stack)["SSL_CERT_FILE"]

    assert requests.get(f"{stack.graph.base_url}/v1.0/users", verify=bundle, timeout=5).status_code == 401
    assert Path(bundle).read_text(encoding="utf-8").count("BEGIN CERTIFICATE") > 50


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve", "--date", "tomorrow"]])
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: python -m local" in capsys.readouterr().err
