"""The old command line's little language."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UsageError
from saiten.settings.arguments import parse_arguments
from saiten.settings.tree import Items, Table, Text, value_of


def read(text: str) -> object:
    return value_of(parse_arguments(text))


def test_pairs_nested_braces_quotes_and_lists() -> None:
    text = "a=b/c, u=https://x/v1?k=v ,g={t:0.2,n:-4, s:\"def ,__main__\", k:{on:false, off:null}, l:[a,'b,c',1]}"
    assert read(text) == {
        "a": "b/c",
        "u": "https://x/v1?k=v",
        "g": {"t": 0.2, "n": -4, "s": "def ,__main__", "k": {"on": False, "off": None}, "l": ["a", "b,c", 1]},
    }


def test_quoted_keys_and_both_marks_are_read() -> None:
    assert read("g={\"temperature\":0.0,'top_p'=0.95}") == {"g": {"temperature": 0.0, "top_p": 0.95}}


def test_quoted_numbers_stay_text() -> None:
    assert read('a="1",g={b:"true",c:"null"}') == {"a": "1", "g": {"b": "true", "c": "null"}}


def test_json_escapes_are_read() -> None:
    assert read(r'g={s:"\n\"\u3042"}') == {"g": {"s": '\n"あ'}}


def test_trailing_commas_and_nothing_at_all_are_accepted() -> None:
    assert read("a=b,") == {"a": "b"}
    assert read("  ") == {}
    assert read("g={}") == {"g": {}}


def test_places_are_characters() -> None:
    tree = parse_arguments("a=b,g={t:1}")
    inner = tree.entries["g"]
    assert isinstance(inner, Table)
    assert inner.entries["t"].where == "model arguments, character 10"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("g={t:1", "'}' is missing"),
        ("g={t:[1", "']' is missing"),
        ('a="b', "does not end"),
        ("a='b", "does not end"),
        ('a="b"c', "expected a comma"),
        ("a=1,a=2", "'a' is given twice"),
        ("=b", "expected the name of a setting"),
        ("a", "followed by '='"),
        ("a:b", "followed by '='"),
        ("g={t}", "followed by ':' or '='"),
        (r'a="\x"', "backslash"),
        ("a=" + "{a:" * 50, "too many braces"),
        ("a=" + "[" * 50, "too many brackets"),
        ("a=" + "x" * 200_000, "longer than"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match="model arguments") as caught:
        parse_arguments(text)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(st.sampled_from("ab,=:{}[]\"'\\ 1.é"), max_size=60))
def test_any_text_gives_a_tree_or_one_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(parse_arguments(text), Table)


WORDS = st.text(st.sampled_from("abcXYZ_"), min_size=1, max_size=8)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_what_is_json_inside_braces_is_read_as_json(value: dict[str, object]) -> None:
    assert read(f"g={json.dumps(value)}") == {"g": value}


def test_a_list_is_a_list() -> None:
    tree = parse_arguments("g={l:[]}")
    inner = tree.entries["g"]
    assert isinstance(inner, Table)
    assert inner.entries["l"] == Items((), "model arguments, character 6")
    assert parse_arguments("a=").entries["a"] == Text("", "model arguments, character 3")
