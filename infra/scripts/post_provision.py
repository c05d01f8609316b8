"""Finish a deployment: what Bicep cannot do, and a look at whether everything is in place.

Run it after each deployment with your own login (`az login` or `azd auth login`); a second run changes nothing.
It reads the deployment's outputs from the environment (azd sets them) or from a file:

    az deployment group show -g <group> -n <deployment> --query properties.outputs -o json > outputs.json
    python infra/scripts/post_provision.py --outputs outputs.json

1. The due-date property: made on the app registration if it is not there.
2. Consent: looks whether User.Read.All is granted; if not, says who must do what.
3. The client secret: if the vault has none, or only one that ends soon, `python -m due_notices rotate-secret`
   stores one. This program never sees a secret, neither its own nor another.

Exit codes: 0 everything is in place, 1 something is missing or failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = (10, 30)  # seconds to connect and to wait for an answer
VAULT_API = "7.4"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"  # as an application permission, the same in every tenant
RENEW_BEFORE = timedelta(days=30)
PROPAGATION = "a new role needs up to ten minutes: wait, then run this again"

# The outputs of main.bicep that bear the names of settings: what this program and rotate-secret work with.
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
)

OK, DONE, MISSING = "ok", "done", "MISSING"


class Unusable(Exception):
    """What was given cannot be used; nothing was tried."""


class Refused(Exception):
    """A service said no; the text says what to do."""


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
    values: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Deployment:
        """Take outputs by name; raises Unusable with every name that is missing."""
        names = ("GRAPH_CLIENT_ID", "GRAPH_TENANT_ID", "DUE_DATE_ATTRIBUTE", "KEY_VAULT_URL", "KEY_VAULT_SECRET_NAME")
        if missing := [name for name in names if not values.get(name)]:
            message = f"not set: {', '.join(missing)}. Give --outputs FILE, or run this through azd"
            raise Unusable(message)
        credential = values.get("GRAPH_CREDENTIAL") or "secret"
        if credential not in {"secret", *NO_SECRET}:
            message = f"GRAPH_CREDENTIAL is {credential!r}, neither secret nor {' nor '.join(NO_SECRET)}"
            raise Unusable(message)
        return cls(
            client_id=values["GRAPH_CLIENT_ID"].lower(),
            tenant_id=values["GRAPH_TENANT_ID"],
            attribute=values["DUE_DATE_ATTRIBUTE"],
            credential=credential,
            graph=safe(values.get("GRAPH_ENDPOINT") or "https://graph.microsoft.com"),
            vault=safe(values["KEY_VAULT_URL"]),
            secret_name=values["KEY_VAULT_SECRET_NAME"],
            values=values,
        )


def safe(url: str) -> str:
    """Return an address to which a token may go: https, or this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}):
        return url.rstrip("/")
    message = f"{url} is no https address; a token would go there in the clear"
    raise Unusable(message)


def read_outputs(path: Path) -> dict[str, str]:
    """Return the outputs in a file that `az deployment group show` wrote; it changes the case of the names."""
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
        by_name = {name.lower(): output for name, output in outputs.items()}
        return {name: str(by_name[name.lower()]["value"]) for name in OUTPUT_NAMES if name.lower() in by_name}
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        message = f"{path} does not hold the outputs of a deployment ({type(error).__name__})"
        raise Unusable(message) from error


