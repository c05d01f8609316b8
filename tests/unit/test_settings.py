from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from due_notices import bootstrap
from due_notices.calendars import BusinessDays, EveryDay
from due_notices.errors import DueNoticesError, SettingsError
from due_notices.settings import SETTINGS, Settings, meets
from due_notices.stages import SendWindow
from tests.factories import ATTRIBUTE, CLIENT, TENANT, at, environ, on
from tests.fakes import MovableClock

ACCOUNT_KEY = "c2VjcmV0"
QUEUES, TABLES = "https://notices.queue.core.windows.net", "https://notices.table.core.windows.net"
QUEUE_URI, TABLE_URI = "NOTICE_STORAGE__queueServiceUri", "NOTICE_STORAGE__tableServiceUri"
OTHER_CLIENT = "c11e4700-0000-4000-8000-0000000000ff"


def read(**overrides: str | None) -> Settings:
    return Settings.from_mapping(environ(**overrides))


def problems(**overrides: str | None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        read(**overrides)
    return refused.value.problems


def test_defaults_are_those_that_the_documentation_promises() -> None:
    defaults = {setting.name: setting.default for setting in SETTINGS}

    # None: required. The storage's connection string may be given or two endpoints; it is checked on its own.
    promised = {
        "GRAPH_TENANT_ID": None,
        "GRAPH_CLIENT_ID": None,
        "KEY_VAULT_URL": None,
        "KEY_VAULT_SECRET_NAME": "graph-client-secret",
        "DUE_DATE_ATTRIBUTE": None,
        "DAYS_BEFORE_DUE": "7,3,1,0",
        "DAYS_AFTER_DUE": "",
        "CATCH_UP_DAYS": "3",
        "BUSINESS_TIME_ZONE": "UTC",
        "SEND_WINDOW": "08:00-18:00",
        "BUSINESS_CALENDAR": "",
        "CLOSED_DAYS": "",
        "OPEN_DAYS": "",
        "WEEKEND": "",
        "NOTICE_SCHEDULE": "0 0 * * * *",
        "NOTICE_STORAGE": "",
        "NOTICE_STORAGE__queueServiceUri": "",
        "NOTICE_STORAGE__tableServiceUri": "",
        "NOTICE_STORAGE__clientId": "",
        "NOTICE_QUEUE": "due-notices",
        "LEDGER_TABLE": "duenotices",
        "NOTICE_LIMIT": "10000",
        "CLAIM_LAPSE_MINUTES": "10",
        "RECIPIENT_ALLOW_LIST": "",
        "USER_FILTER": "accountEnabled eq true",
        "GRAPH_ENDPOINT": "https://graph.microsoft.com",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com",
        "INSTANCE_DISCOVERY": "true",
    }
    assert promised.items() <= defaults.items()
    assert {name for name, default in defaults.items() if default is None} == {
        *("GRAPH_TENANT_ID", "GRAPH_CLIENT_ID", "KEY_VAULT_URL", "DUE_DATE_ATTRIBUTE"),
    }


def test_each_setting_is_listed_once_with_its_meaning() -> None:
    names = [setting.name for setting in SETTINGS]

    assert len(set(names)) == len(names)
    assert all(setting.meaning for setting in SETTINGS)


def test_the_smallest_environment_gives_the_defaults() -> None:
    found = read()

    rules = found.policy.rules
    assert (found.tenant_id, found.client_id) == (TENANT, CLIENT)
    assert (found.vault_url, found.secret_name) == ("https://notices.vault.azure.net", "graph-client-secret")
    assert rules.attribute == (ATTRIBUTE,)
    assert (rules.stages.days, rules.stages.catch_up_days) == ((-7, -3, -1, 0), 3)
    assert rules.stages.calendar == EveryDay()
    assert (rules.time_zone, rules.allow_list) == (ZoneInfo("UTC"), frozenset())
    assert found.policy.window == SendWindow(time(8), time(18))
    assert (found.policy.limit, found.policy.lapse) == (10_000, timedelta(minutes=10))
    assert found.policy.source == f"/tenants/{TENANT}/due-notices"
    assert (found.schedule, found.queue, found.table) == ("0 0 * * * *", "due-notices", "duenotices")
    assert found.user_filter == "accountEnabled eq true"
    assert found.graph_endpoint == "https://graph.microsoft.com"
    assert (found.authority_host, found.instance_discovery) == ("https://login.microsoftonline.com", True)
    assert (found.identity_client_id, found.developer_login) == (None, False)
    assert found.storage.connection_string is not None
    assert found.storage.connection_string.reveal() == environ()["NOTICE_STORAGE"]
    assert (found.storage.queue_url, found.storage.table_url, found.storage.identity_client_id) == ("", "", None)


def test_the_same_settings_written_out_are_the_same() -> None:
    written_out = {setting.name: setting.default for setting in SETTINGS if setting.default is not None}

    assert read(**{**written_out, "NOTICE_STORAGE": environ()["NOTICE_STORAGE"]}) == read()


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().queue = "other"  # type: ignore[misc] # that it is refused is the point


def test_every_setting_is_read() -> None:
    found = read(
        GRAPH_TENANT_ID=TENANT.upper(),
        KEY_VAULT_URL="https://other.vault.azure.net/",
        KEY_VAULT_SECRET_NAME="my-secret",
        DUE_DATE_ATTRIBUTE="onPremisesExtensionAttributes/extensionAttribute15",
        DAYS_BEFORE_DUE="0, 14",
        DAYS_AFTER_DUE="0,30",
        CATCH_UP_DAYS="0",
        BUSINESS_TIME_ZONE="Europe/Berlin",
        SEND_WINDOW="09:30-24:00",
        BUSINESS_CALENDAR="DE-BY, xecb",
        CLOSED_DAYS="2026-12-24",
        OPEN_DAYS="2026-12-12,2026-12-19/2026-12-20",
        WEEKEND="sat,sun",
        NOTICE_SCHEDULE="0 */15 * * * *",
        NOTICE_QUEUE="q-1",
        LEDGER_TABLE="Ledger1",
        NOTICE_LIMIT="1",
        CLAIM_LAPSE_MINUTES="1440",
        RECIPIENT_ALLOW_LIST="Alice@Example.com, @EXAMPLE.org;bob@example.net\n",
        USER_FILTER="",
        GRAPH_ENDPOINT="https://graph.microsoft.us/",
        AZURE_AUTHORITY_HOST="login.microsoftonline.us",
        INSTANCE_DISCOVERY="False",
        AZURE_CLIENT_ID=CLIENT.upper(),
        AZURE_TOKEN_CREDENTIALS="dev",
    )

    policy = found.policy
    assert found.tenant_id == TENANT
    assert policy.source == f"/tenants/{TENANT}/due-notices"
    assert (found.vault_url, found.secret_name) == ("https://other.vault.azure.net", "my-secret")
    assert policy.rules.attribute == ("onPremisesExtensionAttributes", "extensionAttribute15")
    assert (policy.rules.stages.days, policy.rules.stages.catch_up_days) == ((-14, 0, 30), 0)
    calendar = policy.rules.stages.calendar
    assert isinstance(calendar, BusinessDays)
    assert [each.name for each in calendar.calendars] == ["DE-BY", "XECB"]
    assert calendar.closed_days == {on("2026-12-24")}
    assert calendar.weekend == frozenset({5, 6})
    assert calendar.open_days == {on("2026-12-12"), on("2026-12-19"), on("2026-12-20")}
    assert policy.rules.time_zone == ZoneInfo("Europe/Berlin")
    assert policy.window == SendWindow(time(9, 30), None)
    assert (found.schedule, found.queue, found.table) == ("0 */15 * * * *", "q-1", "Ledger1")
    assert (policy.limit, policy.lapse) == (1, timedelta(days=1))
    assert policy.rules.allow_list == {"alice@example.com", "@example.org", "bob@example.net"}
    assert found.user_filter == ""
    assert (found.graph_endpoint, found.authority_host) == (
        "https://graph.microsoft.us",
        "https://login.microsoftonline.us",
    )
    assert (found.instance_discovery, found.developer_login) == (False, True)
    assert found.identity_client_id == CLIENT


@pytest.mark.parametrize(
    ("identity", "of_storage", "expected"),
    [
        (None, None, None),
        (CLIENT, None, CLIENT),
        (None, OTHER_CLIENT, OTHER_CLIENT),
        (CLIENT, OTHER_CLIENT, OTHER_CLIENT),
    ],
)
def test_storage_may_be_endpoints_and_an_identity(
    identity: str | None, of_storage: str | None, expected: str | None
) -> None:
    found = read(
        NOTICE_STORAGE=None,
        NOTICE_STORAGE__queueServiceUri=f"{QUEUES}/",
        NOTICE_STORAGE__tableServiceUri=TABLES,
        NOTICE_STORAGE__clientId=of_storage,
        AZURE_CLIENT_ID=identity,
    )

    assert found.storage.connection_string is None
    assert (found.storage.queue_url, found.storage.table_url) == (QUEUES, TABLES)
    assert found.storage.identity_client_id == expected


def test_an_app_that_the_managed_identity_vouches_for_needs_no_vault() -> None:
    found = read(GRAPH_CREDENTIAL="Federated", KEY_VAULT_URL=None)

    assert (found.credential, found.vault_url) == ("federated", "")


def test_the_name_of_a_vault_is_the_first_part_of_its_host() -> None:
    assert read().vault_name == "notices"


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        f"AccountName=notices;AccountKey={ACCOUNT_KEY}",
        f"defaultendpointsprotocol=https;accountname=notices;accountkey={ACCOUNT_KEY};endpointsuffix=core.example;",
        f"AccountName=x;AccountKey={ACCOUNT_KEY};QueueEndpoint=http://[::1]:1/x;TableEndpoint=http://127.0.0.1:2/x;",
        f"BlobEndpoint=https://a;QueueEndpoint={QUEUES}/;TableEndpoint={TABLES}/;SharedAccessSignature=sv=1&sig=x%3D",
        "AccountName=notices;SharedAccessSignature=sig=x",
    ],
)
async def test_a_connection_string_that_is_taken_opens_the_storage(text: str) -> None:
    async with bootstrap.open_storage(read(NOTICE_STORAGE=text), MovableClock()):
        pass


