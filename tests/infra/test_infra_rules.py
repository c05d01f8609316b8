"""`infra/` keeps its rules, and an offline Bicep checker, where one is present, finds nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra import bicep_checker, infra_rules

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"


@pytest.mark.parametrize("rule", infra_rules.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: infra_rules.Rule) -> None:
    assert rule(INFRA) == []


def test_the_offline_checker_finds_nothing() -> None:
    program = bicep_checker.find_checker()
    if program is None:
        pytest.skip("no offline Bicep checker here; `az bicep build` judges in the workflow")

    assert bicep_checker.Checker(program).findings(INFRA) == []


def test_the_function_is_called_in_the_queries_as_in_the_app() -> None:
    app = ROOT / "function_app.py"
    if not app.is_file():
        pytest.skip("function_app.py is not there")

    assert re.search(rf"(?m)^(async )?def {infra_rules.FUNCTION_NAME}\(", app.read_text(encoding="utf-8"))


def test_the_report_begins_in_the_queries_as_in_the_log() -> None:
    from due_notices.report import LOG_PREFIX

    assert LOG_PREFIX == infra_rules.REPORT_PREFIX


def test_the_rules_see_what_they_compare() -> None:
    # Given the real folder, no rule is vacuous because a pattern found nothing.
    assert len(infra_rules.app_settings(INFRA)) > 20
    assert len(infra_rules.grants(INFRA)) == len(infra_rules.GRANTS)
    assert len(infra_rules.alarms(INFRA)) == len(infra_rules.ALARMS)
    assert len(infra_rules.query_files(INFRA)) > 15
    assert len(infra_rules.bicep_files(INFRA)) > 9
