from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from due_notices.secret import Secret, StoredSecret

VALUE = "hunter2~correct.horse"


@dataclass(frozen=True)
class Login:
    user: str
    password: Secret


def test_it_gives_the_secret_only_when_asked() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (str(Secret(VALUE)), "***"),
        (repr(Secret(VALUE)), "Secret('***')"),
        (ascii(Secret(VALUE)), "Secret('***')"),
        (f"{Secret(VALUE)!r}", "Secret('***')"),
        (f"{Secret(VALUE)!s:>5}", "  ***"),
        (f"{Secret(VALUE)=}", "Secret(VALUE)=Secret('***')"),
        ("%s %r" % (Secret(VALUE), Secret(VALUE)), "*** Secret('***')"),  # noqa: UP031 (a way of its own)
        (str([Secret(VALUE)]), "[Secret('***')]"),
        (str(Login("alice", Secret(VALUE))), "Login(user='alice', password=Secret('***'))"),
        (
            str(StoredSecret(Secret(VALUE), "v1", None, None)),
            "StoredSecret(value=Secret('***'), version='v1', expires_on=None, not_before=None, content_type=None)",
        ),
    ],
)
def test_it_shows_stars(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    "write",
    [
        lambda secret: f"AccountKey={secret}",
        "AccountKey={}".format,
        lambda secret: format(secret, ""),
        lambda secret: f"{secret:>40}",
    ],
)
def test_it_cannot_become_part_of_a_text_for_use(write: Callable[[Secret], str]) -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be formatted: hand reveal\(\) to the client") as refused:
        write(Secret(VALUE))

    assert VALUE not in str(refused.value)


def test_it_is_logged_as_stars(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("due_notices").warning("login with %s, %r", Secret(VALUE), {"password": Secret(VALUE)})

    assert caplog.messages == ["login with ***, {'password': Secret('***')}"]


def test_it_is_no_part_of_a_traceback_with_its_variables() -> None:
    try:
        _fail(Secret(VALUE))
    except ZeroDivisionError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)

    text = "".join(report.format())

    assert "Secret('***')" in text
    assert VALUE not in text


def _fail(secret: Secret) -> float:
    return 1 / len([secret][1:])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled or copied$"):
        pickle.dumps(Login("alice", Secret(VALUE)), protocol)


@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy])
def test_it_cannot_be_copied(copy_of: Callable[[Secret], Secret]) -> None:
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled or copied$"):
        copy_of(Secret(VALUE))


def test_it_is_no_json() -> None:
    with pytest.raises(TypeError) as refused:
        json.dumps({"password": Secret(VALUE)})

    assert VALUE not in str(refused.value)


def test_it_has_no_attributes_that_a_dump_would_show() -> None:
    assert not hasattr(Secret(VALUE), "__dict__")


def test_it_is_compared_by_value_with_its_like_alone() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert hash(Secret(VALUE)) == hash(Secret(VALUE))
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE


@pytest.mark.parametrize(("value", "there"), [(VALUE, True), (" ", True), ("", False)])
def test_it_is_true_where_there_is_anything_in_it(value: str, there: bool) -> None:  # noqa: FBT001
    assert bool(Secret(value)) is there


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("8a6f3c1e-0000-4000-8000-000000000001", "is a GUID"),
        ("{8A6F3C1E-0000-4000-8000-000000000001}", "is a GUID"),
        ("made-up\n", "ends with a line break"),
        ("made-up\r\n", "ends with a line break"),
        (" made-up", "begins with a blank"),
        ("\nmade-up", "begins with a line break"),
        ('"made-up"', "is in quotes"),
        ("‘made-up’", "is in quotes"),
        ("made-up~1.Q", ""),
        ("", ""),
        ("a", ""),
    ],
)
def test_what_is_odd_about_its_form_is_said_without_a_word_of_it(value: str, says: str) -> None:
    oddity = Secret(value).oddity

    assert says in oddity if says else oddity == ""
    assert "made-up" not in oddity
    assert "8a6f3c1e" not in oddity.lower()