def test_a_local_emulator_has_endpoints_with_paths() -> None:
    found = read(
        NOTICE_STORAGE=None,
        NOTICE_STORAGE__queueServiceUri="https://127.0.0.1:10001/devstoreaccount1",
        NOTICE_STORAGE__tableServiceUri="https://127.0.0.1:10002/devstoreaccount1",
    )

    assert found.storage.queue_url == "https://127.0.0.1:10001/devstoreaccount1"


def test_a_setting_that_is_set_to_nothing_has_its_default_unless_empty_means_something() -> None:
    found = read(BUSINESS_TIME_ZONE="", NOTICE_LIMIT=" ", USER_FILTER=" ", DAYS_BEFORE_DUE="", DAYS_AFTER_DUE="3")

    assert found.policy.rules.time_zone == ZoneInfo("UTC")
    assert found.policy.limit == 10_000
    assert found.user_filter == ""
    assert found.policy.rules.stages.days == (3,)


def test_blanks_around_a_setting_do_not_matter() -> None:
    padded = {name: f" {value}\n" for name, value in environ().items()}

    assert Settings.from_mapping(padded) == read()


def test_everything_else_in_the_environment_is_left_alone() -> None:
    assert read(PATH="/bin", GRAPH_TENANT="x") == read()


WRONG: list[tuple[str, str, str]] = [
    ("GRAPH_TENANT_ID", "contoso.onmicrosoft.com", "is not a GUID; copy it from the app registration's overview"),
    ("GRAPH_TENANT_ID", TENANT[:-1], "is not a GUID"),
    ("GRAPH_TENANT_ID", "{" + TENANT + "}", "is not a GUID"),
    ("GRAPH_CLIENT_ID", CLIENT.replace("-", ""), "is not a GUID"),
    ("AZURE_CLIENT_ID", "my-identity", "is not a GUID"),
    ("NOTICE_STORAGE__clientId", "my-identity", "is not a GUID"),
    ("GRAPH_CREDENTIAL", "password", "write one of secret, certificate, federated"),
    ("KEY_VAULT_URL", "notices", "form https://host"),
    ("KEY_VAULT_URL", "notices.vault.azure.net", "form https://host"),
    ("KEY_VAULT_URL", "http://notices.vault.azure.net", "form https://host"),
    ("KEY_VAULT_URL", "https://", "form https://host"),
    ("KEY_VAULT_URL", "https://[::1", "form https://host"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net:port", "form https://host"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net/secrets/graph-client-secret", "form https://host"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net?api-version=7.4", "form https://host"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net/#x", "form https://host"),
    ("KEY_VAULT_URL", "https://alice@notices.vault.azure.net", "form https://host"),
    ("KEY_VAULT_SECRET_NAME", "graph_client_secret", "is no name that Azure allows; one is my-secret"),
    ("KEY_VAULT_SECRET_NAME", "x" * 128, "is no name that Azure allows"),
    ("DUE_DATE_ATTRIBUTE", "dueDate", "is neither extension_<32 hex digits>_<name> nor onPremises"),
    ("DUE_DATE_ATTRIBUTE", f"extension_{CLIENT}_paymentsDue", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", ATTRIBUTE.rpartition("_")[0] + "_", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", f"{ATTRIBUTE},mail", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", "onPremisesExtensionAttributes/extensionAttribute0", "extensionAttribute1 to 15"),
    ("DUE_DATE_ATTRIBUTE", "onPremisesExtensionAttributes/extensionAttribute16", "extensionAttribute1 to 15"),
    ("DUE_DATE_ATTRIBUTE", "extensionAttribute1", "extensionAttribute1 to 15"),
    ("DAYS_BEFORE_DUE", "-7", "write whole numbers of days from 0 to 365, separated by commas, for example 7,3,1,0"),
    ("DAYS_BEFORE_DUE", "400", "at most 365 days"),
    ("DAYS_AFTER_DUE", "3 days", "write whole numbers of days from 0 to 365"),
    ("CATCH_UP_DAYS", "31", "write a whole number from 0 to 30"),
    ("CATCH_UP_DAYS", "-1", "write a whole number from 0 to 30"),
    ("CATCH_UP_DAYS", "1.5", "write a whole number from 0 to 30"),
    ("CATCH_UP_DAYS", "٣", "write a whole number from 0 to 30"),
    ("BUSINESS_TIME_ZONE", "Europe/Berln", "no such IANA time zone; near names: Europe/Berlin, "),
    ("BUSINESS_TIME_ZONE", "Europe", "no such IANA time zone; near names: Europe/"),
    ("BUSINESS_TIME_ZONE", "../../etc/passwd", "no such IANA time zone"),
    ("BUSINESS_TIME_ZONE", "a\0b", "no such IANA time zone"),
    ("BUSINESS_TIME_ZONE", "W. Europe Standard Time", "no such IANA time zone"),
    ("BUSINESS_TIME_ZONE", "zzzzzzzzz", "no such IANA time zone; one is Europe/Berlin"),
    ("SEND_WINDOW", "8-18", "write it as HH:MM-HH:MM"),
    ("SEND_WINDOW", "22:00-06:00", "a window across midnight would belong to two business dates"),
    ("BUSINESS_CALENDAR", "DEE", "no country or market is called 'DEE'; near names: "),
    ("BUSINESS_CALENDAR", "DE,US-NX", "no part of US is called 'NX'; near names: "),
    ("BUSINESS_CALENDAR", "LK+workday", "+workday would close working days; leave it out"),
    ("BUSINESS_CALENDAR", ",", "names no calendar; write for example DE, US-NY or DE,XECB"),
    ("CLOSED_DAYS", "24.12.2026", "entry 1 is no date written YYYY-MM-DD"),
    ("OPEN_DAYS", "2026-12-12,2026-12-32", "entry 2 is a date that does not exist"),
    ("WEEKEND", "FRI-SAT", "separated by commas, for example FRI,SAT"),
    ("WEEKEND", "mon,tue,wed,thu,fri,sat,sun", "so nothing would ever be sent"),
    ("NOTICE_SCHEDULE", "hourly", "write NCRONTAB: {second} {minute} {hour} {day} {month} {day of week}"),
    ("NOTICE_SCHEDULE", "01:00:00", "write NCRONTAB"),
    ("NOTICE_SCHEDULE", "0 0 25 * * *", "bad hour; NCRONTAB is such as 0 0 * * * *"),
    ("NOTICE_SCHEDULE", "0 0 9 31 2 *", "bad day-of-month; NCRONTAB is such as 0 0 * * * *"),
    ("NOTICE_SCHEDULE", "0 0 3 * * *", "never falls into SEND_WINDOW 08:00-18:00 (UTC), so nothing would ever be"),
    ("NOTICE_SCHEDULE", "0 0 3,19 * * *", "so nothing would ever be sent; let it tick hourly: 0 0 * * * *"),
    ("NOTICE_STORAGE", "notices", "is no connection string; copy it whole"),
    ("NOTICE_STORAGE", f"AccountName=;AccountKey={ACCOUNT_KEY}", "is no connection string; copy it whole"),
    ("NOTICE_STORAGE", f"AccountName=a;AccountName=b;AccountKey={ACCOUNT_KEY}", "is no connection string; copy it"),
    ("NOTICE_STORAGE", f"AccountKey={ACCOUNT_KEY}", "holds neither AccountName and AccountKey nor a SharedAccessSig"),
    ("NOTICE_STORAGE", "AccountName=notices", "holds neither AccountName and AccountKey nor a SharedAccessSignature"),
    ("NOTICE_STORAGE", "AccountName=notices;SharedAccessSignature=sv=2024", "nor a SharedAccessSignature with its sig"),
    ("NOTICE_STORAGE", "AccountName=notices;SharedAccessSignature=?sv=2024&sig=x", "nor a SharedAccessSignature with"),
    ("NOTICE_STORAGE", f"AccountName=notices;AccountKey={ACCOUNT_KEY[:-1]}", "its AccountKey is no base64, so that"),
    ("NOTICE_STORAGE", f"AccountName=notices;AccountKey='{ACCOUNT_KEY}'", "its AccountKey is no base64, so that"),
    ("NOTICE_STORAGE", f"AccountName=my notices;AccountKey={ACCOUNT_KEY}", "names no address of the queue service"),
    ("NOTICE_STORAGE", f"DefaultEndpointsProtocol=x;AccountName=a;AccountKey={ACCOUNT_KEY}", "no address of the queue"),
    ("NOTICE_STORAGE", f"AccountName=a;AccountKey={ACCOUNT_KEY};TableEndpoint=a", "names no address of the table ser"),
    ("NOTICE_STORAGE", f"QueueEndpoint={QUEUES};SharedAccessSignature=sv=1&sig=x", "TableEndpoint=https://account.table"),
    ("NOTICE_STORAGE", "UseDevelopmentStorage=true;", "write UseDevelopmentStorage=true and nothing else"),
    ("NOTICE_STORAGE", "UseDevelopmentStorage=True", "write UseDevelopmentStorage=true and nothing else"),
    ("NOTICE_QUEUE", "Due-Notices", "is no name that Azure allows; one is due-notices"),
    ("NOTICE_QUEUE", "due--notices", "is no name that Azure allows"),
    ("NOTICE_QUEUE", "-due", "is no name that Azure allows"),
    ("NOTICE_QUEUE", "due_notices", "is no name that Azure allows"),
    ("NOTICE_QUEUE", "dn", "is no name that Azure allows"),
    ("NOTICE_QUEUE", "q" * 57, "is no name that Azure allows"),
    ("LEDGER_TABLE", "due-notices", "is no name that Azure allows; one is duenotices"),
    ("LEDGER_TABLE", "1notices", "is no name that Azure allows"),
    ("LEDGER_TABLE", "dn", "is no name that Azure allows"),
    ("LEDGER_TABLE", "t" * 64, "is no name that Azure allows"),
    ("NOTICE_LIMIT", "0", "write a whole number from 1 to 10000000"),
    ("NOTICE_LIMIT", "10.000", "write a whole number from 1 to 10000000"),
    ("NOTICE_LIMIT", "9" * 30, "write a whole number from 1 to 10000000"),
    ("CLAIM_LAPSE_MINUTES", "4", "write a whole number from 5 to 1440"),
    ("CLAIM_LAPSE_MINUTES", "1441", "write a whole number from 5 to 1440"),
    ("LEDGER_RETENTION_DAYS", "89", "write a whole number from 90 to 3650"),
    ("LEDGER_RETENTION_DAYS", "3651", "write a whole number from 90 to 3650"),
    ("RECIPIENT_ALLOW_LIST", "alice@example.com, example.com", "entry 2 is neither an address nor an @domain; sep"),
    ("RECIPIENT_ALLOW_LIST", "alice", "entry 1 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", "@", "entry 1 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", "*@example.com,@example", "entry 2 is neither an address nor an @domain"),
    ("USER_FILTER", "accountEnabled eq true\nor true", "is no OData filter on one line, such as accountEnabled eq"),
    ("USER_FILTER", "x" * 1001, "is no OData filter on one line"),
    ("DIRECTORY_QUERY", "due-dates", "this setting is gone, remove it"),
    ("GRAPH_ENDPOINT", "https://graph.microsoft.com/v1.0", "form https://host"),
    ("GRAPH_ENDPOINT", "graph.microsoft.com", "form https://host"),
    ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/common", "form https://host"),
    ("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com", "form https://host"),
    ("AZURE_TOKEN_CREDENTIALS", "true", "write dev, or leave it out"),
    ("INSTANCE_DISCOVERY", "no", "write one of true, false"),
    ("INSTANCE_DISCOVERY", "0", "write one of true, false"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_wrong_setting_is_told_by_name_with_its_remedy(name: str, value: str, remedy: str) -> None:
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"{name}: ")
    assert remedy in problem
    assert "\n" not in problem
    assert len(problem) < 350


@pytest.mark.parametrize("name", ["GRAPH_TENANT_ID", "GRAPH_CLIENT_ID", "KEY_VAULT_URL", "DUE_DATE_ATTRIBUTE"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_setting_that_must_be_set_is_missed_with_its_meaning(name: str, value: str | None) -> None:
    (meaning,) = (setting.meaning for setting in SETTINGS if setting.name == name)

    assert problems(**{name: value}) == (f"{name}: is not set: {meaning}",)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"NOTICE_STORAGE": None}, "NOTICE_STORAGE: is not set; set it to a connection string, or set "),
        ({"NOTICE_STORAGE": ""}, "NOTICE_STORAGE: is not set; "),
        ({QUEUE_URI: QUEUES}, f"NOTICE_STORAGE: is set, and so is {QUEUE_URI}; set either the one or the other"),
        ({TABLE_URI: TABLES}, f"NOTICE_STORAGE: is set, and so is {TABLE_URI}; set either the one or the other"),
        ({"NOTICE_STORAGE": None, QUEUE_URI: QUEUES}, f"{TABLE_URI}: is not set although {QUEUE_URI} is; a managed"),
        ({"NOTICE_STORAGE": None, TABLE_URI: TABLES}, f"{QUEUE_URI}: is not set although {TABLE_URI} is; a managed"),
        (
            {"NOTICE_STORAGE": None, QUEUE_URI: QUEUES.replace("https", "http"), TABLE_URI: TABLES},
            f"{QUEUE_URI}: is no address of the form https://account.queue.core.windows.net",
        ),
        (
            {"NOTICE_STORAGE": None, QUEUE_URI: QUEUES, TABLE_URI: f"{TABLES}?sv=2026&sig=abc"},
            f"{TABLE_URI}: is no address of the form https://account.",
        ),
        ({"DAYS_BEFORE_DUE": ""}, "DAYS_BEFORE_DUE: no stage is left; write at least one day here or"),
        ({"DAYS_BEFORE_DUE": ",", "DAYS_AFTER_DUE": " "}, "DAYS_BEFORE_DUE: no stage is left; "),
    ],
)
def test_settings_that_do_not_go_together(overrides: dict[str, str | None], expected: str) -> None:
    (problem,) = problems(**overrides)

    assert problem.startswith(expected)


def test_all_problems_are_told_at_once() -> None:
    wrong = {name: value for name, value, _ in reversed(WRONG)}

    found = problems(**wrong)

    told = {problem.partition(": ")[0] for problem in found}
    assert told == wrong.keys()


def test_an_empty_environment_names_all_that_must_be_set() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_mapping({})

    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        *("GRAPH_TENANT_ID", "DUE_DATE_ATTRIBUTE", "GRAPH_CLIENT_ID", "KEY_VAULT_URL", "NOTICE_STORAGE"),
    ]
    assert str(refused.value).startswith("5 settings are wrong:\n  - GRAPH_TENANT_ID: is not set: tenant")
    assert str(refused.value).count("\n  - ") == 5


