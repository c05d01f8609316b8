"""Files that are no list, or a spoilt one, end with a sentence, and within bounded memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.problems import MOST_KEPT, ListRefused, Problem
from due_notices.commands.import_.rows import Entry, Kind, Row
from tests.commands.import_.given_lists import codes, entries_of, rows, written

HEAD = "email,due,ref,balance,currency\n"
GOOD = "ada@example.com,2026-12-31,R1,1.25,EUR\n"
ROOT = Path(__file__).resolve().parents[3]
MOST_MEMORY = 150 << 20


def refusal(path: Path, **asked: object) -> set[str]:
    with pytest.raises(ListRefused) as refused:
        entries_of(path, **asked)
    assert all(problem.why and problem.remedy for problem in refused.value.problems)
    return codes(refused.value)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"", "file"),
        (b"  \r\n", "file"),
        (b"PK\x03\x04anything", "file"),
        (b"\xd0\xcf\x11\xe0anything", "file"),
        (b"%PDF-1.7", "file"),
        (b"\x1f\x8b\x08", "file"),
        (b"<html>", "file"),
        (b'{"a": 1}', "file"),
        (b"email,due\nada@example.com,2026\x00-12-31\n", "file"),
        (b"email,due\n", "file"),
        (b'email,due\n"ada@example.com,2026-12-31\n', "quotes"),
        (b'email,due\n"ada"@example.com,2026-12-31\n', "quotes"),
        (("," * 10_000).encode() + b"\n", "columns"),
        (b"email,due," + b"x," * 10_000 + b"\nada@example.com,2026-12-31\n", "columns"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_do(tmp_path: Path, start: bytes, code: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(start)

    assert code in refusal(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.csv") == {"file"}


@pytest.mark.parametrize(
    "row",
    [
        "a@example.com,2026-12-31,=HYPERLINK(1),1.25,EUR",
        "a@example.com,2026-12-31,@SUM(A1),1.25,EUR",
        "a@example.com,2026-12-31,+cmd|'/c calc'!A1,1.25,EUR",
        '"a@example.com",2026-12-31,"R\x07",1.25,EUR',
        f"a@example.com,2026-12-31,{'R' * 300},1.25,EUR",
        "a@example.com,2026-12-31,1.23457E+15,1.25,EUR",
        "a@example.com,2026-12-31,R1,1.25,EUR,more",
        "a@example.com,2026-12-31,R1\x1fR2,1.25,EUR",
        "a@example.com,2026-12-31,R1,1.25\x1f1.25,EUR",
        "a@example.com,2026-12-31,R1",
        ",2026-12-31,R1,1.25,EUR",
        f"{'a' * 300}@example.com,2026-12-31,R1,1.25,EUR",
    ],
)
def test_a_spoilt_row_is_refused_alone(tmp_path: Path, row: str) -> None:
    found = rows(written(tmp_path, HEAD + row + "\n" + GOOD))

    assert isinstance(found[0], Problem)
    assert found[0].line == 2
    assert isinstance(found[1], Entry)


def test_a_reference_that_a_spreadsheet_was_kept_from_changing_is_taken(tmp_path: Path) -> None:
    (found,) = rows(written(tmp_path, HEAD + 'a@example.com,2026-12-31,"=""00123""",1.25,EUR\n'))

    assert isinstance(found, Entry)
    assert found.ref == "00123"


def test_a_list_of_spoilt_rows_alone_is_counted_and_not_kept(tmp_path: Path) -> None:
    entries = entries_of(written(tmp_path, HEAD + GOOD + "a@example.com,2026-02-31,R1,1.25,EUR\n" * 12_000))

    assert (entries.refused_rows, len(entries.refused)) == (12_000, MOST_KEPT)


def test_blank_rows_and_a_repeated_head_are_no_obligation(tmp_path: Path) -> None:
    found = rows(
        written(tmp_path, HEAD + GOOD + "\n,,,,\n" + HEAD + "Total,,,99.00,\n"),
        status=(),
    )

    assert [row for row in found if isinstance(row, Problem)] == []
    assert Kind(5, "head") in found
    assert Kind(6, "group or total") in found


