"""The error of an identity that gives no token, known to every adapter that logs in with one."""

from __future__ import annotations

from azure.core.exceptions import ClientAuthenticationError


class NoToken(ClientAuthenticationError):
    """The identity gave no token; `sentence` says why, and is never about the service that the token was for.

    A class of azure-core's family, so that its clients hand it on as it is, without another try.
    """

    def __init__(self, sentence: str) -> None:
        """Take the sentence."""
        super().__init__(sentence)
        self.sentence = sentence
