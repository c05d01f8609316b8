"""Where your own sender goes: mail, SMS, letter. This one writes a line to the log."""

from __future__ import annotations

import logging

from notices import Event

_logger = logging.getLogger("consumer")


def deliver(event: Event) -> None:
    """Tell the customer. Raise when it failed: the message then comes again.

    `event["id"]` is the idempotency key for your provider. The text depends on `event["data"]["stage"]` (negative:
    days before the due date) and on `event["data"]["customer"].get("preferredLanguage")`.
    """
    data = event["data"]
    channel = "e-mail" if "email" in data["customer"] else "phone"
    _logger.info("would tell user %s by %s that it is %s days", event["subject"], channel, data["daysUntilDue"])
