"""What the text of a setting means, one function for each form. Pure; each raises ValueError with the remedy."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from due_notices.clouds import CLOUDS
from due_notices.connection_strings import is_address
from due_notices.credentials import CredentialKind
from due_notices.time_zones import known_names, zone_named
from due_notices.windows_zones import proposal

# All that azure-identity takes, by its lower case; a test compares.
MOST_CHAINS = 32  # that read the directory at a time
NEAR = 0.88  # how alike names are that differ by a letter, an S or an underscore
TOKEN_CREDENTIALS = {
    name.lower(): name
    for name in (
        *("dev", "prod", "AzureCliCredential", "AzureDeveloperCliCredential", "AzurePowerShellCredential"),
        *("EnvironmentCredential", "InteractiveBrowserCredential", "ManagedIdentityCredential"),
        *("VisualStudioCodeCredential", "WorkloadIdentityCredential"),
    )
}


def guid(text: str) -> str:
    """Return a GUID in lower case."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        raise ValueError("is not a GUID; copy it from the app registration's overview in Entra")
    return text.lower()


def optional_guid(text: str) -> str | None:
    """Return a GUID in lower case; None for nothing."""
    return guid(text) if text else None


def _is_https(text: str) -> bool:
    return text.lower().startswith("https:") and is_address(text)


def https(text: str) -> str:
    """Return an address of a host alone, in lower case and without a slash at its end."""
    if not _is_https(text) or urlsplit(text).path.strip("/"):
        meant = re.match(r"(?i)(?:https?:/*)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?=[/?#]|$)", text)
        raise ValueError(
            f"is not an address of the form https://host{f': write https://{meant[1].lower()}' if meant else ''}"
        )
    return f"https://{urlsplit(text).netloc.lower()}"


def vault(text: str) -> str:
    """Return the address of a vault."""
    found = https(text)
    if urlsplit(found).hostname in {cloud.vault_domain for cloud in CLOUDS}:
        raise ValueError("names no vault: the vault's name comes before that, as in https://my-vault.vault.azure.net")
    return found


def optional_https(text: str) -> str:
    """Return an address that may have a path; empty for nothing."""
    if text and not _is_https(text):
        raise ValueError("is not an address of the form https://account.queue.core.windows.net")
    return text.rstrip("/")


def credential_kind(text: str) -> CredentialKind:
    """Return the kind of the app's credential, written in any case."""
    return CredentialKind(one_of(*CredentialKind)(text))


def token_credentials(text: str) -> str:
    """Return a login that azure-identity takes; empty for the managed identity."""
    if text and text.lower() not in TOKEN_CREDENTIALS:
        # azure-identity has more credentials than can be chosen by name, and crashes on the rest.
        raise ValueError(
            f"write dev or leave it out; azure-identity takes {', '.join(TOKEN_CREDENTIALS.values())} alone"
        )
    return text


def authority(text: str) -> str:
    """Return the address of a login, which may be written as a host."""
    if "." not in text and "://" not in text:
        raise ValueError("is not a host: write https://login.microsoftonline.com, or that of your cloud")
    return https(text if "://" in text else f"https://{text}")


def _is_extension(text: str) -> bool:
    return re.fullmatch(r"(?ai)extension_[0-9a-f]{32}_[a-z0-9_]{1,120}", text) is not None


def optional_extension(text: str) -> str:
    """Return the name of a directory extension, in the case that it is written in; empty for nothing."""
    if text and not _is_extension(text):
        raise ValueError("is not a directory extension: write extension_<32 hex digits>_<name>")
    return text


def attribute_path(text: str) -> tuple[str, ...]:
    """Return the path of a user's property: one name, or two."""
    if _is_extension(text):
        return (text,)
    if found := re.fullmatch(r"(?ai)onPremisesExtensionAttributes/extensionAttribute([1-9]|1[0-5])", text):
        return "onPremisesExtensionAttributes", f"extensionAttribute{found[1]}"
    raise ValueError(
        "is neither extension_<32 hex digits>_<name> nor onPremisesExtensionAttributes/extensionAttribute1 to 15"
    )


