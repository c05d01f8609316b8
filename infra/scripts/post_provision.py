"""Finish a deployment: what Bicep cannot do, and a look at whether everything is in place.

Run it after each deployment with your own login (`az login` or `azd auth login`); a second run changes nothing.
It reads the deployment's outputs from the environment (azd sets them) or from a file:

    az deployment group show -g <group> -n <deployment> --query properties.outputs -o json > outputs.json
    python infra/scripts/post_provision.py --outputs outputs.json

1. The ledger: the resource group holds one only. A second one means that a deployment took other names: it would begin
   with an empty memory and notify every customer again.
2. The due-date property: made on the app registration if it is not there.
3. Consent: looks whether User.Read.All is granted; if not, says who must do what.
4. The client secret: if the vault has none, or only one that ends soon, `due-notices rotate-secret`
   stores one. This program never sees a secret, neither its own nor another. A role that has not arrived yet is
   waited for.

azd cannot hand arguments to this program: it takes those of the variable POST_PROVISION_ARGUMENTS first.

Exit codes: 0 everything is in place, 1 something is missing or failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure_service import Refused, Service

ROOT = Path(__file__).resolve().parents[2]
VAULT_API = "7.4"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"  # as an application permission, the same in every tenant
RENEW_BEFORE = timedelta(days=30)
PROPAGATION = "a new role needs up to ten minutes: wait, then run this again"
PROPAGATION_WAIT = "a new role needs up to ten minutes: trying again until then"
LONGEST_WAIT = timedelta(minutes=10)
PAUSE = timedelta(seconds=20)
STORAGE_API = "2025-01-01"
LEDGER_TAG = "due-notices-ledger"  # what modules/storage.bicep puts on the account
NOT_YET = frozenset({"ForbiddenByRbac", "AuthorizationFailed", "Forbidden"})  # codes that a role on its way may cause

# The outputs of main.bicep that this program and rotate-secret work with. Behind the prefix, which keeps azd from
# handing them to the next deployment as parameters, most have the names of settings.
PREFIX = "DEPLOYED_"
OUTPUT_NAMES = (
    "DUE_DATE_ATTRIBUTE",
    "GRAPH_CLIENT_ID",
    "GRAPH_CREDENTIAL",
    "GRAPH_ENDPOINT",
    "GRAPH_TENANT_ID",
    "KEY_VAULT_SECRET_NAME",
    "KEY_VAULT_URL",
    "LEDGER_TABLE",
    "NOTICE_QUEUE",
    "NOTICE_STORAGE__queueServiceUri",
    "NOTICE_STORAGE__tableServiceUri",
    "RESOURCE_GROUP_ID",
    "RESOURCE_MANAGER",
)

REQUIRED = (
    "DUE_DATE_ATTRIBUTE",
    "GRAPH_CLIENT_ID",
    "GRAPH_TENANT_ID",
    "KEY_VAULT_SECRET_NAME",
    "KEY_VAULT_URL",
    "RESOURCE_GROUP_ID",
    "RESOURCE_MANAGER",
)

CREDENTIALS = ("secret", "certificate", "federated")

OK, DONE, MISSING, NOTE = "ok", "done", "MISSING", "note"


class Unusable(Exception):
    """What was given cannot be used; nothing was tried."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the deployment left behind."""

    client_id: str
    tenant_id: str
    attribute: str
    credential: str
    graph: str
    vault: str
    secret_name: str
    group: str
    manager: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Deployment:
        """Take outputs by name; raises Unusable with every name that is missing."""
        if missing := [PREFIX + name for name in REQUIRED if not values.get(name)]:
            message = f"not set: {', '.join(missing)}. Give --outputs FILE, or run this through azd"
            raise Unusable(message)
        credential = values.get("GRAPH_CREDENTIAL") or "secret"
        if credential not in CREDENTIALS:
            message = f"GRAPH_CREDENTIAL is {credential!r}, none of {', '.join(CREDENTIALS)}"
            raise Unusable(message)
        return cls(
            client_id=values["GRAPH_CLIENT_ID"].lower(),
            tenant_id=values["GRAPH_TENANT_ID"],
            attribute=values["DUE_DATE_ATTRIBUTE"],
            credential=credential,
            graph=safe(values.get("GRAPH_ENDPOINT") or "https://graph.microsoft.com"),
            vault=safe(values["KEY_VAULT_URL"]),
            secret_name=values["KEY_VAULT_SECRET_NAME"],
            group=values["RESOURCE_GROUP_ID"],
            manager=safe(values["RESOURCE_MANAGER"]),
            values=values,
        )


