from __future__ import annotations

import itertools

import pytest

from saiten.models.loops import find_loop
from saiten.models.outcomes import CUT, FILTERED, read_choice
from saiten.models.reasoning import find_parser
from saiten.models.reply import RawChoice
from saiten.types import Outcome

LOOP = "again and " * 60
TAGS = find_parser("tags")


@pytest.mark.parametrize("text", [None, "", "B", LOOP, "<think>a"])
@pytest.mark.parametrize("reasoning", [None, "hmm"])
def test_filtering_wins_over_everything(text: str | None, reasoning: str | None) -> None:
    for reason in FILTERED:
        choice = RawChoice(text=text, reasoning=reasoning, finish_reason=reason.upper())
        assert read_choice(choice, TAGS).outcome is Outcome.CONTENT_FILTER


def test_a_cut_loop_is_a_repetition_and_an_ended_one_is_only_recorded() -> None:
    for reason in (*CUT, "repetition"):
        assert read_choice(RawChoice(text=LOOP, finish_reason=reason), None).outcome is Outcome.REPETITION
    ended = read_choice(RawChoice(text=LOOP, finish_reason="stop"), None)
    assert (ended.outcome, ended.repetition) == (Outcome.OK, find_loop(LOOP))


def test_a_loop_inside_reasoning_counts_where_there_is_no_answer() -> None:
    cut = read_choice(RawChoice(text=None, reasoning=LOOP, finish_reason="length"), None)
    assert cut.outcome is Outcome.REPETITION
    answered = read_choice(RawChoice(text="B", reasoning=LOOP, finish_reason="stop"), None)
    assert (answered.outcome, answered.repetition) == (Outcome.OK, None)
    parsed = read_choice(RawChoice(text="<think>" + LOOP, finish_reason="length"), TAGS)
    assert parsed.outcome is Outcome.REPETITION


def test_a_cut_answer_is_truncated_whatever_it_holds() -> None:
    for text, reasoning in itertools.product((None, "", "B", "<think>a"), (None, "hmm")):
        choice = RawChoice(text=text, reasoning=reasoning, finish_reason="length")
        assert read_choice(choice, TAGS).outcome is Outcome.TRUNCATED


def test_reasoning_is_never_promoted_to_an_answer() -> None:
    for parser in (None, TAGS):
        reading = read_choice(RawChoice(text=None, reasoning="The answer is B", finish_reason="stop"), parser)
        assert reading.outcome is Outcome.UNCLOSED_REASONING
        assert (reading.text, reading.reasoning, reading.reasoning_closed) == (None, "The answer is B", False)


def test_an_unclosed_tag_is_told_by_both_parsers() -> None:
    choice = RawChoice(text="<think>The answer is B", finish_reason="stop")
    assert read_choice(choice, TAGS).outcome is Outcome.UNCLOSED_REASONING
    compatible = read_choice(choice, find_parser("deepseek_r1_markup"))
    assert compatible.outcome is Outcome.UNCLOSED_REASONING
    assert compatible.text == choice.text
    assert read_choice(choice, None).outcome is Outcome.OK


def test_an_answer_beside_a_later_unclosed_tag_is_an_answer() -> None:
    reading = read_choice(RawChoice(text="<think>a</think>B<think>c", finish_reason="stop"), TAGS)
    assert (reading.outcome, reading.text, reading.reasoning_closed) == (Outcome.OK, "B", False)


def test_what_the_server_separated_is_not_taken_apart_again() -> None:
    reading = read_choice(RawChoice(text="use <think> tags", reasoning="hmm", finish_reason="stop"), TAGS)
    assert (reading.text, reading.reasoning, reading.reasoning_closed) == ("use <think> tags", "hmm", True)


def test_tool_calls_in_place_of_an_answer_are_empty() -> None:
    for reasoning in (None, "hmm"):
        choice = RawChoice(text=None, reasoning=reasoning, tool_calls=True, finish_reason="tool_calls")
        assert read_choice(choice, None).outcome is Outcome.EMPTY


def test_a_refusal_is_an_answer() -> None:
    reading = read_choice(RawChoice(text=None, refusal="I cannot.", finish_reason="stop"), TAGS)
    assert (reading.outcome, reading.text) == (Outcome.OK, "I cannot.")


@pytest.mark.parametrize("reason", ["stop", "eos_token", "end_turn", "abort", "いつか"])
def test_a_reason_that_nobody_knows_decides_nothing(reason: str) -> None:
    assert read_choice(RawChoice(text="B", finish_reason=reason), None).outcome is Outcome.OK
    assert read_choice(RawChoice(text="", finish_reason=reason), None).outcome is Outcome.EMPTY


def test_a_server_that_says_it_saw_a_repetition_is_believed() -> None:
    assert read_choice(RawChoice(text="a b c", finish_reason="repetition"), None).outcome is Outcome.REPETITION
