"""`infra/` keeps its rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.infra import infra_rules

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"


@pytest.mark.parametrize("rule", infra_rules.RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: infra_rules.Rule) -> None:
    assert rule(INFRA) == []


def test_the_function_is_called_in_the_queries_as_in_the_app() -> None:
    app = (ROOT / "function_app.py").read_text(encoding="utf-8")

    assert re.search(rf"(?m)^(async )?def {infra_rules.FUNCTION_NAME}\(", app)


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
    assert len(infra_rules.platform_settings(INFRA)) == len(infra_rules.PLATFORM_SETTINGS)
    assert len(infra_rules.variables_read(INFRA)) > 25
