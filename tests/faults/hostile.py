"""Hostile and strange data: what it is made of, and what must hold whatever it is.

`corpus.json` keeps what is known to be nasty; `Strange` makes more of it at random; the checks are shared by the
tests, which run some thousands, and by the fuzzer of the long form, which runs hundreds of thousands.
"""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from due_notices.adapters.graph import GraphDirectory
from due_notices.calendars import EveryDay
from due_notices.errors import DueNoticesError
from due_notices.message import MAX_BYTES, to_message
from due_notices.model import Notice, notice_id
from due_notices.obligations import Malformed, parse_obligation
from due_notices.planning import Plan, Rules
from due_notices.reading import skipped_sentences
from due_notices.report import Outcome, RunReport
from due_notices.stages import Stages
from tests.factories import GraphUser
from tests.factories import plan as plan_of
from tests.fakes import START, MovableClock

TODAY = START.date()
ENDPOINT = "https://graph.microsoft.com"
SECRET = "Z_marker"
"""Part of every hostile text: it must never be seen in a log, in an error or in the ledger."""

RULES = Rules(Stages((-7, -3, -1, 0, 5), 3, EveryDay()), ZoneInfo("Europe/Berlin"), ("due",))
PARTITION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ROW = re.compile(r"[0-9a-f]{32}_-?[0-9]{1,3}")
NOTICE_ID = re.compile(r"[0-9a-f]{32}")
USER_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

_CORPUS: dict[str, list[Any]] = json.loads(Path(__file__).with_name("corpus.json").read_text("utf-8"))


def _spelt_out(value: Any) -> Any:
    """Return a value of the corpus, in which what is long is written as {"$times": [text, number]}."""
    if isinstance(value, dict):
        if "$times" in value:
            text, times = value["$times"]
            return text * times
        if "$nested" in value:
            nested: Any = value["$nested"][0]
            for _ in range(value["$nested"][1]):
                nested = [nested]
            return nested
        return {name: _spelt_out(item) for name, item in value.items()}
    return [_spelt_out(item) for item in value] if isinstance(value, list) else value


VALUES: list[Any] = [_spelt_out(value) for value in _CORPUS["values"]]
USERS: list[Any] = [_spelt_out(user) for user in _CORPUS["users"]]
PAGES: list[bytes] = [_spelt_out(page).encode("utf-8", "surrogatepass") for page in _CORPUS["pages"]]


# What must hold.


def check_value(value: object) -> None:
    """Either an obligation whose parts can stand in keys and messages, or Malformed with a clean sentence."""
    try:
        obligation = parse_obligation(value, RULES.time_zone, TODAY)
    except Malformed as problem:
        _clean(str(problem))
        return
    assert isinstance(obligation.due, date)
    assert "\x1f" not in obligation.reference
    obligation.reference.encode()
    assert NOTICE_ID.fullmatch(notice_id("somebody", obligation, -7))


def check_users(users: Sequence[GraphUser]) -> Plan:
    """Every user is planned for or skipped with a reason; nothing of them gets where it must not."""
    plan = plan_of(*users, today=str(TODAY), by=RULES)
    values = [_values(user) for user in users]
    assert plan.users_read == len(users)
    assert plan.obligations == sum(map(len, values))
    figures = (plan.not_yet, plan.over, plan.already_sent, plan.missed, plan.expired, len(plan.notices))
    assert sum(figures) + sum(plan.skipped.values()) == plan.obligations
    assert len(plan.skips) == sum(plan.skipped.values())
    assert len({notice.id for notice in plan.notices}) == len(plan.notices)
    for notice in plan.notices:
        _check_notice(notice)
    for sentence in skipped_sentences(plan):
        _clean(sentence)
    report = RunReport(
        "run",
        TODAY,
        Outcome.FAILED,
        skipped={str(reason): count for reason, count in plan.skipped.items()},
        error=f"{SECRET[0]}\n\x1b[31m\u2028",
    )
    assert report.log_line().isprintable()
    return plan


