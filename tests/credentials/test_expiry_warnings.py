"""When to warn: a rule over moments, a line in the log that alerts find, and once in a run."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.credentials import LOG_PREFIX, CredentialEnd, CredentialKind, ExpiryLevel, ExpiryWarning, Life
from due_notices.run import send_due_notices
from due_notices.services import LogProgress
from due_notices.settings import Settings
from local.clock import now
from local.stack import LocalStack
from tests.fakes import MovableClock

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SEVERITY = [None, ExpiryLevel.DAYS_30, ExpiryLevel.DAYS_14, ExpiryLevel.DAYS_7, ExpiryLevel.DAY_1, ExpiryLevel.EXPIRED]


def level(left: timedelta) -> ExpiryLevel | None:
    warning = Life(CredentialKind.SECRET, None, NOW + left).warning(NOW)
    return None if warning is None else warning.level


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=365), None),
        (timedelta(days=30, seconds=1), None),
        (timedelta(days=30), ExpiryLevel.DAYS_30),
        (timedelta(days=14, seconds=1), ExpiryLevel.DAYS_30),
        (timedelta(days=14), ExpiryLevel.DAYS_14),
        (timedelta(days=7, seconds=1), ExpiryLevel.DAYS_14),
        (timedelta(days=7), ExpiryLevel.DAYS_7),
        (timedelta(days=1, seconds=1), ExpiryLevel.DAYS_7),
        (timedelta(days=1), ExpiryLevel.DAY_1),
        (timedelta(seconds=1), ExpiryLevel.DAY_1),
        (timedelta(0), ExpiryLevel.EXPIRED),
        (timedelta(days=-400), ExpiryLevel.EXPIRED),
    ],
)
def test_the_levels_begin_at_their_days(left: timedelta, expected: ExpiryLevel | None) -> None:
    assert level(left) is expected


@given(st.lists(st.timedeltas(timedelta(days=-100), timedelta(days=100)), min_size=2, max_size=10))
def test_less_time_is_never_less_severe(lefts: list[timedelta]) -> None:
    severities = [SEVERITY.index(level(left)) for left in sorted(lefts, reverse=True)]

    assert all(before <= after for before, after in pairwise(severities))


@given(st.timedeltas(timedelta(days=-100), timedelta(days=100)))
def test_the_days_left_agree_with_the_level(left: timedelta) -> None:
    life = Life(CredentialKind.SECRET, None, NOW + left)
    warning = life.warning(NOW)

    days = life.end(NOW).days_left
    assert days is not None
    assert timedelta(days=days) <= left < timedelta(days=days + 1)
    if warning is not None:
        assert warning.days_left == days
        assert warning.urgent is (left <= timedelta(0))


def test_no_expiry_is_a_warning_of_its_own() -> None:
    warning = Life(CredentialKind.SECRET, None, None).warning(NOW)

    assert warning is not None
    assert (warning.level, warning.days_left, warning.urgent) == (ExpiryLevel.NO_EXPIRY, None, False)


def test_a_credential_that_is_not_yet_valid_is_warned_of_before_all_else() -> None:
    life = Life(CredentialKind.CERTIFICATE, NOW + timedelta(hours=1), None)

    warning = life.warning(NOW)

    assert warning is not None
    assert warning.level is ExpiryLevel.NOT_YET_VALID
    assert warning.urgent
    assert life.warning(NOW + timedelta(hours=1)) != warning


@pytest.mark.parametrize("days", [-1, 0, 3, 10, 20])
def test_every_sentence_ends_with_the_remedy(days: int) -> None:
    warning = Life(CredentialKind.SECRET, None, NOW + timedelta(days=days)).warning(NOW)

    assert warning is not None
    assert warning.sentence.endswith("`due-notices rotate-secret`")


def test_the_log_line_is_a_prefix_and_one_json_object() -> None:
    line = ExpiryWarning(ExpiryLevel.DAYS_14, 12, "it ends: renew it").log_line()

    assert line.startswith("due-notices secret ")
    assert json.loads(line.removeprefix(LOG_PREFIX)) == {
        "daysLeft": 12,
        "level": "14",
        "message": "it ends: renew it",
    }


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, object]]]:
    return [
        (record.levelno, json.loads(record.getMessage().removeprefix(LOG_PREFIX)))
        for record in caplog.records
        if record.getMessage().startswith(LOG_PREFIX)
    ]


@pytest.mark.parametrize(
    ("left", "warned"),
    [
        (timedelta(days=200), None),
        (timedelta(days=20), (logging.WARNING, 19, "30")),
        (timedelta(hours=3), (logging.WARNING, 0, "1")),
        (None, (logging.WARNING, None, "no-expiry")),
        (timedelta(hours=-3), (logging.ERROR, -1, "expired")),
    ],
)
def test_a_run_warns_once_however_many_pages_it_reads(
    stack: LocalStack,
    stack_settings: Settings,
    caplog: pytest.LogCaptureFixture,
    left: timedelta | None,
    warned: tuple[int, int | None, str] | None,
) -> None:
    stack.graph.users = [{"id": f"{number:04d}", "accountEnabled": True} for number in range(20)]
    stack.graph.directory.page_limit = 2
    clock = MovableClock(now().replace(hour=12))
    stack.tell_time(clock.now)
    # Entra goes by its own end of the secret; the vault's is what is warned of.
    stack.vault.update_secret("graph-client-secret", expires_on=None if left is None else clock.now() + left)
    services = bootstrap.build_services(stack_settings, clock)

    report = send_due_notices(stack_settings.policy, services, LogProgress())

    assert report.graph_requests > 5
    expected = [] if warned is None else [warned]
    found = lines(caplog)
    assert [(severity, line["daysLeft"], line["level"]) for severity, line in found] == expected
    # The vault keeps whole seconds, so a full number of days has just begun to run down.
    days = None if left is None else (left - timedelta(seconds=1)) // timedelta(days=1)
    assert report.credential == CredentialEnd(CredentialKind.SECRET, days)


def test_a_run_that_fails_on_an_expired_secret_warns_all_the_same(
    stack: LocalStack, stack_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    clock = MovableClock(now().replace(hour=12))
    stack.tell_time(clock.now)
    stack.secret_rotate(expires_on=now() - timedelta(days=2))

    report = send_due_notices(stack_settings.policy, bootstrap.build_services(stack_settings, clock), LogProgress())

    assert report.error is not None
    assert "AADSTS7000222" in report.error
    assert [line["level"] for _, line in lines(caplog)] == ["expired"]


def test_a_secret_that_is_not_yet_valid_is_used_and_warned_of(
    stack: LocalStack, stack_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    clock = MovableClock(now().replace(hour=12))
    stack.tell_time(clock.now)
    stack.vault.update_secret("graph-client-secret", not_before=clock.now() + timedelta(days=1))

    report = send_due_notices(stack_settings.policy, bootstrap.build_services(stack_settings, clock), LogProgress())

    assert report.ok
    assert [line["level"] for _, line in lines(caplog)] == ["not-yet-valid"]
