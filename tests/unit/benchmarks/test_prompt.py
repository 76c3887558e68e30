"""Filling templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.benchmarks.prompt import fill, lettered


@given(st.text(), st.text())
def test_values_go_in_as_they_are_whatever_they_contain(one: str, two: str) -> None:
    assert fill(r"<{one}|{two}> \boxed{ANSWER}", {"one": one, "two": two}) == rf"<{one}|{two}> \boxed{{ANSWER}}"


def test_a_value_is_never_filled_again() -> None:
    assert fill("{one} {two}", {"one": "{two}", "two": "{one}"}) == "{two} {one}"


def test_a_value_without_a_place_is_an_error() -> None:
    with pytest.raises(KeyError, match="no place for two"):
        fill("{one}", {"one": "1", "two": "2"})


def test_choices_are_lettered_one_a_line() -> None:
    assert lettered(["x", " y ", ""]) == "A) x\nB)  y \nC) "
