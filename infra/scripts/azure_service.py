"""One service of Azure, asked with the operator's own login: what `post_provision.py` needs of HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TIMEOUT = (10, 30)  # seconds to connect and to wait for an answer


class Refused(Exception):
    """A service said no; the text says what to do."""

    def __init__(self, text: str, code: str = "") -> None:
        """Take the sentence, and the service's code where it gave one."""
        super().__init__(text)
        self.code = code


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
            code = code_of(answer)
            raise Refused(f"{self._name} answered {answer.status_code} {code} to {method} {shown(path)}", code)
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
    """Return the service's own code for what went wrong, the more exact of two, never its text."""
    try:
        error = answer.json()["error"]
        return str((error.get("innererror") or {}).get("code") or error["code"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or ""
