"""MT-Bench's documents and what its judge is sent."""

from __future__ import annotations

import json

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.check import check
from saiten.benchmarks.mt_bench import document
from saiten.types import Row
from tests.helpers.extras import needs
from tests.unit.benchmarks.golden import FOLDER, ROWS, judge_prompts

NAMES = (
    "mt_bench_ja",
    "mt_bench_en",
    "mt_bench_ja_truncate_6144",
    "mt_bench_ja_gpt4o_judge",
    "mt_bench_en_gpt4o_judge",
)


def row(**changes: object) -> Row:
    made = {"question_id": 7, "category": "math", "turns": ["a", "b"], "reference": [{"turns": ["r", "s"]}]}
    return made | changes


@pytest.mark.parametrize("name", NAMES)
def test_what_the_judge_is_sent_is_the_golden_text(name: str) -> None:
    assert judge_prompts(name) == (FOLDER / f"{name}.judge.txt").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_check_that_users_benchmarks_have_to_pass(name: str) -> None:
    if "_ja" in name:
        needs("judge")
    own = json.loads((ROWS / f"{name}.json").read_bytes())
    assert check(find(name), [own | {"__row__": 0}]) == []


@pytest.mark.parametrize(
    ("category", "temperature"),
    [
        ("writing", 0.7),
        ("roleplay", 0.7),
        ("stem", 0.1),
        ("humanities", 0.1),
        ("math", 0.0),
        ("extraction", 0.0),
        ("", 0.0),
    ],
)
def test_the_category_decides_the_temperature(category: str, temperature: float) -> None:
    sampling = document(row(category=category)).sampling
    assert sampling is not None
    assert sampling.temperature == temperature


@pytest.mark.parametrize("value", [None, [], [""], {"turns": []}])
def test_rows_without_references_are_good_where_none_is_needed(value: object) -> None:
    assert document(row(category="writing", reference=value)).turns == ("a", "b")
    with pytest.raises(ValueError, match=r"2 turns, but . reference answers, which math needs"):
        document(row(reference=value))


def test_references_are_shown_in_three_categories_alone() -> None:
    judge = find("mt_bench_en").judge
    assert judge is not None
    for category in ("math", "reasoning", "coding", "writing", "extraction"):
        told = judge.request(document(row(category=category, reference={"turns": ["REF 1", "REF 2"]})), ("A", "B"))
        assert ("REF 1" in told[-1].content) == ("REF 2" in told[-1].content) == (category in "math reasoning coding")


def test_both_languages_ask_for_the_marker_and_japanese_expects_japanese() -> None:
    for name in NAMES:
        told = judge_prompts(name)
        assert ('"[[評価]]"' if "_ja" in name else '"[[rating]]"') in told
        assert ("回答は日本語で書かれているべきです" in told) == ("_ja" in name)
