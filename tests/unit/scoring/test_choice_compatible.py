"""The old system's reading of a choice letter. Expected values were recorded from it, or follow from its rule."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.scoring.choice_compatible import LETTERS, compatible_letter
from saiten.types import Language

ENGLISH = [
    ("Answer: B\n\nNote that A is a common distractor.", "A"),
    ("Answer: A\nHope this helps! Cheers", "C"),
    ("Answer: A) Because B is wrong", "B"),
    ("I think A is right. So it is (B)", "A"),
    ("Answer: (C)", "C"),
    ("Answer: $C$", "C"),
    (r"Answer: \boxed{C}", "C"),
    ("**Answer: D**", "D"),
    ("**Answer:** D", "D"),
    ("Answer:A", "A"),
    ("Answer: B\n", "B"),
    ("Answer: A.\n\nBye", "A"),
    ("Answer: E", "A"),
    ("answer: b", None),
    ("", None),
    ("The final answer is B\nand more text with A", "B"),
    ("the final answer is C. I hope it is correct. The final answer is D", "C"),
    ("**B** is it, says C", "B"),
    ("A B C", "A"),
    ("x A B C", "C"),
    (" A B", "A"),
]
JAPANESE = [
    ("回答: A", "A"),
    ("回答：B", "B"),
    ("回答: $C$", "C"),
    (r"回答: \boxed{D}", "D"),
    ("回答: 「B」", "B"),
    ("回答はBです", "B"),
    ("最終回答: C", "C"),
    ("回答: Aです。\n\nしたがってBは誤り。", "A"),
    ("回答: DNAなのでA", "D"),
    ("回答: B\n回答: C", "C"),
    ("回答:\nC", "C"),
    ("答え: C", "C"),
    ("正解はA", "A"),
    ("回答： Ａ", None),
    ("回答: ア", None),
    ("回答" + "あ" * 50 + "B、A", "B"),
    ("回答" + "あ" * 51 + "B、A", "A"),
    ("回答" + "あ" * 50 + "**B**、A", "B"),
    ("回答" + "あ" * 51 + "**B**、A", "A"),
]


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english_answers_are_read_as_the_old_system_read_them(text: str, expected: str | None) -> None:
    assert compatible_letter(text, "en", 4) == expected


@pytest.mark.parametrize(("text", "expected"), JAPANESE)
def test_japanese_answers_are_read_as_the_old_system_read_them(text: str, expected: str | None) -> None:
    assert compatible_letter(text, "ja", 4) == expected


def test_the_last_anchor_does_not_count_where_its_first_letter_was_an_answer() -> None:
    text = "The final answer is\n\nFinal answer is:A"
    assert compatible_letter(text, "en", 4) == "A"
    assert compatible_letter(text, "en", 10) == "F"


def slow_and_plain(text: str, language: Language, letters: str) -> str | None:
    """The rule as the module's docstring states it: every pattern over the whole text, the last occurrence counts."""
    letter = f"(?P<l>[{letters}])"
    if language == "ja":
        loose = rf"(?:\*\*)?{letter}(?:\*\*)?(?:[。.]|[、,]|[：:]|)"
        patterns = [rf"(?i:回答)[：:].{{0,50}}?{loose}", rf"(?i:回答).{{0,50}}?{loose}", rf"^{loose}", loose, letter]
    else:
        after = r"(?:\*\*)?(?:\.|,|:| |$)"
        alone = rf"(?:^| )(?:\*\*)?{letter}{after}"
        patterns = [
            rf"(?i:final answer is):?\s*{letter}\.?\s?I hope",
            rf"(?i:final answer.{{0,100}}?)\s+is:?\s*{letter}",
            rf"(?i:answer):.{{0,50}}?{alone}",
            rf"(?i:answer).{{0,50}}?{alone}",
            rf"^(?:\*\*)?{letter}{after}",
            alone,
            letter,
        ]
    for pattern in patterns:
        if found := list(re.finditer(pattern, text)):
            return found[-1]["l"]
    return None


PIECES = st.sampled_from(
    [
        *("answer", "Answer:", "final answer", "final answer is", "is", "I hope", "anſwer", "回答", "回答:", "回答："),
        *("A", "B", "I", "J", " ", "  ", "\n", "**", ".", ",", ":", "。", "x", "あ", " A ", " B ", "(", "*", "İ", "\t"),
        *("あ" * 20, "y" * 25, "z" * 49),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from(["en", "ja"]), st.sampled_from([2, 4, 10]))
def test_the_fast_search_finds_what_the_plain_rule_finds(text: str, language: Language, choices: int) -> None:
    assert compatible_letter(text, language, choices) == slow_and_plain(text, language, LETTERS[:choices])


@given(st.text(), st.sampled_from(["en", "ja"]), st.integers(1, 26))
def test_any_text_gives_one_of_the_letters_or_none(text: str, language: Language, choices: int) -> None:
    letter = compatible_letter(text, language, choices)
    assert letter is None or letter in LETTERS[:choices]


def test_only_one_character_changes_its_length_in_lower_case() -> None:
    changed = [chr(code) for code in range(0x110000) if len(chr(code).lower()) != 1]
    assert changed == ["İ"]


HOSTILE = [
    "final answer" + " " * 1_000_000,
    ("final answer " * 8 + " " * 400) * 1_900,
    "answer: " * 125_000,
    "回答" * 500_000,
    " A" * 500_000,
    "\n" * 1_000_000,
    "the answer is " + "is " * 300_000,
    "anſwer: " * 125_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_megabyte_is_read_in_time(text: str) -> None:
    start = time.process_time()
    compatible_letter(text, "en", 10)
    compatible_letter(text, "ja", 10)
    assert time.process_time() - start < 10
