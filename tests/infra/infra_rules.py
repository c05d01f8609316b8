"""What must hold of `infra/`: each rule takes the folder and returns what is wrong, in sentences.

Rules are functions of a folder and not tests, so that the mutation test can apply them to a broken copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.infra import bicep_text

Rule = Callable[[Path], list[str]]

FUNCTION_NAME = "due_notices"
REPORT_PREFIX = "due-notices run "

# What the platform itself needs, besides the settings of the program.
PLATFORM_SETTINGS = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "'ClientId=${identity.properties.clientId};Authorization=AAD'",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "component.properties.ConnectionString",
    "AZURE_CLIENT_ID": "identity.properties.clientId",
    "AzureWebJobsStorage__accountName": "storageAccountName",
    "AzureWebJobsStorage__clientId": "identity.properties.clientId",
    "AzureWebJobsStorage__credential": "'managedidentity'",
    "NOTICE_STORAGE__clientId": "identity.properties.clientId",
}

FORBIDDEN_ON_FLEX = (
    "AzureWebJobsDashboard",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
    "alwaysOn",
    "containerSize",
    "ftpsState",
    "functionAppScaleLimit",
    "linuxFxVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
)

# Built-in roles: name -> id, from the reference of Azure RBAC.
ROLES = {
    "keyVaultCertificatesOfficer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "keyVaultSecretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageQueueDataMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "storageQueueDataReader": "19e7f393-937e-4f77-808e-94535e297925",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}

# Who may do what where; nothing more, nothing wider. Those on the whole account, but for the host's blobs, are for
# the task hub of a deployment that scales out.
GRANTS = {
    ("storageAccount", "identity.properties.principalId", "storageBlobDataOwner"),
    ("storageAccount::queueService::noticeQueue", "identity.properties.principalId", "storageQueueDataMessageSender"),
    ("storageAccount::queueService::noticeQueue", "identity.properties.principalId", "storageQueueDataReader"),
    ("storageAccount::queueService::poisonQueue", "identity.properties.principalId", "storageQueueDataReader"),
    ("storageAccount::tableService::ledgerTable", "identity.properties.principalId", "storageTableDataContributor"),
    ("storageAccount", "identity.properties.principalId", "storageQueueDataContributor"),
    ("storageAccount", "identity.properties.principalId", "storageTableDataContributor"),
    ("vault", "identity.properties.principalId", "keyVaultSecretsUser"),
    ("component", "identity.properties.principalId", "monitoringMetricsPublisher"),
    ("vault", "vaultOfficerObjectId", "keyVaultSecretsOfficer"),
    ("vault", "vaultOfficerObjectId", "keyVaultCertificatesOfficer"),
}

WELL_KNOWN_IDS = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph",
    "df021288-bdef-4463-88db-98f22de89214": "User.Read.All as an application permission",
}

# The versions that were checked against the official types; a change is a decision, not a slip.
RESOURCE_TYPES = {
    "Microsoft.Authorization/locks@2020-05-01",
    "Microsoft.Authorization/roleAssignments@2022-04-01",
    "Microsoft.Consumption/budgets@2024-08-01",
    "Microsoft.EventGrid/systemTopics@2025-02-15",
    "Microsoft.Graph/appRoleAssignedTo@v1.0",
    "Microsoft.Graph/applications@v1.0",
    "Microsoft.Graph/servicePrincipals@v1.0",
    "Microsoft.Insights/actionGroups@2023-01-01",
    "Microsoft.Insights/components@2020-02-02",
    "Microsoft.Insights/diagnosticSettings@2021-05-01-preview",
    "Microsoft.Insights/scheduledQueryRules@2023-12-01",
    "Microsoft.Insights/workbooks@2023-06-01",
    "Microsoft.KeyVault/vaults@2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01",
    "Microsoft.Network/privateDnsZones@2024-06-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01",
    "Microsoft.Network/privateEndpoints@2024-07-01",
    "Microsoft.Network/virtualNetworks@2024-07-01",
    "Microsoft.OperationalInsights/workspaces@2025-02-01",
    "Microsoft.Storage/storageAccounts@2025-01-01",
    "Microsoft.Web/serverfarms@2024-11-01",
    "Microsoft.Web/sites@2024-11-01",
    "basicPublishingCredentialsPolicies",
    "blobServices",
    "containers",
    "eventSubscriptions",
    "federatedIdentityCredentials@v1.0",
    "queueServices",
    "queues",
    "tableServices",
    "tables",
}

# Lines on which the security of the deployment rests: file -> line -> how often it stands there.
SECURE_LINES: dict[str, dict[str, int]] = {
    "modules/monitoring.bicep": {"disableLocalAuth: true": 1, "DisableLocalAuth: true": 1},
    "modules/storage.bicep": {
        "allowBlobPublicAccess: false": 1,
        "allowCrossTenantReplication: false": 1,
        "allowSharedKeyAccess: false": 1,
        "defaultToOAuthAuthentication: true": 1,
        "minimumTlsVersion: 'TLS1_2'": 1,
        "supportsHttpsTrafficOnly: true": 1,
        "publicAccess: 'None'": 1,
        "publicNetworkAccess: privateNetwork && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'": 1,
        "defaultAction: privateNetwork ? 'Deny' : 'Allow'": 1,
        "level: 'CanNotDelete'": 1,
        "category: 'StorageWrite'": 1,
        "category: 'StorageDelete'": 2,
    },
    "modules/vault.bicep": {
        "enableRbacAuthorization: true": 1,
        "enableSoftDelete: true": 1,
        "enablePurgeProtection: true": 1,
        "softDeleteRetentionInDays: 90": 1,
        "enabledForDeployment: false": 1,
        "enabledForDiskEncryption: false": 1,
        "enabledForTemplateDeployment: false": 1,
        "publicNetworkAccess: privateNetwork && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'": 1,
        "defaultAction: privateNetwork ? 'Deny' : 'Allow'": 1,
        "categoryGroup: 'audit'": 1,
        "level: 'CanNotDelete'": 1,
    },
    "modules/function-app.bicep": {
        "httpsOnly: true": 1,
        "minTlsVersion: '1.2'": 1,
        "scmMinTlsVersion: '1.2'": 1,
        "allow: false": 2,
        "type: 'UserAssigned'": 1,
        "type: 'UserAssignedIdentity'": 1,
    },
    "modules/network.bicep": {
        "serviceName: 'Microsoft.App/environments'": 1,
        "defaultOutboundAccess: false": 1,
        "registrationEnabled: false": 1,
    },
    "modules/graph-app.bicep": {
        "signInAudience: 'AzureADMyOrg'": 1,
        "relationshipSemantics: 'append'": 1,
        "type: 'Role'": 1,
        "'api://AzureADTokenExchange'": 1,
        "issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'": 1,
        "subject: identity.properties.principalId": 1,
        "isEnabled: true": 1,
    },
    "modules/workbook.bicep": {"serializedData: string({": 1, "kind: 'shared'": 1, "category: 'workbook'": 1},
    "modules/alerts.bicep": {
        "eventDeliverySchema: 'CloudEventSchemaV1_0'": 1,
        "endpointType: 'MonitorAlert'": 1,
        "topicType: 'Microsoft.KeyVault.vaults'": 1,
        "'Microsoft.KeyVault.SecretNearExpiry'": 1,
        "'Microsoft.KeyVault.SecretExpired'": 1,
        "'Microsoft.KeyVault.CertificateNearExpiry'": 1,
        "'Microsoft.KeyVault.CertificateExpired'": 1,
        "autoMitigate: !alarm.lasting": 1,
        "muteActionsDuration: alarm.lasting ? 'P1D' : null": 1,
        "enabled: true": 4,
        "metricMeasureColumn: 'Value'": 1,
        "skipQueryValidation: true": 1,
        "useCommonAlertSchema: true": 1,
    },
}

# alarm -> (query, operator, threshold, how often it runs, how far it looks back, whether it lasts until a person acts)
ALARMS = {
    "backlog": ("backlog", "GreaterThan", "backlogLimit", "PT1H", "PT6H", "false"),
    "daily-cap": ("daily-cap", "GreaterThan", "0", "PT15M", "PT2H", "true"),
    "fallen": ("fallen", "GreaterThan", "0", "PT15M", "PT2H", "true"),
    "no-completed-run": ("no-completed-run", "LessThan", "1", "PT1H", "P2D", "false"),
    "notices-expired": ("notices-expired", "GreaterThan", "0", "PT1H", "P1D", "true"),
    "notices-failed": ("notices-failed", "GreaterThan", "0", "PT15M", "PT2H", "false"),
    "notices-missed": ("notices-missed", "GreaterThan", "0", "PT1H", "P1D", "true"),
    "orchestration-stuck": ("orchestration-stuck", "GreaterThan", "orchestrationMinutes", "PT15M", "PT2H", "false"),
    "poison": ("poison", "GreaterThan", "0", "PT1H", "P2D", "true"),
    "run-failed": ("run-failed", "GreaterThan", "0", "PT15M", "PT2H", "false"),
    "run-unfinished": ("run-unfinished", "GreaterThan", "0", "PT15M", "PT2H", "false"),
    "secret-expired": ("credential-days-left", "LessThanOrEqual", "0", "PT1H", "P2D", "true"),
    "secret-near-expiry": ("credential-days-left", "LessThanOrEqual", "secretWarningDays", "PT1H", "P2D", "true"),
    "unusual-number": ("unusual-number", "GreaterThan", "0", "PT15M", "PT2H", "false"),
}


def bicep_files(infra: Path) -> list[Path]:
    return sorted([infra / "main.bicep", *(infra / "modules").glob("*.bicep")])


def name_of(path: Path, infra: Path) -> str:
    return path.relative_to(infra).as_posix()


# ---- Settings ----


def app_settings(infra: Path) -> dict[str, str]:
    """Return the program's settings as main.bicep gives them to the function app."""
    site = bicep_text.modules(infra / "main.bicep")["functionApp"][2]
    return bicep_text.entries(bicep_text.block(site, "settings: {", "    "), " {6}")