def test_one_problem_is_one() -> None:
    error = SettingsError(["NOTICE_LIMIT: '0': write a whole number from 1 to 10000000"])

    assert isinstance(error, DueNoticesError)
    assert str(error) == "1 setting is wrong:\n  - NOTICE_LIMIT: '0': write a whole number from 1 to 10000000"


def test_a_long_value_is_shortened() -> None:
    (problem,) = problems(BUSINESS_CALENDAR="x" * 61)

    assert problem.startswith(f"BUSINESS_CALENDAR: '{'x' * 57}...': ")


SECRET = "Aq38Q~" + "hunter2.correct_horse-battery0staple"


@pytest.mark.parametrize(
    "overrides",
    [
        # a client secret where its id or its name belongs
        {"GRAPH_CLIENT_ID": SECRET},
        {"GRAPH_TENANT_ID": SECRET},
        {"KEY_VAULT_SECRET_NAME": SECRET},
        {"AZURE_CLIENT_ID": SECRET},
        {"NOTICE_STORAGE__clientId": SECRET},
        # a connection string, whole or in part, where it does not belong
        {"NOTICE_STORAGE": f"AccountKey={SECRET}"},
        {"NOTICE_STORAGE": SECRET},
        {"NOTICE_STORAGE": f"AccountName=a;AccountKey={SECRET}"},
        {"NOTICE_STORAGE": f"AccountName=a;SharedAccessSignature=sv=2024&{SECRET}"},
        {"NOTICE_STORAGE": None, "NOTICE_STORAGE__queueServiceUri": f"AccountKey={SECRET}"},
        {"NOTICE_STORAGE": None, "NOTICE_STORAGE__tableServiceUri": f"https://a.example/?sig={SECRET}"},
        {"NOTICE_STORAGE": f"AccountName=a;AccountKey={SECRET}", "NOTICE_STORAGE__queueServiceUri": QUEUES},
        # a login in a URL
        {"KEY_VAULT_URL": f"https://alice:{SECRET}@notices.vault.azure.net"},
        {"GRAPH_ENDPOINT": f"https://{SECRET}@graph.microsoft.com"},
    ],
)
def test_no_message_repeats_a_secret(overrides: dict[str, str | None]) -> None:
    told = "\n".join(problems(**overrides))

    assert SECRET not in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "overrides",
    [
        {"RECIPIENT_ALLOW_LIST": "alice@example.com bob"},
        {"RECIPIENT_ALLOW_LIST": "alice@example.com@example.com"},
        {"USER_FILTER": "mail eq 'alice@example.com'\n or true"},
    ],
)
def test_no_message_repeats_an_address(overrides: dict[str, str | None]) -> None:
    assert "alice" not in "\n".join(problems(**overrides))


