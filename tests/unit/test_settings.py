from __future__ import annotations

import dataclasses
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from azure.identity import DefaultAzureCredential

from due_notices.calendars import BusinessDays, EveryDay
from due_notices.connection_strings import plain_connection_string
from due_notices.errors import DueNoticesError, SettingsError
from due_notices.setting_values import TOKEN_CREDENTIALS
from due_notices.settings import SETTINGS, Settings
from due_notices.stages import SendWindow
from tests.factories import ATTRIBUTE, CLIENT, OPT_OUT, TENANT, environ, on

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
    assert (str(found.policy.schedule), found.queue, found.table) == ("0 0 * * * *", "due-notices", "duenotices")
    assert (found.user_filter, found.opt_out_attribute) == ("accountEnabled eq true", "")
    assert found.graph_endpoint == "https://graph.microsoft.com"
    assert (found.authority_host, found.instance_discovery) == ("https://login.microsoftonline.com", True)
    assert (found.identity_client_id, found.token_credentials) == (None, "")
    assert found.storage.connection_string is not None
    assert found.storage.connection_string.reveal() == plain_connection_string(environ()["NOTICE_STORAGE"])
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
        KEY_VAULT_URL="https://other.vault.usgovcloudapi.net/",
        KEY_VAULT_SECRET_NAME="my-secret",
        DUE_DATE_ATTRIBUTE="onPremisesExtensionAttributes/extensionAttribute15",
        OPT_OUT_ATTRIBUTE=OPT_OUT.upper(),
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
    assert (found.vault_url, found.secret_name) == ("https://other.vault.usgovcloudapi.net", "my-secret")
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
    assert (str(found.policy.schedule), found.queue, found.table) == ("0 */15 * * * *", "q-1", "Ledger1")
    assert (policy.limit, policy.lapse) == (1, timedelta(days=1))
    assert policy.rules.allow_list == {"alice@example.com", "@example.org", "bob@example.net"}
    assert (found.user_filter, found.opt_out_attribute) == ("", OPT_OUT.upper())
    assert (found.graph_endpoint, found.authority_host) == (
        "https://graph.microsoft.us",
        "https://login.microsoftonline.us",
    )
    assert (found.instance_discovery, found.token_credentials) == (False, "dev")
    assert found.identity_client_id == CLIENT


