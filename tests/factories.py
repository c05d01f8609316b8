"""The cast and the values of the tests: plain functions, every fact open to a keyword.

The cast, always the same five customers:

    ALICE    a member with mail and mobile phone; has everything
    BOB      a member without any address, only a mobile phone
    CARLA    a guest (#EXT#), reached through otherMails
    DMITRI   a consumer who signs in with an e-mail address (identities)
    ERIN     a member without any contact
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import due_notices
from due_notices.adapters import graph_users
from due_notices.adapters.graph_users import GraphPage, is_set, to_user
from due_notices.calendars import EveryDay
from due_notices.ladder import CompletedRun, Day, day_of
from due_notices.model import FoundUser, Notice, Obligation, Sent, User, notice_id, obligation_key, user_key
from due_notices.obligations import value_of
from due_notices.planning import Plan, Planner, Rules
from due_notices.policy import Policy
from due_notices.report import Outcome, RunReport
from due_notices.stages import SendWindow, Stages

GraphUser = Mapping[str, object]

TENANT = "7e2a9c10-5b1d-4c5e-9f00-0c0ffee00001"
CLIENT = "c11e4700-0000-4000-8000-00000000c0de"
ATTRIBUTE = "extension_0123456789abcdef0123456789abcdef_paymentsDue"
OPT_OUT = "extension_0123456789abcdef0123456789abcdef_noNotices"

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
CARLA = "ca21a000-0000-4000-8000-000000000003"
DMITRI = "d1712100-0000-4000-8000-000000000004"
ERIN = "e2100000-0000-4000-8000-000000000005"

_CAST: Mapping[str, Mapping[str, object]] = {
    ALICE: {
        "displayName": "Alice Abel",
        "givenName": "Alice",
        "mail": "alice@example.com",
        "mobilePhone": "+1 555 0100",
        "preferredLanguage": "en",
        "userPrincipalName": "alice@contoso.example",
    },
    BOB: {
        "displayName": "Bob Baum",
        "givenName": "Bob",
        "mobilePhone": "+49 555 0101",
        "preferredLanguage": "de",
        "userPrincipalName": "bob@contoso.onmicrosoft.com",
    },
    CARLA: {
        "displayName": "Carla Conti",
        "otherMails": ["carla@example.org"],
        "userPrincipalName": "carla_example.org#EXT#@contoso.onmicrosoft.com",
    },
    DMITRI: {
        "displayName": "Дмитрий Дуров",
        "identities": [
            {"signInType": "userPrincipalName", "issuerAssignedId": f"{DMITRI}@contoso.onmicrosoft.com"},
            {"signInType": "emailAddress", "issuerAssignedId": "dmitri@example.net"},
        ],
        "userPrincipalName": f"{DMITRI}@contoso.onmicrosoft.com",
    },
    ERIN: {"displayName": "Erin Eder", "userPrincipalName": "erin@contoso.onmicrosoft.com"},
}


@dataclass(frozen=True)
class ClosedOn:
    """A business calendar that closes these days, and no weekend."""

    days: Collection[date]

    def why_closed(self, day: date) -> str | None:
        return "strike" if day in self.days else None


def run_report(day: date | str, outcome: str = "completed", **figures: Any) -> RunReport:
    """Return the report of a day's run, with the figures given."""
    return RunReport("run", on(day) if isinstance(day, str) else day, Outcome(outcome), **figures)


def graph_user(*values: object, who: str = ALICE, **overrides: object) -> dict[str, object]:
    """Return one of the cast as Graph lists them; several values make the due-date attribute multi-valued."""
    user: dict[str, object] = {"id": who, "accountEnabled": True, **_CAST.get(who, {})}
    if values:
        user[ATTRIBUTE] = values[0] if len(values) == 1 else list(values)
    return user | overrides


def notice_schema() -> str:
    """Return the JSON Schema that every message fulfils."""
    return (Path(due_notices.__file__).parent / "notice.schema.json").read_text("utf-8")


def page_of(users: Sequence[GraphUser], attribute: tuple[str, ...] = (ATTRIBUTE,)) -> GraphPage:
    """Return users, as Graph has them, as a page of the port."""
    return graph_users.page_of(users, attribute, OPT_OUT)


def found_user(user: GraphUser, attribute: tuple[str, ...] = (ATTRIBUTE,)) -> FoundUser:
    """Return a user, as Graph has them, as the port's answer to a question for them alone."""
    known = to_user(user, str(user["id"]), opted_out=is_set(user, OPT_OUT))
    return FoundUser(known, value_of(user, attribute))


def obligation_json(due: str = "2026-12-01", **fields: object) -> str:
    """Return an attribute value in its JSON form: `ref`, `amount`, `currency`, `status`, `pausedUntil`."""
    return json.dumps({"due": due, **fields}, separators=(",", ":"), ensure_ascii=False)


def on(text: str) -> date:
    """Return the date that `text` writes."""
    return date.fromisoformat(text)


