"""The tool after a deployment, run as a process against a small real server and a stand-in for `az`."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from due_notices.settings import SETTINGS
from tests.infra import bicep_text

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "infra" / "scripts" / "post_provision.py"

CLIENT_ID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ATTRIBUTE = f"extension_{CLIENT_ID.replace('-', '')}_dueDate"
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-due-notices"
ACCOUNTS = f"GET {GROUP}/providers/Microsoft.Storage/storageAccounts"
OWN_ACCOUNT = "stduenoticesabc"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"
TODAY = datetime.now(UTC)

AZ = """#!/bin/sh
{first}
while [ "$1" != --resource ]; do shift; done
printf '{{"accessToken": "token for %s", "expires_on": 4102444800, "tokenType": "Bearer"}}' "$2"
"""
LOGGED_OUT = "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1"

# Stands in for the package: stores a secret as the real command does, with values from its environment.
ROTATE = """
import json, os, sys, time, urllib.request
assert sys.argv[1:] == ["rotate-secret"], sys.argv
if os.environ.get("ROTATE_FAILS"):
    sys.exit(3)
url = os.environ["KEY_VAULT_URL"] + "/secrets/" + os.environ["KEY_VAULT_SECRET_NAME"]
body = {"days": int(os.environ.get("ROTATE_DAYS", "180"))}
urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), method="PUT"))
"""


@dataclass
class World:
    """What Graph and the vault hold, and what was asked of them."""

    extensions: list[dict[str, Any]] = field(default_factory=list)
    roles: list[str] = field(default_factory=lambda: [USER_READ_ALL])
    secret_days: list[int] = field(default_factory=list)
    disabled: bool = False
    accounts: list[dict[str, Any]] = field(
        default_factory=lambda: [{"name": OWN_ACCOUNT, "tags": {"due-notices-ledger": "duenotices"}}, {"name": "other"}]
    )
    faults: list[tuple[str, int]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    codes: dict[int, str] = field(default_factory=lambda: {403: "Forbidden/ForbiddenByRbac"})
    lost_answers: int = 0
    foreign_link: bool = False
    url: str = ""

    def versions(self) -> list[dict[str, Any]]:
        ends = [int((TODAY + timedelta(days=days)).timestamp()) for days in self.secret_days]
        # The newest comes first here: the order of the list says nothing.
        return [
            {
                "id": f"v{i}",
                "attributes": {"enabled": not (self.disabled and i == len(ends) - 1), "created": i, "exp": end},
            }
            for i, end in reversed(list(enumerate(ends)))
        ]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: C901, PLR0911 (a table)
        for i, (part, status) in enumerate(self.faults):
            if part in f"{method} {path}":
                del self.faults[i]
                code, _, inner = self.codes.get(status, "Injected").partition("/")
                return status, {"error": {"code": code, "message": "a private detail", "innererror": {"code": inner}}}
        if f"{method} {path}" == ACCOUNTS:
            return 200, {"value": self.accounts}
        match method, path.split("/")[1:]:
            case "GET", ["v1.0", application] if application == f"applications(appId='{CLIENT_ID}')":
                return 200, {"id": "object-id"}
            case "GET", ["v1.0", "applications", "object-id", "extensionProperties"]:
                # Two pages, so that a tool which reads one is found out.
                page = {"value": self.extensions[:1], "@odata.nextLink": f"{self.url}/v1.0/next"}
                if self.foreign_link:
                    page["@odata.nextLink"] = "http://localhost.example/v1.0/next"
                return 200, page if len(self.extensions) > 1 or self.foreign_link else {"value": self.extensions}
            case "GET", ["v1.0", "next"]:
                return 200, {"value": self.extensions[1:]}
            case "POST", ["v1.0", "applications", "object-id", "extensionProperties"]:
                name = f"extension_{CLIENT_ID.replace('-', '')}_{body['name']}"
                if any(item["name"] == name for item in self.extensions):
                    return 400, {"error": {"code": "Request_BadRequest"}}
                self.extensions.append({**body, "name": name})
                if self.lost_answers:
                    self.lost_answers -= 1
                    return 503, {"error": {"code": "ServiceUnavailable"}}
                return 201, {**body, "name": name}
            case "GET", ["v1.0", principal, "appRoleAssignments"] if CLIENT_ID in principal:
                return 200, {"value": [{"appRoleId": role} for role in self.roles]}
            case "GET", ["secrets", "graph-client-secret", "versions"]:
                return 200, {"value": self.versions()}
            case "PUT", ["secrets", "graph-client-secret"]:
                self.secret_days.append(body["days"])
                return 200, {}
            case _:
                return 400, {"error": {"code": "UnknownPath"}}


@pytest.fixture
def world() -> Iterator[World]:
    """Serve a world on a free port of this machine."""
    state = World()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            path = urlsplit(self.path).path
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.calls.append(f"{self.command} {path}")
            if "Authorization" in self.headers:
                state.tokens.add(("vault" if path.startswith("/secrets") else "graph", self.headers["Authorization"]))
            status, content = state.answer(self.command, path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 (names that the base class looks for)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Desk:
    """An operator's folder: the tool, a stand-in for the package, and a stand-in for `az`."""

    folder: Path
    url: str

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.folder),
            "DEPLOYED_GRAPH_CLIENT_ID": CLIENT_ID,
            "DEPLOYED_GRAPH_TENANT_ID": "11111111-2222-3333-4444-555555555555",
            "DEPLOYED_GRAPH_ENDPOINT": self.url,
            "DEPLOYED_KEY_VAULT_URL": self.url,
            "DEPLOYED_KEY_VAULT_SECRET_NAME": "graph-client-secret",
            "DEPLOYED_DUE_DATE_ATTRIBUTE": ATTRIBUTE,
            "DEPLOYED_RESOURCE_GROUP_ID": GROUP,
            "DEPLOYED_RESOURCE_MANAGER": self.url,
            "DEPLOYED_NOTICE_STORAGE__tableServiceUri": f"https://{OWN_ACCOUNT}.table.core.windows.net",
        } | changes

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.folder / "infra" / "scripts" / TOOL.name), *arguments],
            env={name: value for name, value in self.environment(**changes).items() if value},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def run_here(self, patch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, list[float]]:
        """Run it in this process, and return how it ended and how long it wanted to sleep each time."""
        for name, value in self.environment().items():
            patch.setenv(name, value)
        folder = self.folder / "infra" / "scripts"
        patch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location("post_provision_tool", folder / TOOL.name)
        assert spec is not None
        assert spec.loader is not None
        tool = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, tool)
        spec.loader.exec_module(tool)
        slept: list[float] = []
        return tool.main(list(arguments), slept.append), slept

    def log_out(self) -> None:
        self.write_az(logged_out=True)

    def write_az(self, *, logged_out: bool = False) -> None:
        az = self.folder / "bin" / "az"
        az.parent.mkdir(exist_ok=True)
        az.write_text(AZ.format(first=LOGGED_OUT if logged_out else ""), encoding="utf-8")
        az.chmod(0o755)


