"""The mean of a metric over subsets, with its doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saiten.results.summary import MetricResult, SubsetResult
from saiten.types import Estimate


def micro_average(parts: Sequence[SubsetResult], name: str) -> MetricResult | None:
    """Average a metric over subsets, each weighted with its documents. None where a subset does not have it.

    The interval recovers each subset's doubt from its own limits, so that it does not vanish where every subset is
    at 0 or 1.
    Source: G. Zou, W. Huang, X. Zhang, A note on confidence interval estimation for a linear function of binomial
    proportions, Computational Statistics & Data Analysis 53 (2009) 1080-1085.
    """
    metrics = [metric for part in parts for metric in part.metrics if metric.name == name]
    total = sum(part.documents for part in parts)
    if len(metrics) != len(parts) or not metrics or not total:
        return None
    if len(metrics) == 1:
        return metrics[0]
    weights = [part.documents / total for part in parts]
    estimates = [metric.estimate for metric in metrics]
    value = _weighted(weights, [estimate.value for estimate in estimates])
    errors = [None if e.stderr is None else e.stderr * w for e, w in zip(estimates, weights, strict=True)]
    down = [None if e.value is None or e.low is None else e.value - e.low for e in estimates]
    up = [None if e.value is None or e.high is None else e.high - e.value for e in estimates]
    below, above = _root_of_squares(_times(weights, down)), _root_of_squares(_times(weights, up))
    bounds = None
    if any(metric.bounds is not None for metric in metrics):
        ends = [metric.bounds or (metric.estimate.value, metric.estimate.value) for metric in metrics]
        low, high = (_weighted(weights, [end[side] for end in ends]) for side in (0, 1))
        bounds = None if low is None or high is None else (low, high)
    return MetricResult(
        name=name,
        compatible=metrics[0].compatible,
        estimate=Estimate(
            value=value,
            stderr=_root_of_squares(errors),
            low=None if value is None or below is None else value - below,
            high=None if value is None or above is None else value + above,
            n=sum(estimate.n for estimate in estimates),
        ),
        bounds=bounds,
    )


def _times(weights: Sequence[float], values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else weight * value for weight, value in zip(weights, values, strict=True)]


def _weighted(weights: Sequence[float], values: Sequence[float | None]) -> float | None:
    products = [product for product in _times(weights, values) if product is not None]
    return math.fsum(products) if len(products) == len(values) else None


def _root_of_squares(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.sqrt(math.fsum(value * value for value in known)) if len(known) == len(values) else None
