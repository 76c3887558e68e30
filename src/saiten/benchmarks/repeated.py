"""N-sample forms: any benchmark asked N times, for pass@k and maj@k. `math_500_N16`, or by old id `aime_N16:24`.

Source: reference/benchmarks.md §7.1, the forks of 2026: temperature 0.6, top_p 0.95; K = 1, 2, 4 … N.
"""

from __future__ import annotations

import re

from saiten.errors import UsageError
from saiten.types import Benchmark, Duration, Sampling, SummaryRow
from saiten.values import replace

FORM = re.compile(r"(?P<base>.+)_N(?P<samples>[1-9]\d*)(?P<subset>:.+)?")
MOST = 4096
SAMPLING = Sampling(temperature=0.6, top_p=0.95)
DURATION = Duration(node_q="08:00:00", node_f="24:00:00", rt_HG="08:00:00", rt_HF="24:00:00")
"""The old table has these of every form, for N = 16."""
ROW_KS = (1, 4, 16, 64, 256)
"""The aggregated results have rows for these k, and for N."""


def parse(name: str) -> tuple[str, int] | None:
    """Split `name_N16`, `task_N16:subset` into the name (or task) without its N, and N. None: it has none.

    Raises UsageError for an N that nobody can mean.
    """
    match = FORM.fullmatch(name)
    if match is None:
        return None
    samples = int(match["samples"])
    if samples > MOST:
        raise UsageError(f"{name!r}: {samples} answers to each question are more than {MOST}")
    return match["base"] + (match["subset"] or ""), samples


def repeated(benchmark: Benchmark, samples: int) -> Benchmark:
    """Return a benchmark's N-sample form: a benchmark of its own, with its own folder, task id and rows."""
    task, colon, subset = benchmark.task.partition(":")
    ks = sorted({*(k for k in ROW_KS if k <= samples), samples})
    return replace(
        benchmark,
        name=f"{benchmark.name}_N{samples}",
        job=f"{benchmark.job or benchmark.name}_n{samples}",
        task=f"{task}_N{samples}{colon}{subset}",
        samples=samples,
        sampling=SAMPLING.over(benchmark.sampling),
        duration=DURATION,
        summary=tuple(
            SummaryRow(
                name=f"{row.name}_{kind}@{k}:{samples}",
                metric=f"{row.metric}_{kind}@{k}:{samples}",
                subsets=row.subsets,
            )
            for row in benchmark.summary
            if row.metric == "extractive_match"
            for kind in ("pass", "maj")
            for k in ks
        ),
    )
