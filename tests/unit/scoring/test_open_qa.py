"""Short Japanese answers: what is read, how near it is, and what a careful reader makes of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.scoring.open_qa import OpenAnswer, open_answer_metrics
from saiten.scoring.open_qa_careful import plain, stated_answer
from saiten.scoring.open_qa_compatible import character_f1, exact_answer, fuzzy_f1, quasi_answer
from saiten.types import Choice, Document, Generation, Outcome


@pytest.mark.parametrize(
    ("text", "exact", "quasi"),
    [
        (r"回答: $\boxed{\text{YES}}$", "YES", "YES"),
        (r"\boxed{A} か \boxed{B}", "A", "A"),
        (r"\boxed{a_{1}}", "a_{1", "a_{1"),
        ("\\boxed{二\n行}", "二\n行", "二\n行"),
        (r"\boxed{閉じない", r"\boxed{閉じない", r"\boxed{閉じない"),
        ("回答は 東京 都。", "東京", "東京"),
        ("東京都です", "東京都です", "東京都"),
        ("はい", "はい", "YES"),
        ("回答: **YES**", "**YES**", "YES"),
        ("回答: １９８０年", "１９８０年", "1980年"),
        (r"\boxed{Yes}", "Yes", "Yes"),
        ("正解は→「はい」。", "「はい」", "YES"),
        ("回答: 京都\n回答: 大阪です。", "大阪", "大阪"),
        ("【答え】：『鋼』である\n", "『鋼』", "鋼"),
        ("答: ⦅デスノート⦆", "⦅デスノート⦆", "デスノート"),
        ("回答: [東京]", "[東京]", "[東京]"),
        ("答えは\n\n", "\n", ""),
        ("一行目\n二行目", "一行目\n二行目", "一行目"),
        ("回答: ×", "×", "NO"),
        ("", "", ""),
    ],
)
def test_each_pipeline_reads_what_the_reference_reads(text: str, exact: str, quasi: str) -> None:
    assert (exact_answer(text), quasi_answer(text)) == (exact, quasi)


def test_characters_are_compared_as_a_multiset() -> None:
    assert character_f1("1980年", "1980") == pytest.approx(0.889, abs=5e-4)
    assert (character_f1("", ""), character_f1("a", ""), character_f1("a", "b")) == (1.0, 0.0, 0.0)
    assert character_f1("ああ", "あ") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("gold", "answer", "value"),
    [
        ("b a", "A B", 1.0),
        ("café", "caf", 1.0),
        ("!!", "??", 1.0),
        ("東京", "!!", 0.0),
        ("東京都", "東京", 0.8),
        ("YES", "no", 0.0),
    ],
)
def test_fuzzy_similarity_sorts_words_and_drops_latin_1_and_marks(gold: str, answer: str, value: float) -> None:
    assert fuzzy_f1(gold, answer) == value


@given(st.text(st.sampled_from("回答解正はで\\す:： 。\n「」*boxed{}text年1"), max_size=60))
def test_any_text_is_read_and_equal_answers_score_one(text: str) -> None:
    for read in (exact_answer(text), quasi_answer(text)):
        assert character_f1(read, read) == fuzzy_f1(read, read) == 1.0
    stated_answer(text)
    assert plain(plain(text)) is not None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{仮} そして \boxed{本当}", "本当"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{ア} と \boxed{閉じない", "ア"),
        ("**回答:** 東京都です。", "東京都です。"),
        ("考えた。\n最終回答： 大阪", "大阪"),
        ("東京都", "東京都"),
        ("長い話。\nもう一行。", None),
        ("", None),
    ],
)
def test_a_careful_reader_takes_the_last_statement_whole(text: str, answer: str | None) -> None:
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("「東京都」です。", "東京都"),
        (r"\text{YES}", "はい"),
        ("Yes", "YES"),
        ("１,９８０年", "1980年"),
        ("2代目 若乃花 幹士", "2代目若乃花幹士"),
        ("いいえ", "NO"),
    ],
)
def test_what_does_not_matter_is_dropped(one: str, two: str) -> None:
    assert plain(one) == plain(two)


def test_what_matters_is_kept() -> None:
    assert plain("東京") != plain("京都")
    assert plain("1980年") != plain("1890年")
    assert plain("です") == "です"


def test_unclosed_reasoning_stands_in_for_an_answer_only_in_the_compatible_reading() -> None:
    generation = Generation(
        outcome=Outcome.UNCLOSED_REASONING, text=None, reasoning="回答: 東京", reasoning_closed=False
    )
    document = Document(id="1", turns=("?",), target="東京")
    ((score,),) = OpenAnswer().score([(document, (Choice(repetition=0, turns=(generation,)),))])
    assert score.values["exact_match"] == score.values["quasi_exact_match"] == 1.0
    assert score.values["accuracy"] == score.values["f1_score_careful"] == 0.0
    assert score.extracted == "東京"
    assert "no answer" in score.note


def test_every_metric_reads_a_value_that_the_scorer_gives() -> None:
    document = Document(id="1", turns=("?",), target="東京")
    generation = Generation(outcome=Outcome.OK, text="東京")
    ((score,),) = OpenAnswer().score([(document, (Choice(repetition=0, turns=(generation,)),))])
    assert {metric.value for metric in open_answer_metrics()} == set(score.values)


@pytest.mark.parametrize("piece", ["\\boxed{", "回答は ", "回答: \n", "\n", "回答", "【", "> ** "])
def test_long_loops_are_read_in_linear_time(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    exact_answer(text), quasi_answer(text), stated_answer(text)  # a quadratic search would take minutes


def test_the_separators_are_those_of_the_reference() -> None:
    for mark in (":", "：", "→", "->", "=", "＝", "．", "."):
        assert exact_answer(f"答{mark}京都。") == "京都"
    assert exact_answer("答、京都。") == "答、京都。"
    assert re.fullmatch("京都", exact_answer("答えは、京都。"))