def platform_settings(infra: Path) -> dict[str, str]:
    """Return the settings that function-app.bicep adds by itself."""
    text = bicep_text.text_of(infra / "modules" / "function-app.bicep").partition("appSettings: concat(")[2]
    return dict(re.findall(r"name: '(\w+)'\n +value: (.+)\n", text))


def constant_default(infra: Path, value: str) -> str | None:
    """Return what a setting is on a deployment without parameters; None where that is only known then."""
    declared = bicep_text.params(infra / "main.bicep")
    if match := re.fullmatch(r"string\((\w+)\)", value):
        return declared[match[1]].value
    if match := re.fullmatch(r"(\w+) \? 'true' : 'false'", value):
        return declared[match[1]].value
    if value in declared and declared[value].value is not None:
        literal = re.fullmatch(r"'(.*)'", declared[value].value or "")
        return literal[1] if literal else None
    return None


def program_settings(infra: Path, settings: Mapping[str, str | None]) -> list[str]:
    """Compare with the program's settings, name -> default (None: required)."""
    given = app_settings(infra)
    given |= {name: value for name, value in platform_settings(infra).items() if name in settings}
    wrong = [f"{name} is a setting of the program and missing in Bicep" for name in settings if name not in given]
    wrong += [f"{name} is set in Bicep and no setting of the program" for name in given if name not in settings]
    for name, value in given.items():
        default = constant_default(infra, value)
        expected = settings.get(name)
        if default is not None and expected is not None and default != expected:
            wrong.append(f"{name} is {default!r} by default in Bicep and {expected!r} in the program")
    return wrong


