r"""Verdicts without algebra: right where given, and none where anything could be read differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.scoring.math_exact import exact_verdict, single_box

GOLD = r"We compute, so the answer is $\boxed{42}$."


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"so $\boxed{42}$.", "42"),
        (r"\boxed{\frac{1}{2}} as claimed", r"\frac{1}{2}"),
        (r"\[ \boxed{ 7 } \]", "7"),
        ("no box", None),
        (r"$\boxed{1}$ or $\boxed{2}$", None),
        (r"\fbox{1} $\boxed{1}$", None),
        (r"The final answer is $\boxed{1}$. I hope", None),
        (r"$\boxed{25}$ percent", None),
        (r"$\boxed{25}\%$", None),
        (r"$\boxed{1", None),
        (r"$\boxed{\text{a $5$ note}}$", None),
        (r"\boxed{[1,2]}", None),
    ],
)
def test_a_box_counts_only_where_nothing_else_could_be_found(text: str, content: str | None) -> None:
    assert single_box(text, gold=False) == content


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (GOLD, r"It is $\boxed{42}$", True),
        (GOLD, r"It is $\boxed{43}$", False),
        (GOLD, r"It is $\boxed{\frac{84}{2}}$", True),
        (r"$\boxed{\frac{1}{3}}$", r"$\boxed{\frac{2}{6}}$", True),
        (r"$\boxed{-\frac{1}{3}}$", r"$\boxed{\frac{1}{3}}$", False),
        (r"$\boxed{2\sqrt{3}+x}$", r"$\boxed{2\sqrt{3}+x}$", True),
    ],
)
def test_equal_text_numbers_and_fractions_are_decided(gold: str, answer: str, equal: bool) -> None:
    verdict = exact_verdict(gold, "latex", answer)
    assert verdict is not None
    assert verdict.equal is equal


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (GOLD, r"It is $\boxed{42.0}$"),
        (GOLD, r"It is $\boxed{042}$"),
        (GOLD, r"It is $\boxed{x=42}$"),
        (GOLD, "It is 42"),
        (r"$\boxed{5\text{ cm}}$", r"$\boxed{5\text{ cm}}$"),
        (r"$\boxed{\text{Evelyn}}$", r"$\boxed{\text{Evelyn}}$"),
        (r"$\boxed{x+1}$", r"$\boxed{1+x}$"),
    ],
)
def test_anything_else_is_left_to_the_workers(gold: str, answer: str) -> None:
    assert exact_verdict(gold, "latex", answer) is None


def test_whole_number_targets_are_compared_as_numbers() -> None:
    verdict = exact_verdict("033", "expression", r"$\boxed{33}$")
    assert verdict is not None
    assert verdict.equal
    assert exact_verdict("x+1", "expression", r"$\boxed{33}$") is None


@given(st.text(alphabet=r"\boxedfrac{}0123456789$% ()[]-+=,.^xyS", max_size=60), st.text(max_size=30))
def test_any_text_is_survived(gold: str, answer: str) -> None:
    exact_verdict(gold, "latex", answer)
    exact_verdict(gold, "expression", gold + answer)
