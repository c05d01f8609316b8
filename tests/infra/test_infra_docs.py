"""docs/deploy.md, the picture, azure.yaml and the workflow agree with `infra/`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from due_notices.commands.doctor.telemetry import SWITCH as TELEMETRY_SWITCH
from tests.infra import bicep_text, infra_rules
from tests.infra.package_rules import FuncIgnore

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
PICTURE = ROOT / "docs" / "images" / "architecture.svg"


def section(title: str) -> str:
    return re.split(r"(?m)^## ", GUIDE.partition(f"\n## {title}\n")[2])[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a table's rows that begin with code."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]


def test_the_guide_says_plainly_that_no_deployment_was_run() -> None:
    assert "**No deployment to Azure has been run from this repository.**" in GUIDE.split("## ")[0]


def variables() -> dict[str, str | None]:
    return dict(infra_rules.variables_read(INFRA).values())


def test_the_parameter_table_is_the_parameter_file() -> None:
    written = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(section("Parameters"))}

    assert written == {
        name: "required" if default is None else default or "empty" for name, default in variables().items()
    }


def test_every_variable_that_the_guide_sets_is_read() -> None:
    text = GUIDE + RUNBOOK
    used = set(re.findall(r"(?:azd env set |`|^ *)([A-Z_]+)(?==| [^ |]+$)", text, re.MULTILINE))

    assert {"ALERT_EMAIL_ADDRESSES", "EXISTING_GRAPH_CLIENT_ID", "NOTICE_LIMIT", "PRIVATE_NETWORK"} <= used
    others = {"AZURE_RESOURCE_GROUP", "AZURE_TOKEN_CREDENTIALS", "POST_PROVISION_ARGUMENTS", TELEMETRY_SWITCH}
    assert used - others <= variables().keys()


def test_every_output_that_the_guide_takes_exists_and_nothing_is_the_first_of_a_list() -> None:
    outputs = bicep_text.outputs(INFRA / "main.bicep").keys()
    taken = set(re.findall(r"\$\(output (\w+)\)", GUIDE + RUNBOOK))

    assert {"functionAppName", "keyVaultName", "storageAccountName", "storageAccountResourceId"} <= taken <= outputs
    assert "[0]" not in GUIDE + RUNBOOK


def test_the_arguments_that_the_guide_hands_to_the_tool_exist() -> None:
    tool = (INFRA / "scripts" / "post_provision.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"(--[\w-]+)"', tool))
    used = {word for line in GUIDE.splitlines() if "post_provision" in line for word in re.findall(r"--[\w-]+", line)}
    used |= {"--multi-valued", "--data-type", "--secret"} & set(re.findall(r"--[\w-]+", GUIDE))

    assert {"--outputs", "--multi-valued", "--secret", "--property-of-another-app"} <= used <= known


def test_the_locks_that_the_guide_lifts_are_those_that_are_made() -> None:
    made = set()
    for name in ("storage", "vault"):
        text = bicep_text.text_of(INFRA / "modules" / f"{name}.bicep")
        made |= set(re.findall(r"locks@[\d-]+' = .*\n  name: '([\w-]+)'", text))

    assert set(re.findall(r"az lock delete --name ([\w-]+)", GUIDE)) == made
    assert len(made) == 2


def test_every_deployment_that_a_page_shows_is_one_with_the_settings_and_after_a_look() -> None:
    for page in (GUIDE, RUNBOOK):
        blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        deploying = [block for block in blocks if "main.bicepparam" in block]

        assert deploying
        for block in deploying:
            before = block.partition("deployment group create")[0]
            assert "deployment group what-if" in before.partition("set -a; . ./prod.env; set +a")[2]


def test_the_settings_of_a_deployment_are_neither_committed_nor_published() -> None:
    committed_not = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignore = FuncIgnore((ROOT / ".funcignore").read_text(encoding="utf-8"))

    assert {"*.env", ".azure"} <= {line.rstrip("/") for line in committed_not}
    assert all(ignore.leaves_out(path) for path in ("prod.env", ".azure/prod/.env"))


def test_the_alarm_table_is_the_alarms() -> None:
    written = {cells[0].strip("`"): cells[2] for cells in rows(section("Alarms and workbook"))}

    assert written == {name: fields["severity"] for name, fields in infra_rules.alarms(INFRA).items()}


def test_the_picture_counts_the_alarms_right() -> None:
    words = {13: "Thirteen"}
    by_default = len(infra_rules.alarms(INFRA)) - 1  # the one on orchestrations comes with them

    assert f"{words[by_default]} alarms" in PICTURE.read_text(encoding="utf-8")


def test_the_roles_in_the_guide_are_those_that_the_function_gets() -> None:
    names = {
        re.sub(r"(?<!^)(?=[A-Z])", " ", role).title()
        for _, who, role in infra_rules.GRANTS
        if who.startswith("identity.")
    }
    written = set(re.findall(r"(?m)^\| ((?:Storage|Key Vault|Monitoring) [\w ]+?) \|", section("Parameters")))

    assert written == names


def test_the_sums_of_the_cost_table_are_right() -> None:
    costs = [line.split("|") for line in section("What it costs").splitlines() if line.startswith("| ")]
    items = [[float(cell.strip().lstrip("$")) for cell in line[4:6]] for line in costs if re.match(r" \$\d", line[4])]
    total = next(re.findall(r"\$([\d.]+)", "|".join(line)) for line in costs if "**sum**" in line[1])

    assert [f"{sum(column):.2f}" for column in zip(*items, strict=True)] == total
    seconds = 30 * 60 * 2 + 700 * 2 * 2
    assert f"{seconds:,} GB-s" in GUIDE
    assert f"${seconds * 0.000026:.2f}" in GUIDE
    assert f"+ ${4 * 730 * 0.01 + 4 * 0.5:.2f}" in GUIDE


def test_files_and_anchors_that_the_guide_names_exist() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^## (.+)$", GUIDE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (ROOT / "docs" / target.partition("#")[0]).is_file()
    for path in re.findall(r"\b(?:infra|tests)/[\w/.-]+\.\w+", GUIDE):
        assert (ROOT / path).is_file(), path


def test_parameters_that_the_guide_names_exist() -> None:
    declared = bicep_text.params(INFRA / "main.bicep")
    for name in ("logDailyQuotaGb", "pythonVersion"):
        assert name in GUIDE
        assert name in declared
    assert "managedIdentityPrincipalId" in bicep_text.outputs(INFRA / "main.bicep")


def test_the_providers_that_the_guide_registers_are_those_that_are_used() -> None:
    used = {kind.partition("/")[0] for kind in infra_rules.RESOURCE_TYPES if kind.startswith("Microsoft.")}
    listed = re.search(r"for p in ([\w ]+); do", GUIDE)
    assert listed
    registered = {f"Microsoft.{name}" for name in listed[1].split()}

    assert used - {"Microsoft.Graph"} <= registered


def test_the_picture_is_well_formed_described_and_knows_the_dark() -> None:
    root = ET.parse(PICTURE).getroot()  # noqa: S314 (our own file)
    names = {element.tag.rpartition("}")[2] for element in root}

    assert {"title", "desc"} <= names
    assert "prefers-color-scheme: dark" in PICTURE.read_text(encoding="utf-8")


def test_azd_knows_the_app_by_its_tag_and_runs_the_tool() -> None:
    azure = (ROOT / "azure.yaml").read_text(encoding="utf-8")
    main = (INFRA / "main.bicep").read_text(encoding="utf-8")
    service = re.search(r"(?m)^services:\n  ([\w-]+):$", azure)
    assert service

    assert f"var azdServiceName = '{service[1]}'" in main
    assert azure.count("infra/scripts/post_provision.py") == 2


def test_the_workflow_builds_what_is_there_and_fails_at_any_printed_line() -> None:
    workflow = (ROOT / ".github" / "workflows" / "infra.yml").read_text(encoding="utf-8")

    paths = re.findall(r"bicep (?:build|lint) ([\w./]+)", workflow)
    assert len(paths) == 2
    assert all((ROOT / path).is_file() for path in paths)
    assert "test ! -s printed.txt" in workflow
    assert "pytest tests/infra" in workflow