def platform_settings_are_these(infra: Path) -> list[str]:
    """The platform gets exactly what it needs, each from its own source."""
    given = platform_settings(infra)
    return [
        f"platform setting {name} is {given.get(name)} instead of {PLATFORM_SETTINGS.get(name)}"
        for name in sorted(given.keys() | PLATFORM_SETTINGS.keys())
        if given.get(name) != PLATFORM_SETTINGS.get(name)
    ]


def own_settings_come_from_their_parameter(infra: Path) -> list[str]:
    """A setting NOTICE_LIMIT is fed from noticeLimit, not from a neighbour."""
    derived = {
        "AZURE_AUTHORITY_HOST": "environment().authentication.loginEndpoint",
        "DUE_DATE_ATTRIBUTE": "dueDateProperty",
        "GRAPH_TENANT_ID": "tenant().tenantId",
        "KEY_VAULT_URL": "vaultUrl",
        "NOTICE_STORAGE__queueServiceUri": "queueServiceUrl",
        "NOTICE_STORAGE__tableServiceUri": "tableServiceUrl",
    }
    wrong = []
    for name, value in app_settings(infra).items():
        words = name.lower().split("_")
        camel = words[0] + "".join(word.capitalize() for word in words[1:])
        allowed = {derived.get(name, camel), f"string({camel})", f"{camel} ? 'true' : 'false'"}
        if value not in allowed:
            wrong.append(f"{name} is fed from {value}")
    return wrong


def flex_refuses_nothing(infra: Path) -> list[str]:
    """No setting and no property that Flex Consumption refuses, and no key to the host's storage."""
    forbidden = re.compile(rf"(?m)^\s*'?({'|'.join(FORBIDDEN_ON_FLEX)})'?:")
    wrong = []
    for path in bicep_files(infra):
        text = bicep_text.text_of(path)
        wrong += [f"{name_of(path, infra)}: Flex Consumption refuses {name}" for name in forbidden.findall(text)]
        if re.search(r"(?m)^\s*AzureWebJobsStorage:", text):
            wrong.append(f"{name_of(path, infra)}: a plain AzureWebJobsStorage wins over the identity")
    return wrong