def test_settings_print_without_the_connection_string() -> None:
    found = read()

    assert ACCOUNT_KEY in environ()["NOTICE_STORAGE"]
    assert ACCOUNT_KEY not in repr(found)
    assert "connection_string=Secret('***')" in str(found)


# ---- whether the schedule meets the window --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "window", "zone", "expected"),
    [
        ("0 0 * * * *", "08:00-18:00", "UTC", True),
        ("0 0 * * * *", "08:00-09:00", "Asia/Kathmandu", True),
        ("0 0 * * * *", "08:00-08:45", "Asia/Kathmandu", False),  # full hours UTC are a quarter to there
        ("0 0 * * * *", "08:01-08:59", "UTC", False),
        ("0 30 7 * * *", "08:00-18:00", "UTC", False),
        ("0 30 7 * * *", "08:00-18:00", "Europe/Berlin", True),
        ("0 30 6 * * *", "08:00-18:00", "Europe/Berlin", True),  # 08:30 in summer alone
        ("0 0 18 * * *", "08:00-18:00", "UTC", False),
        ("59 59 17 * * *", "08:00-18:00", "UTC", True),
        ("0 0 8 * * *", "08:00-18:00", "UTC", True),
        ("59 59 7 * * *", "08:00-18:00", "UTC", False),
        ("0 0 23 * * *", "22:00-24:00", "UTC", True),
        ("0 0 2 * * *", "08:00-18:00", "Asia/Tokyo", True),
        ("0 0 20 * * *", "08:00-18:00", "America/Los_Angeles", True),
        ("0 0 9 29 2 *", "08:00-18:00", "UTC", True),
        ("0 0 9 * * SUN", "08:00-18:00", "UTC", True),
        ("0 9 * * *", "08:00-18:00", "UTC", True),  # five fields: minute, hour, day, month, day of week
        ("0 7 * * *", "08:00-18:00", "UTC", False),
    ],
)
def test_whether_a_schedule_ever_falls_into_the_window(schedule: str, window: str, zone: str, expected: bool) -> None:  # noqa: FBT001
    assert meets(schedule, SendWindow.parse(window), ZoneInfo(zone)) is expected


