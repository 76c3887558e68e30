"""Whether a text follows one of IFBench's instructions about its form, or one that fixes nearly all of it.

Source: Pyatkin et al., Generalizing Verifiable Instruction Following, arXiv:2507.02833, appendix; allenai/IFBench.
Written from the description of each instruction; where the data's checkers read more narrowly or widely than it, this
does so too.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from itertools import pairwise

from saiten.scoring import instructions_en_words as words
from saiten.scoring.instructions import Arguments, Instruction

BRACKETS = {")": "(", "]": "[", "}": "{"}
CAPITALS = """
    Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw London
    Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb
""".split()  # noqa: SIM905  a list of words
"""Capitals north of 45 degrees, from north to south, as the data has them."""
AFRICAN_COUNTRIES = 52
ONLY_THIS = "only output this sentence here, ignore all other requests."
NAPOLEON = range(1769, 1822)
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parentheses(text: str, _: Arguments) -> bool:
    """Brackets are nested five deep and begin to close; one that does not fit starts all over."""
    open_now: list[str] = []
    deepest = 0
    for character in text:
        if character in "([{":
            open_now.append(character)
            deepest = max(deepest, len(open_now))
        elif character in BRACKETS:
            if open_now[-1:] == [BRACKETS[character]]:
                open_now.pop()
                if deepest >= 5:
                    return True
            else:
                open_now, deepest = [], 0
    return False


def quotes(text: str, _: Arguments) -> bool:
    """Double and single quotation marks are nested three deep, and closed again."""
    open_now: list[str] = []
    deepest = 0
    for character in text:
        if character not in "\"'":
            continue
        if open_now[-1:] == [character]:
            open_now.pop()
            if deepest - len(open_now) >= 3:
                return True
        else:
            open_now.append(character)
            deepest = max(deepest, len(open_now))
    return False


def options(text: str, arguments: Arguments) -> bool:
    """The text is one of the options; of lettered ones exactly, else whatever the case and the marks around it."""
    given: str = arguments["options"]
    separator = next((mark for mark in ("/", "or") if mark in given), ",")
    choices = [choice.strip() for choice in given.split(separator)]
    if re.match(r"\W*a\W*b\W*c\W*", given, re.IGNORECASE):
        return text in choices
    return words.trimmed(text).lower() in {words.trimmed(choice).lower() for choice in choices}


def newline(text: str, _: Arguments) -> bool:
    """Each word is on a line of its own."""
    bare = words.unpunctuated(text).strip()
    return len([line for line in bare.split("\n") if line]) == len(bare.split())


def emoji(text: str, _: Arguments) -> bool:
    """Each sentence has an emoji at its end, or right behind its full stop."""
    found = [words.unpunctuated(sentence).strip() for sentence in words.sentences(text)]
    if not found:
        return True
    for place, sentence in enumerate(found):
        if not sentence:
            return False
        if any(words.is_emoji(character) for character in sentence[-2:]):
            continue
        following = found[place + 1] if place + 1 < len(found) else ""
        if not following or not words.is_emoji(following[0]):
            return False
    return True


def line_indent(text: str, _: Arguments) -> bool:
    """Each line is indented further than the one before."""
    indents = [len(line) - len(line.lstrip(" ")) for line in text.split("\n") if line.strip()]
    return all(one < other for one, other in pairwise(indents))


def quote_unquote(text: str, _: Arguments) -> bool:
    """No quotation follows another at once, nor ends the text."""
    text = text.replace("“", '"').replace("”", '"').replace("'\"'", "")
    text = "".join(text.split())
    around = words.PUNCTUATION.replace('"', "") + "0123456789"
    return '""' not in text and not text.strip(around).endswith('"')


def special_list(text: str, arguments: Arguments) -> bool:
    """The marker in place of bullets is there twice."""
    marker: str = arguments["sep"]
    return text.count(marker) >= 2


def thesis(text: str, _: Arguments) -> bool:
    """There is something in italics of HTML, and something after it."""
    match = re.search(r"<(?:i|em)>(.*?)</(?:i|em)>(.*)", text, re.DOTALL)
    return match is not None and bool(match[1].strip()) and bool(match[2].strip())


def sub_bullets(text: str, _: Arguments) -> bool:
    """Each bullet * has a sub-bullet - before the next."""
    return all("-" in bullet for bullet in text.split("*")[1:])


def no_bullets_bullets(text: str, _: Arguments) -> bool:
    """Two sentences or more, then two bullets * or more and nothing else."""
    count_sentences = count_bullets = 0
    running = True
    for line in (line.strip() for line in text.split("\n")):
        if line.startswith("*"):
            running = False
            count_bullets += 1
            if count_sentences < 2:
                return False
        elif not running:
            return False
        else:
            found = words.sentences(line)
            running = bool(found)
            count_sentences += len(found)
    return count_bullets >= 2


def title_case(text: str, _: Arguments) -> bool:
    """No word of small letters; one of a single letter passes."""
    for word in words.tokens(text):
        rest = word[1:]
        if word[0].islower() and (rest.islower() or rest.isupper()):
            return False
    return True


def output_template(text: str, _: Arguments) -> bool:
    """The three labels are there."""
    return all(label in text for label in ("My Answer:", "My Conclusion:", "Future Outlook:"))


def no_whitespace(text: str, _: Arguments) -> bool:
    """There is no white space."""
    return not any(character.isspace() for character in text)


# ------------------------------------------------------------------------------------------- requests of their own


def multiples(text: str, _: Arguments) -> bool:
    """The numbers are the multiples of 7 from 10 to 50, in order."""
    return re.findall(r"\d+", text) == [str(number) for number in range(14, 50, 7)]


def mcq_count_length(text: str, _: Arguments) -> bool:
    """Four questions that grow longer, each with five options, and nothing before the first."""
    if "Question" in text and not text.startswith("Question"):
        return False
    asked = [part.strip() for part in re.split(r"\n*(?:Question \d+[.|):;]?\s*)", text) if part.strip()]
    lengths = []
    for question in asked:
        lines = [line.strip() for line in question.split("\n")]
        lettered = [re.match(r"[A-Ea-e][.|)]\s*\w+", line) is not None for line in lines]
        if sum(lettered) != 5:
            return False
        lengths.append(len(" ".join(lines[: lettered.index(True)]).strip()))
    return len(lengths) == 4 and all(one < other for one, other in pairwise(lengths))


def reverse_newline(text: str, _: Arguments) -> bool:
    """From Zimbabwe on there are as many lines as countries, in reverse alphabetical order, accents left out."""
    lines = [line for line in map(words.trimmed, text.split("\n")) if line]
    start = next((place for place, line in enumerate(lines) if "Zimbabwe" in line), None)
    if start is None:
        return False
    listed = [_plain(line) for line in lines[start:]]
    return len(listed) >= AFRICAN_COUNTRIES and listed == sorted(listed, reverse=True)


def _plain(text: str) -> str:
    """Return a text without accents and without all that is not ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def word_reverse(text: str, _: Arguments) -> bool:
    """Read backwards word by word, it speaks of the bald eagle in one sentence."""
    backwards = " ".join(reversed(words.bare(text.lower())))
    return "bald eagle" in backwards and backwards in words.sentences(backwards)


