"""Break one line of `infra/`: each break is caught, by the rules, by the queries' cases, or by a Bicep checker."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.infra import bicep_checker, infra_rules, kql_service, query_cases
from tests.infra.test_infra_settings import PROGRAM

INFRA = Path(__file__).resolve().parents[2] / "infra"


@dataclass(frozen=True, slots=True)
class Mutation:
    """A file of `infra/`, a piece of one of its lines, and what to write instead."""

    file: str
    old: str
    new: str

    def __str__(self) -> str:
        """Name the test."""
        return f"{Path(self.file).name}: {self.old.strip()[:48]} -> {self.new.strip()[:40] or 'nothing'}"


MAIN, PARAM = "main.bicep", "main.bicepparam"
ACCESS, ALERTS, APP = "modules/access.bicep", "modules/alerts.bicep", "modules/function-app.bicep"
GRAPH, IDENTITY, LOGS = "modules/graph-app.bicep", "modules/identity.bicep", "modules/monitoring.bicep"
NETWORK, STORAGE, VAULT = "modules/network.bicep", "modules/storage.bicep", "modules/vault.bicep"
WORKBOOK, LAYOUT, CONFIG = "modules/workbook.bicep", "workbook/workbook.json", "bicepconfig.json"

MUTATIONS = (
    # ---- Settings and names ----
    Mutation(MAIN, "      SEND_WINDOW: sendWindow\n", ""),
    Mutation(MAIN, "      SEND_WINDOW: sendWindow", "      SEND_WINDOWS: sendWindow"),
    Mutation(MAIN, "DAYS_AFTER_DUE: daysAfterDue", "DAYS_AFTER_DUE: daysBeforeDue"),
    Mutation(MAIN, "param catchUpDays int = 3", "param catchUpDays int = 2"),
    Mutation(MAIN, "param noticeQueue string = 'due-notices'", "param noticeQueue string = 'due-notice'"),
    Mutation(MAIN, "param ledgerTable string = 'duenotices'", "param ledgerTable string = 'due-notices'"),
    Mutation(MAIN, "= 'graph-client-secret'", "= 'client-secret'"),
    Mutation(MAIN, "KEY_VAULT_URL: vault.outputs.uri", "KEY_VAULT_URL: vault.outputs.name"),
    Mutation(MAIN, "      SEND_WINDOW: sendWindow", "      WEBSITE_TIME_ZONE: sendWindow"),
    Mutation(APP, "__credential: 'managedidentity'", "__credential: 'managedIdentity'"),
    Mutation(APP, "  AzureWebJobsStorage__clientId: identityClientId\n", ""),
    Mutation(APP, "  AZURE_CLIENT_ID: identityClientId", "  AZURE_CLIENT_ID: identityResourceId"),
    Mutation(APP, "  AzureWebJobsStorage__accountName", "  AzureWebJobsStorage"),
    Mutation(APP, ";Authorization=AAD", ""),
    Mutation(APP, "  AZURE_CLIENT_ID: ide", "  FUNCTIONS_WORKER_RUNTIME: 'python'\n  AZURE_CLIENT_ID: ide"),
    Mutation(APP, "      minTlsVersion: '1.2'", "      linuxFxVersion: 'Python|3.13'"),
    Mutation(STORAGE, "name: '${queueName}-poison'", "name: '${queueName}-dead'"),
    Mutation(ACCESS, "name: '${queueName}-poison'", "name: queueName"),
    # ---- Security ----
    Mutation(STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    Mutation(STORAGE, "    allowSharedKeyAccess: false\n", ""),
    Mutation(STORAGE, "allowBlobPublicAccess: false", "allowBlobPublicAcess: false"),
    Mutation(STORAGE, "'TLS1_2'", "'TLS1_0'"),
    Mutation(STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'"),
    Mutation(STORAGE, "privateNetwork ? 'Deny' : 'Allow'", "privateNetwork ? 'Allow' : 'Allow'"),
    Mutation(VAULT, "enableRbacAuthorization: true", "enableRbacAuthorization: false"),
    Mutation(VAULT, "    enablePurgeProtection: true\n", ""),
    Mutation(VAULT, "privateNetwork ? 'Deny' : 'Allow'", "privateNetwork ? 'Allow' : 'Deny'"),
    Mutation(VAULT, "categoryGroup: 'audit'", "categoryGroup: 'allLogs'"),
    Mutation(VAULT, "    tenantId: tenant().tenantId\n", ""),
    Mutation(LOGS, "DisableLocalAuth: true", "disableLocalAuth: true"),
    Mutation(LOGS, "disableLocalAuth: true", "disableLocalAuth: false"),
    Mutation(APP, "httpsOnly: true", "httpsOnly: false"),
    Mutation(
        APP,
        "    name: 'scm'\n    properties: {\n      allow: false",
        "    name: 'scm'\n    properties: {\n      allow: true",
    ),
    Mutation(APP, "type: 'UserAssignedIdentity'", "type: 'StorageAccountConnectionString'"),
    Mutation(
        MAIN,
        "output NOTICE_QUEUE string = noticeQueue",
        "output NOTICE_QUEUE string = storage.listKeys().keys[0].value",
    ),
    Mutation(
        MAIN,
        "output LEDGER_TABLE string = ledgerTable",
        "output logs string = monitoring.outputs.componentConnectionString",
    ),
    Mutation(MAIN, "param userFilter string =", "param userSecret string ="),
    Mutation(GRAPH, "'AzureADMyOrg'", "'AzureADMultipleOrgs'"),
    Mutation(GRAPH, "var userReadAllId = 'df021288-bdef", "var userReadAllId = '741f803b-c850"),
    Mutation(GRAPH, "type: 'Role'", "type: 'Scope'"),
    Mutation(GRAPH, "relationshipSemantics: 'append'", "relationshipSemantics: 'replace'"),
    Mutation(GRAPH, "'api://AzureADTokenExchange'", "'api://AzureADTokenExchanges'"),
    Mutation(GRAPH, "subject: managedIdentityPrincipalId", "subject: uniqueName"),
    # ---- Roles ----
    Mutation(ACCESS, "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    Mutation(ACCESS, "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", "c6a89b2d-59bc-44d0-9896-0f6e12d7b80b"),
    Mutation(ACCESS, "scope: storageAccount::queueService::noticeQueue\n", "scope: storageAccount\n"),
    Mutation(ACCESS, "scope: storageAccount::tableService::ledgerTable\n", "scope: storageAccount::tableService\n"),
    Mutation(ACCESS, "    principalType: vaultOfficerPrincipalType\n", ""),
    Mutation(ACCESS, "name: guid(vault.id, functionPrincipalId,", "name: guid(component.id, functionPrincipalId,"),
    Mutation(
        ACCESS,
        "'Microsoft.Authorization/roleDefinitions',\n      builtInRoles.keyVaultSecretsUser",
        "'Microsoft.Authorization/roleDefinitions',\n      builtInRoles.keyVaultSecretsOfficer",
    ),
    Mutation(MAIN, "  dependsOn: [\n    access\n  ]\n", ""),
    # ---- Wiring ----
    Mutation(
        MAIN, "functionPrincipalId: identity.outputs.principalId", "functionPrincipalId: identity.outputs.objectId"
    ),
    Mutation(MAIN, "    retentionInDays: logRetentionInDays\n", ""),
    Mutation(MAIN, "'modules/workbook.bicep'", "'modules/workbooks.bicep'"),
    Mutation(MAIN, "param logDailyQuotaGb int = 1", "param logDailyQuotaGb string = 1"),
    Mutation(MAIN, "@description('Optional. Memory of an instance in megabytes.')\n", ""),
    Mutation(MAIN, "var packageContainerName", "var containerName"),
    Mutation(PARAM, "param alertEmailAddresses = split(readEnvironmentVariable('ALERT_EMAIL_ADDRESSES'), ',')\n", ""),
    Mutation(PARAM, "'CATCH_UP_DAYS', '3'", "'CATCH_UP_DAYS', '5'"),
    Mutation(PARAM, "'DAYS_AFTER_DUE'", "'DAYS_BEFORE_DUE'"),
    Mutation(PARAM, "param noticeLimit = int(", "param noticeLimits = int("),
    Mutation(PARAM, "param grantConsent = bool(", "param grantConsent = string("),
    Mutation(IDENTITY, "identity.properties.clientId", "identity.properties.clientID"),
    Mutation(IDENTITY, "@2024-11-30", "@2024-11-31"),
    Mutation(IDENTITY, "ManagedIdentity/userAssignedIdentities@2024-11-30", "Authorization/roleAssignments@2022-04-01"),
    Mutation(MAIN, "'https://graph.microsoft.com'", "'https://management.azure.com'"),
    Mutation(MAIN, "module vault 'modules/vault.bicep'", "module vault 'br/public:avm/res/key-vault/vault:0.13.3'"),
    Mutation(STORAGE, "resource poisonQueue 'queues'", "resource poisonQueue 'queue'"),
    Mutation(APP, "kind: 'functionapp,linux'\n", "kind: 'functionapp,linux'\n  sku: 'FC1'\n"),
    Mutation(APP, "name: 'python'", "name: 'pyton'"),
    Mutation(APP, "    reserved: true\n", "    reserve: true\n"),
    Mutation(NETWORK, "serviceName: 'Microsoft.App/environments'", "serviceName: 'Microsoft.Web/serverFarms'"),
    Mutation(NETWORK, "groupIds: [", "groupId: ["),
    Mutation(NETWORK, "registrationEnabled: false", "registrationEnabled: true"),
    Mutation(CONFIG, '"no-unused-params": { "level": "error" }', '"no-unused-params": { "level": "warning" }'),
    Mutation(CONFIG, "v1.0:1.0.0", "v1.0:1.1.0-preview"),
    # ---- Alarms ----
    Mutation(ALERTS, "operator: 'LessThan'\n", "operator: 'GreaterThan'\n"),
    Mutation(ALERTS, "threshold: secretWarningDays", "threshold: 0"),
    Mutation(ALERTS, "queries/poison.kql", "queries/backlog.kql"),
    Mutation(ALERTS, "queries/notices-failed.kql", "queries/notices-fail.kql"),
    Mutation(ALERTS, "metricMeasureColumn: 'Value'", "metricMeasureColumn: 'Values'"),
    Mutation(ALERTS, "'Microsoft.KeyVault.SecretNearExpiry'", "'Microsoft.KeyVault.SecretExpiring'"),
    Mutation(ALERTS, "endpointType: 'MonitorAlert'", "endpointType: 'WebHook'"),
    Mutation(ALERTS, "      autoMitigate: true\n", ""),
    Mutation(ALERTS, "groupShortName: 'due-notices'", "groupShortName: 'due-notices-on-duty'"),
    # ---- Queries and workbook ----
    Mutation("queries/run-failed.kql", "'due_notices'", "'due-notices'"),
    Mutation("queries/run-failed.kql", "Success == false", "Success == true"),
    Mutation("queries/run-failed.kql", "Success", "Succes"),
    Mutation("queries/no-completed-run.kql", "ago(26h)", "ago(28h)"),
    Mutation("queries/no-completed-run.kql", "'completed' or", "'already-completed' or"),
    Mutation("queries/no-completed-run.kql", "Value = count()", "Count = count()"),
    Mutation("queries/secret-days-left.kql", "toint(Report.credential.daysLeft)", "toint(Report.credential.days)"),
    Mutation("queries/secret-days-left.kql", "arg_max(", "arg_min("),
    Mutation("queries/notices-failed.kql", "'limit'", "'failed'"),
    Mutation("queries/notices-expired.kql", "Report.expired", "Report.superseded"),
    Mutation("queries/unusual-number.kql", "!in", "in"),
    Mutation("queries/poison.kql", "toint(Report.waiting.poison)", "toint(Report.waiting.queue)"),
    Mutation("queries/backlog.kql", "min(toint(Report.waiting.queue)", "max(toint(Report.waiting.queue)"),
    Mutation("queries/backlog.kql", "'due-notices run {'", "'due-notices-run {'"),
    Mutation("workbook/last-run.kql", "toint(Report.owed)", "toint(Report.sent)"),
    Mutation("workbook/skipped-by-reason.kql", "bag_keys(Report.skipped)", "bag_keys(Report.skips)"),
    Mutation("workbook/notices-by-stage.kql", "| mv-expand", "| mvexpnd"),
    Mutation("workbook/run-seconds.kql", "1d", "1h"),
    Mutation(LAYOUT, '"name": "throttling"', '"name": "throttled"'),
    Mutation(LAYOUT, '"timeContextFromParameter": "TimeRange"', '"timeContextFromParameter": "Time"'),
    Mutation(LAYOUT, '"version": "Notebook/1.0",', '"version": "Notebook/1.0"'),
    Mutation(WORKBOOK, "workbook/waiting.kql", "workbook/users-read.kql"),
    Mutation(WORKBOOK, "string({", "base64({"),
)

NEEDS_CHECKER = {
    "var packageContainerName",
    "groupIds: [",
    "groupShortName: 'due-notices'",
    "identity.properties.clientId",
    "kind: 'functionapp,linux'\n",
    "    reserved: true\n",
    "name: 'python'",
    "    tenantId: tenant().tenantId\n",
}


def mutated(mutation: Mutation, folder: Path) -> Path:
    """Return a copy of `infra/` with one break in it."""
    copy = folder / "infra"
    shutil.copytree(INFRA, copy)
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    assert mutation.old in text, f"{mutation.file} no longer has {mutation.old!r}"
    path.write_text(text.replace(mutation.old, mutation.new, 1), encoding="utf-8")
    return copy


def query_findings(texts: dict[str, str]) -> dict[str, list[str]]:
    """Return what the language service and the cases find wrong with each text; keys are `name|text`."""
    jobs = [
        (key, case, kql_service.Job(text, case.tables))
        for key, text in texts.items()
        for case in query_cases.CASES
        if case.query == key.partition("|")[0]
    ]
    found: dict[str, list[str]] = {key: [] for key in texts}
    answers = kql_service.ask([job for _, _, job in jobs], query_cases.NOW)
    for (key, case, _), answer in zip(jobs, answers, strict=True):
        found[key] += answer.diagnostics
        found[key] += [f"reads {path}" for path in answer.paths if path not in query_cases.report_fields()]
        if answer.rows is None or sorted(map(str, answer.rows)) != sorted(map(str, case.expected)):
            found[key].append(f"is wrong where it {case.shows}")
    return found


@cache
def query_verdicts() -> dict[str, list[str]]:
    """Judge all broken queries, and all whole ones, with few starts of the language service."""
    texts = {}
    for mutation in MUTATIONS:
        if mutation.file.endswith(".kql"):
            whole = (INFRA / mutation.file).read_text(encoding="utf-8")
            for text in (whole, whole.replace(mutation.old, mutation.new, 1)):
                texts[f"{mutation.file.removesuffix('.kql')}|{text}"] = text
    return query_findings(texts)


@cache
def checker(program: Path) -> bicep_checker.Checker:
    return bicep_checker.Checker(program)


def test_there_are_enough_breaks_and_all_differ() -> None:
    assert len(MUTATIONS) == len(set(MUTATIONS)) >= 40


@cache
def verdict(mutation: Mutation) -> tuple[str, ...]:
    """Return what is found wrong with a copy that has this break; a Bicep checker is asked last."""
    with tempfile.TemporaryDirectory() as folder:
        copy = mutated(mutation, Path(folder))
        found = infra_rules.findings(copy)
        found += [f"program_settings: {text}" for text in infra_rules.program_settings(copy, PROGRAM)]
        if mutation.file.endswith(".kql"):
            text = (copy / mutation.file).read_text(encoding="utf-8")
            found += query_verdicts()[f"{mutation.file.removesuffix('.kql')}|{text}"]
        if not found and (program := bicep_checker.find_checker()) is not None:
            found += checker(program).findings(copy)
    return tuple(found)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_break_is_caught(mutation: Mutation) -> None:
    found = verdict(mutation)

    if not found and bicep_checker.find_checker() is None and mutation.old in NEEDS_CHECKER:
        pytest.skip("only a Bicep checker or compiler can see this")
    assert found


def test_each_rule_is_broken_by_some_break() -> None:
    broken = {finding.partition(":")[0] for mutation in MUTATIONS for finding in verdict(mutation)}

    assert {rule.__name__ for rule in infra_rules.RULES} - broken == set()
    assert "program_settings" in broken


def test_each_query_is_broken_by_some_break_or_has_a_case_that_could() -> None:
    broken = {mutation.file.removesuffix(".kql") for mutation in MUTATIONS if mutation.file.endswith(".kql")}
    alarms = {f"queries/{path.stem}" for path in (INFRA / "queries").glob("*.kql")}

    assert alarms <= broken


def test_no_break_no_finding() -> None:
    unbroken = [
        found
        for key, found in query_verdicts().items()
        if key.partition("|")[2] == (INFRA / f"{key.partition('|')[0]}.kql").read_text(encoding="utf-8")
    ]

    assert infra_rules.findings(INFRA) == []
    assert unbroken
    assert not any(unbroken)
