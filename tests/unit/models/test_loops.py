from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.models.loops import MIN_CHARACTERS, MIN_COUNT, WINDOW, find_loop
from saiten.types import Repetition


def slow_loop(text: str) -> tuple[int, int] | None:
    """Say the same by trying every period on every ending: (period, length of the longest looping ending)."""
    found = None
    for length in range(MIN_CHARACTERS, len(text) + 1):
        ending = text[-length:]
        for period in range(1, length // MIN_COUNT + 1):
            if ending[period:] == ending[:-period]:
                found = (period, length)
                break
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "短い答え",
        "-" * (MIN_CHARACTERS - 1),
        "| a | b |\n|---|---|\n| 1 | 2 |\n" * 3,
        "the answer is B. " * 4,
        " ".join(str(number) for number in range(500)),
    ],
)
def test_ordinary_texts_do_not_loop(text: str) -> None:
    assert find_loop(text) is None


def test_a_loop_is_described_by_its_smallest_period_and_its_start() -> None:
    found = find_loop("まず考えます。" + "わかりません。" * 100)
    assert found is not None
    assert (found.period, found.start) == (7, 6)  # the 。 before it belongs to the loop as well
    assert found.count == 100


def test_a_loop_that_is_cut_inside_a_piece_is_found() -> None:
    found = find_loop("start: " + "abcdefghij" * 40 + "abcd")
    assert found == Repetition(period=10, count=40, start=7)


def test_a_loop_that_was_left_is_no_loop() -> None:
    assert find_loop("wait, " * 400 + "The answer is B, because the other three contradict the text.") is None


def test_a_loop_longer_than_the_window_is_followed_to_its_start() -> None:
    text = "x" * 5 + "The same sentence again. " * 4000
    found = find_loop(text)
    assert found is not None
    assert found.period == 25
    assert found.start == 5
    assert len(text) > 5 * WINDOW


def test_a_long_period_needs_only_the_fewest_repetitions() -> None:
    paragraph = "".join(random.Random(1).choices("あいうえおかきくけこ、。", k=2000))
    assert find_loop("。" + paragraph * (MIN_COUNT - 1)) is None
    found = find_loop("前" + paragraph * MIN_COUNT)
    assert found is not None
    assert (found.period, found.count) == (2000, MIN_COUNT)


@given(st.text(alphabet="ab", max_size=30), st.text(alphabet="ab", min_size=1, max_size=9), st.integers(0, 60))
def test_it_says_what_trying_everything_says(before: str, piece: str, count: int) -> None:
    text = before + piece * count
    found, expected = find_loop(text), slow_loop(text)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        period, length = expected
        assert found == Repetition(period=period, count=length // period, start=len(text) - length)


@given(st.text(max_size=40), st.text(min_size=1, max_size=300))
def test_enough_repetitions_are_always_found(before: str, piece: str) -> None:
    found = find_loop(before + piece * max(MIN_COUNT, -(-MIN_CHARACTERS // len(piece))))
    assert found is not None
    assert len(piece) % found.period == 0
    assert found.start <= len(before)


def test_time_is_bounded_by_the_window_even_for_the_worst_text() -> None:
    started = time.process_time()
    find_loop("a" * 5_000_000 + "b" + "a" * 199)
    find_loop("ab" * 2_000_000)
    assert time.process_time() - started < 3
