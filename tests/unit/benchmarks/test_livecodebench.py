"""LiveCodeBench: its releases, its two kinds of problems, its old ids."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saiten.benchmarks import find, select
from saiten.benchmarks.check import check
from saiten.benchmarks.trial import choice, execution
from saiten.datasets.apart import Held
from saiten.engine.identity import program_identity
from saiten.errors import UsageError
from saiten.programs import CasesProgram
from saiten.results.layout import task_key
from saiten.results.rows import OLD_ROWS
from saiten.types import Choice, Generation, Outcome, Verdict
from tests.unit.benchmarks.golden import ROWS, own_document

NAME = "livecodebench"
CODE = "class Solution:\n    def timesK(self, nums, k):\n        return [k * n for n in nums]"


def own_row() -> dict[str, Any]:
    row: dict[str, Any] = json.loads((ROWS / f"{NAME}.json").read_bytes())
    return row


def stdin_row() -> dict[str, Any]:
    return own_row() | {"starter_code": "", "metadata": "{}", "question_id": "1_A"}


@pytest.mark.parametrize(
    ("selector", "subsets"),
    [
        ("livecodebench", ("v5_v6",)),
        ("livecodebench:v6", ("v6",)),
        ("livecodebench:release_v5", ("release_v5",)),
        ("livecodebench:v4_v5", ("v4_v5",)),
        ("livecodebench:release_latest", ("release_latest",)),
        ("swallow|lcb:codegeneration_v5_v6|0|0", ("v5_v6",)),
        ("swallow|lcb:codegeneration_v6|0|0", ("v6",)),
        ("lcb:codegeneration_release_v1", ("release_v1",)),
    ],
)
def test_a_release_is_named_by_its_official_name(selector: str, subsets: tuple[str, ...]) -> None:
    (selected,) = select((selector,))
    assert (selected.benchmark.name, selected.subsets) == (NAME, subsets)


@pytest.mark.parametrize("selector", ["swallow|lcb|0|0", "lcb", "livecodebench:*"])
def test_the_superset_is_every_release(selector: str) -> None:
    (selected,) = select((selector,))
    assert len(selected.subsets) == 6 + 15 + 6 + 1
    assert set(selected.subsets) == set(find(NAME).dataset.configs)


def test_all_benchmarks_together_measure_one_release() -> None:
    (subsets,) = [selected.subsets for selected in select(("en",)) if selected.benchmark.name == NAME]
    assert subsets == ("v5_v6",)


@pytest.mark.parametrize("selector", ["livecodebench:v7", "swallow|lcb:codegeneration_v6_v5|0|0"])
def test_an_unknown_release_is_refused_with_those_that_there_are(selector: str) -> None:
    with pytest.raises(UsageError, match=r"no subset .*there are: v1, v2"):
        select((selector,))


def test_releases_are_the_files_of_the_repository_in_their_order() -> None:
    files = find(NAME).dataset.files
    assert files["v1"] == "test.jsonl"
    assert files["v5_v6"] == "test5.jsonl test6.jsonl"
    assert files["release_v3"] == "test.jsonl test2.jsonl test3.jsonl"
    assert files["release_latest"] == files["release_v6"] == files["v1_v6"]


def test_results_carry_the_old_id_and_the_old_rows() -> None:
    benchmark = find(NAME)
    assert task_key(benchmark, "v5_v6") == "swallow|lcb:codegeneration_v5_v6|0"
    rows = [row.name for row in benchmark.summary]
    assert [row for row in rows if row in OLD_ROWS] == ["livecodebench_v5_v6_pass@1", "livecodebench_v5_v6_pass@10"]
    assert [metric.name for metric in benchmark.metrics_for(10)] == [
        *("codegen_pass@1:10", "solved@1:10", "codegen_pass@10:10", "solved@10:10")
    ]
    sampling = benchmark.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, benchmark.samples) == (0.6, 0.95, None, 10)


def test_a_problem_with_starter_code_asks_to_complete_it_and_another_to_read_standard_input() -> None:
    functional, stdin = own_document(NAME).turns[0], find(NAME).document(stdin_row()).turns[0]
    assert own_row()["question_content"] in functional
    assert functional.endswith(f"```python\n{own_row()['starter_code']}\n```\n")
    assert stdin.endswith("```python\n# YOUR CODE HERE\n```\n")
    assert own_document(NAME).extra["function"] == "timesK"
    assert find(NAME).document(stdin_row()).extra["function"] is None


def test_the_benchmark_passes_the_check_of_users_benchmarks() -> None:
    assert check(find(NAME), [own_row(), stdin_row()], "v6") == []


def answered(text: str | None, verdict: Verdict, reasoning: str | None = None) -> dict[str, float]:
    benchmark, document = find(NAME), own_document(NAME)
    generation = Generation(outcome=Outcome.OK, text=text, reasoning=reasoning)
    one = Choice(repetition=0, turns=(generation,), verdicts=(verdict,))
    ((score,),) = benchmark.scorer.score([(document, (one,))])
    return dict(score.values)


def test_passed_is_the_references_reading_and_solved_the_careful_one() -> None:
    text, solved = f"```python\n{CODE}\n```", Verdict(kind="execution", status="solved", value=0.0)
    assert answered(text, execution(passed=True)) == {"passed": 1.0, "solved": 1.0}
    assert answered(text, execution(passed=False)) == {"passed": 0.0, "solved": 0.0}
    assert answered(text, solved) == {"passed": 0.0, "solved": 1.0}
    future = f"```python\nfrom __future__ import annotations\n{CODE}\n```"
    assert answered(future, execution(passed=True)) == {"passed": 0.0, "solved": 1.0}
    assert answered(None, execution(passed=True), reasoning=text) == {"passed": 1.0, "solved": 0.0}


def test_the_program_is_the_last_block_or_all_of_the_text() -> None:
    benchmark, document = find(NAME), own_document(NAME)
    assert benchmark.verifier is not None

    def program(text: str) -> CasesProgram | None:
        made = benchmark.verifier.program(document, choice(text, document).turns[0])  # type: ignore[union-attr]
        assert made is None or isinstance(made, CasesProgram)
        return made

    assert program(" \n") is None
    fenced, bare = program(f"Sure.\n```\nx\n```\nthen\n```python\n{CODE}\n```"), program(CODE)
    assert fenced is not None
    assert bare is not None
    assert (fenced.source, bare.source) == (CODE + "\n", CODE)
    assert (fenced.function, fenced.cpu_seconds) == ("timesK", 6.0)


def test_an_execution_is_the_same_while_program_and_cases_are() -> None:
    def identity(source: str = "a", private: str = "p", public: str = "q") -> str:
        program = CasesProgram(source=source, function=None, public=public, private=Held(private))
        return program_identity(program, "rules-1")

    assert identity() == identity()
    assert len({identity(), identity(source="b"), identity(private="r"), identity(public="s")}) == 4
