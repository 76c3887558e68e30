"""Code benchmarks on real rows, executed: every reference solution passes, nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.trial import choice
from saiten.datasets import open_rows
from saiten.datasets.apart import Stored
from saiten.sandbox import Sandbox
from saiten.scoring.text import answer
from saiten.types import Benchmark, ChoiceScore, Document, Verdict
from tests.helpers.extras import needs
from tests.helpers.mirror import mirror_context

FREE = {"add", "median"}
"""Functions that the prelude has, as it had in the reference: an empty answer passes."""
UNPASSABLE = {"HumanEval/32"}
"""Of HumanEval+: its published test fails everything."""
ALL_OF_IT = pytest.param("humanevalplus", 1, marks=pytest.mark.real)
HUMANEVAL = [("humaneval", 1), ("jhumaneval", 1), ("humanevalplus", 8), ALL_OF_IT]
"""Benchmark, and of how many documents one is tried: all of HumanEval+ take more than a minute (make test-real)."""


def executed(benchmark: Benchmark, documents: Sequence[Document], texts: Sequence[str]) -> list[ChoiceScore]:
    """Give each document its answer, execute it and score it."""

    async def verdicts() -> list[Verdict]:
        async with await Sandbox.start() as box, asyncio.TaskGroup() as group:
            tasks = []
            for document, text in zip(documents, texts, strict=True):
                assert benchmark.verifier is not None
                program = benchmark.verifier.program(document, answer(choice(text, document)))
                verdict = Verdict(kind="execution", status="no_code", value=0.0)
                tasks.append(group.create_task(box.run(program) if program else asyncio.sleep(0, verdict)))
            await asyncio.wait(tasks)
        return [task.result() for task in tasks]

    items = (
        (document, (choice(text, document, verdict),))
        for document, text, verdict in zip(documents, texts, asyncio.run(verdicts()), strict=True)
    )
    return [score for (score,) in benchmark.scorer.score(items)]


def real_documents(name: str, folder: Path, every: int) -> list[Document]:
    benchmark = find(name)
    rows = open_rows(benchmark.dataset, "", mirror_context(folder, name))
    assert len(rows) == 164
    return [benchmark.document(row) for row in rows][::every]


def written(document: Document) -> str:
    """Answer with the reference solution. In one row of JHumanEval a line end is missing before the function."""
    starter = document.extra["prompt"].replace('"""def ', '"""\ndef ')
    return f"```python\n{starter}{document.target}\n```"


@pytest.mark.parametrize(("name", "every"), HUMANEVAL)
def test_every_reference_solution_passes(name: str, every: int, tmp_path: Path) -> None:
    if name == "humanevalplus":
        needs("code")
    benchmark, documents = find(name), real_documents(name, tmp_path, every)
    scores = executed(benchmark, documents, [written(document) for document in documents])
    assert [d.id for d, score in zip(documents, scores, strict=True) if score.values["solved"] != 1.0] == []
    failed = {document.id for document, score in zip(documents, scores, strict=True) if score.values["passed"] != 1.0}
    assert failed == ({document.id for document in documents} & UNPASSABLE if name == "humanevalplus" else set())


@pytest.mark.parametrize(("name", "every"), HUMANEVAL)
def test_neither_an_empty_answer_nor_another_documents_solution_passes(name: str, every: int, tmp_path: Path) -> None:
    if name == "humanevalplus":
        needs("code")
    benchmark, documents = find(name), real_documents(name, tmp_path, every)
    empty = executed(benchmark, documents, [""] * len(documents))
    assert {score.values["solved"] for score in empty} == {0.0}
    passed = {d.extra["entry_point"] for d, score in zip(documents, empty, strict=True) if score.values["passed"]}
    assert passed <= FREE
    other = executed(benchmark, documents, [written(document) for document in documents[1:] + documents[:1]])
    assert {score.values["solved"] for score in other} == {0.0}


SORTED = """for _ in range(int(input())):
    word = input()
    print("YES" if sum(a != b for a, b in zip(word, "abc")) <= 2 else "NO")
"""
BYTES = SORTED.replace("input()", "next(lines)").replace("for _", "import sys\nlines = sys.stdin.buffer\nfor _", 1)
TIMES = "class Solution:\n    def timesK(self, nums, k):\n        return [k * n for n in nums]"


def test_livecodebench_is_executed_on_its_packed_cases(tmp_path: Path) -> None:
    benchmark, context = find("livecodebench"), mirror_context(tmp_path, "livecodebench")
    real, own = (benchmark.document(open_rows(benchmark.dataset, subset, context)[0]) for subset in ("v5", "v6"))
    assert (real.id, own.id) == ("1873_A", "9999")
    assert isinstance(real.extra["private"], Stored)
    raw = BYTES.replace("word = next(lines)", "word = next(lines).decode().strip()")
    answers = [
        (real, SORTED, (1.0, 1.0)),
        (real, raw, (0.0, 1.0)),
        (real, 'for _ in range(int(input())):\n    input()\n    print("YES")', (0.0, 0.0)),
        (real, TIMES, (0.0, 0.0)),
        (real, "", (0.0, 0.0)),
        (own, TIMES, (1.0, 1.0)),
        (own, SORTED, (0.0, 0.0)),
        (own, "", (0.0, 0.0)),
    ]
    texts = [f"```python\n{code}\n```" if code else "" for _, code, _ in answers]
    scores = executed(benchmark, [document for document, _, _ in answers], texts)
    got = [(score.values["passed"], score.values["solved"]) for score in scores]
    assert got == [expected for _, _, expected in answers]
