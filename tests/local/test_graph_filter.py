from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.graph_filter import FilterError, check_filter, parse_filter

A = f"extension_{'0' * 32}_due"
MANY = f"extension_{'0' * 32}_dues"
ON_PREMISES = "onPremisesExtensionAttributes/extensionAttribute1"
DECLARED = {A: False, MANY: True}

USER = {
    "id": "u1",
    "displayName": "O'Connor",
    "accountEnabled": True,
    A: "2026-12-01",
    MANY: ["2026-12-01", "2027-01-01"],
    "onPremisesExtensionAttributes": {"extensionAttribute1": "2026-12-01"},
}


def accepted(expression: str, *, advanced: bool = False) -> bool:
    try:
        check_filter(parse_filter(expression), advanced=advanced, multi_valued=DECLARED)
    except FilterError:
        return False
    return True


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("accountEnabled eq true", True),
        ("accountEnabled eq false", False),
        ("displayName eq 'O''Connor'", True),
        ("displayName eq 'o''connor'", True),
        ("id in ('u1')", True),
        ("id in ('u2', 'U1')", True),
        ("id in ('u2','u3')", False),
        (f"{A} eq '2026-12-01' and accountEnabled eq true", True),
        ("id eq 'u1' or id eq 'u2' and accountEnabled eq false", True),
        ("(id eq 'u1' or id eq 'u2') and accountEnabled eq false", False),
        ("not(id eq 'u1')", False),
        ("not (id eq 'u2')", True),
        (f"startswith({A}, '2026-12')", True),
        (f"startswith({A},'2027')", False),
        ("surname eq null", True),
        ("surname ne null", False),
        ("id ne 'u2'", True),
        (f"{MANY}/any(d:d eq '2027-01-01')", True),
        (f"{MANY}/any(d:d eq '2028-01-01')", False),
        (f"{ON_PREMISES} eq '2026-12-01'", True),
        (f"{ON_PREMISES} eq '2026-12-02'", False),
    ],
)
def test_a_filter_matches_as_the_directory_would(expression: str, matches: bool) -> None:  # noqa: FBT001 (an example)
    assert parse_filter(expression).matches(USER) is matches


@pytest.mark.parametrize(
    "expression",
    [
        "accountEnabled eq true",
        f"{A} eq '2026-12-01'",
        f"{A} in ('2026-12-01','2026-12-02')",
        f"accountEnabled eq true and {A} in ('2026-12-01')",
    ],
)
def test_what_works_by_default_works_in_both_modes(expression: str) -> None:
    assert accepted(expression)
    assert accepted(expression, advanced=True)


@pytest.mark.parametrize(
    "expression",
    [
        f"{A} ne '2026-12-01'",
        f"startswith({A},'2026')",
        f"{A} eq null",
        f"not({A} eq '2026-12-01')",
        f"{MANY}/any(d:d eq '2026-12-01')",
        f"{ON_PREMISES} eq '2026-12-01'",
        f"startswith({ON_PREMISES},'2026')",
    ],
)
def test_what_needs_an_advanced_query_is_refused_by_default(expression: str) -> None:
    assert not accepted(expression)
    assert accepted(expression, advanced=True)


@pytest.mark.parametrize(
    "expression",
    [
        f"{A} ge '2026-12-01'",
        f"{A} le '2026-12-01'",
        f"{MANY} in ('2026-12-01')",
        f"{MANY} eq '2026-12-01'",
        f"{A}/any(d:d eq '2026-12-01')",
        "accountEnabled eq 'true'",
        f"extension_{'1' * 32}_due eq '2026-12-01'",
        "nonsense eq 'x'",
        "mobilePhone eq 'x'",
    ],
)
def test_what_graph_does_not_document_is_refused_in_both_modes(expression: str) -> None:
    assert not accepted(expression)
    assert not accepted(expression, advanced=True)


def test_an_undeclared_extension_is_named_in_the_error() -> None:
    name = f"extension_{'1' * 32}_due"

    with pytest.raises(FilterError, match=f"'{name}' does not exist as a declared property or extension property"):
        check_filter(parse_filter(f"{name} eq 'x'"), advanced=False, multi_valued=DECLARED)


@pytest.mark.parametrize("count", [15, 16])
def test_fifteen_alternatives_are_the_limit_by_default(count: int) -> None:
    listed = f"{A} in ({','.join(repr(str(value)) for value in range(count))})"
    joined = " or ".join(f"{A} eq '{value}'" for value in range(count))
    mixed = f"{A} in ({','.join(repr(str(value)) for value in range(count - 1))}) or {A} eq 'x'"

    for expression in (listed, joined, mixed):
        assert accepted(expression) is (count == 15)
        assert accepted(expression, advanced=True)


