"""Every adapter against answers of all kinds: each ends in a result or in one sentence of ours, and tells no secret.

    python -m tests.faults.answers 100000

The services' answers are put in the place of the network's: random bytes, random JSON, JSON with the right names and
wrong values, real answers cut off, each with any status, with and without the headers of the service's own.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

import requests
from azure.core.credentials import AccessToken
from urllib3 import HTTPResponse

from due_notices.adapters.graph import GraphDirectory
from due_notices.adapters.graph_http import GraphHttp
from due_notices.adapters.identity import Identity, Login
from due_notices.adapters.key_vault import KeyVault
from due_notices.adapters.login_errors import NoToken
from due_notices.adapters.msal import GraphToken
from due_notices.commands.doctor.graph_probe import GraphProbe
from due_notices.commands.doctor.service_clock import service_time
from due_notices.commands.rotate_secret.app_registration import GraphApplication
from due_notices.credentials import AppCredential
from due_notices.errors import DueNoticesError
from due_notices.secret import Secret
from tests.fakes import MovableClock

SECRET = "made-up-secret-that-nobody-may-print"
HOST = "https://127.0.0.1:1"
ATTRIBUTE = f"extension_{'0' * 32}_due"
_STATUSES = (200, 200, 200, 200, 201, 204, 302, 400, 400, 401, 403, 404, 407, 408, 409, 429, 500, 502, 503, 504)
_LOST = 1 / 30  # of the requests are not answered at all
_OWN = {"request-id": "0", "x-ms-request-id": "0", "x-ms-error-code": "Planned"}
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Retry-After": ("0", "1", "5, 10", "1.5", "soon", "99999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"),
    "Date": ("", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 99 Oct 99999 07:28:00 GMT", SECRET),
    "Content-Type": ("application/json", "text/html", "application/xml", "", "application/json; charset=utf-99"),
    "WWW-Authenticate": (
        f'Bearer authorization="{HOST}/t", resource="https://vault.azure.net"',
        'Bearer authorization="", resource=""',
        "Basic",
        "Bearer",
        f"Bearer {SECRET}",
    ),
    "Location": (f"{HOST}/elsewhere", "", "::"),
}
_GOOD: tuple[Mapping[str, Any], ...] = (
    {"value": [{"id": "a", ATTRIBUTE: "2026-12-01"}], "@odata.nextLink": f"{HOST}/v1.0/users?$skiptoken=x"},
    {"value": [{"id": "app", "appId": "x", "passwordCredentials": [{"keyId": "k", "startDateTime": "2026-01-01T0"}]}]},
    {"id": "a", "mail": "a@example.com", "otherMails": ["b@example.com"], ATTRIBUTE: ["2026-12-01"]},
    {"keyId": "k", "secretText": SECRET, "displayName": "d", "startDateTime": "2026-01-01T00:00:00.1234567Z"},
    {"access_token": SECRET, "token_type": "Bearer", "expires_in": 3599, "expires_on": "4102444800"},
    {"authorization_endpoint": f"{HOST}/a", "token_endpoint": f"{HOST}/t", "issuer": f"{HOST}/i"},
    {"value": SECRET, "id": f"{HOST}/secrets/s/v", "attributes": {"enabled": True, "exp": 4102444800, "nbf": 1}},
    {"error": {"code": "BadRequest", "message": SECRET, "innererror": {"code": "ForbiddenByRbac"}}},
    {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET}", "error_codes": [7000215]},
    {"statusCode": 400, "message": SECRET},
)
_VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "x",
    SECRET,
    [],
    [None],
    {},
    {"code": []},
    "2026-13-45",
    "\ud800",
    [{}],
)


def body(rng: random.Random) -> bytes:
    """Return the body of an answer."""
    good = json.loads(json.dumps(rng.choice(_GOOD)))
    match rng.randrange(6):
        case 0:
            return rng.randbytes(rng.randrange(40))
        case 1:
            return json.dumps(rng.choice(_VALUES)).encode()
        case 2:
            text = json.dumps(good).encode()
            return text[: rng.randrange(len(text))]
        case 3:
            return rng.choice((b"", b"<html><body>Blocked</body></html>", b"\xef\xbb\xbf{}", b"[" * 100_000))
        case 4:
            good[rng.choice(list(good))] = rng.choice(_VALUES)
            return json.dumps(good).encode()
        case _:
            return json.dumps(good).encode()


def answering(rng: random.Random) -> Callable[..., requests.Response]:
    """Return what takes the place of sending a request."""

    def send(_: object, request: requests.PreparedRequest, **__: object) -> requests.Response:
        if rng.random() < _LOST:
            raise rng.choice((requests.ConnectionError, requests.Timeout, OSError, requests.exceptions.SSLError))(
                SECRET
            )
        response = requests.Response()
        response.status_code, response.url, response.request = rng.choice(_STATUSES), str(request.url), request
        response.reason = "Planned"
        headers = {name: rng.choice(values) for name, values in _HEADERS.items() if rng.random() < 1 / 4}
        response.headers.update({**headers, **(_OWN if rng.random() < 2 / 3 else {})})
        response.raw = HTTPResponse(
            io.BytesIO(body(rng)), response.headers, preload_content=False, enforce_content_length=False
        )
        return response

    return send


class _Given:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        del scopes, options
        return AccessToken(SECRET, int(time.time()) + 3600)


def _given(*, fresh: bool = False) -> str:
    del fresh
    return SECRET


def questions(clock: MovableClock) -> Mapping[str, Callable[[], object]]:
    """Return what is asked of the services, each with adapters of its own."""

    def directory() -> GraphDirectory:
        token: Any = _given
        return GraphDirectory(endpoint=HOST, token=token, attribute=(ATTRIBUTE,), user_filter="", clock=clock)

    def users() -> object:
        return [page.user(index) for page in directory().pages() for index in range(len(page))]

    def token() -> str:
        credential = AppCredential(Secret(SECRET), "1", None)
        return GraphToken(
            authority=f"{HOST}/tenant",
            client_id="client",
            scope=f"{HOST}/.default",
            read_credential=lambda: credential,
            clock=clock,
            instance_discovery=False,
        )()

    graph = GraphHttp(HOST, _given, clock)
    application, probe = GraphApplication(graph, "client"), GraphProbe(graph, (ATTRIBUTE,), "")
    vault = KeyVault(HOST, _Given())
    return {
        "the users": users,
        "one user": lambda: directory().user("a@example.com"),
        "whether a user is listed": lambda: directory().lists("a"),
        "the attribute": probe.attribute,
        "how many users": probe.users,
        "the passwords": application.passwords,
        "a new password": lambda: application.add_password("d", clock.now()),
        "an old password": lambda: application.remove_password("k"),
        "the secret": lambda: vault.read("s"),
        "the secret's versions": lambda: vault.versions("s"),
        "a new secret": lambda: vault.store("s", Secret(SECRET), expires_on=clock.now(), tags={}),
        "a token of Entra": token,
        "a token of the identity": lambda: Login(Identity("c", "AZURE_CLIENT_ID"), clock).get_token(f"{HOST}/.default"),
        "the time": lambda: service_time(HOST),
    }


def check(inputs: int, seed: int) -> int:
    """Ask so many questions; return how many ended in a sentence. AssertionError names the question and the seed."""
    rng, clock, sentences = random.Random(seed), MovableClock(), 0
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    environ = {"IDENTITY_ENDPOINT": f"{HOST}/msi/token", "IDENTITY_HEADER": SECRET}
    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.dict("os.environ", environ))
        stack.enter_context(patch("requests.adapters.HTTPAdapter.send", answering(rng)))
        stack.enter_context(patch("azure.core.pipeline.transport.HttpTransport.sleep", lambda *_: None))
        root = logging.getLogger()
        root.addHandler(handler)
        stack.callback(root.removeHandler, handler)
        asked = questions(clock)
        for number in range(inputs):
            name = rng.choice(list(asked))
            try:
                asked[name]()
            except (DueNoticesError, NoToken) as error:
                sentences += 1
                text = str(error)
                assert text.strip(), f"{name}: no sentence (seed {seed}, input {number})"
                assert "\n" not in text, f"{name}: more than a line (seed {seed}, input {number}): {text!r}"
                assert SECRET not in text, f"{name}: a secret is told (seed {seed}, input {number})"
            except Exception as error:
                raise AssertionError(f"{name}: {type(error).__name__} (seed {seed}, input {number})") from error
            assert SECRET not in lines.getvalue(), f"{name}: a secret is logged (seed {seed}, input {number})"
            lines.seek(0)
            lines.truncate()
    return sentences


if __name__ == "__main__":
    logging.getLogger().addHandler(logging.NullHandler())  # the SDKs' complaints about broken answers are meant
    print(check(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1), "sentences")
