"""The old system's aggregation, number for number, over results files of any age; and in words what it left unsaid.

Of each `task:subset` one entry counts, the one of the latest file (suite and few-shot number are not looked at). A row
is a metric of one task, or its mean over subsets, weighted with their documents; subsets that are missing are left
out, and what cannot be computed is -1. All of this is kept. Added: each row says what is missing, and results over a
part of the documents (`--max-samples`) stand aside where there are full ones, unless they are asked for.

Source: reference/benchmarks.md §5; scripts/aggregate_results.py of swallow-evaluation-instruct@3520211.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from saiten.results.row import COMPLETE, NOTHING, RowValue, listed
from saiten.results.rows import RULES, SUBSETS, Rule
from saiten.results.stored import ResultsFile, section
from saiten.scoring.statistics import NORMAL_95

UNKNOWN_SIZE = -1
MEANS = ("extractive_match", "humaneval_pass", "codegen_pass", "prompt_level", "f1_score", "exact_match")
"""Metrics whose old standard error is that of a mean. The others' was divided by sqrt(1000): the resamples."""
RESAMPLES = 1000


class Entry(Struct, frozen=True, kw_only=True):
    """One row of a results file."""

    key: str
    """`swallow|task:subset|0`."""
    task: str
    subset: str
    documents: Any
    """`effective_num_docs`; -1 where the file does not say it."""
    metrics: Any
    time: datetime
    max_samples: int | None


def old_rows(files: Sequence[ResultsFile], *, allow_debug: bool = False) -> dict[str, RowValue]:
    """Return every row of `rows.RULES`. `allow_debug`: a trial counts like any other result, as it used to."""
    latest = latest_entries(files, allow_debug=allow_debug)
    full = any(entry.max_samples is None for entry in latest.values())
    used = {key: e for key, e in latest.items() if allow_debug or e.max_samples is None or not full}
    aside = {key: e for key, e in latest.items() if key not in used}
    return {rule.name: old_row(rule, used, aside) for rule in RULES}


def latest_entries(files: Sequence[ResultsFile], *, allow_debug: bool) -> dict[str, Entry]:
    """Return the entry that counts for each `task:subset`."""
    latest: dict[str, Entry] = {}
    for entry in (entry for file in files for entry in entries(file)):
        name = f"{entry.task}:{entry.subset}"
        known = latest.get(name)
        if known is None or _rank(entry, allow_debug=allow_debug) > _rank(known, allow_debug=allow_debug):
            latest[name] = entry
    return latest


def _rank(entry: Entry, *, allow_debug: bool) -> tuple[bool, datetime]:
    return allow_debug or entry.max_samples is None, entry.time


def entries(file: ResultsFile) -> list[Entry]:
    """Return the rows of a file, without the means over tasks and subsets that it holds too."""
    found = []
    described = section(file.data, "config_tasks")
    for key, metrics in section(file.data, "results").items():
        parts = key.split("|")
        task, _, subset = (parts[1] if len(parts) > 1 else key).partition(":")
        if subset == "_average" or key == "all":
            continue
        config = described.get("|".join(parts[:-1]))
        known = config.get("effective_num_docs", UNKNOWN_SIZE) if isinstance(config, dict) else UNKNOWN_SIZE
        found.append(
            Entry(
                key=key,
                task=task,
                subset=subset,
                documents=known,
                metrics=metrics,
                time=file.time,
                max_samples=file.max_samples,
            )
        )
    return found


def old_row(rule: Rule, latest: Mapping[str, Entry], aside: Mapping[str, Entry]) -> RowValue:
    """Compute one row, with words."""
    keys = [f"swallow|{task}|0" for task in rule.tasks]
    if len(keys) > 1:
        there = [key for key in keys if any(entry.key == key for entry in latest.values())]
        if len(there) > 1:
            return RowValue(status=f"two results for one row: {' and '.join(there)}")
        keys = there or keys[:1]
    found = _found(rule, keys[0], latest)
    if not found:
        trials = _found(rule, keys[0], aside)
        return RowValue(status=f"{_trial(trials)}; not mixed with full results") if trials else NOTHING
    value = _micro(found, rule.metrics[0]) if rule.how == "micro" else _mean(found[0], rule.metrics)
    documents = sum(entry.documents for entry in found if _is_size(entry.documents))
    if value is None:
        return RowValue(status=_why(found, rule.metrics), n=documents)
    return RowValue(status=_status(rule, found), value=value, interval=_interval(value, found, rule), n=documents)


