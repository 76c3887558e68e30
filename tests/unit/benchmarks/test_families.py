"""Multiple choice and mathematics: their rows, measurement, old ids and scores, with rows of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from saiten.benchmarks import find, select
from saiten.benchmarks.check import check
from saiten.benchmarks.trial import choice
from saiten.errors import UsageError
from saiten.results.rows import OLD_ROWS
from saiten.scoring.math import MathAnswer
from saiten.types import Benchmark, Document
from saiten.values import replace
from tests.unit.benchmarks.golden import ROWS, own_document

MATHEMATICS = ("math_100_ja", "polymath_ja", "aime", "aime_26")
CHOICES = (
    "gpqa_ja",
    "jgpqa",
    "jamcqa",
    "jamcqa_cot",
    "mmlu_prox_ja",
    "gpqa_diamond",
    "hellaswag",
    "mmlu",
    "mmlu_pro",
    "mmlu_prox_en",
)
NAMES = (*CHOICES, *MATHEMATICS)
SUBSETS = {
    "mmlu": 57,
    "mmlu_pro": 91,
    "mmlu_prox_en": 91,
    "mmlu_prox_ja": 91,
    "jgpqa": 3,
    "polymath_ja": 4,
    "aime": 2,
}
MARKERS = {
    "hellaswag": "'Answer: $LETTER'",
    "gpqa_diamond": "'Answer: $LETTER'",
    "mmlu": "'Answer: $choice'",
    "mmlu_pro": "'Answer: $choice'",
    "mmlu_prox_en": "'Answer: $choice'",
    "gpqa_ja": "「回答: $選択肢」",
    "jgpqa": "「回答: $選択肢」",
    "jamcqa": "「回答: $選択肢」",
    "jamcqa_cot": "「回答: $選択肢」",
    "mmlu_prox_ja": "「回答: $選択肢」",
    "math_100_ja": "\n回答: $\\boxed{ANSWER}$\n",
    "polymath_ja": "\n回答: $\\boxed{ANSWER}$\n",
    "aime_26": r"'Therefore, the final answer is: $\boxed{ANSWER}$. I hope it is correct'",
    "aime": r"'Therefore, the final answer is: $\boxed{ANSWER}$. I hope it is correct'",
}
NO_REASONING = ("jamcqa", "polymath_ja")
CATEGORIES = (
    "business", "law", "psychology", "biology", "chemistry", "history", "other",
    "health", "economics", "math", "physics", "computer_science", "philosophy", "engineering",
)  # fmt: skip
SUMMARY = {
    "gpqa_ja": ["gpqa_main_ja"],
    "gpqa_diamond": ["gpqa_diamond"],
    "hellaswag": ["swallow_hellaswag"],
    "math_100_ja": ["mclm_math_100_japanese"],
    "aime": ["aime_2024_2025"],
    "mmlu": [f"mmlu_english{part}" for part in ("_stem", "_humanities", "_social_sciences", "_other", "")],
    "mmlu_pro": [*(f"mmlu_pro_english_{name}" for name in CATEGORIES), "mmlu_pro_english"],
    "mmlu_prox_en": [*(f"mmlu_prox_english_{name}" for name in CATEGORIES), "mmlu_prox_english"],
    "mmlu_prox_ja": [*(f"mmlu_prox_japanese_{name}" for name in CATEGORIES), "mmlu_prox_japanese"],
}
NEW_ROWS = {
    "aime_26": ["aime_2026"],
    "jamcqa": ["jamcqa"],
    "jamcqa_cot": ["jamcqa_cot"],
    "jgpqa": ["jgpqa_diamond", "jgpqa_main", "jgpqa_extended"],
    "polymath_ja": ["polymath_ja_low", "polymath_ja_medium", "polymath_ja_high", "polymath_ja_top", "polymath_ja"],
}
OLD_IDS = {
    "swallow|swallow_gpqa_ja|0|0": ("gpqa_ja", 1),
    "swallow|gpqa:diamond|0|0": ("gpqa_diamond", 1),
    "swallow|gpqa|0|0": ("gpqa_diamond", 1),
    "swallow|hellaswag|0|0": ("hellaswag", 1),
    "swallow|math_100_japanese|0|0": ("math_100_ja", 1),
    "swallow|aime|0|0": ("aime", 2),
    "swallow|aime:24|0|0": ("aime", 1),
    "swallow|aime:26|0|0": ("aime_26", 1),
    "swallow|mmlu_english|0|0": ("mmlu", 57),
    "swallow|mmlu_english:astronomy|0|0": ("mmlu", 1),
    "swallow|mmlu_pro_english|0|0": ("mmlu_pro", 91),
    "swallow|mmlu_pro_english:theoremQA_EECS|0|0": ("mmlu_pro", 1),
    "swallow|mmlu_prox_english|0|0": ("mmlu_prox_en", 91),
    "swallow|mmlu_prox_japanese|0|0": ("mmlu_prox_ja", 91),
    "swallow|mmlu_prox_japanese:ori_mmlu_virology|0|0": ("mmlu_prox_ja", 1),
    "swallow|jamcqa|0|0": ("jamcqa", 1),
    "swallow|jamcqa_cot|0|0": ("jamcqa_cot", 1),
    "swallow|jgpqa:extended|0|0": ("jgpqa", 1),
    "swallow|polymath_japanese|0|0": ("polymath_ja", 4),
    "swallow|polymath_japanese:top|0|0": ("polymath_ja", 1),
}


def own_row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((ROWS / f"{name}.json").read_bytes())
    return row


def rows(name: str) -> list[dict[str, Any]]:
    """Return rows with different questions and answers, made of the benchmark's own one."""
    base = own_row(name)
    made = []
    for number in range(8):
        row = base | {"__row__": number}
        question = next(key for key in ("question", "Question", "ja", "problem", "ctx_a") if key in row)
        row[question] = f"{number}. {row[question]}"
        for key, count in (("answer_index", 4), ("label", 4)):
            if key in row:
                row[key] = type(row[key])(number % count)
        if name in MATHEMATICS:
            row["answer"] = str(100 + number)
        elif name == "mmlu":
            row["answer"] = number % 4
        made.append(row)
    return made


