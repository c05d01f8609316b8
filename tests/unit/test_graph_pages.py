"""A page decoded by types has what the same page has that was decoded whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters import graph_users
from due_notices.adapters.graph_http import OtherForm
from due_notices.adapters.graph_users import GraphPage, PageDecoder, is_set, page_of, to_user, user_id
from tests.factories import ALICE, ATTRIBUTE, BOB, OPT_OUT, graph_user

PLAIN = (ATTRIBUTE,)
ON_PREMISES = ("onPremisesExtensionAttributes", "extensionAttribute7")
SURROGATE = "\ud800"  # a lone surrogate: JSON can hold it, UTF-8 cannot

texts = st.text(st.characters(codec=None), max_size=8)
anything: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.just(10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
values = st.none() | st.sampled_from(["2026-12-01", "", '{"due":"2026-12-01"}']) | anything


def keyed(name: str, held: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.just(name), held, max_size=1)


def merged(parts: tuple[dict[str, object], ...]) -> dict[str, object]:
    return {key: value for part in parts for key, value in part.items()}


def pages(spelling: Callable[[str], str]) -> st.SearchStrategy[dict[str, object]]:
    """Pages in which the names of properties are spelt in one way, as Graph does it."""
    users = st.tuples(
        keyed("id", st.sampled_from([ALICE, BOB]) | anything),
        keyed(spelling(ATTRIBUTE), values),
        keyed(spelling(ON_PREMISES[0]), st.none() | keyed(spelling(ON_PREMISES[1]), values) | anything),
        keyed(spelling(OPT_OUT), st.booleans() | anything),
        keyed("displayName", texts),
        st.dictionaries(texts, anything, max_size=2),
    ).map(merged)
    return st.fixed_dictionaries(
        {"value": st.lists(users, max_size=4)}, optional={"@odata.nextLink": texts, "@odata.context": anything}
    )


any_page = st.one_of(pages(str), pages(str.lower), pages(str.upper))


def written(page: object, *, escaped: bool = True) -> bytes:
    return json.dumps(page, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


def seen(page: GraphPage) -> tuple[object, ...]:
    users = [page.user(index) for index in range(len(page))]
    return list(page.values), list(page.ids), list(page.rows), users, page.link, page.seal, len(page)


@given(any_page, st.sampled_from([PLAIN, ON_PREMISES]), st.booleans())
def test_a_page_is_the_same_however_it_was_decoded(page: Any, attribute: tuple[str, ...], escaped: bool) -> None:  # noqa: FBT001
    body = written(page, escaped=escaped)
    whole = json.loads(body)

    found = PageDecoder(attribute, OPT_OUT)(body)

    assert seen(found) == seen(page_of(whole["value"], attribute, OPT_OUT, whole.get("@odata.nextLink")))


def decoded(*rows: object, attribute: tuple[str, ...] = PLAIN, escaped: bool = True) -> GraphPage:
    return PageDecoder(attribute, OPT_OUT)(written({"value": rows}, escaped=escaped))


def test_no_user_is_decoded_before_being_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def parsed(body: bytes) -> object:
        made.append(body)
        return json.loads(body)

    monkeypatch.setattr(graph_users, "parsed", parsed)
    page = decoded(graph_user("2026-12-01"), graph_user(who=BOB))

    assert page.values == ["2026-12-01", None]
    assert page.ids == [ALICE, BOB]
    assert not made
    assert page.user(1) == to_user(graph_user(who=BOB), BOB)
    assert len(made) == 1


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.title])
@pytest.mark.parametrize("attribute", [PLAIN, ON_PREMISES])
def test_a_spelling_is_found_once_and_remembered(
    attribute: tuple[str, ...], spelling: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(value: object) -> bytes:
        for name in reversed(attribute):
            value = {spelling(name): value}
        return written({"value": [{"id": BOB}, {"id": ALICE, **(value if isinstance(value, dict) else {})}]})

    decode = PageDecoder(attribute)
    assert decode(of("2026-12-01")).values == [None, "2026-12-01"]

    monkeypatch.setattr(graph_users, "parsed", None)  # decoding a whole page now fails
    assert decode(of("2026-12-02")).values == [None, "2026-12-02"]
    assert decode(of(None)).values == [None, None]
    assert decode(written({"value": []})).values == []


@pytest.mark.parametrize("attribute", [PLAIN, ON_PREMISES])
def test_a_page_without_a_value_is_not_decoded_a_second_time(
    attribute: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_users, "parsed", None)
    here: Any = None
    for name in reversed(attribute):
        here = {name: here}

    assert PageDecoder(attribute)(written({"value": [here, here]})).values == [None, None]
    assert PageDecoder(attribute)(written({"value": [{"id": ALICE, attribute[0]: None}]})).values == [None]


def test_a_lone_surrogate_spoils_a_name_and_not_a_page() -> None:
    odd = graph_user("2026-12-01", displayName=f"Ali{SURROGATE}ce")

    for escaped in (True, False):
        page = decoded(odd, graph_user("2026-12-02", who=BOB), escaped=escaped)
        assert page.values == ["2026-12-01", "2026-12-02"]
        user = page.user(0)
        assert user is not None
        assert (user.id, user.display_name, user.email) == (ALICE, None, "alice@example.com")


def test_text_that_is_skipped_must_be_utf_8_all_the_same() -> None:
    body = written({"value": [graph_user("2026-12-01", displayName="ALICE")]}).replace(b"ALICE", b"ALIC\xff")
    rows = msgspec.defstruct("Page", [("value", list[msgspec.defstruct("Row", ["id"])])])  # type: ignore[misc]

    msgspec.json.decode(body, type=rows)  # msgspec by itself does not see it
    with pytest.raises(ValueError, match="utf-8"):
        PageDecoder(PLAIN)(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b'{"value":[',
        b'{"value":[{"a":"\\q"}]}',
        b'{"value":[]}x',
        b"[" * 100_000,
        b'{"value":[{},]}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_is_none(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        PageDecoder(PLAIN)(body)


@pytest.mark.parametrize(
    "page", [None, 1, [], "value", {}, {"value": None}, {"value": {}}, {"value": [[]]}, {"value": [{}, 1]}]
)
def test_json_that_is_no_page_is_none(page: object) -> None:
    with pytest.raises(OtherForm):
        PageDecoder(PLAIN)(written(page))


def test_a_user_who_cannot_be_decoded_spoils_no_page() -> None:
    body = b'{"value":[{"id":"%s","%s":"2026-12-01","mail":%s}]}' % (ALICE.encode(), ATTRIBUTE.encode(), b"9" * 5000)
    page = PageDecoder(PLAIN)(body)

    assert page.values == ["2026-12-01"]
    assert page.user(0) is None
    assert list(page.rows) == [{}]


def test_who_was_seen_before_is_left_out_and_who_has_no_id_is_not() -> None:
    page = decoded(graph_user("2026-12-01"), graph_user("2026-12-02", who=BOB), {"id": None}, {"id": [ALICE]})

    rest = page.without({ALICE})

    assert (rest.ids, rest.values) == ([BOB, None, [ALICE]], ["2026-12-02", None, None])
    assert rest.user(0) == to_user(graph_user(who=BOB), BOB)
    assert [rest.user(index) for index in (1, 2)] == [None, None]


def test_who_opted_out_is_known_when_asked_for() -> None:
    row = graph_user("2026-12-01") | {OPT_OUT.upper(): True}
    user = decoded(row).user(0)

    assert user is not None
    assert user.opted_out
    assert is_set(row, OPT_OUT)
    assert user_id(row) == ALICE


def test_several_threads_decode_at_once() -> None:
    decode, found = PageDecoder(PLAIN), list[str]()
    names = [ATTRIBUTE, ATTRIBUTE.upper(), ATTRIBUTE.lower()]
    bodies = [written({"value": [{"id": ALICE, name: f"2026-12-{day:02}"}]}) for day in range(1, 29) for name in names]

    def read() -> None:
        found.extend(str(decode(body).values[0]) for body in bodies)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    dates = [f"2026-12-{day:02}" for day in range(1, 29)]
    assert sorted(found) == sorted(dates * len(names) * len(threads))