def _check_notice(notice: Notice) -> None:
    assert PARTITION.fullmatch(notice.partition)
    assert ROW.fullmatch(notice.row)
    assert NOTICE_ID.fullmatch(notice.id)
    assert USER_ID.fullmatch(notice.user.id)
    try:
        message = to_message(notice, source="/tenants/t/due-notices", time=START, time_zone="UTC")
    except DueNoticesError as error:  # skipped as too large by the reading
        _clean(str(error))
        return
    assert len(message.text.encode()) <= MAX_BYTES
    event = json.loads(message.text)
    assert event["id"] == notice.id
    assert event["data"]["customer"]["id"] == notice.user.id
    assert notice.user.email is None or not re.search(r"[\s,;<>]", notice.user.email)


def _values(user: GraphUser) -> list[object]:
    value = user.get("due")
    values = value if isinstance(value, list) else [value]
    return [item for item in values if item is not None and not (isinstance(item, str) and not item.strip())]


def _clean(text: str) -> None:
    """A sentence for a log: on one line, and with nothing in it that the directory has."""
    assert text.isprintable(), repr(text)
    assert SECRET not in text


class _Answers(HTTPAdapter):
    """Stands for the connection to Graph: the page first, then an empty one; every address is checked."""

    def __init__(self, page: bytes, status: int) -> None:
        super().__init__()
        self._answers = [(status, page)] * 6

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        assert (request.url or "").startswith(f"{ENDPOINT}/"), "the token left for another host"
        response = requests.Response()
        response.status_code, body = self._answers.pop() if self._answers else (200, b'{"value":[]}')
        response.headers["request-id"] = "one"
        response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        return response


class _Token:
    credential_end = None
    credential_warning = None
    clock_ahead = None

    def __call__(self, *, fresh: bool = False) -> str:
        del fresh
        return "token"


def check_page(page: bytes, status: int = 200) -> list[GraphUser]:
    """The users of a page, or an error of this program with a clean sentence; the token stays home."""
    directory = GraphDirectory(
        endpoint=ENDPOINT, token=_Token(), attribute=("due",), user_filter="", clock=MovableClock()
    )
    directory._graph._session.mount("https://", _Answers(page, status))
    try:
        return [row for page in directory.pages() for row in page.rows]
    except DueNoticesError as error:
        _clean(str(error))
        return []


# More of it.