def reply(benchmark: Benchmark, document: Document) -> str:
    """Answer with the document's gold answer, in the line that the prompt asks for."""
    gold = document.extra.get("answer", document.target)
    if benchmark.name in MATHEMATICS:
        if benchmark.language == "ja":
            return f"順に計算しました。\n\n回答: $\\boxed{{{gold}}}$"
        return rf"We compute. Therefore, the final answer is: $\boxed{{{gold}}}$. I hope it is correct"
    if benchmark.language == "ja":
        return f"順に考えます。AもBもCもDも検討しました。\n\n回答: {gold}"
    return f"Let us think. It cannot be A.\n\nAnswer: {gold}"


def scored(benchmark: Benchmark, documents: Sequence[Document], replies: Sequence[str]) -> set[tuple[float, float]]:
    scorer = replace(benchmark.scorer, workers=1) if isinstance(benchmark.scorer, MathAnswer) else benchmark.scorer
    items = ((document, (choice(text, document),)) for document, text in zip(documents, replies, strict=True))
    return {(score.values["extractive_match"], score.values["accuracy"]) for (score,) in scorer.score(items)}


@pytest.mark.parametrize("name", NAMES)
def test_gold_answers_score_one_and_empty_ones_and_those_of_other_documents_nothing(name: str) -> None:
    benchmark = find(name)
    documents = [benchmark.document(row) for row in rows(name)]
    replies = [reply(benchmark, document) for document in documents]
    assert scored(benchmark, documents, replies) == {(1.0, 1.0)}
    assert scored(benchmark, documents, [""] * len(documents)) == {(0.0, 0.0)}
    other = [
        (a, text) for a, b, text in zip(documents, documents[1:], replies[1:], strict=False) if a.target != b.target
    ]
    assert len(other) >= 3
    assert scored(benchmark, [a for a, _ in other], [text for _, text in other]) == {(0.0, 0.0)}


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_columns_that_are_declared_and_make_different_documents(name: str) -> None:
    benchmark = find(name)
    assert set(benchmark.dataset.columns) <= set(own_row(name))
    documents = [benchmark.document(row) for row in rows(name)]
    assert len({document.id for document in documents}) == len({document.turns for document in documents}) == 8


