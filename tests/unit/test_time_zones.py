from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zoneinfo
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from due_notices.time_zones import (
    known_names,
    made_after,
    package_version,
    system_difference,
    zone_named,
)
from tests.command_line import ROOT
from tests.factories import at

TODAY = at("2026-11-30")
# The rules of Chicago, which changes its clocks in winter, are what an old copy has for Winnipeg.
AS_BEFORE_2026 = "America/Chicago"


@pytest.fixture
def old_copy(tmp_path: Path) -> Path:
    (tmp_path / "America").mkdir()
    (tmp_path / "Europe").mkdir()
    pinned = Path(str(files("tzdata"))) / "zoneinfo"
    shutil.copy(pinned / AS_BEFORE_2026, tmp_path / "America" / "Winnipeg")
    shutil.copy(pinned / "Europe/Berlin", tmp_path / "Europe" / "Berlin")
    (tmp_path / "Europe" / "Paris").write_bytes(b"no rules")
    return tmp_path


def test_the_pinned_package_decides_whatever_the_systems_copy_says(old_copy: Path) -> None:
    program = (
        "from datetime import datetime, UTC\n"
        "from zoneinfo import ZoneInfo\n"
        "moment = datetime(2026, 12, 2, 5, 30, tzinfo=UTC)\n"
        "print(moment.astimezone(ZoneInfo('America/Winnipeg')).date())\n"
        "from due_notices.settings import Settings\n"
        "from tests.factories import environ\n"
        "zone = Settings.from_mapping(environ(BUSINESS_TIME_ZONE='America/Winnipeg')).policy.rules.time_zone\n"
        "print(moment.astimezone(zone).date(), moment.astimezone(ZoneInfo('Canada/Central')).date())\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONTZPATH": str(old_copy)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.split() == ["2026-12-01", "2026-12-02", "2026-12-02"]


def test_no_path_of_the_system_is_left() -> None:
    zone_named("Europe/Berlin")

    assert zoneinfo.TZPATH == ()
    assert zone_named("Europe/Berlin") is ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("name", ["Europe/Berln", "Europe", "", "../../etc/passwd", "a\0b"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises((ZoneInfoNotFoundError, ValueError)):
        zone_named(name)


def test_names_are_those_of_the_package() -> None:
    assert {"Europe/Berlin", "America/Winnipeg", "Canada/Central", "UTC"} <= known_names()


def test_where_the_systems_rules_differ_is_found_to_the_half_hour(old_copy: Path) -> None:
    found = system_difference("America/Winnipeg", at("2026-06-01"), at("2027-06-01"), [str(old_copy)])

    assert found is not None
    assert found.moment == at("2026-11-01T07:00")  # Chicago's clocks go back, Winnipeg's stay
    assert found.pinned - found.system == timedelta(hours=1)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Europe/Paris", "Asia/Tokyo"])
def test_a_copy_that_agrees_or_is_not_there_or_cannot_be_read_is_no_difference(old_copy: Path, name: str) -> None:
    assert system_difference(name, TODAY, TODAY + timedelta(days=400), [str(old_copy)]) is None


def test_the_package_says_how_old_it_is() -> None:
    version, made = package_version(), made_after()

    assert made is not None
    assert int(version[:4]) - made.year in {0, 1}
