from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from due_notices.errors import MessageTooLarge
from due_notices.message import EVENT_TYPE, MAX_BYTES, fits, source_of, to_message
from due_notices.model import Notice
from tests.factories import ALICE, TENANT, at, notice, notice_schema, on

SOURCE = source_of(TENANT)
NOW = at("2026-11-24T08:00:03")
SCHEMA = json.loads(notice_schema())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def text_of(given_notice: Notice, time: datetime = NOW) -> str:
    return to_message(given_notice, source=SOURCE, time=time).text


def event_of(given_notice: Notice) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(text_of(given_notice))
    return event


def problems(event: object) -> list[str]:
    return [problem.message for problem in VALIDATOR.iter_errors(event)]


def test_a_notice_is_the_event_that_consumers_were_promised() -> None:
    assert event_of(notice()) == {
        "specversion": "1.0",
        "id": hashlib.sha256(f"{ALICE}\x1fINV-1001\x1f2026-12-01\x1f-7".encode()).hexdigest()[:32],
        "type": "duenotices.payment.due.v1",
        "source": f"/tenants/{TENANT}/due-notices",
        "subject": ALICE,
        "time": "2026-11-24T08:00:03Z",
        "datacontenttype": "application/json",
        "expirytime": "2026-11-28T00:00:00Z",
        "data": {
            "stage": -7,
            "stageDate": "2026-11-24",
            "dueDate": "2026-12-01",
            "daysUntilDue": 7,
            "late": False,
            "obligation": {"reference": "INV-1001", "amount": "120.50", "currency": "EUR"},
            "customer": {
                "id": ALICE,
                "displayName": "Alice Abel",
                "givenName": "Alice",
                "email": "alice@example.com",
                "mobilePhone": "+1 555 0100",
                "preferredLanguage": "en",
            },
        },
    }


def test_absent_values_are_left_out() -> None:
    bare = notice(
        reference="",
        amount=None,
        currency=None,
        display_name=None,
        given_name=None,
        email=None,
        preferred_language=None,
    )

    data = event_of(bare)["data"]

    assert data["obligation"] == {}
    assert data["customer"] == {"id": ALICE, "mobilePhone": "+1 555 0100"}
    assert "null" not in text_of(bare)


@pytest.mark.parametrize(
    ("business_date", "days_until_due", "late"),
    [
        ("2026-11-24", 7, False),
        ("2026-11-25", 6, True),
        ("2026-12-01", 0, True),
        ("2026-12-04", -3, True),
    ],
)
def test_days_are_counted_from_the_business_date(business_date: str, days_until_due: int, late: bool) -> None:  # noqa: FBT001
    data = event_of(notice(business_date=on(business_date)))["data"]

    assert (data["daysUntilDue"], data["late"]) == (days_until_due, late)


def test_moments_are_written_in_utc_to_the_second() -> None:
    in_berlin = notice(expires=at("2026-11-28T00:00", "Europe/Berlin"))

    event = json.loads(text_of(in_berlin, at("2026-11-24T09:00:03.999999", "Europe/Berlin")))

    assert event["time"] == "2026-11-24T08:00:03Z"
    assert event["expirytime"] == "2026-11-27T23:00:00Z"


def test_the_text_is_compact_and_leaves_every_script_as_it_is() -> None:
    dmitri = notice(display_name='Дмитрий "Дима" 杜罗夫 🙂\n')

    text = text_of(dmitri)

    assert '"displayName":"Дмитрий \\"Дима\\" 杜罗夫 🙂\\n"' in text
    assert "\n" not in text
    assert json.loads(text)["data"]["customer"]["displayName"] == 'Дмитрий "Дима" 杜罗夫 🙂\n'


def test_the_digest_is_that_of_the_bytes() -> None:
    message = to_message(notice(), source=SOURCE, time=NOW)

    assert message.digest == hashlib.sha256(message.text.encode()).hexdigest()
    assert message == to_message(notice(), source=SOURCE, time=NOW)
    assert message.digest != to_message(notice(), source=SOURCE, time=NOW + timedelta(seconds=1)).digest


