"""The part of OData's `$filter` that Graph knows for users: parsing, Graph's limits, and matching.

Which operator works on which property, by default or only as an advanced query, follows
https://learn.microsoft.com/graph/aad-advanced-queries. What that page does not list is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_CHILDREN = 15
MAX_HEIGHT = 3

EXTENSION = re.compile(r"extension_[0-9a-f]{32}_\w+", re.ASCII)
ON_PREMISES = "onPremisesExtensionAttributes/"
FILTERABLE = frozenset(
    {
        "accountEnabled",
        "displayName",
        "givenName",
        "id",
        "mail",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "userType",
    }
)
"""Built-in properties on which `eq` and `in` work by default."""

DEFAULT_OPERATORS = frozenset({"eq", "in"})
ADVANCED_OPERATORS = frozenset({"eq", "in", "ne", "startswith"})

User = Mapping[str, Any]
Literal = str | bool | None


class FilterError(Exception):
    """Graph refuses the filter; `code` is its error code."""

    def __init__(self, message: str, code: str = "Request_UnsupportedQuery") -> None:
        """Take Graph's message and code."""
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Condition:
    """A property compared with literals: one, or several for `in`. `lambda_` marks `p/any(x:x eq …)`."""

    path: str
    operator: str
    values: tuple[Literal, ...]
    lambda_: bool = False

    @property
    def height(self) -> int:
        """Return the depth of the tree, a comparison being 1."""
        return 2 if self.operator == "in" else 1

    def matches(self, user: User) -> bool:
        """Tell whether the user is in the filtered listing."""
        return _OPERATORS[self.operator](_values_at(user, self.path), self.values)


@dataclass(frozen=True)
class Combination:
    """Filters joined by `and` or `or`."""

    operator: str
    children: tuple[Filter, ...]

    @property
    def height(self) -> int:
        """Return the depth of the tree, a comparison being 1."""
        return 1 + max(child.height for child in self.children)

    def matches(self, user: User) -> bool:
        """Tell whether the user is in the filtered listing."""
        join = all if self.operator == "and" else any
        return join(child.matches(user) for child in self.children)


@dataclass(frozen=True)
class Negation:
    """`not (…)`."""

    child: Filter

    @property
    def height(self) -> int:
        """Return the depth of the tree, a comparison being 1."""
        return 1 + self.child.height

    def matches(self, user: User) -> bool:
        """Tell whether the user is in the filtered listing."""
        return not self.child.matches(user)


Filter = Condition | Combination | Negation


def parse_filter(text: str) -> Filter:
    """Parse a filter, or raise `FilterError`."""
    return _Parser(text).parse()


def check_filter(tree: Filter, *, advanced: bool, multi_valued: Mapping[str, bool]) -> None:
    """Raise `FilterError` where Graph would refuse the filter.

    `advanced` says that the request is an advanced query; `multi_valued` tells of every directory
    extension that is declared in the tenant whether it holds a collection.
    """
    if not advanced:
        if tree.height > MAX_HEIGHT:
            message = f"The specified filter has excessive height: {tree.height}. Max allowed: {MAX_HEIGHT}."
            raise FilterError(message)
        _check_children(tree)
    for node in _nodes(tree):
        if isinstance(node, Negation) and not advanced:
            message = "Operator: 'Not' is not supported without an advanced query."
            raise FilterError(message)
        if isinstance(node, Condition):
            _check_condition(node, advanced=advanced, multi_valued=multi_valued)


def _check_children(tree: Filter) -> None:
    for node in _nodes(tree):
        if isinstance(node, Condition) and node.operator == "in":
            count = len(node.values)
        elif isinstance(node, Combination) and node.operator == "or":
            count = sum(len(c.values) if isinstance(c, Condition) else 1 for c in node.children)
        else:
            continue
        if count > MAX_CHILDREN:
            message = (
                "Too many child clauses specified in search filter expression containing 'OR' operators: "
                f"{count}. Max allowed: {MAX_CHILDREN}."
            )
            raise FilterError(message)