@pytest.fixture
def desk(tmp_path: Path, world: World) -> Desk:
    if os.name == "nt":
        pytest.skip("the stand-in for az is a script of this system")
    (tmp_path / "infra" / "scripts").mkdir(parents=True)
    for part in TOOL.parent.glob("*.py"):
        shutil.copy(part, tmp_path / "infra" / "scripts")
    (tmp_path / "due_notices").mkdir()
    (tmp_path / "due_notices" / "__main__.py").write_text(ROTATE, encoding="utf-8")
    desk = Desk(tmp_path, world.url)
    desk.write_az()
    return desk


def sentence(done: subprocess.CompletedProcess[str], step: str) -> str:
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(step))
    return " ".join(line.split())


# ---- The whole ----


def test_a_fresh_deployment_is_finished_and_a_second_run_changes_nothing(world: World, desk: Desk) -> None:
    first, second = desk.run(), desk.run()

    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["ledger", "due-date", "consent", "client"]
    assert sentence(first, "due-date").startswith("due-date property done")
    assert sentence(first, "client").startswith("client secret done a new one is in the vault")
    assert "done" not in second.stdout
    assert len(world.extensions) == len(world.secret_days) == 1


def test_the_property_is_made_for_users_and_holds_one_string(world: World, desk: Desk) -> None:
    desk.run()

    assert world.extensions == [
        {"name": ATTRIBUTE, "dataType": "String", "isMultiValued": False, "targetObjects": ["User"]}
    ]


