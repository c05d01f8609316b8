"""What is known of a program's list: a small TOML file, ours or a firm's own.

title = "Example: invoices"                   # what it is called
export = "Invoices > Export > CSV"            # where it comes from
signature = ["Invoice no", "Due", "Balance"]  # the heads by which it is found
encoding = "cp1252"                           # optional; UTF-8 needs no word
dates = "dmy"                                 # optional: where a column proves nothing by itself
decimal = ","                                 # optional: likewise
ask = ["currency"]                            # optional: what the list cannot say and must be given
carry = ["ref"]                               # optional: empty cells go on from the row above
refuse = "Export it as …"                     # optional: the list cannot be read; how to export it plainly

[columns]                                     # our fields, and the list's heads, the first that is there
address = "E-mail"                            # also: number, name, ref, due, amount, currency, status
due = ["Due", "Due date"]

[choose]                                      # optional: fields that two heads may mean; asked for
ref = ["Number", "Reference"]

[status]                                      # words of the status column
open = ["Sent"]                               # also: paid, void, disputed

[kinds."credit note"]                         # rows that are not obligations, or `paid`, `void` whatever else
"Type" = ["Credit", "Refund*"]                # cells: a word, a beginning (*), "" is empty, "*" is filled
"""

from __future__ import annotations

import codecs
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from due_notices.commands.import_.problems import ListRefused, Problem