_TEXTS = (
    "", " ", "\x00", "\n", "\r\n", "\x1b[31m", "\x1f", "\x7f", "\x85", "\u2028", "\u202e", "\u200f", "\ufeff",
    "\ud800", "\udfff", "\U0010ffff", "e\u0301" * 9, "\uff11", "\u0663", "'", "''", '"', "\\", "/", "#", "?", "%00",
    "' or '1' eq '1", "<script>", "${jndi:x}", "=1+1", SECRET, f"\n{SECRET} ERROR run completed", "x" * 70_000,
)  # fmt: skip
_NUMBERS = (0, -1, 1, 1.5, -0.0, 1e400, 10**30, float("nan"), True, False)
_DAYS = ("0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "-2026-01-01", "2026-1-1", "20261124")
_NAMES = ("id", "due", "mail", "otherMails", "identities", "mobilePhone", "displayName", "givenName", "accountEnabled",
          "userPrincipalName", "preferredLanguage")  # fmt: skip
_FIELDS = ("due", "ref", "amount", "currency", "status", "pausedUntil", "paid", SECRET)


class Strange:
    """Makes strange values, users and pages from one source of randomness."""

    def __init__(self, rng: random.Random) -> None:
        """Take the randomness."""
        self._rng = rng

    def text(self) -> str:
        """Return a text, most often short."""
        pick = self._rng.random()
        if pick < 0.5:
            return self._spoilt(self._date())
        return "".join(self._rng.choice(_TEXTS) for _ in range(self._rng.randint(0, 3)))

    def value(self) -> object:
        """Return what might be found as a value of the due-date attribute."""
        makers: tuple[Callable[[], object], ...] = (
            self._date, self._date, self._instant, self._json, self._json, self._json, self.text,
            lambda: self._rng.choice(VALUES), lambda: self._rng.choice(_NUMBERS), self._anything,
        )  # fmt: skip
        return self._rng.choice(makers)()

    def user(self) -> dict[str, object]:
        """Return a user, some of whose properties are not what they should be."""
        user: dict[str, object] = {
            "id": f"user-{self._rng.randint(0, 99)}",
            "mail": f"{SECRET}.{self._rng.randint(0, 9)}@example.com",
            "displayName": SECRET,
            "due": self.value() if self._rng.random() < 0.7 else [self.value() for _ in range(self._rng.randint(0, 4))],
        }
        for _ in range(self._rng.randint(0, 3)):
            user[self._rng.choice(_NAMES)] = self._anything()
        return user

    def users(self) -> list[dict[str, object]]:
        """Return some users, some of them twice, some out of the corpus."""
        users = [self.user() for _ in range(self._rng.randint(1, 4))]
        if self._rng.random() < 0.2:
            users.append(self._rng.choice(users))
        if self._rng.random() < 0.2:
            users.append(self._rng.choice(USERS))
        return users

    def page(self) -> bytes:
        """Return a page as bytes: good, with a strange link, or damaged."""
        page: dict[str, Any] = {"value": self.users()}
        if self._rng.random() < 0.5:
            page["@odata.nextLink"] = self._link()
        raw = bytearray(json.dumps(page).encode())
        if self._rng.random() < 0.5:
            for _ in range(self._rng.randint(1, 4)):
                raw[self._rng.randrange(len(raw))] = self._rng.randrange(256)
        return bytes(raw)

    def _link(self) -> object:
        host = self._rng.choice(("graph.microsoft.com", "graph.microsoft.com:443", "evil.example", "[::1", ""))
        text = self._rng.choice(("https://", "http://", "//", "https:/", "https://evil.example\\@", "HTTPS://")) + host
        return self._spoilt(f"{text}/v1.0/users?$skiptoken={SECRET}") if self._rng.random() < 0.9 else self._anything()

    def _date(self) -> str:
        if self._rng.random() < 0.15:
            return self._rng.choice(_DAYS)
        return str(TODAY + timedelta(days=self._rng.randint(-12, 12)))

    def _instant(self) -> str:
        zone = self._rng.choice(("Z", "+00:00", "+14:00", "-23:59", "+99:99", "", " UTC"))
        return f"{self._date()}T{self._rng.choice(('00:00:00', '23:30:00.123', '24:00:00', '12:61:00'))}{zone}"

    def _json(self) -> str:
        fields: dict[str, object] = {"due": self._date()}
        for name in self._rng.sample(_FIELDS, self._rng.randint(0, 4)):
            fields[name] = self._rng.choice(
                (self.text(), self._date(), "120.50", "-5", "9" * 40, "EUR", "XXX", "paid", "open", self._anything())
            )
        text = json.dumps(fields, ensure_ascii=self._rng.random() < 0.5)
        return self._spoilt(text) if self._rng.random() < 0.3 else text

    def _spoilt(self, text: str) -> str:
        """Return a text with something put into it, or something taken out."""
        pick, at = self._rng.random(), self._rng.randint(0, len(text))
        if pick < 0.5:
            return text
        return text[:at] + (self._rng.choice(_TEXTS) + text[at:] if pick < 0.8 else text[at + 1 :])

    def _anything(self, depth: int = 0) -> object:
        makers: list[Callable[[], object]] = [
            lambda: None,
            self.text,
            lambda: self._rng.choice(_NUMBERS),
            lambda: f"{SECRET}@example.com",
        ]
        if depth < 3:
            makers += [
                lambda: [self._anything(depth + 1) for _ in range(self._rng.randint(0, 3))],
                lambda: {
                    self._rng.choice(("signInType", "issuerAssignedId", "due", SECRET)): self._anything(depth + 1)
                },
            ]
        return self._rng.choice(makers)()


def check_all(strange: Strange) -> int:
    """Make and check a value, some users and a page; return how many inputs that were."""
    check_value(strange.value())
    check_users(cast("Sequence[Mapping[str, object]]", strange.users()))
    check_users(check_page(strange.page()))
    return 3
