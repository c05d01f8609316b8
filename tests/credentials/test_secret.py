from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters.certificates import certificate_of
from due_notices.credentials import AppCredential
from due_notices.secret import Secret, StoredSecret
from local.registrations import new_secret_text
from tests.hygiene import secrets_in

TEXT = new_secret_text()


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda secret: f"{secret!r} {secret!s}",
        lambda secret: "%s and %r" % (secret, secret),  # noqa: UP031 (as logging does it)
        lambda secret: repr([secret, {"it": secret}]),
        lambda secret: repr(StoredSecret(secret, "1", None, None)),
        lambda secret: repr(AppCredential(secret, "1", None)),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_it_prints_as_stars(show: object) -> None:
    assert callable(show)

    shown = show(Secret(TEXT))

    assert "***" in shown
    assert TEXT not in shown


@pytest.mark.parametrize(
    "refused",
    [
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>60}",
        "{}".format,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        lambda secret: secret + "",
        len,
        bytes,
    ],
)
def test_it_refuses_to_become_part_of_anything(refused: object) -> None:
    assert callable(refused)

    with pytest.raises(TypeError) as caught:
        refused(Secret(TEXT))

    assert TEXT not in str(caught.value)


def test_a_log_line_shows_stars(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("due_notices").warning("read %s", Secret(TEXT))

    assert "read ***" in caplog.text


@given(st.text(), st.text())
def test_equality_and_hash_are_those_of_the_value(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert hash(Secret(one)) == hash(one)
    assert Secret(one).reveal() == one
    assert Secret(one) != one
    assert bool(Secret(one)) is bool(one)


def test_the_stacks_secrets_have_a_shape_that_can_be_found() -> None:
    assert secrets_in(f"x {TEXT} y") == ["a client secret"]
    assert secrets_in("the secret of 2026-11-21, request id 7f635bab-1db0-4bbc-8c4f-2ee41dbf9f63") == []


def test_a_certificates_key_is_a_secret_too() -> None:
    from datetime import timedelta

    from local.app_certificates import issue_app_certificate

    stored = issue_app_certificate(timedelta(days=1)).stored(pem=True)

    certificate = certificate_of(StoredSecret(Secret(stored.value), "1", None, None, stored.content_type), "name")

    assert secrets_in(repr(certificate)) == []
    assert secrets_in(certificate.private_key.reveal()) == ["a private key"]
