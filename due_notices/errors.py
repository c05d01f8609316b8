"""Every error that the program raises on purpose: one class per distinct reaction of its caller.

    DueNoticesError
    ├── SettingsError        nothing was tried; correct the settings
    ├── CredentialError      a login was refused; the run fails before anything is sent
    ├── DirectoryError       the directory was not read to its end; the run fails, nothing is sent
    │   ├── ListingExpired   the listing must be read again from its first page
    │   └── PartRefused      the users cannot be asked for in parts; read one page after another
    ├── ClockError           this machine's clock is wrong; the run fails, nothing is sent
    ├── StorageError         queue or ledger cannot be used; sending stops at once
    ├── SendError            one notice was not sent; the others go on
    └── MessageTooLarge      one notice cannot be a message; it is skipped

A message says what happened, where, and what to do next. It never holds a token, a secret, a name,
an address, a phone number or a value from the directory.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import PurePath


class DueNoticesError(Exception):
    """Base of all errors of this program."""

    @property
    def on_one_line(self) -> str:
        """The error on one line."""
        return str(self)


class SettingsError(DueNoticesError):
    """One or more settings are missing or wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Take every problem found, each a sentence that begins with the setting's name."""
        self.problems = tuple(problems)
        super().__init__("\n".join([f"{self._head}:", *(f"  - {problem}" for problem in self.problems)]))

    @property
    def _head(self) -> str:
        count = len(self.problems)
        return "1 setting is wrong" if count == 1 else f"{count} settings are wrong"

    @property
    def on_one_line(self) -> str:
        """All problems on one line."""
        return f"{self._head}: {'; '.join(self.problems)}"


class CredentialError(DueNoticesError):
    """The managed identity, the vault or Entra did not give what is needed to call Graph.

    `code` is Entra's own (`AADSTS7000215`), empty where another service refuses.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        """Take the sentence for the report, and the code for a caller that reacts to it."""
        super().__init__(message)
        self.code = code


class DirectoryError(DueNoticesError):
    """Graph did not give the whole list of users."""


class ListingExpired(DirectoryError):
    """Graph lost its place in the listing: what was read does not count, read again from the first page."""


class PartRefused(DirectoryError):
    """Graph does not list the users by the beginning of their names, perhaps for what USER_FILTER asks besides."""


class ClockError(DueNoticesError):
    """The machine's clock differs from those of Graph and Entra, so that the business date may be wrong."""


class StorageError(DueNoticesError):
    """The queue or the ledger cannot be used."""


class SendError(DueNoticesError):
    """One notice could not be sent.

    `accepted_perhaps` is true when the service may have taken the message all the same (a time-out, a
    connection lost after the request): its claim is then kept until it lapses, so that no run sends a
    second message while the first one may still arrive.
    """

    def __init__(self, message: str, *, accepted_perhaps: bool) -> None:
        """Take the sentence for the report and whether the message may be on the queue."""
        super().__init__(message)
        self.accepted_perhaps = accepted_perhaps


class MessageTooLarge(DueNoticesError):
    """A notice is larger than a queue message may be."""


def sentence_of(error: Exception) -> str:
    """Return what may be logged of an error, on one line: its own sentence, or type and place of an unexpected one.

    The text of an unexpected error is left out: it may hold what belongs in no log.
    """
    if isinstance(error, DueNoticesError):
        return error.on_one_line
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    where = "/".join(PurePath(places[-1].filename).parts[-2:]) + f":{places[-1].lineno}" if places else "no known place"
    # What cannot be imported is the name of a module, and all that helps.
    what = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
    kind = f"unexpected error {type(error).__name__}{what} in {where}"
    return f"{kind}; the next tick tries again. If it comes back, report it with this line"