def safe(url: str) -> str:
    """Return an address to which a token may go: https, or this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}):
        return url.rstrip("/")
    message = f"{url} is not an https address; a token would go there in the clear"
    raise Unusable(message)


def read_outputs(path: Path) -> dict[str, str]:
    """Return the outputs in a file that `az deployment group show` wrote; it changes the case of the names."""
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
        by_name = {name.lower(): output["value"] for name, output in outputs.items()}
        found = {PREFIX + name: by_name.get((PREFIX + name).lower()) for name in OUTPUT_NAMES}
        texts = {name: str(value) for name, value in found.items() if value is not None}
        return texts | {"remarks": json.dumps(by_name.get("remarks", []))}
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        message = f"{path} does not hold the outputs of a deployment ({type(error).__name__})"
        raise Unusable(message) from error


def remarks_of(given: Mapping[str, str]) -> list[str]:
    """Return what the deployment itself remarked; azd hands a list on as JSON."""
    try:
        return [str(remark) for remark in json.loads(given.get("remarks") or "[]")]
    except (ValueError, TypeError):
        return []


# ---- The steps: each returns a word and a sentence ----

Step = tuple[str, str]


def one_ledger(deployment: Deployment, manager: Service) -> Step:
    """Refuse a group that holds another ledger than this deployment's."""
    path = f"{deployment.group}/providers/Microsoft.Storage/storageAccounts?api-version={STORAGE_API}"
    own = (urlsplit(deployment.values.get("NOTICE_STORAGE__tableServiceUri", "")).hostname or "").partition(".")[0]
    try:
        accounts = manager.all(path, "nextLink")
    except Refused as error:
        return NOTE, f"not looked for a second one in the group: {error}. It takes the role Reader on the group"
    ledgers = [account["name"] for account in accounts if LEDGER_TAG in (account.get("tags") or {})]
    if others := [name for name in ledgers if name != own]:
        return MISSING, (
            f"the group holds another ledger, in {', '.join(others)}: this deployment took other names, begins with an "
            "empty memory and would notify every customer again. Stop its function app, deploy with the WORKLOAD_NAME "
            "and AZURE_ENV_NAME of before, and give a second deployment a group of its own"
        )
    return OK, f"{own} holds the only ledger of the group"


def due_date_property(deployment: Deployment, graph: Service, *, data_type: str, many: bool, foreign: bool) -> Step:
    """Make the property on the app registration, unless it is there or not an extension."""
    own = re.fullmatch(r"extension_([0-9A-Fa-f]{32})_(\w+)", deployment.attribute, re.IGNORECASE)
    if own is None:
        return OK, f"{deployment.attribute} is not an extension of an app registration; nothing to make"
    if own[1].lower() != deployment.client_id.replace("-", ""):
        if foreign:
            return OK, f"{deployment.attribute} belongs to another registration, as you say; nothing to make"
        return MISSING, (
            f"{deployment.attribute} belongs to another registration than {deployment.client_id}: empty "
            "DUE_DATE_ATTRIBUTE and deploy again. If it is meant (Entra Connect writes to one of its own), say so "
            "with --property-of-another-app"
        )
    application = graph.call("GET", f"/v1.0/applications(appId='{deployment.client_id}')?$select=id")["id"]
    path = f"/v1.0/applications/{application}/extensionProperties"

    def find() -> dict[str, Any] | None:
        there = graph.all(path, "@odata.nextLink")
        return next((item for item in there if item["name"].lower() == deployment.attribute.lower()), None)

    word, found = OK, find()
    if found is None:
        body = {"name": own[2], "dataType": data_type, "isMultiValued": many, "targetObjects": ["User"]}
        try:
            graph.call("POST", path, body)
        except Refused:
            if find() is None:  # a first try may have succeeded without an answer
                raise
        word, found = DONE, find() or body
    if "User" not in found.get("targetObjects", []):
        return MISSING, f"{deployment.attribute} is not a property of users; delete it or choose another name"
    kind = f"{'several values' if found.get('isMultiValued') else 'one value'} of type {found['dataType']}"
    return word, f"{deployment.attribute} holds {kind} per user"


