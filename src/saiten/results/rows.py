"""The order of the aggregated results. People paste the values into spreadsheets: the order is an interface.

Only ever append to `ROWS`; never insert, rename or remove. Rows of benchmarks that are not named here follow in the
order of the run.

Source: reference/benchmarks.md §5 (the 107 rows of the old system's aggregation).
"""

from __future__ import annotations

_SUBJECTS = (
    "business", "law", "psychology", "biology", "chemistry", "history", "other",
    "health", "economics", "math", "physics", "computer_science", "philosophy", "engineering",
)  # fmt: skip
_CATEGORIES = ("coding", "extraction", "humanities", "math", "reasoning", "roleplay", "stem", "writing")
_TURNS = ("first_turn", "second_turn", "average")

ROWS: tuple[str, ...] = (
    *("jmmlu_social_sciences", "jmmlu_humanities", "jmmlu_stem", "jmmlu_other", "jmmlu"),
    *("jhumaneval_pass@1", "jhumaneval_pass@10"),
    *(f"mmlu_prox_japanese_{subject}" for subject in _SUBJECTS),
    "mmlu_prox_japanese",
    *(f"mmlu_prox_english_{subject}" for subject in _SUBJECTS),
    "mmlu_prox_english",
    *(f"mmlu_pro_english_{subject}" for subject in _SUBJECTS),
    "mmlu_pro_english",
    *("mmlu_english_stem", "mmlu_english_humanities", "mmlu_english_social_sciences", "mmlu_english_other"),
    "mmlu_english",
    *(f"japanese_mtbench_{name}" for name in (*_CATEGORIES, *_TURNS)),
    *(f"japanese_mtbench_{name}_japanese_ratio" for name in (*_CATEGORIES, "average")),
    *(f"english_mtbench_{name}" for name in (*_CATEGORIES, *_TURNS)),
    *("jemhopqa_cot_f1_score_quasi", "jemhopqa_cot_f1_score"),
    *("wmt20_en_ja_bleu", "wmt20_en_ja_bleu_lmevalja", "wmt20_ja_en_bleu"),
    *("mifeval_ja_inst_level_strict_acc", "mifeval_ja_average"),
    *("mclm_math_100_japanese", "gpqa_main_ja", "swallow_hellaswag", "gpqa_diamond", "math_500", "aime_2024_2025"),
    *("livecodebench_v5_v6_pass@1", "livecodebench_v5_v6_pass@10"),
    *("humaneval_pass@1", "humaneval_pass@10", "humanevalplus_pass@1", "humanevalplus_pass@10"),
)
