"""Windows' names of time zones, and what Windows shows for them, with the IANA name to write instead. Pure.

The list is Unicode's (CLDR windowsZones), as the package tzlocal carries it; other copies lack the names of 2026.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

# Provinces that until 2026 shared a Windows name with their neighbours in the United States.
_PROVINCES = {
    "Central Standard Time": "America/Winnipeg",
    "Mountain Standard Time": "America/Edmonton",
    "Pacific Standard Time": "America/Vancouver",
}


def proposal(text: str, known: Collection[str]) -> str:
    """Return what to write instead of `text`, as the end of a sentence; empty where nothing is near.

    `known` are the IANA names that may be written.
    """
    name = _windows_name(text)
    if name is not None:
        return _of_windows(name, known)
    if "," in text or "(" in text:
        return _of_cities(text, known)
    near = difflib.get_close_matches(text, list(known), n=5, cutoff=0.5)
    return f"; near names: {', '.join(near)}" if near else ""


def _windows_name(text: str) -> str | None:
    """Return the Windows name that `text` is, in any case, with or without "Daylight" or "Summer" in it."""
    from tzlocal.windows_tz import win_tz

    wanted = re.sub(r"daylight|summer", "standard", _bare(text))
    return next((name for name in win_tz if _bare(name) == wanted), None)


def _bare(name: str) -> str:
    """Return a name without what people leave out or put in its place, such as the blank after "W."."""
    return re.sub(r"[\s._]", "", name.casefold())


def _of_windows(name: str, known: Collection[str]) -> str:
    from tzlocal.windows_tz import tz_win, win_tz

    main = win_tz[name]
    area = main.partition("/")[0]
    others = [
        zone
        for zone, windows in tz_win.items()
        if windows == name and zone != main and zone in known and zone.startswith(f"{area}/") and zone.count("/") == 1
    ]
    if second := _PROVINCES.get(name) or next(iter(others), None):
        return f"; this Windows name covers several zones: write {main} or {second}, or whichever city is nearest"
    return f"; this is Windows' name of it: write {main}"


def _of_cities(text: str, known: Collection[str]) -> str:
    """Return the zones of the cities that Windows shows, such as "(UTC+01:00) Amsterdam, Berlin, Rome"."""
    cities = {zone.rpartition("/")[2].replace("_", " ").casefold(): zone for zone in known if "/" in zone}
    words = [word.strip().casefold() for word in re.split(r"[,()]", text)]
    found = [cities[word] for word in words if word in cities][:3]
    return f"; write one of {', '.join(found)}" if found else ""
