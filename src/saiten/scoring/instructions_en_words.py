"""Words and sentences of English answers, by the libraries that only IFEval and IFBench need. None asks the network."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from saiten.errors import UserError

MODULES = ("emoji", "langdetect", "lemminflect", "nltk", "punkt", "syllapy")
"""What the checks need, as it is imported."""
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_NO_PUNCTUATION = str.maketrans("", "", PUNCTUATION)


def _needed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"checking instructions needs {module}, which is not installed ({error}); install it with: "
            "pip install 'saiten[ifeval]', then: saiten score RUN (nothing is asked again)"
        ) from error


def require() -> None:
    """Import everything that a checker may need. UserError where something is missing."""
    for module in MODULES:
        _needed(module)


def word_list(text: str) -> list[str]:
    """Return the runs of letters, digits and underscores."""
    return re.findall(r"\w+", text)


def number_count(text: str) -> int:
    """Return how many runs of digits there are once punctuation is left out: 1,000.5 is one."""
    return len(re.findall(r"\d+", text.translate(_NO_PUNCTUATION)))


def has_japanese(text: str) -> bool:
    """Tell whether there is any kana or kanji."""
    return re.search("[\u3040-\u30ff\u4e00-\u9fff]", text) is not None


def unpunctuated(text: str) -> str:
    """Return a text without punctuation of ASCII."""
    return text.translate(_NO_PUNCTUATION)


def bare(text: str) -> list[str]:
    """Return the words between white space, all punctuation of ASCII left out."""
    return text.translate(_NO_PUNCTUATION).split()


def trimmed(text: str) -> str:
    """Return a text without punctuation and spaces around it."""
    return text.strip(PUNCTUATION + " ")


@lru_cache(maxsize=32)
def punkt_sentences(text: str) -> tuple[str, ...]:
    """Return the sentences by Punkt (Kiss and Strunk 2006) with its model of English."""
    return tuple(_needed("punkt").sent_tokenize(text))


@lru_cache(maxsize=32)
def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of NLTK's tokenizer, sentence by sentence: punctuation and `'s` are tokens of their own."""
    tokenizer = _tokenizer()
    return tuple(token for sentence in punkt_sentences(text) for token in tokenizer(sentence))


@cache
def _tokenizer() -> Callable[[str], list[str]]:
    tokenize: Callable[[str], list[str]] = _needed("nltk.tokenize").NLTKWordTokenizer().tokenize
    return tokenize


@cache
def _detector() -> Any:
    module = _needed("langdetect")
    module.DetectorFactory.seed = 0
    return module


def language(text: str) -> str | None:
    """Return the code of a text's language; None where it cannot be told."""
    module = _detector()
    try:
        code: str = module.detect(text)
    except module.LangDetectException:
        return None
    return code


def syllables(word: str) -> int:
    """Return how many syllables an English word has."""
    number: int = _needed("syllapy").count(word)
    return number


def is_emoji(character: str) -> bool:
    """Tell whether a character is an emoji."""
    return bool(_needed("emoji").is_emoji(character))


def can_be_verb(word: str) -> bool:
    """Tell whether a word is a form of a verb, whatever else it may be."""
    return bool(_needed("lemminflect").getAllLemmas(word, upos="VERB")) or bool(
        _needed("lemminflect").getAllLemmas(word, upos="AUX")
    )


# ------------------------------------------------------------------------ the sentences of Google's and AI2's checkers

_KEPT = (
    r"\b(?:Mr|St|Mrs|Ms|Dr)(\.)",
    r"(\.)(?:com|net|org|io|gov|edu|me)",
    r"[0-9](\.)[0-9]",
    r"Ph(\.)D(\.)",
    r"(?<=\s)[A-Za-z](\.)(?=\s)",
    r"[A-Za-z](\.)[A-Za-z](\.)(?:[A-Za-z](\.))?",
    r" (?:Inc|Ltd|Jr|Sr|Co)(\.)",
    r"(?<= )[A-Za-z](\.)",
)
"""Full stops (the groups) that end no sentence: of titles, addresses, numbers, initials and abbreviations."""
_AFTER = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Prof|Capt|Cpt|Lt|He\s|She\s|It\s|They\s|Their\s|Our\s|We\s|But\s|However\s|That\s|This\s|Wherever)"
)
"""What begins a sentence after an abbreviation."""
_ABBREVIATION = re.compile(r"(?:[A-Z]\.[A-Z]\.(?:[A-Z]\.)?| (?:Inc|Ltd|Jr|Sr|Co)\.) ")
_INSIDE = ((".”", "”."), ('."', '".'), ('!"', '"!'), ('?"', '"?'))
"""A mark before a closing quotation mark changes places with it."""


@lru_cache(maxsize=32)
def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences by rules: one ends at every `.`, `?` and `!` but those of abbreviations and numbers.

    Source: what IFEval's and IFBench's checkers call a sentence where they do not count with Punkt.
    """
    text = f" {text}  ".replace("\n", " ")
    ends: set[int] = {match.end() - 1 for match in re.finditer(r"\.{2,}", text)}
    kept = {place for match in re.finditer(r"\.{2,}", text) for place in range(match.start(), match.end())}
    for pattern in _KEPT:
        for match in re.finditer(pattern, text):
            kept.update(match.start(group) for group in range(1, match.re.groups + 1) if match[group])
    for match in _ABBREVIATION.finditer(text):
        if _AFTER.match(text, match.end()):
            ends.add(match.end() - 2)
    pieces, start = [], 0
    for place, character in enumerate(text):
        if place in ends or character in "?!" or (character == "." and place not in kept):
            pieces.append(text[start : place + 1])
            start = place + 1
    return _requoted([*pieces, text[start:]])


def _requoted(pieces: list[str]) -> tuple[str, ...]:
    """Let a quotation mark that follows an end belong to the sentence that it closes; strip, and drop an empty rest."""
    for number in range(len(pieces) - 1):
        for before, _ in _INSIDE:
            mark, quote = before[0], before[1]
            dots = pieces[number].endswith("..")
            if pieces[number].endswith(mark) and pieces[number + 1].startswith(quote) and not dots:
                pieces[number] = pieces[number][:-1] + quote + mark
                pieces[number + 1] = pieces[number + 1][1:]
                break
    found = [piece.strip() for piece in pieces]
    return tuple(found if found[-1] else found[:-1])
