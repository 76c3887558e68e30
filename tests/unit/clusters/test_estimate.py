"""Times come from finished jobs else from the benchmark's table, else from a guess that says so."""

from __future__ import annotations

import pytest

from saiten.benchmarks import find
from saiten.clusters.estimate import SERVER_SECONDS, Learnt, Work, family, size
from saiten.clusters.record import JobReport
from saiten.clusters.services import TSUBAME, NodeKind
from saiten.types import Duration
from saiten.values import replace
from tests.unit.clusters.test_record import submission

NODE_Q = TSUBAME.node_kind("node_q")
JMMLU = find("jmmlu")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Qwen/Qwen3-8B", "qwen3-8b"),
        ("Qwen/Qwen3-8B-Base", "qwen3-8b"),
        ("/scratch/me/Qwen3-8B-sft_v2-iter0001000/", "qwen3-8b"),
        ("tokyotech-llm/Llama-3.3-Swallow-70B-Instruct-v0.4", "llama-3.3-swallow-70b"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
    ],
)
def test_a_family_is_a_name_up_to_its_size(model: str, expected: str) -> None:
    assert family(model) == expected


def test_sizes() -> None:
    assert [size("a/Qwen3-8B"), size("a/Mixtral-8x7B-v1"), size("gpt-4o")] == ["8b", "8x7b", ""]


def report(**changes: object) -> JobReport:
    fields: dict[str, object] = {
        "job_id": "1",
        "host": "n",
        "pid": 1,
        "started": 0.0,
        "ends": 9.0,
        "asking_seconds": 100.0,
        "server_seconds": 240.0,
        "output_tokens": {"jmmlu": 50_000, "math_500": 150_000},
        "choices": {"jmmlu": 500, "math_500": 100},
    }
    return JobReport(**(fields | changes))  # type: ignore[arg-type]


def learnt(*reports: JobReport, model: str = "Qwen/Qwen3-8B") -> Learnt:
    return Learnt.of((submission("a", model=model), one) for one in reports)


def test_speed_and_lengths_are_learnt_by_family_and_node_kind() -> None:
    known = learnt(report(), report(asking_seconds=300.0))
    work = Work(benchmark=JMMLU, samples=1, due=7000, answered=1000)
    expected = known.expect(work, "me/Qwen3-8B-mine", NODE_Q)
    assert expected.seconds == pytest.approx(6000 * 100 / 1000)  # 100 tokens a choice, 400,000 tokens in 400 s
    assert "1,000 tokens/s of qwen3-8b on node_q (2 jobs)" in expected.source
    assert expected.asked > expected.seconds
    assert "of 8b on" in known.expect(work, "meta-llama/Llama-3.1-8B", NODE_Q).source
    assert "learnt" not in known.expect(work, "Qwen/Qwen3-8B", TSUBAME.node_kind("node_f")).source
    assert known.start("Qwen/Qwen3-8B", "node_q") == 240
    assert known.start("Qwen/Qwen3-8B", "node_f") == SERVER_SECONDS


def test_jobs_that_asked_nothing_teach_nothing() -> None:
    assert learnt(report(asking_seconds=1.0)).speed("Qwen/Qwen3-8B", "node_q") is None
    assert learnt(report(output_tokens={}, choices={"jmmlu": 3})).lengths == {}


def test_the_table_is_scaled_to_what_is_owed_and_to_n() -> None:
    whole = Learnt().expect(Work(benchmark=JMMLU, samples=1), "m", NODE_Q)
    assert whole.seconds == 3600
    assert "table (node_q" in whole.source
    half = Learnt().expect(Work(benchmark=JMMLU, samples=2, due=100, answered=50), "m", NODE_Q)
    assert half.seconds == 3600
    assert Learnt().expect(Work(benchmark=JMMLU, samples=1), "m", TSUBAME.node_kind("node_f")).seconds == 4 * 3600
    assert "node_q" in Learnt().expect(Work(benchmark=JMMLU, samples=1), "m", NodeKind(name="gpu_1", gpus=1)).source


def test_without_any_figure_it_says_so() -> None:
    plain = replace(JMMLU, duration=Duration(), expected_tokens=400.0)
    assert "assumed" in Learnt().expect(Work(benchmark=plain, samples=1, due=10), "m", NODE_Q).source
    assert Learnt().expect(Work(benchmark=plain, samples=1, due=10), "m", NODE_Q).seconds == 20.0
    assert "no figure" in Learnt().expect(Work(benchmark=plain, samples=1), "m", NODE_Q).source
