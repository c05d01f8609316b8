"""Looks at each link of the chain, one by one, as a run would use it, and says what is wrong with which.

Pure but for the probes, which `due_notices.bootstrap` makes of the adapters.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from due_notices import time_zones
from due_notices.commands.calendar_notes import calendar_notes
from due_notices.commands.counted import counted
from due_notices.commands.days_without_tick import DAYS_LOOKED_AT, days_without_tick
from due_notices.commands.doctor.values import judge_values
from due_notices.credentials import AppCredential, CredentialKind, claims_of
from due_notices.errors import DueNoticesError
from due_notices.policy import SKEW_NOTICED, Policy, is_refused, skew_sentence
from due_notices.refusals import GRAPH, refusal_of
from due_notices.schedules import EXAMPLE
from due_notices.secret import Secret
from due_notices.time_zones import Difference

NEEDED = "User.Read.All"
_MORE_THAN_NEEDED = frozenset({"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
_log = logging.getLogger(__name__)


class State(StrEnum):
    """How a link is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found at one link: a sentence that, unless all is well, ends with the remedy."""

    link: str
    level: State
    text: str


Look = Callable[[], tuple[State, str]]
"""Looks at a link; whatever it raises, the link has failed."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link, and those that it depends on."""

    name: str
    look: Look
    hangs_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """What the links are about."""

    policy: Policy
    credential: CredentialKind
    client_id: str
    storage_by_identity: bool
    opt_out: str = ""


@dataclass(frozen=True, slots=True)
class Probes:
    """How to touch the outside world; each raises DueNoticesError.

    `identity` and `graph_token` return tokens; `attribute` and `opt_out` whether the directory knows them; `users`
    how many there are, None where that is not known; `values` what the attribute holds at each of the first users;
    `queue` whether messages may be counted; `service_time` what a service's clock shows; `system_zone` where the
    machine's own copy of the business time zone differs from the program's.
    """

    now: Callable[[], datetime]
    identity: Callable[[], str]
    credential: Callable[[], AppCredential]
    graph_token: Callable[[], str]
    attribute: Callable[[], bool]
    opt_out: Callable[[], bool]
    users: Callable[[], int | None]
    values: Callable[[], Sequence[object]]
    queue: Callable[[], bool]
    table: Callable[[], None]
    service_time: Callable[[], datetime]
    system_zone: Callable[[], Difference | None]


def examine(links: Sequence[Link]) -> Iterator[Diagnosis]:
    """Yield a finding for each link in order; what depends on a failed link is not tried."""
    broken: dict[str, str] = {}
    for link in links:
        cause = next((broken[name] for name in link.hangs_on if name in broken), None)
        if cause is not None:
            broken[link.name] = cause
            yield Diagnosis(link.name, State.NOT_TRIED, f"depends on: {cause}")
            continue
        try:
            level, text = link.look()
        except DueNoticesError as error:
            level, text = State.FAILED, str(error)
        except Exception as error:  # noqa: BLE001 (the other links count all the same)
            level, text = unexpected(error)
        if level is State.FAILED:
            broken[link.name] = link.name
        yield Diagnosis(link.name, level, text)


def unexpected(error: Exception) -> tuple[State, str]:
    """Judge an error that is a defect of the program, not of the link."""
    _log.info("unexpected error", exc_info=error)  # `--debug` shows it
    return State.FAILED, (
        f"unexpected error ({type(error).__name__}): call doctor again with --debug, and report what it shows"
    )


def exit_code(findings: Sequence[Diagnosis]) -> int:
    """Return 0 if all is well, 1 if there are warnings, 2 if a link is broken."""
    levels = {finding.level for finding in findings}
    return 2 if State.FAILED in levels else int(State.WARNING in levels)


def links(chain: Chain, probes: Probes) -> list[Link]:
    """Return the links, each after those on which it depends."""
    login = ["managed identity"]
    found = [Link("managed identity", lambda: _identity(probes))]
    if chain.credential is not CredentialKind.FEDERATED:
        found.append(Link("vault", lambda: _vault(probes), ("managed identity",)))
        login.append("vault")
    storage = ("managed identity",) if chain.storage_by_identity else ()
    return [
        *found,
        Link("entra", lambda: roles(probes.graph_token(), chain.client_id), tuple(login)),
        Link("graph", lambda: _graph(chain, probes), ("entra",)),
        Link("values", lambda: _values(chain, probes), ("graph",)),
        Link("queue", lambda: _queue(probes), storage),
        Link("table", lambda: _table(probes), storage),
        Link("clock", lambda: skew(probes.now() - probes.service_time())),
        Link("time zone", lambda: time_zone(chain.policy, probes.system_zone(), probes.now())),
        Link("calendar", lambda: calendar(chain.policy, probes.now())),
        Link("schedule", lambda: schedule(chain.policy, probes.now())),
        Link("coming days", lambda: _coming_days(chain, probes)),
    ]


def _identity(probes: Probes) -> tuple[State, str]:
    claims = claims_of(probes.identity())
    return State.OK, f"a token for {claims.get('aud')}, as object {claims.get('oid')}"


def _vault(probes: Probes) -> tuple[State, str]:
    credential = probes.credential()
    if isinstance(credential.proof, Secret) and credential.proof.oddity:
        return State.WARNING, f"the client secret in the vault looks wrong: {credential.proof.oddity}"
    life = credential.life
    if life is None:
        return State.OK, "read"
    now = probes.now()
    end = life.end(now)
    warning = life.warning(now)
    if warning is not None:
        return State.WARNING, warning.sentence
    return State.OK, f"read the {end.name}, which is good for {end.days_left} more days"