# ---- Names shared with the code ----


def names_equal_the_codes(infra: Path) -> list[str]:
    """The function and the report are called in the queries as in the code."""
    wrong = [
        f"{name}.kql does not look for the function {FUNCTION_NAME}"
        for name in ("run-failed", "run-unfinished")
        if f"Name == '{FUNCTION_NAME}'" not in (infra / "queries" / f"{name}.kql").read_text(encoding="utf-8")
    ]
    prelude = (
        "union isfuzzy=true AppTraces, (datatable(TimeGenerated: datetime, Message: string)[])\n"
        f"| where Message startswith_cs '{REPORT_PREFIX}{{'\n"
        "| extend Report = parse_json(substring(Message, indexof(Message, '{')))\n"
        "| summarize arg_max(TimeGenerated, Report) by RunId = tostring(Report.runId)\n"
    )
    for path in query_files(infra):
        text = path.read_text(encoding="utf-8")
        of_ticks = "'^the orchestration [^ ]+ has been at work since (" in text and "Value = max(" in text
        once = (
            prelude in text
            or of_ticks
            or ("AppRequests" in text and re.search(r"dcount\(OperationId\)|by OperationId", text))
        )
        if "AppTraces" in text and not once:
            wrong.append(f"{name_of(path, infra)} does not begin as every query over reports does, each run once")
    return wrong


def queries_hold_under_any_engine(infra: Path) -> list[str]:
    """Whether a JSON null counts as missing, and what is unequal to it, differs: no query depends on it."""
    wrong = []
    for path in query_files(infra):
        code = re.sub(r"(?m)^//.*$", "", path.read_text(encoding="utf-8"))
        wrong += [
            f"{name_of(path, infra)}: {found} may mean two things: convert the value, or take businessDate"
            for found in re.findall(r"is(?:not)?null\(Report[^)]*\)|!=|bin\(|startofday\(", code)
        ]
        if not code.lstrip().startswith("union isfuzzy=true"):
            wrong.append(f"{name_of(path, infra)} fails before its table has a first row")
    return wrong


def poison_queue_is_named_after_its_queue(infra: Path) -> list[str]:
    """A queue trigger puts its dead letters on `<queue>-poison`, nowhere else."""
    return [
        f"{name}: the poison queue must be called '${{queueName}}-poison'"
        for name in ("modules/storage.bicep", "modules/access.bicep")
        if "name: '${queueName}-poison'" not in bicep_text.text_of(infra / name)
    ]


# ---- Parameters, modules, outputs ----


def everything_is_described(infra: Path) -> list[str]:
    """Each parameter says whether it is required, each output what it is."""
    wrong = []
    for path in bicep_files(infra):
        for declaration in bicep_text.params(path).values():
            word = "Optional. " if declaration.value is not None else "Required. "
            if not re.match(rf"{re.escape(word)}\S.*[.)]$", declaration.description):
                wrong.append(f"{name_of(path, infra)}: the description of {declaration.name} begins '{word}'")
        wrong += [
            f"{name_of(path, infra)}: output {declaration.name} has no description"
            for declaration in bicep_text.outputs(path).values()
            if not declaration.description.endswith(".")
        ]
        if not re.search(r"(?m)^metadata description = '.+'$", bicep_text.text_of(path)):
            wrong.append(f"{name_of(path, infra)} has no metadata description")
    return wrong


def variables_read(infra: Path) -> dict[str, tuple[str, str | None]]:
    """Return what main.bicepparam reads: parameter -> variable and the default for it, None where it must be given."""
    found = {}
    for name, value in bicep_text.given_params(infra / "main.bicepparam").items():
        variables = set(re.findall(r"readEnvironmentVariable\('([A-Z_]+)'", value))
        defaults = re.findall(r"'\), '([^']*)'|''\), '([^']*)'|', '([^']*)'\)$|\? '([^']*)'", value)
        found[name] = (" and ".join(sorted(variables)), _default_of(value, defaults))
    return found


def _default_of(value: str, found: list[tuple[str, ...]]) -> str | None:
    if "fail(" in value:
        return None
    if re.match(r"entries\(|addressRanges\(", value):
        return ""
    return next((text for match in found for text in match if text), "")