def test_an_attributes_name_has_no_case() -> None:
    found = read(DUE_DATE_ATTRIBUTE="onpremisesextensionattributes/EXTENSIONATTRIBUTE15")

    assert found.policy.rules.attribute == ("onPremisesExtensionAttributes", "extensionAttribute15")


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
    ("KEY_VAULT_SECRET_NAME", "graph_client_secret", "is not a name that Azure allows; one is my-secret"),
    ("KEY_VAULT_SECRET_NAME", "x" * 128, "is not a name that Azure allows"),
    ("DUE_DATE_ATTRIBUTE", "dueDate", "is neither extension_<32 hex digits>_<name> nor onPremises"),
    ("DUE_DATE_ATTRIBUTE", f"extension_{CLIENT}_paymentsDue", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", ATTRIBUTE.rpartition("_")[0] + "_", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", f"{ATTRIBUTE},mail", "is neither extension_<32 hex digits>"),
    ("DUE_DATE_ATTRIBUTE", "onPremisesExtensionAttributes/extensionAttribute0", "extensionAttribute1 to 15"),
    ("DUE_DATE_ATTRIBUTE", "onPremisesExtensionAttributes/extensionAttribute16", "extensionAttribute1 to 15"),
    ("DUE_DATE_ATTRIBUTE", "extensionAttribute1", "extensionAttribute1 to 15"),
    ("OPT_OUT_ATTRIBUTE", "noNotices", "is not a directory extension: write extension_<32 hex digits>_<name>"),
    ("OPT_OUT_ATTRIBUTE", "onPremisesExtensionAttributes/extensionAttribute1", "is not a directory extension"),
    ("OPT_OUT_ATTRIBUTE", OPT_OUT.replace("s", "\u017f"), "is not a directory extension"),
    ("OPT_OUT_ATTRIBUTE", ATTRIBUTE.upper(), "is DUE_DATE_ATTRIBUTE"),
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
    ("BUSINESS_TIME_ZONE", "W. Europe Standard Time", "write Europe/Berlin or Europe/Amsterdam"),
    ("BUSINESS_TIME_ZONE", "zzzzzzzzz", "no such IANA time zone; one is Europe/Berlin"),
    ("SEND_WINDOW", "8-18", "write it as HH:MM-HH:MM"),
    ("SEND_WINDOW", "22:00-06:00", "a window across midnight would belong to two business dates"),
    ("BUSINESS_CALENDAR", "DE_BY", "no country or market is called 'DE_BY'; near names: DE-BY, "),
    ("BUSINESS_CALENDAR", "TARGET2", "write XECB"),
    ("BUSINESS_CALENDAR", "DEE", "no country or market is called 'DEE'; near names: "),
    ("BUSINESS_CALENDAR", "DE,US-NX", "no part of US is called 'NX'; near names: "),
    ("BUSINESS_CALENDAR", "LK+workday", "+workday would close working days; leave it out"),
    ("BUSINESS_CALENDAR", ",", "names no calendar; write for example DE, US-NY or DE,XECB"),
    ("CLOSED_DAYS", "24.12.2026", "entry 1 is not a date written YYYY-MM-DD"),
    ("OPEN_DAYS", "2026-12-12,2026-12-32", "entry 2 is a date that does not exist"),
    ("WEEKEND", "FRI-SAT", "separated by commas, for example FRI,SAT"),
    ("WEEKEND", "mon,tue,wed,thu,fri,sat,sun", "so nothing would ever be sent"),
    ("NOTICE_SCHEDULE", "hourly", "write NCRONTAB: {second} {minute} {hour} {day} {month} {day of week}"),
    ("NOTICE_SCHEDULE", "01:00:00", "is an interval, which Flex Consumption does not run"),
    ("NOTICE_SCHEDULE", "0 0 25 * * *", "its hour '25': write numbers from 0 to 23"),
    ("NOTICE_SCHEDULE", "0 0 9 31 2 *", "never falls into SEND_WINDOW 08:00-18:00 (UTC)"),
    ("NOTICE_SCHEDULE", "0 0 3 * * *", "never falls into SEND_WINDOW 08:00-18:00 (UTC), so nothing would ever be"),
    ("NOTICE_SCHEDULE", "0 0 3,19 * * *", "so nothing would ever be sent; let it tick hourly: 0 0 * * * *"),
    ("NOTICE_STORAGE", "notices", "is not a connection string; copy it whole"),
    ("NOTICE_STORAGE", "AccountName=notices", "holds neither AccountName and AccountKey nor a SharedAccessSignature"),
    ("NOTICE_QUEUE", "Due-Notices", "is not a name that Azure allows; one is due-notices"),
    ("NOTICE_QUEUE", "due--notices", "is not a name that Azure allows"),
    ("NOTICE_QUEUE", "-due", "is not a name that Azure allows"),
    ("NOTICE_QUEUE", "due_notices", "is not a name that Azure allows"),
    ("NOTICE_QUEUE", "dn", "is not a name that Azure allows"),
    ("NOTICE_QUEUE", "q" * 57, "is not a name that Azure allows"),
    ("LEDGER_TABLE", "due-notices", "is not a name that Azure allows; one is duenotices"),
    ("LEDGER_TABLE", "1notices", "is not a name that Azure allows"),
    ("LEDGER_TABLE", "dn", "is not a name that Azure allows"),
    ("LEDGER_TABLE", "Tables", "is not a name that Azure allows"),
    ("LEDGER_TABLE", "t" * 64, "is not a name that Azure allows"),
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
    ("RECIPIENT_ALLOW_LIST", "alice@example.com,@example", "entry 2 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", "*@example.com", "entry 1 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", "mailto:alice@example.com", "entry 1 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", '["alice@example.com"]', "entry 1 is neither an address nor an @domain"),
    ("RECIPIENT_ALLOW_LIST", "@example.com\u200b", "holds U+200B (zero width space)"),
    ("USER_FILTER", "accountEnabled eq true\nor true", "is not an OData filter on one line, such as accountEnabled eq"),
    ("USER_FILTER", "x" * 1001, "is not an OData filter on one line"),
    ("USER_FILTER", "country eq 'DE", "a text in it has no end"),
    ("USER_FILTER", "surname eq 'O'Neill'", "for one inside it"),
    ("USER_FILTER", 'country eq "DE"', "OData puts texts between two of '"),
    ("USER_FILTER", "country eq ‘DE’", "holds U+2018 (left single quotation mark)"),
    ("USER_FILTER", "$filter=accountEnabled eq true", "leave out $filter="),
    ("USER_FILTER", "'accountEnabled eq true'", "is in quotes"),
    ("USER_FILTER", "(accountEnabled eq true", "its brackets do not match"),
    ("USER_FILTER", "accountEnabled eq true) or (userType eq 'Guest'", "its brackets do not match"),
    ("DIRECTORY_QUERY", "due-dates", "this setting no longer exists, remove it"),
    ("GRAPH_ENDPOINT", "https://graph.microsoft.com/v1.0", "form https://host"),
    ("GRAPH_ENDPOINT", "graph.microsoft.com", "form https://host: write https://graph.microsoft.com"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net/secrets/x", "host: write https://notices.vault.azure.net"),
    ("KEY_VAULT_URL", "http://Notices.vault.azure.net", "host: write https://notices.vault.azure.net"),
    ("KEY_VAULT_URL", "https://vault.azure.net", "names no vault"),
    ("KEY_VAULT_URL", "https://notices.vault.azure.net\u200b", "holds U+200B (zero width space)"),
    ("KEY_VAULT_URL", "https：//notices.vault.azure.net", "holds U+FF1A (fullwidth colon)"),
    ("AZURE_AUTHORITY_HOST", "AzurePublicCloud", "is not a host: write https://login.microsoftonline.com"),
    ("GRAPH_TENANT_ID", f"\ufeff{TENANT}", "holds U+FEFF (zero width no-break space)"),
    ("GRAPH_CLIENT_ID", TENANT.replace("-", "\u2011"), "holds U+2011 (non-breaking hyphen)"),
    ("SEND_WINDOW", "08:00–18:00", "holds U+2013 (en dash)"),
    ("DAYS_BEFORE_DUE", "７,３", "holds U+FF17 (fullwidth digit seven)"),
    ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/common", "form https://host"),
    ("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com", "form https://host"),
    ("AZURE_TOKEN_CREDENTIALS", "true", "write dev or leave it out; azure-identity takes dev, prod, "),
    ("AZURE_TOKEN_CREDENTIALS", "BrokerCredential", "write dev or leave it out"),
    ("AZURE_TOKEN_CREDENTIALS", "SharedTokenCacheCredential", "write dev or leave it out"),
    ("KEY_VAULT_URL", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)", "is a reference that"),
    ("GRAPH_CLIENT_ID", "@Microsoft.KeyVault(VaultName=v;SecretName=x)", "is a reference that was not resolved"),
    ("NOTICE_STORAGE", "@Microsoft.AppConfiguration(Endpoint=https://a; Key=b)", "is a reference that was not"),
    ("NOTICE_SCHEDULE", "@Microsoft.KeyVault(VaultName=v;SecretName=x)", "is a reference that was not resolved"),
    ("GRAPH_TENANT_ID", f'"{TENANT}"', "is in quotes, which count as part of it: leave them out"),
    ("KEY_VAULT_URL", "'https://notices.vault.azure.net'", "is in quotes"),
    ("NOTICE_LIMIT", '"100"', "is in quotes"),
    ("BUSINESS_TIME_ZONE", "“Europe/Berlin”", "is in quotes"),
    ("INSTANCE_DISCOVERY", "no", "write one of true, false"),
    ("INSTANCE_DISCOVERY", "0", "write one of true, false"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_wrong_setting_is_named_with_its_remedy(name: str, value: str, remedy: str) -> None:
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"{name}: ")
    assert remedy in problem
    assert "\n" not in problem
    assert len(problem) < 350


def test_a_ledger_that_forgets_what_a_run_may_ask_for_is_refused_with_the_least_that_will_do() -> None:
    ladder = {"DAYS_AFTER_DUE": "30", "LOOK_BACK_DAYS": "74", "CATCH_UP_DAYS": "3"}  # 2 * 30 + 3 + 2 * 74

    (problem,) = problems(**ladder, LEDGER_RETENTION_DAYS="210")

    assert problem.startswith("LEDGER_RETENTION_DAYS")
    assert "write 211 or more" in problem
    assert read(**ladder, LEDGER_RETENTION_DAYS="211").policy.rules.stages.retention_days == 211


@pytest.mark.parametrize("name", ["GRAPH_TENANT_ID", "GRAPH_CLIENT_ID", "KEY_VAULT_URL", "DUE_DATE_ATTRIBUTE"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_required_setting_that_is_not_set_is_named_with_its_meaning(name: str, value: str | None) -> None:
    (meaning,) = (setting.meaning for setting in SETTINGS if setting.name == name)

    assert problems(**{name: value}) == (f"{name}: is not set: {meaning}",)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"NOTICE_STORAGE": None}, "NOTICE_STORAGE: is not set; set it to a connection string, or set "),
        ({"NOTICE_STORAGE": ""}, "NOTICE_STORAGE: is not set; "),
        ({QUEUE_URI: QUEUES}, f"NOTICE_STORAGE: is set, and so is {QUEUE_URI}; set either the one or the other"),
        ({TABLE_URI: TABLES}, f"NOTICE_STORAGE: is set, and so is {TABLE_URI}; set either the one or the other"),
        ({"NOTICE_STORAGE": None, QUEUE_URI: TABLES, TABLE_URI: TABLES}, f"{QUEUE_URI}: is the address of the table"),
        (
            {"NOTICE_STORAGE": None, QUEUE_URI: QUEUES, TABLE_URI: TABLES.replace("table", "blob")},
            f"{TABLE_URI}: is the address of the blob",
        ),
        ({"NOTICE_STORAGE": None, QUEUE_URI: QUEUES}, f"{TABLE_URI}: is not set although {QUEUE_URI} is; a managed"),
        ({"NOTICE_STORAGE": None, TABLE_URI: TABLES}, f"{QUEUE_URI}: is not set although {TABLE_URI} is; a managed"),
        (
            {"NOTICE_STORAGE": None, QUEUE_URI: QUEUES.replace("https", "http"), TABLE_URI: TABLES},
            f"{QUEUE_URI}: is not an address of the form https://account.queue.core.windows.net",
        ),
        (
            {"NOTICE_STORAGE": None, QUEUE_URI: QUEUES, TABLE_URI: f"{TABLES}?sv=2026&sig=abc"},
            f"{TABLE_URI}: is not an address of the form https://account.",
        ),
        ({"DAYS_BEFORE_DUE": ""}, "DAYS_BEFORE_DUE: no stage is left; write at least one day here or"),
        ({"DAYS_BEFORE_DUE": ",", "DAYS_AFTER_DUE": " "}, "DAYS_BEFORE_DUE: no stage is left; "),
    ],
)
def test_settings_that_do_not_go_together(overrides: dict[str, str | None], expected: str) -> None:
    (problem,) = problems(**overrides)

    assert problem.startswith(expected)


