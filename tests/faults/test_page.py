"""`docs/reliability.md` tells what was seen: its table is that of a whole long form without faults."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from tests.faults.__main__ import BEGIN, COLUMNS, END, LADDERS, SHARDS
from tests.faults.scenarios import AT_RANDOM, NAMED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def rows() -> dict[str, list[int]]:
    table = PAGE.partition(BEGIN)[2].partition(END)[0]
    found = re.findall(r"^\| ([^|]+) \|((?: [*\d,]+ \|)+)$", table, re.MULTILINE)
    return {name.strip("* "): [int(re.sub(r"\D", "", cell)) for cell in cells.split("|")[:-1]] for name, cells in found}


def test_the_table_has_every_kind_of_kill_and_no_notice_is_missing_or_foreign() -> None:
    found = rows()

    assert {f"killed {name}" for name in (*NAMED, AT_RANDOM)} | {LADDERS, SHARDS} < found.keys()
    for name, (times, owed, on_queue, _repeats, missing, foreign) in found.items():
        assert times > 0, name
        assert owed == on_queue > 0, name
        assert missing == foreign == 0, name
    assert len(COLUMNS) == 5
    assert found["all kills"][0] >= 200


def test_the_fuzzer_has_run_at_length() -> None:
    inputs = re.findall(r"Hostile (?:inputs|answers of the services): ([\d,]+)", PAGE)

    assert len(inputs) == 2
    assert all(int(each.strip(",").replace(",", "")) >= 100_000 for each in inputs)


def test_the_picture_is_what_its_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw_claim_states", ROOT / "scripts" / "draw_claim_states.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)

    assert drawing.PICTURE.read_text("utf-8") == drawing.draw()


def test_the_page_names_files_that_exist() -> None:
    named = set(re.findall(r"`(tests/[\w/*.]+?\.(?:py|json))`", PAGE))

    assert named
    assert [name for name in named if not list(ROOT.glob(name))] == []
