"""What azure-identity raises, as one sentence. Shared by the adapters that log in with an identity."""

from __future__ import annotations

import re

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from due_notices.errors import CredentialError
from due_notices.refusals import IDENTITY, refusal_of


def not_logged_in(error: Exception, what_for: str) -> CredentialError:
    """Return the error for a token that the identity did not get.

    Whatever is no ClientAuthenticationError of azure-identity counts as "no answer" of the identity endpoint.
    The SDK keeps neither a correlation id nor the body of an App Service endpoint's answer, only its status.
    """
    if isinstance(error, CredentialUnavailableError):
        code = "CredentialUnavailable"
    elif isinstance(error, ClientAuthenticationError):
        code = "ClientAuthenticationError"
    else:
        code = "no answer"
    said = ", ".join(filter(None, (code if code != "no answer" else type(error).__name__, *_details(str(error)))))
    return CredentialError(
        refusal_of(IDENTITY, code).sentence(f"no identity to get a token for {what_for} with ({said})")
    )


def _details(text: str) -> list[str]:
    """Return what identifies a refusal in azure-identity's text: AADSTS number, HTTP status, correlation id."""
    found = re.findall(r"AADSTS[0-9]{4,8}", text)[:1]
    found += [f"HTTP {status}" for status in re.findall(r"\(invalid_scope\) ([0-9]{3}),", text)[:1]]
    found += [f"correlation id {one}" for one in re.findall(r"[Cc]orrelation ?[Ii][Dd]:? ([0-9a-fA-F-]{36})", text)[:1]]
    return found
