"""Metrics as values: what turns the choices' values into a document's, and the documents' into a number."""

from __future__ import annotations

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