def consent(deployment: Deployment, graph: Service) -> Step:
    """Look whether the registration may read users."""
    path = f"/v1.0/servicePrincipals(appId='{deployment.client_id}')/appRoleAssignments"
    granted = {item.get("appRoleId") for item in graph.all(path, "@odata.nextLink")}
    if USER_READ_ALL not in granted:
        return MISSING, (
            "User.Read.All is not granted. A Privileged Role Administrator runs: "
            f"az ad app permission admin-consent --id {deployment.client_id}"
        )
    if more := len(granted) - 1:
        return OK, f"User.Read.All is granted, and {more} more that the function does not need: remove them"
    return OK, "User.Read.All is granted, and nothing else"


def client_secret(deployment: Deployment, vault: Service, rotate: Callable[[Deployment], int], *, when: str) -> Step:
    """Have a secret stored where there is none that lasts."""
    if reason := NO_SECRET.get("skip" if when == "skip" else deployment.credential):
        return OK, reason
    newest = newest_version(deployment, vault)
    if when == "always" or (when == "if-missing" and not lasts(newest)):
        if code := rotate(deployment):
            return MISSING, f"due-notices rotate-secret ended with {code}; its reason is above"
        newest = newest_version(deployment, vault)
        if lasts(newest):
            return DONE, f"a new one is in the vault; {newest}"
        return MISSING, f"rotate-secret ended well, but {newest or 'the vault has none'}"
    if newest is None:
        return MISSING, "the vault has none; due-notices rotate-secret stores one"
    return (OK if lasts(newest) else MISSING), f"{newest}"


