"""Break one line of `infra/`: rules, the queries' cases, the Bicep compiler, or snapshots catch each break."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.infra import bicep_compiler, infra_rules, kql_service, query_cases
from tests.infra.test_infra_settings import PROGRAM
from tests.infra.test_infra_snapshots import values_that_matter
from tests.infra.variants import DEFAULT

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
    Mutation(MAIN, "output DEPLOYED_DUE_DATE_ATTRIBUTE", "output DUE_DATE_ATTRIBUTE"),
    Mutation(MAIN, "output keyVaultName", "output key_vault_url"),
    Mutation(MAIN, "param ledgerTable string = 'duenotices'", "param ledgerTable string = 'due-notices'"),
    Mutation(MAIN, "= 'graph-client-secret'", "= 'client-secret'"),
    Mutation(MAIN, "KEY_VAULT_URL: vaultUrl", "KEY_VAULT_URL: queueServiceUrl"),
    Mutation(MAIN, "      SEND_WINDOW: sendWindow", "      WEBSITE_TIME_ZONE: sendWindow"),
    Mutation(APP, "value: 'managedidentity'", "value: 'managedIdentity'"),
    Mutation(APP, "name: 'AzureWebJobsStorage__clientId'", "name: 'AzureWebJobsStorage__client'"),
    Mutation(
        APP,
        "'AZURE_CLIENT_ID'\n            value: identity.properties.clientId",
        "'AZURE_CLIENT_ID'\n            value: identity.id",
    ),
    Mutation(APP, "name: 'AzureWebJobsStorage__accountName'", "name: 'AzureWebJobsStorage'"),
    Mutation(APP, ";Authorization=AAD", ""),
    Mutation(APP, "name: 'AZURE_CLIENT_ID'", "name: 'FUNCTIONS_WORKER_RUNTIME'"),
    Mutation(APP, "      minTlsVersion: '1.2'", "      linuxFxVersion: 'Python|3.13'"),
    Mutation(APP, "scmMinTlsVersion", "scmMinTls"),
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
    Mutation(VAULT, "enablePurgeProtection", "enablePurgeProtections"),
    Mutation(VAULT, "'CanNotDelete'", "'ReadOnly'"),
    Mutation(STORAGE, "'CanNotDelete'", "'CannotDelete'"),
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
        "output DEPLOYED_NOTICE_QUEUE string = noticeQueue",
        "output DEPLOYED_NOTICE_QUEUE string = storage.listKeys().keys[0].value",
    ),
    Mutation(
        MAIN,
        "output DEPLOYED_LEDGER_TABLE string = ledgerTable",
        "output logs string = 'DefaultEndpointsProtocol=https'",
    ),
    Mutation(MAIN, "param userFilter string =", "param userSecret string ="),
    Mutation(GRAPH, "'AzureADMyOrg'", "'AzureADMultipleOrgs'"),
    Mutation(GRAPH, "var userReadAllId = 'df021288-bdef", "var userReadAllId = '741f803b-c850"),
    Mutation(GRAPH, "type: 'Role'", "type: 'Scope'"),
    Mutation(GRAPH, "relationshipSemantics: 'append'", "relationshipSemantics: 'replace'"),
    Mutation(GRAPH, "'api://AzureADTokenExchange'", "'api://AzureADTokenExchanges'"),
    Mutation(GRAPH, "subject: identity.properties.principalId", "subject: uniqueName"),
    # ---- Roles ----
    Mutation(ACCESS, "4633458b-17de-408a-b874-0445c86b69e6", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    Mutation(ACCESS, "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", "c6a89b2d-59bc-44d0-9896-0f6e12d7b80b"),
    Mutation(ACCESS, "scope: storageAccount::queueService::noticeQueue\n", "scope: storageAccount\n"),
    Mutation(ACCESS, "scope: storageAccount::tableService::ledgerTable\n", "scope: storageAccount::tableService\n"),
    Mutation(ACCESS, "    principalType: vaultOfficerPrincipalType\n", ""),
    Mutation(ACCESS, "974c5e8b-45b9-4653-ba55-5f855dd0fb88", "974c5e8b-45b9-4653-ba55-5f855dd0fb89"),
    Mutation(MAIN, "    scalesOut: scaleOut > 0\n    storesCertificate", "    storesCertificate"),
    Mutation(ALERTS, "threshold: orchestrationMinutes", "threshold: 0"),
    Mutation("queries/run-failed.kql", "ended as Terminated", "started anew"),
    Mutation(MAIN, "param scaleOut int = 0", "param scaleOut int = 1"),
    Mutation(ACCESS, "name: guid(vault.id, identity.id,", "name: guid(vault.id, identity.properties.principalId,"),
    Mutation(
        ACCESS,
        "'Microsoft.Authorization/roleDefinitions',\n      builtInRoles.keyVaultSecretsUser",
        "'Microsoft.Authorization/roleDefinitions',\n      builtInRoles.keyVaultSecretsOfficer",
    ),
    Mutation(MAIN, "  dependsOn: [\n    access\n  ]\n", ""),
    # ---- Wiring ----
    Mutation(MAIN, "string = identity.outputs.principalId", "string = identity.outputs.objectId"),
    Mutation(MAIN, "    componentName: names.component\n    identityName", "    identityName"),
    Mutation(MAIN, "param monthlyBudget int = 0", "param monthlyBudget int = 1"),
    Mutation(
        MAIN,
        "    identityName: names.identity\n    storageAccountName: names.storageAccount",
        "    identityName: monitoring.outputs.workspaceResourceId\n    storageAccountName: names.storageAccount",
    ),
    Mutation(MAIN, "    retentionInDays: logRetentionInDays\n", ""),
    Mutation(MAIN, "'modules/workbook.bicep'", "'modules/workbooks.bicep'"),
    Mutation(MAIN, "param logDailyQuotaGb int = 1", "param logDailyQuotaGb string = 1"),
    Mutation(MAIN, "@description('Optional. Memory of an instance in megabytes.')\n", ""),
    Mutation(MAIN, "var packageContainerName", "var containerName"),
    Mutation(PARAM, "param alertEmailAddresses =", "param alertEmailAddress ="),
    Mutation(PARAM, "'CATCH_UP_DAYS', ''), '3'", "'CATCH_UP_DAYS', ''), '5'"),
    Mutation(
        PARAM,
        "'secret'\n  : readEnvironmentVariable('GRAPH_CREDENTIAL', 'secret')",
        "'federated'\n  : readEnvironmentVariable('GRAPH_CREDENTIAL', 'secret')",
    ),
    Mutation(PARAM, "'DAYS_AFTER_DUE'", "'DAYS_BEFORE_DUE'"),
    Mutation(PARAM, "param noticeLimit = int(", "param noticeLimits = int("),
    Mutation(PARAM, "param grantConsent = bool(", "param grantConsent = string("),
    Mutation(IDENTITY, "identity.properties.principalId", "identity.properties.principalID"),
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
    Mutation(ALERTS, "      autoMitigate: !alarm.lasting\n", ""),
    Mutation(ALERTS, "? 'P1D' : null", "? 'P2D' : null"),
    Mutation(ALERTS, "lasting: true", "lasting: false"),
    Mutation(ALERTS, "severity: 'Sev2'", "severity: 'Sev9'"),
    Mutation(ALERTS, "thresholdType: 'Actual'", "thresholdType: 'Actuals'"),
    Mutation(ALERTS, "groupShortName: 'due-notices'", "groupShortName: 'due-notices-on-duty'"),
    # ---- Queries and workbook ----
    Mutation("queries/run-failed.kql", "'due_notices'", "'due-notices'"),
    Mutation("queries/run-failed.kql", "Success == false", "Success == true"),
    Mutation("queries/run-failed.kql", "Success ==", "Succes =="),
    Mutation("queries/run-failed.kql", "dcount(OperationId)", "count()"),
    Mutation("queries/run-failed.kql", "Outcome in ('failed', 'fallen', 'limit') or ", ""),
    Mutation("queries/run-failed.kql", "'failed', 'fallen', 'limit'", "'failed'"),
    Mutation("queries/run-failed.kql", "or Broken ", ""),
    Mutation("queries/orchestration-stuck.kql", "ago(65m)", "ago(2h)"),
    Mutation("queries/orchestration-stuck.kql", "/ 1m", "/ 1h"),
    Mutation("queries/orchestration-stuck.kql", "max(toint", "min(toint"),
    Mutation("queries/orchestration-stuck.kql", " has been at work since ([", " works since (["),
    Mutation("queries/run-unfinished.kql", "ago(35m)", "ago(20m)"),
    Mutation("queries/run-unfinished.kql", "== 'began'", "== 'begun'"),
    Mutation("queries/run-unfinished.kql", "Executing 'Functions", "Executing 'Function"),
    Mutation("queries/run-unfinished.kql", "Executed 'Functions", "Executed 'Function"),
    Mutation("queries/run-unfinished.kql", "Ended = Name == 'due_notices'", "Ended = Name == 'due-notices'"),
    Mutation("queries/no-completed-run.kql", "ago(26h)", "ago(28h)"),
    Mutation("queries/no-completed-run.kql", "('completed', 'already-completed')", "('completed')"),
    Mutation("queries/no-completed-run.kql", "iff(Closed, Last, First)", "Last"),
    Mutation("queries/no-completed-run.kql", "iff(Closed, Last, First)", "First"),
    Mutation("queries/no-completed-run.kql", "Value = count()", "Count = count()"),
    Mutation(
        "queries/credential-days-left.kql",
        "Value = toint(Report.credential.daysLeft)",
        "Value = toint(Report.credential.days)",
    ),
    Mutation(
        "queries/credential-days-left.kql",
        "arg_max(TimeGenerated, Report)\n| where isnotnull(Time",
        "arg_min(TimeGenerated, Report)\n| where isnotnull(Time",
    ),
    Mutation(
        "queries/credential-days-left.kql",
        "isnotnull(toint(Report.credential.daysLeft))",
        "isnotnull(Report.credential.daysLeft)",
    ),
    Mutation("queries/daily-cap.kql", "'OverQuota'", "'Quota'"),
    Mutation(
        "queries/daily-cap.kql",
        "union isfuzzy=true Operation, (datatable(TimeGenerated: datetime, Detail: string)[])",
        "Operation",
    ),
    Mutation("queries/fallen.kql", "'fallen'", "'failed'"),
    Mutation("queries/fallen.kql", "isfuzzy=true ", ""),
    Mutation("queries/notices-failed.kql", "'limit'", "'failed'"),
    Mutation(
        "queries/notices-failed.kql",
        "| summarize arg_max(TimeGenerated, Report) by RunId = tostring(Report.runId)\n",
        "",
    ),
    Mutation("queries/notices-expired.kql", "Report.expired", "Report.superseded"),
    Mutation("queries/notices-missed.kql", "Report.missed", "Report.expired"),
    Mutation("queries/unusual-number.kql", "!in", "in"),
    Mutation("queries/poison.kql", "Value = toint(Report.waiting.poison)", "Value = toint(Report.waiting.queue)"),
    Mutation("queries/backlog.kql", "min(toint(Report.waiting.queue)", "max(toint(Report.waiting.queue)"),
    Mutation("queries/backlog.kql", "'due-notices run {'", "'due-notices-run {'"),
    Mutation(
        "workbook/not-notified.kql", "by Day = tostring(Report.businessDate)", "by Day = tostring(Report.outcome)"
    ),
    Mutation("workbook/last-run.kql", "toint(Report.owed)", "toint(Report.sent)"),
    Mutation("workbook/skipped-by-reason.kql", "bag_keys(Report.skipped)", "bag_keys(Report.skips)"),
    Mutation("workbook/notices-by-stage.kql", "| mv-expand", "| mvexpnd"),
    Mutation(
        "workbook/run-seconds.kql", "tostring(Report.businessDate)", "format_datetime(TimeGenerated, 'yyyy-MM-dd')"
    ),
    Mutation(LAYOUT, '"visualization": "categoricalbar"', '"visualization": "linechart"'),
    Mutation(LAYOUT, '"name": "throttling"', '"name": "throttled"'),
    Mutation(LAYOUT, '"timeContextFromParameter": "TimeRange"', '"timeContextFromParameter": "Time"'),
    Mutation(LAYOUT, '"version": "Notebook/1.0",', '"version": "Notebook/1.0"'),
    Mutation(WORKBOOK, "workbook/waiting.kql", "workbook/users-read.kql"),
    Mutation(WORKBOOK, "string({", "base64({"),
)


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


def test_there_are_enough_breaks_and_all_differ() -> None:
    assert len(MUTATIONS) == len(set(MUTATIONS)) >= 40


@cache
def verdict(mutation: Mutation) -> tuple[str, ...]:
    """Return what is found wrong with a copy that has this break; the compiler is asked last."""
    with tempfile.TemporaryDirectory() as folder:
        copy = mutated(mutation, Path(folder))
        found = infra_rules.findings(copy)
        found += [f"program_settings: {text}" for text in infra_rules.program_settings(copy, PROGRAM)]
        if mutation.file.endswith(".kql"):
            text = (copy / mutation.file).read_text(encoding="utf-8")
            found += query_verdicts()[f"{mutation.file.removesuffix('.kql')}|{text}"]
        if not found and bicep_compiler.find() is not None:
            found += bicep_compiler.lint(copy).findings.splitlines()
        if not found and bicep_compiler.find() is not None:
            snapshot = bicep_compiler.snapshot(
                copy, DEFAULT | {"MONTHLY_BUDGET": "20", "BUDGET_START_DATE": "2026-12-01"}
            )
            found += [*snapshot.findings.splitlines(), *values_that_matter(snapshot)]
    return tuple(found)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_break_is_caught(mutation: Mutation) -> None:
    found = verdict(mutation)

    if not found and bicep_compiler.find() is None and ".bicep" in mutation.file:
        pytest.skip(bicep_compiler.MISSING)
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