def parameter_file_fits(infra: Path) -> list[str]:
    """What main.bicepparam assigns exists, reads one variable of its own, and has the default of main.bicep."""
    declared = bicep_text.params(infra / "main.bicep")
    given = bicep_text.given_params(infra / "main.bicepparam")
    wrong = [f"main.bicepparam assigns {name}, no parameter" for name in given if name not in declared]
    wrong += [
        f"main.bicepparam lacks the required {name}"
        for name, declaration in declared.items()
        if declaration.value is None and name not in given
    ]
    seen: dict[str, str] = {}
    for name, (variable, default) in variables_read(infra).items():
        if not variable or " " in variable:
            wrong.append(f"main.bicepparam: {name} does not come from one variable of the environment")
            continue
        if variable in seen:
            wrong.append(f"main.bicepparam: {name} and {seen[variable]} both read {variable}")
        seen[variable] = name
        if variable != snake(name) and variable != "AZURE_ENV_NAME":
            wrong.append(f"main.bicepparam: {name} reads {variable}")
        if name not in declared:
            continue
        expected = declared[name].value
        if expected is not None and default != expected.strip("'").replace("[]", ""):
            wrong.append(f"main.bicepparam: {name} is {default!r} by default, {expected} in main.bicep")
        kinds = {"int": "int(", "bool": "bool(", "string": "", "string[]": "entries(|addressRanges("}
        if not re.search(kinds[declared[name].type].replace("(", r"\("), given[name]):
            wrong.append(f"main.bicepparam: {name} is no {declared[name].type}")
    return wrong


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def outputs_are_no_inputs(infra: Path) -> list[str]:
    """No output has the name of a variable or setting: azd would hand it to the next deployment as a parameter."""
    inputs = {variable for variable, _ in variables_read(infra).values()} | set(app_settings(infra))
    inputs |= platform_settings(infra).keys()
    taken = {name.upper() for name in inputs}
    return [
        f"main.bicep: output {name} has the name of a variable or setting"
        for name in bicep_text.outputs(infra / "main.bicep")
        if name.upper() in taken
    ]


def defaults_have_their_type(infra: Path) -> list[str]:
    """A default is of the type that its parameter says, and a module's parameter of the type that it is given."""
    literals = {"int": r"-?\d+", "bool": r"true|false", "string": r"'.*'"}
    main = bicep_text.params(infra / "main.bicep")
    wrong = [
        f"{name_of(path, infra)}: {declaration.name} is {declaration.value} by default, no {declaration.type}"
        for path in bicep_files(infra)
        for declaration in bicep_text.params(path).values()
        for kind, pattern in literals.items()
        if re.fullmatch(pattern, declaration.value or "") and kind != declaration.type
    ]
    for symbol, (file, given, _) in bicep_text.modules(infra / "main.bicep").items():
        expected = bicep_text.params(infra / file) if (infra / file).is_file() else {}
        wrong += [
            f"module {symbol}: {name} is a {expected[name].type} and given the {main[value].type} {value}"
            for name, value in given.items()
            if value in main and name in expected and expected[name].type != main[value].type
        ]
    return wrong


def modules_fit(infra: Path) -> list[str]:
    """Each module file is used, and gets exactly its parameters."""
    used = bicep_text.modules(infra / "main.bicep")
    files = {name_of(path, infra) for path in (infra / "modules").glob("*.bicep")}
    shared = {name for name in files if f"from '{name}'" in bicep_text.text_of(infra / "main.bicep")}
    wrong = [f"{name} is not used" for name in sorted(files - shared - {file for file, _, _ in used.values()})]
    for symbol, (file, given, _) in used.items():
        if not (infra / file).is_file():
            wrong.append(f"module {symbol}: no file {file}")
            continue
        expected = bicep_text.params(infra / file)
        wrong += [f"module {symbol} lacks {name}" for name in sorted(expected.keys() - given.keys())]
        wrong += [f"module {symbol} has no {name}" for name in sorted(given.keys() - expected.keys())]
        for name, value in given.items():
            output = re.fullmatch(r"(\w+)!?\.outputs\.(\w+)", value)
            if output and output[1] in used:
                source = infra / used[output[1]][0]
                if source.is_file() and output[2] not in bicep_text.outputs(source):
                    wrong.append(f"module {symbol}: {name} wants {value}, which is no output")
    return wrong


def roles_come_before_the_app(infra: Path) -> list[str]:
    """An app that starts without its roles fails until they arrive."""
    app = bicep_text.modules(infra / "main.bicep")["functionApp"][2]
    return [] if re.search(r"dependsOn: \[\s+access\s+\]", app) else ["the function app does not wait for its roles"]


# ---- Access and secrets ----