def roles(token: str, client_id: str) -> tuple[State, str]:
    """Judge the application permissions in a Graph token. The signature is Graph's business, not ours."""
    given = {role for role in claims_of(token).get("roles", ()) if isinstance(role, str)}
    shown = ", ".join(sorted(given - {NEEDED}))
    if NEEDED in given:
        if not shown:
            return State.OK, f"a token with {NEEDED} and nothing more"
        return State.WARNING, f"the app may do more than it needs ({shown}): take these permissions away in Entra"
    if given & _MORE_THAN_NEEDED:
        return State.WARNING, f"the app reads users by a right that is too large ({shown}): give it {NEEDED} instead"
    refusal = refusal_of(GRAPH, "403 Authorization_RequestDenied")
    return State.FAILED, refusal.sentence("the token holds no right to read users", GRAPH_CLIENT_ID=client_id)


def _graph(chain: Chain, probes: Probes) -> tuple[State, str]:
    attribute = "/".join(chain.policy.rules.attribute)
    if not probes.attribute():
        return State.FAILED, (
            f"the directory has no property {attribute}: correct DUE_DATE_ATTRIBUTE, or declare it on the app "
            "registration with `python infra/scripts/post_provision.py`"
        )
    if not probes.opt_out():
        return State.FAILED, (
            f"the directory has no boolean property {chain.opt_out}, so no customer's opt-out would be seen: "
            "correct OPT_OUT_ATTRIBUTE, or declare it on the app registration (data type Boolean, target User)"
        )
    users = probes.users()
    if users == 0:
        return State.WARNING, "USER_FILTER leaves no user at all: correct it, or find out where the users went"
    count = "users can be read; this tenant does not count them" if users is None else counted(users, "user")
    return State.OK, f"{count}; the directory knows {attribute}"


def _values(chain: Chain, probes: Probes) -> tuple[State, str]:
    well, text = judge_values(probes.values(), chain.policy.rules, chain.policy.business_date(probes.now()))
    return (State.OK if well else State.WARNING), text


def _queue(probes: Probes) -> tuple[State, str]:
    if probes.queue():
        return State.OK, "messages may be put and counted"
    return State.WARNING, (
        "messages may be put, but not counted, so that reports cannot say how many wait: assign Storage Queue Data "
        "Reader on the queue and its poison queue"
    )


def _table(probes: Probes) -> tuple[State, str]:
    probes.table()
    return State.OK, "rows may be written, and the ledger is no other deployment's"


def skew(ahead: timedelta) -> tuple[State, str]:
    """Judge how far this machine's clock is ahead of a service's (negative: behind)."""
    seconds = round(ahead.total_seconds())
    if abs(ahead) < SKEW_NOTICED:
        return State.OK, f"within {max(abs(seconds), 1)} s of Entra's"
    return (State.FAILED if is_refused(ahead) else State.WARNING), skew_sentence(ahead, "Entra's")


def time_zone(policy: Policy, difference: Difference | None, now: datetime) -> tuple[State, str]:
    """Say by whose rules days begin, where this machine's own copy differs from them, and whether they are old."""
    text = f"{policy.rules.time_zone} by the package tzdata {time_zones.package_version()}"
    if difference is not None:
        text += (
            f"; this machine's own rules are others, and show {difference.system:%H:%M} on "
            f"{difference.system:%a %Y-%m-%d} where the package shows {difference.pinned:%H:%M}: the program goes by "
            "the package, other programs here do not"
        )
    return rules_age(text, time_zones.made_after(), policy.business_date(now))


def rules_age(text: str, made: date | None, today: date) -> tuple[State, str]:
    """Judge the age of the time zones' rules, which were made on the day `made` or within half a year after it."""
    if made is None or today <= made + timedelta(days=365):
        return State.OK, text
    return State.WARNING, f"{text}; its rules are about a year old or more: update tzdata, and deploy again"


def calendar(policy: Policy, now: datetime) -> tuple[State, str]:
    """Show what a person must see of the business calendar, and warn where it is very likely wrong."""
    notes = calendar_notes(policy.rules.stages.calendar, policy.business_date(now))
    if not notes:
        return State.OK, "none: every day is a business day"
    level = State.WARNING if any(note.warning for note in notes) else State.OK
    return level, "\n".join(note.text for note in notes)


def _coming_days(chain: Chain, probes: Probes) -> tuple[State, str]:
    today = chain.policy.business_date(probes.now())
    without = days_without_tick(chain.policy, today)
    if without is not None:
        return State.WARNING, without.sentence
    return State.OK, f"the timer ticks inside SEND_WINDOW on each open day of the next {DAYS_LOOKED_AT}"


def schedule(policy: Policy, now: datetime) -> tuple[State, str]:
    """Say when the next run may send, and warn where a failed run cannot be repaired on its day."""
    time_zone = policy.rules.time_zone
    days = [policy.business_date(now) + timedelta(days=offset) for offset in range(DAYS_LOOKED_AT)]
    ticks = (tick for day in days for tick in policy.ticks(day))
    first = next((tick.astimezone(time_zone) for tick in ticks if tick > now), None)
    if first is None:
        ncrontab = policy.schedule
        return State.FAILED, f"no tick of {ncrontab} falls into the send window: set NOTICE_SCHEDULE to {EXAMPLE}"
    text = f"the next tick that may send is {first:%a %Y-%m-%d %H:%M} ({time_zone})"
    # The first day may be half over; the next one is whole.
    rest = (policy.ticks(day) for day in days if day > first.date())
    that_day = next((found for ticks in rest if (found := list(itertools.islice(ticks, 2)))), [])
    if len(that_day) == 1:
        return State.WARNING, f"{text}, the only one on its day, so that a failed run waits a day: let it tick hourly"
    return State.OK, text
