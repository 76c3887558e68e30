"""Results made with the real metrics from plain values, for tests of what is written from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saiten.results.export import export_results
from saiten.results.layout import Layout
from saiten.results.summary import (
    BenchmarkResult,
    Evidence,
    MetricResult,
    RunResult,
    ScoredDocument,
    SubsetResult,
)
from saiten.scoring.metrics import mean
from saiten.types import (
    Benchmark,
    Choice,
    ChoiceScore,
    Dataset,
    Document,
    Generation,
    Language,
    Message,
    Outcome,
    Row,
    RunSpec,
    Sampling,
    Scorable,
    SummaryRow,
    Usage,
)

Values = Sequence[float | None]
"""One value for each document; None: its choice is missing."""


@dataclass(frozen=True, slots=True)
class NoScorer:
    """Has a name, as every scorer."""

    name: str = "none"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Score nothing."""
        for _ in items:
            yield ()


def document(row: Row) -> Document:
    """Make a document."""
    return Document(id=str(row["id"]), turns=(str(row["question"]),))


def benchmark(
    name: str,
    *,
    task: str | None = None,
    subsets: Sequence[str] = ("",),
    language: Language = "ja",
    samples: int = 1,
    summary: Sequence[SummaryRow] | None = None,
) -> Benchmark:
    """Make a benchmark with a compatible metric, `extractive_match`, and a careful one, `accuracy`."""
    return Benchmark(
        name=name,
        task=task or name,
        language=language,
        version=3,
        dataset=Dataset(path=f"org/{name}", split="test", configs={subset: subset or "default" for subset in subsets}),
        document=document,
        prompt="{question}",
        scorer=NoScorer(),
        metrics=(mean("extractive_match"), mean("accuracy", compatible=False, twin="extractive_match")),
        sampling=Sampling(temperature=0.0),
        samples=samples,
        summary=tuple(summary) if summary is not None else (SummaryRow(name=name, metric="extractive_match"),),
    )


def metric_results(made: Benchmark, strata: Sequence[Values]) -> tuple[MetricResult, ...]:
    """Compute the metrics of values by subset."""
    results = []
    missing = any(value is None for values in strata for value in values)
    for metric in made.metrics_for(made.samples):
        known = metric.corpus([[value for value in values if value is not None] for values in strata])
        bounds = None
        if missing:
            ends = (
                metric.corpus([[end if value is None else value for value in values] for values in strata]).value
                for end in (metric.worst, metric.best)
            )
            low, high = ends
            assert low is not None
            assert high is not None
            bounds = (low, high)
        results.append(
            MetricResult(
                name=metric.name,
                compatible=metric.compatible,
                estimate=known,
                bounds=bounds,
                disagreement=0.25 if metric.twin else None,
            )
        )
    return tuple(results)


def evidence(strata: Sequence[Values], **counts: int) -> Evidence:
    """Count choices; a missing one has failed."""
    due = sum(len(values) for values in strata)
    scored = sum(value is not None for values in strata for value in values)
    return Evidence(due=due, answered=scored, scored=scored, failed=due - scored, **counts)


def benchmark_result(made: Benchmark, values: Mapping[str, Values], **changes: Any) -> BenchmarkResult:
    """Make the result of a benchmark from values by subset."""
    counts = {name: changes.pop(name) for name in ("truncated", "repetition", "unclosed") if name in changes}
    fields: dict[str, Any] = {
        "benchmark": made,
        "samples": made.samples,
        "documents": sum(len(part) for part in values.values()),
        "documents_in_dataset": sum(len(part) for part in values.values()),
        "evidence": evidence([*values.values()], **counts),
        "metrics": metric_results(made, [*values.values()]),
        "subsets": tuple(
            SubsetResult(
                subset=subset, documents=len(part), evidence=evidence([part]), metrics=metric_results(made, [part])
            )
            for subset, part in values.items()
        ),
        "dataset_revisions": {made.dataset.path: "abc123"},
    }
    return BenchmarkResult(**(fields | changes))


def run_result(*benchmarks: BenchmarkResult, spec: RunSpec | None = None, **changes: Any) -> RunResult:
    """Make the result of a run."""
    names = tuple(result.benchmark.name for result in benchmarks)
    fields: dict[str, Any] = {
        "spec": spec or RunSpec(model="org/model", provider="vllm", benchmarks=names),
        "directory": Path("results/hosted_vllm/org/model"),
        "benchmarks": benchmarks,
        "started": 1_700_000_000.0,
        "seconds": 12.5,
    }
    return RunResult(**(fields | changes))


STAMP = "2026-01-02T03-04-05.{:06}"


def stored(root: Path, *results: RunResult) -> Layout:
    """Write the results files of several starts of one run, oldest first, and return their layout."""
    place = layout(root)
    for number, result in enumerate(results):
        export_results(result, place, STAMP.format(number))
    return place


def layout(root: Path, spec: RunSpec | None = None) -> Layout:
    """Return a layout below `root`."""
    wanted = spec or RunSpec(model="org/model", provider="vllm", benchmarks=())
    return Layout.of(root, wanted, provider_path="hosted_vllm", litellm_prefix="hosted_vllm")


def generation(text: str | None, **changes: Any) -> Generation:
    """Make a generation."""
    fields: dict[str, Any] = {
        "outcome": Outcome.OK,
        "text": text,
        "finish_reason": "stop",
        "usage": Usage(output_tokens=7),
        "seconds": 0.5,
    }
    return Generation(**(fields | changes))


def scored_document(
    name: str, *, subset: str = "", index: int = 0, texts: Sequence[str | None] = ("A",), **changes: Any
) -> ScoredDocument:
    """Make a scored document with one choice for each text."""
    turn = f"question {index}"
    fields: dict[str, Any] = {
        "benchmark": name,
        "subset": subset,
        "index": index,
        "document": Document(id=f"d{index}", turns=(turn,), target="A"),
        "messages": ((Message(role="system", content="be brief"), Message(role="user", content=turn)),),
        "choices": tuple(Choice(repetition=k, turns=(generation(text),)) for k, text in enumerate(texts)),
        "scores": tuple(
            ChoiceScore(values={"extractive_match": float(text == "A"), "accuracy": float(text == "A")}, extracted=text)
            for text in texts
        ),
        "values": {"extractive_match": float(texts[0] == "A"), "accuracy": 1.0},
    }
    return ScoredDocument(**(fields | changes))
