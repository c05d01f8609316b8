"""Looks whether the program's lines reach the log: two switches let the worker promise to send them, and send none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from due_notices.commands.doctor.links import Diagnosis, State

SWITCH = "PYTHON_ENABLE_OPENTELEMETRY"
MODE = "telemetryMode"
_SENDERS = ("azure-monitor-opentelemetry", "opentelemetry-exporter-otlp")


def telemetry(environ: Mapping[str, str], host_json: Path) -> Diagnosis | None:
    """Judge the two switches of OpenTelemetry, the worker's app setting and the host's mode; None where all is well.

    With either of them the host leaves out the worker's lines, because the worker is to send them itself. Without a
    package that sends them, which this program does not have, the worker cannot, and the report vanishes. OpenTelemetry
    itself, which Durable Functions brings along, sends nothing.
    """
    on = [f"{SWITCH}={environ[SWITCH]}"] if environ.get(SWITCH, "").strip().lower() in {"true", "1"} else []
    mode = _mode(host_json)
    if mode.lower() == "opentelemetry":
        on.append(f"{MODE} {mode!r} in {host_json.name}")
    if not on or (len(on) == len((SWITCH, MODE)) and any(map(_is_installed, _SENDERS))):
        return None
    return Diagnosis(
        "telemetry",
        State.WARNING,
        f"{' and '.join(on)}: the worker promises to send its lines itself and sends none, so that no report reaches "
        f"the log. Delete the app setting {SWITCH}, and {MODE} from host.json",
    )


def _mode(host_json: Path) -> str:
    try:
        content = json.loads(host_json.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(content.get(MODE) or "") if isinstance(content, dict) else ""


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
