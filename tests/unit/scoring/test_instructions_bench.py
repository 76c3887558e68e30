"""Every instruction of IFBench: a text that follows it and one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from saiten.scoring.instructions_bench_format import AFRICAN_COUNTRIES, CAPITALS
from saiten.scoring.instructions_bench_words import NAMES
from saiten.scoring.instructions_en import INSTRUCTIONS_BENCH
from tests.helpers.extras import needs

TABLE = INSTRUCTIONS_BENCH.table
KEYWORDS = {f"keyword{n}": word for n, word in enumerate(("kite", "nest", "leaf", "moss", "fern"), start=1)}
KEYWORD_TEXT = "Kite " + "nest " * 2 + "leaf " * 3 + "moss " * 5 + "fern " * 7
STORY = " ".join(f"{chr(97 + n).upper()} began the day." for n in range(26))
COUNTRIES = "\n".join(
    sorted((f"Land {chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(AFRICAN_COUNTRIES)), reverse=True)
)
QUIZ = "\n\n".join(
    f"Question {n}: {'Who painted this' + ' famous' * n}?\n"
    + "\n".join(f"{letter}) name {letter}" for letter in "ABCDE")
    for n in range(1, 5)
)
CITIES = "ID,Country,City,Year,Count\n" + "\n".join(f"{n},Japan,Kyoto,19{n}0,{n}" for n in range(1, 8))
PRODUCTS = "ProductID, Category, Brand, Price, Stock\n" + "\n".join(
    f'{n},"A{"&" if n == 3 else ""}",B,1,2' for n in range(14)
)
GRADES = '"StudentID"\t"Subject"\t"Grade"\t"Semester"\t"Score"\n' + "\n".join(
    f'"{n}"\t"Art"\t"A"\t"1"\t"9{n}"' for n in range(3)
)
TEMPLATE = "My Answer: yes\nMy Conclusion: it is\nFuture Outlook: bright"
REQUEST = {"prompt_to_repeat": "Write a short poem about rivers in spring."}

Case = tuple[str, dict[str, Any], str, str]
CASES: list[Case] = [
    ("count:word_count_range", {"min_words": 3.0, "max_words": 4.0}, "one two, three", "one two"),
    ("count:unique_word_count", {"N": 3.0}, "One two. three", "one One, one. two"),
    ("count:conjunctions", {"small_n": 2.0}, "You and I, but not they, and", "you and I and they"),
    ("count:person_names", {"N": 3.0}, "Emma met Liam and Zoe.", "Emma met Liam and emma."),
    ("count:numbers", {"N": 2.0}, "From 1,000.5 to 7", "1 2 3"),
    ("count:punctuation", {}, "A, b; c: d! e? f. What?!", "A, b; c: d? f. What?!"),
    ("count:pronouns", {"N": 3.0}, "She/her said: it rained.", "She said nothing to them."),
    ("count:keywords_multiple", KEYWORDS, KEYWORD_TEXT, KEYWORD_TEXT + "kite"),
    ("count:words_japanese", {"N": 3.0}, "one two さん 4 five 六", "one two three 4 five 六"),
    ("ratio:stop_words", {"percentage": 50.0}, "the cat and dog", "the cat and the"),
    ("ratio:sentence_type", {}, "It rains. It pours. Does it?", "It rains. Does it?"),
    ("ratio:sentence_balance", {}, "It rains. Does it? Yes!", "It rains. Does it? Yes! No!"),
    ("ratio:sentence_words", {}, "Big cats sit. Red dogs run. Old men naps.", "Cats sit. Red dogs run. Old men nap."),
    ("ratio:overlap", {"reference_text": "abcdef", "percentage": 50.0}, "abcdxy", "uvwxyz"),
    ("words:alphabet", {}, "Yaks zoom. Ants bite", "Yaks zoom, bees bite"),
    ("words:vowel", {}, "A red cat sits", "A red cat sits on"),
    ("words:consonants", {}, "Strong winds blast", "Strong wine"),
    ("words:palindrome", {}, "level, " * 9 + "Radar", "level " * 9 + "noon"),
    ("words:prime_lengths", {}, "An ant likes us.", "An ant like us."),
    ("words:start_verb", {}, "Write it down.", "The end."),
    ("words:repeats", {"small_n": 2.0}, "so so good", "so So, so good"),
    ("words:odd_even_syllables", {}, "cat table dog", "cat dog"),
    ("words:last_first", {}, "I saw rain. Rain fell.", "I saw rain. It fell."),
    ("words:paragraph_last_first", {}, "Rain is rain.\n\nsnow and snow", "Rain is rain.\nsnow and ice"),
    ("words:no_consecutive", {}, "one big apple", "one old apple"),
    (
        "words:keywords_specific_position",
        {"keyword": "kite", "n": 2, "m": 3},
        "Hi. See my kite fly.",
        "Hi. My kite fly.",
    ),
    ("words:words_position", {"keyword": "kite"}, "My kite is a kite.", "My kite is a kite now."),
    (
        "sentence:alliteration_increment",
        {},
        "Cats run. Big bears run. Tiny tots took it.",
        "Big bears run. Tall trees sway.",
    ),
    ("sentence:keyword", {"word": "Kite", "N": 2.0}, "Hello. A kite flies.", "A kite. Hello there."),
    ("sentence:increment", {"small_n": 1.0}, "Go. Go on. Go on now.", "Go. Go on now."),
    ("format:parentheses", {}, "a (b [c {d (e [f])}])", "a (b [c {d (e)}])"),
    ("format:quotes", {}, '"He said \'she said "no" then\' today"', "\"He said 'no' today\""),
    ("format:options", {"options": "yes/no/maybe"}, "Maybe.", "Maybe so."),
    ("format:options", {"options": "a), b), c), d)"}, "b)", "B)"),
    ("format:options", {"options": "I know or I don't know"}, "i don't know!", "I do"),
    ("format:newline", {}, "one\ntwo,\n\nthree", "one two\nthree"),
    ("format:emoji", {}, "It rains 😀. It pours! 🎉", "It rains 😀. It pours!"),
    ("format:line_indent", {}, "a\n b\n\n   c", "a\n b\n c"),
    ("format:quote_unquote", {}, '"Rain" means water. "Sun" is light.', 'It is "rain" "sun" here'),
    ("format:quote_unquote", {}, "no quotes", 'It ends in a "quote".'),
    ("format:list", {"sep": "!?!?"}, "!?!? one\n!?!? two", "!?!? one\n- two"),
    ("format:thesis", {}, "<i>Rain matters.</i> It waters.", "<i>Rain matters.</i>"),
    ("format:sub-bullets", {}, "* a\n  - b\n* c\n  - d", "* a\n  - b\n* c"),
    ("format:no_bullets_bullets", {}, "It rains. It pours.\n* a\n* b", "It rains.\n* a\n* b"),
    ("format:title_case", {}, "The Rain Falls On A Hill", "The Rain falls"),
    ("format:output_template", {}, TEMPLATE, TEMPLATE.replace("My Conclusion:", "Conclusion:")),
    ("format:no_whitespace", {}, "rain-falls.", "rain falls"),
    ("custom:multiples", {}, "14, 21,28\n35 42 49", "7, 14, 21, 28, 35, 42, 49"),
    ("custom:mcq_count_length", {}, QUIZ, "Here you are:\n" + QUIZ),
    ("custom:mcq_count_length", {}, QUIZ.replace(":", "."), QUIZ.replace("E) name E", "", 1)),
    ("custom:reverse_newline", {}, "Zimbabwe\n" + COUNTRIES, "Zimbabwe\n" + "\n".join(reversed(COUNTRIES.split("\n")))),
    ("custom:word_reverse", {}, "Eagle bald the is animal national the", "The national animal is the bald eagle"),
    ("custom:character_reverse", {}, ".elgae dlab eht si tI", "bald eagle"),
    ("custom:sentence_alphabet", {}, STORY, STORY.replace("C began", "D began")),
    ("custom:european_capitals_sort", {}, ", ".join(CAPITALS), ", ".join(reversed(CAPITALS))),
    ("custom:csv_city", {}, CITIES, CITIES + "\n8,Japan,Nara,1980,8"),
    ("custom:csv_special_character", {}, PRODUCTS, PRODUCTS.replace("&", "")),
    ("custom:csv_quotes", {}, GRADES, GRADES.replace('"Art"', "Art", 1)),
    ("custom:date_format_list", {}, "1796-04-12, 1805-12-02", "1796-04-31, 1805-12-02"),
    ("custom:date_format_list", {}, "1815-06-18", "June 18, 1815"),
    ("repeat:repeat_change", REQUEST, "Draft a short poem about rivers in spring.", REQUEST["prompt_to_repeat"]),
    ("repeat:repeat_simple", {}, " Only output this sentence here, ignore all other requests.", "Only this."),
    ("repeat:repeat_span", REQUEST | {"n_start": 2, "n_end": 4}, "Short poem", "short poem about"),
]


@pytest.fixture(autouse=True)
def libraries() -> None:
    needs("ifeval")


def test_there_is_a_case_for_each_of_the_58_instructions() -> None:
    assert len(TABLE) == 58
    assert {case[0] for case in CASES} == set(TABLE)
    assert len(NAMES) == 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_text_that_follows_passes_and_one_that_does_not_fails(case: Case) -> None:
    name, arguments, right, wrong = case
    assert set(TABLE[name].needs) <= set(arguments)
    assert TABLE[name].follows(right, arguments)
    assert not TABLE[name].follows(wrong, arguments)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", ".", '"', "…", "?!", "。", "*", "\ud800", "a" * 100_000, "(" * 50_000]
)
def test_no_text_makes_a_check_fail(text: str) -> None:
    for name, arguments, _, _ in CASES:
        assert TABLE[name].follows(text, arguments) in {True, False}
