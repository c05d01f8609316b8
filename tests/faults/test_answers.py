from __future__ import annotations

import pytest

from tests.faults.answers import check


@pytest.mark.parametrize("seed", [1, 2])
def test_any_answer_of_any_service_ends_in_a_result_or_in_one_sentence_without_a_secret(seed: int) -> None:
    assert check(1_000, seed) > 100
