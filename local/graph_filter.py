"""The part of OData's `$filter` that Graph knows for users: parsing, Graph's limits, and matching.

Which operator works on which property, by default or only as an advanced query, follows
https://learn.microsoft.com/graph/aad-advanced-queries. What that page does not list is refused.
"""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAX_CHILDREN = 15
MAX_HEIGHT = 3

EXTENSION = re.compile(r"extension_[0-9a-f]{32}_\w+", re.ASCII)
ON_PREMISES = "onPremisesExtensionAttributes/"
_TEXT = frozenset({"eq", "in", "startswith"})
_ORDER = frozenset({"ge", "le"})
BY_DEFAULT: Mapping[str, frozenset[str]] = {
    "accountEnabled": frozenset({"eq", "in"}),
    "createdDateTime": frozenset({"eq", "in"}) | _ORDER,
    "displayName": _TEXT | _ORDER,
    "employeeId": _TEXT | _ORDER,
    "givenName": _TEXT | _ORDER,
    "id": frozenset({"eq", "in"}),
    "identities": frozenset({"identity"}),
    "mail": _TEXT | _ORDER,
    "otherMails": frozenset({"eq", "startswith"}),
    "preferredLanguage": frozenset(),
    "surname": _TEXT | _ORDER,
    "userPrincipalName": _TEXT,  # never ge and le: microsoft-graph-docs#5774
    "userType": frozenset({"eq", "in"}),
}
"""The operators that a built-in property knows without an advanced query."""

ADVANCED: Mapping[str, frozenset[str]] = {
    "accountEnabled": frozenset({"ne"}),
    "createdDateTime": frozenset({"ne"}),
    "displayName": frozenset({"ne"}),
    "employeeId": frozenset({"ne"}),
    "givenName": frozenset({"ne"}),
    "mail": frozenset({"ne", "endswith"}),
    "otherMails": frozenset({"ne", "endswith"}),
    "preferredLanguage": _TEXT | _ORDER | {"ne"},
    "surname": frozenset({"ne"}),
    "userPrincipalName": frozenset({"ne", "endswith"}),
    "userType": frozenset({"ne"}),
}
"""Those that it knows besides, in an advanced query."""

COLLECTIONS = frozenset({"identities", "otherMails"})
EXTENSION_DEFAULT, EXTENSION_ADVANCED = frozenset({"eq", "in"}), frozenset({"ne", "startswith"})

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
        """Return whether the user is in the filtered listing."""
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
        """Return whether the user is in the filtered listing."""
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
        """Return whether the user is in the filtered listing."""
        return not self.child.matches(user)


Filter = Condition | Combination | Negation


def parse_filter(text: str) -> Filter:
    """Parse a filter, or raise `FilterError`."""
    return _Parser(text).parse()