@pytest.mark.parametrize("other", ["A@example.com,2026-12-31,R1,2.25,EUR", "a@example.com,2026-12-31,R1,1.25,USD"])
def test_one_reference_and_due_date_with_two_amounts_refuses_the_list(tmp_path: Path, other: str) -> None:
    path = written(tmp_path, f"{HEAD}a@example.com,2026-12-31,R1,1.25,EUR\n{other}\n")

    with pytest.raises(ListRefused) as refused:
        entries_of(path, decimal=".")

    (problem,) = refused.value.problems
    assert (problem.code, problem.line) == ("conflict", 3)
    assert "lines 2 and 3" in problem.why


@pytest.mark.parametrize(
    ("other", "obligations"),
    [
        ("a@example.com,2026-12-31,R1,1.250,EUR", 1),
        ("a@example.com,2027-01-31,R1,2.25,EUR", 2),
        ("a@example.com,2026-12-31,R2,2.25,EUR", 2),
        ("b@example.com,2026-12-31,R1,2.25,EUR", 1),
    ],
)
def test_rows_that_repeat_a_total_are_one_and_instalments_are_several(
    tmp_path: Path, other: str, obligations: int
) -> None:
    path = written(tmp_path, f"{HEAD}a@example.com,2026-12-31,R1,1.25,EUR\n{other}\n")

    assert len(entries_of(path, decimal=".").of(0)) == obligations


def test_a_document_that_was_voided_and_issued_anew_is_open(tmp_path: Path) -> None:
    text = (
        "email,due,ref,balance,status\na@example.com,2026-12-31,R1,1.20,void\na@example.com,2026-12-31,R1,2.20,open\n"
    )

    (owed,) = entries_of(written(tmp_path, text)).of(0)

    assert (owed.state, owed.amount, owed.lines) == ("open", "2.20", (2, 3))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux's /proc")
