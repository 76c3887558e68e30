"""The rows of one run from all of its results files: each start of the run wrote one, over the benchmarks it was for.

Of each subset the newest file counts. A file over a part of the documents (`--max-samples`) stands aside where there
are full ones, however old, unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from saiten.results.files import finite
from saiten.results.micro import micro_average
from saiten.results.row import COMPLETE, NOTHING, RowValue, listed
from saiten.results.stored import ResultsFile, section
from saiten.results.summary import Evidence, MetricResult, SubsetResult
from saiten.types import Estimate, SummaryRow
from saiten.values import replace

FORMAT = 2
"""Of the block `saiten` in a results file."""
SPECIFIES = ("model_revision", "system_message", "sampling", "reasoning_parser", "prompts")
"""What should be the same in all files of a run."""


class StoredMetric(Struct, frozen=True, kw_only=True):
    """A metric as `export.metric_values` wrote it."""

    compatible: bool
    value: float | None
    stderr: float | None
    low: float | None
    high: float | None
    n: int
    bounds: tuple[float | None, float | None] | None = None

    def result(self, name: str) -> MetricResult:
        """Return the metric."""
        low, high = self.bounds or (None, None)
        return MetricResult(
            name=name,
            compatible=self.compatible,
            estimate=Estimate(value=self.value, stderr=self.stderr, low=self.low, high=self.high, n=self.n),
            bounds=None if low is None or high is None else (low, high),
        )


class StoredPart(Struct, frozen=True, kw_only=True):
    """A subset of a benchmark in a results file."""

    documents: int
    evidence: Evidence
    metrics: Mapping[str, StoredMetric]

    def result(self, subset: str) -> SubsetResult:
        """Return the subset's result."""
        metrics = tuple(metric.result(name) for name, metric in self.metrics.items())
        return SubsetResult(subset=subset, documents=self.documents, evidence=self.evidence, metrics=metrics)


class StoredBenchmark(Struct, frozen=True, kw_only=True):
    """A benchmark in a results file: the whole, and its subsets where they have names."""

    documents: int
    evidence: Evidence
    metrics: Mapping[str, StoredMetric]
    subsets: Mapping[str, StoredPart]
    configs: tuple[str, ...]
    """All subsets that the benchmark has, run or not."""
    rows: tuple[SummaryRow, ...]

    def parts(self) -> Mapping[str, StoredPart]:
        """Return the subsets; the whole under the name "" where they have none."""
        whole = StoredPart(documents=self.documents, evidence=self.evidence, metrics=self.metrics)
        return self.subsets or {"": whole}


class Block(Struct, frozen=True, kw_only=True):
    """What one results file tells."""

    benchmarks: Mapping[str, StoredBenchmark]
    spec: Mapping[str, Any]
    max_samples: int | None
    """K where the run was a trial over the first K documents of each subset. Small subsets may have no more than those:
    their results are a trial's nevertheless, so that a trial is one throughout."""
    file: str
    """Its name, which sorts by time."""


class Merged(Struct, frozen=True, kw_only=True):
    """One benchmark over all files."""

    name: str
    stored: StoredBenchmark
    """As the newest file has it."""
    parts: Mapping[str, SubsetResult]
    trials: Mapping[str, int]
    """Subset -> K, where only its first K documents count."""
    files: frozenset[str]
    """Names of the results files that the parts come from."""
    whole: tuple[MetricResult, ...] = ()
    """The metrics over all parts, where one file has them all; empty: they come from several."""


def read_block(file: ResultsFile) -> Block | None:
    """Return what a results file of this system tells. None: it is of the old system or an earlier version."""
    told = section(file.data, "saiten")
    if told.get("format") != FORMAT:
        return None
    try:
        benchmarks = msgspec.convert(told.get("benchmarks"), Mapping[str, StoredBenchmark])
    except msgspec.ValidationError:
        return None
    spec = section(told, "spec")
    return Block(benchmarks=benchmarks, spec=spec, max_samples=file.max_samples, file=file.path.name)


def merge(blocks: Sequence[Block], *, allow_debug: bool = False) -> list[Merged]:
    """Return the benchmarks of all files, in the order of their first one. `blocks`: oldest first."""
    found: dict[str, dict[str, Block]] = {}
    for block in blocks:
        for name, stored in block.benchmarks.items():
            chosen = found.setdefault(name, {})
            for subset in stored.parts():
                earlier = chosen.get(subset)
                if earlier is None or allow_debug or block.max_samples is None or earlier.max_samples is not None:
                    chosen[subset] = block
    return [_merged(name, chosen) for name, chosen in found.items()]