class Service:
    """A service of Azure: its address, and this login's tokens for it."""

    def __init__(self, name: str, url: str, scope: str, credential: TokenCredential) -> None:
        """Take the name for messages, the address, and where tokens come from."""
        self._name, self._url, self._scope, self._credential = name, url, scope, credential
        # A new registration is not everywhere at once: 404 is worth a second look, like throttling and failures.
        again = Retry(
            total=5,
            backoff_factor=0.5,
            status_forcelist=(404, 429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
            retry_after_max=60,
        )
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(max_retries=again))
        self._session.mount("http://", HTTPAdapter(max_retries=again))

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the answer's JSON; raises Refused."""
        try:
            token = self._credential.get_token(self._scope).token
            answer = self._session.request(
                method,
                path if path.startswith(self._url) else self._url + path,
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except AzureError as error:
            message = f"no login for {self._name}: run `az login` (or `azd auth login`). {first_line(error)}"
            raise Refused(message) from error
        except requests.RequestException as error:
            message = f"{self._name} cannot be reached ({type(error).__name__}); is it behind a private network?"
            raise Refused(message) from error
        if not answer.ok or answer.is_redirect:
            raise Refused(f"{self._name} answered {answer.status_code} {code_of(answer)} to {method} {shown(path)}")
        try:
            content: dict[str, Any] = answer.json() if answer.content else {}
        except ValueError as error:
            message = f"{self._name} answered something else than JSON to {method} {shown(path)}"
            raise Refused(message) from error
        return content

    def all(self, path: str, link: str) -> list[dict[str, Any]]:
        """Return a collection to its end; it never follows a link to another host."""
        found: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            if following != path and not following.startswith(self._url + "/"):
                message = f"{self._name} names another host for its next page"
                raise Refused(message)
            page = self.call("GET", following)
            found += page.get("value", [])
            following = page.get(link)
        return found


def first_line(error: Exception) -> str:
    """Return a message without the advice that follows it."""
    return (str(error).splitlines() or [""])[0]


def shown(path: str) -> str:
    """Return a path without its query."""
    return urlsplit(path).path


def code_of(answer: requests.Response) -> str:
    """Return the service's own code for what went wrong, never its text."""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or ""


# ---- The steps: each returns a word and a sentence ----

Step = tuple[str, str]


def due_date_property(deployment: Deployment, graph: Service, *, data_type: str, many: bool) -> Step:
    """Make the property on the app registration, unless it is there or somebody else's."""
    own = re.fullmatch(r"extension_([0-9A-Fa-f]{32})_(\w+)", deployment.attribute)
    if own is None or own[1].lower() != deployment.client_id.replace("-", ""):
        return OK, f"{deployment.attribute} does not belong to this registration; nothing to make"
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
        return MISSING, f"{deployment.attribute} is no property of users; delete it or choose another name"
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
    if deployment.credential != "secret":
        return OK, NO_SECRET[deployment.credential]
    until = best_expiry(deployment, vault)
    if when == "always" or (when == "if-missing" and not lasts(until)):
        if code := rotate(deployment):
            return MISSING, f"python -m due_notices rotate-secret ended with {code}; its reason is above"
        until = best_expiry(deployment, vault)
        if lasts(until):
            return DONE, f"a new one is in the vault; it ends on {until:%Y-%m-%d}"
        return MISSING, "rotate-secret ended well, but the vault has no secret that lasts"
    if until is None:
        return MISSING, "the vault has none; python -m due_notices rotate-secret stores one"
    return (OK if lasts(until) else MISSING), f"the one in the vault ends on {until:%Y-%m-%d}"


NO_SECRET = {
    "federated": "none is needed: the managed identity signs in itself",
    "certificate": "a certificate takes its place; docs/deploy.md says how to store it",
}


def lasts(until: datetime | None) -> bool:
    """Whether nobody needs to think of the secret for a while."""
    return until is not None and until > now() + RENEW_BEFORE


def best_expiry(deployment: Deployment, vault: Service) -> datetime | None:
    """Return the end of the enabled version that lasts longest; the list holds no values."""
    path = f"/secrets/{deployment.secret_name}/versions?api-version={VAULT_API}"
    ends = [
        datetime.fromtimestamp(version["attributes"]["exp"], UTC)
        for version in vault.all(path, "nextLink")
        if version["attributes"].get("enabled") and "exp" in version["attributes"]
    ]
    return max(ends, default=None)


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


def main(arguments: list[str] | None = None) -> int:
    """Take the steps and print a line for each."""
    parser = argparse.ArgumentParser(description="Finish a deployment of Due Notices and check it.")
    parser.add_argument("--outputs", type=Path, metavar="FILE", help="the deployment's outputs, as az writes them")
    parser.add_argument(
        "--data-type",
        choices=("String", "DateTime"),
        default="String",
        help="type of a due-date property that has to be made: String holds plain dates and JSON (default)",
    )
    parser.add_argument("--multi-valued", action="store_true", help="several obligations per user")
    parser.add_argument(
        "--secret",
        choices=("if-missing", "always", "never"),
        default="if-missing",
        help="when to have a client secret stored (default: when the vault has none that lasts 30 days)",
    )
    options = parser.parse_args(arguments)
    try:
        given = read_outputs(options.outputs) if options.outputs else os.environ  # noqa: TID251 (what azd sets)
        deployment = Deployment.of({name: given[name] for name in OUTPUT_NAMES if name in given})
    except Unusable as error:
        print(f"post_provision: {error}", file=sys.stderr)
        return 2

    credential = login(deployment.tenant_id)
    graph = Service("Microsoft Graph", deployment.graph, f"{deployment.graph}/.default", credential)
    vault = Service("Key Vault", deployment.vault, vault_scope(deployment.vault), credential)
    steps: tuple[tuple[str, Callable[[], Step]], ...] = (
        (
            "due-date property",
            lambda: due_date_property(deployment, graph, data_type=options.data_type, many=options.multi_valued),
        ),
        ("consent", lambda: consent(deployment, graph)),
        ("client secret", lambda: client_secret(deployment, vault, rotate_secret, when=options.secret)),
    )
    words = []
    for name, step in steps:
        try:
            word, sentence = step()
        except Refused as error:
            word, sentence = MISSING, f"{error}" + (f"; {PROPAGATION}" if " 403 " in f"{error}" else "")
        words.append(word)
        print(f"{name:<18} {word:<8} {sentence}", flush=True)
    return 1 if MISSING in words else 0


if __name__ == "__main__":
    sys.exit(main())
