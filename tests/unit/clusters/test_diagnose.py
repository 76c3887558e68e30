"""Why an evaluation does not end: each cause is found from its evidence, and none is invented."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from saiten.cli import main
from saiten.clusters.diagnose import diagnose
from saiten.clusters.finding import FoundRun, find_run, logs_of, tail
from saiten.clusters.record import folder_of, write_submission
from saiten.clusters.server_log import read_load
from saiten.errors import UserError
from tests.unit.clusters.made import NOW, submission, write_heartbeat

LOAD = (
    "(APIServer pid=7) INFO 08-21 10:00:00 [loggers.py:123] Engine 000: Avg prompt throughput: 10.0 tokens/s, "
    "Avg generation throughput: {tokens} tokens/s, Running: {running} reqs, Waiting: {waiting} reqs, "
    "GPU KV cache usage: {cache}%, Prefix cache hit rate: 1.0%"
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    run = tmp_path / "results" / "hosted_vllm" / "org" / "model"
    (run / "ja" / "gpqa_ja" / "generations").mkdir(parents=True)
    return run


def causes(directory: Path) -> dict[str, str]:
    found = diagnose(FoundRun(directory=directory, submissions=()), NOW)
    return {one.cause: " | ".join(one.evidence) for one in found}


def server_log(directory: Path, *lines: str) -> None:
    (directory / "ja" / "gpqa_ja" / "ja_gpqa.vllm307").write_text("\n".join(lines) + "\n")


def load(tokens: float = 900.0, running: int = 20, waiting: int = 0, cache: float = 12.0) -> str:
    return LOAD.format(tokens=tokens, running=running, waiting=waiting, cache=cache)


def failed(directory: Path, error: str, count: int) -> None:
    said = {"place": {}, "generation": {"outcome": "request_failed", "error": error}, "v": 1}
    fine = {"place": {}, "generation": {"outcome": "ok", "text": '"request_failed"'}, "v": 1}
    path = directory / "ja" / "gpqa_ja" / "generations" / "w.jsonl"
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in [fine, *[said] * count]) + "{torn")


def test_a_run_that_goes_well_has_no_cause(directory: Path) -> None:
    write_heartbeat(directory, ceiling=200, running=190, due=10_000)
    server_log(directory, *[load(running=190, waiting=1, cache=70.0)] * 20)
    assert causes(directory) == {}


def test_a_complete_run_has_no_cause(directory: Path) -> None:
    write_heartbeat(directory, state="complete", heartbeat=NOW - 9000)
    assert causes(directory) == {}


def test_too_little_concurrency(directory: Path) -> None:
    write_heartbeat(directory, ceiling=20, running=20, due=10_000)
    server_log(directory, *[load()] * 20)
    assert causes(directory) == {
        "too little concurrency": "20 choices are asked at once, the limit is 20, and 9960 are owed | "
        "the server works at 20 requests, none waits, KV cache 12% used"
    }


def test_the_newest_log_counts_not_the_longest(directory: Path) -> None:
    write_heartbeat(directory, ceiling=20, running=20, due=10_000)
    server_log(directory, *[load()] * 20)
    os.utime(directory / "ja" / "gpqa_ja" / "ja_gpqa.vllm307", (NOW, NOW))
    full = [load(running=30, waiting=170, cache=99.5)] * 900
    older = directory / "ja" / "gpqa_ja" / "ja_gpqa.vllm200"
    older.write_text("\n".join(full) + "\n")
    os.utime(older, (NOW - 9000, NOW - 9000))
    silent = directory / "ja" / "gpqa_ja" / "ja_gpqa.vllm308"  # a server that starts
    silent.write_text("loading weights\n")
    os.utime(silent, (NOW + 9000, NOW + 9000))
    assert list(causes(directory)) == ["too little concurrency"]


def test_of_shards_the_log_of_the_slowest_counts(directory: Path) -> None:
    logs = {"a": directory / "1of2.vllm1", "b": directory / "2of2.vllm2"}
    for key, answered in (("a", 10), ("b", 9000)):
        write_heartbeat(directory, key=key, ceiling=20, running=20, due=10_000, answered=answered)
        (directory / "progress.json").rename(directory / f"progress-{key}.json")
    logs["a"].write_text("\n".join([load(running=30, waiting=170, cache=99.5)] * 20) + "\n")
    logs["b"].write_text("\n".join([load()] * 40) + "\n")
    os.utime(logs["a"], (NOW - 60, NOW - 60))
    os.utime(logs["b"], (NOW, NOW))
    made = tuple(submission(key=key, run=str(directory), server_log=str(log)) for key, log in logs.items())
    found = diagnose(FoundRun(directory=directory, submissions=made), NOW)
    assert [one.cause for one in found] == ["too few resources"]


def test_a_dead_part_that_a_later_job_completed_is_no_cause(directory: Path) -> None:
    write_heartbeat(directory, heartbeat=NOW - 900, answered=24)
    (directory / "progress.json").rename(directory / "progress-ja_gpqa.json")
    assert list(causes(directory)) == ["nothing runs"]  # who is dead asks nothing, too little or not
    write_heartbeat(directory, state="complete", key="k2", heartbeat=NOW - 60, answered=100)
    assert causes(directory) == {}
    write_heartbeat(directory, state="complete", key="k2", heartbeat=NOW - 60, answered=100, benchmarks={"jmmlu": {}})
    assert "nothing runs" in causes(directory)


def test_too_little_concurrency_at_an_api_unless_it_limits(directory: Path) -> None:
    write_heartbeat(directory, ceiling=20, running=20, due=10_000)
    assert list(causes(directory)) == ["too little concurrency"]
    failed(directory, "rate limited: HTTP 429", 3)
    assert causes(directory) == {}


def test_repetition(directory: Path) -> None:
    counts = {"due": 100, "answered": 40, "repetition": 10, "truncated": 12}
    write_heartbeat(directory, running=2, benchmarks={"math_500": counts, "mmlu": {"due": 9, "answered": 9}})
    assert causes(directory) == {"repetition": "math_500: 25% of 40 answers loop, 30% were cut at the token limit"}


def test_too_few_resources(directory: Path) -> None:
    write_heartbeat(directory, ceiling=200, running=200)
    slow = [load(tokens=100, running=30, waiting=170, cache=99.5)] * 20
    server_log(
        directory,
        load(tokens=2000, running=30, waiting=170),
        *slow,
        "WARNING: Sequence group cmpl-1 is preempted by RECOMPUTE",
    )
    assert causes(directory) == {
        "too few resources": "KV cache 100% full; 30 requests run and 170 wait | "
        "1 preemptions in the server's log: what was computed is thrown away | 100 tokens/s now, 2000 at best"
    }


def test_timeouts(directory: Path) -> None:
    write_heartbeat(directory, ceiling=200, running=30, requests=400, retries=90)
    server_log(directory, load(waiting=5), "INFO: Aborted request chatcmpl-12", "INFO: Aborted request chatcmpl-13")
    failed(directory, "no byte for 60 s", 2)
    assert causes(directory) == {
        "timeouts": "the server's log has 2 aborted requests | "
        "2 choices failed for time, e.g. no byte for 60 s | 90 of 400 requests were repeated"
    }


def test_nothing_runs(directory: Path) -> None:
    write_heartbeat(directory, heartbeat=NOW - 600)
    assert causes(directory)["nothing runs"] == (
        "its process on r1n1 has been silent; last heartbeat 10 min ago | 40 of 100 choices are stored"
    )


def test_not_started(directory: Path) -> None:
    assert list(causes(directory)) == ["it has not started"]


def test_the_command_tells_cause_evidence_and_remedy(
    directory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_heartbeat(directory, heartbeat=time.time() - 600)
    assert main(["status", "--diagnose", str(directory)]) == 0
    shown = capsys.readouterr().out
    assert "1. nothing runs\n   seen: its process" in shown
    assert "   do:   `saiten resubmit`" in shown
    assert main(["status", "--diagnose", "nothing", "--output-dir", str(tmp_path)]) == 4
    assert "give a run directory, a job id or a model" in capsys.readouterr().err


def test_older_servers_name_their_queue_otherwise() -> None:
    line = (
        "INFO metrics.py:455] Avg prompt throughput: 1.0 tokens/s, Avg generation throughput: 33.5 tokens/s, "
        "Running: 3 reqs, Swapped: 0 reqs, Pending: 2 reqs, GPU KV cache usage: 5.5%, CPU KV cache usage: 0.0%."
    )
    found = read_load([line])
    assert (found.lines, found.tokens, found.running, found.waiting, found.cache) == (1, 33.5, 3.0, 2.0, 5.5)
    assert read_load(["nothing"]).lines == 0


def test_runs_are_found_by_what_people_have_at_hand(directory: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    folder.mkdir()
    values: dict[str, Any] = {"run": str(directory), "progress": str(directory / "progress.json")}
    write_submission(folder, submission(**values, job_id="1234.pbs1"))
    write_heartbeat(directory)
    for text in (str(directory), "1234.pbs1", "1234", "k1", "org/model", "ja_gpqa", "hosted_vllm/org/model"):
        assert find_run(text, [folder_of(tmp_path)]).directory == directory
    assert [one.key for one in find_run(str(directory), [folder_of(tmp_path)]).submissions] == ["k1"]
    with pytest.raises(UserError, match=r"no run 'org/mode'.*did you mean 'org/model'"):
        find_run("org/mode", [folder_of(tmp_path)])


def test_logs(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_heartbeat(directory)
    place = directory / "ja" / "gpqa_ja"
    (place / "ja_gpqa.o307").write_text("one\ntwo\nthree\x1b[2J\n")
    (place / "307.pbs1.OU").write_text("of pbs\n")
    (place / "note.txt").write_text("no log\n")
    run = find_run(str(directory), [folder_of(tmp_path)])
    assert [path.name for path in logs_of(run, "gpqa_ja")] == [path.name for path in logs_of(run, "ja_gpqa_ja")]
    assert main(["logs", str(directory), "gpqa_ja", "--lines", "2"]) == 0
    shown = capsys.readouterr().out
    assert main(["logs", str(directory), "ja_gpqa", "--lines", "2"]) == 0  # as its jobs are called
    assert capsys.readouterr().out == shown
    assert main(["logs", str(directory), "swallow|swallow_gpqa_ja|0|0", "--lines", "2"]) == 0
    assert capsys.readouterr().out == shown
    assert "ja_gpqa.o307 (" in shown
    assert "two\nthree[2J\n" in shown
    assert "one" not in shown
    assert "of pbs" in shown
    assert main(["logs", str(directory), "gpqa_jo"]) == 4
    assert "did you mean 'gpqa_ja'" in capsys.readouterr().err


def test_the_tail_of_a_huge_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 5000 + "\nlast\n")
    assert tail(path, 2, most=100)[-1] == "last"
    assert tail(path, 0) == []
