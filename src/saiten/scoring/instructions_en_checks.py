"""Whether a text follows one of the 25 instructions of IFEval.

Source: Zhou et al., arXiv:2311.07911, table 1, and the arguments of its data; google-research/google-research,
instruction_following_eval. Written from the description; where the data's checkers read more narrowly or widely than
their description, this does so too.
Differs: keywords, markers and section names are texts and not patterns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from saiten.scoring import instructions_en_words as words
from saiten.scoring import instructions_ja_checks as shared
from saiten.scoring.instructions import Arguments, Instruction, compared

_compared = partial(compared, words=("less than", "at least"))


def existence(text: str, arguments: Arguments) -> bool:
    """Every keyword is somewhere, in any case."""
    return all(keyword.lower() in text.lower() for keyword in arguments["keywords"])


def frequency(text: str, arguments: Arguments) -> bool:
    """A keyword is there often, or rarely, enough."""
    found = text.lower().count(arguments["keyword"].strip().lower())
    return _compared(found, arguments, "relation", "frequency")


def forbidden_words(text: str, arguments: Arguments) -> bool:
    """No forbidden word is a word of the text."""
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in arguments["forbidden_words"])


def letter_frequency(text: str, arguments: Arguments) -> bool:
    """A letter (or mark) is there often, or rarely, enough, in any case."""
    return _compared(text.lower().count(arguments["letter"].lower()), arguments, "let_relation", "let_frequency")


def response_language(text: str, arguments: Arguments) -> bool:
    """The text is in the language; a text without letters is in any."""
    return words.language(text) in {None, arguments["language"]}


def number_sentences(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, sentences."""
    return _compared(len(words.punkt_sentences(text)), arguments, "relation", "num_sentences")


def number_words(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, words."""
    return _compared(len(words.word_list(text)), arguments, "relation", "num_words")


def nth_paragraph_first_word(text: str, arguments: Arguments) -> bool:
    """There are exactly so many paragraphs between blank lines, and one starts with the word."""
    paragraphs = text.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    number = int(arguments["nth_paragraph"])
    if not 1 <= number <= filled or filled != int(arguments["num_paragraphs"]):
        return False
    if not (beginning := paragraphs[number - 1].split()):
        return False
    word = re.split(r"[.,?!'\"]", beginning[0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    wanted: str = arguments["first_word"]
    return word.lower() == wanted.lower()


def number_bullet_lists(text: str, arguments: Arguments) -> bool:
    """Exactly so many lines begin with `*` (and no second one) or `-`."""
    bullets = re.findall(r"^\s*\*[^*].*$", text, re.MULTILINE) + re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(bullets) == int(arguments["num_bullets"])


def constrained_response(text: str, _: Arguments) -> bool:
    """One of three answers is given."""
    return any(f"My answer is {answer}." in text for answer in ("yes", "no", "maybe"))


def number_highlighted_sections(text: str, arguments: Arguments) -> bool:
    """There are enough pieces between asterisks that are not empty; one between two on each side counts once more."""
    single = (piece.strip("*").strip() for piece in re.findall(r"\*[^\n*]*\*", text))
    double = (piece[2:-2].strip() for piece in re.findall(r"\*\*[^\n*]*\*\*", text))
    return sum(map(bool, (*single, *double))) >= int(arguments["num_highlights"])


def multiple_sections(text: str, arguments: Arguments) -> bool:
    """There are enough headings such as `Section 1`."""
    pattern = rf"\s?{re.escape(arguments['section_spliter'].strip())}\s?\d+\s?"
    return len(re.findall(pattern, text)) >= int(arguments["num_sections"])


def title(text: str, _: Arguments) -> bool:
    """There is a title in << >>."""
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", text))


def repeat_prompt(text: str, arguments: Arguments) -> bool:
    """The text starts with the prompt, in any case."""
    return text.strip().lower().startswith(arguments["prompt_to_repeat"].strip().lower())


def end_checker(text: str, arguments: Arguments) -> bool:
    """The text ends with the phrase, in any case, quotation marks around the text left out."""
    return text.strip().strip('"').lower().endswith(arguments["end_phrase"].strip().lower())


def quotation(text: str, _: Arguments) -> bool:
    """The whole text is between double quotation marks."""
    text = text.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


def capital_word_frequency(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, words of capital letters alone."""
    return _compared(sum(map(str.isupper, words.tokens(text))), arguments, "capital_relation", "capital_frequency")


def english_capital(text: str, _: Arguments) -> bool:
    """The text is English in capital letters."""
    return text.isupper() and words.language(text) in {None, "en"}


def english_lowercase(text: str, _: Arguments) -> bool:
    """The text is English in small letters."""
    return text.islower() and words.language(text) in {None, "en"}


def no_comma(text: str, _: Arguments) -> bool:
    """There is no comma."""
    return "," not in text


IFEVAL: Mapping[str, Instruction] = {
    "keywords:existence": Instruction(existence, ("keywords",)),
    "keywords:frequency": Instruction(frequency, ("keyword", "frequency", "relation")),
    "keywords:forbidden_words": Instruction(forbidden_words, ("forbidden_words",)),
    "keywords:letter_frequency": Instruction(letter_frequency, ("letter", "let_frequency", "let_relation")),
    "language:response_language": Instruction(response_language, ("language",)),
    "length_constraints:number_sentences": Instruction(number_sentences, ("num_sentences", "relation")),
    "length_constraints:number_paragraphs": Instruction(shared.number_paragraphs, ("num_paragraphs",)),
    "length_constraints:number_words": Instruction(number_words, ("num_words", "relation")),
    "length_constraints:nth_paragraph_first_word": Instruction(
        nth_paragraph_first_word, ("num_paragraphs", "nth_paragraph", "first_word")
    ),
    "detectable_content:number_placeholders": Instruction(shared.number_placeholders, ("num_placeholders",)),
    "detectable_content:postscript": Instruction(shared.postscript, ("postscript_marker",)),
    "detectable_format:number_bullet_lists": Instruction(number_bullet_lists, ("num_bullets",)),
    "detectable_format:constrained_response": Instruction(constrained_response),
    "detectable_format:number_highlighted_sections": Instruction(number_highlighted_sections, ("num_highlights",)),
    "detectable_format:multiple_sections": Instruction(multiple_sections, ("section_spliter", "num_sections")),
    "detectable_format:json_format": Instruction(shared.json_format),
    "detectable_format:title": Instruction(title),
    "combination:two_responses": Instruction(shared.two_responses),
    "combination:repeat_prompt": Instruction(repeat_prompt, ("prompt_to_repeat",)),
    "startend:end_checker": Instruction(end_checker, ("end_phrase",)),
    "startend:quotation": Instruction(quotation),
    "change_case:capital_word_frequency": Instruction(
        capital_word_frequency, ("capital_frequency", "capital_relation")
    ),
    "change_case:english_capital": Instruction(english_capital),
    "change_case:english_lowercase": Instruction(english_lowercase),
    "punctuation:no_comma": Instruction(no_comma),
}
