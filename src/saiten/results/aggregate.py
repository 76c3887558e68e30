"""`aggregated_results.json` of one run: the values that people paste into spreadsheets, in their historical order.

`results` and `overall` hold a number for each row; -1 is "no number", as it always was. Why there is none stands in
words under `status`, with bounds under `bounds` where choices are missing. A run over a part of the documents
(`--max-samples`) keeps its numbers and is marked `debug`; a row over a part of its subsets has no number.

Source: reference/benchmarks.md §5. Differs: a row with missing subsets was averaged over the rest without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saiten.results.files import finite, write_json
from saiten.results.layout import Layout
from saiten.results.rows import ROWS
from saiten.results.summary import BenchmarkResult, MetricResult, RunResult, SubsetResult
from saiten.types import Estimate, SummaryRow

NONE = -1
"""How the old files say that there is no number."""
COMPLETE = "complete"
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValue:
    """What one row came to."""

    status: str
    """`complete`, or in words why there is no number."""
    value: float | None = None
    interval: tuple[float, float] | None = None
    """95 %."""
    bounds: tuple[float, float] | None = None
    coverage: float = 0.0
    n: int = 0
    """Documents."""


def write_aggregated(result: RunResult, layout: Layout, custom_settings: Mapping[str, str] | None = None) -> Path:
    """Write aggregated_results.json and return its path."""
    write_json(layout.aggregated, aggregated(result, layout.model_name, custom_settings))
    return layout.aggregated


def aggregated(result: RunResult, model_name: str, custom_settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the content of aggregated_results.json. `custom_settings`: path, name and version of the settings."""
    rows = row_values(result.benchmarks)
    names = [*ROWS, *(name for name in rows if name not in set(ROWS))]
    values = {name: _printed(rows.get(name)) for name in names}
    return {
        "model": model_name,
        "results": values,
        "overall": ",".join(str(value) for value in values.values()),
        "tasks": names,
        "custom_settings": dict(custom_settings or {"path": "", "name": result.spec.settings, "version": ""}),
        "complete": result.complete,
        "debug": result.spec.max_samples is not None,
        "max_samples": result.spec.max_samples,
        "status": {name: rows[name].status if name in rows else NOT_RUN for name in names},
        "coverage": {name: row.coverage for name, row in rows.items()},
        "intervals": {name: list(row.interval) for name, row in rows.items() if row.interval is not None},
        "bounds": {name: list(row.bounds) for name, row in rows.items() if row.bounds is not None},
        "n": {name: row.n for name, row in rows.items()},
    }


def _printed(row: RowValue | None) -> float | int:
    return NONE if row is None or row.value is None else row.value


def row_values(benchmarks: Iterable[BenchmarkResult]) -> dict[str, RowValue]:
    """Return the rows of all benchmarks of a run, in their order. A row that two benchmarks give has no number."""
    rows: dict[str, RowValue] = {}
    owners: dict[str, str] = {}
    for whole in benchmarks:
        for row in whole.benchmark.summary:
            if row.name in owners:
                both = f"{owners[row.name]} and {whole.benchmark.name}"
                rows[row.name] = RowValue(status=f"two benchmarks give this row: {both}")
            else:
                rows[row.name] = row_value(whole, row)
                owners[row.name] = whole.benchmark.name
    return rows


def row_value(whole: BenchmarkResult, row: SummaryRow) -> RowValue:
    """Compute one row: the benchmark's own metric over everything, or the micro average over the row's subsets."""
    wanted = tuple(whole.benchmark.dataset.configs) if row.subsets is None else row.subsets
    parts = [part for part in whole.subsets if part.subset in set(wanted)]
    missing = len(set(wanted)) - len(parts)
    due = sum(part.evidence.due for part in parts)
    scored = sum(part.evidence.scored for part in parts)
    documents = sum(part.documents for part in parts)
    coverage = scored / due if due else 0.0
    if missing:
        return RowValue(status=f"not run: {missing} of {len(set(wanted))} subsets", coverage=coverage, n=documents)
    metric = _whole_metric(whole, row.metric) if row.subsets is None else micro_average(parts, row.metric)
    if metric is None:
        return RowValue(status=f"this run has no metric {row.metric}", coverage=coverage, n=documents)
    if scored < due or metric.bounds is not None:
        between = f"; between {metric.bounds[0]:.4g} and {metric.bounds[1]:.4g}" if metric.bounds else ""
        status = f"incomplete: {scored} of {due} choices scored{between}"
        return RowValue(status=status, bounds=metric.bounds, coverage=coverage, n=documents)
    value = finite(metric.estimate.value)
    if value is None:
        return RowValue(status="the metric gave no finite number", coverage=coverage, n=documents)
    low, high = finite(metric.estimate.low), finite(metric.estimate.high)
    interval = (low, high) if low is not None and high is not None else None
    return RowValue(status=COMPLETE, value=value, interval=interval, coverage=coverage, n=documents)


def _whole_metric(whole: BenchmarkResult, name: str) -> MetricResult | None:
    return next((metric for metric in whole.metrics if metric.name == name), None)


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
