"""How long a run may take follows what the host gives an invocation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.function_timeout import HOSTS_OWN, OVERRIDE, function_timeout, longest_run
from due_notices.policy import Policy

DAY = timedelta(days=1)


def host_json(text: str) -> str:
    return f'{{\n  "version": "2.0",\n  "functionTimeout": {text},\n  "logging": {{"x": "00:00:01"}}\n}}'


@pytest.mark.parametrize(
    ("text", "timeout"),
    [
        ('"00:30:00"', timedelta(minutes=30)),
        ('"00:05:00"', timedelta(minutes=5)),
        ('"0:10"', timedelta(minutes=10)),
        ('"02:00:00"', timedelta(hours=2)),
        ('"1.06:00:00"', timedelta(hours=30)),
        ('"00:00:30.5000000"', timedelta(seconds=30)),
        ('"-1"', DAY),
        ("-1", DAY),
        ('"soon"', HOSTS_OWN),
        ("null", HOSTS_OWN),
        ('""', HOSTS_OWN),
        ('"00:00:00"', HOSTS_OWN),
    ],
)
def test_the_time_span_of_host_json_is_read(text: str, timeout: timedelta) -> None:
    assert function_timeout(host_json(text), {}) == timeout


def test_what_only_the_host_takes_for_json_is_read_too() -> None:
    text = """{
      // "functionTimeout": "00:01:00",
      "FunctionTimeout" : "00:20:00", // twenty minutes
    }"""

    assert function_timeout(text, {}) == timedelta(minutes=20)
    assert function_timeout('{"version":"2.0","functionTimeout":"00:07:00"}', {}) == timedelta(minutes=7)


def test_without_a_word_of_it_the_hosts_own_holds() -> None:
    assert function_timeout("", {}) == HOSTS_OWN
    assert function_timeout('{"version": "2.0"}', {}) == HOSTS_OWN


@pytest.mark.parametrize("name", [OVERRIDE, OVERRIDE.upper()])
def test_an_app_setting_takes_the_place_of_the_files(name: str) -> None:
    assert function_timeout(host_json('"00:30:00"'), {name: "00:10:00"}) == timedelta(minutes=10)
    assert function_timeout(host_json('"00:20:00"'), {name: ""}) == timedelta(minutes=20)


@given(st.timedeltas(min_value=timedelta(minutes=1), max_value=7 * DAY))
def test_a_run_has_most_of_the_hosts_time_and_leaves_some_to_end_in(timeout: timedelta) -> None:
    longest = longest_run(timeout)

    assert timeout * 0.8 < longest <= timeout - min(timeout * 0.16, timedelta(minutes=5))


def test_a_policy_that_knows_no_host_goes_by_the_hosts_own() -> None:
    longest: timedelta = Policy.__dataclass_fields__["longest"].default  # type: ignore[assignment]

    assert longest == timedelta(minutes=25)
