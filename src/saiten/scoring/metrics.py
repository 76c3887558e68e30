"""Metrics as values: what turns the choices' values into a document's, and the documents' into a number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

from saiten.scoring import statistics
from saiten.types import Metric


def mean(name: str, *, value: str | None = None, compatible: bool = True, twin: str | None = None) -> Metric:
    """The mean over choices, then over documents. `value`: which of the scorer's values; None: the one named `name`."""
    return Metric(
        name=name,
        value=value or name,
        reduce=statistics.mean,
        corpus=statistics.mean_estimate,
        compatible=compatible,
        twin=twin,
    )


def careful(name: str = "accuracy", *, twin: str = "extractive_match", value: str | None = None) -> Metric:
    """The mean of saiten's own, careful reading; `twin` is the compatible metric that it is compared with."""
    return mean(name, value=value, compatible=False, twin=twin)


def pass_at(
    k: int, samples: int, *, name: str, value: str = "passed", compatible: bool = True, twin: str | None = None
) -> Metric:
    """The probability that one of k choices is right, estimated from `samples` choices of each document.

    A choice is right if its value is 1. Raises ValueError if `samples` < k.
    """
    if samples < k:
        raise ValueError(f"{name}: pass@{k} needs at least {k} choices of each document, not {samples}")
    return Metric(
        name=name,
        value=value,
        reduce=partial(_passed, k),
        corpus=statistics.mean_estimate,
        compatible=compatible,
        twin=twin,
    )


def _passed(k: int, values: Sequence[float]) -> float:
    return statistics.pass_at_k(len(values), sum(value >= 1.0 for value in values), k)


Vote = tuple[float, float]
"""The class of a choice's answer (equal answers to a document have equal classes), and whether it is right."""
UNKNOWN = math.inf
"""The class of an answer that is missing: a bound counts it with the most frequent right, or wrong, answer."""


def majority_at(
    k: int, samples: int, *, name: str, value: tuple[str, str], compatible: bool = True, twin: str | None = None
) -> Metric:
    """The probability that the most frequent answer of k choices is right, estimated from `samples` choices.

    `value`: the scorer's values that are the class of an answer and whether it is right. Not to answer is a class of
    its own, and takes part in the vote. Raises ValueError if `samples` < k.
    """
    if samples < k:
        raise ValueError(f"{name}: maj@{k} needs at least {k} choices of each document, not {samples}")
    return Metric(
        name=name,
        value=value,
        reduce=partial(_majority, k),
        corpus=statistics.mean_estimate,
        worst=(UNKNOWN, 0.0),
        best=(UNKNOWN, 1.0),
        compatible=compatible,
        twin=twin,
    )


def _majority(k: int, votes: Sequence[Vote]) -> float:
    """Reduce a document's votes. A class is right if the last of its choices is, as in the reference."""
    right_classes = {kind: right >= 1.0 for kind, right in votes}
    missing = Counter(right >= 1.0 for kind, right in votes if kind == UNKNOWN)
    counts = Counter(kind for kind, _ in votes if kind != UNKNOWN)
    sizes = {
        right: sorted((count for kind, count in counts.items() if right_classes[kind] is right), reverse=True)
        for right in (True, False)
    }
    for right, more in missing.items():
        sizes[right][:1] = [(sizes[right] or [0])[0] + more]
    return statistics.maj_at_k(tuple(sizes[True]), tuple(sizes[False]), k)


def answered(samples: int) -> tuple[Metric, ...]:
    """The metrics of a benchmark whose scorer reads an answer out of a text (`ChoiceLetter`, `MathAnswer`).

    The means of the compatible reading and of the careful one; of several samples also pass@k and maj@k of both, for
    k = 1, 2, 4, … and `samples`.
    """
    metrics = [mean("extractive_match"), careful()]
    for k in _powers(samples) if samples > 1 else ():
        passed, voted = f"extractive_match_pass@{k}:{samples}", f"extractive_match_maj@{k}:{samples}"
        metrics += [
            pass_at(k, samples, name=passed, value="extractive_match"),
            pass_at(k, samples, name=f"accuracy_pass@{k}:{samples}", value="accuracy", compatible=False, twin=passed),
            majority_at(k, samples, name=voted, value=("extracted_class", "extractive_match")),
            majority_at(
                k,
                samples,
                name=f"accuracy_maj@{k}:{samples}",
                value=("stated_class", "accuracy"),
                compatible=False,
                twin=voted,
            ),
        ]
    return tuple(metrics)


def _powers(samples: int) -> list[int]:
    """Return 1, 2, 4, … below `samples`, and `samples`."""
    return [*(1 << exponent for exponent in range((samples - 1).bit_length())), samples]
