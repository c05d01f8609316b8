"""The settings: read once from a mapping, checked as a whole, then frozen.

`SETTINGS` is the one table of names, defaults and meanings; the example file, docs/settings.md and the infrastructure
are compared with it by tests. Every problem is reported at once, before any network call.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

from due_notices.calendars import BusinessCalendar, BusinessDays, EveryDay, parse_calendars, parse_dates, parse_weekend
from due_notices.clouds import cloud_of_authority, cloud_of_graph, cloud_of_vault, name_of_vault
from due_notices.connection_strings import account_of, other_service, plain_connection_string
from due_notices.credentials import CredentialKind
from due_notices.errors import SettingsError
from due_notices.ladder import longest_look_back
from due_notices.message import source_of
from due_notices.planning import Rules
from due_notices.policy import MOST_CATCH_UP_DAYS, Policy
from due_notices.schedules import EXAMPLE, Schedule, UnknownSchedule, read_schedule
from due_notices.secret import Secret
from due_notices.setting_values import (
    allow_list_of,
    attribute_path,
    authority,
    chains_setting,
    credential_kind,
    filter_digest_of,
    guid,
    https,
    matching,
    near_misses,
    odata_filter,
    odd_character,
    one_of,
    optional_extension,
    optional_guid,
    optional_hours,
    optional_https,
    time_zone_of,
    token_credentials,
    vault,
    whole_number,
)
from due_notices.stages import SendWindow, Stages, parse_days


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` None means that it must be set, empty means that it may be left out.

    `example` is what local.settings.json.example shows instead of the default.
    """

    name: str
    default: str | None
    meaning: str
    example: str | None = None
    laptop: bool = False  # of no use on Azure