def at(text: str, zone: str = "UTC") -> datetime:
    """Return the moment at which the clocks of `zone` show `text`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def stages(*days: int, **overrides: Any) -> Stages:
    """Return stages; without any days those of the default settings."""
    fields: dict[str, Any] = {"days": days or (-7, -3, -1, 0), "catch_up_days": 3, "calendar": EveryDay()}
    return Stages(**fields | overrides)


_OF_STAGES = ("catch_up_days", "calendar", "look_back_days", "retention_days")


def rules(*days: int, **overrides: Any) -> Rules:
    """Return rules; what `stages` and what `Rules` take may both be given."""
    of_stages = {name: overrides.pop(name) for name in _OF_STAGES if name in overrides}
    fields: dict[str, Any] = {
        "stages": stages(*days, **of_stages),
        "time_zone": ZoneInfo("UTC"),
        "attribute": (ATTRIBUTE,),
    }
    return Rules(**fields | overrides)


def policy(*days: int, **overrides: Any) -> Policy:
    """Return a policy; what `rules` takes may be given too."""
    of_policy = {name: overrides.pop(name) for name in Policy.__slots__ if name in overrides}
    fields: dict[str, Any] = {
        "rules": of_policy.get("rules") or rules(*days, **overrides),
        "window": SendWindow(time(8), time(18)),
        "limit": 10_000,
        "lapse": timedelta(minutes=10),
        "source": f"/tenants/{TENANT}/due-notices",
    }
    return Policy(**fields | of_policy)


def day(today: str, after: str | None = None, by: Rules | None = None) -> Day:
    """Return the business date `today`; the last completed run was that of the day before unless `after` says."""
    last = on(today) - timedelta(days=1) if after is None else on(after)
    by = by or rules()
    return day_of(on(today), by.stages, [CompletedRun(last, by.digest)], by.digest)


def first_day(today: str, by: Rules | None = None) -> Day:
    """Return a business date before which no run was ever completed."""
    return day_of(on(today), (by or rules()).stages)


SentRow = tuple[str, Obligation, Mapping[int, str]]


def ledger_of(*rows: SentRow) -> dict[date, dict[str, dict[str, Sent]]]:
    """Return what a ledger answers, by due date: user id, obligation, and each stage with the day it was sent."""
    found: dict[date, dict[str, dict[str, Sent]]] = {}
    for who, owed, stages in rows:
        of_user = found.setdefault(owed.due, {}).setdefault(user_key(who), {})
        sent = {stage: on(day) for stage, day in stages.items()}
        of_user[obligation_key(owed)] = Sent(sent, bool(owed.reference))
    return found


def plan(
    *users: Mapping[str, object],
    today: str | Day,
    by: Rules | None = None,
    sent: Sequence[SentRow] = (),
    **overrides: Any,
) -> Plan:
    """Return the plan over these users, all on one page, given what was sent before."""
    by = by or rules()
    planner = Planner(by, (day(today, by=by) if isinstance(today, str) else today,), **overrides)
    planner.add_page(page_of(users, by.attribute))
    ledger = ledger_of(*sent)
    for due, keys in planner.asks().items():
        planner.decide(due, {key: of_user for key, of_user in ledger.get(due, {}).items() if key in keys})
    return planner.plan()


def user(**overrides: Any) -> User:
    """Return Alice as the core knows her."""
    fields: dict[str, Any] = {
        "id": ALICE,
        "display_name": "Alice Abel",
        "given_name": "Alice",
        "email": "alice@example.com",
        "mobile_phone": "+1 555 0100",
        "preferred_language": "en",
    }
    return User(**fields | overrides)


def notice(**overrides: Any) -> Notice:
    """Return Alice's notice seven days before INV-1001 is due; facts of user and obligation may be given too."""
    of_user = {name: overrides.pop(name) for name in User.__slots__ if name in overrides and name != "id"}
    of_obligation = {name: overrides.pop(name) for name in Obligation.__slots__ if name in overrides}
    whose = overrides.pop("user", None) or user(**of_user)
    owed: dict[str, Any] = {"due": on("2026-12-01"), "reference": "INV-1001", "amount": "120.50", "currency": "EUR"}
    what = overrides.pop("obligation", None) or Obligation(**owed | of_obligation)
    stage = overrides.pop("stage", -7)
    fields: dict[str, Any] = {
        "id": notice_id(whose.id, what, stage),
        "user": whose,
        "obligation": what,
        "stage": stage,
        "stage_date": on("2026-11-24"),
        "business_date": on("2026-11-24"),
        "expires": datetime(2026, 11, 28, tzinfo=UTC),
    }
    found = Notice(**fields | overrides)
    return found if "late" in overrides else found._replace(late=found.business_date > found.stage_date)


def environ(**overrides: str | None) -> dict[str, str]:
    """Return the smallest environment whose settings are right; None takes a setting away."""
    given: dict[str, str | None] = {
        "GRAPH_TENANT_ID": TENANT,
        "GRAPH_CLIENT_ID": CLIENT,
        "KEY_VAULT_URL": "https://notices.vault.azure.net",
        "DUE_DATE_ATTRIBUTE": ATTRIBUTE,
        "NOTICE_STORAGE": "DefaultEndpointsProtocol=https;AccountName=notices;AccountKey=c2VjcmV0;"
        "EndpointSuffix=core.windows.net",
        **overrides,
    }
    return {name: value for name, value in given.items() if value is not None}
