"""One suite over the fake and the real way to users' values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from due_notices.adapters.graph_http import GraphHttp
from due_notices.commands.import_.changes import Value
from due_notices.commands.import_.graph_writes import EXTERNAL, FORBIDDEN, GraphUserValues
from due_notices.commands.import_.writing import GONE, UserValues
from due_notices.errors import DirectoryError
from local.faults import Fault, cut_body
from local.graph_changes import WRITE_QUOTA
from local.stack import LocalStack
from tests.commands.import_.fake_values import FakeUserValues
from tests.fakes import MovableClock

ALICE, BOB, NOBODY = (f"{number}a11ce00-0000-4000-8000-000000000001" for number in range(3))
Make = Callable[..., UserValues]


def people(**values: object) -> list[dict[str, Any]]:
    return [{"id": each, "displayName": each, **values} for each in (ALICE, BOB)]


def token_of(stack: LocalStack, *roles: str) -> Callable[..., str]:
    app = stack.entra.app(stack.app.client_id)

    def token(*, fresh: bool = False) -> str:
        del fresh
        return stack.tokens.issue(
            audience="https://graph.microsoft.com",
            object_id=app.object_id,
            app_id=app.client_id,
            lifetime=stack.entra.token_lifetime,
            roles=roles,
        )

    return token


def real(
    stack: LocalStack, *, several: bool = False, attribute: str = "", role: str = "User.ReadWrite.All"
) -> GraphUserValues:
    graph = GraphHttp(stack.graph.base_url, token_of(stack, role), MovableClock())
    return GraphUserValues(graph, tuple((attribute or stack.attribute).split("/")), several=several)


@pytest.fixture(params=["fake", "real"])
def make(request: pytest.FixtureRequest) -> Make:
    def fake_values(value: Value = None, *, several: bool = False) -> UserValues:
        del several
        return FakeUserValues({ALICE: value, BOB: value})

    def real_values(value: Value = None, *, several: bool = False) -> UserValues:
        stack: LocalStack = request.getfixturevalue("stack")
        stack.graph.users = people(**({} if value is None else {stack.attribute: value}))
        stack.graph.directory.declare_extension(stack.attribute, multi_valued=several)
        return real(stack, several=several)

    return fake_values if request.param == "fake" else real_values


@pytest.mark.parametrize(
    ("value", "several"), [("2026-12-15", False), (["2026-12-15", '{"due":"2027-01-15","ref":"é"}'], True)]
)
def test_what_is_written_is_read_back(make: Make, value: Value, several: bool) -> None:  # noqa: FBT001
    directory = make(several=several)

    answers = directory.write({ALICE: value})

    assert answers[ALICE].outcome == "ok"
    current = directory.current([BOB, ALICE])
    assert list(current) == [BOB, ALICE]
    assert (current[ALICE].value, current[BOB].value) == (value, None)


def test_none_takes_a_value_away(make: Make) -> None:
    directory = make("2026-12-15")

    directory.write({ALICE: None})

    assert directory.current([ALICE])[ALICE].value is None


def test_an_account_that_is_gone_fails_alone(make: Make) -> None:
    directory = make()

    written = directory.write({NOBODY: "2026-12-15", BOB: "2026-12-15"})

    assert (written[NOBODY].outcome, written[NOBODY].why, written[BOB].outcome) == ("failed", GONE, "ok")
    assert directory.current([NOBODY])[NOBODY].outcome == "failed"


class TestGraph:
    """What only the real one does."""

    def test_an_inner_429_says_how_long_to_wait(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        stack.graph.faults.add(Fault(path=BOB, status=429, headers={"Retry-After": "17"}))

        answers = real(stack).write({ALICE: "2026-12-15", BOB: "2026-12-15"})

        assert (answers[ALICE].outcome, answers[BOB].outcome, answers[BOB].wait) == ("ok", "again", 17)

    def test_the_quota_of_writes_is_an_answer_of_each(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        stack.graph.write_quota.limit = 1

        answers = real(stack).write({ALICE: "2026-12-15", BOB: "2026-12-15"})

        assert WRITE_QUOTA == 3_000
        assert (answers[BOB].outcome, answers[BOB].wait is not None) == ("again", True)

    def test_a_lost_answer_is_worth_another_look(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        stack.graph.faults.add(Fault(path="$batch", damage=cut_body(), times=1))
        directory = real(stack)

        assert directory.write({ALICE: "2026-12-15"})[ALICE].outcome == "again"
        assert directory.current([ALICE])[ALICE].value == "2026-12-15"

    def test_attributes_that_exchange_owns_are_said(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        stack.graph.externally_owned.add(ALICE)
        directory = real(stack, attribute="onPremisesExtensionAttributes/extensionAttribute1")

        answers = directory.write({ALICE: "2026-12-15", BOB: "2026-12-15"})

        assert EXTERNAL in answers[ALICE].why
        assert (answers[BOB].outcome, directory.current([BOB])[BOB].value) == ("ok", "2026-12-15")

    def test_a_login_that_may_only_read_is_said_for_each_user(self, stack: LocalStack) -> None:
        stack.graph.users = people()

        answers = real(stack, role="User.Read.All").write({ALICE: "2026-12-15"})

        assert (answers[ALICE].outcome, FORBIDDEN in answers[ALICE].why) == ("failed", True)

    def test_an_attribute_that_is_not_registered_is_said(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        directory = real(stack, attribute="extension_" + "0" * 32 + "_other")

        assert "DUE_DATE_ATTRIBUTE" in directory.write({ALICE: "2026-12-15"})[ALICE].why

    def test_a_batch_that_is_refused_as_a_whole_stops_everything(self, stack: LocalStack) -> None:
        stack.graph.users = people()
        stack.graph.faults.add(Fault(path="$batch", status=403))

        with pytest.raises(DirectoryError):
            real(stack).write({ALICE: "2026-12-15"})


def test_an_attribute_is_found_whatever_its_case(stack: LocalStack) -> None:
    stack.graph.users = people(**{stack.attribute: "2026-12-15"})

    found = real(stack, attribute=stack.attribute.upper()).current([ALICE])

    assert found[ALICE].value == "2026-12-15"
