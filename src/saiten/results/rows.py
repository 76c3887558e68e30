"""The rows of the aggregated results, in an order that is an interface: people paste the values into spreadsheets.

Only ever append to `RULES`; never insert, rename or remove. Rows of benchmarks that are not named here follow in the
order of the run.

Source: reference/benchmarks.md §5 (the 107 rows of the old system's aggregation) and §7.1 (those of 2026).
Differs: aime_2024_2025_{pass,maj} average over both years, as `aime_2024_2025` does; the fork looked for a task without
a year, which none of its results has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from saiten.benchmarks.subjects import MMLU, MMLU_PRO, Categories, all_of

_CATEGORIES = ("coding", "extraction", "humanities", "math", "reasoning", "roleplay", "stem", "writing")
_NOT_TRANSLATED = frozenset(
    {"high_school_us_history", "us_foreign_policy", "high_school_world_history", "moral_scenarios"}
    | {"high_school_government_and_politics", "professional_law"}
)
"""Subjects of MMLU that JMMLU does not have."""
_ACCURACY = ("extractive_match",)


class Rule(Struct, frozen=True, kw_only=True):
    """How a row follows from results files."""

    name: str
    tasks: tuple[str, ...]
    """Old task ids; of several, the one that there are results of counts."""
    metrics: tuple[str, ...] = _ACCURACY
    """The value is their mean."""
    how: Literal["pick", "micro"] = "pick"
    """`pick`: the result of the task itself; `micro`: the mean over its subsets, weighted with their documents."""
    subsets: tuple[str, ...] | None = None
    """Only these subsets; None: all that there are results of."""


def _micro(name: str, task: str, categories: Categories, order: tuple[str, ...]) -> Iterator[Rule]:
    for key in order:
        yield Rule(name=f"{name}_{key}", tasks=(task,), how="micro", subsets=categories[key])
    yield Rule(name=name, tasks=(task,), how="micro")


def _judged(name: str, tasks: tuple[str, ...], *, ratio: bool) -> Iterator[Rule]:
    scores = {key: f"judge_score_{key}_avg" for key in _CATEGORIES} | {
        "first_turn": "judge_score_overall_turn_1_avg",
        "second_turn": "judge_score_overall_turn_2_avg",
        "average": "judge_score_overall_avg",
    }
    for key, metric in scores.items():
        yield Rule(name=f"{name}_{key}", tasks=tasks, metrics=(metric,))
    for key in (*_CATEGORIES, "average") if ratio else ():
        shown = "overall" if key == "average" else key
        yield Rule(name=f"{name}_{key}_japanese_ratio", tasks=tasks, metrics=(f"japanese_ratio_{shown}",))


def _picked(task: str, rows: Mapping[str, str]) -> Iterator[Rule]:
    for name, metric in rows.items():
        yield Rule(name=name, tasks=(task,), metrics=(metric,))


def _code(name: str, task: str, metric: str) -> Iterator[Rule]:
    return _picked(task, {f"{name}_pass@{k}": f"{metric}_pass@{k}:10" for k in (1, 10)})


def _levels(name: str, task: str) -> Iterator[Rule]:
    strict, average = "inst_level_strict_acc", ("prompt_level_strict_acc", "inst_level_strict_acc")
    yield Rule(name=f"{name}_{strict}", tasks=(task,), metrics=(strict,))
    loose = ("prompt_level_loose_acc", "inst_level_loose_acc")
    yield Rule(name=f"{name}_average", tasks=(task,), metrics=(*average, *loose))


def _voted(name: str, task: str, how: Literal["pick", "micro"] = "pick") -> Iterator[Rule]:
    for kind in ("pass", "maj"):
        for k in (1, 4, 16):
            metric = f"extractive_match_{kind}@{k}:16"
            yield Rule(name=f"{name}_{kind}@{k}:16", tasks=(task,), metrics=(metric,), how=how)


def _rules() -> Iterator[Rule]:
    yield from _micro("jmmlu", "swallow_jmmlu", MMLU, ("social_sciences", "humanities", "stem", "other"))
    yield from _code("jhumaneval", "swallow_jhumaneval", "humaneval")
    for name in ("mmlu_prox_japanese", "mmlu_prox_english", "mmlu_pro_english"):
        yield from _micro(name, name, MMLU_PRO, tuple(MMLU_PRO))
    yield from _micro("mmlu_english", "mmlu_english", MMLU, tuple(MMLU))
    judged = ("japanese_mt_bench", "japanese_mt_bench_truncate_6144")
    yield from _judged("japanese_mtbench", judged, ratio=True)
    yield from _judged("english_mtbench", ("english_mt_bench",), ratio=False)
    yield from _picked("jemhopqa_cot", {f"jemhopqa_cot_{name}": name for name in ("f1_score_quasi", "f1_score")})
    yield from _picked("wmt20:en-ja", {f"wmt20_en_ja_{name}": name for name in ("bleu", "bleu_lmevalja")})
    yield from _picked("wmt20:ja-en", {"wmt20_ja_en_bleu": "bleu"})
    yield from _levels("mifeval_ja", "mifeval_ja")
    yield Rule(name="mclm_math_100_japanese", tasks=("math_100_japanese",))
    yield Rule(name="gpqa_main_ja", tasks=("swallow_gpqa_ja",))
    yield Rule(name="swallow_hellaswag", tasks=("hellaswag",))
    yield Rule(name="gpqa_diamond", tasks=("gpqa:diamond",))
    yield Rule(name="math_500", tasks=("math_500",))
    yield Rule(name="aime_2024_2025", tasks=("aime",), how="micro")
    yield from _code("livecodebench_v5_v6", "lcb:codegeneration_v5_v6", "codegen")
    yield from _code("humaneval", "humaneval", "humaneval")
    yield from _code("humanevalplus", "humanevalplus", "humaneval")
    # Here the rows of 2025 end; these are the rows of 2026.
    yield Rule(name="jgpqa_diamond", tasks=("jgpqa:diamond",))
    yield Rule(name="jamcqa", tasks=("jamcqa",))
    yield Rule(name="jamcqa_cot", tasks=("jamcqa_cot",))
    yield from _voted("jgpqa_diamond", "jgpqa_N16:diamond")
    yield from _voted("gpqa_main_ja", "swallow_gpqa_ja_N16")
    yield from _voted("mclm_math_100_japanese", "math_100_japanese_N16")
    yield from _voted("gpqa_diamond", "gpqa_N16:diamond")
    yield from _voted("math_500", "math_500_N16")
    yield from _voted("aime_2024_2025", "aime_N16", how="micro")
    yield from _levels("ifbench", "ifbench_singleturn")
    # New rows here.
    yield Rule(name="aime_2026", tasks=("aime:26",))


RULES = tuple(_rules())
ROWS = tuple(rule.name for rule in RULES)
OLD_ROWS = ROWS[:107]
"""The rows of 2025, in whose order people paste."""
SUBSETS: Mapping[str, frozenset[str]] = {
    "mmlu_english": frozenset(all_of(MMLU)),
    "swallow_jmmlu": frozenset(all_of(MMLU)) - _NOT_TRANSLATED | {"japanese_history", "world_history"},
    **{name: frozenset(all_of(MMLU_PRO)) for name in ("mmlu_prox_japanese", "mmlu_prox_english", "mmlu_pro_english")},
    "aime": frozenset({"24", "25"}),
    "aime_N16": frozenset({"24", "25"}),
}
"""Task -> the subsets that the old system had of it, so that missing ones can be named."""