def time_zone_of(text: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    try:
        return zone_named(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"no such IANA time zone{proposal(text, known_names()) or '; one is Europe/Berlin'}") from None


# Before the @ nothing that surrounds an address (brackets, quotes), and no star, which would match no one.
_ADDRESS = r"(?:[^@\"'“”‘’<>()\[\]{}*:][^@\"“”<>()\[\]{}*:]*)?@[\w-]+(?:\.[\w-]+)+"


def allow_list_of(text: str) -> frozenset[str]:
    """Return addresses and @domains in lower case."""
    entries = [entry.casefold() for entry in re.split(r"[,;\s]+", text) if entry]
    if text and not entries:
        raise ValueError("is set and names no one: leave it out to notify everybody, or write addresses and @domains")
    for number, entry in enumerate(entries, 1):
        if not re.fullmatch(_ADDRESS, entry) or not entry.isprintable():
            raise ValueError(f"entry {number} is neither an address nor an @domain; separate them by commas")
    return frozenset(entries)


def odata_filter(text: str) -> str:
    """Return a filter that may be put in brackets; the rest of OData's grammar the doctor leaves to Graph."""
    if not text.isprintable() or len(text) > 1000:  # noqa: PLR2004 (far below a URL's limit)
        raise ValueError("is not an OData filter on one line, such as accountEnabled eq true")
    outside, quotes = re.subn(r"'[^']*'", "", text)
    if "'" in outside:
        raise ValueError("a text in it has no end: write ' before and after a text, and '' for one inside it")
    if wrong := re.search(r"[\"“”‘’`]", outside):
        raise ValueError(f"holds {wrong[0]}, and OData puts texts between two of ': surname eq 'A'")
    if text.lstrip("?&").startswith("$filter"):
        raise ValueError("leave out $filter=, and write what follows it")
    if quotes and not outside.strip():
        raise ValueError("is a text, not a filter: leave out the quotes around it")
    depth = 0
    for character in outside:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
    if depth:
        raise ValueError("its brackets do not match")
    return text


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a function that reads a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return parse


def chains_setting(text: str) -> int | None:
    """Return by how many chains to read in parts, 0 for none; None for `auto`."""
    if text in {"auto", "off"}:
        return None if text == "auto" else 0
    try:
        return whole_number(1, MOST_CHAINS)(text)
    except ValueError:
        raise ValueError(f"is neither auto nor off nor a number of parts at a time, 1 to {MOST_CHAINS}") from None


def optional_hours(text: str) -> timedelta | None:
    """Return some hours of a day; None for nothing."""
    return timedelta(hours=whole_number(1, 23)(text)) if text else None


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a function that reads one of these words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text.lower()

    return parse


def matching(pattern: str, example: str) -> Callable[[str], str]:
    """Return a function that reads a name of this pattern; `example` is one."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"is not a name that Azure allows; one is {example}")
        return text

    return parse


def odd_character(text: str) -> str:
    """Return a sentence on the first character that looks like another one or like nothing; empty where none does."""
    for character in text:
        kind, name = unicodedata.category(character), unicodedata.name(character, "")
        odd = kind in {"Cf", "Pi", "Pf"} or (kind in {"Zs", "Pd"} and character not in " -")
        if odd or name.startswith("FULLWIDTH"):
            called = f"U+{ord(character):04X}{f' ({name.lower()})' if name else ''}"
            return f"holds {called}, which looks like another character or like none: type it anew"
    return ""


def near_misses(names: Collection[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the names that are nearly a known one, or one in other capitals, each with the one that was meant."""
    meant = {name.upper(): name for name in known}
    given = set(names)
    for name in sorted(given - set(known)):
        near = difflib.get_close_matches(name.upper(), meant, n=1, cutoff=NEAR)
        # Where the system knows no capitals, as Windows, each name is there in the capitals that it was asked in.
        if near and not (name.upper() == near[0] and meant[near[0]] in names):
            yield name, meant[near[0]]


def filter_digest_of(user_filter: str, allow_list: frozenset[str]) -> str:
    """Return a digest of who may be notified at all; blanks outside of quotes, and order, do not count."""
    parts = re.split(r"('[^']*')", user_filter)
    words = (part if part.startswith("'") else re.sub(r"\s+", " ", part) for part in parts)
    text = "\x1f".join(("".join(words).strip(), *sorted(allow_list)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
