"""Every instruction of IFEval: a text that follows it and one that does not; sentences and words; the scorer."""

from __future__ import annotations

from typing import Any

import pytest

from saiten.scoring import instructions_en_words as words
from saiten.scoring.instructions_en import INSTRUCTIONS_EN
from saiten.types import Choice, Document, Generation, Outcome
from tests.helpers.extras import needs

TABLE = INSTRUCTIONS_EN.table
SMALL = "this is a simple english sentence about the weather in spring."
Case = tuple[str, dict[str, Any], str, str]
CASES: list[Case] = [
    ("keywords:existence", {"keywords": ["rain", "snow"]}, "Rain or snowfall", "only rain"),
    ("keywords:frequency", {"keyword": "rain", "frequency": 2, "relation": "at least"}, "Rain, rains", "rain"),
    ("keywords:frequency", {"keyword": "rain", "frequency": 2, "relation": "less than"}, "rain", "rain rain"),
    ("keywords:forbidden_words", {"forbidden_words": ["rain"]}, "It rains.", "No Rain!"),
    ("keywords:letter_frequency", {"letter": "Q", "let_frequency": 2, "let_relation": "at least"}, "Quick q", "quick"),
    ("keywords:letter_frequency", {"letter": "!", "let_frequency": 2, "let_relation": "less than"}, "ok!", "ok!!"),
    ("language:response_language", {"language": "de"}, "Das ist ein ganz einfacher deutscher Satz.", SMALL),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        "I met Mr. Lee. Yes.",
        "A. B is. C is. D is.",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\ntwo", "one\n***\n\n***\ntwo"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one two-three", "one two"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "rain"},
        "a\n\n'Rain, it is",
        "rain\n\nb",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b]", "[a] and (b)"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP.S. more", "Bye. PS more"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P.P.S more", "P.S. more"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 3}, "* a\n- b\n  * c", "* a\n** b\n* c"),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", "My answer is perhaps."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and *b*", "*a* and * *"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\na\nSECTION 2\nb",
        "SECTION 1\nSection 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', '{"a": 1} yes'),
    ("detectable_format:title", {}, "<<Rain>>\nfalls", "<< >>\nfalls"),
    ("combination:two_responses", {}, "one\n******\ntwo", "one\n******\none"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "say it. Hello", "Hello. Say it."),
    ("startend:end_checker", {"end_phrase": "The end."}, 'It is "the end."', "The end. Bye"),
    ("startend:quotation", {}, ' "all of it" ', '"all" of it'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "A BIG day",
        "Big DAY",
    ),
    ("change_case:english_capital", {}, SMALL.upper(), SMALL),
    ("change_case:english_lowercase", {}, SMALL, SMALL.capitalize()),
    ("punctuation:no_comma", {}, "rain and snow", "rain, snow"),
]


@pytest.fixture(autouse=True)
def libraries() -> None:
    needs("ifeval")


def test_there_is_a_case_for_each_of_the_25_instructions() -> None:
    assert len(TABLE) == 25
    assert {case[0] for case in CASES} == set(TABLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_text_that_follows_passes_and_one_that_does_not_fails(case: Case) -> None:
    name, arguments, right, wrong = case
    assert set(TABLE[name].needs) <= set(arguments)
    assert TABLE[name].follows(right, arguments)
    assert not TABLE[name].follows(wrong, arguments)


@pytest.mark.parametrize("text", ["", "\n", "*", '"', "[", "P.", "\ud800", "12 34", "a" * 100_000])
def test_no_text_makes_a_check_fail(text: str) -> None:
    for name, arguments, _, _ in CASES:
        assert TABLE[name].follows(text, arguments) in {True, False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. Does it?  Yes!\nIt does", ["It rains.", "Does it?", "Yes!", "It does"]),
        (
            "Dr. A. Lee paid 3.50 at site.com in the U.S. today.",
            ["Dr. A. Lee paid 3.50 at site.com in the U.S. today."],
        ),
        ("She works for Acme Inc. He knows.", ["She works for Acme Inc.", "He knows."]),
        ("Well... yes.", ["Well...", "yes."]),
        ('He said "no." Then "why?" he asked.', ['He said "no".', 'Then "why"?', "he asked."]),
        ("Hm?! Ok.", ["Hm?", "!", "Ok."]),
        ("", []),
    ],
)
def test_sentences_are_cut_by_rules(text: str, expected: list[str]) -> None:
    assert list(words.sentences(text)) == expected


def test_sentences_are_counted_with_punkt_and_tokens_with_nltk_without_any_download() -> None:
    assert words.punkt_sentences("I met Dr. Lee at 5 p.m. in Paris. It rained.") == (
        "I met Dr. Lee at 5 p.m. in Paris.",
        "It rained.",
    )
    assert words.tokens("I'M here, now. OK!") == ("I", "'M", "here", ",", "now", ".", "OK", "!")


@pytest.mark.parametrize(
    ("word", "expected"), [("Write", True), ("went", True), ("Is", True), ("The", False), ("!", False)]
)
def test_a_verb_is_what_a_dictionary_has_as_one(word: str, expected: bool) -> None:
    assert words.can_be_verb(word) is expected


def scored(text: str) -> dict[str, float]:
    names = ["punctuation:no_comma", "startend:quotation", "detectable_format:title"]
    extra = {"instruction_id_list": names, "kwargs": [{}, {}, {}]}
    document = Document(id="1", turns=("?",), extra=extra)
    one = Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=text),))
    ((score,),) = INSTRUCTIONS_EN.score([(document, (one,))])
    return dict(score.values)


def test_strict_and_loose_readings_count_instructions_and_prompts() -> None:
    values = scored('Sure!\n"<<Rain>> falls"')
    assert (values["followed_strict"], values["followed_loose"], values["instructions"]) == (2.0, 3.0, 3.0)
    assert (values["prompt_level_strict_acc"], values["prompt_level_loose_acc"]) == (0.0, 1.0)
    assert scored("")["followed_loose"] == 0.0
