"""`results_{timestamp}.json` in the shape of lighteval 0.8, with our evidence under one new key, `saiten`.

An incomplete task must not look complete to a tool that knows nothing of coverage: its compatible metrics are null,
and so is every average that would contain them. What is known of it, the bounds, stands under `saiten`.

Source: reference/benchmarks.md §4.2 (layout and field names), §1.8 (standard errors, `_average`, `all`).
Differs: bootstrapped standard errors of the old system are too small by sqrt(1000); ours are written instead.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from saiten import __version__
from saiten.datasets import part_of
from saiten.results.files import finite, write_json
from saiten.results.layout import SUITE, Layout, task_key, task_name
from saiten.results.merge import FORMAT
from saiten.results.summary import BenchmarkResult, Evidence, MetricResult, RunResult, SubsetResult
from saiten.results.tally import HASHES, TaskTally
from saiten.types import Metric, RunSpec

OLD_PARAMETERS = (
    "early_stopping", "max_n", "repetition_penalty", "frequency_penalty", "length_penalty", "presence_penalty",
    "max_new_tokens", "min_new_tokens", "seed", "stop_tokens", "temperature", "top_k", "min_p", "top_p",
    "truncate_prompt", "reasoning_effort", "response_format",
)  # fmt: skip
OLD_NAMES = {"max_new_tokens": "max_tokens", "stop_tokens": "stop"}


def export_results(
    result: RunResult, layout: Layout, stamp: str, tallies: Mapping[str, TaskTally] | None = None
) -> Path:
    """Write the results file and return its path. `tallies` by task key, as `DetailsWriter` collected them."""
    path = layout.results_file(stamp)
    write_json(path, results_document(result, layout.model_name, tallies or {}))
    return path


def results_document(result: RunResult, model_name: str, tallies: Mapping[str, TaskTally]) -> dict[str, Any]:
    """Return the content of the results file."""
    tasks = {
        task_key(whole.benchmark, part.subset): (whole, part) for whole in result.benchmarks for part in whole.subsets
    }
    rows = {key: _old_row(part, tallies.get(key)) for key, (_, part) in tasks.items()}
    rows |= _averages(rows)
    summaries = {key: _summary(part, tallies.get(key)) for key, (_, part) in tasks.items()}
    return {
        "config_general": _config_general(result, model_name),
        "results": rows,
        "versions": {key: whole.benchmark.version for key, (whole, _) in tasks.items()},
        "config_tasks": {
            f"{SUITE}|{task_name(whole.benchmark, part.subset)}": _config_task(whole, part, result.spec)
            for whole, part in tasks.values()
        },
        "summary_tasks": summaries,
        "summary_general": _summary_general(summaries),
        "saiten": evidence_document(result),
    }


# -------------------------------------------------------------------------------------------- the old part


def _config_general(result: RunResult, model_name: str) -> dict[str, Any]:
    sampling = result.spec.sampling
    return {
        "lighteval_sha": f"saiten {__version__}",
        "num_fewshot_seeds": 1,
        "override_batch_size": -1,
        "max_samples": result.spec.max_samples,
        "job_id": 0,
        "start_time": result.started,
        "end_time": result.started + result.seconds,
        "total_evaluation_time_secondes": str(result.seconds),  # the old spelling; the old aggregation reads it
        "model_name": model_name,
        "model_sha": result.spec.model_revision or "",
        "model_dtype": None,
        "model_size": "",
        "generation_parameters": {name: getattr(sampling, OLD_NAMES.get(name, name), None) for name in OLD_PARAMETERS},
    }


def _old_row(part: SubsetResult, tally: TaskTally | None) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for metric in part.metrics:
        if not metric.compatible:
            continue
        whole = part.evidence.complete and metric.bounds is None
        row[metric.name] = finite(metric.estimate.value) if whole else None
        if part.documents > 1:
            row[f"{metric.name}_stderr"] = _old_stderr(metric, tally) if whole else None
    return row


def _old_stderr(metric: MetricResult, tally: TaskTally | None) -> float | None:
    """Return the standard error of the mean where the metric is the mean of its documents; ours elsewhere."""
    moments = tally.metrics.get(metric.name) if tally is not None else None
    value = metric.estimate.value
    if moments is None or value is None or not math.isclose(moments.mean, value, rel_tol=1e-9, abs_tol=1e-12):
        return finite(metric.estimate.stderr)
    return moments.stderr


def _averages(rows: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """Return the unweighted means: one for each task with several subsets, and `all`."""
    groups: dict[str, list[Mapping[str, float | None]]] = {}
    for key, row in rows.items():
        suite, task, shots = key.split("|")
        groups.setdefault(f"{suite}|{task.split(':')[0]}:_average|{shots}", []).append(row)
    averages = {key: _mean_row(group) for key, group in groups.items() if len(group) > 1}
    return averages | {"all": _mean_row(list(rows.values()))}


def _mean_row(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for row in rows for name in row)
    mean: dict[str, float | None] = {}
    for name in names:
        values = [row[name] for row in rows if name in row]
        known = [value for value in values if value is not None]
        mean[name] = math.fsum(known) / len(known) if len(known) == len(values) else None
    return mean


def _config_task(whole: BenchmarkResult, part: SubsetResult, spec: RunSpec) -> dict[str, Any]:
    benchmark = whole.benchmark
    dataset = part_of(benchmark.dataset, part.subset)
    return {
        "name": task_name(benchmark, part.subset),
        "prompt_function": getattr(benchmark.document, "__name__", type(benchmark.document).__name__),
        "hf_repo": dataset.path,
        "hf_subset": dataset.configs.get(part.subset, "default"),
        "metric": [_old_metric(metric) for metric in benchmark.metrics_for(whole.samples) if metric.compatible],
        "hf_revision": dataset.revision or _revision(whole, dataset.path),
        "hf_filter": None,
        "hf_avail_splits": [dataset.split],
        "trust_dataset": False,
        "evaluation_splits": [dataset.split],
        "few_shots_split": None,
        "few_shots_select": None,
        "generation_size": None,
        "generation_grammar": None,
        "stop_sequence": [],
        "num_samples": [whole.samples] if whole.samples > 1 else None,
        "suite": [SUITE],
        "original_num_docs": _original_documents(whole, part, spec),
        "effective_num_docs": part.documents,
        "must_remove_duplicate_docs": False,
        "version": benchmark.version,
    }


def _revision(whole: BenchmarkResult, repository: str) -> str | None:
    """Return the one commit that a repository was read at."""
    known = whole.dataset_revisions
    revisions = {known[place] for place in known if place == repository or place.startswith(f"{repository}:")}
    return revisions.pop() if len(revisions) == 1 else None


def _old_metric(metric: Metric) -> dict[str, Any]:
    return {
        "metric_name": metric.name,
        "higher_is_better": metric.best is None or metric.worst is None or metric.best >= metric.worst,
        "category": "GENERATIVE",
        "use_case": "ACCURACY",
    }


def _original_documents(whole: BenchmarkResult, part: SubsetResult, spec: RunSpec) -> int:
    """Return the documents that a subset has in its dataset; -1 (old: unknown) where only a total is known."""
    if len(whole.subsets) == 1:
        return whole.documents_in_dataset
    return part.documents if spec.max_samples is None or part.documents < spec.max_samples else -1


def _summary(part: SubsetResult, tally: TaskTally | None) -> dict[str, Any]:
    return {
        "hashes": dict(tally.hashes()) if tally is not None else dict.fromkeys(HASHES, ""),
        "truncated": 0,  # the old field counts cut prompts, and we never cut one; cut answers are under `saiten`
        "non_truncated": part.documents,
        "padded": 0,
        "non_padded": part.documents,
        "effective_few_shots": 0.0,
        "num_truncated_few_shots": 0,
    }


def _summary_general(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    def joined(name: str) -> str:
        texts = [summaries[key]["hashes"][name] for key in sorted(summaries)]
        return hashlib.blake2b("".join(texts).encode(), digest_size=8).hexdigest() if all(texts) else ""

    counts = ("truncated", "non_truncated", "padded", "non_padded", "num_truncated_few_shots")
    return {
        "hashes": {name: joined(name) for name in HASHES},
        **{name: sum(summary[name] for summary in summaries.values()) for name in counts},
    }


# -------------------------------------------------------------------------------------------- our own part


def evidence_document(result: RunResult) -> dict[str, Any]:
    """Return our own block: every number with its doubt, and what is missing."""
    return {
        "format": FORMAT,
        "version": __version__,
        "complete": result.complete,
        "debug": result.spec.max_samples is not None,
        "spec": _spec(result.spec),
        "warnings": list(result.warnings),
        "cost": result.cost,
        "benchmarks": {whole.benchmark.name: _benchmark(whole) for whole in result.benchmarks},
    }


def _spec(spec: RunSpec) -> dict[str, Any]:
    """Return the fields that are known to hold no secret; `extra_body` is the user's own and could."""
    names = (
        *("model", "provider", "model_revision", "settings", "system_message", "samples", "max_samples"),
        *("reasoning_parser", "prompts", "continuation", "judge_model", "judge_reasoning_effort"),
    )
    sampling = {name: value for name, value in asdict(spec.sampling).items() if value is not None}
    sampling.pop("extra_body", None)
    told = {name: getattr(spec, name) for name in names}
    return told | {"benchmarks": list(spec.benchmarks), "sampling": sampling}


