"""Graph's users as JSON has them: pages of them, read by types, and the customer in each. Pure.

Of a page only what the due-date attribute of each user holds is decoded, and the id; a user is decoded when it is asked
for, which is seldom. A field of a wrong type, or one that cannot be what its name says, counts as absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import Any, cast

import msgspec

from due_notices.adapters.graph_http import OtherForm, parsed
from due_notices.model import ContactNote, User
from due_notices.obligations import spelt_in, value_of

Row = Mapping[str, object]

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
_EMAIL = re.compile(rf"[^{_REFUSED}]{{1,64}}@[^{_REFUSED}.]+(?:\.[^{_REFUSED}.]+)+")
_MAX_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_PHONE = re.compile(r"(?=(?:[^0-9]*[0-9]){5})\+?[0-9 ()./-]{5,40}")
_USER_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

# What copying out of a web page, a letter or a spreadsheet leaves behind, besides the format characters (Cf).
_INVISIBLE = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
_DASHES = str.maketrans(dict.fromkeys("\u2014\u2015", "-"))  # in a number any dash parts digits
_JOINERS = re.compile(r"[^\x00-\x7f][\u200c\u200d][^\x00-\x7f]")  # they change a word of Persian or Hindi


@dataclass(frozen=True, slots=True)
class GraphPage:
    """A page of users as Graph lists them: what the due-date attribute of each holds, the id of each, and the users.

    `opt_out` is the property that says who wants no notices; empty where there is none. `link` is where the list goes
    on, as Graph has it: nothing about it is checked.
    """

    values: Sequence[object]
    ids: Sequence[object]
    rows: Sequence[Row]
    opt_out: str = ""
    link: object = None

    def __len__(self) -> int:
        """Return how many users there are."""
        return len(self.values)

    def user(self, index: int) -> User | None:
        """Return the user at `index`; None where the id cannot go into a log or a key."""
        row = self.rows[index]
        identifier = user_id(row)
        return None if identifier is None else to_user(row, identifier, opted_out=is_set(row, self.opt_out))

    @property
    def seal(self) -> tuple[int, object, object]:
        """What distinguishes one page from another: how many users it has, and who is the first and the last."""
        return (len(self.ids), self.ids[0], self.ids[-1]) if self.ids else (0, None, None)

    def without(self, seen: Container[str]) -> GraphPage:
        """Return the page without the users with these ids."""
        kept = [place for place, key in enumerate(self.ids) if not (isinstance(key, str) and key in seen)]
        return replace(
            self,
            values=[self.values[place] for place in kept],
            ids=[self.ids[place] for place in kept],
            rows=[self.rows[place] for place in kept],
        )


def page_of(rows: Sequence[Row], attribute: tuple[str, ...], opt_out: str = "", link: object = None) -> GraphPage:
    """Return users that are decoded already as a page."""
    return GraphPage([value_of(row, attribute) for row in rows], [row.get("id") for row in rows], rows, opt_out, link)


class PageDecoder:
    """Decodes pages of users; several threads may do so at once."""

    def __init__(self, attribute: tuple[str, ...], opt_out: str = "") -> None:
        """Take the path of the due-date attribute, and the property of those who want no notices, if there is one."""
        self._attribute = attribute
        self._opt_out = opt_out
        self._quick = _Quick(attribute)

    def __call__(self, body: bytes) -> GraphPage:
        """Return the page. Raises ValueError or RecursionError where it is not JSON, OtherForm where not a page."""
        quick = self._quick
        try:
            found = quick.decode(body)
        except (ValueError, RecursionError):
            # Also what is JSON all the same, as a lone surrogate in a name, or a property of another type.
            return self._slowly(body)
        rows, values = found.value, quick.values(found.value)
        if not any(values) and quick.is_spelt_otherwise(body):
            return self._slowly(body)
        return GraphPage(values, [row.id for row in rows], _Rows(body, len(rows)), self._opt_out, found.link)

    def _slowly(self, body: bytes) -> GraphPage:
        found = parsed(body)
        rows = found.get("value") if isinstance(found, dict) else None
        if not isinstance(rows, list) or not set(map(type, rows)) <= {dict}:
            raise OtherForm
        # Graph spells a name as it was declared, in whatever case it is asked for.
        spelt = next((path for row in rows if (path := _spelt(row, self._attribute))), self._attribute)
        if spelt != self._quick.attribute:
            self._quick = _Quick(spelt)
        return page_of(rows, self._attribute, self._opt_out, found.get("@odata.nextLink"))


class _Quick:
    """Decodes pages in which the due-date attribute is spelt in one way."""

    def __init__(self, attribute: tuple[str, ...]) -> None:
        """Take the path of the attribute, spelt as in the pages."""
        self.attribute = attribute
        self._in_group = len(attribute) > 1
        kind: Any = object
        for name in reversed(attribute[1:]):
            kind = _struct([("value", kind, name)]) | None
        row = _struct([("value", kind, attribute[0]), ("id", object, "id")])
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_page_struct(row))

    def decode(self, body: bytes) -> Any:
        """Return the page with its rows (`value`, `id`) and its link. Raises ValueError or RecursionError."""
        if not body.isascii():
            body.decode()  # msgspec does not check the text that it skips
        return self._decoder.decode(body)

    def values(self, rows: Sequence[Any]) -> Sequence[object]:
        """Return what the attribute of each holds."""
        if self._in_group:
            return [None if row.value is None else row.value.value for row in rows]
        return [row.value for row in rows]

    def is_spelt_otherwise(self, body: bytes) -> bool:
        """Whether a page without any value may have the attribute in other letters, large and small."""
        names = [name.encode() for name in self.attribute]
        if all(b'"%s"' % name in body for name in names):
            return False
        small = body.lower()
        return all(b'"%s"' % name.lower() in small for name in names)


class _Rows(Sequence[Row]):
    """The users of a page, each decoded when it is asked for; one that cannot be decoded has no properties."""

    def __init__(self, body: bytes, count: int) -> None:
        """Take a page that has so many."""
        self._body = body
        self._count = count
        self._rows: Sequence[msgspec.Raw] | None = None

    def __len__(self) -> int:
        """Return how many users there are."""
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return the user at a place."""
        if self._rows is None:
            self._rows = _RAW_PAGE.decode(self._body).value
        try:
            return parsed(bytes(self._rows[index]))
        except (ValueError, RecursionError):  # as a number of 5,000 digits, over which the page was read
            return {}


