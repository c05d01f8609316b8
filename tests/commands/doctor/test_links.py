"""The doctor fails at every single link, with the right remedy, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.commands.doctor.build import doctor_links
from due_notices.commands.doctor.links import (
    Diagnosis,
    Link,
    State,
    calendar,
    examine,
    exit_code,
    roles,
    rules_age,
    schedule,
    skew,
    time_zone,
)
from due_notices.credentials import claims_of
from due_notices.errors import CredentialError
from due_notices.ports import Clock
from due_notices.schedules import read_schedule
from due_notices.settings import Settings
from due_notices.time_zones import Difference
from local.clock import now
from local.faults import Fault
from local.stack import LocalStack
from local.tokens import new_guid
from tests.adapters.storage_access import StorageAccess
from tests.credentials.conftest import RunCli
from tests.fakes import MovableClock

LINKS = [
    "managed identity",
    "vault",
    "entra",
    "graph",
    "values",
    "queue",
    "table",
    "clock",
    "time zone",
    "calendar",
    "schedule",
    "coming days",
]


def examined(stack: LocalStack, access: StorageAccess, **changes: str) -> dict[str, Diagnosis]:
    return examined_at(SystemClock(), stack, access, **changes)


def examined_at(clock: Clock, stack: LocalStack, access: StorageAccess, **changes: str) -> dict[str, Diagnosis]:
    settings = Settings.from_mapping({**stack.environ, **access.environ, **changes})
    return {finding.link: finding for finding in examine(doctor_links(settings, clock))}


def levels(findings: Mapping[str, Diagnosis]) -> dict[str, State]:
    return {link: finding.level for link, finding in findings.items()}


@pytest.fixture
def healthy(stack: LocalStack) -> LocalStack:
    """Give the stack a user, and its secret an end that is far away."""
    stack.graph.users = [{"id": "1", "accountEnabled": True, stack.attribute: "2026-12-01"}]
    stack.vault.update_secret("graph-client-secret", expires_on=now() + timedelta(days=100))
    return stack


def test_all_is_well(healthy: LocalStack, storage_access: StorageAccess) -> None:
    findings = examined(healthy, storage_access)

    assert list(findings) == LINKS
    assert set(levels(findings).values()) == {State.OK}
    assert "100 more days" in findings["vault"].text or "99 more days" in findings["vault"].text
    assert findings["graph"].text.startswith("1 user;")
    assert healthy.managed_identity.principal_id in findings["managed identity"].text
    assert exit_code(list(findings.values())) == 0


def test_without_a_secret_there_is_no_vault(healthy: LocalStack, storage_access: StorageAccess) -> None:
    healthy.federate()

    findings = examined(healthy, storage_access, GRAPH_CREDENTIAL="federated", KEY_VAULT_URL="")

    assert list(findings) == [link for link in LINKS if link != "vault"]
    assert set(levels(findings).values()) == {State.OK}
    assert "api://AzureADTokenExchange" in findings["managed identity"].text


def test_with_a_certificate(healthy: LocalStack, storage_access: StorageAccess) -> None:
    healthy.certificate_rotate(lasts=timedelta(days=200))

    findings = examined(healthy, storage_access, GRAPH_CREDENTIAL="certificate")

    assert set(levels(findings).values()) == {State.OK}
    assert "the certificate" in findings["vault"].text


BROKEN: Mapping[str, tuple[Callable[[LocalStack], Mapping[str, str] | None], str, tuple[str, ...]]] = {
    "no identity": (
        lambda _: {"AZURE_CLIENT_ID": new_guid()},
        "managed identity",
        ("identity endpoint", "az functionapp identity assign"),
    ),
    "no answer of the identity endpoint": (
        lambda stack: stack.identity.faults.add(Fault(status=200, body=b"<html>")),
        "managed identity",
        ("az functionapp restart",),
    ),
    "no vault": (lambda _: {"KEY_VAULT_URL": "https://127.0.0.1:1"}, "vault", ("KEY_VAULT_URL",)),
    "no right on the vault": (
        lambda stack: stack.vault.readers.clear(),
        "vault",
        ("ForbiddenByRbac", "az role assignment create"),
    ),
    "no secret": (lambda stack: stack.vault.delete_secret("graph-client-secret"), "vault", ("rotate-secret",)),
    "a wrong secret": (
        lambda stack: none(stack.secret_rotate(store=False)),
        "entra",
        ("AADSTS7000215", "rotate-secret"),
    ),
    "a wrong app": (lambda _: {"GRAPH_CLIENT_ID": new_guid()}, "entra", ("AADSTS700016", "az ad app show")),
    "no right to read users": (
        lambda stack: stack.entra.set_roles(stack.app.client_id, ()),
        "entra",
        ("User.Read.All", "az ad app permission admin-consent --id"),
    ),
    "no such attribute": (
        lambda _: {"DUE_DATE_ATTRIBUTE": f"extension_{'0' * 32}_other"},
        "graph",
        ("DUE_DATE_ATTRIBUTE", "post_provision.py"),
    ),
    "no such property of who wants no notices": (
        lambda _: {"OPT_OUT_ATTRIBUTE": f"extension_{'0' * 32}_other"},
        "graph",
        ("OPT_OUT_ATTRIBUTE", f"extension_{'0' * 32}_other", "Boolean"),
    ),
    "Graph refuses": (
        lambda stack: stack.graph.faults.add(Fault(status=403)),
        "graph",
        ("403 Authorization_RequestDenied", "request id", "admin-consent"),
    ),
    "Graph is away": (
        lambda stack: stack.graph.faults.add(Fault(status=200, body=b"<html>")),
        "graph",
        ("GRAPH_ENDPOINT",),
    ),
    "no queue": (lambda _: {"NOTICE_QUEUE": "another"}, "queue", ("NOTICE_QUEUE", "az storage queue create")),
    "no table": (lambda _: {"LEDGER_TABLE": "another"}, "table", ("LEDGER_TABLE", "az storage table create")),
}


def none(_: object) -> None:
    """Forget a value."""


@pytest.mark.parametrize("case", list(BROKEN))
def test_each_link_fails_alone_with_its_remedy(healthy: LocalStack, storage_access: StorageAccess, case: str) -> None:
    spoil, link, hints = BROKEN[case]
    changes = spoil(healthy) or {}

    findings = examined(healthy, storage_access, **changes)

    assert findings[link].level is State.FAILED
    for hint in hints:
        assert hint in findings[link].text
    found = levels(findings)
    chain = LINKS[:5]
    hanging = chain[chain.index(link) + 1 :] if link in chain else []
    assert {name for name, level in found.items() if level is State.NOT_TRIED} == set(hanging)
    assert {name for name, level in found.items() if level is State.FAILED} == {link}
    for name in hanging:
        assert findings[name].text == f"depends on: {link}"
    assert exit_code(list(findings.values())) == 2


def test_queue_and_table_depend_on_the_identity_where_they_are_reached_by_it(
    healthy: LocalStack, storage_access: StorageAccess
) -> None:
    endpoints = {
        "NOTICE_STORAGE": "",
        "NOTICE_STORAGE__queueServiceUri": healthy.azurite.url("queue").replace("http:", "https:"),
        "NOTICE_STORAGE__tableServiceUri": healthy.azurite.url("table").replace("http:", "https:"),
    }

    findings = examined(healthy, storage_access, **endpoints, AZURE_CLIENT_ID=new_guid())

    assert findings["queue"].level is findings["table"].level is State.NOT_TRIED


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")  # inside the queue SDK
def test_a_wrong_account_key_is_refused_by_queue_and_table(healthy: LocalStack, storage_access: StorageAccess) -> None:
    text = healthy.azurite.connection_string
    key = next(part for part in text.split(";") if part.startswith("AccountKey="))
    wrong = text.replace(key, "AccountKey=" + base64.b64encode(bytes(64)).decode())

    findings = examined(healthy, storage_access, NOTICE_STORAGE=wrong)

    for link in ("queue", "table"):
        assert findings[link].level is State.FAILED
        assert "no role helps a connection string" in findings[link].text


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"PartitionKey": "2026-12-01", "RowKey": "of another program"}, "does not say which deployment"),
        ({"PartitionKey": "format", "RowKey": "format", "version": 2}, "this version of Due Notices knows format 1"),
        (
            {"PartitionKey": "format", "RowKey": "format", "version": 1, "tenant": "t", "attribute": "a", "queue": "q"},
            "belongs to another deployment",
        ),
        ({"PartitionKey": "runs", "RowKey": "9999-01-01_damaged", "report": "{}"}, "did not write"),
    ],
)
def test_a_ledger_that_a_run_refuses_is_a_broken_link(
    healthy: LocalStack, storage_access: StorageAccess, row: dict[str, Any], hint: str
) -> None:
    if row["PartitionKey"] == "runs":
        own = Settings.from_mapping({**healthy.environ, **storage_access.environ})
        asyncio.run(take_ownership(own))
    storage_access.table.create_entity(row)

    table = examined(healthy, storage_access)["table"]

    assert table.level is State.FAILED
    assert hint in table.text


async def take_ownership(settings: Settings) -> None:
    async with bootstrap.open_storage(settings, SystemClock()) as storage:
        await storage.ledger.take_ownership()


@pytest.mark.parametrize(
    ("given", "level", "hint"),
    [
        ({"User.Read.All"}, State.OK, "nothing more"),
        ({"User.Read.All", "Mail.Send"}, State.WARNING, "Mail.Send"),
        ({"Directory.Read.All"}, State.WARNING, "User.Read.All instead"),
        ({"Mail.Send"}, State.FAILED, "admin-consent"),
        (set(), State.FAILED, "admin-consent"),
    ],
)
def test_the_rights_in_the_token(
    healthy: LocalStack, storage_access: StorageAccess, given: set[str], level: State, hint: str
) -> None:
    healthy.entra.set_roles(healthy.app.client_id, given)

    finding = examined(healthy, storage_access)["entra"]

    assert finding.level is level
    assert hint in finding.text


@pytest.mark.parametrize("left", [timedelta(days=3), timedelta(days=-3), None])
def test_an_end_that_is_near_passed_or_unknown_is_a_warning(
    healthy: LocalStack, storage_access: StorageAccess, left: timedelta | None
) -> None:
    healthy.vault.update_secret("graph-client-secret", expires_on=None if left is None else now() + left)

    findings = examined(healthy, storage_access)

    assert findings["vault"].level is State.WARNING
    assert findings["vault"].text.endswith("`due-notices rotate-secret`")
    assert findings["graph"].level is State.OK
    assert exit_code(list(findings.values())) == 1


def test_a_filter_that_lists_no_user_is_a_warning(healthy: LocalStack, storage_access: StorageAccess) -> None:
    healthy.graph.users = []

    finding = examined(healthy, storage_access)["graph"]

    assert finding.level is State.WARNING
    assert "USER_FILTER" in finding.text


@pytest.mark.parametrize("value", ["2026-12-01", ["2026-12-01", "2026-12-24"], "2026-12-01T00:00:00Z"])
def test_an_attribute_is_known_whatever_its_type(
    healthy: LocalStack, storage_access: StorageAccess, value: object
) -> None:
    healthy.graph.users = [{"id": "1", "accountEnabled": True, healthy.attribute: value}]

    assert examined(healthy, storage_access)["graph"].level is State.OK


def test_an_on_premises_attribute_is_there_in_every_directory(
    healthy: LocalStack, storage_access: StorageAccess
) -> None:
    attribute = "onPremisesExtensionAttributes/extensionAttribute7"

    assert examined(healthy, storage_access, DUE_DATE_ATTRIBUTE=attribute)["graph"].level is State.OK


def test_without_an_opt_out_attribute_all_is_well(healthy: LocalStack, storage_access: StorageAccess) -> None:
    assert examined(healthy, storage_access, OPT_OUT_ATTRIBUTE="")["graph"].level is State.OK


def test_a_tenant_that_does_not_count_is_no_failure(healthy: LocalStack, storage_access: StorageAccess) -> None:
    body = b'{"error":{"code":"Request_UnsupportedQuery","message":"Count is not supported."}}'
    healthy.graph.faults.add(Fault(status=400, body=body, on_request=3))

    finding = examined(healthy, storage_access)["graph"]

    assert finding.level is State.OK
    assert "does not count" in finding.text


# Without a trace.


def test_nothing_is_left_on_queue_and_table(healthy: LocalStack, storage_access: StorageAccess) -> None:
    findings = examined(healthy, storage_access)

    assert findings["queue"].level is findings["table"].level is State.OK
    assert storage_access.properties().approximate_message_count == 0
    assert storage_access.rows() == []


async def test_a_message_that_may_not_be_deleted_is_gone_after_two_seconds(storage_access: StorageAccess) -> None:
    from azure.core.exceptions import HttpResponseError

    from due_notices.commands.doctor.storage_probe import EVENT_TYPE, try_queue

    put: list[dict[str, Any]] = []

    class Sender:
        """May add, and nothing else: the sender's role."""

        queue_name = "queue"

        async def send_message(self, text: str, **options: Any) -> object:
            put.append({"text": text, **options})
            return storage_access.queue.send_message(text, **options)

        async def delete_message(self, _: object) -> None:
            raise HttpResponseError("AuthorizationPermissionMismatch")

        async def get_queue_properties(self) -> None:
            raise HttpResponseError("AuthorizationPermissionMismatch")

    sender: Any = Sender()

    may_count = await try_queue(sender, sender, "/tenants/t/due-notices")

    assert may_count is False
    assert storage_access.queue.receive_message() is None  # invisible
    await asyncio.sleep(2.1)  # Azurite goes by the real time
    assert storage_access.queue.receive_message() is None
    assert storage_access.properties().approximate_message_count == 0
    (message,) = put
    event = json.loads(base64.b64decode(message["text"], validate=True))
    assert event["type"] == EVENT_TYPE
    assert datetime.fromisoformat(event["expirytime"]) < now()
    assert message["visibility_timeout"] < message["time_to_live"] <= 2


