from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from due_notices.errors import MessageTooLarge
from due_notices.message import EVENT_TYPE, MAX_BYTES, Message, fits, source_of, to_message
from due_notices.model import Batch, Notice, User, batch_id
from tests.factories import ALICE, TENANT, at, notice, notice_schema, on

ROOT = Path(__file__).resolve().parents[2]
SOURCE = source_of(TENANT)
NOW = at("2026-11-24T08:00:03")
ZONE = "America/Argentina/ComodRivadavia"  # none has a longer name
SCHEMA = json.loads(notice_schema())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def text_of(given_notice: Notice, time: datetime = NOW) -> str:
    return to_message(given_notice, source=SOURCE, time=time, time_zone=ZONE).text


def event_of(given_notice: Notice) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(text_of(given_notice))
    return event


def problems(event: object) -> list[str]:
    return [problem.message for problem in VALIDATOR.iter_errors(event)]


def test_a_notice_is_the_event_that_consumers_were_promised() -> None:
    batch = Batch(batch_id(ALICE, on("2026-11-24")), 2)
    given_notice = notice(previous_stage=-14, batch=batch, other_emails=("alice@example.org", "a@example.net"))

    assert event_of(given_notice) == {
        "specversion": "1.0",
        "id": given_notice.id,
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
            "businessDate": "2026-11-24",
            "timeZone": ZONE,
            "late": False,
            "previousStage": -14,
            "batch": {"id": hashlib.sha256(f"{ALICE}\x1f2026-11-24".encode()).hexdigest()[:32], "size": 2},
            "obligation": {"reference": "INV-1001", "amount": "120.50", "currency": "EUR"},
            "customer": {
                "id": ALICE,
                "displayName": "Alice Abel",
                "givenName": "Alice",
                "email": "alice@example.com",
                "otherEmails": ["alice@example.org", "a@example.net"],
                "mobilePhone": "+1 555 0100",
                "preferredLanguage": "en",
            },
        },
    }


ADA = "8a6f3c1e-0000-4000-8000-000000000001"


def test_the_example_that_the_readme_shows_is_a_real_message() -> None:
    day = on("2026-11-28")
    ada = User(
        id=ADA,
        display_name="Ada Example",
        given_name="Ada",
        email="ada@example.com",
        mobile_phone="+12025550100",
        preferred_language="en",
        other_emails=("ada@example.org",),
    )
    given_notice = notice(
        user=ada,
        stage=-3,
        previous_stage=-7,
        batch=Batch(batch_id(ADA, day), 2),
        stage_date=day,
        business_date=day,
        expires=at("2026-11-30", "Europe/Berlin"),
    )
    made = to_message(given_notice, source=SOURCE, time=at("2026-11-28T08:00:03"), time_zone="Europe/Berlin")
    example = (ROOT / "due_notices" / "notice.example.json").read_text("utf-8")

    assert json.loads(example) == json.loads(made.text)
    assert f"```json\n{example}```" in (ROOT / "README.md").read_text("utf-8")


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

    assert not data.keys() & {"previousStage", "batch"}
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
    dmitri = notice(display_name='Дмитрий "Дима" 杜罗夫 🙂')

    text = text_of(dmitri)

    assert '"displayName":"Дмитрий \\"Дима\\" 杜罗夫 🙂"' in text
    assert json.loads(text)["data"]["customer"]["displayName"] == 'Дмитрий "Дима" 杜罗夫 🙂'


@pytest.mark.parametrize(
    ("given_text", "emitted"),
    [
        ("Ada\r\nBcc: eve@example.com", "Ada Bcc: eve@example.com"),
        ("Ada\tExample\x00", "Ada Example"),
        ("\x85Ada\u2028Example\u2029", "Ada Example"),
        ("Ada\x7f\x9b31m", "Ada 31m"),
        ("\u202eelpmaxE\u2066 adA\u2069", "elpmaxE adA"),
        ("  Ada Example ", "Ada Example"),
        ("<b>Ada</b> & Söhne", "<b>Ada</b> & Söhne"),
        ("نازنین\u200cزهرا", "نازنین\u200cزهرا"),  # a joiner that the name is spelt with
        ("👩\u200d💻", "👩\u200d💻"),
        ("A\u0301da", "A\u0301da"),
        ("", None),
        (" \u00a0\u3000", None),
        ("\r\n", None),
        ("\u200b\ufeff\u2060", None),
        ("\u202e", None),
    ],
)
def test_a_text_is_one_line_without_what_could_break_it(given_text: str, emitted: str | None) -> None:
    data = event_of(notice(display_name=given_text, given_name=given_text, reference=given_text))["data"]

    assert [
        data["customer"].get("displayName"),
        data["customer"].get("givenName"),
        data["obligation"].get("reference"),
    ] == [emitted] * 3


