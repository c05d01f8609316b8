"""The customer in a Graph user, and how to reach them. Pure.

A field of a wrong type, or one that cannot be what its name says, counts as absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from due_notices.model import ContactNote, User

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

# The domains that a tenant has from the beginning, by cloud. Nothing below them has a mailbox unless a person says so:
# https://learn.microsoft.com/entra/external-id/user-properties
INITIAL_DOMAINS = (
    ".onmicrosoft.com",
    ".onmicrosoft.us",
    ".partner.onmschina.cn",
    ".onsovcloud.fr",
    ".onsovcloud.de",
)

# No more than "a name at a host": whether a mailbox exists only its server knows. What could break out of
# a mail header or name several recipients is refused, and so are dashes of which it is not clear what they stand for.
_REFUSED = r"@\s\x00-\x20\x7f-\x9f<>,;:\"\\()\[\]\u2014\u2015"
_EMAIL = re.compile(rf"[^{_REFUSED}]{{1,64}}@[^{_REFUSED}]+\.[^{_REFUSED}.]+")
_MAX_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_PHONE = re.compile(r"(?=(?:[^0-9]*[0-9]){5})\+?[0-9 ()./-]{5,40}")
_USER_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

# What copying out of a web page, a letter or a spreadsheet leaves behind, besides the format characters (Cf).
_INVISIBLE = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
_DASHES = str.maketrans(dict.fromkeys("\u2014\u2015", "-"))  # in a number any dash parts digits
_JOINERS = re.compile(r"[^\x00-\x7f][\u200c\u200d][^\x00-\x7f]")  # they change a word of Persian or Hindi


def user_id(graph_user: Mapping[str, object]) -> str | None:
    """Return the user's object id, or None where it is nothing that a log or a key could hold."""
    value = graph_user.get("id")
    return value if isinstance(value, str) and _USER_ID.fullmatch(value) else None


def to_user(graph_user: Mapping[str, object], identifier: str, *, opted_out: bool = False) -> User:
    """Return the customer behind a Graph user whose checked id is `identifier`."""
    email = next((address for _, raw in _email_fields(graph_user) if (address := _email(raw))), None)
    others = (address for _, raw in _other_mails(graph_user) if (address := _email(raw)) and address != email)
    return User(
        id=identifier,
        enabled=graph_user.get("accountEnabled") is not False,
        display_name=_text(graph_user.get("displayName")),
        given_name=_text(graph_user.get("givenName")),
        email=email,
        mobile_phone=_phone(graph_user.get("mobilePhone")),
        preferred_language=_text(graph_user.get("preferredLanguage")),
        other_emails=tuple(dict.fromkeys(others)),
        opted_out=opted_out,
        contact_notes=contact_notes(graph_user),
    )


def contact_notes(graph_user: Mapping[str, object]) -> tuple[ContactNote, ...]:
    """Return which contact fields of a user are unusable, or usable only when cleaned; no text quotes a value."""
    notes = []
    for field, raw in (*_email_fields(graph_user), ("mobilePhone", graph_user.get("mobilePhone"))):
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            continue
        usable = _phone(raw) if field == "mobilePhone" else _email(raw)
        if usable is None:
            notes.append(ContactNote(field, "unusable", _why_unusable(field, raw)))
        elif usable != raw:
            notes.append(ContactNote(field, "cleaned", "blanks around it, or characters that look like others, go"))
    return tuple(notes)


def _why_unusable(field: str, raw: object) -> str:
    if not isinstance(raw, str):
        return "it is not text"
    if field == "mobilePhone":
        return "it is no telephone number; write one, as +49 30 123456"
    if len(re.findall("@", raw)) > 1 and re.search(r"[,;\s]", raw):
        return "it holds several addresses; keep one, and put the others into otherMails"
    if re.search(r"\s", _cleaned(raw)):
        return "it holds a blank, so that nothing says what is meant; write one address"
    return "it is no e-mail address; write one, as ada@example.com"


def _email_fields(graph_user: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what may hold an address that can be mailed, each with its field, the best first."""
    yield "mail", graph_user.get("mail")
    identities = graph_user.get("identities")
    for identity in identities if isinstance(identities, list) else ():
        if isinstance(identity, Mapping) and str(identity.get("signInType")).startswith("emailAddress"):
            yield "identities", identity.get("issuerAssignedId")
    yield from _other_mails(graph_user)
    principal_name = graph_user.get("userPrincipalName")
    if isinstance(principal_name, str) and not _without_mailbox(principal_name):
        yield "userPrincipalName", principal_name


def _other_mails(graph_user: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    others = graph_user.get("otherMails")
    for other in others if isinstance(others, list) else ():
        yield "otherMails", other


def _email(value: object) -> str | None:
    text = _text(value)
    if text is None or _JOINERS.search(text):
        return None
    address = _cleaned(text).translate(_HYPHENS)
    return address if len(address) <= _MAX_EMAIL and _EMAIL.fullmatch(address) else None


def _without_mailbox(name: str) -> bool:
    """Whether a principal name is a guest's, or below a domain that a tenant has from the beginning."""
    name = _cleaned(name).lower()
    return "#ext#" in name or name.endswith(INITIAL_DOMAINS)


def _phone(value: object) -> str | None:
    text = _text(value)
    if text is None:
        return None
    blanks = "".join(" " if unicodedata.category(each) == "Zs" else each for each in _cleaned(text))
    number = blanks.translate(_HYPHENS).translate(_DASHES)
    return number if _PHONE.fullmatch(number) else None


def _cleaned(text: str) -> str:
    """Return a text without invisible characters, and without blanks around it."""
    if not text.isascii():
        text = "".join(each for each in _INVISIBLE.sub("", text) if unicodedata.category(each) != "Cf")
    return text.strip()


def _text(value: object) -> str | None:
    """Return a text that is not blank and can be written as UTF-8 (a lone surrogate cannot)."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
