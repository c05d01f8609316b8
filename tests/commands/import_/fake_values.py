"""The values of users in memory: the fake of the port that an import writes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from due_notices.commands.import_.changes import Value
from due_notices.commands.import_.writing import GONE, Answer


@dataclass
class FakeUserValues:
    """Users by id. `refuse` answers a user's next writes instead of writing; `lose` writes and loses the answer."""

    values: dict[str, Value]
    refuse: dict[str, list[Answer]] = field(default_factory=dict)
    lose: set[str] = field(default_factory=set)
    before_write: Callable[[Sequence[str]], None] = lambda _: None

    def __post_init__(self) -> None:
        self.written: Counter[str] = Counter()
        self.batches: list[int] = []

    def current(self, identifiers: Sequence[str]) -> Mapping[str, Answer]:
        return {
            each: Answer("ok", self.values[each]) if each in self.values else Answer("failed", why=GONE)
            for each in identifiers
        }

    def write(self, values: Mapping[str, Value]) -> Mapping[str, Answer]:
        self.before_write(list(values))
        self.batches.append(len(values))
        return {identifier: self._write(identifier, value) for identifier, value in values.items()}

    def _write(self, identifier: str, value: Value) -> Answer:
        if self.refuse.get(identifier):
            return self.refuse[identifier].pop(0)
        if identifier not in self.values:
            return Answer("failed", why=GONE)
        self.values[identifier] = value
        self.written[identifier] += 1
        if identifier in self.lose:
            self.lose.remove(identifier)
            return Answer("again", why="the answer was lost")
        return Answer("ok")