@pytest.mark.parametrize("shape", ["one line", "one quoted cell", "many commas"])
def test_a_huge_file_without_rows_ends_soon_and_in_little_memory(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "huge.csv"
    piece = {"one line": b"x" * (1 << 20), "one quoted cell": b"x" * 1000 + b"\n", "many commas": b"," * (1 << 20)}[
        shape
    ]
    with path.open("wb") as stream:
        stream.write(HEAD.encode() + GOOD.encode() + (b'"' if shape == "one quoted cell" else b""))
        for _ in range((300 << 20) // len(piece)):
            stream.write(piece)
    code = f"""
import re, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from due_notices.commands.import_.problems import ListRefused
from tests.commands.import_.given_lists import entries_of
try:
    entries_of(Path({str(path)!r}))
except ListRefused as refused:
    # The process's own peak: what getrusage says begins with that of the process that started it.
    peak = re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]
    print(refused.problems[0].code, peak)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    found, memory = done.stdout.split()
    assert found in {"file", "quotes"}
    assert int(memory) * 1024 < MOST_MEMORY


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "list.csv"
    path.write_bytes(HEAD.encode() + content)

    with suppress(ListRefused):
        entries_of(path)


@given(st.lists(st.lists(st.text(max_size=12), max_size=6), max_size=8))
def test_no_cells_make_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("cells") / "list.csv"
    text = HEAD + GOOD + "\n".join(",".join(row) for row in cells)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with suppress(ListRefused):
        entries_of(path)


@given(
    spoilt=st.lists(
        st.sampled_from(
            [
                "a@example.com,2026-02-31,R1,1.25,EUR",
                "a@example.com,2026-12-31,R1,-1.25,EUR",
                "a@example.com,2026-12-31,R1,0.00,EUR",
                "a@example.com,2026-12-31,R\x1f1,1.25,EUR",
                'a@example.com,2026-12-31,"R\n1",1.25,EUR',
                "a@example.com,2026-12-31,R1,12345,JPY",
                "a@example.com,,R1,1.25,EUR",
                "",
                " C1@example.com ,2026-12-31,R 1,1.50,usd",
            ]
        ),
        max_size=4,
    ),
    plain=st.integers(0, 3),
)
def test_rows_read_together_are_what_each_is_by_itself(
    tmp_path_factory: pytest.TempPathFactory, spoilt: list[str], plain: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rest = [GOOD.strip()] * plain
    alone = [
        row
        for each in (*spoilt, *rest)
        for row in rows(written(folder, f"{HEAD}x@example.com,2026-12-15,P,1.50,EUR\n{each}\n"))[1:]
    ]

    together = rows(
        written(folder, HEAD + "x@example.com,2026-12-15,P,1.50,EUR\n" + "\n".join((*spoilt, *rest)) + "\n")
    )[1:]

    assert [_but_line(row) for row in together] == [_but_line(row) for row in alone]


def _but_line(row: Row) -> object:
    return replace(row, line=0) if isinstance(row, Problem) else row._replace(line=0)


OPEN_ENDED = "Invoice,Email,Due date,Currency,Balance"
BEHIND = "I-1,ada@example.com,2026-12-15,EUR,120.50,"
TWO_ROWS = "\nI-1,ada@example.com,2026-12-15,EUR,120.50\nI-2,ben@example.org,2026-12-31,EUR,99.90"


@pytest.mark.parametrize("cut", ["1", "120", "120.", "120.5"])
def test_a_list_that_is_cut_off_inside_its_last_amount_is_refused(tmp_path: Path, cut: str) -> None:
    """What is left of the amount is an amount; the rows behind it are lost, and would be cleared."""
    text = f"{OPEN_ENDED}{TWO_ROWS}\nI-3,ada@example.com,2026-12-31,EUR,{cut}"

    with pytest.raises(ListRefused, match="line 4: the list is cut off in its last row") as refused:
        rows(written(tmp_path, text))
    assert codes(refused.value) == {"end"}
    assert len(rows(written(tmp_path, text + "\n"))) == 3


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{OPEN_ENDED},Note\n{BEHIND}\n{BEHIND}\nI-3,a@example.com,2026-12-31,EUR,1", id="no cell"),
        pytest.param("Email,Balance,Due date\na@example.com,9.00,15.12.2026\nb@example.com,9.00,1.12.20", id="a year"),
    ],
)  # fmt: skip
def test_a_list_that_is_cut_off_elsewhere_in_its_last_row_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ListRefused, match="the list is cut off in its last row"):
        rows(written(tmp_path, text))


@pytest.mark.parametrize(
    "last",
    ["I-3,ada@example.com,2026-12-31,EUR,7.00", "Total,,,,220", "I-3,ada@example.com,,EUR,5"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_list_may_end_without_an_end_of_line(tmp_path: Path, last: str, encoding: str) -> None:
    assert len(rows(written(tmp_path, f"{OPEN_ENDED}{TWO_ROWS}\n{last}", encoding))) == 3


def test_whole_amounts_and_days_of_one_digit_are_not_cut_off(tmp_path: Path) -> None:
    amounts = "Email,Due date,Balance\na@example.com,2026-12-15,120\nb@example.com,2026-12-15,5"
    days = "Email,Balance,Due date\na@example.com,9.00,15.12.2026\nb@example.com,9.00,1.12.2026"

    assert [len(rows(written(tmp_path, text))) for text in (amounts, days)] == [2, 2]


@pytest.mark.parametrize(
    "turned", ["12-Mar", "Mar-26", "12. Mär", "2026-12-01 00:00:00", "2026-12-01", "03.12.2026", "3/12/2026"]
)
def test_a_reference_that_a_spreadsheet_has_turned_into_a_date_is_asked_about(tmp_path: Path, turned: str) -> None:
    text = "Invoice,Email,Due date,Balance\n" + "".join(
        f"{ref},ada@example.com,2026-12-15,{at}\n" for at, ref in enumerate(["45-12", "INV-1001", turned, ""], start=1)
    )
    path = written(tmp_path, text)

    with pytest.raises(
        ListRefused, match=r"line 4, column Invoice: .* may be a reference that a spreadsheet has turned"
    ):
        rows(path)
    assert len(rows(path, columns=("ref=Invoice",))) == 4


@pytest.mark.parametrize(
    "refs", [["Dec-26", "Jan-27"], ["5/12/2026", "45/12/2026"], ["2026-12-01", "2026-12-45"], ["1001", ""]]
)
def test_references_that_are_all_of_one_form_are_taken(tmp_path: Path, refs: list[str]) -> None:
    text = "Invoice,Email,Due date,Balance\n" + "".join(f"{ref},ada@example.com,2026-12-15,5\n" for ref in refs)

    assert len(rows(written(tmp_path, text))) == 2


@pytest.mark.parametrize("short", ["31/12/26", "31.12.26", "26-12-31", "261231", "45/12/15"])
@pytest.mark.parametrize("dates", [(), ("ymd",)])
def test_a_short_year_among_dates_that_begin_with_a_year_is_asked_about(
    tmp_path: Path, short: str, dates: tuple[str, ...]
) -> None:
    """31/12/26 would be a day of 2031, and nobody would be notified until then."""
    text = f"Invoice,Email,Due date,Balance\nI-1,a@example.com,2026-12-15,5\nI-2,a@example.com,{short},5\n"

    with pytest.raises(ListRefused, match=f"line 3, column Due date: {short} has another form"):
        rows(written(tmp_path, text), dates=dates)


def test_years_of_two_digits_are_taken_where_all_dates_have_them_or_end_with_them(tmp_path: Path) -> None:
    one = "Invoice,Email,Due date,Balance\nI-1,a@example.com,26-12-31,5\nI-2,a@example.com,26-12-15,5\n"
    other = one.replace("26-12-31", "15.12.2026").replace("26-12-15", "31.12.26")

    found = [*rows(written(tmp_path, one), dates=("ymd",)), *rows(written(tmp_path, other))]
    assert [row.due.isoformat()[:7] for row in found if isinstance(row, Entry)] == ["2026-12"] * 4


def test_the_day_on_which_computers_begin_to_count_is_no_due_date(tmp_path: Path) -> None:
    cells = ("1970-01-01", "1970-01-01T00:00:00Z", "1970-01-02")
    text = "Email,Due date,Balance\n" + "".join(f"a@example.com,{cell},5\n" for cell in cells)

    found = rows(written(tmp_path, text))
    assert [isinstance(row, Entry) or row.why for row in found] == [  # type: ignore[union-attr]  # (refused rows)
        *["is where computers begin to count, and is written for no date at all"] * 2,
        True,
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{OPEN_ENDED}\n{BEHIND[:-1]}\nI-2,ben@example.org,2026-12-15,EUR,100", id="a row"),
        pytest.param(f"{OPEN_ENDED}{TWO_ROWS}\nI-3,a@example.com,2026-12-31,EUR,0", id="paid"),
        pytest.param(f"{OPEN_ENDED},Version{TWO_ROWS},1.2{TWO_ROWS.replace('I-', 'J-')},2", id="text"),
        pytest.param(f"{OPEN_ENDED},Note\n{BEHIND}see 2.50\n{BEHIND}see 3.50\n{BEHIND}", id="empty"),
    ],
)  # fmt: skip
def test_a_last_row_is_whole_where_too_little_speaks_against_it(tmp_path: Path, text: str) -> None:
    assert rows(written(tmp_path, text))


def test_references_that_say_nothing_make_no_date_of_another_suspect(tmp_path: Path) -> None:
    text = "Invoice,Email,Due date,Balance\n" + "".join(
        f"{ref},ada@example.com,2026-12-15,{at}\n" for at, ref in enumerate(["2026-12-01", "n/a", "0", "-"], start=1)
    )

    assert len(rows(written(tmp_path, text))) == 4
