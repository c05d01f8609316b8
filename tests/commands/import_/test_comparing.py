"""The list against the directory: who is meant, what would change, and what is left alone because it is in doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from due_notices.commands.import_.changes import Rules
from due_notices.commands.import_.comparing import Comparison, Mode, compared
from due_notices.commands.import_.entries import Entries
from due_notices.commands.import_.matching import Owners
from due_notices.obligations import parse_obligation
from tests.commands.import_.given_lists import BERLIN, TODAY, entries_of, written
from tests.factories import ALICE, ATTRIBUTE, BOB, CARLA, DMITRI, ERIN, graph_user

HEAD = "customer,due,ref,amount,currency,status\n"
OPEN = '{"due":"2026-12-15","ref":"R9","amount":"1.00","currency":"EUR"}'


def listed(folder: Path, *rows: str, **asked: Any) -> Entries:
    return entries_of(written(folder, HEAD + "\n".join(rows) + "\n"), **asked)


class Compare:
    """Compares a list with users; what it returns lasts as long as the test."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def __call__(
        self,
        entries: Entries,
        *users: Mapping[str, object],
        mode: Mode = "partial",
        match: Sequence[str] = (),
        attribute: str = ATTRIBUTE,
        several: bool = True,
    ) -> Comparison:
        def rules(seen: bool | None) -> Rules:  # noqa: FBT001 (as the reading has found it)
            many = several if seen is None else seen
            return Rules(mode == "complete", many, TODAY, lambda value: parse_obligation(value, BERLIN, TODAY))

        owners = Owners(entries, tuple(tuple(each.split("/")) for each in match))
        pages = [users[:2], users[2:]]
        return self.stack.enter_context(compared(entries, owners, pages, tuple(attribute.split("/")), mode, rules))


@pytest.fixture
def compare() -> Iterator[Compare]:
    with ExitStack() as stack:
        yield Compare(stack)


def written_users(found: Comparison) -> dict[str, object]:
    return {identifier: after for identifier, _, after in found.writes()}


def row(customer: str, ref: str = "R1", due: str = "2026-12-15", status: str = "open") -> str:
    return f"{customer},{due},{ref},120.50,EUR,{status}"


@pytest.mark.parametrize(
    ("who", "customer", "more"),
    [
        (ALICE, ALICE.upper(), {}),
        (ALICE, "Alice@Contoso.example", {}),
        (ALICE, "ALICE@example.com", {}),
        (CARLA, "Carla@example.org", {}),
        (DMITRI, "dmitri@EXAMPLE.net", {}),
        (BOB, "bob.alias@example.com", {"proxyAddresses": ["SMTP:bob@example.com", "smtp:Bob.Alias@example.com"]}),
    ],
)
def test_a_customer_is_found_by_any_of_their_addresses_in_any_case(
    compare: Compare, tmp_path: Path, who: str, customer: str, more: dict[str, object]
) -> None:
    users = [graph_user(who=each, **(more if each == who else {})) for each in (ALICE, BOB, CARLA, DMITRI, ERIN)]

    assert written_users(compare(listed(tmp_path, row(customer)), *users)).keys() == {who}


def test_a_name_or_number_is_matched_by_the_attribute_that_is_named_alone(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, row("Alice Abel"), row("10002"), match=("employeeId",))
    users = [graph_user(who=ALICE), graph_user(who=BOB, employeeId="10002")]

    assert written_users(compare(entries, *users)) == {}
    assert written_users(compare(entries, *users, match=["employeeId"])).keys() == {BOB}
    assert written_users(compare(entries, *users, match=["displayName", "employeeId"])).keys() == {ALICE, BOB}


def test_leading_zeros_are_part_of_a_number(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, row("0010002"), match=("employeeId",))

    found = compare(entries, graph_user(who=BOB, employeeId="10002"), match=["employeeId"])

    assert found.counts["not found"] == 1


PRINCIPAL = "alice@contoso.example"


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (row(PRINCIPAL, status="paid"), row("alice@example.com"), "different states"),
        (row(PRINCIPAL), row("alice@example.com").replace("120.50", "80.00"), "different amounts"),
        (row(PRINCIPAL, ref=""), row("alice@example.com", ref=""), "two obligations, or one twice?"),
    ],
)
def test_rows_that_call_one_account_by_two_names_must_agree(
    compare: Compare, tmp_path: Path, one: str, other: str, words: str
) -> None:
    found = compare(listed(tmp_path, one, other, row("bob@example.com")), graph_user(OPEN), mode="complete")

    assert written_users(found) == {}
    (problem,) = (each for each in found.problems if each.code == "conflict")
    assert words in problem.why
    assert found.counts["refused"] == 1


