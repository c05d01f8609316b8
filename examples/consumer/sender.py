"""Chooses who sends: by SMTP, by Azure Communication Services, or to the log alone. Your own sender goes here, too."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from languages import LANGUAGES
from letters import Deliver, Letter, Refused

_logger = logging.getLogger("consumer")


class SettingsError(Exception):
    """The environment does not say what is needed; the text names every setting that is missing or wrong."""


def sender(environ: Mapping[str, str]) -> Deliver:
    """Return what SENDER names. Raises SettingsError."""
    kind = environ.get("SENDER") or "log"
    if kind == "log":
        return log
    if kind == "smtp":
        from sender_smtp import SmtpSender

        return SmtpSender.of(environ)
    if kind == "communication":
        from sender_communication import CommunicationSender

        return CommunicationSender.of(environ)
    raise SettingsError(f"SENDER is {kind!r}: it may be log, smtp or communication")


def language(environ: Mapping[str, str]) -> str:
    """Return the language of customers whose own is not known, or not there. Raises SettingsError."""
    found = environ.get("LETTER_LANGUAGE") or "en"
    if found not in LANGUAGES:
        raise SettingsError(f"LETTER_LANGUAGE is {found!r}: it may be {', '.join(LANGUAGES)}; languages.py has them")
    return found


def log(letter: Letter) -> None:
    """Write a line to the log, and send nothing."""
    if not letter.addresses:
        raise Refused("no e-mail address")
    _logger.info("letter %s would go to user %s by e-mail, in %s", letter.key, letter.user_id, letter.language)