def test_each_service_gets_its_own_token(world: World, desk: Desk) -> None:
    desk.run()

    kinds = {service: token for service, token in world.tokens if token}
    assert kinds["graph"] == f"Bearer token for {world.url}"
    assert kinds["vault"] != kinds["graph"]


def test_outputs_come_from_a_file_whatever_the_case_of_their_names(desk: Desk, tmp_path: Path) -> None:
    values = {name: value for name, value in desk.environment().items() if name.startswith("DEPLOYED_")}
    outputs: dict[str, Any] = {name[0].lower() + name[1:]: {"value": value} for name, value in values.items()}
    outputs["remarks"] = {"type": "Array", "value": ["this does nothing"]}
    (tmp_path / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")

    done = desk.run("--outputs", str(tmp_path / "outputs.json"), **dict.fromkeys(values, ""))

    assert done.returncode == 0, done.stdout + done.stderr
    assert sentence(done, "remark") == "remark note this does nothing"


def test_azd_hands_a_remark_on_as_json(desk: Desk) -> None:
    done = desk.run(remarks='["this does nothing"]')

    assert done.returncode == 0
    assert sentence(done, "remark") == "remark note this does nothing"


def test_azd_hands_arguments_on_in_a_variable(world: World, desk: Desk) -> None:
    desk.run(POST_PROVISION_ARGUMENTS="--multi-valued --secret skip")

    assert world.extensions[0]["isMultiValued"] is True
    assert world.secret_days == []


def test_the_tool_knows_the_outputs_of_the_deployment() -> None:
    declared = {name for name in bicep_text.outputs(ROOT / "infra" / "main.bicep") if name.startswith("DEPLOYED_")}
    known = set(TOOL.read_text(encoding="utf-8").partition("OUTPUT_NAMES = (")[2].partition(")")[0].split('"')[1::2])

    assert {f"DEPLOYED_{name}" for name in known} == declared


def test_rotate_secret_gets_the_settings_under_the_names_of_settings() -> None:
    known = set(TOOL.read_text(encoding="utf-8").partition("OUTPUT_NAMES = (")[2].partition(")")[0].split('"')[1::2])

    assert known - {"RESOURCE_GROUP_ID", "RESOURCE_MANAGER"} <= {setting.name for setting in SETTINGS}


# ---- The ledger ----


def test_a_second_ledger_in_the_group_is_refused_before_anything_is_made(world: World, desk: Desk) -> None:
    world.accounts.append({"name": "stduenoticesold", "tags": {"due-notices-ledger": "duenotices"}})

    done = desk.run()

    assert done.returncode == 1
    assert sentence(done, "ledger").startswith("ledger MISSING the group holds another ledger, in stduenoticesold")
    assert (world.extensions, world.secret_days) == ([], [])


def test_who_may_not_look_into_the_group_can_finish_the_rest(world: World, desk: Desk) -> None:
    world.faults = [("storageAccounts", 403)]

    done = desk.run()

    assert done.returncode == 0
    assert "takes the role Reader" in sentence(done, "ledger")


# ---- The due-date property ----


def test_the_property_is_found_on_a_later_page(world: World, desk: Desk) -> None:
    other = {"name": "extension_x_other", "dataType": "String", "targetObjects": ["User"]}
    world.extensions = [other, {"name": ATTRIBUTE, "dataType": "DateTime", "targetObjects": ["User"]}]

    done = desk.run()

    assert sentence(done, "due-date") == f"due-date property ok {ATTRIBUTE} holds one value of type DateTime per user"
    assert not any(call.startswith("POST") for call in world.calls)


def test_a_property_for_several_values_is_made_where_it_is_asked_for(world: World, desk: Desk) -> None:
    done = desk.run("--multi-valued", "--data-type", "DateTime")

    assert world.extensions[0]["isMultiValued"] is True
    assert "several values of type DateTime" in done.stdout


def test_a_property_of_groups_is_not_taken_for_ours(world: World, desk: Desk) -> None:
    world.extensions = [{"name": ATTRIBUTE, "dataType": "String", "targetObjects": ["Group"]}]

    done = desk.run()

    assert done.returncode == 1
    assert "is not a property of users" in sentence(done, "due-date")


def test_a_synchronised_attribute_is_left_alone(world: World, desk: Desk) -> None:
    done = desk.run(DEPLOYED_DUE_DATE_ATTRIBUTE="onPremisesExtensionAttributes/extensionAttribute1")

    assert done.returncode == 0
    assert not any("extensionProperties" in call for call in world.calls)


def test_the_property_of_another_registration_is_wrong_unless_it_is_meant(world: World, desk: Desk) -> None:
    other = f"extension_{'f' * 32}_dueDate"

    slip = desk.run(DEPLOYED_DUE_DATE_ATTRIBUTE=other)
    meant = desk.run("--property-of-another-app", DEPLOYED_DUE_DATE_ATTRIBUTE=other)

    assert (slip.returncode, meant.returncode) == (1, 0)
    assert sentence(slip, "due-date").startswith("due-date property MISSING")
    assert not any("extensionProperties" in call for call in world.calls)


def test_a_creation_whose_answer_is_lost_is_a_success(world: World, desk: Desk) -> None:
    world.lost_answers = 1

    done = desk.run()

    assert done.returncode == 0, done.stdout
    assert len(world.extensions) == 1


def test_throttling_and_a_registration_that_is_not_everywhere_yet_are_waited_out(world: World, desk: Desk) -> None:
    world.faults = [("GET /v1.0/applications(", 404), ("GET /v1.0/applications/", 429), ("GET /v1.0/service", 503)]

    assert desk.run().returncode == 0
    assert world.faults == []


def test_a_link_to_another_host_is_never_followed(world: World, desk: Desk) -> None:
    world.foreign_link = True

    done = desk.run()

    assert done.returncode == 1
    assert "another host" in sentence(done, "due-date")


# ---- Consent ----


def test_missing_consent_names_the_command_and_the_other_steps_go_on(world: World, desk: Desk) -> None:
    world.roles = []

    done = desk.run()

    assert done.returncode == 1
    assert f"az ad app permission admin-consent --id {CLIENT_ID}" in sentence(done, "consent")
    assert sentence(done, "client").startswith("client secret done")


def test_too_many_rights_are_said(world: World, desk: Desk) -> None:
    world.roles.append("19dbc75e-c2e2-444c-a770-ec69d8559fc7")

    assert "1 more that the function does not need" in sentence(desk.run(), "consent")


# ---- The secret ----


@pytest.mark.parametrize(("days", "rotations"), [(31, 0), (29, 1), (-1, 1)])
def test_a_secret_is_stored_only_where_none_lasts(world: World, desk: Desk, days: int, rotations: int) -> None:
    world.secret_days = [days]

    assert desk.run().returncode == 0
    assert len(world.secret_days) == 1 + rotations


@pytest.mark.parametrize("newest", [10, 200])
def test_the_newest_version_counts_because_the_function_reads_it(world: World, desk: Desk, newest: int) -> None:
    world.secret_days = [100, newest]

    done = desk.run("--secret", "never")

    assert done.returncode == (1 if newest == 10 else 0)


def test_a_disabled_newest_version_does_not_last(world: World, desk: Desk) -> None:
    world.secret_days, world.disabled = [100, 200], True

    done = desk.run("--secret", "never")

    assert done.returncode == 1
    assert "is disabled" in sentence(done, "client")


def test_a_pipeline_does_not_even_ask_the_vault(world: World, desk: Desk) -> None:
    done = desk.run("--secret", "skip")

    assert done.returncode == 0
    assert sentence(done, "client").startswith("client secret ok skipped")
    assert not any("/secrets/" in call for call in world.calls)


def test_always_and_never_mean_it(world: World, desk: Desk) -> None:
    never = desk.run("--secret", "never")
    assert (never.returncode, world.secret_days) == (1, [])

    always = [desk.run("--secret", "always").returncode for _ in range(2)]
    assert (always, world.secret_days) == ([0, 0], [180, 180])


def test_a_failed_rotation_is_a_failure(world: World, desk: Desk) -> None:
    done = desk.run(ROTATE_FAILS="1")

    assert done.returncode == 1
    assert "rotate-secret ended with 3" in sentence(done, "client")
    assert world.secret_days == []


def test_a_rotation_that_stores_nothing_lasting_is_found_out(desk: Desk) -> None:
    done = desk.run(ROTATE_DAYS="5")

    assert done.returncode == 1
    assert "rotate-secret ended well, but the newest version ends on" in sentence(done, "client")


@pytest.mark.parametrize("credential", ["federated", "certificate"])
def test_without_a_secret_the_vault_is_not_even_asked(world: World, desk: Desk, credential: str) -> None:
    assert desk.run(DEPLOYED_GRAPH_CREDENTIAL=credential).returncode == 0
    assert not any("/secrets/" in call for call in world.calls)


def test_a_role_that_has_not_arrived_is_waited_for(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.faults = [("GET /secrets", 403)] * 3

    code, slept = desk.run_here(monkeypatch)

    printed = capsys.readouterr().out
    assert (code, slept) == (0, [20.0, 20.0, 20.0])
    assert printed.count("client secret      wait") == 1
    assert "up to ten minutes" in printed
    assert "private detail" not in printed


def test_it_does_not_wait_for_ever(world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    world.faults = [("GET /secrets", 403)] * 100

    code, slept = desk.run_here(monkeypatch)

    assert code == 1
    assert sum(slept) == 600


@pytest.mark.parametrize("code", ["Forbidden/ForbiddenByFirewall", "Forbidden/ForbiddenByConnection"])
def test_a_closed_network_is_not_waited_for(world: World, desk: Desk, code: str) -> None:
    world.codes = {403: code}
    world.faults = [("GET /secrets", 403)]

    done = desk.run()

    assert done.returncode == 1
    assert f"Key Vault answered 403 {code.partition('/')[2]}" in sentence(done, "client")


def test_a_role_that_never_arrives_is_explained(world: World, desk: Desk) -> None:
    world.faults = [("GET /secrets", 403)]

    done = desk.run("--wait", "0")

    assert done.returncode == 1
    assert "Key Vault answered 403 ForbiddenByRbac" in sentence(done, "client")
    assert "up to ten minutes" in sentence(done, "client")
    assert "private detail" not in done.stdout + done.stderr


# ---- Wrong usage ----


def test_all_missing_values_are_named_at_once_before_any_call(world: World, desk: Desk) -> None:
    done = desk.run(DEPLOYED_GRAPH_CLIENT_ID="", DEPLOYED_KEY_VAULT_URL="")

    assert done.returncode == 2
    assert "DEPLOYED_GRAPH_CLIENT_ID, DEPLOYED_KEY_VAULT_URL" in done.stderr
    assert world.calls == []


@pytest.mark.parametrize("name", ["DEPLOYED_GRAPH_ENDPOINT", "DEPLOYED_KEY_VAULT_URL", "DEPLOYED_RESOURCE_MANAGER"])
def test_a_token_never_goes_out_in_the_clear(world: World, desk: Desk, name: str) -> None:
    done = desk.run(**{name: "http://graph.example"})

    assert done.returncode == 2
    assert "not an https address" in done.stderr
    assert world.calls == []


def test_an_unknown_credential_is_refused(desk: Desk) -> None:
    assert desk.run(DEPLOYED_GRAPH_CREDENTIAL="password").returncode == 2


def test_a_file_that_holds_no_outputs_is_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text('["no outputs"]', encoding="utf-8")

    done = desk.run("--outputs", str(tmp_path / "outputs.json"))

    assert done.returncode == 2
    assert "does not hold the outputs" in done.stderr


def test_without_a_login_it_says_how_to_log_in(world: World, desk: Desk) -> None:
    desk.log_out()

    done = desk.run()

    assert done.returncode == 1
    assert "run `az login`" in done.stdout
    assert "Traceback" not in done.stderr
    assert world.calls == []
