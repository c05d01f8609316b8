from __future__ import annotations

import pytest

from tests.faults import answers, storage_answers


@pytest.mark.parametrize("seed", [1, 2])
def test_any_answer_of_any_service_ends_in_a_result_or_in_one_sentence_without_a_secret(seed: int) -> None:
    assert answers.check(1_000, seed) > 100


@pytest.mark.parametrize("seed", [1, 2])
def test_any_answer_to_queue_and_ledger_ends_in_a_result_or_in_one_sentence(seed: int) -> None:
    assert storage_answers.check(1_000, seed) > 100
