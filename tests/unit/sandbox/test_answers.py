"""Printed output against expected output."""

from __future__ import annotations

import pytest

from saiten.sandbox.inside.answers import same_output


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("4 ", "4"),
        ("\n4\n\n", "4\n"),
        ("1.50", "1.5"),
        ("1 2.0 3", "1 2 3"),
        ("1e3", "1000"),
        ("a  \n  b", "a\nb"),
        ("+6", "6"),
        ("", " \n"),
        ("９", "9"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_the_same_text_or_the_same_numbers_are_the_same(printed: str, expected: str) -> None:
    assert same_output(printed, expected)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("4", "5"),
        ("4\n4", "4"),
        ("1.5000001", "1.5"),
        ("a b", "a  b"),
        ("NaN", "nan"),
        ("sNaN", "1"),
        ("Infinity", "1e9999"),
        ("1e999999999999", "1"),
        ("9" * 5_000_000, "9"),
        ("", "0"),
        ("4 x", "4.0 x"),
    ],
)
def test_other_text_is_another_output(printed: str, expected: str) -> None:
    assert not same_output(printed, expected)
