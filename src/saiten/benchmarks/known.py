"""Tasks of the system that saiten follows, so that an old command gets a truthful answer where one is not here yet.

Nothing is registered by being listed: a benchmark is looked for among the files first.
"""

from __future__ import annotations

OLD_TASKS = (
    "jemhopqa",
    "jemhopqa_cot",
    "swallow_gpqa_ja",
    "mifeval_ja",
    "wmt20",
    "math_100_japanese",
    "swallow_jmmlu",
    "mmlu_prox_japanese",
    "swallow_jhumaneval",
    "japanese_mt_bench",
    "japanese_mt_bench_truncate_6144",
    "hellaswag",
    "lcb",
    "mmlu_english",
    "mmlu_pro_english",
    "mmlu_prox_english",
    "gpqa",
    "math_500",
    "aime",
    "humaneval",
    "humanevalplus",
    "english_mt_bench",
    "japanese_mt_bench_gpt4o_judge",
    "english_mt_bench_gpt4o_judge",
    "jamcqa",
    "jamcqa_cot",
    "jgpqa",
    "polymath_japanese",
    "ifbench_singleturn",
)
"""Task ids without suite, subset and few-shot number."""