def _benchmark(whole: BenchmarkResult) -> dict[str, Any]:
    benchmark = whole.benchmark
    return {
        "task": benchmark.task,
        "version": benchmark.version,
        "scorer": {"name": benchmark.scorer.name, "version": benchmark.scorer.version},
        "samples": whole.samples,
        "continuation": benchmark.continuation,
        "judge": whole.judge,
        "documents": whole.documents,
        "documents_in_dataset": whole.documents_in_dataset,
        "dataset_revisions": dict(whole.dataset_revisions),
        "notes": list(whole.notes),
        "configs": list(benchmark.dataset.configs),
        "rows": [msgspec.structs.asdict(row) for row in benchmark.summary],
        "evidence": evidence_values(whole.evidence),
        "metrics": _metrics(whole),
        "subsets": {
            part.subset: {
                "documents": part.documents,
                "evidence": evidence_values(part.evidence),
                "metrics": _metrics(part),
            }
            for part in whole.subsets
            if part.subset
        },
    }


def _metrics(part: BenchmarkResult | SubsetResult) -> dict[str, Any]:
    return {metric.name: metric_values(metric, complete=part.evidence.complete) for metric in part.metrics}


def evidence_values(evidence: Evidence) -> dict[str, Any]:
    """Return the counts of choices, with their coverage."""
    return {"coverage": evidence.coverage, "complete": evidence.complete, **msgspec.structs.asdict(evidence)}


def metric_values(metric: MetricResult, *, complete: bool) -> dict[str, Any]:
    """Return one metric. With choices missing it has no value, only bounds; what the scored documents alone give
    stands under a name that says so.
    """
    estimate = metric.estimate
    numbers = {name: finite(getattr(estimate, name)) for name in ("value", "stderr", "low", "high")}
    whole = complete and metric.bounds is None
    told: dict[str, Any] = {
        "compatible": metric.compatible,
        **(numbers if whole else dict.fromkeys(numbers)),
        "n": estimate.n,
        "bounds": None if metric.bounds is None else [finite(bound) for bound in metric.bounds],
    }
    if not whole:
        told["over_scored_documents_only"] = numbers
    if metric.disagreement is not None:
        told["disagreement"] = metric.disagreement
    return told