def _found(rule: Rule, key: str, latest: Mapping[str, Entry]) -> list[Entry]:
    if rule.how == "pick":
        return [entry for entry in latest.values() if entry.key == key][:1]
    return [
        entry
        for entry in latest.values()
        if len(parts := entry.key.split("|")) > 2
        and f"{parts[0]}|{parts[1].partition(':')[0]}|{parts[2]}" == key
        and (rule.subsets is None or entry.subset in rule.subsets)
    ]


def _mean(entry: Entry, names: Sequence[str]) -> Any:
    """Return a metric as it is, whatever it is, or the mean of several; None where the old rule gave -1."""
    try:
        if len(names) == 1:
            return entry.metrics.get(names[0])
        return sum(entry.metrics[name] for name in names) / len(names)
    except (AttributeError, KeyError, TypeError):
        return None


def _micro(found: Sequence[Entry], name: str) -> float | None:
    total, weighted = 0, 0.0
    try:
        for entry in found:
            value = entry.metrics.get(name)
            if value is not None:
                total += entry.documents
                weighted += entry.documents * value
        return weighted / total if total > 0 else None
    except (AttributeError, TypeError):
        return None


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _trial(found: Sequence[Entry]) -> str:
    sizes = sorted({str(entry.max_samples) for entry in found if entry.max_samples is not None})
    return f"debug: the first {' or '.join(sizes)} documents of each subset"


def _why(found: Sequence[Entry], names: Sequence[str]) -> str:
    """Say why there is no number."""
    name = found[0].task
    if not all(_has(entry, names) for entry in found):
        return f"no number: the results of {name} lack {', '.join(names)}"
    if not all(_is_size(entry.documents) for entry in found):
        return f"no number: the results of {name} do not say how many documents it has"
    return f"no number: {', '.join(names)} of {name} is not a number"


def _has(entry: Entry, names: Sequence[str]) -> bool:
    return isinstance(entry.metrics, dict) and all(entry.metrics.get(name) is not None for name in names)


def _status(rule: Rule, found: Sequence[Entry]) -> str:
    words = []
    if any(entry.max_samples is not None for entry in found):
        words.append(_trial(found))
    if rule.how == "micro":
        wanted = SUBSETS.get(rule.tasks[0], frozenset())
        wanted = wanted & set(rule.subsets) if rule.subsets is not None else wanted
        have = {entry.subset for entry in found if _has(entry, rule.metrics)}
        missing = sorted(wanted - have)
        if missing:
            words.append(f"partial: {len(missing)} of {len(wanted)} subsets missing ({listed(missing)})")
    return "; ".join(words) or COMPLETE


def _interval(value: Any, found: Sequence[Entry], rule: Rule) -> tuple[float, float] | None:
    """Return value ± 1.96 standard errors of the file, as far as it has them.

    Source: reference/benchmarks.md §1.8.
    """
    name = rule.metrics[0]
    parts = [(e.documents, e.metrics.get(f"{name}_stderr")) for e in found if _has(e, rule.metrics)]
    known = [(n, e) for n, e in parts if _is_size(n) and isinstance(e, int | float)]
    if len(rule.metrics) > 1 or len(known) < len(parts) or not isinstance(value, int | float):
        return None
    total = sum(n for n, _ in known)
    error = math.sqrt(math.fsum((n / total * e) ** 2 for n, e in known))
    if not name.startswith(MEANS):
        error *= math.sqrt(RESAMPLES)
    low, high = value - NORMAL_95 * error, value + NORMAL_95 * error
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None
