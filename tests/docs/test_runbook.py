"""The runbook has a remedy for everything that the program, the alarms and the infrastructure can say."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from due_notices import errors
from due_notices.commands.status.verdict import FINDINGS
from due_notices.report import Outcome
from local.stack import LocalStack
from tests.adapters.storage_access import StorageAccess

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
ALARMS = re.findall(r"name: '([a-z-]+)'\n +title:", (ROOT / "infra" / "modules" / "alerts.bicep").read_text("utf-8"))


def rows(heading: str) -> dict[str, str]:
    """Return the rows of the table below a heading, by the name in their first cell."""
    section = RUNBOOK.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return {found[1]: found[2] for found in re.finditer(r"^\| `([A-Za-z-]+)` \| (.*) \|$", section, re.MULTILINE)}


def subclasses(kind: type[Exception]) -> set[str]:
    return {each.__name__ for each in kind.__subclasses__()} | {
        name for each in kind.__subclasses__() for name in subclasses(each)
    }


def test_every_finding_has_a_row_with_its_verdict_in_the_order_of_the_program() -> None:
    told = {name: text.split(" | ")[0] for name, text in rows("Seven in the morning").items()}
    findings = {name: verdict for name, verdict in told.items() if name not in {"fine", "look", "act"}}

    assert list(findings.items()) == [(name, str(level)) for name, level in FINDINGS.items()]


def test_every_alarm_has_a_row_that_names_findings() -> None:
    told = rows("Alarms")

    assert ALARMS
    assert set(told) == set(ALARMS)
    for text in told.values():
        assert set(re.findall("`([a-z-]+)`", text.split(" | ")[0])) <= FINDINGS.keys()


def test_every_outcome_has_a_row() -> None:
    assert list(rows("Outcomes of a run")) == [str(outcome) for outcome in Outcome]


def test_every_error_class_has_a_row() -> None:
    own = {name for name in subclasses(errors.DueNoticesError) if hasattr(errors, name)}

    assert set(rows("Error classes")) == own


def test_the_lines_that_empty_the_poison_queue_put_its_notices_back_as_they_were(
    stack: LocalStack, storage_access: StorageAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RUNBOOK.partition("## Look into the poison queue")[2].partition("```python\n")[2].partition("```")[0]
    key = AzureNamedKeyCredential(stack.azurite.account, stack.azurite.key)
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: key)
    for number in range(40):
        storage_access.poison.send_message(f"bm90aWNl{number}", time_to_live=-1)
    lines = textwrap.dedent(text).replace("https://<account>.queue.core.windows.net", stack.azurite.url("queue"))

    exec(lines.replace('"due-notices', f'"{storage_access.name}'), {})  # noqa: S102 (our own page)

    assert storage_access.poison.get_queue_properties().approximate_message_count == 0
    moved = list(storage_access.queue.receive_messages(messages_per_page=32))
    assert sorted(message.content for message in moved) == sorted(f"bm90aWNl{number}" for number in range(40))
    assert all(message.expires_on is not None and message.expires_on.year == 9999 for message in moved), "for ever"


@pytest.mark.parametrize("document", ["../README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))])
def test_links_into_documents_hit_a_heading(document: str) -> None:
    def anchors(path: Path) -> set[str]:
        headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    folder = ROOT / "docs"
    page = (folder / document).resolve()
    links = re.findall(r"\]\(([^)\s:]*)#([^)\s]+)\)", page.read_text("utf-8"))

    missing = [
        f"{path}#{anchor}"
        for path, anchor in links
        if anchor not in anchors((page.parent / path).resolve() if path else page)
    ]
    assert missing == []
