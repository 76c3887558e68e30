"""Multiple choice and mathematics on real rows: counts, prompts and gold answers. Skips without the shared material.

What the hub's repositories look like is tested with rows of our own in the same layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.trial import choice
from saiten.datasets import DataContext, open_rows, part_of, seeded_order
from saiten.datasets.mirror import add_to_mirror
from saiten.scoring.instructions import checked
from saiten.scoring.instructions_en import INSTRUCTIONS_EN
from tests.helpers.derived import DERIVED, write_rows
from tests.helpers.extras import needs
from tests.helpers.mirror import REVISION, mirror_context
from tests.unit.benchmarks.golden import SHARED, shared_digest
from tests.unit.benchmarks.test_families import own_row, reply, scored

DOCUMENTS = {"mmlu": 14042, "mmlu_pro": 12032, "hellaswag": 10042, "aime": 60} | {
    "jemhopqa": 120,
    "jemhopqa_cot": 120,
    "wmt20_en_ja": 1000,
    "wmt20_ja_en": 993,
    "mifeval_ja": 172,
    "mt_bench_en": 80,
    "mt_bench_ja": 80,
    "ifeval": 541,
    "livecodebench": 2,
}


@pytest.mark.parametrize("name", DERIVED)
def test_the_documents_and_their_order_are_the_references(name: str, tmp_path: Path) -> None:
    golden = json.loads(SHARED.read_text("utf-8"))[name]
    assert golden["documents"] == DOCUMENTS[name]
    assert shared_digest(name, tmp_path) == golden


@pytest.mark.parametrize(("name", "subset"), [("mmlu", "astronomy"), ("mmlu_pro", "ori_mmlu_astronomy")])
def test_gold_letters_score_one_and_wrong_ones_nothing(name: str, subset: str, tmp_path: Path) -> None:
    benchmark = find(name)
    rows = open_rows(benchmark.dataset, subset, mirror_context(tmp_path, name))
    documents = [benchmark.document(row) for row in rows]
    assert len({document.id for document in documents}) == len(documents)
    assert scored(benchmark, documents, [reply(benchmark, document) for document in documents]) == {(1.0, 1.0)}
    wrong = [f"Answer: {'B' if document.target == 'A' else 'A'}" for document in documents]
    assert scored(benchmark, documents, wrong) == {(0.0, 0.0)}
    assert scored(benchmark, documents, [""] * len(documents)) == {(0.0, 0.0)}


def test_both_years_of_aime_are_read_and_their_answers_score_one(tmp_path: Path) -> None:
    benchmark = find("aime")
    context = mirror_context(tmp_path, "aime")
    documents = []
    for subset in benchmark.dataset.configs:
        rows = open_rows(benchmark.dataset, subset, context)
        assert len(rows) == 30
        documents += [benchmark.document(rows[position]) for position in seeded_order(30)[:4]]
    replies = [reply(benchmark, document) for document in documents]
    assert scored(benchmark, documents, replies) == {(1.0, 1.0)}
    other = [
        (a, text)
        for a, b, text in zip(documents, documents[1:], replies[1:], strict=False)
        if int(a.target) != int(b.target)
    ]
    assert scored(benchmark, [a for a, _ in other], [text for _, text in other]) == {(0.0, 0.0)}


def test_every_instruction_of_ifeval_has_a_check_and_its_arguments_and_an_empty_answer_follows_none(
    tmp_path: Path,
) -> None:
    needs("ifeval")
    benchmark = find("ifeval")
    rows = open_rows(benchmark.dataset, "", mirror_context(tmp_path, "ifeval"))
    documents = [benchmark.document(row) for row in rows]
    assert sum(len(checked(document, INSTRUCTIONS_EN.table)) for document in documents) == 834
    items = [(document, (choice("", document),)) for document in documents]
    assert sum(score.values["followed_loose"] for (score,) in benchmark.scorer.score(items)) == 0.0


CARDS: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "gpqa_diamond": ("Idavidrein/gpqa", {"": ("gpqa_diamond", "gpqa_diamond.jsonl")}),
    "jgpqa": ("llm-jp/jgpqa", {name: (f"gpqa_{name}", f"{name}.jsonl") for name in ("diamond", "main", "extended")}),
    "gpqa_ja": ("LLaMAX/BenchMAX_Science", {"": ("ja", "science_ja.jsonl")}),
    "jamcqa": ("sbintuitions/JamC-QA", {"": ("v1.0", "v1.0/test-00000-of-00001.jsonl")}),
    "math_100_ja": ("amphora/MCLM", {"": ("MT-MATH100", "mt-math100.jsonl")}),
    "polymath_ja": ("Qwen/PolyMath", {name: ("ja", f"ja/{name}.jsonl") for name in ("low", "medium", "high", "top")}),
}


def card(name: str) -> str:
    """Return a card as the hub's repositories have it, with the splits that the benchmark reads."""
    dataset = find(name).dataset
    configs: dict[str, list[dict[str, str]]] = {}
    for subset, (config, path) in CARDS[name][1].items():
        configs.setdefault(config, []).append({"split": part_of(dataset, subset).split, "path": path})
    entries = [{"config_name": config, "data_files": files} for config, files in configs.items()]
    return f"---\nconfigs: {json.dumps(entries)}\n---\n"


@pytest.mark.parametrize("name", CARDS)
def test_the_repository_s_card_leads_to_each_subset(name: str, tmp_path: Path) -> None:
    repository, subsets = CARDS[name]
    benchmark = find(name)
    row: dict[str, Any] = {key: value for key, value in own_row(name).items() if key != "__row__"}
    question = next(key for key in benchmark.dataset.columns if key.lower() in ("question", "ja"))
    files = {"README.md": tmp_path / "README.md"}
    files["README.md"].write_text(card(name))
    for subset, (_, path) in subsets.items():
        files[path] = tmp_path / "files" / path
        write_rows(files[path], [row | {question: f"{subset} の問い"}])
    add_to_mirror(tmp_path / "mirror", repository, REVISION, files)
    context = DataContext(cache=tmp_path / "cache", mirror=tmp_path / "mirror")
    assert set(subsets) == set(benchmark.dataset.configs)
    for subset in subsets:
        (document,) = map(benchmark.document, open_rows(benchmark.dataset, subset, context))
        assert f"{subset} の問い" in document.turns[0]
