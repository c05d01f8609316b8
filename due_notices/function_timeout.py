"""How long a run may take: somewhat less than the host gives an invocation. Pure.

The host takes `functionTimeout` from host.json, and from an app setting where one takes its place.
https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

OVERRIDE = "AzureFunctionsJobHost__functionTimeout"
HOSTS_OWN = timedelta(minutes=30)  # where nothing is said, on every plan but the old Consumption plan
_UNBOUNDED, _A_DAY = "-1", timedelta(days=1)  # a run is about its day, so it ends even where the host would not end it
_MOST_MARGIN = timedelta(minutes=5)
_MARGIN_SHARE = 6
# By a pattern, since the host also reads what is not strict JSON: comments, trailing commas, keys in any case.
_IN_HOST_JSON = re.compile(r'^(?!\s*//).*?"functionTimeout"\s*:\s*"?([^",\s}]+)', re.IGNORECASE | re.MULTILINE)
# https://learn.microsoft.com/dotnet/api/system.timespan.parse
_TIME_SPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?", re.ASCII)


def function_timeout(host_json: str, environ: Mapping[str, str]) -> timedelta:
    """Return how long the host lets an invocation run, by the text of host.json (empty: none) and the app settings.

    What the host itself could not read, with which it would not start, counts as not said.
    """
    settings = {name.casefold(): value for name, value in environ.items()}
    found = _IN_HOST_JSON.search(host_json)
    texts = (settings.get(OVERRIDE.casefold(), ""), found[1] if found else "")
    return next((span for span in map(_parsed, texts) if span), HOSTS_OWN)


def longest_run(timeout: timedelta) -> timedelta:
    """Return how long a run may take: what is under way then has five minutes to end, or a sixth where that is less."""
    return timeout - min(_MOST_MARGIN, timeout / _MARGIN_SHARE)


LONGEST_RUN = longest_run(HOSTS_OWN)


def _parsed(text: str) -> timedelta | None:
    if text.strip() == _UNBOUNDED:
        return _A_DAY
    found = _TIME_SPAN.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