def _struct(fields: Sequence[tuple[str, Any, str]]) -> Any:
    """Return a type of an object: its attributes, the kind of each, and its name in JSON. What is absent is None.

    The garbage collector does not look at these objects, which none of them leads back to.
    """
    named = [(name, kind, msgspec.field(default=None, name=spelt)) for name, kind, spelt in fields]
    return msgspec.defstruct("Struct", named, gc=False)


def _page_struct(row: Any) -> Any:
    link = ("link", object, msgspec.field(default=None, name="@odata.nextLink"))
    return msgspec.defstruct("Page", [("value", GenericAlias(list, (row,))), link], gc=False)


_RAW_PAGE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_page_struct(msgspec.Raw))


def _spelt(row: Row, attribute: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return an attribute's path as a user spells it; None where this one has no such attribute."""
    path, found = list[str](), cast("object", row)
    for name in attribute:
        if not isinstance(found, Mapping) or (spelt := spelt_in(found, name)) is None:
            return None
        path.append(spelt)
        found = found[spelt]
    return tuple(path)


def is_set(row: Row, name: str) -> bool:
    """Whether a boolean property of a user is true; `name` may be empty."""
    value = value_of(row, (name,)) if name else None
    return value is True or (isinstance(value, list) and any(each is True for each in value))


def user_id(graph_user: Row) -> str | None:
    """Return the user's object id, or None where it cannot go into a log or a key."""
    value = graph_user.get("id")
    return value if isinstance(value, str) and _USER_ID.fullmatch(value) else None


def to_user(graph_user: Row, identifier: str, *, opted_out: bool = False) -> User:
    """Return the customer behind a Graph user whose checked id is `identifier`."""
    emails = [(field, raw, _email(raw)) for field, raw in _email_fields(graph_user)]
    email = next((address for _, _, address in emails if address), None)
    others = (address for field, _, address in emails if field == "otherMails" and address and address != email)
    phone = ("mobilePhone", graph_user.get("mobilePhone"), _phone(graph_user.get("mobilePhone")))
    return User(
        id=identifier,
        enabled=graph_user.get("accountEnabled") is not False,
        display_name=_text(graph_user.get("displayName")),
        given_name=_text(graph_user.get("givenName")),
        email=email,
        mobile_phone=phone[2],
        preferred_language=_text(graph_user.get("preferredLanguage")),
        other_emails=tuple(dict.fromkeys(others)),
        opted_out=opted_out,
        contact_notes=_contact_notes([*emails, phone]),
    )


def _contact_notes(fields: Iterable[tuple[str, object, str | None]]) -> tuple[ContactNote, ...]:
    """Return which contact fields are unusable, or usable only when cleaned; no text quotes a value.

    A field is given by its name, what it holds and what of that is usable.
    """
    notes = []
    for field, raw, usable in fields:
        if raw is None or usable == raw or (isinstance(raw, str) and not raw.strip()):
            continue
        if usable is None:
            notes.append(ContactNote(field, "unusable", _why_unusable(field, raw)))
        else:
            notes.append(ContactNote(field, "cleaned", "blanks around it, or characters that look like others, go"))
    return tuple(notes)


def _why_unusable(field: str, raw: object) -> str:
    if not isinstance(raw, str):
        return "it is not text"
    if field == "mobilePhone":
        return "it is not a telephone number; write one, as +49 30 123456"
    if len(re.findall("@", raw)) > 1 and re.search(r"[,;\s]", raw):
        return "it holds several addresses; keep one, and put the others into otherMails"
    if re.search(r"\s", _cleaned(raw)):
        return "it holds a blank, so that it is unclear what is meant; write one address"
    return "it is not an e-mail address; write one, as ada@example.com"


def _email_fields(graph_user: Row) -> Iterator[tuple[str, object]]:
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


def _other_mails(graph_user: Row) -> Iterator[tuple[str, object]]:
    others = graph_user.get("otherMails")
    for other in others if isinstance(others, list) else ():
        yield "otherMails", other


def _email(value: object) -> str | None:
    text = _text(value)
    if text is None or _JOINERS.search(text):
        return None
    address = text.strip() if text.isascii() else _cleaned(text).translate(_HYPHENS)
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
