"""What is in force, and names that are nearly a setting's."""

from __future__ import annotations

import pytest

from due_notices.calendars import BusinessDays, parse_calendars
from due_notices.errors import SettingsError
from due_notices.in_force import in_force
from due_notices.setting_values import near_misses
from due_notices.settings import SETTINGS, Settings
from tests.factories import environ, on, policy

TODAY = on("2026-11-24")
NAMES = {each.name for each in SETTINGS}


def test_it_says_to_whom_when_and_where() -> None:
    text = in_force(policy(), TODAY)

    for part in (
        "everybody",
        "7, 3, 1 days before and on the due date",
        "UTC 08:00-18:00",
        "every day is a business day",
    ):
        assert part in text


def test_a_ladder_and_a_calendar_are_named_with_the_next_closed_day() -> None:
    german = policy(-1, 3, 14, calendar=BusinessDays(parse_calendars("DE")))

    text = in_force(german, TODAY)

    assert "1 day before and 3, 14 days after" in text
    assert "next closed day 2026-12-25: " in text


def test_an_allow_list_is_counted_and_never_shown() -> None:
    text = in_force(policy(allow_list=frozenset({"ada@example.com", "@example.org"})), TODAY)

    assert "the 2 addresses and domains of RECIPIENT_ALLOW_LIST alone" in text
    assert "example" not in text


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RECIPIENTS_ALLOW_LIST", "RECIPIENT_ALLOW_LIST"),
        ("BUSINESS_TIMEZONE", "BUSINESS_TIME_ZONE"),
        ("CATCHUP_DAYS", "CATCH_UP_DAYS"),
        ("USER_FILTERS", "USER_FILTER"),
        ("send_windows", "SEND_WINDOW"),
        ("NOTICE_STORAGE__queueServiceUrl", "NOTICE_STORAGE__queueServiceUri"),
    ],
)
def test_a_name_that_is_nearly_a_settings_is_warned_of(name: str, meant: str) -> None:
    (warning,) = (each for each in Settings.from_mapping({**environ(), name: "x"}).warnings if name in each)

    assert warning.startswith(f"{name}: ")
    assert meant in warning


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "TZ", "WEBSITE_TIME_ZONE", "AzureWebJobsStorage"]
)
def test_other_names_are_ignored(name: str) -> None:
    assert list(near_misses([name], NAMES)) == []


def test_a_settings_name_in_other_capitals_is_warned_of_unless_the_system_knows_none() -> None:
    assert list(near_misses(["Send_Window"], NAMES)) == [("Send_Window", "SEND_WINDOW")]

    both = ["NOTICE_STORAGE__QUEUESERVICEURI", "NOTICE_STORAGE__queueServiceUri"]
    assert list(near_misses(both, NAMES)) == []


def test_no_setting_is_nearly_another() -> None:
    assert list(near_misses([*NAMES], NAMES)) == []
    for name in NAMES:
        assert list(near_misses([name], [other for other in NAMES if other != name])) == []


@pytest.mark.parametrize("text", [",", ";", " , ", ",;,"])
def test_an_allow_list_that_names_no_one_is_a_problem(text: str) -> None:
    with pytest.raises(SettingsError, match="RECIPIENT_ALLOW_LIST"):
        Settings.from_mapping(environ(RECIPIENT_ALLOW_LIST=text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"USER_FILTER": "a  eq 'x'"}, {"USER_FILTER": " a eq 'x' "}, True),
        ({"USER_FILTER": "a eq 'x  y'"}, {"USER_FILTER": "a eq 'x y'"}, False),
        ({"USER_FILTER": ""}, {}, False),
        ({"RECIPIENT_ALLOW_LIST": "@a.example, b@c.example"}, {"RECIPIENT_ALLOW_LIST": "B@c.example;@a.example"}, True),
        ({"RECIPIENT_ALLOW_LIST": "@a.example"}, {}, False),
        ({"NOTICE_LIMIT": "5"}, {}, True),
    ],
)
def test_the_digest_tells_filters_and_allow_lists_apart(
    one: dict[str, str | None],
    other: dict[str, str | None],
    same: bool,  # noqa: FBT001
) -> None:
    digests = {Settings.from_mapping(environ(**given)).policy.rules.filter_digest for given in (one, other)}

    assert (len(digests) == 1) is same
