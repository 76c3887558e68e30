"""Cutting Japanese into words before BLEU counts them, with the libraries that only translation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from saiten.errors import UserError
from saiten.scoring.translation_nagisa import ENCODING, LIMITS
from saiten.scoring.workers import WorkerDiedError, WorkerPool

Words = Callable[[str], str]
"""From a text to its words with spaces between."""


def needed(module: str, package: str) -> Any:
    """Import a library of the extra `translation`. UserError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise _missing(package, str(error)) from error


def _missing(package: str, why: str) -> UserError:
    return UserError(
        f"scoring translations needs {package}, which cannot be loaded ({why}); install it with: "
        "pip install 'saiten[translation]', then: saiten score RUN (nothing is asked again)"
    )


@cache
def janome() -> Words:
    """Return Janome's segmentation (MeCab-IPADIC): all tokens, white space among them, joined by spaces."""
    tokenizer = needed("janome.tokenizer", "janome").Tokenizer(wakati=True)
    return lambda text: " ".join(tokenizer.tokenize(text))


@contextmanager
def nagisa() -> Iterator[Words]:
    """Give Nagisa's segmentation, which also narrows full-width letters and digits. It runs in a worker process.

    A text that the worker dies of (the limits are far above any answer's length) stays in one piece.
    UserError: Nagisa is not installed or does not start.
    """
    if find_spec("nagisa") is None:
        raise _missing("nagisa", "not installed")
    with WorkerPool("saiten.scoring.translation_nagisa", size=1, limits=LIMITS) as pool:
        try:
            pool.submit(b"").result()
        except WorkerDiedError as error:
            raise _missing("nagisa", "python -c 'import nagisa' tells why") from error

        def words(text: str) -> str:
            try:
                return pool.submit(text.encode(*ENCODING)).result().decode(*ENCODING)
            except WorkerDiedError:
                return text

        yield words


def as_it_is(text: str) -> str:
    """Return the text itself: languages that write spaces."""
    return text


@cache
def bleu() -> Any:
    """Return sacreBLEU's BLEU with tokeniser 13a.

    The effective order matters only for a sentence's own score, not for its statistics, and spares a warning.
    """
    return needed("sacrebleu.metrics.bleu", "sacrebleu").BLEU(tokenize="13a", effective_order=True)
