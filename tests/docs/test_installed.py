"""What `pip install .` brings is what the commands import, and no more; versions are pinned elsewhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OF_THE_FUNCTION_ALONE = {"azure-functions", "azure-functions-durable", "azure-functions-runtime"}
# They come with azure-identity, MSAL and the clients of Storage, which are their reason.
COMES_WITH_OTHERS = {"aiohttp", "azure-core", "cryptography", "urllib3", "yarl", "pyjwt"}


def names(path: str) -> set[str]:
    """Return the packages of a hand-written list, each with its extras."""
    lines = (ROOT / path).read_text("utf-8").splitlines()
    return {found[0] for line in lines if (found := re.match(r"[a-z0-9-]+(\[\w+\])?", line))}


def bare(requirements: set[str]) -> set[str]:
    return {each.partition("[")[0] for each in requirements}


def imported() -> set[str]:
    """Return the distributions that `due_notices` imports, wherever in a module it does; not for functions alone."""
    modules = set()
    for path in {*(ROOT / "due_notices").rglob("*.py")} - {ROOT / "due_notices" / "fan_out_app.py"}:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(node.module or "")
    azure = {
        "-".join(module.split(".")[:3])
        if module.startswith(("azure.data", "azure.storage", "azure.keyvault"))
        else "-".join(module.split(".")[:2])
        for module in modules
        if module.startswith("azure.")
    }
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"due_notices", "azure", ""}
    by_top = packages_distributions()
    return azure | {by_top[top][0].lower().replace("_", "-") for top in tops}


def test_an_installation_needs_what_is_pinned_for_function_and_commands() -> None:
    needed = set(PROJECT["dependencies"])
    pictures = set(PROJECT["optional-dependencies"]["pictures"])

    assert names("requirements.in") - OF_THE_FUNCTION_ALONE <= needed
    assert needed | pictures <= names("requirements.in") | names("requirements-dev.in")
    assert needed.isdisjoint(pictures)


def test_an_installation_needs_all_that_the_package_imports_and_nothing_else() -> None:
    needed = bare(set(PROJECT["dependencies"]) | set(PROJECT["optional-dependencies"]["pictures"]))

    assert imported() - COMES_WITH_OTHERS <= needed
    assert needed - imported() <= {"tzdata"}
