"""Read from the text of Bicep files what the rules compare: parameters, outputs, modules, settings, resources.

No parser: the files are laid out by the Bicep formatter, and these patterns hold on to that layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DECORATED = r"(?P<decorators>(?:^@(?:[^\n]|\n  |\n[\]}]\))*\n)*)"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A `param` or `output`: its name, type, description and, as written, its default or value."""

    name: str
    type: str
    description: str
    value: str | None
    decorators: str


def text_of(path: Path) -> str:
    """Return a file without its comments."""
    return re.sub(r"(?m)^\s*//.*$", "", path.read_text(encoding="utf-8"))


def params(path: Path) -> dict[str, Declaration]:
    return dict(_declarations(text_of(path), "param"))


def outputs(path: Path) -> dict[str, Declaration]:
    return dict(_declarations(text_of(path), "output"))


@cache
def _declarations(text: str, keyword: str) -> dict[str, Declaration]:
    pattern = DECORATED + rf"^{keyword} (?P<name>\w+) (?P<type>\S+)(?: = (?P<value>.*(?:\n[ \]}}].*)*))?$"
    found = {}
    for match in re.finditer(pattern, text, re.MULTILINE):
        described = re.search(r"^@description\('(.*)'\)$", match["decorators"], re.MULTILINE)
        found[match["name"]] = Declaration(
            match["name"],
            match["type"],
            described[1] if described else "",
            match["value"],
            match["decorators"],
        )
    return found


def given_params(path: Path) -> dict[str, str]:
    """Return what a parameter file assigns, as written."""
    found = re.findall(r"(?m)^param (\w+) = (.*(?:\n[ )].*)*)", text_of(path))
    return {name: re.sub(r"\s+", " ", value).replace("( ", "(").replace(" )", ")") for name, value in found}


def modules(path: Path) -> dict[str, tuple[str, dict[str, str], str]]:
    """Return each module by its symbol: file, parameters as written, the whole block."""
    found = {}
    for match in re.finditer(r"(?ms)^module (\w+) '([^']+)' = .*?^}$", text_of(path)):
        block = re.search(r"(?ms)^  params: \{\n(.*?)^  \}$", match[0])
        given = dict(re.findall(r"(?m)^    (\w+): (.*)$", block[1])) if block else {}
        found[match[1]] = (match[2], given, match[0])
    return found


def block(text: str, opening: str, indent: str = "") -> str:
    """Return the lines from the one that begins with `opening` to its closing brace."""
    match = re.search(rf"(?ms)^{indent}{re.escape(opening)}.*?^{indent}[}}\])]+$", text)
    return match[0] if match else ""


def entries(object_text: str, indent: str) -> dict[str, str]:
    """Return `name: value` of the lines of an object at one indentation."""
    return {key.strip("'"): value for key, value in re.findall(rf"(?m)^{indent}('?[\w-]+'?): (.*)$", object_text)}


def resources(path: Path) -> dict[str, tuple[str, str]]:
    """Return each resource by its symbol: type with version, block. Children are named like `parent::child`."""
    found: dict[str, tuple[str, str]] = {}
    text = text_of(path)
    for match in re.finditer(r"(?m)^( *)resource (\w+) '([^']+)'", text):
        indent, symbol, kind = match.groups()
        body = re.match(rf"(?s)[^\n]*\n.*?^{indent}[}}\]]", text[match.start() :], re.MULTILINE)
        found[f"{indent}{symbol}"] = (kind, body[0] if body else "")
    return found