# The pure parts.


def fails() -> tuple[State, str]:
    raise CredentialError("refused: do this")


def test_an_error_of_a_link_is_its_finding() -> None:
    assert list(examine([Link("a", fails)])) == [Diagnosis("a", State.FAILED, "refused: do this")]


def test_an_unexpected_error_fails_its_link_alone(caplog: pytest.LogCaptureFixture) -> None:
    def stumbles() -> tuple[State, str]:
        raise ValueError("AccountKey=hunter2")

    well = lambda: (State.OK, "well")  # noqa: E731
    caplog.set_level("INFO")

    found = list(examine([Link("a", stumbles), Link("b", well, ("a",)), Link("c", well)]))

    assert [finding.level for finding in found] == [State.FAILED, State.NOT_TRIED, State.OK]
    assert "(ValueError)" in found[0].text
    assert "--debug" in found[0].text
    assert "hunter2" not in found[0].text
    assert "stumbles" in caplog.text, "with --debug the log has the traceback"
    assert exit_code(found) == 2


def test_what_depends_on_what_was_not_tried_names_the_first_cause() -> None:
    well = lambda: (State.OK, "well")  # noqa: E731
    links = [Link("a", fails), Link("b", well, ("a",)), Link("c", well, ("b",)), Link("d", well)]

    found = list(examine(links))

    assert [finding.text for finding in found] == ["refused: do this", "depends on: a", "depends on: a", "well"]


