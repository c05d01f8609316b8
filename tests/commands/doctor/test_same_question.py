"""The doctor asks Graph what a run asks, so that it finds what a run would meet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from due_notices import bootstrap
from due_notices.adapters.graph import GraphDirectory
from due_notices.adapters.graph_http import GraphHttp
from due_notices.commands.doctor.graph_probe import GraphProbe
from due_notices.errors import DirectoryError
from due_notices.settings import Settings
from local.emulated_service import RecordedRequest
from local.stack import LocalStack
from tests.fakes import MovableClock

OWN = {"client-request-id"}


def directories(stack: LocalStack, user_filter: str) -> tuple[GraphDirectory, GraphProbe]:
    settings, clock = Settings.from_mapping({**stack.environ, "USER_FILTER": user_filter}), MovableClock()
    directory = bootstrap.build_services(settings, clock).open_directory()
    assert isinstance(directory, GraphDirectory)
    token = bootstrap.graph_token(settings, clock)
    graph, attribute = GraphHttp(settings.graph_endpoint, token, clock), settings.policy.rules.attribute
    return directory, GraphProbe(graph, attribute, settings.user_filter, settings.opt_out_attribute)


def headers(request: RecordedRequest) -> Mapping[str, str]:
    return {name: value for name, value in request.headers.items() if name not in OWN}


@pytest.mark.parametrize("user_filter", ["accountEnabled eq true", "", "surname eq 'A' or surname eq 'B'"])
def test_doctor_and_run_ask_the_same_but_for_the_number_of_rows(stack: LocalStack, user_filter: str) -> None:
    directory, probe = directories(stack, user_filter)
    list(directory.pages())
    probe.users()
    probe.values()

    run, _, one, sample = stack.graph.requests

    assert one.query == {**run.query, "$top": "1"}
    assert list(one.query) == list(run.query)
    assert sample.query == run.query
    assert headers(run) == headers(one) == headers(sample)


@pytest.mark.parametrize(
    ("user_filter", "hint"),
    [
        ("accountEnabled ne false", "`ne`"),
        ("not (accountEnabled eq false)", "`not`"),
        ("endsWith(mail,'@example.com')", "`endsWith`"),
        ("accountEnabled eq tru", ""),
        ("nonsense", ""),
        ("displayName eq 'not here' and", ""),
    ],
)
def test_a_filter_that_fails_a_run_fails_the_doctors_line_in_the_same_words(
    stack: LocalStack, user_filter: str, hint: str
) -> None:
    directory, probe = directories(stack, user_filter)
    errors = []
    for ask in (lambda: list(directory.pages()), probe.users):
        with pytest.raises(DirectoryError) as caught:
            ask()
        errors.append(str(caught.value))

    for error in errors:
        assert "Graph answered 400 " in error
        assert ("needs an advanced query" in error) is bool(hint)
        assert hint in error
