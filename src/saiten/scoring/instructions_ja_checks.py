"""Whether a text follows one of the instructions of M-IFEval's Japanese part.

Source: swallow-evaluation-instruct@3520211, task mifeval_ja; Dussolle et al., arXiv:2502.04688 (M-IFEval); Zhou et al.,
arXiv:2311.07911 (IFEval).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

from saiten.errors import UserError
from saiten.scoring import instructions_ja_letters as letters
from saiten.scoring import instructions_ja_words as words
from saiten.scoring.instructions import Arguments, Instruction, compared

_compared = partial(compared, words=("未満", "以上"))


def _count(text: str, keyword: str) -> int:
    """Return how many words of the text are the keyword. What it does not even contain needs no analysis."""
    return sum(surface == keyword for surface, _ in words.tokens(text)) if keyword in text else 0


def existence(text: str, arguments: Arguments) -> bool:
    """Every keyword is a word of the text: a token of Janome's, not any substring."""
    return all(_count(text, keyword) for keyword in arguments["keywords"])


def frequency(text: str, arguments: Arguments) -> bool:
    """A keyword is a word of the text often, or rarely, enough."""
    return _compared(_count(text, arguments["keyword"].strip()), arguments, "relation", "frequency")


def forbidden_words(text: str, arguments: Arguments) -> bool:
    """No forbidden word is a word of the text."""
    return not any(_count(text, word) for word in arguments["forbidden_words"])


def response_language(text: str, arguments: Arguments) -> bool:
    """The text is in the language; a text without letters is in any."""
    if arguments["language"] not in words.LANGUAGES:
        raise UserError(f"an instruction's language is {arguments['language']!r}; {', '.join(sorted(words.LANGUAGES))}")
    return words.language(text) in {None, arguments["language"]}


def number_sentences(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, sentences."""
    return _compared(words.sentences(text), arguments, "relation", "num_sentences")


def number_letters(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, characters, white space included."""
    return _compared(len(text), arguments, "relation", "num_letters")


def number_paragraphs(text: str, arguments: Arguments) -> bool:
    """There are exactly so many paragraphs between lines of three stars; one in the middle must not be empty."""
    return _parts(re.split(r"\s?\*\*\*\s?", text)) == int(arguments["num_paragraphs"])


def _parts(parts: list[str]) -> int:
    """Return how many parts there are, an empty first or last one not counted; -1 if another is empty."""
    if any(not part.strip() for part in parts[1:-1]):
        return -1
    return sum(bool(part.strip()) for part in parts)


def nth_paragraph_first_word(text: str, arguments: Arguments) -> bool:
    """There are exactly so many paragraphs between blank lines, and one starts with the word."""
    paragraphs = text.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    number = int(arguments["nth_paragraph"])
    if not 1 <= number <= filled or filled != int(arguments["num_paragraphs"]):
        return False
    paragraph = paragraphs[number - 1].strip()
    return bool(paragraph) and paragraph.lstrip("「").lstrip("『").startswith(arguments["first_word"].lower())


def _enclosed(text: str, left: str, right: str) -> tuple[str, int]:
    """Return the text without what stands between two marks in one line, and how often that was.

    As the expression `left.*?right` matches, but in linear time for marks that never close.
    """
    kept: list[str] = []
    count = 0
    for line in text.split("\n"):
        place = 0
        pieces: list[str] = []
        while (start := line.find(left, place)) >= 0 and (end := line.find(right, start + 1)) >= 0:
            pieces.append(line[place:start])
            place = end + 1
            count += 1
        kept.append("".join([*pieces, line[place:]]))
    return "\n".join(kept), count


def _unquoted(text: str) -> str:
    return _enclosed(_enclosed(text, "「", "」")[0], "『", "』")[0]


def number_placeholders(text: str, arguments: Arguments) -> bool:
    """There are enough places to fill in, as [住所]."""
    return _enclosed(text, "[", "]")[1] >= int(arguments["num_placeholders"])


def postscript(text: str, arguments: Arguments) -> bool:
    """A postscript begins somewhere with its marker, in either case."""
    marker = arguments["postscript_marker"].strip()
    patterns = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return re.search(patterns.get(marker) or re.escape(marker), text, re.IGNORECASE) is not None


def number_bullet_lists(text: str, arguments: Arguments) -> bool:
    """Exactly so many lines begin with ・."""
    return len(re.findall(r"^[^\S\n]*・[^・].*$", text, re.MULTILINE)) == int(arguments["num_bullets"])


def number_numbered_lists(text: str, arguments: Arguments) -> bool:
    """Exactly so many lines begin with a number, a full stop and white space."""
    return len(re.findall(r"^[^\S\n]*\d+\.\s.*$", text, re.MULTILINE)) == int(arguments["num_items"])


def constrained_response(text: str, _: Arguments) -> bool:
    """One of three answers is given."""
    return any(answer in text for answer in ("はい、そうです。", "いいえ、違います。", "どちらとも言えません。"))


def number_highlighted_sections(text: str, arguments: Arguments) -> bool:
    """There are enough pieces in 《》 that are not empty."""
    found = re.findall(r"《([^\n《》]*)》", text)
    return sum(bool(piece.strip()) for piece in found) >= int(arguments["num_highlights"])


def multiple_sections(text: str, arguments: Arguments) -> bool:
    """There are enough headings such as 第1章."""
    pattern = rf"第[\d０-９]+{re.escape(arguments['section_spliter'].strip())}"
    return len(re.findall(pattern, text)) >= int(arguments["num_sections"])


def json_format(text: str, _: Arguments) -> bool:
    """The whole text is JSON, in a fence or not."""
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str, _: Arguments) -> bool:
    """There is a title in 『』."""
    for line in text.split("\n"):
        start, end = line.find("『"), line.rfind("』")
        if 0 <= start < end - 1 and line[start : end + 1].lstrip("『").rstrip("』").strip():
            return True
    return False


