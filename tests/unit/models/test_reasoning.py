from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.models.reasoning import Split, deepseek_r1_markup, find_parser

tags = find_parser("tags")


@pytest.mark.parametrize(
    ("raw", "text", "reasoning", "closed"),
    [
        ("<think>a\nb</think>\nB", "\nB", "a\nb", True),
        ("intro <think>a</think>B", "B", "a", True),
        ("<think>a</think>", None, "a", True),
        ("<think>a</think>B</think>C", "B</think>C", "a", True),
        ("B", "B", None, None),
        ("<think>a", "<think>a", None, False),
        ("a</think>B", "a</think>B", None, None),
        ("", "", None, None),
    ],
)
def test_deepseek_r1_markup_reads_as_the_old_system_did(
    raw: str, text: str | None, reasoning: str | None, closed: bool | None
) -> None:
    assert deepseek_r1_markup(raw) == Split(text=text, reasoning=reasoning, closed=closed)


@pytest.mark.parametrize(
    ("raw", "text", "reasoning", "closed"),
    [
        ("<think>a</think>B", "B", "a", True),
        ("a</think>B", "B", "a", True),
        ("<think>a</think>B<think>c</think>D", "B\nD", "a\nc", True),
        ("<think>a</think>B<think>c", "B", "a\nc", False),
        ("<think>a", None, "a", False),
        ("<think>", None, None, False),
        ("<think></think>B", "B", None, True),
        ("<think>a</think> \n", None, "a", True),
        ("B", "B", None, None),
        ("", "", None, None),
        ("a</think>B</think>C", "B</think>C", "a", True),
    ],
)
def test_tags_tell_reasoning_from_answer(
    raw: str, text: str | None, reasoning: str | None, closed: bool | None
) -> None:
    assert tags(raw) == Split(text=text, reasoning=reasoning, closed=closed)


def test_any_two_marks_can_be_named() -> None:
    parse = find_parser("tags:[THINK],[/THINK]")
    assert parse("[THINK]a[/THINK]B") == Split(text="B", reasoning="a", closed=True)


@pytest.mark.parametrize("name", ["tags:", "tags:a", "tags:a,", "tags:,b", "tags:a,a", "deepseek-r1-markup", ""])
def test_a_parser_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"reasoning parser"):
        find_parser(name)


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "答え", "\n", "<", ">"]), max_size=12)


@given(PIECES)
def test_nothing_is_invented_and_closed_means_what_it_says(pieces: list[str]) -> None:
    raw = "".join(pieces)
    for parse in (tags, deepseek_r1_markup):
        split = parse(raw)
        for said in (split.text or "", split.reasoning or ""):
            assert all(line in raw for line in said.split("\n"))
        if split.closed is None:
            assert split.text == raw
            assert split.reasoning is None
        if split.closed:
            assert "</think>" in raw


@given(st.text(alphabet="ab<>/答", max_size=20), st.text(alphabet="ab<>/え", min_size=1, max_size=20))
def test_well_formed_text_is_taken_apart_exactly(thought: str, answer: str) -> None:
    split = tags(f"<think>{thought}</think>{answer}")
    assert (split.reasoning, split.text, split.closed) == (thought or None, answer, True)
