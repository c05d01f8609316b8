"""How many users the tenant counts, what its clock shows, and how it spells the attribute."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from due_notices.errors import DirectoryError
from local.faults import Fault
from local.stack import LocalStack
from tests.adapters.conftest import MakeDirectory
from tests.fakes import MovableClock

COUNT_PATH = "/v1.0/users/$count"


def people(stack: LocalStack, count: int) -> None:
    stack.graph.users = [
        {"id": f"{number:04d}", "accountEnabled": number % 2 == 0, stack.attribute: "2026-12-01"}
        for number in range(count)
    ]


def test_the_tenant_counts_the_users_that_the_filter_lists(stack: LocalStack, make_directory: MakeDirectory) -> None:
    people(stack, 31)

    assert make_directory(USER_FILTER="accountEnabled eq true").count() == 16
    assert make_directory(USER_FILTER="").count() == 31

    first, second = stack.graph.requests
    assert (first.path, first.query) == (COUNT_PATH, {"$filter": "accountEnabled eq true"})
    assert (first.headers["consistencylevel"], first.headers["accept"]) == ("eventual", "text/plain")
    assert second.query == {}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400, path=COUNT_PATH),
        Fault(status=404, path=COUNT_PATH),
        Fault(status=503, path=COUNT_PATH),
        Fault(status=200, body=b"many", path=COUNT_PATH),
        Fault(status=200, body=b'{"value":[]}', path=COUNT_PATH),
    ],
    ids=["400", "404", "503", "no number", "another answer"],
)
def test_a_tenant_that_does_not_count_is_no_failure(
    stack: LocalStack, make_directory: MakeDirectory, fault: Fault
) -> None:
    stack.graph.faults.add(fault)

    assert make_directory().count() is None


def test_a_number_behind_a_byte_order_mark_is_a_number(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.faults.add(Fault(status=200, body=b"\xef\xbb\xbf1200", path=COUNT_PATH))

    assert make_directory().count() == 1200


def test_a_tenant_without_advanced_queries_does_not_count(stack: LocalStack, make_directory: MakeDirectory) -> None:
    stack.graph.counts = False

    assert make_directory().count() is None


@pytest.mark.parametrize("minutes", [0, 10, -10])
def test_how_far_the_clock_is_ahead_is_known_from_the_answers(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, minutes: int
) -> None:
    stack.tell_time(lambda: clock.now() - timedelta(minutes=minutes))
    directory = make_directory()
    assert directory.clock_ahead is None

    list(directory.pages())

    assert directory.clock_ahead == timedelta(minutes=minutes)


@pytest.mark.parametrize("service", ["graph", "entra"])
def test_of_two_services_the_one_that_differs_more_counts(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, service: str
) -> None:
    stack.tell_time(clock.now)
    getattr(stack, service).clock = lambda: clock.now() - timedelta(hours=1)
    directory = make_directory()

    list(directory.pages())

    assert directory.clock_ahead == timedelta(hours=1)


@pytest.mark.parametrize("date", ["", "soon", "Tue, 99 Nov 2026 09:00:00 GMT"])
def test_a_date_that_cannot_be_read_says_nothing(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock, date: str
) -> None:
    stack.tell_time(clock.now)
    stack.graph.faults.add(Fault(status=200, body=b'{"value":[]}', headers={"Date": date}))
    directory = make_directory()

    list(directory.pages())

    assert directory.clock_ahead == timedelta()  # Entra's


def test_an_answer_that_is_not_the_services_own_says_nothing_of_the_clock(
    stack: LocalStack, make_directory: MakeDirectory, clock: MovableClock
) -> None:
    stack.tell_time(clock.now)
    wrong = format_datetime(clock.now() + timedelta(days=1), usegmt=True)
    stack.graph.faults.add(Fault(status=200, body=b'{"value":[]}', headers={"date": wrong}, foreign=True))
    directory = make_directory()

    with pytest.raises(DirectoryError):
        list(directory.pages())

    assert directory.clock_ahead == timedelta()


@pytest.mark.parametrize("attribute", ["extension_0123456789abcdef0123456789abcdef_dueDate"])
def test_an_attribute_is_read_however_its_name_is_spelled(
    stack: LocalStack, make_directory: MakeDirectory, attribute: str
) -> None:
    stack.graph.users = [
        {"id": "1", "accountEnabled": True},
        {"id": "2", "accountEnabled": True, attribute: "2026-12-01"},
        {"id": "3", "accountEnabled": True, attribute: "2026-12-02"},
    ]

    directory = make_directory(DUE_DATE_ATTRIBUTE=attribute.lower())

    assert [value for page in directory.pages() for value in page.values] == [None, "2026-12-01", "2026-12-02"]
    found = directory.user("2")
    assert found is not None
    assert found.value == "2026-12-01"
