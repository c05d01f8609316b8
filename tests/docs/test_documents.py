"""What is written twice is compared: README, example settings, schema, pictures, and what gets deployed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from bench.scale import own_times
from due_notices.report import LOG_PREFIX, RunReport

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted(
    path for path in ROOT.glob("**/*.md") if not {".venv", ".venv-bench", "node_modules"} & set(path.parts)
)


def json_block(beginning: str) -> dict[str, object]:
    blocks = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    block: dict[str, object] = json.loads(next(block for block in blocks if block.strip().startswith(beginning)))
    return block


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITTEN: Mapping[Path, str] = script("write_docs").texts()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_a_document_says_what_the_code_says(path: Path) -> None:
    assert path.read_text("utf-8") == WRITTEN[path], "call `make docs`"


def test_the_example_fulfils_the_schema_of_the_settings() -> None:
    schema = json.loads((ROOT / "docs" / "local.settings.schema.json").read_text("utf-8"))

    jsonschema.validate(json.loads((ROOT / "local.settings.json.example").read_text("utf-8")), schema)


def test_the_readmes_message_fulfils_the_schema() -> None:
    text = json.dumps(json_block('{\n  "specversion"')).replace("<tenant id>", "t").replace("<user id>", "u")

    jsonschema.validate(json.loads(text), json.loads((ROOT / "due_notices" / "notice.schema.json").read_text("utf-8")))


def test_the_runbooks_report_has_the_fields_of_a_report() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    line = next(line for line in runbook.splitlines() if line.startswith(LOG_PREFIX))
    fields = json.loads(line.removeprefix(LOG_PREFIX))

    assert list(fields) == list(RunReport("", date(2026, 12, 1)).to_dict())


@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "scripts").glob("draw_*.py")])
def test_a_drawn_picture_is_what_its_script_draws(name: str) -> None:
    drawing = script(name)

    assert drawing.PICTURE.read_text("utf-8") == drawing.draw()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)[^)]*\)", document.read_text("utf-8"))

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert missing == []


def anchors_of(document: Path) -> set[str]:
    """Return what the headings of a document are called in a link, as GitHub does it."""
    prose = re.sub(r"^ *```.*?^ *```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_to_a_heading_finds_it(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)", document.read_text("utf-8"))

    missing = [
        f"{path}#{anchor}"
        for path, anchor in links
        if anchor not in anchors_of(document.parent / path if path else document)
    ]

    assert missing == []


def test_the_readme_names_every_command_of_the_command_line() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "due_notices", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  ([a-z][a-z-]+)  +\S", listed.partition("Commands:")[2], re.MULTILINE)

    assert commands
    for command in commands:
        assert f"due-notices {command}" in README


def test_the_readme_is_ten_screens_with_one_picture_and_one_message() -> None:
    assert len(README) < 14_000
    assert len(re.findall(r"!\[", README)) == 1
    assert README.count("```json") == 1


def test_every_make_target_that_documents_name_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    texts = [path.read_text("utf-8") for path in DOCUMENTS]
    named = {target for text in texts for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}

    assert {"run", "test", "start", "check"} <= named <= targets


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git what is in the repository, and this is a bare copy")
def test_publishing_ships_what_the_function_needs_and_nothing_else() -> None:
    def git(*arguments: str) -> set[str]:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return set(done.stdout.splitlines())

    tracked = git("ls-files", "--cached", "--others", "--exclude-standard")
    left_out = git("ls-files", "--cached", "--others", "--ignored", "--exclude-from=.funcignore")

    shipped = tracked - left_out
    outside = {name for name in shipped if not name.startswith("due_notices/")}
    assert outside - {".funcignore"} == {"function_app.py", "host.json", "requirements.txt"}
    assert not any(name.endswith(".json") for name in shipped - outside)  # the contract is for consumers
    assert not any(name.startswith(("due_notices/commands", "due_notices/__main__")) for name in shipped)


def test_requirements_are_exact_pins() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]

    assert pins
    assert all(re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", pin) for pin in pins)


def test_what_the_page_about_scale_computes_is_right() -> None:
    page = (ROOT / "docs" / "scale.md").read_text("utf-8").partition("## Past one instance")[2]
    results = {
        "50,051": -(-50_000_000 // 999),
        "63 s": 50_051 / 800,
        "117 s": 50_051 * 0.15 / 64,
        "274 s": 50_051 * 0.35 / 64,
        "179 million": 143 * 1.25,
        "36 min": 4_360_000 / 2_000 / 60,
        "256 s": 41 * 125_000 / 20_000,
        "42 min": 5_000_000 / 2_000 / 60,
        "83 min": 10_000_000 / 2_000 / 60,
        "21 min": 10_000_000 / 8_000 / 60,
        "255 s": 5_100_000 / 20_000,
    }
    costs = [float(cost) for cost in re.findall(r"\| \$([\d.]+) \|$", page, re.MULTILINE)]

    shown = dict(re.findall(r"\| (([\d,]+)(?: s| min| MB| million)?) \| [^|]+ \|$", page, re.MULTILINE))
    for row in own_times(json.loads((ROOT / "bench" / "results.json").read_text("utf-8"))).values():
        assert row in page
        assert shown.pop(row.split(" | ")[2])
    assert {text: f"{value:,.0f}" for text, value in results.items()} == shown
    assert f"\n${sum(costs):.0f} a day" in page


def test_every_pin_is_audited_whatever_its_marker_says(tmp_path: Path) -> None:
    checks = script("check_supply_chain")
    lines = [line for lock in checks.LOCKS for line in (ROOT / lock).read_text("utf-8").splitlines()]
    pins = {re.split(r"[\s;]", line)[0] for line in lines if re.match(r"\w", line)}
    assert any(";" in line for line in lines), "no pin has a marker: then this test shows nothing"

    (tmp_path / "pylock.toml").write_text(checks.lock_of(checks.pins()), "utf-8")
    audit = [*checks.tool("pip-audit"), "--locked", str(tmp_path), "--dry-run", "--progress-spinner", "off"]
    done = subprocess.run(audit, capture_output=True, text=True, check=True)

    assert f"would have audited {len(pins)} packages" in done.stderr
