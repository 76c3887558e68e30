"""The reference's translations, words and corpus BLEU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from saiten.scoring.translation import Translation, translation_metrics
from saiten.scoring.translation_span import compatible_span
from saiten.types import Choice, Document, Generation, Language, Outcome
from tests.helpers.extras import needs
from tests.parity.records import Compared, records

TARGET: dict[str, Language] = {"en-ja": "ja", "ja-en": "en"}


def compared_wmt_spans() -> Iterator[Compared]:
    """The translation in an answer, and whether there is one."""
    for record in records("wmt_spans"):
        given, expected = record["input"], record["expected"]
        span = compatible_span(given["response"], TARGET[given["direction"]])
        yield record["id"], (expected["extracted"], expected["prefix_found"]), (span or "", span is not None)


def compared_wmt_segments() -> Iterator[Compared]:
    """Words by Janome and by Nagisa."""
    needs("translation")
    from saiten.scoring import translation_words

    with ExitStack() as stack:
        janome, nagisa = translation_words.janome(), stack.enter_context(translation_words.nagisa())
        for record in records("wmt_segments"):
            text, expected = record["input"]["text"], record["expected"]
            yield record["id"], (expected["janome"], expected["nagisa"]), (janome(text), nagisa(text))


def compared_wmt_corpora() -> Iterator[Compared]:
    """Translations and BLEU, to 6 decimals."""
    needs("translation")
    for record in records("wmt_corpora"):
        given, expected = record["input"], record["expected"]
        language = TARGET[given["direction"]]
        items = [
            (
                Document(id=str(number), turns=("?",), target=reference),
                (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=response),)),),
            )
            for number, (response, reference) in enumerate(zip(given["responses"], given["references"], strict=True))
        ]
        scores = [score for (score,) in Translation(language=language).score(items)]
        got: dict[str, object] = {"extracted": [score.extracted or "" for score in scores]}
        for metric in translation_metrics(language):
            if metric.name in expected:
                # A corpus of one document has no interval to compute: only the value is compared here.
                counts = metric.reduce([[score.values[name] for name in metric.value] for score in scores])
                value = metric.corpus([[counts]]).value
                got[metric.name] = None if value is None else round(value, 6)
        yield record["id"], expected, got