@pytest.mark.parametrize(
    ("given_tag", "emitted"),
    [
        *((tag, tag) for tag in ("de", "DE", "fil", "de-AT", "zh-Hant-TW", "sr-Latn", "es-419", "de-CH-1996")),
        *((tag, tag) for tag in ("en-US-u-hc-h23", "ca-valencia", "de-x-formal", "zh-yue-HK")),
        ("en_US", "en-US"),
        (" de ", "de"),
        *((tag, None) for tag in ("", "German", "Deutsch (Deutschland)", "e", "de-", "-de", "de--AT", "1de", "日本語")),
        *((tag, None) for tag in ("de;q=0.8", "de,en", "x-private", "none", "en-US\r\nBcc: x", "de-AT-", "en-u")),
    ],
)
def test_a_language_that_is_no_tag_counts_as_absent(given_tag: str, emitted: str | None) -> None:
    customer = event_of(notice(preferred_language=given_tag))["data"]["customer"]

    assert customer.get("preferredLanguage") == emitted


def test_the_digest_is_that_of_the_bytes() -> None:
    def made(time: datetime) -> Message:
        return to_message(notice(), source=SOURCE, time=time, time_zone=ZONE)

    message = made(NOW)

    assert message.digest == hashlib.sha256(message.text.encode()).hexdigest()
    assert message == made(NOW)
    assert message.digest != made(NOW + timedelta(seconds=1)).digest


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
DATA = [
    *("stage", "stageDate", "dueDate", "daysUntilDue", "businessDate", "timeZone", "late", "obligation", "customer"),
]
REQUIRED = [
    *((name,) for name in TOP),
    *(("data", name) for name in DATA),
    ("data", "customer", "id"),
    *(("data", "batch", name) for name in ("id", "size")),
]
OPTIONAL = [
    *(("data", name) for name in ("previousStage", "batch")),
    ("data", "customer", "otherEmails"),
    *(("data", "obligation", name) for name in ("reference", "amount", "currency")),
    *(("data", "customer", name) for name in ("displayName", "givenName", "mobilePhone", "preferredLanguage")),
]


def mutated(path: tuple[str, ...], change: Callable[[dict[str, Any], str], object]) -> dict[str, Any]:
    event = event_of(notice(previous_stage=-14, batch=Batch("b" * 32, 2), other_emails=("alice@example.org",)))
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    change(inner, path[-1])
    return event


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_the_schema_refuses_an_event_without_a_required_field(path: tuple[str, ...]) -> None:
    without = mutated(path, lambda inner, name: inner.pop(name))

    assert problems(without)


@pytest.mark.parametrize("path", OPTIONAL, ids=".".join)
def test_the_schema_accepts_an_event_without_an_optional_field(path: tuple[str, ...]) -> None:
    without = mutated(path, lambda inner, name: inner.pop(name))

    assert problems(without) == []


def test_the_schema_wants_one_way_to_reach_the_customer() -> None:
    by_mail = mutated(("data", "customer", "mobilePhone"), lambda inner, name: inner.pop(name))
    by_phone = mutated(("data", "customer", "email"), lambda inner, name: inner.pop(name))
    by_nothing = copy.deepcopy(by_phone)
    del by_nothing["data"]["customer"]["mobilePhone"]

    assert problems(by_mail) == problems(by_phone) == []
    assert problems(by_nothing)


RELAYED = {
    "fractions, as JavaScript writes them": "2026-11-24T08:00:03.000Z",
    "seven digits, as .NET writes them": "2026-11-24T08:00:03.1234567Z",
    "nine digits, as Go writes them": "2026-11-24T08:00:03.123456789Z",
    "an offset of zero": "2026-11-24T08:00:03+00:00",
    "an offset": "2026-11-24T09:00:03+01:00",
    "a negative offset": "2026-11-24T03:30:03.5-04:30",
    "an unknown offset": "2026-11-24T08:00:03-00:00",
    "small letters": "2026-11-24t08:00:03z",
}


