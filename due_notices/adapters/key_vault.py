"""Reads secrets from Azure Key Vault, and stores them for operators."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.policies import RetryPolicy
from azure.keyvault.secrets import SecretClient

from due_notices.adapters.connections import Service, distrusted, is_loopback, is_own_answer, sdk_options
from due_notices.adapters.login_errors import NoToken
from due_notices.adapters.retries import retry_after
from due_notices.clouds import name_of_vault
from due_notices.errors import CredentialError
from due_notices.refusals import VAULT, not_its_own, refusal_of
from due_notices.secret import Secret, SecretVersion, StoredSecret

_FORBIDDEN = 403
_LONGEST_WAIT = 5  # seconds
_SERVER_ERRORS = range(500, 600)
_OK = range(200, 300)


class _NotItsOwn(Exception):
    """Not the vault's own answer, though its status says that all is well."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


# The SDK's own errors, and those of its code when an answer is nonsense.
_NONSENSE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
_FAILURES = (_NotItsOwn, AzureError, OSError, *_NONSENSE)


def _look(answer: Any) -> None:
    """Refuse an answer that is not the vault's own: it shows neither a secret nor that there is none."""
    found = answer.http_response
    if found.status_code in _OK and not is_own_answer(Service.VAULT, found.headers):
        raise _NotItsOwn(found.status_code)


class _NotTooPatient(RetryPolicy[Any, Any]):
    """Gives up where the vault asks to wait longer than a run should; the SDK would obey any Retry-After."""

    def get_retry_after(self, response: Any) -> float | None:
        """Return the seconds to wait; the SDK fails at what is neither number nor date, and counts by our clock."""
        return retry_after(response.http_response.headers)

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        wait = self.get_retry_after(response)
        return (wait is None or wait <= _LONGEST_WAIT) and super().is_retry(settings, response)


class KeyVault:
    """One vault, used with the caller's identity. Each call ends within about 30 seconds, or raises CredentialError."""

    def __init__(self, url: str, credential: TokenCredential) -> None:
        """Take the vault's URL; nothing is sent yet."""
        self._url = url
        self._client = SecretClient(
            vault_url=url,
            credential=credential,
            # The client checks that a vault's challenge asks for a token of the vault's own domain. On this machine
            # (the local stack) there is no such relation to check.
            verify_challenge_resource=not is_loopback(url),
            retry_policy=_NotTooPatient(retry_total=2, retry_backoff_max=_LONGEST_WAIT, timeout=30),
            connection_timeout=5,
            read_timeout=10,
            permit_redirects=False,  # a vault never redirects; a proxy with a page of its own does
            raw_response_hook=_look,
            **sdk_options(url),
        )

    def read(self, name: str) -> StoredSecret:
        """Return the newest version of a secret."""
        try:
            found = self._client.get_secret(name)
            properties = found.properties
            # What is lacking or of a wrong type the client hands on as it came.
            return StoredSecret(
                value=Secret(_value(found.value)),
                version=_text(properties.version),
                expires_on=_moment(properties.expires_on),
                not_before=_moment(properties.not_before),
                content_type=_text(properties.content_type) or None,
            )
        except _FAILURES as error:
            raise self._error(error, "read", name) from error

    def versions(self, name: str) -> Sequence[SecretVersion]:
        """Return the versions of a secret without their values, the newest first; none where it does not exist."""
        try:
            found = [
                SecretVersion(_text(each.version), _moment(each.created_on), _tags(each.tags))
                for each in self._client.list_properties_of_secret_versions(name)
            ]
        except _FAILURES as error:
            if isinstance(error, HttpResponseError) and "SecretNotFound" in _codes(error):
                return ()
            raise self._error(error, "list", name) from error
        return sorted(found, key=lambda each: (each.created_on is not None, each.created_on), reverse=True)

    def store(self, name: str, value: Secret, *, expires_on: datetime, tags: Mapping[str, str]) -> str:
        """Store a new version of a secret and return its version id."""
        try:
            stored = self._client.set_secret(
                name, value.reveal(), expires_on=expires_on, content_type="text/plain", tags=dict(tags)
            )
            return _text(stored.properties.version)
        except _FAILURES as error:
            raise self._error(error, "store", name) from error

    def _error(self, error: Exception, action: str, name: str) -> CredentialError:
        """Return the error to raise: who refused what, why, and what fixes it."""
        if isinstance(error, NoToken):
            return CredentialError(f"the vault {self._url} was not asked: {error.sentence}")
        if (status := _foreign_status(error)) is not None:
            return CredentialError(not_its_own("Key Vault", self._url, status))
        if isinstance(error, HttpResponseError) and error.status_code not in (None, *_OK):
            return self._refused(error, action, name)
        said = f"the vault {self._url} did not {action} the secret {name!r} ({type(error).__name__})"
        if why := distrusted(error):
            return CredentialError(f"{said}: {why}")
        code = "other form" if isinstance(error, (HttpResponseError, *_NONSENSE)) else "no answer"
        return CredentialError(refusal_of(VAULT, code).sentence(said, **self._names(name)))

    def _refused(self, error: HttpResponseError, action: str, name: str) -> CredentialError:
        codes = _codes(error)
        identifiers = [f"request id {found}" for found in [_request_id(error)] if found]
        caller, who = self._names(name), _caller(error)
        if who:
            identifiers.append(f"caller {who}")
            caller["caller"] = who
        details = ", ".join(["/".join(codes) or f"HTTP {error.status_code}", *identifiers])
        said = (
            f"the vault {self._url} answered {error.status_code} when asked to {action} the secret {name!r} ({details})"
        )
        server = ["5xx"] if error.status_code in _SERVER_ERRORS else []
        refusal = refusal_of(VAULT, *(f"{error.status_code} {code}" for code in reversed(codes)), *server)
        sentence = refusal.sentence(said, **caller)
        if action != "read" and error.status_code == _FORBIDDEN:
            sentence = sentence.replace('"Key Vault Secrets User"', '"Key Vault Secrets Officer"')
        return CredentialError(sentence)

    def _names(self, name: str) -> dict[str, str]:
        return {"KEY_VAULT_SECRET_NAME": name, "vault": name_of_vault(self._url)}


def _foreign_status(error: Exception) -> int | None:
    """Return the HTTP status of an answer that is not the vault's own; None for any other failure."""
    if isinstance(error, _NotItsOwn):
        return error.status
    if isinstance(error, HttpResponseError):
        headers = getattr(error.response, "headers", None) or {}
        return None if is_own_answer(Service.VAULT, headers) else error.status_code
    return None


def _value(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("a secret is a text")
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _tags(value: object) -> Mapping[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}


def _codes(error: HttpResponseError) -> list[str]:
    """Return the service's own codes; an inner one (`ForbiddenByRbac`) says more than its outer."""
    inner = getattr(error.error, "innererror", None)
    codes = (getattr(error.error, "code", None), inner.get("code") if isinstance(inner, dict) else None)
    return [code for code in codes if isinstance(code, str) and re.fullmatch(r"[A-Za-z]{1,60}", code)]


def _request_id(error: HttpResponseError) -> str:
    headers = getattr(error.response, "headers", None) or {}
    identifier = str(headers.get("x-ms-request-id", ""))
    return identifier if re.fullmatch(r"[0-9A-Za-z-]{1,64}", identifier) else ""


def _caller(error: HttpResponseError) -> str:
    """Return the object id of the caller that the vault names in its refusal."""
    found = re.search(r"oid=([0-9a-fA-F-]{36})", str(getattr(error.error, "message", "") or ""))
    return found[1] if found else ""
