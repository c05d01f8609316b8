"""What `make check` asks of supply chain and repository: known vulnerabilities, and secrets that got in.

    .venv/bin/python scripts/check_supply_chain.py

Vulnerabilities are looked up in PyPI's advisory database. Where the network, or a mirror in its place, does not
answer for it, this says so and passes: a laptop on a train must be able to run `make check`. Secrets are looked for
in every file that git knows or would add; that needs no network, and never passes unlooked.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.hygiene import secrets_in  # noqa: E402 (found by the line above)

LOCKS = ("requirements.txt", "requirements-dev.txt")
SECONDS = 120
# Random-looking texts are hashes, keys of tables and fuzzing corpora here, and "secret" is a word of the trade:
# these detectors find nothing else. The shapes of Azure's secrets are looked for by tests.hygiene.
LEFT_OUT = ("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector")
MADE_UP = r"^(pass|secret)$"
# Hashes by the thousand, where the detectors look long and find nothing that our own shapes would not.
NOT_PROSE = r"package-lock\.json$|^requirements.*\.txt$|\.svg$"


def main() -> int:
    """Run both; return 0 if nothing was found."""
    return max(vulnerabilities(), leaked())


def vulnerabilities() -> int:
    """Audit every pin, those for other Pythons and systems, too.

    pip-audit 2.10.1 leaves out the lines of a requirements file whose marker does not hold for its own Python, and
    audits all packages of a pylock.toml (findings/pip-audit-and-a-universal-lock.sh).
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "pylock.toml").write_text(lock_of(pins()), "utf-8")
            command = [*tool("pip-audit"), "--locked", folder, "--format", "json", "--progress-spinner", "off"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
        found = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        print("vulnerabilities: not looked up, the advisory database does not answer here")
        return 0
    unknown = [each["name"] for each in found if "skip_reason" in each]
    bad = [each for each in found if each.get("vulns")]
    for each in bad:
        for flaw in each["vulns"]:
            fixed = ", ".join(flaw.get("fix_versions", ())) or "nothing yet"
            print(f"vulnerabilities: {each['name']} {each['version']}: {flaw['id']}, fixed by {fixed}")
    if unknown:
        print(f"vulnerabilities: {len(unknown)} of {len(found)} packages could not be looked up here")
    elif not bad:
        print(f"vulnerabilities: none known in {len(found)} packages")
    return int(bool(bad))


def pins() -> list[tuple[str, str]]:
    """Return each name and version that a lock pins, whatever its marker says."""
    texts = [(ROOT / lock).read_text("utf-8") for lock in LOCKS]
    pinned = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", re.MULTILINE)
    return sorted({pin for text in texts for pin in pinned.findall(text)})


def lock_of(packages: list[tuple[str, str]]) -> str:
    """Return the least lock of PEP 751 that holds these packages."""
    tables = [f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in packages]
    return "\n".join(['lock-version = "1.0"\ncreated-by = "due-notices"\n', *tables])


def leaked() -> int:
    """Look for secrets in the files of the repository."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [name for name in names if name and (ROOT / name).is_file()]
    bad = 0
    for name in files:
        kinds = secrets_in((ROOT / name).read_text("utf-8", errors="replace"))
        if kinds:
            print(f"secrets: {name} holds {', '.join(kinds)}")
            bad = 1
    hook = [*tool("detect-secrets-hook"), "--no-verify", "--exclude-secrets", MADE_UP, "--exclude-files", NOT_PROSE]
    hook += [part for plugin in LEFT_OUT for part in ("--disable-plugin", plugin)]
    done = subprocess.run([*hook, *files], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout.strip() or done.stderr.strip())
    if not (bad or done.returncode):
        print(f"secrets: none in {len(files)} files")
    return int(bool(bad or done.returncode))


def tool(name: str) -> list[str]:
    """Return the command of a tool beside this Python."""
    return [str(Path(sys.executable).parent / name)]


if __name__ == "__main__":
    sys.exit(main())