@pytest.mark.parametrize("moment", RELAYED.values(), ids=RELAYED)
@pytest.mark.parametrize("field", ["time", "expirytime"])
def test_the_schema_reads_what_a_relay_has_rewritten(field: str, moment: str) -> None:
    assert problems(event_of(notice()) | {field: moment}) == []


def texts_in(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for name, value in part.items():
        if isinstance(value, dict):
            yield from texts_in(value)
        elif isinstance(value, str):
            yield part, name


FREE = {"subject", "reference", "displayName", "givenName", "email", "mobilePhone"}


def test_no_pattern_lets_a_trailing_line_break_pass() -> None:
    event = mutated(("data", "customer", "id"), lambda *_: None)
    places = [
        (part, name) for part, name in texts_in(event) if name not in FREE and part is not event["data"]["customer"]
    ]
    places.append((event["data"]["customer"], "preferredLanguage"))

    for part, name in places:
        right = part[name]
        for ending in ("\n", "\r\n", "\u2028"):
            part[name] = right + ending
            assert problems(event), name
        part[name] = right

    assert len(places) == 15
    assert problems(event) == []


def test_the_schema_has_nothing_that_readers_of_schemas_stumble_over() -> None:
    places = list(_places(SCHEMA))

    assert not any(place.keys() & {"enum", "$defs", "$ref"} for place in places)
    assert all({"type", "pattern", "maxLength"} <= place.keys() for place in places if "const" in place)
    assert all(set(place["required"]) <= place["properties"].keys() for place in places if "required" in place)
    assert all("title" in place for place in places if place.get("type") == "object")


NO_MOMENT: list[object] = [
    *("", "2026-11-24", "2026-11-24T08:00:03", "2026-11-24T08:00Z", "2026-11-24T08:00:03.Z", "20261124T080003Z"),
    *("2026-02-30T00:00:00Z", "2026-11-24 08:00:03Z", "2026-11-24T08:00:03+0100", "2026-11-24T08:00:03,5Z"),
]
NO_DAY: list[object] = ["", "20261201", "2026-12", "2026-02-30", "2026-12-01T00:00:00Z", "26-12-01"]
NO_STAGE: list[object] = ["-7", -7.5, -366, 366, True]
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
    "data.stage": NO_STAGE,
    "data.stageDate": NO_DAY,
    "data.dueDate": NO_DAY,
    "data.daysUntilDue": ["7", 7.5, False],
    "data.businessDate": NO_DAY,
    "data.timeZone": ["", "Europe/ Berlin", "/etc/localtime", "a" * 65],
    "data.late": ["false", 0],
    "data.previousStage": NO_STAGE,
    "data.batch": ["", 5, {}],
    "data.batch.id": ["", "a" * 31, "g" * 32],
    "data.batch.size": [0, -1, "2", 1.5, True],
    "data.obligation": ["", 5],
    "data.obligation.reference": [""],
    "data.obligation.amount": [120.5, "", "120,50", "-5", "1e3", "1.", "1.23456", "1" * 16],
    "data.obligation.currency": ["", "eur", "EURO", "€"],
    "data.customer": ["", 5, {}],
    "data.customer.id": [""],
    "data.customer.email": ["", "a@", "a" * 255],
    "data.customer.otherEmails": ["a@example.com", {}, [5], [""], ["a" * 255]],
    "data.customer.mobilePhone": ["", "1234"],
    "data.customer.displayName": [""],
    "data.customer.givenName": [""],
    "data.customer.preferredLanguage": ["", "German", "de_AT", "d", "de-"],
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
    preferred_language=st.none() | texts | st.sampled_from(["de", "zh-Hant-TW", "en_US"]),
    other_emails=st.lists(st.emails(), max_size=3).map(tuple),
    previous_stage=st.none() | st.integers(-365, 365),
    batch=st.none() | st.builds(Batch, st.just("b" * 32), st.integers(1, 100_000)),
)


