"""The Bicep compiler prints nothing: not of the templates, not of any way to deploy them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.infra import bicep_compiler
from tests.infra.variants import VARIANTS

INFRA = bicep_compiler.INFRA

pytestmark = pytest.mark.skipif(bicep_compiler.find() is None, reason=bicep_compiler.MISSING)


def test_the_templates_compile_without_a_word() -> None:
    done = bicep_compiler.build(INFRA)

    assert (done.findings, done.code) == ("", 0)
    assert '"$schema"' in done.output


def test_the_linter_finds_nothing() -> None:
    done = bicep_compiler.lint(INFRA)

    assert (done.findings, done.code) == ("", 0)


# A snapshot compiles the parameter file as well: these are the ways that differ most.
@pytest.mark.parametrize(
    "variant", ["default", "private", "existing-registration", "certificate", "federated", "no-consent"]
)
def test_the_parameter_file_compiles_without_a_word(variant: str) -> None:
    done = bicep_compiler.build_params(INFRA, VARIANTS[variant])

    assert (done.findings, done.code) == ("", 0)
    assert "parametersJson" in done.output


def test_without_an_address_for_alarms_nothing_compiles() -> None:
    done = bicep_compiler.build_params(INFRA, {})

    assert done.code
    assert "ALERT_EMAIL_ADDRESSES" in done.findings


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("modules/vault.bicep", "enablePurgeProtection", "enablePurgeProtections"),
        ("modules/function-app.bicep", "scmMinTlsVersion", "scmMinTls"),
        (
            "modules/network.bicep",
            "endpoint.name == 'vault' ? vaultResourceId : storageAccountResourceId",
            "endpoint.target",
        ),
    ],
)
def test_what_the_compiler_would_let_pass_is_printed_and_so_counts(
    tmp_path: Path, file: str, old: str, new: str
) -> None:
    copy = tmp_path / "infra"
    shutil.copytree(INFRA, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    assert bicep_compiler.build(copy).findings