def test_a_warning_breaks_nothing() -> None:
    links = [Link("a", lambda: (State.WARNING, "hm")), Link("b", lambda: (State.OK, "well"), ("a",))]

    assert [finding.level for finding in examine(links)] == [State.WARNING, State.OK]


@given(st.lists(st.sampled_from(list(State))))
def test_the_exit_code_is_that_of_the_worst(found: list[State]) -> None:
    code = exit_code([Diagnosis("link", level, "") for level in found])

    assert code == max([0, *({State.WARNING: 1, State.FAILED: 2}.get(level, 0) for level in found)])


@pytest.mark.parametrize(
    ("seconds", "level", "hint"),
    [
        (0, State.OK, "within"),
        (59, State.OK, "within"),
        (61, State.WARNING, "ahead of"),
        (-61, State.WARNING, "behind"),
        (300, State.FAILED, "ahead of"),
        (-4000, State.FAILED, "4,000 s behind"),
    ],
)
def test_a_clock_that_is_wrong_by_a_minute_is_a_warning_and_by_five_a_failure(
    seconds: int, level: State, hint: str
) -> None:
    found, text = skew(timedelta(seconds=seconds))

    assert found is level
    assert hint in text


def test_a_clock_that_is_wrong_is_seen_by_the_services_date(healthy: LocalStack, storage_access: StorageAccess) -> None:
    ahead = MovableClock(now() + timedelta(minutes=10))
    behind = MovableClock(now() - timedelta(minutes=2))

    assert examined_at(ahead, healthy, storage_access)["clock"].level is State.FAILED
    assert examined_at(behind, healthy, storage_access)["clock"].level is State.WARNING