def roles_are_known(infra: Path) -> list[str]:
    """The names of the roles mean the ids beside them."""
    text = bicep_text.text_of(infra / "modules" / "access.bicep")
    given = bicep_text.entries(bicep_text.block(text, "var builtInRoles = {"), " {2}")
    wrong = [f"role {name} is not {value}" for name, value in given.items() if f"'{ROLES.get(name)}'" != value]
    return wrong + [f"role {name} is missing" for name in sorted(ROLES.keys() - given.keys())]


def grants(infra: Path) -> list[tuple[str, str, str]]:
    """Return each role assignment: scope, principal, role."""
    found = []
    for kind, body in bicep_text.resources(infra / "modules" / "access.bicep").values():
        if kind.startswith("Microsoft.Authorization/roleAssignments"):
            scope = re.search(r"(?m)^  scope: (\S+)$", body)
            principal = re.search(r"(?m)^    principalId: (\S+)$", body)
            role = re.search(r"roleDefinitionId:(?s:.*?)builtInRoles\.(\w+)", body)
            found.append(tuple(match[1] if match else "?" for match in (scope, principal, role)))
    return [(scope, principal, role) for scope, principal, role in found]


def grants_are_the_least(infra: Path) -> list[str]:
    """Exactly the table of grants, each with a stable name, a kind of principal and a reason."""
    given = grants(infra)
    wrong = [f"not in the table of grants: {grant}" for grant in given if grant not in GRANTS]
    wrong += [f"missing: {grant}" for grant in sorted(GRANTS - set(given))]
    wrong += ["a grant stands there twice"] if len(given) != len(set(given)) else []
    for symbol, (kind, body) in bicep_text.resources(infra / "modules" / "access.bicep").items():
        if not kind.startswith("Microsoft.Authorization/roleAssignments"):
            continue
        flat = re.sub(r"\s+", " ", body)
        named = re.search(r"name: guid\( ?(\S+)\.id, (\w+)(?:\.id)?, builtInRoles\.(\w+) ?\)", flat)
        scope, principal, role = (
            (re.search(pattern, flat) or ["", "?"])[1]
            for pattern in (r"scope: (\S+)", r"principalId: (\w+)", r"roleDefinitions', builtInRoles\.(\w+)")
        )
        if named is None or named.groups() != (scope, principal, role):
            wrong.append(f"{symbol}: its name must be made of its scope, principal and role")
        expected = "'ServicePrincipal'" if principal == "identity" else "vaultOfficerPrincipalType"
        if f"principalType: {expected}" not in flat:
            wrong.append(f"{symbol}: principalType is not {expected}")
        if not re.search(r"description: '[A-Z].+\.'", flat):
            wrong.append(f"{symbol} does not say why")
    return wrong


def roles_are_assigned_in_one_place(infra: Path) -> list[str]:
    return [
        f"{name_of(path, infra)} assigns a role; access.bicep is the place"
        for path in bicep_files(infra)
        if path.name != "access.bicep" and "roleAssignments@" in bicep_text.text_of(path)
    ]