def test_an_independent_reader_of_cloud_events_understands_it() -> None:
    event = JSONFormat().read(None, text_of(notice()))

    assert isinstance(event, CloudEvent)
    assert event.get_specversion() == "1.0"
    assert event.get_id() == notice().id
    assert event.get_type() == EVENT_TYPE
    assert event.get_source() == SOURCE
    assert event.get_subject() == ALICE
    assert event.get_time() == NOW
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("expirytime") == "2026-11-28T00:00:00Z"
    assert event.get_data() == event_of(notice())["data"]


def test_the_schema_is_valid_and_the_message_fulfils_it() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert problems(event_of(notice())) == []


def test_every_format_that_the_schema_names_is_checked_here() -> None:
    named = {place["format"] for place in _places(SCHEMA) if "format" in place}

    assert named == {"uri-reference", "date", "date-time"}
    assert named <= FormatChecker().checkers.keys()


def _places(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _places(inner)


TOP = ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "expirytime", "data"]
DATA = ["stage", "stageDate", "dueDate", "daysUntilDue", "late", "obligation", "customer"]
REQUIRED = [*((name,) for name in TOP), *(("data", name) for name in DATA), ("data", "customer", "id")]
OPTIONAL = [
    *(("data", "obligation", name) for name in ("reference", "amount", "currency")),
    *(("data", "customer", name) for name in ("displayName", "givenName", "mobilePhone", "preferredLanguage")),
]


def mutated(path: tuple[str, ...], change: Callable[[dict[str, Any], str], object]) -> dict[str, Any]:
    event = copy.deepcopy(event_of(notice()))
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    change(inner, path[-1])
    return event


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_the_schema_misses_a_field_that_is_required(path: tuple[str, ...]) -> None:
    without = mutated(path, lambda inner, name: inner.pop(name))

    assert problems(without)


@pytest.mark.parametrize("path", OPTIONAL, ids=".".join)
def test_the_schema_does_not_miss_a_field_that_is_optional(path: tuple[str, ...]) -> None:
    without = mutated(path, lambda inner, name: inner.pop(name))

    assert problems(without) == []


def test_the_schema_wants_one_way_to_reach_the_customer() -> None:
    by_mail = mutated(("data", "customer", "mobilePhone"), lambda inner, name: inner.pop(name))
    by_phone = mutated(("data", "customer", "email"), lambda inner, name: inner.pop(name))
    by_nothing = copy.deepcopy(by_phone)
    del by_nothing["data"]["customer"]["mobilePhone"]

    assert problems(by_mail) == problems(by_phone) == []
    assert problems(by_nothing)


NO_MOMENT: list[object] = [
    *("", "2026-11-24", "2026-11-24T08:00:03", "2026-11-24T08:00:03+01:00", "2026-11-24T08:00:03.5Z"),
    *("2026-02-30T00:00:00Z", "2026-11-24 08:00:03Z"),
]
NO_DAY: list[object] = ["", "20261201", "2026-12", "2026-02-30", "2026-12-01T00:00:00Z", "26-12-01"]
WRONG: dict[str, list[object]] = {
    "specversion": ["0.3", "1", 1.0],
    "id": ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32],
    "type": ["duenotices.payment.due.v2", ""],
    "source": ["/tenants//due-notices", "/tenants/a/b/due-notices", "tenants/a/due-notices", "/tenants/<>/due-notices"],
    "subject": [""],
    "time": NO_MOMENT,
    "datacontenttype": ["text/plain"],
    "expirytime": NO_MOMENT,
    "data": ["", 5],
    "data.stage": ["-7", -7.5, -366, 366, True],
    "data.stageDate": NO_DAY,
    "data.dueDate": NO_DAY,
    "data.daysUntilDue": ["7", 7.5, False],
    "data.late": ["false", 0],
    "data.obligation": ["", 5],
    "data.obligation.reference": [""],
    "data.obligation.amount": [120.5, "", "120,50", "-5", "1e3", "1.", "1.23456", "1" * 16],
    "data.obligation.currency": ["", "eur", "EURO", "€"],
    "data.customer": ["", 5, {}],
    "data.customer.id": [""],
    "data.customer.email": ["", "a@", "a" * 255],
    "data.customer.mobilePhone": ["", "1234"],
    "data.customer.displayName": [""],
    "data.customer.givenName": [""],
    "data.customer.preferredLanguage": [""],
}
OF_ANOTHER_TYPE: tuple[object, ...] = (None, [], ["x"])


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in WRONG.items() for value in (*values, *OF_ANOTHER_TYPE)]
)
def test_the_schema_refuses(path: str, value: object) -> None:
    wrong = mutated(tuple(path.split(".")), lambda inner, name: inner.update({name: value}))

    assert problems(wrong)