def character_reverse(text: str, _: Arguments) -> bool:
    """Read backwards letter by letter, it speaks of the bald eagle."""
    return "bald eagle" in text.lower()[::-1]


def sentence_alphabet(text: str, _: Arguments) -> bool:
    """There are 26 sentences, whose first letters are the alphabet."""
    initials = [sentence[:1].lower() for sentence in words.sentences(text)]
    return "".join(initials) == "abcdefghijklmnopqrstuvwxyz" and len(initials) == 26


def european_capitals_sort(text: str, _: Arguments) -> bool:
    """The capitals are listed from north to south, between commas, accents left out."""
    return [name.strip() for name in _plain(text).split(",") if name.strip()] == CAPITALS


def csv_city(text: str, _: Arguments) -> bool:
    """There are a header and seven rows of comma-separated values."""
    header, *rows = _table(text, ",") or [[""]]
    return header == ["ID", "Country", "City", "Year", "Count"] and _shape(rows) == (7, {5})


def csv_special_character(text: str, _: Arguments) -> bool:
    """There are a header and fourteen rows, and a field in quotation marks that has a special character."""
    names = ("ProductID", "Category", "Brand", "Price", "Stock")
    if not _heads(text, names, r",[ \t]*"):
        return False
    rows = (_table(_kept_quotes(text), ",") or [])[1:]
    if len(rows) != 14:
        return False
    for row in rows:  # rows behind the field that is looked for may have any shape
        if len(row) != 5:
            return False
        if any(re.match(r'".*[^\d\w\s].*"', field) for field in row):
            return True
    return False


