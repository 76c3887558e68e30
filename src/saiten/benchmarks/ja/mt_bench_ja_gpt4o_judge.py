"""Japanese MT-Bench, always judged by gpt-4o-2024-08-06: for runs that are compared with those of 2025.

Source: as mt_bench_ja. Reference measurement: task japanese_mt_bench_gpt4o_judge (2026).
Differs: as mt_bench_ja. A run with another --judge-model is refused. Its rows have
names of their own, so that it can stand beside another judge's.
"""

from __future__ import annotations

from saiten.benchmarks.ja import mt_bench_ja
from saiten.benchmarks.mt_bench import references
from saiten.scoring.judge import Judge
from saiten.scoring.mt_bench import mt_bench_rows
from saiten.values import replace

BENCHMARK = replace(
    mt_bench_ja.BENCHMARK,
    name="mt_bench_ja_gpt4o_judge",
    task="japanese_mt_bench_gpt4o_judge",
    job="mtbench_gpt4o_judge",
    summary=mt_bench_rows("japanese_mtbench_gpt4o_judge", japanese=True),
    judge=Judge(templates=mt_bench_ja.TEMPLATES, references=references, model="gpt-4o-2024-08-06"),
)
