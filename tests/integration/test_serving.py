"""`saiten run MODEL` with a server of its own: a real process that speaks HTTP, killed and stopped in every way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import served
from tests.helpers.command import Saiten, questions
from tests.helpers.conversations import talks
from tests.helpers.faultd import Fault, FaultServer
from tests.unit.servers.processes import command_line, eventually, guards_of, lives, session_members

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
    "max_position_embeddings": 4096,
}
QUESTIONS = 12


class Run:
    """A `saiten run` of a model folder, in a process of its own."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        model = folder / "publisher" / "model"
        model.mkdir(parents=True, exist_ok=True)
        (model / "config.json").write_text(json.dumps(CONFIG))
        command = [sys.executable, "-m", "saiten", "run", str(model), "--benchmarks", "sample_choice_ja"]
        command += ["--server-command", f"{sys.executable} {served.__file__}", "--max-samples", str(QUESTIONS)]
        command += ["--concurrency", "2", *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "SERVED_LATENCY": "0"} | environment,
            cwd=folder,
        )

    def finish(self) -> tuple[int, str]:
        """Return the status and what was said."""
        out, errors = self.process.communicate(timeout=120)
        return self.process.returncode, out + errors

    @property
    def directory(self) -> Path:
        return self.folder / "results" / "hosted_vllm" / "publisher" / "model"

    def json(self, name: str) -> Any:
        return json.loads((self.directory / name).read_text())

    def ids(self, kind: str = "generations") -> list[str]:
        files = sorted(self.directory.glob(f"*/*/{kind}/*.jsonl"))
        return [json.loads(line)["place"]["id"] for file in files for line in file.read_text().splitlines()]

    def members(self) -> list[int]:
        """Return the server's processes, its guard first."""
        return [member for guard in guards_of(self.process.pid) for member in sorted(session_members(guard))]

    def wait_for_answers(self, count: int) -> list[int]:
        """Wait until so many answers are stored; return the server's processes."""
        assert eventually(lambda: len(self.ids()) >= count or self.process.poll() is not None, 60)
        assert self.process.poll() is None
        return self.members()


def test_the_model_is_served_asked_and_stopped_and_not_started_again_for_nothing(tmp_path: Path) -> None:
    model = tmp_path / "publisher" / "model"
    model.mkdir(parents=True)
    (model / "generation_config.json").write_text('{"top_k": 20, "temperature": 0.7}')
    run = Run(tmp_path, "--server-args", "--max-num-seqs '7'", SECRET_API_KEY="not for the server")
    status, words = run.finish()
    assert status == 0, words
    assert "generation_config.json says temperature 0.7, top_k 20: not applied (model settings can say it)" in words
    facts = run.json("run.json")["server"]
    assert facts["command"].endswith("--max-num-seqs 7")
    assert "--max-model-len 4096" in facts["command"]
    assert facts["start_seconds"] > 0
    progress = run.json("progress.json")
    assert (progress["state"], progress["running"], progress["server"]) == ("complete", 0, None)
    (log,) = run.directory.glob("saiten.vllm*")
    assert "served with" in log.read_text()
    assert not any(str(tmp_path / "publisher") in words for words in everybodys_command_lines())
    status, words = Run(tmp_path, "--server-args", "--max-num-seqs '7'").finish()
    assert status == 0, words
    assert "starting" not in words
    assert run.json("run.json")["server"] == facts
    assert list(run.directory.glob("saiten.vllm*")) == [log]


def test_a_server_that_dies_is_started_again_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    run = Run(tmp_path, SERVED_LATENCY="0.4")
    server = run.wait_for_answers(2)
    assert len(server) == 3
    for member in server[1:]:
        os.kill(member, signal.SIGKILL)
    status, words = run.finish()
    assert status == 0, words
    assert "the model server died; it is started again, and what was in flight is asked again" in words
    assert run.json("progress.json")["restarts"] == 1
    assert sorted(run.ids()) == sorted(set(run.ids()))
    assert len(run.ids()) == QUESTIONS
    assert not any(map(lives, server))


def test_a_server_that_dies_twice_ends_the_run_which_can_go_on(tmp_path: Path) -> None:
    run = Run(tmp_path, SERVED_LATENCY="0.4")
    for count in (2, 7):
        for member in run.wait_for_answers(count)[1:]:
            os.kill(member, signal.SIGKILL)
    status, words = run.finish()
    assert status == 5, words
    assert "the model server died again after it was started anew; " in words
    assert "start the same command again to go on" in words
    stored = run.ids()
    assert 7 <= len(stored) < QUESTIONS
    status, words = Run(tmp_path).finish()
    assert status == 0, words
    assert run.ids()[: len(stored)] == stored or set(stored) < set(run.ids())
    assert len(run.ids()) == QUESTIONS


def test_a_server_that_hangs_is_started_again(tmp_path: Path) -> None:
    run = Run(tmp_path, "--stall-seconds", "2", SERVED_FAULT="hangs")
    status, words = run.finish()
    assert status == 0, words
    assert "the model server gave no token for too long; it is started again" in words
    assert run.json("progress.json")["restarts"] == 1
    assert len(run.ids()) == len(set(run.ids())) == QUESTIONS


