"""The reference's translations, words and corpus BLEU."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from saiten.scoring.translation import Translation, translation_metrics
from saiten.scoring.translation_span import compatible_span
from saiten.types import Choice, Document, Generation, Language, Outcome
from tests.helpers.extras import needs
from tests.parity.records import records

TARGET: dict[str, Language] = {"en-ja": "ja", "ja-en": "en"}


def test_every_span_is_the_one_that_the_reference_read() -> None:
    wrong = []
    for record in records("wmt_spans"):
        given, expected = record["input"], record["expected"]
        span = compatible_span(given["response"], TARGET[given["direction"]])
        if (span or "", span is not None) != (expected["extracted"], expected["prefix_found"]):
            wrong.append((record["id"], span, expected))
    assert wrong == []


@pytest.mark.parametrize("library", ["janome", "nagisa"])
def test_every_text_is_cut_into_the_words_of_the_reference(library: str) -> None:
    needs("translation")
    from saiten.scoring import translation_words

    wrong = []
    with ExitStack() as stack:
        words = translation_words.janome() if library == "janome" else stack.enter_context(translation_words.nagisa())
        for record in records("wmt_segments"):
            cut = words(record["input"]["text"])
            if cut != record["expected"][library]:
                wrong.append((record["id"], cut, record["expected"][library]))
    assert wrong == []


def test_every_corpus_has_the_bleu_of_the_reference() -> None:
    needs("translation")
    wrong: list[tuple[object, ...]] = []
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
        if [score.extracted or "" for score in scores] != expected["extracted"]:
            wrong.append((record["id"], "extracted", expected["extracted"]))
        for metric in translation_metrics(language):
            if metric.name in expected:
                # A corpus of one document has no interval to compute: only the value is compared here.
                counts = metric.reduce([[score.values[name] for name in metric.value] for score in scores])
                value = metric.corpus([[counts]]).value
                if value is None or round(value, 6) != expected[metric.name]:
                    wrong.append((record["id"], metric.name, value, expected[metric.name]))
    assert wrong == []
