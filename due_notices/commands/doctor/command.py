"""`doctor`: what is wrong with which link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from rich.table import Table

from due_notices import VERSION, bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.commands import console
from due_notices.commands.doctor.build import doctor_links
from due_notices.commands.doctor.links import Diagnosis, State, examine, exit_code, unexpected
from due_notices.commands.doctor.telemetry import telemetry
from due_notices.commands.local_settings import what_is_wrong
from due_notices.errors import SettingsError
from due_notices.in_force import in_force
from due_notices.settings import Settings

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red", State.NOT_TRIED: "dim"}


@click.command(short_help="What is wrong with which link, and what fixes it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
def doctor(*, as_json: bool) -> int:
    """Try each link of the chain as a run would: settings, managed identity, vault, Entra, Graph, values, queue, table.

    Then clock, time zone and calendar, and the schedule against the send window.
    What depends on a broken link is not tried. Nothing is
    changed, and nothing is left behind. Runs as the function's identity, or as yourself with
    AZURE_TOKEN_CREDENTIALS=dev and `az login`.

    Exit code 0 all is well, 1 there are warnings, 2 a link is broken (wrong settings are a broken link).

    \b
    Examples:
      due-notices doctor
      due-notices doctor --json | jq .findings
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        console.print_json({"findings": [_to_dict(finding) for finding in findings], "exitCode": exit_code(findings)})
    return exit_code(findings)


def _findings() -> Iterable[Diagnosis]:
    if (lost := telemetry(bootstrap.environment(), Path("host.json"))) is not None:
        yield lost
    try:
        settings = bootstrap.load_settings()
    except SettingsError as error:
        yield Diagnosis("settings", State.FAILED, what_is_wrong(error, bootstrap.environment()))
        yield from _rest_not_tried()
        return
    yield from _of_settings(settings)
    try:
        links = doctor_links(settings)
    except Exception as error:  # noqa: BLE001 (a finding as well, so that programs get their JSON)
        yield Diagnosis("all other links", *unexpected(error))
        return
    yield from examine(links)


def _of_settings(settings: Settings) -> Sequence[Diagnosis]:
    warnings = [Diagnosis("settings", State.WARNING, warning) for warning in settings.warnings]
    text = in_force(settings.policy, settings.policy.business_date(SystemClock().now()))
    return [Diagnosis("settings", State.OK, f"complete (due-notices {VERSION}): {text}"), *warnings]


def _rest_not_tried() -> Sequence[Diagnosis]:
    return [Diagnosis("all other links", State.NOT_TRIED, "depends on: settings")]


def _print(finding: Diagnosis) -> None:
    style = _STYLES[finding.level]
    line = Table.grid(padding=(0, 1))
    for width in (9, 16, None):
        line.add_column(width=width, overflow="fold")
    line.add_row(console.plain(str(finding.level), style), finding.link, console.plain(finding.text))
    console.out().print(line)


def _to_dict(finding: Diagnosis) -> dict[str, str]:
    return {"link": finding.link, "level": str(finding.level), "text": finding.text}
