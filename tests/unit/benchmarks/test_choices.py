"""Documents of multiple-choice benchmarks, and where the right choice of the GPQA family stands."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.benchmarks.choices import choice_document, numbered_options, row_id
from saiten.benchmarks.placement import placed
from saiten.benchmarks.subjects import MMLU, MMLU_PRO, all_of, rows_of

WRONG = ["wrong 1", "wrong 2", "wrong 3"]
PLACES = [0, 0, 2, 2, 0, 2, 0, 1, 0, 2, 3, 3]


def test_a_row_is_named_by_its_number_and_content() -> None:
    first, again, other = (
        row_id({"__row__": 7}, "a", "b"),
        row_id({"__row__": 7}, "a", "b"),
        row_id({"__row__": 8}, "a"),
    )
    assert first == again
    assert first.startswith("0007-")
    assert other.startswith("0008-")
    assert first != row_id({"__row__": 7}, "ab", "")


@pytest.mark.parametrize("gold", [-1, 2])
def test_a_right_option_that_is_not_there_is_an_error(gold: int) -> None:
    with pytest.raises(ValueError, match=f"option {gold} is the right one, and there are 2"):
        choice_document({"__row__": 0}, "{question} {choices}", "?", ["a", "b"], gold)


def test_letters_are_filled_in_where_the_prompt_has_a_place_for_them() -> None:
    row = {"__row__": 0}
    document = choice_document(row, "{question}|{letters}|{choices}", "?", ["x", "y", "z"], 2)
    assert document.turns == ("?|A, B, C|A) x\nB) y\nC) z",)
    assert document.target == "C"
    assert choice_document(row, "{question}|{choices}", "?", ["x", "y"], 0).turns == ("?|A) x\nB) y",)


def test_options_without_a_value_are_left_out_and_the_right_one_moves_up() -> None:
    row: dict[str, str | None] = {f"option_{number}": None for number in range(10)}
    row |= {"option_0": "a", "option_2": "c", "option_9": "j"}
    assert numbered_options(row | {"answer_index": 2}) == (["a", "c", "j"], 1)
    assert numbered_options(row | {"answer_index": "9"}) == (["a", "c", "j"], 2)
    with pytest.raises(ValueError, match="option 1 is the right one, and has no text"):
        numbered_options(row | {"answer_index": 1})


@given(st.text(), st.text(), st.lists(st.text(), min_size=3, max_size=3))
def test_the_right_option_is_put_in_and_the_wrong_ones_keep_their_order(q: str, right: str, wrong: list[str]) -> None:
    options, place = placed(q, right, wrong)
    assert options.pop(place) == right
    assert options == wrong
    assert placed(q, right, wrong) == ([*wrong[:place], right, *wrong[place:]], place)


def test_places_are_uniform_over_questions() -> None:
    counts = Counter(placed(f"question {number}", "right", WRONG)[1] for number in range(4000))
    assert sorted(counts) == [0, 1, 2, 3]
    assert all(900 < count < 1100 for count in counts.values())


def test_the_place_never_changes() -> None:
    """Numbers that were published depend on it."""
    assert [placed(f"question {number}", "right", WRONG)[1] for number in range(12)] == PLACES


def test_categories_have_the_references_sizes() -> None:
    assert {name: len(subjects) for name, subjects in MMLU.items()} == {
        "stem": 19,
        "humanities": 13,
        "social_sciences": 12,
        "other": 13,
    }
    assert [len(subsets) for subsets in MMLU_PRO.values()] == [5, 3, 3, 4, 9, 4, 10, 8, 4, 9, 11, 6, 5, 10]
    assert len(set(all_of(MMLU))) == 57
    assert len(set(all_of(MMLU_PRO))) == 91


def test_a_benchmark_with_fewer_subjects_has_them_only() -> None:
    rows = rows_of("x", {"one": ("a", "b"), "two": ("c",)}, only=("a", "c"))
    assert [(row.name, row.subsets) for row in rows] == [("x_one", ("a",)), ("x_two", ("c",)), ("x", None)]
