"""The reasons to skip an obligation, in words."""

from __future__ import annotations

from collections.abc import Mapping

from due_notices.model import Reason

REASONS: Mapping[Reason, str] = {
    Reason.MALFORMED: "the value cannot be read",
    Reason.PAID: "it is paid",
    Reason.VOID: "it is void",
    Reason.DISPUTED: "it is disputed",
    Reason.PAUSED: "it is paused on that day",
    Reason.SETTLED: "nothing is left to pay",
    Reason.DISABLED: "the account is disabled",
    Reason.UNREACHABLE: "the user has neither a usable e-mail address nor a phone number",
    Reason.OPTED_OUT: "the user has opted out of notices (OPT_OUT_ATTRIBUTE)",
    Reason.NOT_ALLOWED: "RECIPIENT_ALLOW_LIST does not have the user's address",
    Reason.DUPLICATE: "another value of the user means the same obligation, or the directory listed the user twice",
    Reason.TOO_LARGE: "its message would be larger than a queue message may be",
}