@settings(max_examples=max(settings().max_examples // 3, 20))
@given(
    minute=st.sampled_from(["0", "30", "*/20", "59"]),
    hour=st.integers(0, 23) | st.sampled_from(["*/6", "22-23"]),
    weekday=st.sampled_from(["*", "1-5", "SAT"]),
    opens=st.integers(0, 23 * 4 + 2),
    length=st.integers(1, 12),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
@example(minute="0", hour=1, weekday="*", opens=8, length=2, zone="Europe/Berlin")
def test_a_schedule_meets_the_window_when_one_of_a_year_s_ticks_does(
    *, minute: str, hour: int | str, weekday: str, opens: int, length: int, zone: str
) -> None:
    closes = min(opens + length, 24 * 4)
    window = SendWindow.parse(f"{opens // 4:02}:{opens % 4 * 15:02}-{closes // 4:02}:{closes % 4 * 15:02}")
    schedule = f"0 {minute} {hour} * * {weekday}"

    ticks = CronSim(schedule, datetime(2027, 12, 31, tzinfo=UTC))
    end = datetime(2029, 1, 2, tzinfo=UTC)
    hit = False
    while not hit and (tick := next(ticks)) < end:
        hit = window.contains(tick.astimezone(ZoneInfo(zone)).time())

    assert meets(schedule, window, ZoneInfo(zone)) is hit


@pytest.mark.parametrize(
    ("schedule", "day", "tick"),
    [
        ("0 0 * * * *", "2026-11-24", "2026-11-24T07:00"),
        ("0 0 * * * *", "2026-06-24", "2026-06-24T06:00"),
        ("0 0 * * * *", "2026-03-29", "2026-03-29T06:00"),
        ("0 0 * * * *", "2026-10-25", "2026-10-25T07:00"),
        ("0 30 */6 * * *", "2026-11-24", "2026-11-24T12:30"),
        ("0 30 6 * * *", "2026-06-24", "2026-06-24T06:30"),
        ("0 30 6 * * *", "2026-11-24", None),  # 07:30 in winter
        ("0 0 9 * * MON", "2026-11-24", None),
    ],
)
def test_the_first_tick_of_a_day_within_the_window(schedule: str, day: str, tick: str | None) -> None:
    found = read(BUSINESS_TIME_ZONE="Europe/Berlin", NOTICE_SCHEDULE=schedule).first_tick(on(day))

    assert found == (at(tick) if tick else None)


@pytest.mark.parametrize("schedule", ["0 0 9 L * *", "0 0 9 * * 2#1", "0 0 9 ? * *", "0 0 9 15W * *"])
def test_what_only_other_crons_know_is_refused(schedule: str) -> None:
    with pytest.raises(SettingsError, match="NCRONTAB knows no"):
        Settings.from_mapping(environ(NOTICE_SCHEDULE=schedule))


def test_a_date_that_is_open_and_closed_is_a_problem() -> None:
    (problem,) = problems(CLOSED_DAYS="2026-12-01/2026-12-31", OPEN_DAYS="2026-12-12,2027-01-02")

    assert problem.startswith("OPEN_DAYS: 2026-12-12 is in CLOSED_DAYS too")


@pytest.mark.parametrize("setting", [{"CLOSED_DAYS": "2026-12-24"}, {"WEEKEND": "SUN"}])
def test_own_days_close_without_a_calendar(setting: dict[str, str]) -> None:
    calendar = read(**setting).policy.rules.stages.calendar

    assert isinstance(calendar, BusinessDays)
    assert {on("2026-12-24"), on("2026-12-27")} & {
        day for day in (on("2026-12-24"), on("2026-12-27")) if calendar.why_closed(day)
    }
