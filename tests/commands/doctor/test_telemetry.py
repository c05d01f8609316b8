"""The two switches that make the report vanish from the log are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from due_notices.commands.doctor.links import State
from due_notices.commands.doctor.telemetry import telemetry
from local.stack import LocalStack
from tests.credentials.conftest import RunCli

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("PYTHON_ENABLE_OPENTELEMETRY", "telemetryMode")


def host_json(folder: Path, **content: object) -> Path:
    path = folder / "host.json"
    path.write_text(json.dumps({"version": "2.0", **content}), encoding="utf-8")
    return path


def test_this_project_is_well() -> None:
    assert telemetry({}, ROOT / "host.json") is None


@pytest.mark.parametrize("value", ["true", "True", " TRUE ", "1"])
def test_the_workers_switch_is_named_with_both_remedies(tmp_path: Path, value: str) -> None:
    found = telemetry({"PYTHON_ENABLE_OPENTELEMETRY": value}, host_json(tmp_path))

    assert found is not None
    assert found.level is State.WARNING
    assert all(name in found.text for name in NAMES)


@pytest.mark.parametrize("mode", ["OpenTelemetry", "openTelemetry"])
def test_the_hosts_mode_is_named(tmp_path: Path, mode: str) -> None:
    found = telemetry({}, host_json(tmp_path, telemetryMode=mode))

    assert found is not None
    assert found.text.startswith("telemetryMode")


def test_both_without_the_package_are_named(tmp_path: Path) -> None:
    found = telemetry({"PYTHON_ENABLE_OPENTELEMETRY": "true"}, host_json(tmp_path, telemetryMode="OpenTelemetry"))

    assert found is not None
    assert found.text.startswith("PYTHON_ENABLE_OPENTELEMETRY=true and telemetryMode")


def test_both_with_a_package_that_sends_the_lines_are_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = host_json(tmp_path, telemetryMode="OpenTelemetry")
    package = tmp_path / "azure_monitor_opentelemetry-1.8.11.dist-info" / "METADATA"
    package.parent.mkdir()
    package.write_text("Metadata-Version: 2.1\nName: azure-monitor-opentelemetry\nVersion: 1.8.11\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert telemetry({"PYTHON_ENABLE_OPENTELEMETRY": "true"}, path) is None
    assert telemetry({}, path) is not None


@pytest.mark.parametrize("value", ["", "false", "0", "no"])
def test_a_switch_that_is_off_is_none(tmp_path: Path, value: str) -> None:
    assert telemetry({"PYTHON_ENABLE_OPENTELEMETRY": value}, host_json(tmp_path, telemetryMode="")) is None


@pytest.mark.parametrize("text", ["", "not json", "[]", "null"])
def test_a_host_json_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text, encoding="utf-8")

    assert telemetry({}, tmp_path / "host.json") is None
    assert telemetry({}, tmp_path / "missing.json") is None


def test_the_command_says_it_even_where_the_settings_are_wrong(stack: LocalStack, run_cli: RunCli) -> None:
    environ = {**stack.environ, "PYTHON_ENABLE_OPENTELEMETRY": "true", "SEND_WINDOW": "never"}

    done = run_cli("doctor", "--json", environ=environ)

    told = json.loads(done.stdout)["findings"]
    assert [finding["link"] for finding in told][:2] == ["telemetry", "settings"]
