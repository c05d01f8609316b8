"""Time zones by the rules of the pinned package `tzdata`, whatever copy the system has.

`zoneinfo` alone takes the system's copy where there is one, however old: a province that gave up changing its clocks
would be an hour off, and one name of a zone could differ from another name of the same.
"""

from __future__ import annotations

import importlib
import importlib.resources
import re
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SYSTEM = tuple(zoneinfo.TZPATH)  # as Python found it, before the package took over
_HALF_AN_HOUR = timedelta(minutes=30)
_MADE_AFTER = re.compile(r"^#updated [0-9]+ \(([0-9-]{10}) ", re.MULTILINE)


class Difference(NamedTuple):
    """The first moment (UTC) at which two sets of rules show different local times, and both (without offsets)."""

    moment: datetime
    pinned: datetime
    system: datetime


def use_pinned_rules() -> None:
    """Let every ZoneInfo of this process follow the package `tzdata`."""
    if zoneinfo.TZPATH:
        zoneinfo.reset_tzpath(to=())
        ZoneInfo.clear_cache()


def zone_named(name: str) -> ZoneInfo:
    """Return a zone by the pinned rules; raises ZoneInfoNotFoundError or ValueError where there is none."""
    use_pinned_rules()
    try:
        return ZoneInfo(name)
    except OSError as error:  # a folder's name
        raise ZoneInfoNotFoundError(name) from error


def known_names() -> frozenset[str]:
    """Return every IANA name that `zone_named` knows."""
    use_pinned_rules()
    return frozenset(zoneinfo.available_timezones())


def system_difference(name: str, since: datetime, until: datetime, paths: Iterable[str] = _SYSTEM) -> Difference | None:
    """Return where the system's own copy first differs from the pinned rules; None where it does not or has none.

    Local times are compared every half hour from `since` (UTC) on: no change of clocks lasts less.
    """
    system, pinned = _system_zone(name, paths), zone_named(name)
    if system is None:
        return None
    for number in range((until - since) // _HALF_AN_HOUR):
        moment = since + _HALF_AN_HOUR * number
        difference = Difference(moment, _local(moment, pinned), _local(moment, system))
        if difference.pinned != difference.system:
            return difference
    return None


def package_version() -> str:
    """Return the version of the package `tzdata` and IANA's own, as `2026.6 (2026f)`."""
    package = importlib.import_module("tzdata")
    return f"{package.__version__} ({package.IANA_VERSION})"


def made_after() -> date | None:
    """Return a day after which, by at most half a year, the package's rules were made; None where it does not say.

    IANA's releases carry the leap seconds of the International Earth Rotation Service, which writes them anew
    twice a year.
    """
    found = _MADE_AFTER.search(importlib.resources.files("tzdata").joinpath("zoneinfo/leapseconds").read_text("utf-8"))
    return date.fromisoformat(found[1]) if found else None


def _system_zone(name: str, paths: Iterable[str]) -> ZoneInfo | None:
    for path in (Path(folder) / name for folder in paths):
        if path.is_file():
            with path.open("rb") as file:
                try:
                    return ZoneInfo.from_file(file)
                except ValueError:
                    return None
    return None


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
