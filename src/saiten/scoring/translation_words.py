"""Cutting Japanese into words before BLEU counts them, with the libraries that only translation needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from saiten.errors import UserError

Words = Callable[[str], str]
"""From a text to its words with spaces between."""


def needed(module: str, package: str) -> Any:
    """Import a library of the extra `translation`. UserError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"scoring translations needs {package}, which is not installed ({error}); install it with: "
            "pip install 'saiten[translation]', then: saiten score RUN (nothing is asked again)"
        ) from error


@cache
def janome() -> Words:
    """Return Janome's segmentation (MeCab-IPADIC): all tokens, white space among them, joined by spaces."""
    tokenizer = needed("janome.tokenizer", "janome").Tokenizer(wakati=True)
    return lambda text: " ".join(tokenizer.tokenize(text))


@cache
def nagisa() -> Words:
    """Return Nagisa's segmentation, which also narrows full-width letters and digits."""
    tagger = needed("nagisa", "nagisa")
    return lambda text: " ".join(tagger.wakati(text))


def as_it_is(text: str) -> str:
    """Return the text itself: languages that write spaces."""
    return text


@cache
def bleu() -> Any:
    """Return sacreBLEU's BLEU with tokeniser 13a.

    The effective order matters only for a sentence's own score, not for its statistics, and spares a warning.
    """
    return needed("sacrebleu.metrics.bleu", "sacrebleu").BLEU(tokenize="13a", effective_order=True)
