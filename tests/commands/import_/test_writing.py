"""How values get onto users: nothing twice, nothing lost, within the quota."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.changes import Value
from due_notices.commands.import_.journal import Journal, JournalError
from due_notices.commands.import_.writing import (
    ATTEMPTS,
    CHANGED,
    GONE,
    QUOTA,
    TRIALS,
    WINDOW,
    Answer,
    NotTaken,
    Pace,
    Writer,
    Written,
    seconds_for,
)
from tests.commands.import_.fake_values import FakeUserValues
from tests.fakes import MovableClock

NEW = "2026-12-15"


def ids(count: int) -> list[str]:
    return [f"{number:08x}-0000-4000-8000-000000000000" for number in range(count)]


def journal_of(folder: Path, users: Mapping[str, tuple[Value, Value]]) -> Journal:
    return Journal.made(
        folder / "import.journal", {"several": False}, [(each, *values) for each, values in users.items()]
    )


def fresh(folder: Path, count: int) -> tuple[Journal, FakeUserValues]:
    return journal_of(folder, dict.fromkeys(ids(count), (None, NEW))), FakeUserValues(dict.fromkeys(ids(count)))


def carry_out(
    journal: Journal, directory: FakeUserValues, clock: MovableClock, *, undo: bool = False, share: int = 100
) -> Written:
    try:
        return Writer(journal, directory, Pace(clock, share), clock, undo=undo).run()
    finally:
        journal.close()


def test_every_user_is_written_once_in_batches(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 107)

    done = carry_out(journal, directory, clock)

    assert (done.done, done.already, done.failed) == (107, 0, {})
    assert set(directory.values.values()) == {NEW}
    assert set(directory.written.values()) == {1}
    assert directory.batches[0] == 1
    assert max(directory.batches) == 20
    assert Journal.read(journal.path).finished


def test_one_user_is_tried_before_thousands(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 50)
    directory.refuse = {each: [Answer("failed", why="400 Request_BadRequest")] for each in ids(50)}

    with pytest.raises(NotTaken):
        carry_out(journal, directory, clock)

    assert sum(directory.batches) == TRIALS
    assert not directory.written


def test_a_user_who_cannot_be_written_does_not_stop_the_others(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 50)
    directory.refuse = {ids(50)[number]: [Answer("failed", why="owned elsewhere")] for number in (0, 30, 31)}
    del directory.values[ids(50)[40]]

    done = carry_out(journal, directory, clock)

    assert done.failed == {"owned elsewhere": 3, GONE: 1}
    assert done.done == 46


def test_what_is_asked_to_wait_for_is_waited_for(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 30)
    directory.refuse = {ids(30)[9]: [Answer("again", wait=17), Answer("again", wait=40)]}

    done = carry_out(journal, directory, clock)

    assert done.done == 30
    assert clock.monotonic() >= 57


def test_a_user_who_is_never_taken_is_given_up(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 30)
    directory.refuse = {ids(30)[9]: [Answer("again", why="503 busy")] * 100}

    done = carry_out(journal, directory, clock)

    assert done.failed == {"503 busy": 1}
    assert len(directory.refuse[ids(30)[9]]) == 100 - ATTEMPTS


def test_a_lost_answer_is_looked_up_and_nothing_is_written_twice(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 45)
    directory.lose = set(ids(45)[5:30])

    done = carry_out(journal, directory, clock)

    assert done.done + done.already == 45
    assert set(directory.written.values()) == {1}


def test_what_another_writer_has_changed_is_left_alone(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 5)
    directory.values[ids(5)[3]] = "2027-01-01"

    done = carry_out(journal, directory, clock)

    assert done.failed == {CHANGED: 1}
    assert directory.values[ids(5)[3]] == "2027-01-01"


class Killed(BaseException):
    """The process ends here."""


@given(after=st.integers(0, 12), again=st.integers(0, 6))
def test_a_kill_loses_nothing_and_writes_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, after: int, again: int
) -> None:
    folder, clock = tmp_path_factory.mktemp("journal"), MovableClock()
    journal, directory = fresh(folder, 90)
    for kills in (after, again):
        count = itertools.count()

        def kill(_: Sequence[str], count: itertools.count[int] = count, kills: int = kills) -> None:
            if next(count) == kills:
                raise Killed

        directory.before_write = kill
        try:
            carry_out(Journal.read(journal.path), directory, clock)
        except Killed:
            continue
    directory.before_write = lambda _: None

    carry_out(Journal.read(journal.path), directory, clock)

    assert set(directory.values.values()) == {NEW}
    assert set(directory.written.values()) == {1}
    assert Journal.read(journal.path).finished


def test_ctrl_c_ends_after_what_is_under_way_is_marked(tmp_path: Path, clock: MovableClock) -> None:
    journal, directory = fresh(tmp_path, 200)
    seen = itertools.count()

    def interrupt(users: int) -> None:
        del users
        if next(seen) == 3:
            raise KeyboardInterrupt

    done = Writer(journal, directory, Pace(clock), clock).run(interrupt)

    journal.close()
    assert done.stopped
    marked = Journal.read(journal.path).done
    assert len(marked) == len(directory.written) < 200


def test_undo_writes_the_old_values_back_and_nothing_that_has_changed_since(
    tmp_path: Path, clock: MovableClock
) -> None:
    users: dict[str, tuple[Value, Value]] = {
        each: (["2026-11-01"] if number % 2 else None, [NEW]) for number, each in enumerate(ids(60))
    }
    journal, directory = (
        journal_of(tmp_path, users),
        FakeUserValues({each: before for each, (before, _) in users.items()}),
    )
    carry_out(journal, directory, clock)
    directory.values[ids(60)[7]] = ["2027-05-05"]

    done = carry_out(Journal.read(journal.path), directory, clock, undo=True)

    assert done.failed == {CHANGED: 1}
    assert all(directory.values[each] == before for each, (before, _) in users.items() if each != ids(60)[7])
    assert carry_out(Journal.read(journal.path), directory, clock, undo=True).done == 0


def test_no_window_of_time_holds_more_writes_than_the_quota(clock: MovableClock) -> None:
    pace, taken = Pace(clock, 50), []
    for _ in range(400):
        pace.take(20)
        taken.append(clock.monotonic())

    for moment in taken:
        assert sum(20 for each in taken if moment <= each < moment + WINDOW) <= QUOTA // 2
    assert clock.monotonic() >= (400 * 20 / (QUOTA / 2) - 1) * WINDOW - 1


def test_a_million_users_take_fourteen_hours() -> None:
    assert round(seconds_for(1_000_000) / 3600) == 14
    assert round(seconds_for(1_000_000, 50) / 3600) == 28
    assert seconds_for(2_000) < 60


class TestJournal:
    """The file of what is to be written."""

    def test_a_line_that_a_kill_has_cut_off_counts_for_nothing(self, tmp_path: Path) -> None:
        journal, _ = fresh(tmp_path, 3)
        journal.mark(ids(3)[:1], {})
        journal.close()
        with journal.path.open("ab") as stream:
            stream.write(b'{"done":["0000')

        found = Journal.read(journal.path)
        found.mark(ids(3)[1:2], {ids(3)[2]: "gone"})
        found.close()

        again = Journal.read(journal.path)
        assert [again.is_done(each) for each in ids(3)] == [True, True, False]
        assert again.failed == {ids(3)[2]: "gone"}
        assert again.finished

    def test_only_its_owner_may_read_it(self, tmp_path: Path) -> None:
        journal, _ = fresh(tmp_path, 1)

        assert journal.path.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("content", ["", "{}\n", '{"format":"another"}\n', "email,due\n", "[]\n"])
    def test_what_is_no_journal_is_refused(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "x.journal"
        path.write_text(content, "utf-8")

        with pytest.raises(JournalError):
            Journal.read(path)

    def test_a_place_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(JournalError):
            Journal.made(tmp_path / "nowhere" / "x.journal", {}, [])

    def test_its_users_are_there_in_their_order(self, tmp_path: Path) -> None:
        journal, _ = fresh(tmp_path, 4)

        assert [each.id for each in Journal.read(journal.path).writes()] == ids(4)

    def test_a_journal_has_one_writer_who_is_named_to_the_next(self, tmp_path: Path) -> None:
        journal, _ = fresh(tmp_path, 2)
        journal.begin("2026-11-30T08:00:00+00:00")
        second = Journal.read(journal.path)

        with pytest.raises(JournalError, match=rf"process {os.getpid()} on .*, since 2026-11-30T08:00:00"):
            second.begin()
        with pytest.raises(JournalError, match="under way"):
            Journal.refuse_if_held(journal.path)

        journal.mark(ids(1), {})
        journal.close()
        second.begin()
        second.close()
        Journal.refuse_if_held(journal.path)
        assert Journal.read(journal.path).is_done(ids(1)[0])

    def test_the_lock_of_a_process_that_was_killed_is_gone(self, tmp_path: Path) -> None:
        journal, _ = fresh(tmp_path, 2)
        holds = (
            "import sys, pathlib; from due_notices.commands.import_.journal import Journal;"
            "journal = Journal.read(pathlib.Path(sys.argv[1])); journal.begin(); print('held', flush=True); input()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", holds, str(journal.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(JournalError, match=f"process {other.pid} on"):
                journal.begin()
            other.kill()

        journal.begin()
        journal.close()

    def test_a_journal_is_never_written_over_another(self, tmp_path: Path) -> None:
        first, _ = fresh(tmp_path, 3)

        with pytest.raises(JournalError, match="just begun"):
            fresh(tmp_path, 1)

        assert Journal.read(first.path).users == 3
        assert [each.name for each in tmp_path.iterdir()] == ["import.journal"]
