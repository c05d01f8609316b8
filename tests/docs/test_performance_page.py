"""The page about performance shows what was measured, and nothing that was typed by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import growth, report

RESULTS: dict[str, Any] = json.loads(report.RESULTS.read_text("utf-8"))
FIGURES = {
    "scenario",
    "who",
    "users",
    "owed",
    "read_users_per_s",
    "notices_per_s",
    "total_s",
    "cpu_s",
    "peak_mb",
}


@pytest.mark.parametrize(
    ("document", "place"), [(each, place) for each in report.PLACES for place in report.PLACES[each]]
)
def test_the_pages_show_what_the_results_give(document: str, place: str) -> None:
    page = (report.DOCS / document).read_text("utf-8")

    assert f"<!-- {place} -->\n{report.PLACES[document][place](RESULTS)}<!-- /{place} -->" in page


def test_every_measured_run_has_every_figure() -> None:
    assert {run["scenario"] for run in RESULTS["runs"]} == {"all-owed", "mixed", "read-only", "put-only"}
    for run in RESULTS["runs"]:
        assert run.keys() >= FIGURES


def test_a_line_goes_through_points_on_a_line() -> None:
    fit = growth.line([(1, 5.0), (2, 7.0), (10, 23.0)])

    assert (fit.at_zero, fit.each, fit.r2) == pytest.approx((3.0, 2.0, 1.0))
    assert fit.at(100) == pytest.approx(203.0)


def test_a_flat_line_is_flat() -> None:
    fit = growth.line([(1, 5.0), (2, 5.0), (10, 5.0)])

    assert (fit.at_zero, fit.each, fit.r2) == pytest.approx((5.0, 0.0, 1.0))


def test_a_forecast_takes_pages_and_notices() -> None:
    by_users = {"seconds": growth.Line(1.0, 1e-6, 1), "memory": growth.Line(60.0, 0.0, 1)}
    by_owed = {"seconds": growth.Line(1.0, 1e-4, 1), "memory": growth.Line(60.0, 1e-3, 1)}

    scan = growth.forecast(999_000, 10_000, by_users, by_owed)

    assert scan.pages == 1_000
    assert scan.read == pytest.approx(150 + 0.999)
    assert scan.send == pytest.approx(5.0), "the queue's own limit, not ours"
    assert scan.memory == pytest.approx(70.0)
