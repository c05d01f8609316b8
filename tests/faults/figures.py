"""The figures of obligations in a report, beside those of the second calculation."""

from __future__ import annotations

from collections.abc import Mapping

from local.expected import Expected

NAMES = {
    "notYet": "not yet",
    "over": "over",
    "owed": "owed",
    "alreadySent": "already sent",
    "expired": "expired",
    "missed": "missed",
}


def figures(report: Mapping[str, object]) -> dict[str, object]:
    """Return what a report counts."""
    return {name: report[name] for name in NAMES}


def figures_expected(result: Expected) -> dict[str, object]:
    """Return what it should count."""
    return {name: result.figures[figure] for name, figure in NAMES.items()}
