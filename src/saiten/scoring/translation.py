"""The scorer of translations: BLEU and chrF from sums of each sentence's counts.

A sentence's counts (sufficient statistics) add up, so a corpus score, its score over a subset and every resample of
the bootstrap are sums and one formula. Values of a choice are these counts, named `PREFIX_correct_1` and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from msgspec import Struct

from saiten.scoring import translation_words as words
from saiten.scoring.chrf import CHRF_COUNTS, chrf, chrf_counts
from saiten.scoring.statistics import bootstrap
from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.scoring.translation_span import careful_span, compatible_span
from saiten.types import Choice, ChoiceScore, Estimate, Extra, Language, Metric, Scorable

BLEU_COUNTS = (
    *(f"correct_{n}" for n in range(1, 5)),
    *(f"total_{n}" for n in range(1, 5)),
    "hypothesis_words",
    "reference_words",
)
"""n-grams of the translation that the reference has, all its n-grams, and both lengths in tokens."""
SEED = 0
INTO_JAPANESE = Extra(name="translation", modules=("janome", "nagisa", "sacrebleu"))
INTO_ENGLISH = Extra(name="translation", modules=("sacrebleu",))


class Translation(Struct, frozen=True):
    """How near a translation is to the reference, `document.target`. Values of each choice are counts:

    bleu_…: of the span that the old system read (`compatible_span` of `compatible_text`); no span counts as an empty
    translation. Into Japanese both sides are first cut into words by Janome.
    bleu_lmevalja_…: the same by Nagisa; only into Japanese.
    bleu_careful_…, chrf_…: of the span that a careful person reads (`careful_span`), of the text after closed
    reasoning; no such text is an empty translation. chrF reads characters and needs no words.

    sacreBLEU's signature: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp (compared with version 2.5.1 of the reference).
    """

    language: Language
    """What is translated into."""

    @property
    def name(self) -> str:
        return f"translation_{self.language}"

    @property
    def version(self) -> int:
        return 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each item's choices, in order. UserError: a library of the extra is missing."""
        words.bleu()
        with ExitStack() as stack:
            cut: dict[str, words.Words] = {"bleu": words.as_it_is}
            if self.language == "ja":
                cut = {"bleu": words.janome(), "bleu_lmevalja": stack.enter_context(words.nagisa())}
            for document, choices in items:
                reference = document.target.rstrip()
                sides = {name: (segment, segment(reference)) for name, segment in cut.items()}
                yield tuple(self._score(choice, reference, sides) for choice in choices)

    def _score(self, choice: Choice, reference: str, sides: dict[str, tuple[words.Words, str]]) -> ChoiceScore:
        generation = answer(choice)
        span = compatible_span(compatible_text(generation), self.language)
        text = answer_text(generation)
        careful = None if text is None else careful_span(text, self.language)
        values: dict[str, float] = {}
        for name, (segment, gold) in sides.items():
            values |= _named(name, BLEU_COUNTS, bleu_counts(segment(span or ""), gold))
        segment, gold = sides["bleu"]
        if careful == span:
            values |= {f"bleu_careful_{count}": values[f"bleu_{count}"] for count in BLEU_COUNTS}
        else:
            values |= _named("bleu_careful", BLEU_COUNTS, bleu_counts(segment(careful or ""), gold))
        values |= _named("chrf", CHRF_COUNTS, chrf_counts(careful or "", reference))
        note = "" if careful == span else f"careful reading: {'no translation' if careful is None else careful}"
        return ChoiceScore(values=values, extracted=span, note=note)


def _named(prefix: str, names: Sequence[str], counts: Sequence[float]) -> dict[str, float]:
    return {f"{prefix}_{name}": float(count) for name, count in zip(names, counts, strict=True)}


def bleu_counts(hypothesis: str, reference: str) -> tuple[int, ...]:
    """Return a sentence's counts for BLEU, in the order of BLEU_COUNTS, as sacreBLEU (13a) counts them."""
    score = words.bleu().sentence_score(hypothesis, [reference])
    return (*score.counts, *score.totals, score.sys_len, score.ref_len)


def bleu(sentences: Sequence[Sequence[float]]) -> float:
    """Return corpus BLEU, 0 to 100, from its sentences' counts.

    Up to 4-grams, exponential smoothing of orders without any match, no effective order.
    Source: Papineni et al., ACL 2002; Post, arXiv:1804.08771 (sacreBLEU, which computes it).
    """
    sums = [int(sum(column)) for column in zip(*sentences, strict=True)]
    *counts, hypothesis_words, reference_words = sums
    score = words.bleu().compute_bleu(counts[:4], counts[4:], hypothesis_words, reference_words, smooth_method="exp")
    return float(score.score)


def _added(counts: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Reduce a document's choices: each counts as a sentence of its own."""
    return tuple(map(sum, zip(*counts, strict=True)))


def _corpus(
    statistic: Callable[[Sequence[Sequence[float]]], float], strata: Sequence[Sequence[Sequence[float]]]
) -> Estimate:
    return bootstrap(statistic, strata, seed=SEED)


def _metric(
    name: str, statistic: Callable[[Sequence[Sequence[float]]], float], counts: Sequence[str], twin: str | None
) -> Metric:
    return Metric(
        name=name,
        value=tuple(f"{name}_{count}" for count in counts),
        reduce=_added,
        corpus=partial(_corpus, statistic),
        worst=None,
        best=None,
        compatible=name in {"bleu", "bleu_lmevalja"},
        twin=twin,
    )


def translation_metrics(language: Language) -> tuple[Metric, ...]:
    """The metrics of translations into `language`, from 0 to 100, with bootstrap intervals.

    A missing choice cannot be bounded: how much it adds to a corpus score depends on its unknown length.
    """
    return (
        _metric("bleu", bleu, BLEU_COUNTS, None),
        *([_metric("bleu_lmevalja", bleu, BLEU_COUNTS, None)] if language == "ja" else []),
        _metric("bleu_careful", bleu, BLEU_COUNTS, "bleu"),
        _metric("chrf", chrf, CHRF_COUNTS, None),
    )
