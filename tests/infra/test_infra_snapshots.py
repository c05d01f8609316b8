"""What a deployment would make, for each way to deploy: counts, roles, scopes, settings, names, and chosen values."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from due_notices.settings import MOST_SHARDS, SETTINGS, Settings
from tests.infra import bicep_compiler, infra_rules
from tests.infra.bicep_compiler import GROUP, INFRA, TENANT, Snapshot
from tests.infra.variants import CLIENT, DEFAULT, PRINCIPAL, VARIANTS

pytestmark = pytest.mark.skipif(bicep_compiler.find() is None, reason=bicep_compiler.MISSING)

ALARMS = len(infra_rules.ALARMS) - 1  # the one on orchestrations comes with them

# What every deployment has: type -> how many.
ALWAYS = {
    "Microsoft.Authorization/locks": 2,
    "Microsoft.Authorization/roleAssignments": 8,
    "Microsoft.EventGrid/systemTopics": 1,
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": 1,
    "Microsoft.Graph/appRoleAssignedTo@v1.0": 1,
    "Microsoft.Graph/applications@v1.0": 1,
    "Microsoft.Graph/servicePrincipals@v1.0": 1,
    "Microsoft.Insights/actionGroups": 1,
    "Microsoft.Insights/components": 1,
    "Microsoft.Insights/diagnosticSettings": 4,
    "Microsoft.Insights/scheduledQueryRules": ALARMS,
    "Microsoft.Insights/workbooks": 1,
    "Microsoft.KeyVault/vaults": 1,
    "Microsoft.ManagedIdentity/userAssignedIdentities": 1,
    "Microsoft.OperationalInsights/workspaces": 1,
    "Microsoft.Storage/storageAccounts": 1,
    "Microsoft.Storage/storageAccounts/blobServices": 1,
    "Microsoft.Storage/storageAccounts/blobServices/containers": 1,
    "Microsoft.Storage/storageAccounts/queueServices": 1,
    "Microsoft.Storage/storageAccounts/queueServices/queues": 2,
    "Microsoft.Storage/storageAccounts/tableServices": 1,
    "Microsoft.Storage/storageAccounts/tableServices/tables": 1,
    "Microsoft.Web/serverfarms": 1,
    "Microsoft.Web/sites": 1,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": 2,
}

PRIVATE = {
    "Microsoft.Network/virtualNetworks": 1,
    "Microsoft.Network/privateDnsZones": 4,
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": 4,
    "Microsoft.Network/privateEndpoints": 4,
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": 4,
}
NO_REGISTRATION = {
    "Microsoft.Graph/appRoleAssignedTo@v1.0": -1,
    "Microsoft.Graph/applications@v1.0": -1,
    "Microsoft.Graph/servicePrincipals@v1.0": -1,
}
NO_EXPIRY = {
    "Microsoft.EventGrid/systemTopics": -1,
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": -1,
    "Microsoft.Insights/scheduledQueryRules": -2,
}

SCALE_OUT = {"Microsoft.Authorization/roleAssignments": 2, "Microsoft.Insights/scheduledQueryRules": 1}

# What a variant has more (or, below zero, less) than every deployment.
DIFFERENCES: dict[str, Mapping[str, int]] = {
    "private": PRIVATE,
    "private-with-addresses": PRIVATE,
    "existing-registration": NO_REGISTRATION,
    "certificate": {"Microsoft.Authorization/roleAssignments": 1},
    "federated": {**NO_EXPIRY, "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0": 1},
    "federated-on-an-existing-registration": {**NO_REGISTRATION, **NO_EXPIRY},
    "no-consent": {"Microsoft.Graph/appRoleAssignedTo@v1.0": -1},
    "no-locks": {"Microsoft.Authorization/locks": -2},
    "budget": {"Microsoft.Consumption/budgets": 1},
    "scale-out": SCALE_OUT,
    "scale-out-private": {**PRIVATE, **SCALE_OUT},
}

# The compiler takes any text where a service's list of values is open: these are the ones that work.
VALUES_THAT_MATTER: dict[str, Mapping[str, object]] = {
    "Microsoft.Authorization/locks": {"properties.level": "CanNotDelete"},
    "Microsoft.Consumption/budgets": {
        "properties.category": "Cost",
        "properties.timeGrain": "Monthly",
        "properties.notifications.actual80.thresholdType": "Actual",
        "properties.notifications.actual80.operator": "GreaterThanOrEqualTo",
        "properties.notifications.forecast100.thresholdType": "Forecasted",
    },
    "Microsoft.EventGrid/systemTopics": {"properties.topicType": "Microsoft.KeyVault.vaults"},
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": {
        "properties.destination.endpointType": "MonitorAlert",
        "properties.destination.properties.severity": "Sev2",
        "properties.eventDeliverySchema": "CloudEventSchemaV1_0",
    },
    "Microsoft.Graph/applications@v1.0": {"properties.signInAudience": "AzureADMyOrg"},
    "Microsoft.Insights/actionGroups": {"location": "global", "properties.groupShortName": "due-notices"},
    "Microsoft.Insights/components": {
        "kind": "web",
        "properties.DisableLocalAuth": True,
        "properties.IngestionMode": "LogAnalytics",
    },
    "Microsoft.Insights/scheduledQueryRules": {"kind": "LogAlert", "properties.skipQueryValidation": True},
    "Microsoft.Insights/workbooks": {"kind": "shared", "properties.category": "workbook"},
    "Microsoft.KeyVault/vaults": {
        "properties.enablePurgeProtection": True,
        "properties.enableRbacAuthorization": True,
        "properties.sku.name": "standard",
    },
    "Microsoft.OperationalInsights/workspaces": {
        "properties.features.disableLocalAuth": True,
        "properties.sku.name": "PerGB2018",
    },
    "Microsoft.Storage/storageAccounts": {
        "kind": "StorageV2",
        "properties.allowBlobPublicAccess": False,
        "properties.allowSharedKeyAccess": False,
        "properties.minimumTlsVersion": "TLS1_2",
    },
    "Microsoft.Web/serverfarms": {"kind": "functionapp", "sku.name": "FC1", "sku.tier": "FlexConsumption"},
    "Microsoft.Web/sites": {
        "kind": "functionapp,linux",
        "properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
        "properties.functionAppConfig.deployment.storage.type": "blobContainer",
        "properties.functionAppConfig.runtime.name": "python",
        "properties.httpsOnly": True,
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.scmMinTlsVersion": "1.2",
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": False},
}


def at(resource: Mapping[str, Any], path: str) -> object:
    found: Any = resource
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def values_that_matter(snapshot: Snapshot) -> Iterator[str]:
    """Yield what is not as the services want it; also for templates that were broken on purpose."""
    for resource in snapshot.resources:
        for path, value in VALUES_THAT_MATTER.get(resource["type"], {}).items():
            if at(resource, path) != value:
                yield f"{resource['type']}: {path} is {at(resource, path)!r} and not {value!r}"


@cache
def taken(variant: str) -> Snapshot:
    return bicep_compiler.snapshot(INFRA, VARIANTS[variant])


def of_type(snapshot: Snapshot, kind: str) -> list[Mapping[str, Any]]:
    return [resource for resource in snapshot.resources if resource["type"] == kind]


def app_settings(snapshot: Snapshot) -> dict[str, str]:
    (site,) = of_type(snapshot, "Microsoft.Web/sites")
    return {item["name"]: item["value"] for item in site["properties"]["siteConfig"]["appSettings"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_deployment_makes_these_resources_and_nothing_is_printed(variant: str) -> None:
    snapshot = taken(variant)
    expected = Counter(ALWAYS)
    expected.update(DIFFERENCES.get(variant, {}))

    assert snapshot.findings == ""
    assert Counter(resource["type"] for resource in snapshot.resources) == +expected


@pytest.mark.parametrize("variant", VARIANTS)
def test_values_that_the_compiler_does_not_check_are_those_that_work(variant: str) -> None:
    assert list(values_that_matter(taken(variant))) == []


def test_a_value_that_does_not_work_is_found() -> None:
    broken = [{"type": "Microsoft.Web/serverfarms", "kind": "functionapp", "sku": {"name": "FC1", "tier": "Flex"}}]

    assert len(list(values_that_matter(Snapshot("", tuple(broken), {})))) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_name_needs_a_value_of_the_deployment_itself(variant: str) -> None:
    names = [str(resource.get("name")) for resource in taken(variant).resources]

    assert [name for name in names if "reference(" in name] == []
    assert len(names) > 30


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_fit_their_services(variant: str) -> None:
    snapshot = taken(variant)
    (account,) = of_type(snapshot, "Microsoft.Storage/storageAccounts")
    (vault,) = of_type(snapshot, "Microsoft.KeyVault/vaults")
    (site,) = of_type(snapshot, "Microsoft.Web/sites")

    assert re.fullmatch(r"[a-z0-9]{3,24}", account["name"])
    assert re.fullmatch(r"[a-zA-Z](?:-?[a-zA-Z0-9]){2,23}", vault["name"])
    assert re.fullmatch(r"[a-z0-9](?:-?[a-z0-9]){1,59}", site["name"])


# ---- Roles ----


def grants(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    """Return each role assignment: where, to whom, which."""
    by_id = {value: name for name, value in infra_rules.ROLES.items()}
    found = set()
    for resource in of_type(snapshot, "Microsoft.Authorization/roleAssignments"):
        properties = resource["properties"]
        where = re.search(r"/providers/([^']*?)(?:/providers/Microsoft.Authorization|')", resource["id"])
        assert where
        who = properties["principalId"]
        to = "function" if "userAssignedIdentities/id-" in who else who
        found.add((where[1], f"{to} ({properties['principalType']})", by_id[properties["roleDefinitionId"][-36:]]))
    return found


def test_the_function_and_the_officer_have_these_roles_and_no_others() -> None:
    snapshot = taken("officer-group")
    (account,) = (item["name"] for item in of_type(snapshot, "Microsoft.Storage/storageAccounts"))
    (vault,) = (item["name"] for item in of_type(snapshot, "Microsoft.KeyVault/vaults"))
    storage = f"Microsoft.Storage/storageAccounts/{account}"
    function = "function (ServicePrincipal)"

    assert grants(snapshot) == {
        (storage, function, "storageBlobDataOwner"),
        (f"{storage}/queueServices/default/queues/due-notices", function, "storageQueueDataMessageSender"),
        (f"{storage}/queueServices/default/queues/due-notices", function, "storageQueueDataReader"),
        (f"{storage}/queueServices/default/queues/due-notices-poison", function, "storageQueueDataReader"),
        (f"{storage}/tableServices/default/tables/duenotices", function, "storageTableDataContributor"),
        (f"Microsoft.KeyVault/vaults/{vault}", function, "keyVaultSecretsUser"),
        ("Microsoft.Insights/components/appi-duenotices-prod", function, "monitoringMetricsPublisher"),
        (f"Microsoft.KeyVault/vaults/{vault}", f"{PRINCIPAL} (Group)", "keyVaultSecretsOfficer"),
    }


def test_scaling_out_adds_two_roles_and_an_alarm_and_enough_instances_for_the_most_shards() -> None:
    whole, one = taken("scale-out"), taken("default")
    (account,) = (item["name"] for item in of_type(whole, "Microsoft.Storage/storageAccounts"))
    storage = f"Microsoft.Storage/storageAccounts/{account}"
    function = "function (ServicePrincipal)"
    alarms, before = (
        {item["name"] for item in of_type(taken, "Microsoft.Insights/scheduledQueryRules")} for taken in (whole, one)
    )
    (site,) = of_type(whole, "Microsoft.Web/sites")
    scale = site["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    hub = json.loads((INFRA.parent / "host.json").read_text("utf-8"))["extensions"]["durableTask"]

    assert grants(whole) - grants(one) == {
        (storage, function, "storageQueueDataContributor"),
        (storage, function, "storageTableDataContributor"),
    }
    assert {name.removeprefix("duenotices-prod-") for name in alarms - before} == {"orchestration-stuck"}
    assert before <= alarms
    assert scale["maximumInstanceCount"] * hub["maxConcurrentActivityFunctions"] >= MOST_SHARDS
    assert app_settings(whole)["SCALE_OUT"] == "16"


def test_the_officer_of_a_certificate_may_store_certificates() -> None:
    roles = {role for _, who, role in grants(taken("certificate")) if not who.startswith("function")}

    assert roles == {"keyVaultSecretsOfficer", "keyVaultCertificatesOfficer"}


def test_without_a_named_officer_it_is_the_one_that_deploys_of_its_own_kind() -> None:
    (who,) = {who for _, who, _ in grants(taken("default")) if not who.startswith("function")}

    assert who.startswith("[deployer().objectId] ([")
    assert "tryGet(deployer(), 'userPrincipalName')" in who


@pytest.mark.parametrize(("variant", "owner"), [("officer", True), ("officer-group", False), ("default", False)])
def test_an_officer_who_is_a_named_person_owns_the_registration(variant: str, owner: bool) -> None:  # noqa: FBT001
    (application,) = of_type(taken(variant), "Microsoft.Graph/applications@v1.0")
    owners = json.dumps(application["properties"]["owners"])

    assert (PRINCIPAL in owners) is owner
    # The one that deploys is added only where it is an application: a person who upgrades becomes no owner.
    assert (
        "if(empty(tryGet(deployer(), 'userPrincipalName')), createArray(deployer().objectId), createArray()" in owners
    )
    assert owners.count("deployer().objectId") == 1


# ---- Settings ----

KNOWN_AT_THE_DEPLOYMENT = {
    "clientId": PRINCIPAL,
    "principalId": PRINCIPAL,
    "appId": CLIENT,
    "ConnectionString": "InstrumentationKey=made-up",
}


def resolved(value: str) -> str:
    """Put made-up values into an expression of which Azure knows the parts at the deployment."""
    suffixes = {
        "environment().suffixes.storage": "core.windows.net",
        "environment().suffixes.keyvaultDns": ".vault.azure.net",
    }
    if value == "[environment().authentication.loginEndpoint]":
        return "https://login.microsoftonline.com/"
    text = re.sub(
        r"reference\('[^']*'(?:, '[^']*')?\)\.(\w+)", lambda found: f"'{KNOWN_AT_THE_DEPLOYMENT[found[1]]}'", value
    )
    for name, suffix in suffixes.items():
        text = text.replace(name, f"'{suffix}'")
    text = re.sub(r"replace\('([^']*)', '-', ''\)", lambda found: f"'{found[1].replace('-', '')}'", text)
    if found := re.fullmatch(r"\[format\('([^']*)'((?:, '[^']*')*)\)\]", text):
        return found[1].format(*re.findall(r"'([^']*)'", found[2]))
    return text.removeprefix("['").removesuffix("']") if text.startswith("['") else text


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_program_accepts_its_app_settings(variant: str) -> None:
    given = {name: resolved(value) for name, value in app_settings(taken(variant)).items()}
    own = {setting.name for setting in SETTINGS}

    settings = Settings.from_mapping({name: value for name, value in given.items() if name in own})

    assert settings.queue == "due-notices"
    assert settings.storage.connection_string is None
    assert given["GRAPH_TENANT_ID"] == TENANT
    assert not any("[" in value or "reference(" in value for value in given.values()), given


def test_no_app_setting_is_there_twice_or_refused_by_the_plan() -> None:
    (site,) = of_type(taken("default"), "Microsoft.Web/sites")
    names = [item["name"] for item in site["properties"]["siteConfig"]["appSettings"]]

    assert len(names) == len(set(names))
    assert not {*infra_rules.FORBIDDEN_ON_FLEX, "AzureWebJobsStorage"} & set(names)


# ---- Parameters as people write them ----


@cache
def read_variables() -> tuple[str, ...]:
    return tuple(variable for variable, _ in infra_rules.variables_read(INFRA).values())


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_variable_that_is_set_but_empty_means_the_default(blank: str) -> None:
    # Given every variable set to nothing, but those whose empty value says something, and the addresses.
    closed = {"VAULT_OFFICER_PRINCIPAL_TYPE", "GRAPH_CREDENTIAL", "STORAGE_SKU_NAME"}
    speaking = {"ALERT_EMAIL_ADDRESSES", "DAYS_BEFORE_DUE", "USER_FILTER"}
    empty = {name: "" if name in closed else blank for name in read_variables() if name not in speaking}

    snapshot = bicep_compiler.snapshot(INFRA, DEFAULT | empty)

    assert len(empty) > 20
    assert snapshot == taken("default")


@pytest.mark.parametrize("name", ["DAYS_BEFORE_DUE", "USER_FILTER"])
def test_an_empty_value_that_says_something_stays_empty(name: str) -> None:
    assert app_settings(bicep_compiler.snapshot(INFRA, DEFAULT | {name: ""}))[name] == ""
    assert app_settings(taken("default"))[name] != ""


@pytest.mark.parametrize("text", ["a@example.com,b@example.com", " a@example.com ; ,b@example.com; "])
def test_addresses_are_taken_as_people_write_them(text: str) -> None:
    (group,) = of_type(
        bicep_compiler.snapshot(INFRA, {"ALERT_EMAIL_ADDRESSES": text}), "Microsoft.Insights/actionGroups"
    )

    receivers = [item["emailAddress"] for item in group["properties"]["emailReceivers"]]
    assert receivers == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("text", ["", " , ;"])
def test_an_empty_list_of_addresses_for_alarms_does_not_compile(text: str) -> None:
    done = bicep_compiler.build_params(INFRA, {"ALERT_EMAIL_ADDRESSES": text})

    assert done.code
    assert "ALERT_EMAIL_ADDRESSES names no address" in done.findings


def test_a_single_address_may_be_written_as_a_range() -> None:
    (account,) = of_type(
        bicep_compiler.snapshot(INFRA, DEFAULT | {"PRIVATE_NETWORK": "true", "ALLOWED_IP_RANGES": "203.0.113.7/32"}),
        "Microsoft.Storage/storageAccounts",
    )

    assert [rule["value"] for rule in account["properties"]["networkAcls"]["ipRules"]] == ["203.0.113.7"]


def test_addresses_without_a_private_network_do_nothing_and_a_remark_says_so() -> None:
    snapshot = bicep_compiler.snapshot(INFRA, DEFAULT | {"ALLOWED_IP_RANGES": "203.0.113.7"})
    (account,) = of_type(snapshot, "Microsoft.Storage/storageAccounts")

    assert account["properties"]["networkAcls"]["ipRules"] == []
    (remark,) = snapshot.outputs["remarks"]
    assert "ALLOWED_IP_RANGES does nothing" in remark
    assert taken("private-with-addresses").outputs["remarks"] == []


def test_a_budget_without_its_first_day_is_refused_before_anything_is_made() -> None:
    snapshot = bicep_compiler.snapshot(INFRA, DEFAULT | {"MONTHLY_BUDGET": "20"})

    assert "BUDGET_START_DATE" in snapshot.findings
    assert snapshot.resources == ()


# ---- Alarms ----


def test_what_stays_true_until_a_person_acts_does_not_end_by_itself_and_rings_once_a_day() -> None:
    rules = {
        item["name"].removeprefix("duenotices-prod-"): item["properties"]
        for item in of_type(taken("scale-out"), "Microsoft.Insights/scheduledQueryRules")
    }

    for name, (*_, lasting) in infra_rules.ALARMS.items():
        assert rules[name]["autoMitigate"] is (lasting == "false")
        assert rules[name].get("muteActionsDuration") == ("P1D" if lasting == "true" else None)
        assert rules[name]["scopes"] == [
            f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-duenotices-prod"
        ]
    assert {name for name, values in infra_rules.ALARMS.items() if values[-1] == "true"} >= {
        "fallen",
        "notices-expired",
        "notices-missed",
        "poison",
        "secret-expired",
        "secret-near-expiry",
    }


@pytest.mark.parametrize(("variant", "words"), [("default", "rotate-secret"), ("certificate", "A new certificate")])
def test_the_remedy_for_an_end_is_that_of_the_credential(variant: str, words: str) -> None:
    rules = of_type(taken(variant), "Microsoft.Insights/scheduledQueryRules")
    remedies = [item["properties"]["description"] for item in rules if "-secret-" in item["name"]]

    assert len(remedies) == 2
    assert all(words in remedy for remedy in remedies)


def test_the_workbook_has_a_query_for_each_chart() -> None:
    (workbook,) = of_type(taken("default"), "Microsoft.Insights/workbooks")
    items = [item for item in json.loads(workbook["properties"]["serializedData"])["items"] if item["type"] == 3]

    assert len(items) == len(list((INFRA / "workbook").glob("*.kql")))
    assert all(item["content"]["query"].startswith("//") for item in items)
