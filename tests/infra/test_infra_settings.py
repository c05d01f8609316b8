"""The app settings in Bicep and the settings of the program are the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from due_notices.errors import SettingsError
from due_notices.function_timeout import function_timeout
from due_notices.report import steps_of
from due_notices.settings import MOST_SHARDS, SETTINGS, Settings
from tests.infra import infra_rules

INFRA = Path(__file__).resolve().parents[2] / "infra"


# A connection string holds a key: never on Azure.
LOCAL_ONLY = {"NOTICE_STORAGE"} | {setting.name for setting in SETTINGS if setting.laptop}

PROGRAM = {setting.name: setting.default for setting in SETTINGS if setting.name not in LOCAL_ONLY}

DERIVED = {
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    "AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "DUE_DATE_ATTRIBUTE": f"extension_{'a' * 32}_dueDate",
    "GRAPH_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "GRAPH_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "KEY_VAULT_URL": "https://kv-duenotic-abc.vault.azure.net/",
    "NOTICE_STORAGE__clientId": "11111111-2222-3333-4444-555555555555",
    "NOTICE_STORAGE__queueServiceUri": "https://stduenoticesabc.queue.core.windows.net",
    "NOTICE_STORAGE__tableServiceUri": "https://stduenoticesabc.table.core.windows.net",
}


def environment() -> dict[str, str]:
    """Return what the function finds after a deployment without parameters."""
    given = infra_rules.app_settings(INFRA)
    constant = {name: infra_rules.constant_default(INFRA, value) for name, value in given.items()}
    return {name: value for name, value in constant.items() if value is not None} | DERIVED


def test_each_setting_in_bicep_is_one_of_the_program_with_its_default_and_the_reverse() -> None:
    assert infra_rules.program_settings(INFRA, PROGRAM) == []


def test_the_program_accepts_what_a_deployment_without_parameters_sets() -> None:
    settings = Settings.from_mapping(environment())

    assert settings.queue == "due-notices"
    assert settings.storage.connection_string is None
    assert settings.storage.identity_client_id == DERIVED["AZURE_CLIENT_ID"]


def test_a_deployment_leaves_nothing_to_be_set_by_hand() -> None:
    required = {setting.name for setting in SETTINGS if setting.default is None}

    assert required <= environment().keys()


def test_a_setting_that_bicep_lacks_is_found() -> None:
    wrong = infra_rules.program_settings(INFRA, PROGRAM | {"NEW_SETTING": ""})

    assert wrong == ["NEW_SETTING is a setting of the program and missing in Bicep"]


def test_a_setting_that_the_program_lacks_is_found() -> None:
    known = {name: default for name, default in PROGRAM.items() if name != "SEND_WINDOW"}

    assert infra_rules.program_settings(INFRA, known) == ["SEND_WINDOW is set in Bicep and no setting of the program"]


def test_another_default_is_found() -> None:
    (wrong,) = infra_rules.program_settings(INFRA, PROGRAM | {"CATCH_UP_DAYS": "4"})

    assert wrong.startswith("CATCH_UP_DAYS is '3' by default in Bicep")


def test_the_task_hub_is_as_it_was_tried_and_called_as_the_documents_call_it() -> None:
    host = json.loads((INFRA.parent / "host.json").read_text("utf-8"))
    hub = host["extensions"].pop("durableTask")
    documents = [(INFRA.parent / "docs" / name).read_text("utf-8") for name in ("deploy.md", "runbook.md")]

    assert host["extensions"] == {}
    assert hub.pop("hubName") == "DueNoticesHub"
    assert all("DueNoticesHub" in text and "duenoticeshub-" in text for text in documents)
    assert hub == {
        "maxConcurrentActivityFunctions": 4,
        "maxConcurrentOrchestratorFunctions": 2,
        "storageProvider": {  # in the host's own account, hence no connection
            "controlQueueVisibilityTimeout": "00:01:00",
            "partitionCount": 1,
            "workItemQueueVisibilityTimeout": "00:01:00",
        },
    }
    # The extension's own lines, 450 a day, are not asked for.
    assert host["logging"]["logLevel"]["default"] == "Warning"
    assert not any("Durable" in category for category in host["logging"]["logLevel"])


def test_an_orchestration_is_stuck_when_each_of_its_steps_has_had_the_hosts_limit() -> None:
    alerts = (INFRA / "modules" / "alerts.bicep").read_text("utf-8")
    limit = function_timeout((INFRA.parent / "host.json").read_text("utf-8"), {}).total_seconds() / 60
    (found,) = re.findall(
        r"var orchestrationMinutes = (\d+) \* \((\d+) \+ 2 \* \(\(scaleOut \+ (\d+)\) / (\d+)\)\)", alerts
    )
    minutes, three, more, at_a_time = map(int, found)

    assert minutes == limit
    for shards in range(1, MOST_SHARDS + 1):
        assert three + 2 * ((shards + more) // at_a_time) == steps_of(shards)


def test_a_wrong_value_would_be_refused() -> None:
    with pytest.raises(SettingsError, match="SEND_WINDOW"):
        Settings.from_mapping(environment() | {"SEND_WINDOW": "18:00-08:00"})