def test_what_is_void_under_one_name_of_an_account_and_open_under_another_is_open(
    compare: Compare, tmp_path: Path
) -> None:
    entries = listed(tmp_path, row(PRINCIPAL, status="void"), row("alice@example.com"))

    found = compare(entries, graph_user())

    assert [(each["what"], each["lines"]) for each in found.rows()] == [("new", [2, 3])]


def test_an_address_of_two_accounts_is_refused_with_both_ids(compare: Compare, tmp_path: Path) -> None:
    users = [graph_user(OPEN, who=ALICE), graph_user(OPEN, who=BOB, otherMails=["alice@example.com"])]

    found = compare(listed(tmp_path, row("alice@example.com")), *users, mode="complete")

    assert written_users(found) == {}
    (problem,) = found.problems
    assert (problem.code, problem.line) == ("two accounts", 2)
    assert ALICE in problem.why
    assert BOB in problem.why
    assert (found.held, found.counts["refused"]) == (2, 1)


def test_an_account_that_is_listed_twice_is_one(compare: Compare, tmp_path: Path) -> None:
    users = [graph_user(), graph_user(who=BOB), graph_user()]

    found = compare(listed(tmp_path, row("alice@example.com")), *users)

    assert (found.problems, found.changes, found.counts["new"]) == ([], 1, 1)


def test_two_names_of_one_account_are_one_customer(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, row("alice@example.com", "R1"), row("alice@contoso.example", "R2"), row(ALICE, "R1"))

    found = compare(entries, graph_user(who=ALICE))

    assert len(str(written_users(found)[ALICE]).split("due")) - 1 == 2


def test_a_customer_that_matches_no_account_counts_as_not_found(compare: Compare, tmp_path: Path) -> None:
    found = compare(listed(tmp_path, row("nobody@example.com")), graph_user(who=ALICE))

    assert [(each["what"], each["lines"]) for each in found.rows()] == [("not found", [2])]


class TestWhatAListLeavesOut:
    """Open values that are not in the list."""

    def test_without_a_mode_they_are_counted_and_left_alone(self, compare: Compare, tmp_path: Path) -> None:
        found = compare(listed(tmp_path, row("alice@example.com")), graph_user(OPEN, who=BOB), graph_user(), mode="")

        assert (found.still_open, found.counts["cleared"]) == (1, 0)

    def test_a_complete_list_clears_them(self, compare: Compare, tmp_path: Path) -> None:
        found = compare(
            listed(tmp_path, row("alice@example.com")), graph_user(OPEN, who=BOB), graph_user(), mode="complete"
        )

        assert written_users(found).keys() == {ALICE, BOB}
        assert '"status":"paid"' in str(written_users(found)[BOB])

    @pytest.mark.parametrize(("left_out", "words"), [(2, "go on"), (3, "stop")])
    def test_more_than_a_fifth_is_too_many(self, compare: Compare, tmp_path: Path, left_out: int, words: str) -> None:
        values = [OPEN.replace("R9", f"R{number}") for number in range(10)]
        rows = [row("alice@example.com", f"R{number}") for number in range(left_out, 10)]

        found = compare(listed(tmp_path, *rows), graph_user(*values), mode="complete")

        assert found.clears_too_many is (words == "stop")

    def test_what_the_list_itself_says_is_paid_is_not_left_out(self, compare: Compare, tmp_path: Path) -> None:
        values = [OPEN.replace("R9", f"R{number}") for number in range(10)]
        rows = [row("alice@example.com", f"R{number}", status="paid") for number in range(10)]

        found = compare(listed(tmp_path, *rows), graph_user(*values), mode="complete")

        assert (found.counts["cleared"], found.clears_too_many) == (10, False)

    def test_a_customer_of_whom_a_row_is_refused_keeps_them_open(self, compare: Compare, tmp_path: Path) -> None:
        entries = listed(tmp_path, row("alice@example.com", due="2026-02-31"), row("bob@contoso.onmicrosoft.com"))

        found = compare(entries, graph_user(OPEN), graph_user(OPEN, who=BOB), mode="complete")

        assert written_users(found).keys() == {BOB}
        assert found.held == 1

    def test_a_reference_of_a_row_that_names_no_customer_stays_open(self, compare: Compare, tmp_path: Path) -> None:
        entries = listed(tmp_path, row("", "R9"), row("bob@contoso.onmicrosoft.com", "R1"))

        found = compare(entries, graph_user(OPEN), mode="complete")

        assert (written_users(found), found.held) == ({}, 1)

    def test_a_row_that_cannot_be_split_into_cells_may_be_about_any_customer(
        self, compare: Compare, tmp_path: Path
    ) -> None:
        entries = listed(tmp_path, row("alice@example.com", "R9") + ",x", row("bob@contoso.onmicrosoft.com"))

        found = compare(entries, graph_user(OPEN), mode="complete")

        assert (written_users(found), found.held, found.counts["refused"]) == ({}, 1, 1)

    @pytest.mark.parametrize(("who", "ref"), [("#N/A", ""), ("#N/A", "#REF!"), ("", "-"), ("", "1.00E+15")])
    def test_a_row_with_neither_customer_nor_reference_may_be_anybodys(
        self, compare: Compare, tmp_path: Path, who: str, ref: str
    ) -> None:
        entries = listed(tmp_path, row(who, ref), row("bob@contoso.onmicrosoft.com"))

        found = compare(entries, graph_user(OPEN), mode="complete")

        assert (written_users(found), found.held, found.counts["refused"]) == ({}, 1, 1)

    def test_what_a_row_in_doubt_leaves_open_is_the_reason_where_one_value_has_no_room(
        self, compare: Compare, tmp_path: Path
    ) -> None:
        entries = listed(tmp_path, row("bob@contoso.onmicrosoft.com") + ",x", row("alice@example.com", "R2"))

        found = compare(entries, graph_user(OPEN), mode="complete", several=False)

        (problem,) = (each for each in found.problems if each.code == "single")
        assert "lines 3, besides what is open in the directory, which a row in doubt may be about" in problem.why
        assert problem.remedy.startswith("correct the rows that are refused")

    @pytest.mark.parametrize("ref", ["R9", "", "-", "n/a", "#REF!", "1.00E+15"])
    def test_what_is_listed_without_a_due_date_stays_open(self, compare: Compare, tmp_path: Path, ref: str) -> None:
        entries = listed(tmp_path, row("alice@example.com", ref, due=""), row("bob@contoso.onmicrosoft.com", "R1"))

        found = compare(entries, graph_user(OPEN), mode="complete")

        assert (written_users(found), found.held) == ({}, 1)

    def test_a_customer_who_may_have_a_new_address_keeps_them_open(self, compare: Compare, tmp_path: Path) -> None:
        entries = listed(tmp_path, row("alice@new.example.com", "R9"))

        found = compare(entries, graph_user(OPEN), mode="complete")

        assert (written_users(found), found.held, found.counts["not found"]) == ({}, 1, 1)


