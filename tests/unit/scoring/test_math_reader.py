r"""What version 1.0.6 of latex2sympy2-extended read and later ones read otherwise. Expected: recorded from 1.0.6."""

from __future__ import annotations

import logging

import pytest

from saiten.scoring.math_compatible import extract
from saiten.scoring.math_equality import equal_any

READ = [
    (r"\Gamma", "Gamma"),
    (r"\gamma_1", "gamma_1"),
    (r"\gamma(5)", r"\gamma(5)"),
    (r"f(\gamma)", "f(gamma)"),
    ("γ", "gamma"),
    (r"2\gamma", "2*gamma"),
    ("0,125", "125"),
    ("00,111", "111"),
    ("2,and3", "{2, a*n*d*3}"),
    (r"\text{or}3", ";3"),
    ("d>c>b>a", "(c > a) & (c > b) & (d > c)"),
    (r"2 \mp 3", "{-1, 5}"),
    (r"(1, 50\%)", "(1, 50*(1/100))"),
    (r"50\% + 1", "50*(1/100) + 1"),
]
PAIRS = [
    (r"x \le 3", r"x=x \le 3", True),
    (r"x\neq 2", r"x=x\neq 2", True),
    (r"0.5, 50\%", r"(0.5, 50\%)", True),
    ("2 and 3", "x=2and3", False),
    (r"\gamma", r"\Gamma", False),
]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)


@pytest.mark.parametrize(("latex", "expected"), READ)
def test_latex_is_read_as_the_old_version_read_it(latex: str, expected: str) -> None:
    assert str(extract(rf"$\boxed{{{latex}}}$", "answer")[0]) == expected


def test_an_empty_text_is_nothing() -> None:
    assert extract(r"$\boxed{\mathrm{}}$", "answer") == []


@pytest.mark.parametrize(("gold", "answer", "equal"), PAIRS)
def test_answers_are_compared_as_with_the_old_version(gold: str, answer: str, *, equal: bool) -> None:
    golds, answers = extract(rf"$\boxed{{{gold}}}$", "latex gold"), extract(rf"$\boxed{{{answer}}}$", "answer")
    assert equal_any(golds, answers) is equal


def test_the_library_itself_stays_as_it_is() -> None:
    import latex2sympy2_extended.latex2sympy2 as library

    before = library.And, library.convert_number
    extract(r"$\boxed{a<b<c}$", "answer")
    assert (library.And, library.convert_number) == before
    assert str(library.latex2sympy("0,125")) == "0.125000000000000"
