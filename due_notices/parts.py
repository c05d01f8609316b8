"""Reading the directory in parts: which beginnings of names, and what proves that no user is left out. Pure.

A part is all users whose principal name begins with a prefix, letters in either case. Together the prefixes cover
every name that begins with a legal character. Other names are found out by the proof: it compares the number of users
in all parts with another number, and where they differ the run reads one page after another. A chain is a thread that
reads one part after another.
https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname
"""

from __future__ import annotations

import heapq
import math
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from due_notices.report import RunReport

FIRST_CHARACTERS = f"{string.ascii_lowercase}{string.digits}'.-_!#^~"
"""What a principal name may begin with; one character for both cases of a letter."""
NEXT_CHARACTERS = f"{FIRST_CHARACTERS}@"
"""What may follow, up to the end of the part before the host."""

FROM_USERS = 50_000  # `auto` reads in parts from so many on
CHAINS = 16  # that `auto` has at work at a time

UNEVEN = 1.25  # by which a part may be longer than a chain's even share; splitting costs a request for each character
LEAST_SPLIT = 20_000  # users, twenty pages: a shorter part is never split
LONGEST_PREFIX = 12  # characters
MOST_COUNTS = 1_000  # in a record
"""With 12 characters and at most 10 digits each they stay below 28,000 of a table property's 32,768 characters."""

SERIAL_EVERY = timedelta(days=7)  # where the tenant does not count its users, or counts a few more than are in parts
PROOF_PERCENT = 1  # by which the sum of the parts may differ from what the tenant counts


def prefixes_of(counts: Mapping[str, int], chains: int) -> tuple[str, ...]:
    """Return the prefixes to read by, the heaviest first: each name with a legal beginning begins with exactly one.

    `counts` are the users by prefix that the last run in parts found; empty before there was one. A prefix that held
    more than its share of `chains` is split by the next character, so that from run to run the parts become even,
    however long a beginning all names have in common; what has become light is one part again.
    """
    counts = legal_counts(counts)
    weights = _weights(counts)
    most = max(UNEVEN * sum(counts.values()) / chains, LEAST_SPLIT)

    def cover(prefix: str, characters: str) -> Iterator[tuple[float, str]]:
        unknown = counts.get(prefix, 0) / len(characters)  # a new part's share of the one that it comes from
        for longer in (prefix + character for character in characters):
            if weights[longer] > most and longer[-1] != "@" and len(longer) < LONGEST_PREFIX:
                yield from cover(longer, NEXT_CHARACTERS)
            else:
                yield weights.get(longer, unknown), longer

    return tuple(prefix for _, prefix in sorted(cover("", FIRST_CHARACTERS), key=lambda found: (-found[0], found[1])))


def shards_of(prefixes: Sequence[str], counts: Mapping[str, int], number: int) -> list[tuple[str, ...]]:
    """Return prefixes in `number` shards of about as many users each: none of them empty, each in order.

    A prefix that was never counted weighs its share of the one that it comes from.
    """
    counts = legal_counts(counts)
    weights = _weights(counts)
    parents = {prefix: prefix[:-1] for prefix in prefixes if prefix not in weights and prefix[:-1] in counts}
    siblings = Counter(parents.values())

    def weight(prefix: str) -> float:
        parent = parents.get(prefix)
        return weights[prefix] if parent is None else counts[parent] / siblings[parent]

    shards: list[tuple[float, int, list[str]]] = [(0.0, index, []) for index in range(number)]
    for prefix in sorted(prefixes, key=lambda each: (-weight(each), each)):
        users, index, members = heapq.heappop(shards)
        heapq.heappush(shards, (users + weight(prefix) + 1, index, [*members, prefix]))
    return [tuple(sorted(members)) for _, _, members in sorted(shards, key=lambda shard: shard[1]) if members]


def _weights(counts: Mapping[str, int]) -> Counter[str]:
    """Return the users below each prefix of a counted one."""
    weights: Counter[str] = Counter()
    for prefix, users in counts.items():
        for length in range(1, len(prefix) + 1):
            weights[prefix[:length]] += users
    return weights