def judging(folder: Path) -> tuple[str, ...]:
    """Return the options of a run whose model judges itself, one judgement after the other."""
    talk = str(talks(folder, 3, samples=1))
    return "--benchmarks", talk, "--judge-base-url", "model", "--judge-concurrency", "1", "--concurrency", "8"


def kill_while_judging(run: Run, judged: int) -> None:
    """Kill the server when all is answered and only some of it is judged."""
    assert eventually(lambda: len(run.ids("judgements")) >= judged and len(run.ids()) == 6, 60)
    server = run.members()
    assert run.process.poll() is None
    for member in server[1:]:
        os.kill(member, signal.SIGKILL)
    assert len(run.ids("judgements")) < 6


def test_a_server_that_dies_while_only_judgements_are_missing_is_started_again(tmp_path: Path) -> None:
    run = Run(tmp_path, *judging(tmp_path), SERVED_JUDGES="1", SERVED_LATENCY="0.5")
    kill_while_judging(run, 1)
    status, words = run.finish()
    assert status == 0, words
    assert "the model server died; it is started again, and what was in flight is asked again" in words
    assert "judging ends" not in words
    assert run.json("progress.json")["restarts"] == 1
    assert len(run.ids("judgements")) == len(set(run.ids("judgements"))) == 6
    assert not run.members()


def test_a_server_that_dies_twice_while_judging_ends_the_run_which_can_go_on(tmp_path: Path) -> None:
    run = Run(tmp_path, *judging(tmp_path), SERVED_JUDGES="1", SERVED_LATENCY="0.5")
    kill_while_judging(run, 1)
    assert eventually(lambda: len(run.ids("judgements")) >= 3, 60)
    kill_while_judging(run, 3)
    status, words = run.finish()
    assert status == 5, words
    assert "the model server died again after it was started anew; 6 of 6 choices are stored" in words
    stored = run.ids("judgements")
    again = Run(tmp_path, *judging(tmp_path), SERVED_JUDGES="1")
    status, words = again.finish()
    assert status == 0, words
    assert set(stored) < set(run.ids("judgements"))
    assert len(run.ids("judgements")) == 6


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_no_server_outlives_saiten(tmp_path: Path, number: signal.Signals) -> None:
    run = Run(tmp_path, SERVED_LATENCY="0.4")
    server = run.wait_for_answers(2)
    run.process.send_signal(number)
    status, words = run.finish()
    assert status == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGUSR1: 3}[number], words
    assert eventually(lambda: not any(map(lives, server)))


def test_what_does_not_end_in_the_time_to_drain_is_given_up(tmp_path: Path) -> None:
    with FaultServer([Fault(hang=True)]) as server:
        saiten = Saiten(tmp_path)
        quiz = [questions(tmp_path, 4)]
        process = saiten.start(*saiten.run_arguments(server.base_url, quiz, "--drain-seconds", "1"))
        assert eventually(lambda: len(server.ledger) == 4, 60)
        process.terminate()
        asked = time.monotonic()
        _, words = process.communicate(timeout=100)
    assert process.returncode == 143, words
    assert time.monotonic() - asked < 20


def test_a_signal_while_the_server_starts_is_heard(tmp_path: Path) -> None:
    run = Run(tmp_path, SERVED_FAULT="deaf")
    assert eventually(lambda: len(run.members()) == 2, 60)
    server, asked = run.members(), time.monotonic()
    run.process.terminate()
    status, words = run.finish()
    assert status == 143, words
    assert time.monotonic() - asked < 30
    assert not any(map(lives, server))


def test_a_server_that_cannot_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    status, words = Run(tmp_path, SERVED_FAULT="broken").finish()
    assert status == 5
    assert "the model server ended with status 3 after" in words
    assert "(ValueError: the weights are of another model). Last lines of" in words
    assert "Traceback" not in words


def test_a_server_that_says_nothing_has_a_deadline(tmp_path: Path) -> None:
    status, words = Run(tmp_path, "--start-seconds", "2", SERVED_FAULT="deaf").finish()
    assert status == 5
    assert "the model server gave no token within 2 s" in words


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"added_tokens.json": {"<think>": 1}}, [], "has <think> in its vocabulary and no reasoning parser is set"),
        ({}, ["--max-model-length", "9999"], "--max-model-length 9999: the model was made for 4096 tokens"),
        ({}, ["--server-args", "'"], '--server-args "\'" cannot be read'),
        ({}, ["--server-args", "--api-key x"], "--server-args may not hold --api-key"),
        ({}, ["--chat-template", "lost.jinja"], "--chat-template lost.jinja: no such file"),
        ({}, ["--tensor-parallel", "3"], "--tensor-parallel 3 does not divide this model"),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(
    tmp_path: Path, files: dict[str, Any], options: list[str], message: str
) -> None:
    model = tmp_path / "publisher" / "model"
    model.mkdir(parents=True)
    for name, content in files.items():
        (model / name).write_text(json.dumps(content))
    status, words = Run(tmp_path, *options).finish()
    assert status in {2, 4}
    assert message in words
    assert "Traceback" not in words
    assert not list(tmp_path.glob("results/**/saiten.vllm*"))


def everybodys_command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            found.append(command_line(int(entry.name)) if entry.name.isdigit() else "")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
