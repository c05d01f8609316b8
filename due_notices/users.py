"""The customer in a Graph user, and how to reach them. Pure.

A field of a wrong type, or one that cannot be what its name says, counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from due_notices.model import User

# https://learn.microsoft.com/graph/api/user-list: only these are asked for; the due-date attribute joins them.
SELECTED = (
    "id",
    "accountEnabled",
    "displayName",
    "givenName",
    "identities",
    "mail",
    "mobilePhone",
    "otherMails",
    "preferredLanguage",
    "userPrincipalName",
)

# No more than "somebody at a host": whether a mailbox exists only its server knows. What could break out of
# a mail header or name several recipients is refused.
_REFUSED = r"@\s\x00-\x20\x7f-\x9f<>,;:\"\\()\[\]"
_EMAIL = re.compile(rf"[^{_REFUSED}]{{1,64}}@[^{_REFUSED}]+\.[^{_REFUSED}.]+")
_MAX_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_PHONE = re.compile(r"(?=(?:[^0-9]*[0-9]){5})\+?[0-9 ()./-]{5,40}")
_USER_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def user_id(graph_user: Mapping[str, object]) -> str | None:
    """Return the user's object id, or None where it is nothing that a log or a key could hold."""
    value = graph_user.get("id")
    return value if isinstance(value, str) and _USER_ID.fullmatch(value) else None


def to_user(graph_user: Mapping[str, object], identifier: str) -> User:
    """Return the customer behind a Graph user whose checked id is `identifier`."""
    return User(
        id=identifier,
        enabled=graph_user.get("accountEnabled") is not False,
        display_name=_text(graph_user.get("displayName")),
        given_name=_text(graph_user.get("givenName")),
        email=next(_emails(graph_user), None),
        mobile_phone=_phone(graph_user.get("mobilePhone")),
        preferred_language=_text(graph_user.get("preferredLanguage")),
    )


def _emails(graph_user: Mapping[str, object]) -> Iterator[str]:
    """Yield the addresses that can be mailed, the best first.

    A guest's principal name (#EXT#) and one below onmicrosoft.com have no mailbox behind them:
    https://learn.microsoft.com/entra/external-id/user-properties
    """
    identities = graph_user.get("identities")
    others = graph_user.get("otherMails")
    principal_name = graph_user.get("userPrincipalName")
    candidates = [graph_user.get("mail")]
    candidates.extend(
        identity.get("issuerAssignedId")
        for identity in (identities if isinstance(identities, list) else ())
        if isinstance(identity, Mapping) and str(identity.get("signInType")).startswith("emailAddress")
    )
    candidates.extend(others if isinstance(others, list) else ())
    if isinstance(principal_name, str) and not (
        "#EXT#" in principal_name.upper() or principal_name.lower().endswith(".onmicrosoft.com")
    ):
        candidates.append(principal_name)
    for candidate in candidates:
        text = _text(candidate)
        if text is not None and len(text) <= _MAX_EMAIL and _EMAIL.fullmatch(text):
            yield text


def _phone(value: object) -> str | None:
    text = _text(value)
    return text if text is not None and _PHONE.fullmatch(text) else None


def _text(value: object) -> str | None:
    """Return a text that is not blank and can be written as UTF-8 (a lone surrogate cannot)."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
