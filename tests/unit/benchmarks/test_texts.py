"""Open questions, translation and instruction following: their rows, measurement, old ids and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saiten.benchmarks import find, select
from saiten.benchmarks.trial import choice
from saiten.datasets import open_rows, seeded_order
from saiten.results.rows import OLD_ROWS
from saiten.types import Benchmark, Document, Metric
from tests.helpers.extras import needs
from tests.helpers.mirror import mirror_context
from tests.unit.benchmarks.golden import ROWS, own_document

JEMHOPQA = [
    *("exact_match", "quasi_exact_match", "f1_score", "llmjpeval_f1_score", "f1_score_quasi"),
    *("llmjpeval_f1_score_quasi", "accuracy", "f1_score_careful"),
]
METRICS = {
    "jemhopqa": JEMHOPQA,
    "jemhopqa_cot": JEMHOPQA,
    "wmt20_en_ja": ["bleu", "bleu_lmevalja", "bleu_careful", "chrf"],
    "wmt20_ja_en": ["bleu", "bleu_careful", "chrf"],
    "mifeval_ja": [
        *("prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc", "inst_level_loose_acc"),
        *("average", "prompt_level_careful_acc", "inst_level_careful_acc"),
    ],
}
NAMES = tuple(METRICS)
SUMMARY = {
    "jemhopqa": [],
    "jemhopqa_cot": ["jemhopqa_cot_f1_score_quasi", "jemhopqa_cot_f1_score"],
    "wmt20_en_ja": ["wmt20_en_ja_bleu", "wmt20_en_ja_bleu_lmevalja"],
    "wmt20_ja_en": ["wmt20_ja_en_bleu"],
    "mifeval_ja": ["mifeval_ja_inst_level_strict_acc", "mifeval_ja_average"],
}
MARKERS = {
    "jemhopqa": "\n\n回答: $\\boxed{ANSWER}$\n\n",
    "jemhopqa_cot": "\n\n回答: $\\boxed{ANSWER}$\n\n",
    "wmt20_en_ja": "`日本語: 翻訳文`",
    "wmt20_ja_en": "`English: <your translation>`",
}
OLD_IDS = {
    "swallow|jemhopqa|0|0": ["jemhopqa"],
    "swallow|jemhopqa_cot|0|0": ["jemhopqa_cot"],
    "swallow|wmt20:en-ja|0|0": ["wmt20_en_ja"],
    "swallow|wmt20:ja-en|0|0": ["wmt20_ja_en"],
    "swallow|wmt20|0|0": ["wmt20_en_ja", "wmt20_ja_en"],
    "swallow|mifeval_ja|0|0": ["mifeval_ja"],
}


def own_row(name: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((ROWS / f"{name}.json").read_bytes())
    return row


def reply(name: str, document: Document) -> str:
    """Answer as the prompt asks for it."""
    line = {"wmt20_en_ja": "日本語: {}", "wmt20_ja_en": "English: {}"}.get(
        name, "考えました。\n\n回答: $\\boxed{{{}}}$"
    )
    return line.format(document.target)


def measured(benchmark: Benchmark, documents: list[Document], replies: list[str]) -> dict[str, float | None]:
    """Return every metric's value over the documents."""
    items = ((document, (choice(text, document),)) for document, text in zip(documents, replies, strict=True))
    scores = [score for (score,) in benchmark.scorer.score(items)]

    def value(metric: Metric) -> float | None:
        name = metric.value
        read = [
            score.values[name] if isinstance(name, str) else tuple(score.values[part] for part in name)
            for score in scores
        ]
        return metric.corpus([[metric.reduce([one]) for one in read]]).value

    return {metric.name: value(metric) for metric in benchmark.metrics_for(1)}


@pytest.mark.parametrize("name", NAMES)
def test_the_measurement_is_the_references(name: str) -> None:
    benchmark = find(name)
    sampling = benchmark.sampling
    top_p = 1.0 if name == "mifeval_ja" else None
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, benchmark.samples) == (0.0, top_p, None, 1)
    assert [metric.name for metric in benchmark.metrics_for(1)] == METRICS[name]
    assert [row.name for row in benchmark.summary] == SUMMARY[name]
    assert set(SUMMARY[name]) <= set(OLD_ROWS)
    for metric in benchmark.metrics_for(1):
        assert metric.compatible or metric.twin is not None or metric.name == "chrf"


