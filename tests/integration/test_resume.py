"""Nothing that was answered is lost or asked again, whatever happens to the process."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.fault_answers import Reply
from tests.helpers.faultd import Fault, FaultServer

CONCURRENCY = 4
Numbers = Callable[..., dict[str, Any]]


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Return the numbers of a run of this shape that nothing disturbed: every server gives the same answers."""
    found: dict[str, dict[str, Any]] = {}

    def numbers(**shape: Any) -> dict[str, Any]:
        if repr(shape) not in found:
            quiet = Saiten(tmp_path_factory.mktemp("quiet"))
            with FaultServer() as server:
                done = quiet.run(server.base_url, [questions(quiet.folder, 12, **shape)])
            assert done.returncode == 0, done.stderr
            found[repr(shape)] = quiet.numbers()
        return found[repr(shape)]

    return numbers


POINTS = [
    *("before_send", "after_response", "mid_line", "after_line", "before_fsync", "after_fsync"),
    *("during_score", "before_rename", "after_rename"),
]


@pytest.mark.parametrize("occurrence", [1, 5, 12])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_goes_on_where_it_was(point: str, occurrence: int, saiten: Saiten, uninterrupted: Numbers) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 12)
        arguments = ("--concurrency", str(CONCURRENCY))
        killed = saiten.run(server.base_url, [quiz], *arguments, extra={"SAITEN_CRASH_AT": f"{point}:{occurrence}"})
        reached = killed.returncode == -signal.SIGKILL
        assert reached or killed.returncode == 0, killed.stderr
        stored = {record["place"]["document"] for record in saiten.records() if record["generation"]["text"]}
        before = len(server.ledger)
        resumed = saiten.run(server.base_url, [quiz], *arguments)
        assert resumed.returncode == 0, resumed.stderr
        asked = Counter(entry.prompt for entry in server.ledger[before:])
        assert not {f"quiz {document}" for document in stored} & set(asked)
        assert len(server.ledger) <= 12 + CONCURRENCY
        assert saiten.numbers() == uninterrupted()


def test_two_kills_in_a_row_and_a_kill_while_resuming_lose_nothing(saiten: Saiten, uninterrupted: Numbers) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 12)
        for point in ("after_line:3", "mid_line:2", "during_resume_scan:1", "during_resume_scan:2", "after_line:2"):
            killed = saiten.run(server.base_url, [quiz], "--concurrency", "2", extra={"SAITEN_CRASH_AT": point})
            assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        done = saiten.run(server.base_url, [quiz])
        assert done.returncode == 0, done.stderr
        assert saiten.numbers() == uninterrupted()


@pytest.mark.parametrize("shape", [{"samples": 3, "temperature": 0.7}, {"turns": 2, "samples": 2, "temperature": 0.7}])
def test_samples_and_turns_resume_one_by_one(shape: dict[str, Any], saiten: Saiten, uninterrupted: Numbers) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 12, **shape)
        saiten.run(server.base_url, [quiz], "--concurrency", "3", extra={"SAITEN_CRASH_AT": "after_line:17"})
        stored = len(saiten.records())
        assert stored == 17
        assert saiten.run(server.base_url, [quiz]).returncode == 0
        total = 12 * shape["samples"] * shape.get("turns", 1)
        assert len(server.ledger) <= total + 3
        assert saiten.numbers() == uninterrupted(**shape)


def test_random_kills_lose_nothing(saiten: Saiten) -> None:
    with FaultServer([Fault(delay=0.02)]) as server:
        quiz = questions(saiten.folder, 60)
        arguments = saiten.run_arguments(server.base_url, [quiz], "--concurrency", "3")
        for seconds in (0.5, 0.6, 0.7, 0.8):
            process = saiten.start(*arguments)
            time.sleep(seconds)
            process.kill()
            process.communicate()
        answered = {record["place"]["document"] for record in saiten.records()}
        before = len(server.ledger)
        done = saiten(*arguments)
        assert done.returncode == 0, done.stderr
        asked = {entry.prompt for entry in server.ledger[before:]}
        assert not {f"quiz {document}" for document in answered} & asked
        evidence = saiten.numbers()["quiz"]["evidence"]
        assert (evidence["due"], evidence["scored"], evidence["failed"]) == (60, 60, 0)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 3), (signal.SIGUSR2, 3)],
)
def test_a_signal_drains_and_leaves_a_run_that_goes_on(number: signal.Signals, status: int, saiten: Saiten) -> None:
    with FaultServer([Fault(delay=0.3)]) as server:
        quiz = questions(saiten.folder, 40)
        arguments = saiten.run_arguments(server.base_url, [quiz], "--concurrency", "4")
        process = saiten.start(*arguments)
        while len(server.ledger) < 6:
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == status, err
        assert "start the same command again" in err
        stored = saiten.records()
        assert len(stored) == len(server.ledger)  # what was in flight was finished and stored
        server.script = []
        assert saiten(*arguments).returncode == 0
        assert len(server.ledger) == 40


def test_a_second_signal_stops_at_once(saiten: Saiten) -> None:
    with FaultServer([Fault(hang=True)]) as server:
        quiz = questions(saiten.folder, 8)
        process = saiten.start(*saiten.run_arguments(server.base_url, [quiz]))
        while len(server.ledger) < 8:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 143, err
        assert time.monotonic() - began < 10


