"""Text for terminals."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from saiten.report.text import columns_of, fit, pad, plain, wrap


@given(st.text(st.characters()))
def test_plain_text_holds_nothing_but_visible_characters(text: str) -> None:
    assert all(unicodedata.category(character)[0] != "C" for character in plain(text))
    assert "\u2028" not in plain(text)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_plain_text_keeps_what_is_visible(text: str) -> None:
    assert plain(text) == text


@given(st.text(), st.integers(1, 40))
def test_text_fits_and_fills_its_columns(text: str, columns: int) -> None:
    assert columns_of(fit(text, columns)) <= columns
    assert columns_of(pad(fit(text, columns), columns)) == columns


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    assert [columns_of(text) for text in ("abc", "採点", "ｱ", "Ａ", "e\u0301")] == [3, 4, 1, 2, 1]


def test_what_is_cut_off_is_told() -> None:
    assert fit("採点です", 5) == "採点…"
    assert fit("abc", 3) == "abc"
    assert fit("abc", 0) == ""


@given(st.text(st.sampled_from("ab採 ")), st.integers(4, 30))
def test_wrapped_text_keeps_its_words(text: str, columns: int) -> None:
    lines = wrap(text, columns, "  ")
    assert " ".join(lines).split() == text.split()
    longest = max((columns_of(word) for word in text.split()), default=0)
    assert all(columns_of(line) <= max(columns, longest + 2) for line in lines)
