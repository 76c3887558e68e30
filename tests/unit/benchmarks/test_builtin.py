"""Every benchmark of saiten: its prompt, its documents, its scores, its place in the aggregated results."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.check import check, check_fields
from saiten.benchmarks.index import builtin
from saiten.benchmarks.trial import choice, execution, score_each
from saiten.datasets import DataContext, Rows, open_rows, seeded_order
from saiten.programs import Program
from saiten.types import Benchmark, Document, Duration
from tests.helpers.mirror import REPOSITORIES, mirror_context
from tests.unit.benchmarks.golden import FOLDER, OWN_ROWS, SHARED, own_document, shared_digest

NAMES = [*builtin()]
SHIPPED = {"sample_choice_ja": 32, "sample_math": 26}
"""Not in the old table."""
CODE = ("humaneval", "humanevalplus", "jhumaneval")
DOCUMENTS = {"jmmlu": 7097, "math_500": 500} | dict.fromkeys(CODE, 164)
MARKERS = {
    "jmmlu": "「回答: $選択肢」",
    "sample_choice_ja": "「回答: $選択肢」",
    "math_500": r"'Therefore, the final answer is: $\boxed{ANSWER}$. I hope it is correct'",
    "sample_math": r"'Therefore, the final answer is: $\boxed{ANSWER}$. I hope it is correct'",
    "humaneval": "```python\n",
    "humanevalplus": "```python\n",
    "jhumaneval": "実装の全体を ``` と ``` の間に",
}
SAMPLING = {
    "jmmlu": (0.0, None, 1),
    "math_500": (0.0, None, 1),
} | dict.fromkeys(CODE, (0.2, 0.95, 10))
METRICS = {
    "jmmlu": ["extractive_match", "accuracy"],
    "math_500": ["extractive_match", "accuracy"],
} | {key: ["humaneval_pass@1:10", "solved@1:10", "humaneval_pass@10:10", "solved@10:10"] for key in CODE}
SUMMARY = {
    "jmmlu": ["jmmlu_social_sciences", "jmmlu_humanities", "jmmlu_stem", "jmmlu_other", "jmmlu"],
    "math_500": ["math_500"],
} | {name: [f"{name}_pass@1", f"{name}_pass@10"] for name in CODE}


@pytest.mark.parametrize("name", NAMES)
def test_the_old_reservations_are_times_for_all_node_kinds_or_for_none(name: str) -> None:
    times = [getattr(find(name).duration, kind) for kind in Duration.__struct_fields__]
    if name.startswith("sample_"):
        assert set(times) == {None}
    else:
        assert all(re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d", time) for time in times), times


def shipped_rows(name: str, folder: Path) -> tuple[Benchmark, Rows]:
    benchmark = find(name)
    return benchmark, open_rows(benchmark.dataset, "", DataContext(cache=folder / "cache"))


def reply(benchmark: Benchmark, document: Document) -> str:
    """Answer a document with its gold answer, the way the prompt asks for it."""
    if benchmark.verifier is not None:
        return f"```python\n{document.extra['prompt']}{document.target}```"
    if benchmark.language == "ja":
        return f"順に考えます。AもBもCもDも検討しました。\n\n回答: {document.target}"
    return rf"Let us see. Therefore, the final answer is: $\boxed{{{document.extra['answer']}}}$. I hope it is correct"


def values(benchmark: Benchmark, documents: Sequence[Document], replies: Sequence[str]) -> list[dict[str, float]]:
    items = ((document, (choice(text, document),)) for document, text in zip(documents, replies, strict=True))
    read = [metric.value for metric in benchmark.metrics_for(1) if isinstance(metric.value, str)]
    return [{name: score.values[name] for name in read} for (score,) in benchmark.scorer.score(items)]


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_is_the_golden_one(name: str) -> None:
    assert "\0".join(own_document(name).turns).encode() == (FOLDER / f"{name}.txt").read_bytes()


@pytest.mark.parametrize("name", MARKERS)
def test_the_prompt_names_the_answer_line_and_holds_no_unfilled_place(name: str) -> None:
    (turn,) = own_document(name).turns
    assert MARKERS[name] in turn
    assert MARKERS[name] in find(name).prompt


@pytest.mark.parametrize("name", CODE)
def test_the_code_prompt_ends_with_two_newlines(name: str) -> None:
    assert own_document(name).turns[0].endswith("\n```\n\n")


def test_a_test_that_nothing_can_pass_is_read_as_it_was_meant_and_never_counts_as_passed() -> None:
    benchmark = find("humanevalplus")
    broken = "def check(candidate):\n    assert _poly(*candidate(*inp), inp) <= 0.0001\n"
    document = benchmark.document({**OWN_ROWS["humaneval"], "test": broken})
    assert "abs(_poly(*inp, candidate(*inp))) <= 0.0001" in document.extra["test"]
    text = reply(benchmark, document)
    (score,) = score_each(benchmark, document, [choice(text, document, execution(passed=True))])
    assert score.values == {"passed": 0.0, "solved": 1.0}


def test_choices_are_lettered_with_a_parenthesis() -> None:
    assert own_document("jmmlu").turns[0].endswith("\n\nA) 一\nB)  二 \nC) {choices}\nD) 四")


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_is_well_formed_and_says_where_it_comes_from(name: str) -> None:
    benchmark = find(name)
    assert list(check_fields(benchmark)) == []
    assert benchmark.source
    assert benchmark.license
    assert benchmark.differs
    text = builtin()[name].path.read_text("utf-8")
    assert "Source:" in text
    assert "Differs:" in text
    assert len(text.splitlines()) <= 150


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_measurement_is_the_references(name: str) -> None:
    benchmark = find(name)
    sampling = benchmark.sampling
    assert (sampling.temperature, sampling.top_p, benchmark.samples) == SAMPLING[name]
    assert sampling.max_tokens is None
    assert sampling.stop is None
    metrics = benchmark.metrics_for(benchmark.samples)
    assert [metric.name for metric in metrics] == METRICS[name]
    assert [row.name for row in benchmark.summary] == SUMMARY[name]
    for metric in metrics:
        assert metric.compatible is (metric.twin is None)


def test_fewer_samples_than_ten_leave_out_pass_at_ten() -> None:
    benchmark = find("humaneval")
    assert [metric.name for metric in benchmark.metrics_for(4)] == ["humaneval_pass@1:4", "solved@1:4"]


def test_jmmlu_categories_are_mmlus_and_leave_out_two_subjects() -> None:
    benchmark = find("jmmlu")
    rows = {row.name: set(row.subsets or benchmark.dataset.configs) for row in benchmark.summary}
    assert {name: len(subsets) for name, subsets in rows.items()} == {
        "jmmlu_social_sciences": 10,
        "jmmlu_humanities": 9,
        "jmmlu_stem": 19,
        "jmmlu_other": 13,
        "jmmlu": 53,
    }
    in_one = [subset for name, subsets in rows.items() if name != "jmmlu" for subset in subsets]
    assert len(in_one) == len(set(in_one))
    assert set(benchmark.dataset.configs) - set(in_one) == {"japanese_history", "world_history"}


@pytest.mark.parametrize("name", REPOSITORIES)
def test_the_real_documents_and_their_order_are_the_references(name: str, tmp_path: Path) -> None:
    golden = json.loads(SHARED.read_text("utf-8"))[name]
    assert golden["documents"] == DOCUMENTS[name]
    assert shared_digest(name, tmp_path) == golden


@pytest.mark.parametrize(("name", "subset"), [("jmmlu", "college_physics"), ("math_500", ""), ("humaneval", "")])
def test_real_documents_have_unique_ids_and_gold_scores_one_and_empty_nothing(
    name: str, subset: str, tmp_path: Path
) -> None:
    benchmark = find(name)
    rows = open_rows(benchmark.dataset, subset, mirror_context(tmp_path, name))
    findings = check(benchmark, rows[:], subset)
    assert [finding for finding in findings if "repeat the prompt" not in finding.message] == []


@pytest.mark.parametrize("name", ["jmmlu", "math_500"])
def test_real_gold_answers_score_one_and_another_documents_answer_nothing(name: str, tmp_path: Path) -> None:
    benchmark = find(name)
    subset = next(iter(benchmark.dataset.configs))
    rows = open_rows(benchmark.dataset, subset, mirror_context(tmp_path, name))
    documents = [benchmark.document(rows[i]) for i in seeded_order(len(rows))[:40]]
    replies = [reply(benchmark, document) for document in documents]
    assert {tuple(v.values()) for v in values(benchmark, documents, replies)} == {(1.0, 1.0)}
    shifted = [*documents[1:], documents[0]]
    other = [(a, b) for a, b in zip(documents, shifted, strict=True) if gold(a) != gold(b)]
    wrong = values(benchmark, [a for a, _ in other], [reply(benchmark, b) for _, b in other])
    assert {tuple(v.values()) for v in wrong} == {(0.0, 0.0)}
    assert len(other) >= 20


def gold(document: Document) -> object:
    return document.extra.get("answer", document.target)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_question_is_whole_and_its_gold_answer_scores_one(name: str, tmp_path: Path) -> None:
    benchmark, rows = shipped_rows(name, tmp_path)
    assert len(rows) == SHIPPED[name]
    assert check(benchmark, rows[:]) == []
    documents = [benchmark.document(row) for row in rows]
    right = values(benchmark, documents, [reply(benchmark, document) for document in documents])
    assert {tuple(v.values()) for v in right} == {(1.0, 1.0)}
    empty = values(benchmark, documents, [""] * len(documents))
    assert {tuple(v.values()) for v in empty} == {(0.0, 0.0)}


def test_shipped_choices_are_balanced_distinct_and_graded(tmp_path: Path) -> None:
    _, rows = shipped_rows("sample_choice_ja", tmp_path)
    assert Counter(row["answer"] for row in rows) == {"A": 8, "B": 8, "C": 8, "D": 8}
    assert all(len({row[letter] for letter in "ABCD"}) == 4 for row in rows)
    assert Counter(row["level"] for row in rows) == {1: 8, 2: 8, 3: 8, 4: 8}
    assert len({row["question"] for row in rows}) == len(rows)
    assert len({row["subject"] for row in rows}) >= 10


def test_code_is_scored_by_its_verdict_and_a_program_is_made_of_the_block() -> None:
    benchmark = find("humaneval")
    document = own_document("humaneval")
    assert benchmark.verifier is not None
    answer = choice(reply(benchmark, document), document).turns[0]
    program = benchmark.verifier.program(document, answer)
    assert isinstance(program, Program)
    assert program.entry_point == "twice"
    assert "return {" in program.source
    assert program.tests == document.extra["test"]
    assert benchmark.verifier.program(document, choice("", document).turns[0]) is None
    text = reply(benchmark, document)
    right, wrong, not_code = (
        choice(text, document, execution(passed=True)),
        choice(text, document, execution(passed=False)),
        choice("def other(): pass", document, execution(passed=True)),
    )
    scores = score_each(benchmark, document, [right, wrong, not_code])
    assert [score.values["passed"] for score in scores] == [1.0, 0.0, 1.0]
    assert [score.values["solved"] for score in scores] == [1.0, 0.0, 0.0]