@pytest.mark.parametrize(("task", "expected"), OLD_IDS.items())
def test_old_ids_select_them(task: str, expected: list[str]) -> None:
    assert [selected.benchmark.name for selected in select((task,))] == expected


@pytest.mark.parametrize("name", MARKERS)
def test_the_prompt_names_the_answer_line(name: str) -> None:
    (turn,) = own_document(name).turns
    assert MARKERS[name] in turn
    assert MARKERS[name] in find(name).prompt
    assert ("一歩ずつ" in turn) is (name == "jemhopqa_cot")


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_columns_that_are_declared(name: str) -> None:
    assert set(find(name).dataset.columns) <= set(own_row(name))


def test_the_prompt_for_a_translation_into_japanese_ends_with_a_newline() -> None:
    assert own_document("wmt20_en_ja").turns[0].endswith('\n\n英語: The {source} said: "No."\n')
    assert own_document("wmt20_ja_en").turns[0].endswith("\n\nJapanese: {source}は「いいえ」と言った。")


def test_a_translation_may_be_written_as_a_literal_and_hold_lists() -> None:
    pair = {"en": ["One. ", "Two."], "ja": ["一。"]}
    rows = [{"translation": given, "__row__": 0} for given in (pair, repr(pair))]
    one, two = (find("wmt20_ja_en").document(row) for row in rows)
    assert one == two
    assert one.target == "One."


def test_instructions_keep_only_the_arguments_that_have_a_value() -> None:
    row = own_row("mifeval_ja")
    document = find("mifeval_ja").document(row)
    assert document.turns == (row["prompt"],)
    assert document.extra["kwargs"] == [{}, {"relation": "以上", "num_letters": 20}]
    as_text = row | {"kwargs": [json.dumps(given) for given in row["kwargs"]]}
    assert find("mifeval_ja").document(as_text) == document


@pytest.mark.parametrize("name", ["jemhopqa", "jemhopqa_cot", "wmt20_en_ja", "wmt20_ja_en"])
def test_gold_answers_score_the_maximum_and_empty_ones_and_others_little(name: str, tmp_path: Path) -> None:
    if name.startswith("wmt20"):
        needs("translation")
    benchmark = find(name)
    rows = open_rows(benchmark.dataset, "", mirror_context(tmp_path, name))
    documents = [benchmark.document(rows[position]) for position in seeded_order(len(rows))[:25]]
    replies = [reply(name, document) for document in documents]
    best = 100.0 if name.startswith("wmt20") else 1.0
    assert measured(benchmark, documents, replies) == pytest.approx(dict.fromkeys(METRICS[name], best))
    assert measured(benchmark, documents, [""] * 25) == dict.fromkeys(METRICS[name], 0.0)
    shifted = [*replies[1:], replies[0]]
    other = [(a, text) for a, text, own in zip(documents, shifted, replies, strict=True) if text != own]
    low = measured(benchmark, [document for document, _ in other], [text for _, text in other])
    assert all(value is not None and value < best / 3 for value in low.values())
    assert len({document.id for document in documents}) == 25


def test_every_real_instruction_can_be_checked_and_an_empty_answer_follows_none(tmp_path: Path) -> None:
    needs("instructions")
    benchmark = find("mifeval_ja")
    documents = [
        benchmark.document(row) for row in open_rows(benchmark.dataset, "", mirror_context(tmp_path, "mifeval_ja"))
    ]
    names = [name for document in documents for name in document.extra["instruction_id_list"]]
    assert (len(documents), len(names), len(set(names))) == (172, 226, 33)
    assert set(measured(benchmark, documents, [""] * 172).values()) == {0.0}
    some = measured(benchmark, documents, ["これは、一つの文です。"] * 172)
    assert 0.0 < (some["inst_level_strict_acc"] or 0.0) < 0.5
