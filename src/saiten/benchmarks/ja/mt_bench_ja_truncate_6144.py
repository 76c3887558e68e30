"""Japanese MT-Bench with answers cut at 6,144 characters, for judges with a short context.

Source: as mt_bench_ja. Reference measurement: task japanese_mt_bench_truncate_6144.
Differs: as mt_bench_ja. It gives the same rows of the aggregated results, so run one of the two.
"""

from __future__ import annotations

from saiten.benchmarks.ja import mt_bench_ja
from saiten.scoring.mt_bench import MtBenchScorer
from saiten.values import replace

CHARACTERS = 6144

BENCHMARK = replace(
    mt_bench_ja.BENCHMARK,
    name="mt_bench_ja_truncate_6144",
    task="japanese_mt_bench_truncate_6144",
    job="mtbench_truncate_6144",
    scorer=MtBenchScorer(characters=CHARACTERS, japanese=True),
    answer_characters=CHARACTERS,
)