def test_all_problems_are_reported_at_once() -> None:
    wrong = {name: value for name, value, _ in reversed(WRONG)}

    found = problems(**wrong)

    told = {problem.partition(": ")[0] for problem in found}
    assert told == wrong.keys()


def test_an_empty_environment_names_all_that_must_be_set() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_mapping({})

    assert [problem.partition(": ")[0] for problem in refused.value.problems] == [
        *("GRAPH_TENANT_ID", "DUE_DATE_ATTRIBUTE", "KEY_VAULT_URL", "GRAPH_CLIENT_ID", "NOTICE_STORAGE"),
    ]
    assert str(refused.value).startswith("5 settings are wrong:\n  - GRAPH_TENANT_ID: is not set: tenant")
    assert str(refused.value).count("\n  - ") == 5


def test_one_problem_is_reported_in_the_singular() -> None:
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


def test_the_names_of_logins_are_those_that_azure_identity_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "none of them")

    with pytest.raises(ValueError, match="Valid values are: ") as refused:
        DefaultAzureCredential()

    valid = str(refused.value).partition("Valid values are: ")[2].rstrip(".").split(", ")
    assert sorted(TOKEN_CREDENTIALS) == sorted(valid)


@pytest.mark.parametrize("name", ["dev", "Prod", "AzureCliCredential", "managedidentitycredential"])
def test_a_login_may_be_named_in_any_case(name: str) -> None:
    assert read(AZURE_TOKEN_CREDENTIALS=name).token_credentials == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("USER_FILTER", "surname eq 'O''Neill (x) \"y\"' or startswith(surname,'A')"),
        ("USER_FILTER", "'A' eq surname and country eq 'DE'"),
        ("RECIPIENT_ALLOW_LIST", "o'neill+x@example.com,@münchen.example"),
        ("KEY_VAULT_URL", "HTTPS://Notices.Vault.Azure.net:443/"),
        ("INSTANCE_DISCOVERY", " True\n"),
        ("AZURE_TOKEN_CREDENTIALS", "azureCLIcredential"),
    ],
)
def test_what_only_looks_odd_is_taken(name: str, text: str) -> None:
    assert Settings.from_mapping(environ(**{name: text}))


@pytest.mark.parametrize(("text", "shards"), [("0", 0), ("", 0), ("1", 1), (" 8 ", 8), ("64", 64)])
def test_scale_out_is_a_number_of_shards_and_off_by_default(text: str, shards: int) -> None:
    assert read(SCALE_OUT=text).scale_out == shards
    assert read().scale_out == 0


@pytest.mark.parametrize("text", ["65", "-1", "eight", "on"])
def test_scale_out_is_no_other_number(text: str) -> None:
    assert any("SCALE_OUT" in problem and "0 to 64" in problem for problem in problems(SCALE_OUT=text))