def test_two_obligations_do_not_fit_on_one_value(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, row("alice@example.com", "R1"), row("alice@example.com", "R2"))

    found = compare(entries, graph_user(), several=False)

    assert written_users(found) == {}
    assert [(problem.code, problem.line) for problem in found.problems] == [("single", 2)]
    assert found.counts["refused"] == 2


def test_whether_there_are_several_values_is_seen_from_the_users(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, row("alice@example.com"))

    one = compare(entries, graph_user(), graph_user("2027-01-01", who=BOB))
    many = compare(entries, graph_user(), graph_user("2027-01-01", "2027-02-01", who=BOB), several=False)

    assert (one.several, many.several) == (False, True)
    assert isinstance(written_users(many)[ALICE], list)


def test_an_attribute_of_the_on_premises_ones_is_read_by_its_path(compare: Compare, tmp_path: Path) -> None:
    attribute = "onPremisesExtensionAttributes/extensionAttribute1"
    user = graph_user(onPremisesExtensionAttributes={"extensionAttribute1": "2026-12-15", "extensionAttribute2": "x"})

    found = compare(listed(tmp_path, row("alice@example.com")), user, attribute=attribute)

    assert [before for _, before, _ in found.writes()] == ["2026-12-15"]


def test_graphs_own_spelling_of_the_attribute_is_found(compare: Compare, tmp_path: Path) -> None:
    entries = listed(tmp_path, "ada@example.com,2026-12-15,R9,1.00,EUR,open")
    user = graph_user(mail="ada@example.com") | {ATTRIBUTE: [OPEN]}

    found = compare(entries, user, attribute=ATTRIBUTE.upper())

    assert (found.counts["unchanged"], found.several) == (1, True)


def test_users_of_one_domain_are_found_by_a_list_that_has_it_and_by_no_other(compare: Compare, tmp_path: Path) -> None:
    users = [
        graph_user(who=each, mail=None, userPrincipalName=f"{name}@contoso.onmicrosoft.com")
        for each, name in ((ALICE, "Ada"), (BOB, "Ben"), (CARLA, "Cy"))
    ]
    row = "{},2026-12-15,R9,1.00,EUR,open"

    here = compare(listed(tmp_path, row.format("ben@CONTOSO.onmicrosoft.com")), *users)
    elsewhere = compare(listed(tmp_path, row.format("ben@example.com")), *users)

    assert list(written_users(here)) == [BOB]
    assert (elsewhere.counts["not found"], elsewhere.counts["new"]) == (1, 0)
