"""What leaves the function app when it fails in a way that the program does not expect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, StartWorker
from tests.infra.package_rules import packed

PRIVATE = "anna@example.com owes 120.50"
# Puts that text wherever an error can carry one: in itself, its cause, its context, a note and a group's member.
BROKEN = f"""
class Odd(Exception):
    pass


def fail(text):
    error = Odd(text)
    error.add_note(text)
    return error


def send_due_notices(*_):
    try:
        raise fail("{PRIVATE} in a context")
    except Odd:
        raise ExceptionGroup("{PRIVATE} in a group", [fail("{PRIVATE} in a member")]) from fail("{PRIVATE} in a cause")
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Copy what is published."""
    for path in packed(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_an_unexpected_error_leaves_one_line_with_type_and_place_and_no_text(
    start_worker: StartWorker, package: Path
) -> None:
    (package / "due_notices" / "run.py").write_text(BROKEN, "utf-8")
    worker = start_worker(root=package).started()

    answer = worker.tick()
    worker.close()

    assert not answer["ok"]
    (line,) = [line for line in answer["log"] if line["logger"] == "due_notices"]
    assert line["level"] == "ERROR"
    assert "\n" not in line["text"]
    assert "unexpected error ExceptionGroup in due_notices/run.py:16" in line["text"]
    assert line["text"] in answer["message"]
    assert "RuntimeError" in answer["stack"]
    assert PRIVATE not in worker.everything


def test_a_package_that_lacks_a_library_says_which(start_worker: StartWorker, package: Path) -> None:
    (package / "due_notices" / "run.py").write_text("import a_library_that_is_not_there\n", "utf-8")
    worker = start_worker(root=package).started()

    answer = worker.tick()

    assert not answer["ok"]
    (line,) = [line for line in answer["log"] if line["logger"] == "due_notices"]
    assert "ModuleNotFoundError (a_library_that_is_not_there) in due_notices/run.py:1" in line["text"]
