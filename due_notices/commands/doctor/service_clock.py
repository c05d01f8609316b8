"""Asks a service what time it is, by the Date header of its answers (RFC 9110, 6.6.1)."""

from __future__ import annotations

from datetime import datetime

from due_notices.adapters.connections import distrusted, moment_of, session_to
from due_notices.errors import CredentialError

_TIMEOUTS = (5, 10)


def service_time(url: str) -> datetime:
    """Return the time of the service behind `url`, exact to a second. Raises CredentialError."""
    try:
        with session_to(url) as session:
            response = session.get(url, timeout=_TIMEOUTS, allow_redirects=False)
        return moment_of(response.headers)
    except (OSError, LookupError, ValueError) as error:
        why = distrusted(error) or "check AZURE_AUTHORITY_HOST and the network"
        raise CredentialError(f"Entra at {url} does not say what time it is ({type(error).__name__}): {why}") from error