@pytest.mark.parametrize(
    ("ncrontab", "level", "hint"),
    [
        ("0 0 * * * *", State.OK, "Wed 2026-11-25 08:00"),
        ("0 0 9 * * *", State.WARNING, "the only one on its day"),
        ("0 0 9,10 * * *", State.OK, "Wed 2026-11-25 09:00"),
        ("0 0 3 * * *", State.FAILED, "NOTICE_SCHEDULE"),
        ("* * * * * *", State.OK, "Wed 2026-11-25 08:00"),
    ],
)
def test_the_schedule_against_the_window(stack: LocalStack, ncrontab: str, level: State, hint: str) -> None:
    policy = replace(Settings.from_mapping(stack.environ).policy, schedule=read_schedule(ncrontab))

    found, text = schedule(policy, datetime(2026, 11, 24, 22, tzinfo=UTC))

    assert found is level
    assert hint in text


@pytest.mark.parametrize(
    ("written", "level", "hints"),
    [
        ("", State.OK, ("every day is a business day",)),
        ("DE-BE", State.OK, ("weekend SAT and SUN", "2026-12-25 Christmas Day", f"holidays {version('holidays')}")),
        ("GB", State.WARNING, ("GB-ENG, GB-NIR, GB-SCT, GB-WLS",)),
        ("LK", State.WARNING, ("end on 2026-12-31", "CLOSED_DAYS")),
        ("UA", State.WARNING, ("closes nothing but its weekend",)),
    ],
)
def test_the_calendar_shows_what_a_person_must_see(
    stack: LocalStack, written: str, level: State, hints: Sequence[str]
) -> None:
    policy = Settings.from_mapping({**stack.environ, "BUSINESS_CALENDAR": written}).policy

    found, text = calendar(policy, datetime(2026, 11, 30, 9, tzinfo=UTC))

    assert found is level
    assert all(hint in text for hint in hints)