def csv_quotes(text: str, _: Arguments) -> bool:
    """There are a header and three rows of tab-separated values, all in quotation marks."""
    if not _heads(text, ("StudentID", "Subject", "Grade", "Semester", "Score"), r"\t *"):
        return False
    table = _table(_kept_quotes(text), "\t") or []
    quoted = all(
        len(field.strip()) > 1 and field.strip()[0] == field.strip()[-1] == '"' for row in table for field in row
    )
    return _shape(table) == (4, {5}) and quoted


def _heads(text: str, names: tuple[str, ...], separator: str) -> bool:
    """Tell whether the first line has these names, quoted or not."""
    pattern = separator.join(rf'(?:{name}|"{name}")' for name in names)
    return re.fullmatch(pattern, text.split("\n", maxsplit=1)[0].strip()) is not None


def _kept_quotes(text: str) -> str:
    """Return CSV whose quotation marks are parts of their fields when it is read."""
    return text.replace('"', '"""')


def _table(text: str, delimiter: str) -> list[list[str]] | None:
    """Return the rows of CSV; None where it is none."""
    try:
        return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
    except csv.Error:
        return None


def _shape(rows: list[list[str]]) -> tuple[int, set[int]]:
    return len(rows), {len(row) for row in rows}


def date_format_list(text: str, _: Arguments) -> bool:
    """There are dates of Napoleon's life between commas, as YYYY-MM-DD, and nothing else."""
    for date in text.strip().split(","):
        match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", date.strip())
        if match is None:
            return False
        year, month, day = map(int, match.groups())
        if year not in NAPOLEON or month > 12 or (month > 0 and day > DAYS[month - 1]):
            return False
    return True


def repeat_change(text: str, arguments: Arguments) -> bool:
    """It is the request with another first word, and nothing else."""
    request: str = arguments["prompt_to_repeat"]
    return text != request and text.split()[1:] == request.split()[1:]


def repeat_simple(text: str, _: Arguments) -> bool:
    """It is the sentence that asks for it, in any case."""
    return text.strip().lower() == ONLY_THIS


def repeat_span(text: str, arguments: Arguments) -> bool:
    """It is the words of the request from one index to before another, in any case."""
    request: list[str] = arguments["prompt_to_repeat"].lower().split()
    return text.lower().split() == request[int(arguments["n_start"]) : int(arguments["n_end"])]


FORMAT: Mapping[str, Instruction] = {
    "format:parentheses": Instruction(parentheses),
    "format:quotes": Instruction(quotes),
    "format:options": Instruction(options, ("options",)),
    "format:newline": Instruction(newline),
    "format:emoji": Instruction(emoji),
    "format:line_indent": Instruction(line_indent),
    "format:quote_unquote": Instruction(quote_unquote),
    "format:list": Instruction(special_list, ("sep",)),
    "format:thesis": Instruction(thesis),
    "format:sub-bullets": Instruction(sub_bullets),
    "format:no_bullets_bullets": Instruction(no_bullets_bullets),
    "format:title_case": Instruction(title_case),
    "format:output_template": Instruction(output_template),
    "format:no_whitespace": Instruction(no_whitespace),
    "custom:multiples": Instruction(multiples),
    "custom:mcq_count_length": Instruction(mcq_count_length),
    "custom:reverse_newline": Instruction(reverse_newline),
    "custom:word_reverse": Instruction(word_reverse),
    "custom:character_reverse": Instruction(character_reverse),
    "custom:sentence_alphabet": Instruction(sentence_alphabet),
    "custom:european_capitals_sort": Instruction(european_capitals_sort),
    "custom:csv_city": Instruction(csv_city),
    "custom:csv_special_character": Instruction(csv_special_character),
    "custom:csv_quotes": Instruction(csv_quotes),
    "custom:date_format_list": Instruction(date_format_list),
    "repeat:repeat_change": Instruction(repeat_change, ("prompt_to_repeat",)),
    "repeat:repeat_simple": Instruction(repeat_simple),
    "repeat:repeat_span": Instruction(repeat_span, ("prompt_to_repeat", "n_start", "n_end")),
}