def nominal_ending(text: str, arguments: Arguments) -> bool:
    """Enough sentences end with a noun."""
    text = _unquoted(text)
    found = words.tokens(text)
    ends = sum(surface in "。！？" and before.startswith("名詞") for (_, before), (surface, _) in pairwise(found))
    return ends >= int(arguments["count"])


def two_responses(text: str, _: Arguments) -> bool:
    """There are two different answers, divided by six stars."""
    parts = text.split("******")
    filled = [part.strip() for part in parts if part.strip()]
    return _parts(parts) == 2 and filled[0] != filled[1]


def repeat_prompt(text: str, arguments: Arguments) -> bool:
    """The text starts with the prompt."""
    return text.strip().startswith(arguments["prompt_to_repeat"].strip())


def end_checker(text: str, arguments: Arguments) -> bool:
    """The text ends with the phrase, whatever quotes close there."""
    return text.strip().strip("」』").endswith(arguments["end_phrase"].strip().strip("」』"))


def sentence_unified_end(text: str, arguments: Arguments) -> bool:
    """Every sentence outside quotes has the ending. A line end after the last full stop is one more sentence."""
    text = _unquoted(text)
    return all(part.endswith(arguments["ending"]) for part in re.split(r"[。！？]", text) if part)


def quotation(text: str, _: Arguments) -> bool:
    """The whole text stands in 「」."""
    text = text.strip()
    return len(text) > 1 and text.startswith("「") and text.endswith("」")


def no_comma(text: str, _: Arguments) -> bool:
    """There is no 、."""
    return "、" not in text


def no_period(text: str, _: Arguments) -> bool:
    """There is no 。."""
    return "。" not in text


def letter_frequency(text: str, arguments: Arguments) -> bool:
    """A hiragana letter and its katakana twin come often, or rarely, enough."""
    return _compared(letters.kana_count(text, arguments["letter"].strip()), arguments, "let_relation", "let_frequency")


def kanji(text: str, arguments: Arguments) -> bool:
    """There are enough, or few enough, kanji."""
    return _compared(letters.kanji_count(text), arguments, "relation", "kanji_limit")


INSTRUCTIONS: Mapping[str, Instruction] = {
    "ja:keywords:existence": Instruction(existence, ("keywords",)),
    "ja:keywords:frequency": Instruction(frequency, ("keyword", "frequency", "relation")),
    "ja:keywords:forbidden_words": Instruction(forbidden_words, ("forbidden_words",)),
    "ja:keywords:letter_frequency": Instruction(letter_frequency, ("letter", "let_frequency", "let_relation")),
    "ja:language:response_language": Instruction(response_language, ("language",)),
    "ja:length_constraints:number_sentences": Instruction(number_sentences, ("num_sentences", "relation")),
    "ja:length_constraints:number_paragraphs": Instruction(number_paragraphs, ("num_paragraphs",)),
    "ja:length_constraints:number_letters": Instruction(number_letters, ("num_letters", "relation")),
    "ja:length_constraints:nth_paragraph_first_word": Instruction(
        nth_paragraph_first_word, ("num_paragraphs", "nth_paragraph", "first_word")
    ),
    "ja:detectable_content:number_placeholders": Instruction(number_placeholders, ("num_placeholders",)),
    "ja:detectable_content:postscript": Instruction(postscript, ("postscript_marker",)),
    "ja:detectable_format:number_bullet_lists": Instruction(number_bullet_lists, ("num_bullets",)),
    "ja:detectable_format:number_numbered_lists": Instruction(number_numbered_lists, ("num_items",)),
    "ja:detectable_format:constrained_response": Instruction(constrained_response),
    "ja:detectable_format:number_highlighted_sections": Instruction(number_highlighted_sections, ("num_highlights",)),
    "ja:detectable_format:multiple_sections": Instruction(multiple_sections, ("section_spliter", "num_sections")),
    "ja:detectable_format:json_format": Instruction(json_format),
    "ja:detectable_format:title": Instruction(title),
    "ja:detectable_format:nominal_ending": Instruction(nominal_ending, ("count",)),
    "ja:combination:two_responses": Instruction(two_responses),
    "ja:combination:repeat_prompt": Instruction(repeat_prompt, ("prompt_to_repeat",)),
    "ja:startend:end_checker": Instruction(end_checker, ("end_phrase",)),
    "ja:startend:sentence_unified_end": Instruction(sentence_unified_end, ("ending",)),
    "ja:startend:quotation": Instruction(quotation),
    "ja:letters:furigana": Instruction(letters.furigana),
    "ja:letters:kansuuji": Instruction(letters.kansuuji),
    "ja:letters:no_katakana": Instruction(letters.no_katakana),
    "ja:letters:katakana_only": Instruction(letters.katakana_only),
    "ja:letters:no_hiragana": Instruction(letters.no_hiragana),
    "ja:letters:hiragana_only": Instruction(letters.hiragana_only),
    "ja:letters:kanji": Instruction(kanji, ("relation", "kanji_limit")),
    "ja:punctuation:no_comma": Instruction(no_comma),
    "ja:punctuation:no_period": Instruction(no_period),
}