MOST_SHARDS = 64
_NO_GUID = "00000000-0000-0000-0000-000000000000"
SETTINGS = (
    Setting("GRAPH_TENANT_ID", None, "tenant of the app registration (a GUID)", example=_NO_GUID),
    Setting(
        "GRAPH_CLIENT_ID", None, "client id of the app registration that reads the users (a GUID)", example=_NO_GUID
    ),
    Setting(
        "GRAPH_CREDENTIAL",
        "secret",
        "what proves the app to Entra: `secret` or `certificate`, both from the vault, or `federated`: the managed "
        "identity itself, and no secret at all",
    ),
    Setting(
        "KEY_VAULT_URL",
        None,
        "the vault, for example `https://my-vault.vault.azure.net`; not used with `GRAPH_CREDENTIAL=federated`",
        example="https://my-vault.vault.azure.net",
    ),
    Setting("KEY_VAULT_SECRET_NAME", "graph-client-secret", "the vault's secret, or certificate, of the app"),
    Setting(
        "DUE_DATE_ATTRIBUTE",
        None,
        "where a user's obligations are: `extension_<app id without dashes>_<name>`, or "
        "`onPremisesExtensionAttributes/extensionAttribute1` to `15`",
        example=f"extension_{'0' * 32}_dueDate",
    ),
    Setting(
        "OPT_OUT_ATTRIBUTE",
        "",
        "a boolean directory extension, `extension_<app id without dashes>_<name>`: users for whom it is true get no "
        "notices; empty: there is none",
    ),
    Setting(
        "DAYS_BEFORE_DUE",
        "7,3,1,0",
        "stages before and on the due date, in days; empty: none, so that only overdue obligations are notified",
    ),
    Setting("DAYS_AFTER_DUE", "", "stages after the due date, in days"),
    Setting("CATCH_UP_DAYS", "3", "how many open days late a stage may still be sent (0 to 30)"),
    Setting(
        "LOOK_BACK_DAYS",
        "",
        "for how many days after its last chance a missed or expired obligation is named; empty: 30, or twice the last "
        "day of DAYS_AFTER_DUE plus 14 if that is more",
    ),
    Setting(
        "LOOK_AGAIN_HOURS",
        "",
        "look again at a day for what is owed by then, so many hours after its last completed run (1 to 23); empty: "
        "once a day",
    ),
    Setting(
        "READ_PARTS",
        "auto",
        "how the directory is read: `auto` (in parts, 16 at a time, from 50,000 users on), `off` (one page after "
        "another), or a number (in parts, so many at a time, 1 to 32)",
    ),
    Setting(
        "FALL_LIMIT",
        "20",
        "by how many percent the number of users may fall from one completed run to the next (1 to 99); if it falls "
        "further, the day is not completed",
    ),
    Setting("BUSINESS_TIME_ZONE", "UTC", "IANA name of the time zone that decides what day it is"),
    Setting("SEND_WINDOW", "08:00-18:00", "local hours in which notices may be sent; `24:00` is midnight"),
    Setting(
        "BUSINESS_CALENDAR",
        "",
        "one or several, separated by commas, whose weekends and holidays count: a country, a part of one, or a "
        "market, with further categories of days after `+`: `DE`, `US-NY,XFED`, `SE+de_facto`; empty: every day is a "
        "business day",
    ),
    Setting(
        "CLOSED_DAYS", "", "your own closed days, besides the calendar's: `2026-12-24,2027-08-02/2027-08-13` (a span)"
    ),
    Setting("OPEN_DAYS", "", "your own open days, whatever calendar and weekend say, written in the same way"),
    Setting("WEEKEND", "", "weekend days instead of the calendar's, such as `FRI,SAT`; empty: the calendar's"),
    Setting(
        "NOTICE_SCHEDULE",
        "0 0 * * * *",
        "NCRONTAB of the tick, in UTC, as the Functions host reads it; must be set where the host runs",
    ),
    Setting(
        "NOTICE_STORAGE",
        "",
        "connection string of the account with queue and table, in any documented form; or leave it out and set the "
        "next three",
        example="UseDevelopmentStorage=true",
    ),
    Setting("NOTICE_STORAGE__queueServiceUri", "", "queue endpoint, used with a managed identity"),
    Setting("NOTICE_STORAGE__tableServiceUri", "", "table endpoint, used with a managed identity"),
    Setting("NOTICE_STORAGE__clientId", "", "client id of that identity; empty: the same as `AZURE_CLIENT_ID`"),
    Setting("NOTICE_QUEUE", "due-notices", "the queue; created by the infrastructure, never by the function"),
    Setting("LEDGER_TABLE", "duenotices", "the ledger's table; created by the infrastructure too"),
    Setting("NOTICE_LIMIT", "10000", "brake: a run that would send more than this sends nothing"),
    Setting("CLAIM_LAPSE_MINUTES", "10", "after so many minutes a dead run's claims may be taken over (5 to 1440)"),
    Setting("LEDGER_RETENTION_DAYS", "400", "days that the ledger remembers a notice after its due date (90 to 3650)"),
    Setting(
        "RECIPIENT_ALLOW_LIST",
        "",
        "addresses and `@domains`, separated by commas; when set, everyone else is skipped (for trying things out)",
    ),
    Setting("USER_FILTER", "accountEnabled eq true", "OData filter on the listing; empty: all users"),
    Setting(
        "SCALE_OUT",
        "0",
        "for more users than one instance can serve: in how many shards (1 to 64) Durable Functions reads and sends, "
        "on as many instances as the plan gives; `0`: each run in one instance",
    ),
    Setting("GRAPH_ENDPOINT", "https://graph.microsoft.com", "Microsoft Graph of your cloud"),
    Setting("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com", "Entra of your cloud"),
    Setting("INSTANCE_DISCOVERY", "true", "`false` for an Entra that Microsoft does not know, such as the local stack"),
    Setting("AZURE_CLIENT_ID", "", "client id of a user-assigned managed identity; empty: the system-assigned one"),
    Setting(
        "AZURE_TOKEN_CREDENTIALS",
        "",
        "`dev`: log in as yourself (`az login`) instead of as the managed identity; or another name "
        "that azure-identity takes",
        example="dev",
        laptop=True,
    ),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
_MEANINGS = {setting.name: setting.meaning for setting in SETTINGS}
DECIDING = (
    *("DAYS_BEFORE_DUE", "DAYS_AFTER_DUE", "CATCH_UP_DAYS"),
    *("BUSINESS_TIME_ZONE", "BUSINESS_CALENDAR", "CLOSED_DAYS", "OPEN_DAYS", "WEEKEND"),
)
"""What decides which stage is sent when. Where it differs from the last run's, a run looks back further."""
_GONE = {
    "DIRECTORY_QUERY": "this setting no longer exists, remove it: every run reads all users, since a filter on dates "
    "does not find a value in any other form"
}
_MAY_BE_EMPTY = {"USER_FILTER", "DAYS_BEFORE_DUE"}
# Settings into which people paste a secret by mistake, or which hold customers' addresses: no message repeats a value.
_NEVER_SHOWN = {
    "GRAPH_TENANT_ID",
    "GRAPH_CLIENT_ID",
    "KEY_VAULT_SECRET_NAME",
    "NOTICE_STORAGE",
    "NOTICE_STORAGE__queueServiceUri",
    "NOTICE_STORAGE__tableServiceUri",
    "NOTICE_STORAGE__clientId",
    "RECIPIENT_ALLOW_LIST",
    "USER_FILTER",
    "AZURE_CLIENT_ID",
}
# https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
_REFERENCE = re.compile(r"(?i)['\"]?@Microsoft\.(KeyVault|AppConfiguration)\(")
_UNRESOLVED = (
    "is a reference that was not resolved: on Azure the portal shows its state beside the setting (check the identity, "
    "its role on the vault and the vault's firewall), elsewhere references are not resolved; write the value itself"
)
_QUOTED = re.compile(r"""(["'“‘]).*(["'”’])""", re.DOTALL)
_IN_QUOTES = "is in quotes, which count as part of it: leave them out"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """Where queue and table are: a connection string, or two endpoints and an identity."""

    connection_string: Secret | None
    queue_url: str
    table_url: str
    identity_client_id: str | None
    account: str  # what people call it


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Build it with `from_mapping`.

    `warnings` are sentences, each beginning with a setting's name: what is allowed and perhaps not meant.
    """

    tenant_id: str
    client_id: str
    credential: CredentialKind
    vault_url: str
    secret_name: str
    storage: StorageAccount
    queue: str
    table: str
    opt_out_attribute: str
    user_filter: str
    graph_endpoint: str
    authority_host: str
    instance_discovery: bool
    identity_client_id: str | None
    token_credentials: str
    policy: Policy
    scale_out: int = 0
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def vault_name(self) -> str:
        """The vault's name as `az` wants it; its whole host where that is none of Azure's vaults."""
        return name_of_vault(self.vault_url)

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; raises SettingsError with every problem found."""
        read = _Reader(environ)
        tenant_id = read.parse("GRAPH_TENANT_ID", guid)
        time_zone = read.parse("BUSINESS_TIME_ZONE", time_zone_of)
        window = read.parse("SEND_WINDOW", SendWindow.parse)
        schedule = _schedule(read)
        if schedule and window and time_zone and not schedule.meets(window, time_zone):
            read.problem(
                "NOTICE_SCHEDULE",
                f"{str(schedule)!r} (UTC) never falls into SEND_WINDOW {window} ({time_zone}), so nothing would ever "
                f"be sent; let it tick hourly: {EXAMPLE}",
            )
        before = read.parse("DAYS_BEFORE_DUE", lambda text: parse_days(text, sign=-1))
        after = read.parse("DAYS_AFTER_DUE", lambda text: parse_days(text, sign=1))
        days = tuple(sorted({*(before or ()), *(after or ())}))
        if before is not None and after is not None and not days:
            read.problem("DAYS_BEFORE_DUE", "no stage is left; write at least one day here or in DAYS_AFTER_DUE")
        attribute = read.parse("DUE_DATE_ATTRIBUTE", attribute_path)
        catch_up_days = read.parse("CATCH_UP_DAYS", whole_number(0, MOST_CATCH_UP_DAYS))
        calendar = _calendar(read)
        allow_list = read.parse("RECIPIENT_ALLOW_LIST", allow_list_of)
        limit = read.parse("NOTICE_LIMIT", whole_number(1, 10_000_000))
        lapse = read.parse("CLAIM_LAPSE_MINUTES", whole_number(5, 1440))
        retention_days = read.parse("LEDGER_RETENTION_DAYS", whole_number(90, 3650))
        credential = read.parse("GRAPH_CREDENTIAL", credential_kind)
        federated = credential is CredentialKind.FEDERATED
        vault_url = "" if federated else read.parse("KEY_VAULT_URL", vault)
        graph_endpoint = read.parse("GRAPH_ENDPOINT", https)
        authority_host = read.parse("AZURE_AUTHORITY_HOST", authority)
        _of_one_cloud(read, authority_host or "", graph_endpoint or "", vault_url or "")
        for name, meant in near_misses(environ, _DEFAULTS.keys() | _GONE.keys()):
            read.warn(name, f"is not a setting and does nothing; did you mean {meant}?")
        settings = cls(
            tenant_id=tenant_id,
            client_id=read.parse("GRAPH_CLIENT_ID", guid),
            credential=credential,
            vault_url=vault_url,
            secret_name=read.parse("KEY_VAULT_SECRET_NAME", matching(r"[0-9A-Za-z-]{1,127}", "my-secret")),
            storage=_storage(read),
            # <name>-poison has to fit into a queue's 63 characters.
            queue=read.parse("NOTICE_QUEUE", matching(r"(?=.{3,56}$)[a-z0-9]+(-[a-z0-9]+)*", "due-notices")),
            # Azure keeps the name "tables" for itself.
            table=read.parse("LEDGER_TABLE", matching(r"(?!(?i:tables)$)[A-Za-z][A-Za-z0-9]{2,62}", "duenotices")),
            opt_out_attribute=_opt_out(read, attribute),
            user_filter=read.parse("USER_FILTER", odata_filter),
            graph_endpoint=graph_endpoint,
            authority_host=authority_host,
            instance_discovery=read.parse("INSTANCE_DISCOVERY", one_of("true", "false")) == "true",
            identity_client_id=read.parse("AZURE_CLIENT_ID", optional_guid),
            token_credentials=read.parse("AZURE_TOKEN_CREDENTIALS", token_credentials),
            policy=Policy(
                rules=Rules(
                    _stages(read, days, catch_up_days, calendar, retention_days),
                    time_zone,
                    attribute,
                    allow_list,
                    digest=_digest(read),
                    filter_digest=filter_digest_of(read.text("USER_FILTER"), allow_list or frozenset()),
                ),
                window=window,
                limit=limit,
                lapse=timedelta(minutes=lapse or 0),
                source=source_of(tenant_id),
                look_again=read.parse("LOOK_AGAIN_HOURS", optional_hours),
                read_parts=read.parse("READ_PARTS", chains_setting),
                fall_limit=read.parse("FALL_LIMIT", whole_number(1, 99)),
                schedule=cast("Schedule", schedule),
            ),
            scale_out=read.parse("SCALE_OUT", whole_number(0, MOST_SHARDS)),
            warnings=tuple(read.warnings),
        )
        for name, text in _GONE.items():
            if environ.get(name):
                read.problem(name, text)
        if read.problems:
            raise SettingsError(read.problems)
        return settings


class _Reader:
    """Collects problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def problem(self, name: str, text: str) -> None:
        self.problems.append(f"{name}: {text}")

    def warn(self, name: str, text: str) -> None:
        self.warnings.append(f"{name}: {text}")

    def untrimmed(self, name: str) -> str:
        """Return a setting as the environment has it; empty where it is not set."""
        return self._environ.get(name, "")

    def text(self, name: str) -> str:
        """Return a setting's text, its default where it is not set, or empty where it must be and is not.

        A setting whose default is not empty may still be set to empty only if empty means something.
        """
        default = _DEFAULTS[name]
        given = self._environ.get(name, "").strip()
        if given or (name in self._environ and name in _MAY_BE_EMPTY):
            return given
        return default or ""

    def parse(self, name: str, parse: Callable[[str], _T]) -> _T:
        """Return the parsed setting. After a problem it is None, and `problems` is not empty."""
        text = self.text(name)
        if not text and _DEFAULTS[name] is None:
            self.problem(name, f"is not set: {_MEANINGS[name]}")
        elif _REFERENCE.match(text):
            self.problem(name, _UNRESOLVED)
        else:
            try:
                return parse(text)
            except ValueError as error:
                why = _IN_QUOTES if _is_quoted(name, text) else odd_character(text) or str(error)
                self.problem(name, why if name in _NEVER_SHOWN else f"{_shown(text)}: {why}")
        return cast("_T", None)


def _is_quoted(name: str, text: str) -> bool:
    return _QUOTED.fullmatch(text) is not None and not (name == "USER_FILTER" and "'" in text[1:-1])


def _opt_out(read: _Reader, attribute: tuple[str, ...] | None) -> str:
    name = "OPT_OUT_ATTRIBUTE"
    found = read.parse(name, optional_extension)
    if found and attribute is not None and found.casefold() == attribute[0].casefold():
        read.problem(name, "is DUE_DATE_ATTRIBUTE; name the boolean extension that says who wants no notices")
    return found


def _stages(
    read: _Reader,
    days: tuple[int, ...],
    catch_up_days: int | None,
    calendar: BusinessCalendar | None,
    retention_days: int | None,
) -> Stages:
    """Return the stages, and see that the ledger remembers all that they look back at."""
    days = days or (0,)
    least = 2 * max(days[-1], 0) + 14
    look_back = read.parse("LOOK_BACK_DAYS", lambda text: whole_number(least, 3650)(text) if text else max(30, least))
    stages = Stages(days, catch_up_days or 0, calendar or EveryDay(), look_back or least, retention_days or 0)
    if look_back is None or catch_up_days is None or retention_days is None:
        return stages
    if retention_days < (needed := longest_look_back(stages)):
        read.problem(
            "LEDGER_RETENTION_DAYS",
            f"{retention_days} days are too few: with these stages, CATCH_UP_DAYS and LOOK_BACK_DAYS a run looks "
            f"{needed} days back, and what the ledger has forgotten would be sent again; write {needed} or more",
        )
    return stages


def _digest(read: _Reader) -> str:
    """Return a digest of the settings that decide, whatever the order of their days and their blanks."""
    texts = (",".join(sorted(re.split(r"[\s,]+", read.text(name)))) for name in DECIDING)
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def _storage(read: _Reader) -> StorageAccount:
    connection_string = read.text("NOTICE_STORAGE")
    endpoints = ("NOTICE_STORAGE__queueServiceUri", "NOTICE_STORAGE__tableServiceUri")
    given = [name for name in endpoints if read.text(name)]
    if connection_string and given:
        read.problem("NOTICE_STORAGE", f"is set, and so is {given[0]}; set either the one or the other")
    elif connection_string:
        connection_string = read.parse("NOTICE_STORAGE", plain_connection_string)
    elif not connection_string and not given:
        read.problem(
            "NOTICE_STORAGE",
            "is not set; set it to a connection string, or set NOTICE_STORAGE__queueServiceUri and "
            "NOTICE_STORAGE__tableServiceUri for a managed identity",
        )
    elif len(given) == 1:
        missing = next(name for name in endpoints if name not in given)
        read.problem(missing, f"is not set although {given[0]} is; a managed identity needs both")
    for name, service in zip(endpoints, ("queue", "table"), strict=True):
        if other := other_service(read.text(name), service):
            read.problem(name, f"is the address of the {other} service; write that of the {service} service")
    identity = read.parse("NOTICE_STORAGE__clientId", optional_guid)
    return StorageAccount(
        connection_string=Secret(connection_string) if connection_string else None,
        queue_url=read.parse(endpoints[0], optional_https),
        table_url=read.parse(endpoints[1], optional_https),
        identity_client_id=identity or read.text("AZURE_CLIENT_ID") or None,
        account=account_of(connection_string or read.text(endpoints[1])),
    )


def _shown(text: str) -> str:
    """Return a setting's text for a message: short, on one line, without the login that a URL may hold."""
    text = re.sub(r"//[^/]*@", "//***@", text)
    return repr(text if len(text) <= 60 else text[:57] + "...")  # noqa: PLR2004 (a readable length)


def _of_one_cloud(read: _Reader, authority_host: str, graph_endpoint: str, vault_url: str) -> None:
    """Compare the clouds of the three addresses; hosts that are none of Microsoft's fit everywhere."""
    own, graph, vault = cloud_of_authority(authority_host), cloud_of_graph(graph_endpoint), cloud_of_vault(vault_url)
    if own and graph and graph != own:
        read.problem(
            "GRAPH_ENDPOINT",
            f"is that of {graph.name}, and AZURE_AUTHORITY_HOST that of {own.name}: for {own.name} write "
            f"https://{own.graphs[0]}, or for {graph.name} AZURE_AUTHORITY_HOST=https://{graph.authorities[0]}",
        )
    if own and vault and vault != own:
        read.warn("KEY_VAULT_URL", f"is a vault of {vault.name}, and AZURE_AUTHORITY_HOST that of {own.name}")


def _calendar(read: _Reader) -> BusinessCalendar:
    calendars = read.parse("BUSINESS_CALENDAR", parse_calendars) or ()
    closed = read.parse("CLOSED_DAYS", parse_dates) or frozenset()
    opened = read.parse("OPEN_DAYS", parse_dates) or frozenset()
    both = sorted(closed & opened)
    if both:
        read.problem("OPEN_DAYS", f"{both[0]} is in CLOSED_DAYS too; take it out of one of them")
    days = BusinessDays(calendars, closed, opened, read.parse("WEEKEND", parse_weekend))
    return EveryDay() if days == BusinessDays() else days


def _schedule(read: _Reader) -> Schedule | None:
    """Read the schedule as the host does, which trims nothing; None after a problem."""
    name = "NOTICE_SCHEDULE"
    text = read.untrimmed(name)
    if not text.strip():
        read.warn(
            name,
            f"is not set; commands take {EXAMPLE}, but the timer's binding has no default, and the Functions host "
            f"does not start the function without it: set it to {EXAMPLE}",
        )
        text = read.text(name)
    if _REFERENCE.match(text):
        read.problem(name, _UNRESOLVED)
        return None
    try:
        found = read_schedule(text)
    except UnknownSchedule as error:
        read.problem(name, f"{_shown(text)}: {error}")
        return None
    for remark in found.remarks:
        read.warn(name, remark)
    return found