def test_a_torn_line_is_ignored_and_a_damaged_one_is_named_and_asked_again(saiten: Saiten) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 10)
        assert saiten.run(server.base_url, [quiz]).returncode == 0
        expected = saiten.numbers()
        (path,) = (saiten.directory / "ja" / "quiz" / "generations").glob("*.jsonl")
        lines = path.read_bytes().splitlines(keepends=True)
        lines[4] = lines[4].replace(b'"outcome":"ok"', b'"outcome":"ko"')
        path.write_bytes(b"".join(lines)[:-30])
        server.ledger.clear()
        done = saiten.run(server.base_url, [quiz])
        assert done.returncode == 0, done.stderr
        assert f"{path.name}:5: the checksum does not match" in done.stderr
        assert len(server.ledger) == 2
        assert saiten.numbers() == expected


def test_a_finished_run_asks_nothing_and_needs_no_server(saiten: Saiten) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 5)
        assert saiten.run(server.base_url, [quiz]).returncode == 0
        address, expected = server.base_url, saiten.numbers()
    done = saiten.run(address, [quiz])
    assert done.returncode == 0, done.stderr
    assert saiten.numbers() == expected


def test_failures_are_bounds_and_exit_3_and_a_healed_server_completes_the_run(saiten: Saiten) -> None:
    with FaultServer([Fault(status=500, share=0.1, by_prompt=True)]) as server:
        quiz = questions(saiten.folder, 60)
        broken = saiten.run(server.base_url, [quiz])
        failed = saiten.numbers()["quiz"]["evidence"]["failed"]
        assert broken.returncode == 3, broken.stderr
        assert 0 < failed < 20
        assert "INCOMPLETE" in broken.stdout
        metric = saiten.numbers()["quiz"]["metrics"]["extractive_match"]
        low, high = metric["bounds"]
        assert high - low == pytest.approx(failed / 60)
        assert "-1" in saiten.aggregated()["overall"].split(",")
        server.script = []
        before = len(server.ledger)
        healed = saiten.run(server.base_url, [quiz])
        assert healed.returncode == 0, healed.stderr
        assert len(server.ledger) - before == failed


def test_another_specification_is_refused_with_the_difference(saiten: Saiten) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 3)
        assert saiten.run(server.base_url, [quiz]).returncode == 0
        refused = saiten.run(server.base_url, [quiz], "--system-message", "Be brief.")
        assert refused.returncode == 4
        assert refused.stderr.count("\n") == 1
        assert "system_message: None -> 'Be brief.'" in refused.stderr
        asked = len(server.ledger)
        assert saiten.run(server.base_url, [quiz], "--system-message", "Be brief.", "--accept-changes").returncode == 0
        assert len(server.ledger) == asked + 3
        assert saiten.run(server.base_url, [quiz], "--accept-changes").returncode == 0
        assert len(server.ledger) == asked + 3  # the old answers were kept


def test_a_start_that_failed_does_not_forbid_the_corrected_one(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 3)
    assert saiten.run("http://127.0.0.1:9/v1", [quiz], "--system-message", "Be breif.").returncode == 5
    with FaultServer() as server:
        corrected = saiten.run(server.base_url, [quiz], "--system-message", "Be brief.")
        assert corrected.returncode == 0, corrected.stderr


def test_a_second_process_on_the_same_run_is_refused(saiten: Saiten) -> None:
    with FaultServer([Fault(delay=1.0)]) as server:
        quiz = questions(saiten.folder, 6)
        arguments = saiten.run_arguments(server.base_url, [quiz], "--concurrency", "2")
        first = saiten.start(*arguments)
        while not server.ledger:
            time.sleep(0.01)
        time.sleep(0.2)
        second = saiten(*arguments)
        assert second.returncode == 4
        assert "is being worked on by process" in second.stderr
        _, err = first.communicate(timeout=30)
        assert first.returncode == 0, err
        assert len(server.ledger) == 6


def test_no_file_holds_the_key(saiten: Saiten) -> None:
    key = "sk-canary-0123456789abcdef"
    with FaultServer([Fault(status=401, ordinals={2})]) as server:
        quiz = questions(saiten.folder, 4)
        arguments = ["run", "m", "--provider", "openai", "--base-url", server.base_url, "--benchmarks", str(quiz)]
        done = saiten(*arguments, "--concurrency", "1")
        assert done.returncode == 4, done.stderr
        assert key not in done.stdout + done.stderr
        assert saiten(*arguments).returncode == 0
        assert server.ledger[0].headers["authorization"] == f"Bearer {key}"
    held = [path for path in saiten.folder.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    assert held == []


def test_an_answer_without_content_that_was_cut_is_truncated_and_not_wrong_by_silence(saiten: Saiten) -> None:
    def answer(prompt: str, _index: int) -> Reply:
        return Reply(reasoning="hm", finish_reason="length") if prompt == "quiz 1" else Reply(text="回答: A")

    with FaultServer(answer=answer) as server:
        done = saiten.run(server.base_url, [questions(saiten.folder, 4)])
    assert done.returncode == 0, done.stderr
    evidence = saiten.numbers()["quiz"]["evidence"]
    assert (evidence["truncated"], evidence["unclosed"], evidence["scored"]) == (1, 1, 4)
    outcomes = {record["place"]["document"]: record["generation"]["outcome"] for record in saiten.records()}
    assert outcomes == {"0": "ok", "1": "truncated", "2": "ok", "3": "ok"}
    assert "25.0 %" in done.stdout


def test_progress_json_tells_the_state_after_the_end(saiten: Saiten) -> None:
    with FaultServer() as server:
        assert saiten.run(server.base_url, [questions(saiten.folder, 4)]).returncode == 0
    state = json.loads((saiten.directory / "progress.json").read_text())
    assert (state["state"], state["answered"], state["due"]) == ("complete", 4, 4)
    assert (state["requests"], state["running"]) == (len(server.ledger), 0)
