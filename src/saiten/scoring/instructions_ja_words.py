"""Words, sentences and languages of Japanese answers, by the libraries that only instruction following needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from saiten.errors import UserError

LANGUAGES = frozenset(
    (
        *("ar", "bg", "bn", "de", "en", "es", "fa", "fi", "fr", "gu", "he", "hi", "it", "ja", "kn", "ko", "ml"),
        *("mr", "ne", "pa", "pl", "pt", "ru", "sw", "ta", "te", "th", "uk", "ur", "vi"),
    )
)
"""Codes of the languages that an instruction may ask for."""


LONGEST_SENTENCE = 20_000
"""Characters after which lines are not joined further: joining takes quadratic time, and a loop may end in の."""


def _needed(module: str, package: str) -> Any:
    """Import a library of the extra `instructions`. UserError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"checking instructions needs {package}, which is not installed ({error}); install it with: "
            "pip install 'saiten[instructions]', then: saiten score RUN (nothing is asked again)"
        ) from error


def require() -> None:
    """Import everything that a checker may need. UserError where something is missing."""
    _tokenizer()
    _segmenter()
    _detector()


@cache
def _tokenizer() -> Any:
    return _needed("janome.tokenizer", "janome").Tokenizer()


@lru_cache(maxsize=32)
def tokens(text: str) -> tuple[tuple[str, str], ...]:
    """Return Janome's tokens: surface, and part of speech as `名詞,一般,*,*`."""
    return tuple((token.surface, token.part_of_speech) for token in _tokenizer().tokenize(text))


@cache
def _segmenter() -> Callable[[str], Any]:
    package, root = "ja-sentence-segmenter", "ja_sentence_segmenter"
    normalize = _needed(f"{root}.normalize.neologd_normalizer", package).normalize
    concatenate = _needed(f"{root}.concatenate.simple_concatenator", package).concatenate_matching
    splitter = _needed(f"{root}.split.simple_splitter", package)

    def segment(text: str) -> Any:
        lines = splitter.split_newline(normalize(text))
        joined = concatenate(
            lines,
            former_matching_rule=r"^(?P<result>.+)(の)$",
            remove_former_matched=False,
            max_concatenate_length=LONGEST_SENTENCE,
        )
        return splitter.split_punctuation(joined, punctuations=r"。!?")

    return segment


def sentences(text: str) -> int:
    """Return how many sentences there are.

    The text is normalised as for mecab-neologd, a line that ends in の goes on in the next one, and 。, ! and ? end a
    sentence, except between 「」 and ().
    """
    return sum(1 for _ in _segmenter()(text))


@cache
def _detector() -> Any:
    langdetect = _needed("langdetect", "langdetect")
    langdetect.DetectorFactory.seed = 0
    return langdetect


def language(text: str) -> str | None:
    """Return the code of the likeliest language, or None where the text has no letters to tell by."""
    detector = _detector()
    try:
        return str(detector.detect(text))
    except detector.LangDetectException:
        return None