def legal_counts(found: Mapping[str, int]) -> dict[str, int]:
    """Return what a record of counts may hold, in order."""
    return {
        prefix: users
        for prefix, users in sorted(found.items())
        if 0 < len(prefix) <= LONGEST_PREFIX
        and prefix[0] in FIRST_CHARACTERS
        and set(prefix) <= set(NEXT_CHARACTERS)
        and users > 0
    }


def rolled_up(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts for a record, at most MOST_COUNTS of them: the lightest join the prefix above."""
    found = Counter(legal_counts(counts))
    while (too_many := len(found) - MOST_COUNTS) > 0:
        lightest = sorted((users, prefix) for prefix, users in found.items() if len(prefix) > 1)
        for _, prefix in lightest[:too_many]:
            found[prefix[:-1]] += found.pop(prefix)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Parts:
    """How to read in parts: by how many chains, and what proves on a business date that no user is left out.

    `proved` is the last run whose number of users is beyond doubt: it read one page after another, or the tenant
    counted as many. From its number the sum may differ by `fall_limit` percent. `counts` are the last run's in parts,
    `all_read` is the day of the last run that has certainly left no user out.
    """

    chains: int
    today: date
    fall_limit: int
    proved: RunReport | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    all_read: date | None = None

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes to read by, in their order."""
        return prefixes_of(self.counts, self.chains)

    def why_serial(self, counted: int | None) -> str | None:
        """Return why nothing would prove the parts today, or None; `counted` is what the tenant counts, if it does."""
        if counted is not None:
            return None
        if self.proved is None:
            return "the tenant does not count its users, and no run before has read them one page after another"
        if self.today - self.proved.business_date >= SERIAL_EVERY:
            proved = self.proved.business_date
            return f"the tenant does not count its users, and their number was last proved on {proved}"
        return None

    def why_unproved(self, read: int, counted: int | None) -> str | None:
        """Return why the sum of the parts cannot be all users, with the numbers, or None."""
        if counted is not None:
            differs = 100 * abs(read - counted) > PROOF_PERCENT * counted
            return f"in parts {read:,} users were read, and Graph counts {counted:,}" if differs else None
        if self.proved is None:
            return f"in parts {read:,} users were read, and there is no number to compare with"
        then = self.proved.users_read
        differs = 100 * abs(read - then) > self.fall_limit * then
        on = self.proved.business_date
        return f"in parts {read:,} users were read, and {then:,} in the run of {on}" if differs else None

    def why_short(self, read: int, counted: int | None) -> str | None:
        """Return why a few users may be in no part day after day, with the numbers, or None."""
        recently = self.all_read is not None and self.today - self.all_read < SERIAL_EVERY
        if counted is None or read >= counted or recently:
            return None
        since = "no run before" if self.all_read is None else f"no run since {self.all_read}"
        return f"in parts {read:,} users were read, Graph counts {counted:,}, and {since} has read as many as it counts"


def chains_wanted(setting: int | None, runs: Sequence[RunReport]) -> int:
    """Return how many chains to read by, 0 for one page after another.

    `setting` is READ_PARTS (None: `auto`), `runs` are those with the same filter where there are any, in their order.
    """
    if setting is not None:
        return setting
    last = next((run for run in reversed(runs) if run.completed), None)
    return CHAINS if last is not None and last.users_read >= FROM_USERS else 0


def last_proved(runs: Sequence[RunReport]) -> RunReport | None:
    """Return the last completed run whose number of users is beyond doubt, or None; `runs` are in their order."""
    proved = (run for run in reversed(runs) if run.completed and (not run.parts or run.users_counted is not None))
    return next(proved, None)


def last_of_all(runs: Sequence[RunReport]) -> date | None:
    """Return the day of the last completed run that read no fewer users than there are, or None."""
    serial_or_all = (
        run.business_date
        for run in reversed(runs)
        if run.completed and (not run.parts or run.users_read >= (run.users_counted or math.inf))
    )
    return next(serial_or_all, None)


def last_in_parts(runs: Sequence[RunReport]) -> RunReport | None:
    """Return the last completed run that read in parts, or None."""
    return next((run for run in reversed(runs) if run.completed and run.parts), None)
