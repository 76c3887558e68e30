"""Several processes on one run: each asks its part once, all write one record, the last writes the results."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from saiten.evaluate import standing
from saiten.part import Part
from saiten.results import manifest
from saiten.types import RunSpec
from tests.helpers.command import Saiten, questions
from tests.helpers.conversations import judge_answer, model_answer, talks
from tests.helpers.faultd import Fault, FaultServer


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def job(saiten: Saiten, url: str, quiz: Path | str, name: str, **part: Any) -> Path:
    """Write a job file for `saiten run --job`."""
    path = saiten.folder / f"{name}.job.json"
    spec = {"model": "test-model", "provider": "vllm", "benchmarks": str(quiz).split(",")}
    access = {"base_url": url, "concurrency": 2}
    told = {
        "spec": spec,
        "access": access,
        "part": {"name": name, **part},
        "output": str(saiten.folder),
        "directory": str(saiten.folder),
    }
    path.write_text(json.dumps({**told, "key": name, "walltime": 600}))
    return path


@pytest.mark.parametrize(
    "shape", [{}, {"samples": 3, "temperature": 0.7}, {"turns": 2, "samples": 2, "temperature": 1}]
)
def test_shards_ask_everything_once_and_the_last_writes_the_results(saiten: Saiten, shape: dict[str, Any]) -> None:
    with FaultServer([Fault(delay=0.05)]) as server:
        quiz = questions(saiten.folder, 23, **shape)
        files = [job(saiten, server.base_url, quiz, f"part{n}", shard=n, shards=3) for n in range(3)]
        processes = [saiten.start("run", "--job", str(file)) for file in files]
        ends = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], ends
        assert not [e for e in Counter(entry.prompt for entry in server.ledger).values() if e > shape.get("samples", 1)]
        assert len(list(saiten.folder.glob("outputs/results/**/results_*.json"))) >= 1
        assert saiten.numbers()["quiz"]["evidence"]["scored"] == 23 * shape.get("samples", 1) * shape.get("turns", 1)
        before = len(server.ledger)
        assert saiten.run(server.base_url, [quiz]).returncode == 0
        assert len(server.ledger) == before


def test_verdicts_count_for_the_part_whose_answers_they_are_about(saiten: Saiten) -> None:
    """Else a chain of one shard would go on for as long as another one's judge answers."""
    with FaultServer(answer=model_answer) as model, FaultServer(answer=judge_answer, models=None) as judge:
        judged_by = ("--judge-base-url", judge.base_url, "--judge-model", "judge-2026-01-01")
        done = saiten.run(model.base_url, [talks(saiten.folder, 5, samples=2)], *judged_by)
        assert done.returncode == 0, done.stderr
    told = manifest.read(saiten.directory)
    assert told is not None
    spec, layout = msgspec.convert(told["spec"], RunSpec), manifest.stored_layout(saiten.directory, told)
    counts = [standing(spec, layout, Part(shard=shard, shards=2))["talk"] for shard in range(2)]
    assert [(count.answered, count.verified) for count in counts] == [
        (12, 6),
        (8, 4),
    ]  # greedy: two samples, one judged
    assert standing(spec, layout, Part())["talk"].verified == 10


@pytest.mark.parametrize("name", ["LITELLM_CONCURRENT_CALLS", "REQUEST_TIMEOUT"])
def test_a_job_heeds_the_limits_of_its_environment(saiten: Saiten, name: str) -> None:
    with FaultServer() as server:
        path = job(saiten, server.base_url, questions(saiten.folder, 4), "part0")
        told = json.loads(path.read_text())
        del told["access"]["concurrency"]
        path.write_text(json.dumps(told))
        wrong = saiten("run", "--job", str(path), extra={name: "many"})
        assert wrong.returncode == 4
        assert f"{name}='many' is not a" in wrong.stderr
        assert saiten("run", "--job", str(path), extra={name: "3"}).returncode == 0


def test_a_shard_alone_writes_no_results_and_says_so(saiten: Saiten) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 10)
        done = saiten("run", "--job", str(job(saiten, server.base_url, quiz, "part0", shard=0, shards=2)))
        assert done.returncode == 0, done.stderr
        assert "this part is complete" in done.stdout
        assert len(server.ledger) == 5
        assert not list(saiten.folder.glob("outputs/results/**/results_*.json"))
        state = json.loads((saiten.directory / "progress-part0.json").read_text())
        assert (state["state"], state["due"], state["answered"]) == ("complete", 5, 5)


def test_other_parts_may_work_beside_each_other_and_an_accidental_second_is_refused(saiten: Saiten) -> None:
    with FaultServer([Fault(delay=2.0)]) as server:
        quiz = questions(saiten.folder, 100)
        other = questions(saiten.folder, 2, name="other")
        first = saiten.start("run", "--job", str(job(saiten, server.base_url, quiz, "a", shard=0, shards=2)))
        deadline = time.monotonic() + 30
        while not server.ledger and time.monotonic() < deadline:
            time.sleep(0.05)
        both = f"{quiz},{other}"
        same = saiten("run", "--job", str(job(saiten, server.base_url, quiz, "b", shard=0, shards=2)))
        assert same.returncode == 4
        assert "is being worked on by process" in same.stderr
        whole = saiten.run(server.base_url, [quiz])
        assert whole.returncode == 4
        apart = saiten("run", "--job", str(job(saiten, server.base_url, both, "c", benchmarks=["other"])))
        assert apart.returncode == 0, apart.stderr
        server.script = []
        first.communicate(timeout=60)
        assert first.returncode == 0
