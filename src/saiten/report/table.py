"""The table at the end of a run: every score with its interval, its coverage and what went wrong beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from saiten.report.text import columns_of, fit, pad, plain, wrap
from saiten.results.summary import BenchmarkResult, Evidence, MetricResult, RunResult, SubsetResult

BOLD, DIM, RED, RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
HEADER = ("benchmark", "metric", "score", "coverage", "trunc.", "loops", "unclosed", "failed", "n")
LEFT = {0, 1, 2}
NAMES = (0, 1)
"""Columns that may be shortened when the terminal is narrow."""
SHORTEST = 8
GAP = "  "
LEGEND = (
    "± the longer side of the 95 % interval; coverage: choices scored / due; trunc., loops, unclosed: share of the "
    "answered choices that were cut at the token limit, repeat themselves, or never closed their reasoning; "
    "n: documents"
)


class Line(Struct, frozen=True):
    """One line of the table and how it is to be shown."""

    cells: tuple[str, ...]
    style: str = ""
    tail: str = ""
    """Stands behind the cells, in place of those that are left out."""


def render(
    result: RunResult, *, width: int = 100, ansi: bool = False, subsets: bool = False, files: Sequence[Path] = ()
) -> str:
    """Return the table with its notes, ready to print. The run's warnings are not in it.

    `width`: columns of the terminal. `ansi`: colours (only for a terminal). `subsets`: a line for each subset too.
    `files`: where more is to be read; the run directory is always told.
    """
    lines = [line for whole in result.benchmarks for line in _benchmark_lines(whole, subsets=subsets)]
    text = [_title(result), ""]
    text += _grid([Line(HEADER, BOLD), *lines], width, ansi=ansi)
    text += ["", *_notes(result, width, ansi=ansi)]
    text += [f"files: {plain(str(path))}" for path in dict.fromkeys((result.directory, *files))]
    return "\n".join(text)


def _title(result: RunResult) -> str:
    spec = result.spec
    parts = [plain(spec.model), plain(spec.provider)]
    parts += [f"settings {plain(spec.settings)}"] if spec.settings else []
    parts += [f"DEBUG: first {spec.max_samples} documents of each subset"] if spec.max_samples is not None else []
    parts += [f"cost {result.cost:.4f}"] if result.cost is not None else []
    return " · ".join([*parts, f"{result.seconds:.0f} s"])


def _benchmark_lines(whole: BenchmarkResult, *, subsets: bool) -> Iterable[Line]:
    yield from _lines(whole.benchmark.name, whole, subsets=subsets)
    if subsets:
        for part in whole.subsets:
            if part.subset:
                yield from _lines(f"{whole.benchmark.name}:{part.subset}", part, subsets=True)


def _lines(name: str, part: BenchmarkResult | SubsetResult, *, subsets: bool) -> Iterable[Line]:
    """Yield a line for each metric; the first one carries the counts, or, with choices missing, the word for it.

    Metrics about some of the documents only (categories) are left out, as subsets are.
    """
    evidence = part.evidence
    counts = (
        _percent(evidence.scored, evidence.due, complete=evidence.complete),
        *(_share(count, evidence) for count in (evidence.truncated, evidence.repetition, evidence.unclosed)),
        str(evidence.failed),
        str(part.documents),
    )
    whole = evidence.complete and all(metric.bounds is None for metric in part.metrics)
    first = plain(name)
    if not whole:
        yield Line((first, "", "INCOMPLETE", *counts), RED)
    for metric in part.metrics:
        if metric.selective and not subsets:
            continue
        carries = whole and metric is part.metrics[0]
        label = plain(metric.name) if metric.compatible else f"└ {plain(metric.name)}"
        cells = (first if carries else "", label, _score(metric, whole=whole), *(counts if carries else ()))
        differs = whole and not carries and metric.disagreement is not None
        tail = f"differs in {100 * (metric.disagreement or 0):.1f} % of the documents" if differs else ""
        yield Line(cells, RED if not whole else "" if metric.compatible else DIM, tail)


def _score(metric: MetricResult, *, whole: bool) -> str:
    if not whole:
        return "–" if metric.bounds is None else "[{:.4f}, {:.4f}]".format(*metric.bounds)
    estimate = metric.estimate
    if estimate.value is None:
        return "–"
    text = f"{estimate.value:.4f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" ± {max(estimate.value - estimate.low, estimate.high - estimate.value):.4f}"
    return text


def _percent(part: int, whole: int, *, complete: bool) -> str:
    """Return a share that says 100 % only when nothing is missing."""
    share = 100 * part / whole if whole else 100.0
    return "100 %" if complete else f"{min(share, 99.9):.1f} %"


def _share(count: int, evidence: Evidence) -> str:
    """Return a share of the answered choices that says 0 % only when there is none."""
    if not evidence.answered:
        return "–"
    share = 100 * count / evidence.answered
    return f"{max(share, 0.1) if count else 0:.1f} %"


def _grid(lines: Sequence[Line], width: int, *, ansi: bool) -> list[str]:
    widths = [
        max(columns_of(line.cells[column]) for line in lines if column < len(line.cells))
        for column in range(len(HEADER))
    ]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while excess > 0 and max(widths[column] for column in NAMES) > SHORTEST:
        widest = max(NAMES, key=lambda column: widths[column])
        widths[widest] -= 1
        excess -= 1
    text = []
    for line in lines:
        cells = [
            pad(fit(cell, widths[column]) if column in NAMES else cell, widths[column], right=column not in LEFT)
            for column, cell in enumerate(line.cells)
        ]
        text.append(_styled(GAP.join([*cells, line.tail]).rstrip(), line.style, ansi=ansi))
    return text


def _styled(text: str, style: str, *, ansi: bool) -> str:
    return f"{style}{text}{RESET}" if ansi and style else text


def _notes(result: RunResult, width: int, *, ansi: bool) -> list[str]:
    notes = wrap(LEGEND, width)
    missing = [whole for whole in result.benchmarks if not whole.evidence.complete]
    if missing:
        names = ", ".join(f"{whole.benchmark.name} {_missing(whole.evidence)}" for whole in missing)
        text = (
            f"INCOMPLETE: {plain(names)}. In [ ]: the score if every missing choice were at its worst, or at its best. "
        )
        text += "The same command again asks only for what is missing."
        notes += [_styled(line, RED, ansi=ansi) for line in wrap(text, width)]
    for whole in result.benchmarks:
        for note in whole.notes:
            notes += wrap(f"{plain(whole.benchmark.name)}: {plain(note)}", width, "  ")
    return notes


def _missing(evidence: Evidence) -> str:
    text = f"lacks {evidence.due - evidence.scored} of {evidence.due} choices"
    return f"{text} ({evidence.failed} failed)" if evidence.failed else text