def test_the_limit_is_named_in_the_error() -> None:
    expression = " or ".join(["id eq 'x'"] * 17)

    with pytest.raises(FilterError, match=r"Too many child clauses .*: 17\. Max allowed: 15\."):
        check_filter(parse_filter(expression), advanced=False, multi_valued=DECLARED)


def test_a_filter_may_be_three_levels_high() -> None:
    three = "(id eq 'a' or id eq 'b') and accountEnabled eq true"
    four = f"({three}) or id eq 'c'"

    assert accepted(three)
    assert not accepted(four)
    assert accepted(four, advanced=True)


@pytest.mark.parametrize(
    "expression",
    [
        "id",
        "id eq",
        "id eq 'x",
        "id eq 'x' and",
        "id eq 'x')",
        "(id eq 'x'",
        "id is 'x'",
        "id in 'x'",
        "id in ()",
        "id in ('x'",
        "startswith(id 'x')",
        "id/any(a:b eq 'x')",
        "id/any(a:a is 'x')",
        "id eq 'x' id eq 'y'",
        "id eq €",
    ],
)
def test_a_text_that_is_no_filter_is_a_bad_request(expression: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(expression)

    assert caught.value.code == "BadRequest"


@given(st.text())
def test_any_text_can_be_quoted(text: str) -> None:
    quoted = text.replace("'", "''")

    assert parse_filter(f"displayName eq '{quoted}'").matches({"displayName": text})


@given(st.text(alphabet="aeqinortd '()/:,x€", max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse_filter(text)


PERSON = {
    "id": "u1",
    "preferredLanguage": "de",
    "userPrincipalName": "ada@contoso.example",
    "employeeId": "E-7",
    "createdDateTime": "2026-03-01T08:00:00Z",
    "otherMails": ["ada@example.org", "second@example.org"],
    "identities": [
        {"signInType": "emailAddress", "issuer": "contoso.example", "issuerAssignedId": "ada@example.com"},
        {"signInType": "federated", "issuer": "facebook.com", "issuerAssignedId": "5678"},
        {"signInType": "userPrincipalName", "issuer": "contoso.example", "issuerAssignedId": "x@contoso.example"},
    ],
}


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("startswith(userPrincipalName,'A')", True),
        ("startsWith(userPrincipalName, 'b')", False),
        ("createdDateTime ge 2026-03-01T08:00:00Z", True),
        ("createdDateTime ge 2026-03-01T09:00:00+01:00", True),
        ("createdDateTime le 2026-02-28T23:00:00Z", False),
        ("employeeId eq 'e-7'", True),
        ("employeeId in ('E-8')", False),
        ("otherMails/any(m:m eq 'SECOND@example.org')", True),
        ("otherMails/any(m:startsWith(m,'third'))", False),
        ("identities/any(i:i/issuerAssignedId eq 'ada@example.com' and i/issuer eq 'whatever')", True),
        ("identities/any(i:i/issuer eq 'facebook.com' and i/issuerAssignedId eq '5678')", True),
        ("identities/any(i:i/issuer eq 'contoso.example' and i/issuerAssignedId eq '5678')", False),
        ("identities/any(i:i/issuer eq 'contoso.example' and i/issuerAssignedId eq 'x@contoso.example')", False),
    ],
)
def test_what_graph_documents_works_by_default(expression: str, matches: bool) -> None:  # noqa: FBT001 (an example)
    assert accepted(expression)
    assert parse_filter(expression).matches(PERSON) is matches


@pytest.mark.parametrize(
    "expression",
    [
        "preferredLanguage eq 'de'",
        "preferredLanguage in ('de')",
        "endsWith(mail,'@example.com')",
        "endswith(userPrincipalName,'@contoso.example')",
        "createdDateTime ne 2026-03-01T08:00:00Z",
        "employeeId ne 'E-7'",
    ],
)
def test_what_graph_documents_as_advanced_is_refused_by_default(expression: str) -> None:
    assert not accepted(expression)
    assert accepted(expression, advanced=True)


@pytest.mark.parametrize(
    "expression",
    [
        "identities/any(i:i/issuerAssignedId eq 'ada@example.com')",
        "identities/any(i:i/issuer eq 'contoso.example')",
        "identities eq 'ada@example.com'",
        "otherMails eq 'ada@example.org'",
        "mail/any(m:m eq 'ada@example.org')",
        "userPrincipalName ge 'a'",
        "id ge 'a'",
        "startsWith(id,'a')",
        "startsWith(accountEnabled,'t')",
        "preferredLanguage/any(p:p eq 'de')",
    ],
)
def test_what_graph_does_not_take_is_refused(expression: str) -> None:
    assert not accepted(expression)


def test_identities_are_not_for_an_advanced_query() -> None:
    expression = "identities/any(i:i/issuerAssignedId eq 'a' and i/issuer eq 'b')"

    assert accepted(expression)
    assert not accepted(expression, advanced=True)