def check_filter(tree: Filter, *, advanced: bool, multi_valued: Mapping[str, bool]) -> None:
    """Raise `FilterError` where Graph would refuse the filter.

    `advanced` says that the request is an advanced query; `multi_valued` says of every directory
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
    on_premises, extension = path.startswith(ON_PREMISES), path in multi_valued
    if not (extension or on_premises or path in BY_DEFAULT):
        message = f"Property '{path}' does not exist as a declared property or extension property."
        raise FilterError(message)
    if path == "accountEnabled" and not all(isinstance(value, bool) for value in condition.values):
        message = "Invalid filter clause: a binary operator with incompatible types was detected."
        raise FilterError(message, "BadRequest")
    if extension or on_premises:
        by_default = frozenset() if on_premises or condition.lambda_ else EXTENSION_DEFAULT
        operators = by_default | (EXTENSION_DEFAULT | EXTENSION_ADVANCED if advanced else frozenset())
        collection = extension and multi_valued[path]
    else:
        operators = BY_DEFAULT[path] | (ADVANCED.get(path, frozenset()) if advanced else frozenset())
        collection = path in COLLECTIONS
    null = None in condition.values and not advanced
    # https://learn.microsoft.com/graph/aad-advanced-queries: identities only without an advanced query
    mixed = path == "identities" and advanced
    if condition.operator not in operators or null or mixed or collection != condition.lambda_:
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


def _ends(found: tuple[object, ...], values: tuple[Literal, ...]) -> bool:
    ending = str(_folded(values[0]))
    return any(isinstance(item, str) and item.endswith(ending) for item in found)


def _ordered(found: tuple[object, ...], values: tuple[Literal, ...], compare: Callable[[Any, Any], bool]) -> bool:
    wanted = _comparable(values[0])
    return any(type(have := _comparable(item)) is type(wanted) and compare(have, wanted) for item in found if item)


def _comparable(value: object) -> datetime | str:
    text = str(_folded(value))
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text.upper())
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return text


def _identity(found: tuple[object, ...], values: tuple[Literal, ...]) -> bool:
    """Whether a sign-in has this id of this issuer.

    The issuer's value counts for federated sign-ins alone; those by principal name cannot be found so.
    https://learn.microsoft.com/graph/api/resources/objectidentity
    """
    name, issuer = (_folded(value) for value in values)
    for each in found:
        if isinstance(each, Mapping) and _folded(each.get("issuerAssignedId")) == name:
            kind = str(each.get("signInType"))
            local = kind.startswith("emailAddress") or kind == "userName"
            if local or (kind != "userPrincipalName" and _folded(each.get("issuer")) == issuer):
                return True
    return False


_OPERATORS: Mapping[str, Callable[[tuple[object, ...], tuple[Literal, ...]], bool]] = {
    "eq": _equal,
    "in": _equal,
    "ne": lambda found, values: not _equal(found, values),
    "startswith": _starts,
    "endswith": _ends,
    "ge": lambda found, values: _ordered(found, values, operator.ge),
    "le": lambda found, values: _ordered(found, values, operator.le),
    "identity": _identity,
}

_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<word>[\w.:+-][\w.:+/-]*)|(?P<mark>[(),]))")
_KEYWORDS: Mapping[str, Literal] = {"true": True, "false": False, "null": None}
_FUNCTIONS = frozenset({"startswith", "endswith"})
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
        if (function := path.casefold()) in _FUNCTIONS:
            path, value = self._call()
            return Condition(path, function, (value,))
        if path.endswith("/any"):
            return self._any(path.removesuffix("/any"))
        operator = self._take()
        if operator == "in":
            return Condition(path, "in", self._literals())
        if operator not in _COMPARISONS:
            raise _syntax_error(self._next)
        return Condition(path, operator, (self._literal(),))

    def _call(self) -> tuple[str, Literal]:
        self._expect("(")
        path = self._take()
        self._expect(",")
        value = self._literal()
        self._expect(")")
        return path, value

    def _any(self, path: str) -> Condition:
        self._expect("(")
        variable, _, repeated = self._take().partition(":")
        if (function := repeated.casefold()) in _FUNCTIONS:
            name, value = self._call()
            if name != variable:
                raise _syntax_error(self._next)
            self._expect(")")
            return Condition(path, function, (value,), lambda_=True)
        if path == "identities":
            return self._identity(variable, repeated)
        operator = self._take()
        if variable != repeated or operator not in _COMPARISONS:
            raise _syntax_error(self._next)
        value = self._literal()
        self._expect(")")
        return Condition(path, operator, (value,), lambda_=True)

    def _identity(self, variable: str, first: str) -> Condition:
        """Read `i/issuerAssignedId eq '…' and i/issuer eq '…'`, in either order; one alone is refused."""
        parts = {first: self._compared()}
        if self._accept("and"):
            name = self._take()
            parts[name] = self._compared()
        self._expect(")")
        names = (f"{variable}/issuerAssignedId", f"{variable}/issuer")
        if parts.keys() != set(names):
            raise FilterError("identities: issuer and issuerAssignedId must be given together.")
        return Condition("identities", "identity", tuple(parts[name] for name in names), lambda_=True)

    def _compared(self) -> Literal:
        self._expect("eq")
        return self._literal()

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