@pytest.mark.parametrize("name", CHOICES)
def test_multiple_choice_passes_the_check_that_users_benchmarks_have_to_pass(name: str) -> None:
    assert check(find(name), rows(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_measurement_is_the_references(name: str) -> None:
    benchmark = find(name)
    sampling = benchmark.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, benchmark.samples) == (0.0, None, None, 1)
    assert [metric.name for metric in benchmark.metrics_for(1)] == ["extractive_match", "accuracy"]
    assert len(benchmark.dataset.configs) == SUBSETS.get(name, 1)
    assert benchmark.dataset.gated is (name in ("gpqa_diamond", "jgpqa"))
    assert [row.name for row in benchmark.summary] == (SUMMARY | NEW_ROWS)[name]


@pytest.mark.parametrize("name", NAMES)
def test_several_samples_are_voted_on(name: str) -> None:
    names = [metric.name for metric in find(name).metrics_for(4)]
    assert "extractive_match_pass@4:4" in names
    assert "extractive_match_maj@2:4" in names


def test_the_old_rows_of_these_benchmarks_are_in_the_aggregated_results_and_the_new_ones_are_not() -> None:
    assert {row for names in SUMMARY.values() for row in names} <= set(OLD_ROWS)
    assert not {row for names in NEW_ROWS.values() for row in names} & set(OLD_ROWS)


@pytest.mark.parametrize("name", ["mmlu", "mmlu_pro", "mmlu_prox_en", "mmlu_prox_ja"])
def test_each_subset_is_in_one_category(name: str) -> None:
    benchmark = find(name)
    *categories, whole = benchmark.summary
    assert whole.subsets is None
    assert sorted(subset for row in categories for subset in row.subsets or ()) == sorted(benchmark.dataset.configs)


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_asks_for_the_answer_line_and_for_reasoning_where_the_reference_does(name: str) -> None:
    (turn,) = own_document(name).turns
    assert MARKERS[name] in turn
    assert MARKERS[name] in find(name).prompt
    steps = ("一歩ずつ", "step by step")
    assert any(word in turn for word in steps) is (name not in NO_REASONING)


@pytest.mark.parametrize(("task", "expected"), OLD_IDS.items())
def test_old_ids_select_them(task: str, expected: tuple[str, int]) -> None:
    (selected,) = select((task,))
    assert (selected.benchmark.name, len(selected.subsets)) == expected


def test_an_old_id_with_an_unknown_subset_is_refused() -> None:
    with pytest.raises(UsageError, match="aime has no subset '23'"):
        select(("swallow|aime:23|0|0",))


def test_letters_are_spelled_out_for_as_many_choices_as_a_question_has() -> None:
    document = own_document("mmlu_prox_ja")
    assert (document.target, document.extra["choices"]) == ("F", 6)
    assert "$選択肢 のところには A, B, C, D, E, F のどれか一つ" in document.turns[0]
    assert document.turns[0].endswith("\n\n" + "\n".join(f"{'ABCDEF'[i]}) 値{i}" for i in range(6)))
    assert "where $choice is one of A, B, C, D, E, F, G, H, I." in own_document("mmlu_pro").turns[0]


def test_hellaswag_writes_its_context_and_endings_as_the_reference_does() -> None:
    document = own_document("hellaswag")
    context = "Baking {context}: [header] How to bake Bread [title] Knead. She takes the dough and"
    endings = "A:  eats the Bowl.\nB: puts it  aside, [header] to rest.\nC:  sings.\nD: {endings}"
    assert document.turns[0].endswith(f"\n\nIncomplete context: {context}\n\n{endings}")
    assert document.target == "B"


def test_a_boxed_gold_answer_is_not_boxed_twice() -> None:
    row = own_row("math_100_ja")
    assert find("math_100_ja").document(row).target == r"$\boxed{\frac{3}{2}}$"
    assert find("math_100_ja").document(row | {"answer": r"$\boxed{7}$"}).target == r"$\boxed{7}$"


def test_zeros_in_front_of_an_answer_do_not_count() -> None:
    benchmark = find("aime")
    document = own_document("aime")
    assert document.target == "073"
    assert scored(benchmark, [document], [r"Therefore, the final answer is: $\boxed{73}$. I hope it is correct"]) == {
        (1.0, 1.0)
    }


def test_subsets_of_jgpqa_place_the_right_choice_alike() -> None:
    row = own_row("jgpqa")
    benchmark = find("jgpqa")
    assert benchmark.document(row).turns == benchmark.document(row | {"__row__": 99}).turns