def ids_are_well_known(infra: Path) -> list[str]:
    """Every GUID is one of those that this file explains, and stands in its place."""
    wrong = []
    for path in bicep_files(infra):
        found = re.findall(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", bicep_text.text_of(path))
        unknown = set(found) - WELL_KNOWN_IDS.keys() - set(ROLES.values())
        wrong += [f"{name_of(path, infra)}: what is {value}?" for value in sorted(unknown)]
    graph = bicep_text.text_of(infra / "modules" / "graph-app.bicep")
    for name, value in (("graphAppId", "00000003-"), ("userReadAllId", "df021288-")):
        if not re.search(rf"(?m)^var {name} = '{value}", graph):
            wrong.append(f"graph-app.bicep: {name} is not {value}…")
    if re.findall(r"(?m)^\s+id: (\w+)$", bicep_text.block(graph, "resource application")) != ["userReadAllId"]:
        wrong.append("graph-app.bicep asks for other permissions than User.Read.All")
    return wrong


def nothing_is_secret(infra: Path) -> list[str]:
    """No secret passes through a deployment, so none is in its history."""
    wrong = []
    for path in [*bicep_files(infra), infra / "main.bicepparam"]:
        name, text = name_of(path, infra), bicep_text.text_of(path)
        if match := re.search(r"\blist[A-Z]\w*\(|\.list[A-Z]\w*\(|getSecret\(", text):
            wrong.append(f"{name} asks for keys: {match[0]}")
        if re.search(r"vaults/secrets@|passwordCredentials:|keyCredentials:|deploymentScripts@", text):
            wrong.append(f"{name} makes a secret; that is the operator's command's business")
        if re.search(r"(?i)AccountKey=|SharedAccessSignature|sig=|DefaultEndpointsProtocol", text):
            wrong.append(f"{name} holds a connection string with a key")
        for declaration in (*bicep_text.params(path).values(), *bicep_text.outputs(path).values()):
            lower = declaration.name.lower().replace("_", "")
            allowed = re.search(r"secret(name|warningdays)", lower)
            if re.search(r"secret|password|pwd|accountkey|token|sas$", lower) and not allowed:
                wrong.append(f"{name}: {declaration.name} sounds like a secret")
            if "@secure" in declaration.decorators:
                wrong.append(f"{name}: {declaration.name} is a secret")
    if "componentConnectionString" in "".join(
        declaration.value or "" for declaration in bicep_text.outputs(infra / "main.bicep").values()
    ):
        wrong.append("main.bicep puts a connection string into its outputs")
    return wrong


def secure_lines_stand(infra: Path) -> list[str]:
    """The lines on which security rests stand where they stood."""
    wrong = []
    for file, lines in SECURE_LINES.items():
        stripped = [line.strip() for line in bicep_text.text_of(infra / file).splitlines()]
        wrong += [
            f"{file}: `{line}` stands there {stripped.count(line)} times instead of {count}"
            for line, count in lines.items()
            if stripped.count(line) != count
        ]
    return wrong


# ---- Resources ----


def resource_types_are_pinned(infra: Path) -> list[str]:
    found = {
        kind: name_of(path, infra) for path in bicep_files(infra) for kind, _ in bicep_text.resources(path).values()
    }
    wrong = [
        f"{file}: {kind} is not among the checked types" for kind, file in found.items() if kind not in RESOURCE_TYPES
    ]
    return wrong + [f"{kind} is not used" for kind in sorted(RESOURCE_TYPES - found.keys())]


def files_are_plain(infra: Path) -> list[str]:
    """No registry module, no host of one cloud, no place, and no character that an editor would hide."""
    wrong = []
    for path in [*bicep_files(infra), infra / "main.bicepparam"]:
        text = path.read_text(encoding="utf-8")
        name = name_of(path, infra)
        if re.search(r"'(br|ts)[:/]", text):
            wrong.append(f"{name} needs the network to build")
        if re.search(r"core\.windows\.net|vault\.azure\.net|login\.microsoftonline|management\.azure\.com", text):
            wrong.append(f"{name} names a host of one cloud")
        if not text.isascii() or "\t" in text or not text.endswith("\n"):
            wrong.append(f"{name} has a tab, a strange character or no last line end")
    return wrong


def linter_is_strict(infra: Path) -> list[str]:
    """The compiler's linter stops the build, and the Graph types are pinned."""
    config = json.loads((infra / "bicepconfig.json").read_text(encoding="utf-8"))
    core = config["analyzers"]["core"]
    wrong = [] if core["enabled"] is True else ["the linter is off"]
    wrong += [
        f"linter rule {name} does not stop the build"
        for name, rule in core["rules"].items()
        if rule["level"] != "error" and name != "use-recent-api-versions"
    ]
    if not config["extensions"]["microsoftGraphV1"].endswith("/microsoftgraph/v1.0:1.0.0"):
        wrong.append("the Microsoft Graph types are not pinned to 1.0.0")
    return wrong


# ---- Alarms and workbook ----


def query_files(infra: Path) -> list[Path]:
    return sorted([*(infra / "queries").glob("*.kql"), *(infra / "workbook").glob("*.kql")])


def alarms(infra: Path) -> dict[str, dict[str, str]]:
    """Return each alarm of alerts.bicep: its fields as written."""
    text = bicep_text.block(bicep_text.text_of(infra / "modules" / "alerts.bicep"), "var alarms alarmType[] = [")
    found = [bicep_text.entries(item, " {4}") for item in re.findall(r"(?ms)^  \{\n.*?^  \}$", text)]
    return {fields["name"].strip("'"): fields for fields in found if "name" in fields}


def alarms_are_these(infra: Path) -> list[str]:
    """Each alarm has its query, condition and rhythm, says what happened and what to do."""
    given, wrong = alarms(infra), []
    wrong += [f"alarm {name} is missing" for name in sorted(ALARMS.keys() - given.keys())]
    for name, fields in given.items():
        query, operator, threshold, every, window, lasting = ALARMS.get(name, ("?",) * 6)
        expected = {
            "query": f"loadTextContent('../queries/{query}.kql')",
            "operator": f"'{operator}'",
            "threshold": threshold,
            "every": f"'{every}'",
            "window": f"'{window}'",
            "lasting": lasting,
        }
        wrong += [
            f"alarm {name}: {field} is {fields.get(field)} instead of {value}"
            for field, value in expected.items()
            if fields.get(field) != value
        ]
        if fields.get("severity") not in {"1", "2"}:
            wrong.append(f"alarm {name} has no severity")
        if not re.fullmatch(r"'[a-z].{8,}'", fields.get("title", "")):
            wrong.append(f"alarm {name} does not say what happened")
        if not re.fullmatch(r"'[A-Z].{8,}[.?}]'|renew", fields.get("remedy", "")):
            wrong.append(f"alarm {name} does not say what to do")
    used = {fields["query"] for fields in given.values() if "query" in fields}
    for path in (infra / "queries").glob("*.kql"):
        if f"loadTextContent('../queries/{path.name}')" not in used:
            wrong.append(f"queries/{path.name} is not used")
    return wrong


def workbook_fits(infra: Path) -> list[str]:
    """The layout is valid, and items, queries and files are the same set."""
    layout = json.loads((infra / "workbook" / "workbook.json").read_text(encoding="utf-8"))
    wrong = [] if layout.get("version") == "Notebook/1.0" else ["workbook.json is no Notebook/1.0"]
    items = [item for item in layout["items"] if item["type"] == 3]
    names = [item["name"] for item in items]
    wrong += [f"workbook.json: two items are called {name}" for name in set(names) if names.count(name) > 1]
    text = bicep_text.text_of(infra / "modules" / "workbook.bicep")
    loaded = bicep_text.entries(bicep_text.block(text, "var queries = {"), " {2}")
    files = {path.stem for path in (infra / "workbook").glob("*.kql")}
    for name in sorted({*names, *loaded, *files}):
        if name not in names:
            wrong.append(f"workbook.json has no item {name}")
        if loaded.get(name) != f"loadTextContent('../workbook/{name}.kql')":
            wrong.append(f"workbook.bicep does not load {name}.kql under its name")
        if name not in files:
            wrong.append(f"there is no workbook/{name}.kql")
    parameters = {
        parameter["name"]
        for item in layout["items"]
        if item["type"] == 9
        for parameter in item["content"]["parameters"]
    }
    for item in items:
        content = item["content"]
        if content.get("timeContextFromParameter") not in parameters:
            wrong.append(f"workbook item {item['name']} does not follow the chosen time")
        if content.get("visualization") not in {"table", "barchart", "categoricalbar", "linechart"}:
            wrong.append(f"workbook item {item['name']} has no known shape")
        if not content.get("title") or "query" in content:
            wrong.append(f"workbook item {item['name']} lacks a title, or its query is not in its own file")
    return wrong


def days_are_names(infra: Path) -> list[str]:
    """A business day is a name and not a moment, which a browser would move into its own time zone."""
    layout = json.loads((infra / "workbook" / "workbook.json").read_text(encoding="utf-8"))
    wrong = []
    for item in layout["items"]:
        query = infra / "workbook" / f"{item['name']}.kql"
        by_day = query.is_file() and "Day = tostring(Report.businessDate)" in query.read_text(encoding="utf-8")
        if by_day != (item["content"].get("visualization") == "categoricalbar"):
            wrong.append(
                f"workbook item {item['name']}: business days stand in a categoricalbar, and nothing else does"
            )
    return wrong


RULES: tuple[Rule, ...] = (
    platform_settings_are_these,
    own_settings_come_from_their_parameter,
    flex_refuses_nothing,
    names_equal_the_codes,
    queries_hold_under_any_engine,
    poison_queue_is_named_after_its_queue,
    everything_is_described,
    parameter_file_fits,
    outputs_are_no_inputs,
    defaults_have_their_type,
    modules_fit,
    roles_come_before_the_app,
    roles_are_known,
    grants_are_the_least,
    roles_are_assigned_in_one_place,
    ids_are_well_known,
    nothing_is_secret,
    secure_lines_stand,
    resource_types_are_pinned,
    files_are_plain,
    linter_is_strict,
    alarms_are_these,
    workbook_fits,
    days_are_names,
)


def findings(infra: Path) -> list[str]:
    """Return what any rule finds wrong; a file that cannot be read at all is a finding, too."""
    found = []
    for rule in RULES:
        try:
            found += [f"{rule.__name__}: {finding}" for finding in rule(infra)]
        except ValueError as error:
            found.append(f"{rule.__name__}: {error}")
    return found