NO_SECRET = {
    "federated": "none is needed: the managed identity signs in itself",
    "certificate": "a certificate takes its place; docs/deploy.md says how to store it",
    "skip": "skipped: the vault's officer calls this program without --secret skip",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the secret: whether it is enabled, and its end, None where the vault knows none."""

    enabled: bool
    until: datetime | None

    def __str__(self) -> str:
        """Say it as the end of a sentence."""
        if not self.enabled:
            return "the newest version, which the function reads, is disabled"
        if self.until is None:
            return "the newest version has no end in the vault, so nothing can warn of it"
        return f"the newest version ends on {self.until:%Y-%m-%d}"


def lasts(newest: Version | None) -> bool:
    """Whether the newest version works for a while."""
    return newest is not None and newest.enabled and newest.until is not None and newest.until > now() + RENEW_BEFORE


def newest_version(deployment: Deployment, vault: Service) -> Version | None:
    """Return the newest version, which is the one that the function reads; the list holds no values."""
    path = f"/secrets/{deployment.secret_name}/versions?api-version={VAULT_API}"
    listed = [version["attributes"] for version in vault.all(path, "nextLink")]
    if not listed:
        return None
    newest = max(listed, key=lambda attributes: attributes.get("created", 0))
    end = newest.get("exp")
    return Version(bool(newest.get("enabled", True)), None if end is None else datetime.fromtimestamp(end, UTC))


def patiently(step: Callable[[], Step], name: str, patience: timedelta, sleep: Callable[[float], None]) -> Step:
    """Take a step again while a role may be on its way, and say so; raises Refused when the time is over."""
    waited = timedelta(0)
    while True:
        try:
            return step()
        except Refused as error:
            if error.code not in NOT_YET or waited >= patience:
                raise
            if not waited:
                print(f"{name:<18} {'wait':<8} {error}; {PROPAGATION_WAIT}", flush=True)
            sleep(PAUSE.total_seconds())
            waited += PAUSE


def now() -> datetime:
    """Return the current moment in UTC."""
    return datetime.now(UTC)  # noqa: TID251 (an operator's tool beside the program)


def rotate_secret(deployment: Deployment) -> int:
    """Let the program's own command store a secret; its output is for the operator's eyes, not for ours."""
    environment = {**os.environ, **deployment.values}  # noqa: TID251 (the child's environment)
    command = [sys.executable, "-m", "due_notices", "rotate-secret"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


def login(tenant_id: str) -> TokenCredential:
    """Return the operator's own login."""
    from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential

    return ChainedTokenCredential(
        AzureCliCredential(tenant_id=tenant_id), AzureDeveloperCliCredential(tenant_id=tenant_id)
    )


def vault_scope(url: str) -> str:
    """Return the scope of a vault's tokens: its cloud's domain, which is the host without the vault's name."""
    return f"https://{(urlsplit(url).hostname or '').partition('.')[2]}/.default"


def parser() -> argparse.ArgumentParser:
    """Return what this program takes."""
    parsed = argparse.ArgumentParser(description="Finish a deployment of Due Notices and check it.")
    parsed.add_argument("--outputs", type=Path, metavar="FILE", help="the deployment's outputs, as az writes them")
    parsed.add_argument(
        "--data-type",
        choices=("String", "DateTime"),
        default="String",
        help="type of a due-date property that has to be made: String holds plain dates and JSON (default)",
    )
    parsed.add_argument("--multi-valued", action="store_true", help="several obligations per user")
    parsed.add_argument(
        "--property-of-another-app",
        action="store_true",
        help="the due dates are meant to be in a property of another app registration",
    )
    parsed.add_argument(
        "--secret",
        choices=("if-missing", "always", "never", "skip"),
        default="if-missing",
        help="when to have a client secret stored (default: when the vault has none that lasts 30 days); never: only "
        "look; skip: do not even ask the vault, as in a pipeline that has no access to it",
    )
    parsed.add_argument(
        "--wait",
        type=int,
        metavar="MINUTES",
        default=int(LONGEST_WAIT.total_seconds() // 60),
        help="how long to wait for a role that has not arrived (default: 10; 0: not at all)",
    )
    return parsed


def main(arguments: list[str] | None = None, sleep: Callable[[float], None] = time.sleep) -> int:  # noqa: TID251
    """Take the steps and print a line for each."""
    environment = os.environ  # noqa: TID251 (what azd sets)
    always = shlex.split(environment.get("POST_PROVISION_ARGUMENTS", ""))
    options = parser().parse_args([*always, *(sys.argv[1:] if arguments is None else arguments)])
    try:
        given = read_outputs(options.outputs) if options.outputs else environment
        deployment = Deployment.of({name: given[PREFIX + name] for name in OUTPUT_NAMES if PREFIX + name in given})
    except Unusable as error:
        print(f"post_provision: {error}", file=sys.stderr)
        return 2

    credential = login(deployment.tenant_id)
    manager = Service("Azure", deployment.manager, f"{deployment.manager}/.default", credential)
    graph = Service("Microsoft Graph", deployment.graph, f"{deployment.graph}/.default", credential)
    vault = Service("Key Vault", deployment.vault, vault_scope(deployment.vault), credential)
    steps: tuple[tuple[str, Callable[[], Step]], ...] = (
        ("ledger", lambda: one_ledger(deployment, manager)),
        (
            "due-date property",
            lambda: due_date_property(
                deployment,
                graph,
                data_type=options.data_type,
                many=options.multi_valued,
                foreign=options.property_of_another_app,
            ),
        ),
        ("consent", lambda: consent(deployment, graph)),
        (
            "client secret",
            lambda: patiently(
                lambda: client_secret(deployment, vault, rotate_secret, when=options.secret),
                "client secret",
                timedelta(minutes=options.wait),
                sleep,
            ),
        ),
    )
    words = []
    for name, step in steps:
        try:
            word, sentence = step()
        except Refused as error:
            word, sentence = MISSING, f"{error}" + (f"; {PROPAGATION}" if error.code in NOT_YET else "")
        words.append(word)
        print(f"{name:<18} {word:<8} {sentence}", flush=True)
        if name == "ledger" and word == MISSING:
            break  # nothing may make this deployment work
    for remark in remarks_of(given):
        print(f"{'remark':<18} {NOTE:<8} {remark}", flush=True)
    return 1 if MISSING in words else 0


if __name__ == "__main__":
    sys.exit(main())
