"""`function_app` is inert, and knows Azure Functions; no other module does but that of the functions of SCALE_OUT."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.clock import now
from local.customers import sample_customers
from local.stack import LocalStack

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, socket, sys

def refuse(*arguments, **options):
    raise SystemExit("the network is used at import")

socket.socket.connect = socket.getaddrinfo = refuse
before = set(sys.modules)
import function_app
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported_by(path: Path) -> set[str]:
    """Return the top-level names and dotted modules that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.fixture(scope="module")
def modules_of_function_app() -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


@pytest.mark.parametrize(
    "name",
    [
        "requests",
        "msal",
        "aiohttp",
        "holidays",
        "azure.core",
        "azure.identity",
        "azure.storage",
        "azure.data",
        "azure.keyvault",
        "due_notices",
    ],
)
def test_importing_the_function_app_loads_no_library_of_the_program(
    modules_of_function_app: list[str], name: str
) -> None:
    assert "azure.functions" in modules_of_function_app
    assert [module for module in modules_of_function_app if module == name or module.startswith(f"{name}.")] == []


def test_only_the_two_modules_of_functions_know_azure_functions() -> None:
    files = [ROOT / "function_app.py", *ROOT.glob("due_notices/**/*.py"), *ROOT.glob("local/**/*.py")]
    knowing = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if any(name.startswith(("azure.functions", "azure.durable_functions")) for name in imported_by(path))
    }

    assert len(files) > 20
    assert knowing == {"function_app.py", "due_notices/fan_out_app.py"}


@pytest.mark.parametrize("setting", [None, "", "0", " 00 ", "0\n"])
def test_without_scale_out_nothing_of_durable_functions_is_loaded(setting: str | None) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "SCALE_OUT"}
    environ |= {} if setting is None else {"SCALE_OUT": setting}
    program = PROGRAM.replace("import function_app", "import function_app\nfunction_app.app.get_functions()")

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )

    # azure-functions itself has two modules with the word in their names.
    found = {name for name in json.loads(done.stdout) if re.search("durable|grpc|opentelemetry|due_notices", name)}
    assert found == {"azure.functions._durable_functions", "azure.functions.durable_functions"}


def test_the_function_app_is_short_and_has_one_function() -> None:
    text = (ROOT / "function_app.py").read_text("utf-8")

    assert len(text.splitlines()) < 50
    assert text.count("_trigger(") == 1


TICK = """
import json, sys
import function_app

from due_notices import bootstrap

policy, services = bootstrap.for_whole_runs()
from due_notices.services import LogProgress
from due_notices.run import send_due_notices

report = send_due_notices(policy, services, LogProgress())
print(json.dumps({"sent": report.sent, "modules": sorted(sys.modules)}))
"""


def test_a_whole_tick_loads_nothing_of_what_people_run(stack: LocalStack) -> None:
    stack.graph.users = sample_customers(now().date(), 50)
    environ = {**os.environ, **stack.environ, "SEND_WINDOW": "00:00-24:00"}

    done = subprocess.run(
        [sys.executable, "-c", TICK], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    tick = json.loads(done.stdout)
    assert tick["sent"] > 0
    loaded = set(tick["modules"])
    assert "due_notices.adapters.table_ledger" in loaded
    foreign = {"click", "rich", "due_notices.commands", "due_notices.__main__", "local"}
    assert {name for name in loaded if any(name == each or name.startswith(f"{each}.") for each in foreign)} == set()
