"""M-IFEval's Japanese instructions: each rule with a text on either side of it, strict and loose, sums and refusals."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.scoring.instructions import instruction_metrics, variants
from saiten.scoring.instructions_ja import INSTRUCTIONS_JA
from saiten.scoring.instructions_ja_checks import INSTRUCTIONS, _enclosed
from saiten.scoring.instructions_ja_words import _needed
from saiten.types import Choice, ChoiceScore, Document, Generation, Outcome
from tests.helpers.extras import needs

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["東京"]}, "東京都に行く。", "京都に行く。"),
    ("keywords:existence", {"keywords": ["知能"]}, "人工知能の話。", "人工の話。"),
    ("keywords:frequency", {"keyword": "猫", "frequency": 2, "relation": "以上"}, "猫と猫。", "猫と猫舌。"),
    ("keywords:frequency", {"keyword": "猫", "frequency": 2, "relation": "未満"}, "猫と猫舌。", "猫と猫。"),
    ("keywords:forbidden_words", {"forbidden_words": ["猫"]}, "猫舌です。", "猫です。"),
    (
        "keywords:letter_frequency",
        {"letter": "し", "let_frequency": 2, "let_relation": "以上"},
        "しシ",
        "し",
    ),
    ("language:response_language", {"language": "ja"}, "これは日本語の文章です。", "This is an English sentence."),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "以上"},
        "一つ目。二つ目!三つ目?",
        "彼の\n本。",
    ),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "未満"}, "彼の\n本。", "一。二。"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\n一\n***\n二", "一\n***\n\n***\n二"),
    ("length_constraints:number_letters", {"num_letters": 4, "relation": "未満"}, "三 字", "四つの字"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "愛"},
        "一\n\n「愛とは。」",
        "一\n\n二\n\n愛",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[名前]、[]", "[名前\n]、[場所]"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "おわり p. p. s 又", "P.S. 又"),
    ("detectable_content:postscript", {"postscript_marker": "追伸"}, "では。\n追伸 また。", "では。"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "\n\n・一\n　・二\n・・三", "- 一\n- 二"),
    ("detectable_format:number_numbered_lists", {"num_items": 2}, "1. 一\n 12. 二\n3.三", "1. 一"),
    ("detectable_format:constrained_response", {}, "答えは「はい、そうです。」", "はい"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "《一》《二》", "《一》《 》"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "章", "num_sections": 2},
        "第1章\n第２章",
        "第一章\n第2章",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', "結果:\n```json\n{}\n```"),
    ("detectable_format:title", {}, "『題』", "『』『\n』"),
    ("detectable_format:nominal_ending", {"count": 1}, "夏の夜の夢。", "「夢。」と言った。"),
    ("combination:two_responses", {}, "一\n******\n二\n******", "一******一"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "問い"}, " 問い 答え", "答え 問い"),
    ("startend:end_checker", {"end_phrase": "以上」"}, "では、以上』", "以上です。"),
    ("startend:sentence_unified_end", {"ending": "です"}, "一です。「違う。」二です！", "一です。\n"),
    ("startend:quotation", {}, "\n「全部」", "「"),
    ("letters:furigana", {}, "漢字（かんじ）です", "漢字(かんじ)です"),
    ("letters:kansuuji", {}, "二〇二四年", "２０２４年"),
    ("letters:no_katakana", {}, "あー・", "ｱ"),
    ("letters:katakana_only", {}, "カタカナー・ 1!", "ヴ"),
    ("letters:no_hiragana", {}, "カナ", "ゖ"),
    ("letters:hiragana_only", {}, "ひらがなー、1!", "漢"),
    ("letters:kanji", {"kanji_limit": 2, "relation": "以上"}, "漢字", "字"),
    ("punctuation:no_comma", {}, "一,二", "一、二"),
    ("punctuation:no_period", {}, "一.", "一。"),
]


@pytest.fixture(autouse=True)
def libraries() -> None:
    needs("instructions")


def score(text: str, *instructions: tuple[str, dict[str, Any]], reasoning: str | None = None) -> ChoiceScore:
    document = Document(
        id="d1",
        turns=("?",),
        extra={
            "instruction_id_list": [f"ja:{name}" for name, _ in instructions],
            "kwargs": [arguments for _, arguments in instructions],
        },
    )
    generation = Generation(outcome=Outcome.OK, text=text, reasoning=reasoning)
    ((only,),) = INSTRUCTIONS_JA.score([(document, (Choice(repetition=0, turns=(generation,)),))])
    return only


@pytest.mark.parametrize(("name", "arguments", "good", "bad"), CASES)
def test_each_rule_tells_a_text_that_follows_it_from_one_that_does_not(
    name: str, arguments: dict[str, Any], good: str, bad: str
) -> None:
    follows = INSTRUCTIONS[f"ja:{name}"].follows
    assert follows(good, arguments)
    assert not follows(bad, arguments)


def test_every_instruction_has_a_case() -> None:
    assert {f"ja:{name}" for name, *_ in CASES} == set(INSTRUCTIONS)


def test_a_text_without_letters_is_in_every_language() -> None:
    assert INSTRUCTIONS["ja:language:response_language"].follows("123", {"language": "fr"})


def test_loose_tries_the_text_without_its_ends_and_asterisks() -> None:
    assert variants("a\n*b*\nc") == ["a\n*b*\nc", "a\nb\nc", "*b*\nc", "b\nc", "a\n*b*", "a\nb", "*b*", "b"]
    values = score("はい。\n「全部」\n以上です", ("startend:quotation", {})).values
    assert (values["prompt_level_strict_acc"], values["prompt_level_loose_acc"]) == (0.0, 1.0)
    assert (values["followed_strict"], values["followed_loose"], values["instructions"]) == (0.0, 1.0, 1.0)


def test_an_empty_or_blank_answer_follows_nothing() -> None:
    for text in ("", " \n"):
        values = score(text, ("punctuation:no_comma", {}), ("punctuation:no_period", {})).values
        assert values["followed_strict"] == values["followed_loose"] == values["followed_careful"] == 0.0
        assert values["instructions"] == 2.0


def test_a_careful_reader_does_not_take_a_line_end_for_a_sentence() -> None:
    given_ = score("一です。二です。\n", ("startend:sentence_unified_end", {"ending": "です"}))
    assert given_.values["prompt_level_strict_acc"] == 0.0
    assert given_.values["prompt_level_careful_acc"] == 1.0
    assert given_.note == "not followed: ja:startend:sentence_unified_end"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("letters:emoji", {}, "there is no instruction 'ja:letters:emoji'"),
        ("letters:kanji", {"relation": "以上", "kanji_limit": None}, "letters:kanji lacks kanji_limit"),
        ("keywords:existence", {"keywords": []}, "lacks keywords"),
        ("letters:kanji", {"relation": "以下", "kanji_limit": 1}, "relation is '以下'; it must be '未満' or '以上'"),
        ("language:response_language", {"language": "zh-cn"}, "language is 'zh-cn'"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_its_name(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        score("漢字", (name, arguments))


def test_unknown_arguments_do_not_matter() -> None:
    values = score(
        "漢字", ("letters:kanji", {"relation": "以上", "kanji_limit": 2, "num_bullets": None, "x": 1})
    ).values
    assert values["prompt_level_strict_acc"] == 1.0


def test_instruction_level_is_a_ratio_of_sums_and_the_average_one_of_four() -> None:
    metrics = {metric.name: metric for metric in instruction_metrics()}
    two = score("一、二。", ("punctuation:no_comma", {}), ("letters:kansuuji", {}))
    one = score("「全部」", ("startend:quotation", {}))
    values = {}
    for name, metric in metrics.items():
        read = [
            s.values[metric.value] if isinstance(metric.value, str) else tuple(s.values[part] for part in metric.value)
            for s in (two, one)
        ]
        values[name] = metric.corpus([[metric.reduce([value]) for value in read]]).value
    assert values["inst_level_strict_acc"] == pytest.approx(2 / 3)
    assert values["prompt_level_strict_acc"] == 0.5
    assert values["average"] == pytest.approx((2 / 3 + 2 / 3 + 0.5 + 0.5) / 4)


@given(st.text("「」あ\n[]", max_size=30))
def test_what_stands_between_marks_is_found_as_by_the_expression(text: str) -> None:
    for left, right in ("「」", "[]"):
        pattern = rf"{re.escape(left)}.*?{re.escape(right)}"
        assert _enclosed(text, left, right) == (re.sub(pattern, "", text), len(re.findall(pattern, text)))


@given(st.text("・一1. \n\r\u3000", max_size=30))
def test_lists_are_counted_as_by_the_references_expression(text: str) -> None:
    for name, key, pattern in (
        ("number_bullet_lists", "num_bullets", r"^\s*・[^・].*$"),
        ("number_numbered_lists", "num_items", r"^\s*\d+\.\s.*$"),
    ):
        count = len(re.findall(pattern, text, re.MULTILINE))
        assert INSTRUCTIONS[f"ja:detectable_format:{name}"].follows(text, {key: count})


@given(st.text("『』 あ\n", max_size=20))
def test_titles_are_found_as_by_the_references_expression(text: str) -> None:
    found = any(title.lstrip("『").rstrip("』").strip() for title in re.findall(r"『[^\n]+』", text))
    assert INSTRUCTIONS["ja:detectable_format:title"].follows(text, {}) is found


@pytest.mark.parametrize("piece", ["\n", "「", "[", "『", "の\n", "・\n", "*", "1", "第1", "。"])
def test_long_loops_are_checked_in_bearable_time(piece: str) -> None:
    text = piece * (30_000 // len(piece))
    slow = {"keywords:existence", "keywords:frequency", "keywords:forbidden_words", "detectable_format:nominal_ending"}
    for name, arguments, *_ in CASES:
        if name not in slow:
            INSTRUCTIONS[f"ja:{name}"].follows(text, arguments)


def test_a_missing_library_is_named_with_the_extra() -> None:
    with pytest.raises(UserError, match=r"needs nothing.*pip install 'saiten\[instructions\]'"):
        _needed("no_such_module_at_all", "nothing")