def present(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def plainly(given_notice: Notice, time: datetime) -> str:
    """The message as json.dumps writes it, its texts taken from the one that was made."""
    owed, user, batch = given_notice.obligation, given_notice.user, given_notice.batch
    made = event_of(given_notice)["data"]
    event = {
        "specversion": "1.0",
        "id": given_notice.id,
        "type": EVENT_TYPE,
        "source": SOURCE,
        "subject": user.id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "expirytime": given_notice.expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": present(
            stage=given_notice.stage,
            stageDate=given_notice.stage_date.isoformat(),
            dueDate=owed.due.isoformat(),
            daysUntilDue=(owed.due - given_notice.business_date).days,
            businessDate=given_notice.business_date.isoformat(),
            timeZone=ZONE,
            late=given_notice.late,
            previousStage=given_notice.previous_stage,
            batch={"id": batch.id, "size": batch.size} if batch else None,
            obligation=present(
                reference=made["obligation"].get("reference"), amount=owed.amount, currency=owed.currency
            ),
            customer=present(
                id=user.id,
                displayName=made["customer"].get("displayName"),
                givenName=made["customer"].get("givenName"),
                email=user.email,
                otherEmails=list(user.other_emails) or None,
                mobilePhone=made["customer"].get("mobilePhone"),
                preferredLanguage=made["customer"].get("preferredLanguage"),
            ),
        ),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


@given(notices, st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
@example(notice(display_name='"\\\x7f\u2028/\ud7ff\U0001f600', other_emails=('"@\\', "b@c.de")), NOW)
def test_the_bytes_are_those_that_json_dumps_writes(given_notice: Notice, time: datetime) -> None:
    assert text_of(given_notice, time) == plainly(given_notice, time)


@given(st.text(st.characters(max_codepoint=0x80)))
def test_a_plain_text_is_cleaned_as_any_other(given_text: str) -> None:
    name = event_of(notice(display_name=given_text))["data"]["customer"].get("displayName")
    elsewhere = event_of(notice(display_name=f"{given_text}\u00e4"))["data"]["customer"]["displayName"]

    assert (name or "") == elsewhere.removesuffix("\u00e4").strip()


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
    rest: dict[str, Any] = {"previous_stage": -365, "batch": Batch("b" * 32, 99_999)}
    room = MAX_BYTES - len(text_of(notice(display_name="x", **rest)).encode()) + 1
    full, over = notice(display_name="x" * room, **rest), notice(display_name="x" * (room + 1), **rest)

    assert len(text_of(full).encode()) == MAX_BYTES
    with pytest.raises(MessageTooLarge) as refused:
        text_of(over)

    assert str(refused.value) == (
        f"notice {over.id} of user {ALICE} has 49,153 bytes, a queue message holds 49,152: shorten the user's display "
        "name or contact fields in the directory"
    )
    assert fits(full)
    assert not fits(over)


CHARACTERS = ["x", '"', "\\", "ü", "漢", "🙂"]  # 1, 2, 2, 2, 3 and 4 bytes
BYTES = {character: len(json.dumps(character, ensure_ascii=False).encode()) - 2 for character in CHARACTERS}


@given(
    character=st.sampled_from(CHARACTERS),
    field=st.sampled_from(["display_name", "given_name", "email", "mobile_phone", "other_emails"]),
    reference=st.sampled_from(["", "🙂" * 240, '"' * 200]),
    beside=st.integers(-12, 12),
    tail=st.sampled_from(["", "🙂", '"x']),
    short_cut=st.booleans(),
)
@example(character="🙂", field="display_name", reference="🙂" * 240, beside=0, tail="", short_cut=True)
@example(character="🙂", field="other_emails", reference="🙂" * 240, beside=0, tail="", short_cut=True)
def test_what_fits_is_what_can_be_made(
    *, character: str, field: str, reference: str, beside: int, tail: str, short_cut: bool
) -> None:
    def of_length(length: int) -> Notice:
        text = character * length + tail
        value: Any = (text,) if field == "other_emails" else text
        batch = Batch("b" * 32, 99_999)
        return notice(**{field: value, "reference": reference, "previous_stage": -365, "batch": batch})

    room = MAX_BYTES - len(text_of(of_length(1)).encode())
    # Near the limit itself, and near the length up to which the guard does not look closely.
    length = (MAX_BYTES - 4096) // 4 if short_cut else room // BYTES[character]

    near = of_length(length + beside)

    assert fits(near) is is_made(near)


def test_the_source_names_the_tenant() -> None:
    assert source_of(TENANT) == f"/tenants/{TENANT}/due-notices"
    assert len(source_of(TENANT)) == len(source_of("0" * 36))
