"""--max-cost: estimated before, looked at before every request, and resumable after."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.conversations import judge_answer, talks
from tests.helpers.faultd import Fault, FaultServer, Reply

PRICES = "vllm:\n  prices:\n    test-*: {input: 0, output: 10000}\n"
"""A token of an answer costs 0.01; the test server counts a character as a token."""
ANSWER = "A" * 10


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    (tmp_path / "providers.yaml").write_text(PRICES)
    return Saiten(tmp_path)


def server(*script: Fault) -> FaultServer:
    return FaultServer(script, answer=lambda _prompt, _index: Reply(text=ANSWER))


def cost_of_run(saiten: Saiten) -> float:
    spent: float = json.loads((saiten.directory / "run.json").read_text())["cost"]["spent"]
    return spent


def test_what_a_run_cost_is_told_everywhere(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 5)
    with server() as talking:
        done = saiten.run(talking.base_url, [quiz])
    assert done.returncode == 0, done.stderr
    assert "cost 0.5000" in done.stdout.splitlines()[0]
    assert cost_of_run(saiten) == pytest.approx(0.5)
    assert saiten.aggregated()["cost"]["spent"] == pytest.approx(0.5)
    assert json.loads((saiten.directory / "progress.json").read_text())["cost"] == pytest.approx(0.5)
    again = saiten("score", str(saiten.directory))
    assert "cost 0.5000" in again.stdout.splitlines()[0]


def test_what_processes_beside_each_other_spend_adds_up(saiten: Saiten) -> None:
    questions(saiten.folder, 5)
    questions(saiten.folder, 3, name="other")
    with server(Fault(delay=0.5)) as talking:
        started = []
        for name in ("quiz", "other"):
            spec = {"model": "test-model", "provider": "vllm", "benchmarks": [f"{saiten.folder}/{name}.py"]}
            told = {"spec": spec, "access": {"base_url": talking.base_url}, "part": {"name": name}, "key": name}
            file = saiten.folder / f"{name}.job.json"
            file.write_text(json.dumps({**told, "output": ".", "directory": ".", "walltime": 600}))
            started.append(saiten.start("run", "--job", str(file)))
        ends = [process.communicate(timeout=120) for process in started]
        assert [process.returncode for process in started] == [0, 0], ends
    assert saiten("aggregate", "test-model").returncode == 0
    assert saiten.aggregated()["cost"]["spent"] == pytest.approx(0.8)
    more = [questions(saiten.folder, 2, name="more")]
    with server() as talking:
        assert saiten.run(talking.base_url, more).returncode == 0
    assert cost_of_run(saiten) == pytest.approx(1.0)


def job(saiten: Saiten, base_url: str, key: str, benchmark: str, budget: float, before: tuple[str, ...] = ()) -> int:
    """Run a job of several that share a run and its budget of 0.9; return its exit status."""
    sampling = {"max_tokens": 10}
    spec = {"model": "test-model", "provider": "vllm", "benchmarks": [f"{saiten.folder}/{benchmark}.py"]}
    told = {
        "spec": {**spec, "sampling": sampling},
        "access": {"base_url": base_url, "max_cost": 0.9, "stop_at_cost": True},
        "part": {"name": benchmark},
        "budget": budget,
        "before": before,
        "key": key,
    }
    file = saiten.folder / f"{key}.job.json"
    file.write_text(json.dumps({**told, "output": ".", "directory": ".", "walltime": 600}))
    return saiten("run", "--job", str(file)).returncode


def test_a_job_pays_from_its_own_share_and_its_successor_from_what_is_left(saiten: Saiten) -> None:
    questions(saiten.folder, 5)
    questions(saiten.folder, 3, name="other")
    with server() as talking:
        assert job(saiten, talking.base_url, "k1", "quiz", 0.5) == 0
        assert job(saiten, talking.base_url, "k2", "other", 0.25) == 3  # what the first one spent is no matter
        assert len(talking.ledger) == 7
        assert job(saiten, talking.base_url, "k3", "other", 0.25, before=("k2",)) == 3
        assert len(talking.ledger) == 7
        assert job(saiten, talking.base_url, "k4", "other", 0.35, before=("k2", "k3")) == 0
        assert len(talking.ledger) == 8
    assert saiten("aggregate", "test-model").returncode == 0
    assert saiten.aggregated()["cost"]["spent"] == pytest.approx(0.8)


def test_a_start_that_is_interrupted_keeps_what_it_spent(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 6)
    with server(Fault(ordinals=range(4, 100), hang=True)) as talking:
        process = saiten.start(*saiten.run_arguments(talking.base_url, [quiz], "--max-tokens", "10"))
        deadline = time.monotonic() + 60
        while len(saiten.records()) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    (kept,) = (saiten.directory / "starts").glob("cost-*.json")
    assert json.loads(kept.read_text())["spent"] == pytest.approx(0.6)  # two were in flight, and may be billed


def test_more_than_the_limit_is_refused_before_anything_is_sent(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 5)
    with server() as talking:
        done = saiten.run(talking.base_url, [quiz], "--max-cost", "0.5")
        assert done.returncode == 4
        assert "is expected to be needed" in done.stderr
        assert "--stop-at-cost" in done.stderr
        assert talking.ledger == []
    assert not saiten.directory.exists() or not (saiten.directory / "run.json").exists()


def test_the_limit_is_never_exceeded_and_a_higher_one_goes_on(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 20)
    limits = ("--stop-at-cost", "--max-tokens", "10", "--max-cost")
    with server() as talking:
        done = saiten.run(talking.base_url, [quiz], *limits, "0.55")
        assert done.returncode == 3, done.stderr
        assert "the budget is used up: 0.5000 of 0.55 spent" in done.stderr
        assert "5 of 20 choices are stored" in done.stderr
        assert len(talking.ledger) == 5
        assert len(saiten.records()) == 5
        done = saiten.run(talking.base_url, [quiz], *limits, "1")
        assert done.returncode == 3
        assert len(talking.ledger) == 10  # what earlier starts spent counts
        done = saiten.run(talking.base_url, [quiz], *limits, "50")
        assert done.returncode == 0, done.stderr
        assert len(talking.ledger) == 20
    assert cost_of_run(saiten) == pytest.approx(2.0)


def test_what_may_have_been_billed_counts_as_billed(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 3)
    cut = Fault(keep_events=2, rst=True, times=1)
    with server(cut, Fault(status=503, times=1)) as talking:
        done = saiten.run(talking.base_url, [quiz], "--max-tokens", "10")
        assert done.returncode == 0, done.stderr
        assert len(talking.ledger) == 5
    assert cost_of_run(saiten) == pytest.approx(0.4)


def test_a_limit_needs_a_price(saiten: Saiten) -> None:
    (saiten.folder / "providers.yaml").unlink()
    done = saiten.run("http://127.0.0.1:9/v1", [questions(saiten.folder, 1)], "--max-cost", "1")
    assert done.returncode == 4
    assert "--max-cost needs the price of test-model: write into providers.yaml" in done.stderr


def test_usage_that_is_not_told_is_estimated(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 4)
    with server() as talking:
        talking.usage = False
        done = saiten.run(talking.base_url, [quiz])
    assert done.returncode == 0, done.stderr
    cost = json.loads((saiten.directory / "run.json").read_text())["cost"]
    assert (cost["spent"], cost["estimated"]) == (pytest.approx(4 * 2.5 * 0.01), 4)


def judged(saiten: Saiten, url: str, judge_url: str, file: Path, *more: str) -> CompletedProcess[str]:
    options = ("--judge-base-url", judge_url, "--judge-model", "judge", *more)
    return saiten.run(url, [file], *options)


def test_the_judge_is_paid_from_the_same_budget(saiten: Saiten) -> None:
    prices = "custom:\n  prices:\n    judge: {input: 0, output: 20000}\n"
    (saiten.folder / "providers.yaml").write_text(PRICES + prices)
    file = talks(saiten.folder, 2, samples=1)
    verdict = judge_answer("<answer 0123456789abcdef>\ntalk 0\n</answer", 0)
    with server() as talking, FaultServer(answer=lambda _p, _i: verdict, models=["judge"]) as judge:
        done = judged(saiten, talking.base_url, judge.base_url, file)
        assert done.returncode == 0, done.stderr
        assert len(talking.ledger) == len(judge.ledger) == 4
        cost = 4 * len(ANSWER) * 0.01 + 4 * len(verdict) * 0.02
        assert cost_of_run(saiten) == pytest.approx(cost)
        done = judged(saiten, talking.base_url, judge.base_url, file)
        assert cost_of_run(saiten) == pytest.approx(cost)  # nothing was asked again
        done = judged(
            saiten, talking.base_url, judge.base_url, file, "--output-dir", "b", "--max-cost", "1.5", "--stop-at-cost"
        )
        assert done.returncode == 3, done.stderr
        assert "the budget is used up" in done.stderr
