from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient
from azure.storage.queue import QueueServiceClient

from local.azurite import AzuriteError
from local.clock import now
from local.stack import POISON_QUEUE, QUEUE, SECRET_LASTS, TABLE, LocalStack

People = Callable[..., list[dict[str, Any]]]


def read_users_as_the_function_does(settings: dict[str, str]) -> list[dict[str, Any]]:
    """Go all the way: managed identity, vault, Entra, every page of Graph."""
    with (
        ManagedIdentityCredential(client_id=settings["AZURE_CLIENT_ID"]) as credential,
        SecretClient(settings["KEY_VAULT_URL"], credential, verify_challenge_resource=False) as vault,
    ):
        secret = vault.get_secret(settings["KEY_VAULT_SECRET_NAME"])
    app = msal.ConfidentialClientApplication(
        settings["GRAPH_CLIENT_ID"],
        client_credential=secret.value,
        authority=f"{settings['AZURE_AUTHORITY_HOST']}/{settings['GRAPH_TENANT_ID']}",
        instance_discovery=False,
    )
    token = app.acquire_token_for_client([f"{settings['GRAPH_ENDPOINT']}/.default"])["access_token"]
    users: list[dict[str, Any]] = []
    url = f"{settings['GRAPH_ENDPOINT']}/v1.0/users?$select=id,{settings['DUE_DATE_ATTRIBUTE']}&$top=999"
    with requests.Session() as http:
        http.headers["Authorization"] = f"Bearer {token}"
        while url:
            page = http.get(url, timeout=10).json()
            users += page["value"]
            url = page.get("@odata.nextLink", "")
    return users


def test_the_settings_lead_from_the_identity_to_all_users(stack: LocalStack, people: People) -> None:
    stack.graph.users = people(1_234, **{stack.attribute: "2026-12-01"})

    users = read_users_as_the_function_does(stack.environ)

    assert len(users) == 1_234
    assert users[-1] == {"id": "1233", stack.attribute: "2026-12-01"}


def test_the_queues_and_the_table_are_there(stack: LocalStack) -> None:
    with QueueServiceClient.from_connection_string(stack.azurite.connection_string) as queues:
        assert {queue.name for queue in queues.list_queues()} >= {QUEUE, POISON_QUEUE}
    with (
        TableServiceClient.from_connection_string(stack.azurite.connection_string) as tables,
        pytest.raises(ResourceExistsError),
    ):
        tables.create_table(TABLE)


def test_a_new_stack_has_a_secret_that_needs_no_warning(stack: LocalStack, secrets: SecretClient) -> None:
    end = secrets.get_secret(stack.environ["KEY_VAULT_SECRET_NAME"]).properties.expires_on
    (known,) = stack.entra.app(stack.app.client_id).secrets

    assert end is not None
    assert known.expires_on is not None
    assert timedelta(days=179) < end - now() <= SECRET_LASTS
    assert known.expires_on.replace(microsecond=0) == end


def test_a_rotated_secret_is_in_the_vault_and_the_only_good_one(
    stack: LocalStack, secrets: SecretClient, daemon: Callable[..., msal.ConfidentialClientApplication]
) -> None:
    name, scope = stack.environ["KEY_VAULT_SECRET_NAME"], ["https://graph.microsoft.com/.default"]
    old = secrets.get_secret(name)

    stack.secret_rotate()

    new = secrets.get_secret(name)
    assert new.properties.version != old.properties.version
    assert "access_token" in daemon(new.value).acquire_token_for_client(scope)
    assert daemon(old.value).acquire_token_for_client(scope)["error_codes"] == [7000215]


def test_a_secret_can_be_rotated_behind_the_vaults_back(stack: LocalStack, secrets: SecretClient) -> None:
    name = stack.environ["KEY_VAULT_SECRET_NAME"]
    old = secrets.get_secret(name)

    new = stack.secret_rotate(store=False)

    assert secrets.get_secret(name).value == old.value != new.value


def test_a_reset_keeps_urls_and_ids_and_forgets_the_rest(stack: LocalStack, people: People) -> None:
    before = stack.environ
    stack.graph.users = people(3)
    stack.vault.readers.clear()
    stack.entra.set_roles(stack.app.client_id, ())

    stack.reset(people(1))

    assert stack.environ == before
    assert [user["id"] for user in read_users_as_the_function_does(stack.environ)] == ["0000"]


def test_two_stacks_run_side_by_side(
    stack: LocalStack, use_environment: Callable[[LocalStack], None], people: People
) -> None:
    with LocalStack(people(2)) as other:
        assert not set(stack.azurite.ports.values()) & set(other.azurite.ports.values())
        use_environment(other)
        assert len(read_users_as_the_function_does(other.environ)) == 2

        use_environment(stack)
        assert read_users_as_the_function_does(stack.environ) == []


def test_a_stack_that_ends_leaves_nothing(stack: LocalStack) -> None:
    with LocalStack() as ended:
        url, process = ended.graph.base_url, ended.azurite.process_id

    assert process is not None
    assert not ended.directory.exists()
    assert ended.azurite.process_id is None
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/v1.0/users", timeout=5, verify=str(stack.certificates.authority))


def test_a_stack_that_does_not_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = LocalStack()
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    with pytest.raises(AzuriteError), ended:
        pass

    assert not ended.directory.exists()


def test_a_certificate_of_another_authority_is_not_trusted(stack: LocalStack, tmp_path: Path) -> None:
    from local.certificates import issue_certificates

    foreign = issue_certificates(tmp_path)

    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{stack.graph.base_url}/v1.0/users", timeout=5, verify=str(foreign.authority))


def test_the_certificate_is_good_for_localhost_too(stack: LocalStack) -> None:
    url = stack.graph.base_url.replace("127.0.0.1", "localhost")

    assert requests.get(f"{url}/v1.0/users", timeout=5).status_code == 401
