"""What is published: few files, all that a tick needs, nothing else; by Core Tools' own reading of `.funcignore`."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.infra.package_rules import FuncIgnore, packed

ROOT = Path(__file__).resolve().parents[2]
VERDICTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "funcignore.jsonl").read_text(encoding="utf-8").splitlines()
]
PATHS: list[str] = VERDICTS[0]["paths"]
AT_THE_ROOT = {"function_app.py", "host.json", "requirements.txt"}

# What a developer's folder gathers, and does not belong on Azure.
STRAYS = (
    ".DS_Store",
    ".azure/prod/.env",
    ".coverage.1",
    ".env",
    ".git",
    ".mypy_cache/3.13/cache.json",
    ".venv-3.12/lib/python3.12/site-packages/requests/api.py",
    ".venv-bench/bin/python",
    ".venv/bin/python",
    ".venv/lib/python3.13/site-packages/azure/functions/__init__.py",
    "__pycache__/function_app.cpython-313.pyc",
    "build/lib/due_notices/run.py",
    "dist/due_notices.whl",
    "due_notices.egg-info/PKG-INFO",
    "due_notices/__main__.py",
    "due_notices/__pycache__/run.cpython-313.pyc",
    "due_notices/adapters/__pycache__/graph.cpython-313.pyc",
    "due_notices/commands/__init__.py",
    "due_notices/commands/status/page.html",
    "env/bin/python",
    "htmlcov/index.html",
    "local.settings.json",
    "local.settings.json.example",
    "node_modules/azurite/package.json",
    "outputs.json",
    "person.csv",
    "prod.env",
    "requirements-dev.in",
    "requirements-dev.txt",
    "venv/bin/python",
)


@pytest.mark.parametrize("verdict", VERDICTS[1:], ids=lambda verdict: repr(verdict["funcignore"]))
def test_the_rules_are_those_of_core_tools(verdict: dict[str, object]) -> None:
    ignore = FuncIgnore(str(verdict["funcignore"]))

    assert [path for path in PATHS if ignore.leaves_out(path)] == verdict["ignored"]


@cache
def package() -> list[Path]:
    return sorted(packed(ROOT))


def test_the_package_is_small_whatever_lies_in_this_folder() -> None:
    files = package()

    assert len(files) < 60
    assert sum((ROOT / path).stat().st_size for path in files) < 1_000_000


def test_what_people_run_stays_at_home() -> None:
    assert not [path for path in package() if "commands" in path.parts or path.name == "__main__.py"]


def test_the_package_is_the_app_and_the_deployed_part_of_the_program() -> None:
    names = {path.as_posix() for path in package()}

    assert {name for name in names if "/" not in name} == AT_THE_ROOT
    assert {name.partition("/")[0] for name in names if "/" in name} == {"due_notices"}
    assert {Path(name).suffix for name in names - AT_THE_ROOT} <= {".py", ".json"}


def test_what_is_packed_is_committed() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("git, or its folder, is not there")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {path.as_posix() for path in package()} <= set(listed.splitlines())


@pytest.mark.parametrize("path", STRAYS)
def test_a_stray_file_stays_at_home(tmp_path: Path, path: str) -> None:
    shutil.copy(ROOT / ".funcignore", tmp_path)
    for name in (*AT_THE_ROOT, "due_notices/run.py", path):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert {found.as_posix() for found in packed(tmp_path)} == {*AT_THE_ROOT, "due_notices/run.py"}


def test_azd_which_reads_the_file_as_git_does_packs_the_same(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not there")
    shutil.copy(ROOT / ".funcignore", tmp_path)
    wanted = {*AT_THE_ROOT, "due_notices/run.py", "due_notices/adapters/graph.py"}
    for name in (*wanted, *(path for path in STRAYS if path != ".git")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)

    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-from=.funcignore"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert set(listed.splitlines()) == wanted == {path.as_posix() for path in packed(tmp_path)}


def test_the_star_of_git_would_pack_the_virtual_environment() -> None:
    # Given the pattern that git reads as "everything that begins with .venv".
    ignore = FuncIgnore(".venv*\n.git*")

    assert not ignore.leaves_out(".venv/bin/python")
    assert not ignore.leaves_out(".git/config")


def imported(text: str) -> set[str]:
    """Return the modules of the program that a text imports, also inside functions; names count as modules, too."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.partition(".")[0] in {"due_notices", "local", "tests", "scripts"}}


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def test_nothing_that_is_packed_imports_what_stays_at_home_not_even_inside_a_function() -> None:
    modules = {module_of(path.relative_to(ROOT)): path for path in ROOT.glob("due_notices/**/*.py")}
    there = {module_of(path) for path in package() if path.suffix == ".py"}
    wanted = {
        name: path.as_posix()
        for path in package()
        if path.suffix == ".py"
        for name in imported((ROOT / path).read_text(encoding="utf-8"))
    }

    assert {name: path for name, path in wanted.items() if name in modules and name not in there} == {}
    assert {name for name in wanted if name.partition(".")[0] != "due_notices"} == set()
    assert imported("def f():\n    from due_notices.commands import status") == {
        "due_notices.commands",
        "due_notices.commands.status",
    }