def test_a_system_with_other_rules_is_shown_and_a_package_that_is_old_warned_of() -> None:
    made = date(2026, 7, 6)

    assert rules_age("by the package", made, date(2027, 7, 6)) == (State.OK, "by the package")
    assert rules_age("by the package", None, date(2036, 7, 6)) == (State.OK, "by the package")
    level, text = rules_age("by the package", made, date(2027, 7, 7))
    assert level is State.WARNING
    assert "update tzdata" in text


def test_where_the_systems_copy_differs_is_said(healthy: LocalStack, storage_access: StorageAccess) -> None:
    settings = Settings.from_mapping(
        {**healthy.environ, **storage_access.environ, "BUSINESS_TIME_ZONE": "America/Winnipeg"}
    )
    difference = Difference(
        datetime(2026, 11, 30, 9, tzinfo=UTC),
        datetime.fromisoformat("2026-11-30T04:00"),
        datetime.fromisoformat("2026-11-30T03:00"),
    )

    level, text = time_zone(settings.policy, difference, datetime(2026, 11, 30, 9, tzinfo=UTC))

    assert level is State.OK
    assert all(part in text for part in ("America/Winnipeg", "tzdata", "show 03:00", "shows 04:00"))


def test_open_days_without_a_tick_are_a_warning(healthy: LocalStack, storage_access: StorageAccess) -> None:
    clock = MovableClock(datetime(2026, 11, 30, 9, tzinfo=UTC))

    found = examined_at(
        clock,
        healthy,
        storage_access,
        NOTICE_SCHEDULE="0 0,30 7 * * *",
        SEND_WINDOW="08:00-09:00",
        BUSINESS_TIME_ZONE="Europe/Berlin",
    )["coming days"]

    assert found.level is State.WARNING
    assert "on 217 open days, from Sun 2027-03-28 to Sat 2027-10-30" in found.text