def _merged(name: str, chosen: Mapping[str, Block]) -> Merged:
    newest = max(chosen.values(), key=lambda block: block.file)
    one = all(block is newest for block in chosen.values())
    stored = newest.benchmarks[name]
    whole = tuple(metric.result(key) for key, metric in stored.metrics.items())
    return Merged(
        name=name,
        stored=stored,
        parts={subset: block.benchmarks[name].parts()[subset].result(subset) for subset, block in chosen.items()},
        trials={subset: block.max_samples for subset, block in chosen.items() if block.max_samples is not None},
        files=frozenset(block.file for block in chosen.values()),
        whole=whole if one and set(chosen) == set(stored.parts()) else (),
    )


def row_values(benchmarks: Iterable[Merged], *, allow_debug: bool = False) -> dict[str, RowValue]:
    """Return the rows of all benchmarks, in their order. A row that two benchmarks give has no number."""
    benchmarks = list(benchmarks)
    full = any(set(merged.parts) - set(merged.trials) for merged in benchmarks)
    rows: dict[str, RowValue] = {}
    owners: dict[str, str] = {}
    for merged in benchmarks:
        for row in merged.stored.rows:
            if row.name in owners:
                both = f"{owners[row.name]} and {merged.name}"
                rows[row.name] = RowValue(status=f"two benchmarks give this row: {both}")
            else:
                rows[row.name] = row_value(merged, row, mixed=full and not allow_debug)
                owners[row.name] = merged.name
    return rows


def row_value(merged: Merged, row: SummaryRow, *, mixed: bool = False) -> RowValue:
    """Compute one row: the benchmark's own metric over everything, or the micro average over the row's subsets.

    `mixed`: there are full results beside this benchmark's, with which no trial is to be mixed.
    """
    wanted = merged.stored.configs if row.subsets is None else row.subsets
    parts = [merged.parts[subset] for subset in wanted if subset in merged.parts]
    missing = [subset for subset in wanted if subset not in merged.parts]
    if not parts:
        return NOTHING
    due = sum(part.evidence.due for part in parts)
    scored = sum(part.evidence.scored for part in parts)
    told = RowValue(status="", coverage=scored / due if due else 0.0, n=sum(part.documents for part in parts))
    if missing:
        return replace(told, status=f"not run: {len(missing)} of {len(wanted)} subsets ({listed(missing)})")
    metric = _metric(merged, row, parts)
    if metric is None:
        return replace(told, status=f"this run has no metric {row.metric}")
    if scored < due or metric.bounds is not None:
        between = f"; between {metric.bounds[0]:.4g} and {metric.bounds[1]:.4g}" if metric.bounds else ""
        return replace(told, status=f"incomplete: {scored} of {due} choices scored{between}", bounds=metric.bounds)
    trial = _trial(merged, wanted)
    if trial and mixed:
        return replace(told, status=f"{trial}; not mixed with full results (--allow-debug does)")
    return _valued(told, metric.estimate, trial or COMPLETE)


def _valued(told: RowValue, estimate: Estimate, status: str) -> RowValue:
    value, low, high = finite(estimate.value), finite(estimate.low), finite(estimate.high)
    if value is None:
        return replace(told, status="the metric gave no finite number")
    return replace(
        told, status=status, value=value, interval=(low, high) if low is not None and high is not None else None
    )


def _metric(merged: Merged, row: SummaryRow, parts: Sequence[SubsetResult]) -> MetricResult | None:
    if row.subsets is None and merged.whole:
        return next((metric for metric in merged.whole if metric.name == row.metric), None)
    return micro_average(parts, row.metric)


def _trial(merged: Merged, wanted: Sequence[str]) -> str:
    sizes = sorted({merged.trials[subset] for subset in wanted if subset in merged.trials})
    return f"debug: the first {' or '.join(map(str, sizes))} documents of each subset" if sizes else ""


def different_specifications(blocks: Sequence[Block]) -> list[str]:
    """Return, in words, what the files of one run were measured with differently."""
    words = []
    for name in SPECIFIES:
        values = {repr(block.spec.get(name)) for block in blocks}
        if len(values) > 1:
            words.append(f"the results were measured with different {name}: {', '.join(sorted(values))}")
    return words
