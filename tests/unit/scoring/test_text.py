from __future__ import annotations

import pytest

from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.types import Choice, Generation, Outcome


def test_the_old_system_reads_the_reasoning_where_the_server_sent_no_content() -> None:
    assert compatible_text(Generation(outcome=Outcome.UNCLOSED_REASONING, reasoning="B")) == "B"
    assert compatible_text(Generation(outcome=Outcome.EMPTY)) == ""


def test_an_empty_content_is_an_empty_answer_in_both_readings() -> None:
    generation = Generation(outcome=Outcome.EMPTY, text="", reasoning="B", reasoning_closed=True)
    assert compatible_text(generation) == ""
    assert answer_text(generation) == ""


@pytest.mark.parametrize(
    "generation",
    [
        Generation(outcome=Outcome.UNCLOSED_REASONING, reasoning="Answer: B", reasoning_closed=False),
        Generation(outcome=Outcome.TRUNCATED, text="Answer: B", reasoning_closed=False),
        Generation(outcome=Outcome.EMPTY, reasoning="Answer: B", reasoning_closed=True),
        Generation(outcome=Outcome.REQUEST_FAILED, text="Answer: B", error="gone"),
    ],
)
def test_a_careful_reader_takes_no_answer_from_unfinished_reasoning_or_a_failed_request(generation: Generation) -> None:
    assert answer_text(generation) is None


def test_a_truncated_or_looping_answer_may_still_state_its_answer() -> None:
    for outcome in (Outcome.OK, Outcome.TRUNCATED, Outcome.REPETITION):
        assert answer_text(Generation(outcome=outcome, text="Answer: B")) == "Answer: B"


def test_the_answer_of_a_conversation_is_its_last_turn() -> None:
    first, last = (Generation(outcome=Outcome.OK, text=text) for text in "ab")
    assert answer(Choice(repetition=0, turns=(first, last))) is last