@given(st.text())
def test_what_is_no_token_says_nothing(text: str) -> None:
    assert isinstance(claims_of(text), dict)


def test_roles_that_are_no_list_count_as_none() -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"roles": [1, None]}).encode()).decode().rstrip("=")

    assert roles(f"x.{payload}.y", "client")[0] is State.FAILED


# The command.


@pytest.mark.usefixtures("healthy")
def test_the_command_prints_a_line_for_each_link_and_ends_with_the_worst(run_cli: RunCli) -> None:
    done = run_cli("doctor")

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line[:9].strip() for line in lines] == ["ok"] * (1 + len(LINKS))
    assert [line[10:26].strip() for line in lines] == ["settings", *LINKS]
    assert done.stderr == ""


def test_the_command_prints_json_for_programs(healthy: LocalStack, run_cli: RunCli) -> None:
    healthy.vault.readers.clear()

    done = run_cli("doctor", "--json")

    told = json.loads(done.stdout)
    assert done.returncode == told["exitCode"] == 2
    assert [finding["level"] for finding in told["findings"]][:5] == ["ok", "ok", "failed", "not tried", "not tried"]


@pytest.mark.parametrize("storage", ["AccountName=x", "AccountName=x;AccountKey=abc"])
def test_a_malformed_connection_string_is_reported_in_json_too(
    stack: LocalStack, run_cli: RunCli, storage: str
) -> None:
    done = run_cli("doctor", "--json", environ={**stack.environ, "NOTICE_STORAGE": storage})

    told = json.loads(done.stdout)
    assert done.returncode == told["exitCode"] == 2
    assert [finding["level"] for finding in told["findings"]] == ["failed", "not tried"]
    assert "NOTICE_STORAGE" in told["findings"][0]["text"]


@pytest.mark.usefixtures("healthy")
def test_a_login_that_azure_identity_does_not_take_is_a_settings_problem(stack: LocalStack, run_cli: RunCli) -> None:
    done = run_cli("doctor", "--json", environ={**stack.environ, "AZURE_TOKEN_CREDENTIALS": "NobodysCredential"})

    told = json.loads(done.stdout)
    assert done.returncode == told["exitCode"] == 2
    assert [finding["level"] for finding in told["findings"]] == ["failed", "not tried"]


def test_wrong_settings_are_the_first_broken_link(stack: LocalStack, run_cli: RunCli) -> None:
    done = run_cli("doctor", environ={**stack.environ, "SEND_WINDOW": "never", "GRAPH_CREDENTIAL": "magic"})

    assert done.returncode == 2
    assert "SEND_WINDOW" in done.stdout
    assert "secret, certificate, federated" in done.stdout
    assert "not tried" in done.stdout


def test_the_command_logs_in_as_a_developer_where_that_is_set(healthy: LocalStack, run_cli: RunCli) -> None:
    healthy.vault.readers.add(healthy.operator.principal_id)

    done = run_cli("doctor", environ=healthy.operator_environ)

    assert done.returncode == 0
    assert healthy.operator.principal_id in done.stdout