def _check_condition(condition: Condition, *, advanced: bool, multi_valued: Mapping[str, bool]) -> None:
    path = condition.path
    on_premises = path.startswith(ON_PREMISES)
    extension = path in multi_valued
    if not (extension or on_premises or path in FILTERABLE):
        message = f"Property '{path}' does not exist as a declared property or extension property."
        raise FilterError(message)
    if path == "accountEnabled" and not all(isinstance(value, bool) for value in condition.values):
        message = "Invalid filter clause: a binary operator with incompatible types was detected."
        raise FilterError(message, "BadRequest")
    by_default = not on_premises and None not in condition.values and not condition.lambda_
    operators = ADVANCED_OPERATORS if advanced else DEFAULT_OPERATORS
    collection = extension and multi_valued[path]
    supported = condition.operator in operators and (by_default or advanced) and collection == condition.lambda_
    if not supported:
        message = f"Unsupported or invalid query filter clause specified for property '{path}' of resource 'User'."
        raise FilterError(message)


def _nodes(tree: Filter) -> Iterator[Filter]:
    yield tree
    if isinstance(tree, Combination):
        for child in tree.children:
            yield from _nodes(child)
    elif isinstance(tree, Negation):
        yield from _nodes(tree.child)


def _values_at(user: User, path: str) -> tuple[object, ...]:
    value: Any = user
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list):
        return tuple(_folded(item) for item in value)
    return (_folded(value),)


def _folded(value: object) -> object:
    """Fold case: the directory compares text without regard to it."""
    return value.casefold() if isinstance(value, str) else value


def _equal(found: tuple[object, ...], values: tuple[Literal, ...]) -> bool:
    wanted = {_folded(value) for value in values}
    return any(item in wanted for item in found)


def _starts(found: tuple[object, ...], values: tuple[Literal, ...]) -> bool:
    prefix = str(_folded(values[0]))
    return any(isinstance(item, str) and item.startswith(prefix) for item in found)


_OPERATORS: Mapping[str, Callable[[tuple[object, ...], tuple[Literal, ...]], bool]] = {
    "eq": _equal,
    "in": _equal,
    "ne": lambda found, values: not _equal(found, values),
    "startswith": _starts,
}

_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<word>[\w.:+-][\w.:+/-]*)|(?P<mark>[(),]))")
_KEYWORDS: Mapping[str, Literal] = {"true": True, "false": False, "null": None}
_COMPARISONS = frozenset({"eq", "ne", "ge", "gt", "le", "lt"})


class _Parser:
    """Recursive descent over `or`, `and`, `not` and conditions, the loosest first."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._split(text))
        self._next = 0

    @staticmethod
    def _split(text: str) -> Iterator[str]:
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _syntax_error(position)
            position = match.end()
            yield match.group().strip()

    def parse(self) -> Filter:
        """Parse the whole text."""
        tree = self._combination("or")
        if self._next != len(self._tokens):
            raise _syntax_error(self._next)
        return tree

    def _combination(self, operator: str) -> Filter:
        children = [self._operand(operator)]
        while self._accept(operator):
            children.append(self._operand(operator))
        return children[0] if len(children) == 1 else Combination(operator, tuple(children))

    def _operand(self, operator: str) -> Filter:
        return self._combination("and") if operator == "or" else self._unary()

    def _unary(self) -> Filter:
        if self._accept("not"):
            return Negation(self._unary())
        if self._accept("("):
            tree = self._combination("or")
            self._expect(")")
            return tree
        return self._condition()

    def _condition(self) -> Condition:
        path = self._take()
        if path == "startswith":
            self._expect("(")
            path = self._take()
            self._expect(",")
            value = self._literal()
            self._expect(")")
            return Condition(path, "startswith", (value,))
        if path.endswith("/any"):
            return self._any(path.removesuffix("/any"))
        operator = self._take()
        if operator == "in":
            return Condition(path, "in", self._literals())
        if operator not in _COMPARISONS:
            raise _syntax_error(self._next)
        return Condition(path, operator, (self._literal(),))

    def _any(self, path: str) -> Condition:
        self._expect("(")
        variable, _, repeated = self._take().partition(":")
        operator = self._take()
        if variable != repeated or operator not in _COMPARISONS:
            raise _syntax_error(self._next)
        value = self._literal()
        self._expect(")")
        return Condition(path, operator, (value,), lambda_=True)

    def _literals(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._take()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        return _KEYWORDS.get(token, token)

    def _take(self) -> str:
        if self._next >= len(self._tokens):
            raise _syntax_error(self._next)
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, token: str) -> bool:
        found = self._next < len(self._tokens) and self._tokens[self._next] == token
        self._next += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise _syntax_error(self._next)


def _syntax_error(position: int) -> FilterError:
    return FilterError(f"Invalid filter clause: Syntax error at position {position}.", "BadRequest")