Field = Literal["address", "number", "name", "ref", "due", "amount", "currency", "status"]
FIELDS: tuple[Field, ...] = get_args(Field)
State = Literal["open", "paid", "void", "disputed"]
STATES: tuple[State, ...] = get_args(State)
_KEYS = frozenset(
    {
        "title",
        "export",
        "signature",
        "encoding",
        "dates",
        "decimal",
        "ask",
        "carry",
        "refuse",
        "columns",
        "choose",
        "status",
        "kinds",
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One program's list. Heads are as the list writes them; words of cells are folded."""

    name: str
    title: str
    export: str = ""
    signature: tuple[str, ...] = ()
    encoding: str = ""
    dates: str = ""
    decimal: str = ""
    ask: frozenset[str] = frozenset()
    carry: frozenset[str] = frozenset()
    refuse: str = ""
    columns: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    choose: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    status: Mapping[str, State] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What heads and states are called in many languages, for lists that no profile knows."""

    heads: Mapping[Field, Sequence[Sequence[str]]]
    """Names of each field, in ranks: a head of an earlier rank is taken before one of a later."""
    paid_flags: frozenset[str]
    """Columns that say yes or no to whether it is paid; likewise void, open."""
    void_flags: frozenset[str]
    open_flags: frozenset[str]
    paid_dates: frozenset[str]
    """Columns that hold the day of payment."""
    remains_parts: Sequence[str]
    """What the head of an amount that remains to be paid contains."""
    paid_amounts: frozenset[str]
    paid_parts: Sequence[str]
    """What the head of a column of payments contains; likewise of states, disputes, amounts, due dates."""
    state_parts: Sequence[str]
    dispute_parts: Sequence[str]
    amount_parts: Sequence[str]
    due_parts: Sequence[str]
    debits: frozenset[str]
    """Words for the side of an account, as head or as cell."""
    credits: frozenset[str]
    types: frozenset[str]
    status: Mapping[str, State]
    kinds: Mapping[str, str]
    """Words for a document's type or state that say it is not an obligation: word → kind."""
    invoices: frozenset[str]
    totals: frozenset[str]
    true: frozenset[str]
    false: frozenset[str]


def folded(text: str) -> str:
    """Return a word for comparing: without case, form and blanks around it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().strip("\ufeff").split())


def head_name(text: str) -> str:
    """Return a head for comparing: a word without the mark of duty (`*DueDate`)."""
    return folded(text).strip("* ")


def is_head(row: Iterable[str], head: Iterable[str]) -> bool:
    """Whether a row says a list's head again, as at the top of a page: with other capitals perhaps, or more cells."""
    return all(head_name(cell) in ("", head_name(name)) for cell, name in zip(row, head, strict=False))


def is_other_head(row: Iterable[str], head: Sequence[str]) -> bool:
    """Whether a row names columns of a list, but not as its head does: what is below it stands otherwise."""
    names = set(map(head_name, head))
    cells = [cell for each in row if (cell := head_name(each))]
    return 2 * sum(cell in names for cell in cells) >= len(cells) > 1 and not is_head(row, head)


def matches(word: str, wanted: Iterable[str]) -> bool:
    """Whether a folded cell is one of a profile's words: a word, `begin*`, `*part*`, `*` for filled, `` for empty."""
    for each in wanted:
        if each == "*":
            if word:
                return True
        elif each.startswith("*") and each.endswith("*"):
            if each[1:-1] in word:
                return True
        elif word.startswith(each[:-1]) if each.endswith("*") else word == each:
            return True
    return False


def squeezed(name: str) -> str:
    """Return a head without what stands between its words: `due_date`, `Due-Date` and `dueDate` are one."""
    return re.sub(r"[\s_.:#?'\u2019/-]+", "", name)


@cache
def known_profiles() -> Sequence[Profile]:
    """Return the profiles that come with the program, by name."""
    found = [each for each in files(__package__).joinpath("profiles").iterdir() if each.name.endswith(".toml")]
    return [
        parsed(each.name.removesuffix(".toml"), each.read_text("utf-8"))
        for each in sorted(found, key=lambda each: each.name)
    ]


def profile_named(name: str) -> Profile:
    """Return a profile by its name, or a firm's own by its path. Raises ListRefused."""
    for each in known_profiles():
        if each.name == name.casefold():
            return each
    path = Path(name)
    if path.suffix.casefold() != ".toml":
        names = ", ".join(each.name for each in known_profiles())
        raise ListRefused(
            [Problem("profile", f"there is no profile {name}", f"one of {names}, or the path of a .toml file")]
        )
    try:
        return parsed(path.stem, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ListRefused(
            [Problem("profile", f"{name} cannot be read ({type(error).__name__})", "check the path")]
        ) from error


def parsed(name: str, text: str) -> Profile:
    """Return the profile that a TOML text describes. Raises ListRefused with what is wrong in it."""
    try:
        found = tomllib.loads(text)
        _check_keys(found)
        return Profile(
            name=name,
            title=str(found["title"]),
            export=str(found.get("export", "")),
            signature=_heads(found.get("signature", [])),
            encoding=_encoding(str(found.get("encoding", ""))),
            dates=str(found.get("dates", "")),
            decimal=str(found.get("decimal", "")),
            ask=frozenset(_texts(found.get("ask", []))),
            carry=frozenset(_heads(found.get("carry", []))),
            refuse=str(found.get("refuse", "")),
            columns={_field(key): _heads(value) for key, value in found.get("columns", {}).items()},
            choose={_field(key): _heads(value) for key, value in found.get("choose", {}).items()},
            status={word: _state(state) for state, words in found.get("status", {}).items() for word in _folded(words)},
            kinds={
                str(kind): {head_name(head): _folded(words) for head, words in heads.items()}
                for kind, heads in found.get("kinds", {}).items()
            },
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ListRefused(
            [Problem("profile", f"the profile {name} is wrong ({error})", "compare it with docs/import.md")]
        ) from error


@cache
def vocabulary() -> Vocabulary:
    """Return the words that come with the program."""
    found = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))
    return Vocabulary(
        heads={
            _field(key): [tuple(map(squeezed, _heads(rank))) for rank in ranks] for key, ranks in found["heads"].items()
        },
        paid_flags=_squeezed(found["paid_flags"]),
        void_flags=_squeezed(found["void_flags"]),
        open_flags=_squeezed(found["open_flags"]),
        paid_dates=_squeezed(found["paid_dates"]),
        remains_parts=_folded(found["remains_parts"]),
        paid_amounts=_squeezed(found["paid_amounts"]),
        paid_parts=_folded(found["paid_parts"]),
        state_parts=_folded(found["state_parts"]),
        dispute_parts=_folded(found["dispute_parts"]),
        amount_parts=_folded(found["amount_parts"]),
        due_parts=_folded(found["due_parts"]),
        debits=frozenset(_folded(found["debits"])),
        credits=frozenset(_folded(found["credits"])),
        types=_squeezed(found["types"]),
        status={word: _state(state) for state, words in found["status"].items() for word in _folded(words)},
        kinds={word: kind for kind, words in found["kinds"].items() for word in _folded(words)},
        invoices=frozenset(_folded(found["invoices"])),
        totals=frozenset(_folded(found["totals"])),
        true=frozenset(_folded(found["true"])),
        false=frozenset(_folded(found["false"])),
    )


def _squeezed(value: Any) -> frozenset[str]:
    return frozenset(map(squeezed, _heads(value)))


def _check_keys(found: Mapping[str, Any]) -> None:
    if wrong := sorted(found.keys() - _KEYS):
        raise ValueError(f"{', '.join(wrong)}: not known; known are {', '.join(sorted(_KEYS))}")


def _field(name: str) -> Field:
    for each in FIELDS:
        if each == name:
            return each
    raise ValueError(f"{name}: no field; fields are {', '.join(FIELDS)}")


def _state(name: str) -> State:
    for each in STATES:
        if each == name:
            return each
    raise ValueError(f"{name}: no state; states are {', '.join(STATES)}")


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name if name else ""
    except LookupError as error:
        raise ValueError(f"there is no encoding {name}") from error


def _texts(value: Any) -> Sequence[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise TypeError("a text, or a list of texts, is expected")
    return texts


def _folded(value: Any) -> tuple[str, ...]:
    return tuple(map(folded, _texts(value)))


def _heads(value: Any) -> tuple[str, ...]:
    return tuple(map(head_name, _texts(value)))
