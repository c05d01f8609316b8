"""What editors and GitHub are given fits the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local import start_command
from tests.infra.package_rules import FuncIgnore

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def of_vscode(name: str) -> Any:
    return json.loads((ROOT / ".vscode" / name).read_text("utf-8"))


def test_the_editors_tasks_are_targets_of_make() -> None:
    tasks = of_vscode("tasks.json")["tasks"]
    called = {found[1] for task in tasks if (found := re.fullmatch(r"make ([a-z]+)", task["command"]))}

    assert {"setup", "run", "test", "check", "stack"} <= called <= TARGETS


def test_what_a_launch_or_a_task_waits_for_is_a_task() -> None:
    tasks = {task["label"]: task for task in of_vscode("tasks.json")["tasks"]}
    waits = {task["dependsOn"] for task in tasks.values() if "dependsOn" in task}
    waits |= {each["preLaunchTask"] for each in of_vscode("launch.json")["configurations"] if "preLaunchTask" in each}

    assert {"local stack", "func: host start"} <= waits <= tasks.keys()


def test_the_stacks_task_is_ready_when_the_stack_says_so() -> None:
    stack = next(task for task in of_vscode("tasks.json")["tasks"] if task["label"] == "local stack")

    assert re.search(stack["problemMatcher"]["background"]["endsPattern"], start_command._COMMANDS)


def test_the_schema_of_the_settings_is_wired_to_their_file() -> None:
    wired = {name: each["url"] for each in of_vscode("settings.json")["json.schemas"] for name in each["fileMatch"]}

    assert wired["/local.settings.json"] == "./docs/local.settings.schema.json"
    assert all((ROOT / url).is_file() for url in wired.values())


def test_a_container_is_set_up_by_make_with_the_python_that_is_deployed() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))

    assert container["postCreateCommand"] == "make setup"
    assert container["image"].endswith(f":{(ROOT / '.python-version').read_text('utf-8').strip()}")
    recommended = of_vscode("extensions.json")["recommendations"]
    assert container["customizations"]["vscode"]["extensions"] == recommended


def test_folders_of_editors_and_of_github_are_not_published() -> None:
    ignore = FuncIgnore((ROOT / ".funcignore").read_text("utf-8"))

    for path in (".vscode/tasks.json", ".devcontainer/devcontainer.json", ".github/workflows/deploy.yml"):
        assert (ROOT / path).is_file()
        assert ignore.leaves_out(path)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_hash_with_their_version_beside(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)$", workflow.read_text("utf-8"), re.MULTILINE)

    assert used
    for each in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_the_deployment_looks_first_and_publishes_after_the_infrastructure_without_a_secret() -> None:
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8")
    _, looking, deploying = re.split(r"^  (?:what-if|deploy):$", text, flags=re.MULTILINE)

    assert "secrets." not in text
    assert "permissions:\n  contents: read\n" in text
    assert text.count("id-token: write") == 2
    assert "deployment group what-if" in looking
    assert "group create" not in looking
    assert "if: github.event_name == 'workflow_dispatch'" in deploying
    assert "needs: what-if" in deploying
    steps = ["deployment group create", "post_provision.py", "func azure functionapp publish"]
    assert sorted(steps, key=deploying.index) == steps
    assert (ROOT / "infra" / "main.bicepparam").is_file()


def test_the_guide_says_what_the_workflow_needs() -> None:
    guide = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8")

    named = set(re.findall(r"vars\.(\w+)", text)) | set(re.findall(r"^    environment: (\S+)", text, re.MULTILINE))
    assert named == {each for each in named if f"`{each}`" in guide}