def test_the_schema_lets_new_fields_appear() -> None:
    event = event_of(notice())
    event["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event["data"]["new"] = event["data"]["customer"]["new"] = event["data"]["obligation"]["new"] = 1

    assert problems(event) == []


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
notices = st.builds(
    notice,
    due=st.dates(date(1970, 1, 1), date(2999, 12, 31)),
    reference=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
    amount=st.none() | st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True, alphabet="0123456789."),
    currency=st.none() | st.sampled_from(["EUR", "USD", "JPY"]),
    stage=st.integers(-365, 365),
    business_date=st.dates(date(1970, 1, 1), date(2999, 12, 31)),
    display_name=st.none() | texts,
    given_name=st.none() | texts,
    email=st.none() | st.emails(),
    preferred_language=st.none() | texts,
)


@given(notices, st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_notice_fulfils_the_schema_and_is_an_event(given_notice: Notice, time: datetime) -> None:
    text = text_of(given_notice, time)

    event = JSONFormat().read(None, text.encode())

    assert problems(json.loads(text)) == []
    assert event.get_id() == given_notice.id
    assert fits(given_notice)


def is_made(given_notice: Notice) -> bool:
    try:
        text = text_of(given_notice)
    except MessageTooLarge:
        return False
    assert len(text.encode()) <= MAX_BYTES
    return True


def test_a_message_of_exactly_48_kib_is_made_and_one_byte_more_is_not() -> None:
    room = MAX_BYTES - len(text_of(notice(display_name="x")).encode()) + 1
    full, over = notice(display_name="x" * room), notice(display_name="x" * (room + 1))

    assert len(text_of(full).encode()) == MAX_BYTES
    with pytest.raises(MessageTooLarge) as refused:
        text_of(over)

    assert str(refused.value) == (
        f"notice {over.id} of user {ALICE} has 49,153 bytes, a queue message holds 49,152: shorten the user's display "
        "name or contact fields in the directory"
    )
    assert fits(full)
    assert not fits(over)


CHARACTERS = ["x", '"', "\\", "\n", "\x01", "\x7f", "ü", "漢", "🙂"]  # 1, 2, 2, 2, 6, 1, 2, 3 and 4 bytes
BYTES = {character: len(json.dumps(character, ensure_ascii=False).encode()) - 2 for character in CHARACTERS}


@given(
    character=st.sampled_from(CHARACTERS),
    field=st.sampled_from(["display_name", "given_name", "email", "mobile_phone", "preferred_language"]),
    reference=st.sampled_from(["", "🙂" * 240, '"' * 200]),
    beside=st.integers(-12, 12),
    tail=st.sampled_from(["", "🙂", '"x', "\x01"]),
    short_cut=st.booleans(),
)
@example(character="\x01", field="display_name", reference="🙂" * 240, beside=0, tail="", short_cut=True)
def test_what_fits_is_what_can_be_made(
    *, character: str, field: str, reference: str, beside: int, tail: str, short_cut: bool
) -> None:
    empty: dict[str, Any] = {field: "", "reference": reference}
    room = MAX_BYTES - len(text_of(notice(**empty)).encode())
    # Near the limit itself, and near the length up to which the guard does not look closely.
    length = (MAX_BYTES - 4096) // 6 if short_cut else room // BYTES[character]

    near = notice(**{field: character * (length + beside) + tail, "reference": reference})

    assert fits(near) is is_made(near)


def test_the_source_names_the_tenant() -> None:
    assert source_of(TENANT) == f"/tenants/{TENANT}/due-notices"
    assert len(source_of(TENANT)) == len(source_of("0" * 36))
