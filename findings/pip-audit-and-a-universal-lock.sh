#!/usr/bin/env bash
# Question: a universal lock pins two versions of one package, each with a marker for other Pythons. Which pins does
#   pip-audit look up, in requirements.txt and in the same lock as pylock.toml?
# A good guess: all of them, in both; it is asked to audit a file, not the environment, and installs nothing.
# What happens: of requirements.txt only those whose marker holds for the Python that runs pip-audit; the others are
#   left out without a word, and "No known vulnerabilities found" is said of the file. Of pylock.toml all, whatever
#   their markers.
# Why it matters: CI that audits on Python 3.13 never looks at what Python 3.11 or Windows would get.
# Seen: 2026-11-30, by --dry-run, which counts and asks no database. The marker is evaluated in pip-audit's
#   _dependency_source/requirement.py and not looked at in pylock.py; its documents say neither.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check pip-audit==2.10.1 uv==0.13.9

cat >expected <<'END'
pip-audit 2.10.1, uv 0.13.9
requirements.txt: Dry run: would have audited 1 packages
pylock.toml: Dry run: would have audited 3 packages
END
cat >requirements.txt <<'END'
azure-functions==1.26.0 ; python_full_version < '3.13'
azure-functions==2.3.0 ; python_full_version >= '3.13'
colorama==0.4.6 ; sys_platform == 'win32'
END
audit() {
    venv/bin/pip-audit --dry-run --progress-spinner off "$@" 2>&1 | grep -o 'Dry run: .*'
}
{
    echo "pip-audit $(venv/bin/pip-audit --version | cut -d' ' -f2), uv $(venv/bin/uv --version | cut -d' ' -f2)"
    echo "requirements.txt: $(audit --no-deps --disable-pip --requirement requirements.txt)"
    mkdir project
    venv/bin/uv pip compile --quiet --universal --no-deps --python-version 3.11 \
        --format pylock.toml --output-file project/pylock.toml requirements.txt
    echo "pylock.toml: $(audit --locked project)"
} | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
