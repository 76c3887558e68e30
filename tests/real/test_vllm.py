"""A real vLLM on this machine's CPUs, started, killed and stopped by `saiten run`, `serve` and `vllm`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.vllm_cpu.install import VERSION, installed
from tests.unit.servers.processes import command_line, eventually, guards_of, session_members

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]

PATIENCE = 900.0
"""Seconds that a run may take; a start alone takes half a minute on a quiet machine and minutes on a busy one."""
GONE_SECONDS = 30.0
EAGER = "--server-args=--enforce-eager"
BENCHMARK = '''"""A benchmark of the tests."""

from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Row, Sampling


def document(row: Row) -> Document:
    """Build a document."""
    sampling = Sampling(max_tokens=row["max_tokens"], **row["sampling"])
    return Document(id=row["id"], turns=tuple(row["turns"]), target="$1$", extra={"answer": "1"}, sampling=sampling)


BENCHMARK = Benchmark(
    name="NAME",
    task="test_NAME",
    language="en",
    version=1,
    dataset=Dataset(path="NAME.jsonl", split="test", local=True, columns=("id", "turns", "max_tokens", "sampling")),
    document=document,
    prompt="{turns}",
    scorer=MathAnswer(gold="latex"),
    metrics=answered,
    sampling=Sampling(temperature=TEMPERATURE, seed=1),
    samples=SAMPLES,
    expected_tokens=16.0,
)
'''


def benchmark(
    folder: Path, name: str, turns: list[list[str]], *, samples: int = 1, max_tokens: int = 16, **sampling: Any
) -> str:
    """Write a benchmark of one document for each conversation; return what --benchmarks takes."""
    text = BENCHMARK.replace("NAME", name).replace("SAMPLES", str(samples))
    (folder / f"{name}.py").write_text(text.replace("TEMPERATURE", "1.0" if samples > 1 else "0.0"))
    rows = [
        {"id": f"q{number}", "turns": conversation, "max_tokens": max_tokens, "sampling": sampling}
        for number, conversation in enumerate(turns)
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / f"{name}.py")


@pytest.fixture(scope="module")
def home() -> Path:
    return installed()


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """A user's environment; two servers of other tests' time must fit beside each other."""
    return os.environ | {
        "UV_CACHE": str(home),
        "VLLM_VERSION": VERSION,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }


class Command:
    """A `saiten` that runs."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.folder = folder
        self.errors = folder / "stderr"
        command = [sys.executable, "-m", "saiten", *arguments]
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=folder
            )

    def finish(self, seconds: float = PATIENCE) -> tuple[int, str]:
        """Wait for the end; return the status and what was printed."""
        out, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, out

    def words(self) -> str:
        return self.errors.read_text()

    def run_directory(self) -> Path:
        (manifest,) = self.folder.glob("**/run.json")
        return manifest.parent

    def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_directory() / "progress.json").read_text())
        return found

    def server(self) -> list[int]:
        """Return the processes of the server that it started, its guard first."""
        return [member for guard in guards_of(self.process.pid) for member in sorted(session_members(guard))]

    def records(self) -> list[dict[str, Any]]:
        """Return all answers on disk; the last line of a file may be half there."""
        return [
            {"benchmark": path.parent.parent.name, **found["generation"], **found["place"]}
            for path in sorted(self.folder.glob("**/generations/*.jsonl"))
            for line in path.read_text().splitlines()
            if line.endswith("}") and (found := json.loads(line))
        ]

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many answers are on disk."""
        found = eventually(lambda: len(self.records()) >= count or self.process.poll() is not None, PATIENCE)
        assert found, self.words()
        assert self.process.poll() is None, self.words()


def vllms(model: Path) -> list[int]:
    """Return the processes of vLLM that name a model on their command line, whoever started them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = command_line(int(entry.name)).split("\0") if entry.name.isdigit() else []
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(model) in words and "serve" in words:
            found.append(int(entry.name))
    return found


def ids(records: list[dict[str, Any]]) -> Counter[str]:
    return Counter(record["id"] for record in records)


def seconds_of(words: str) -> Iterator[str]:
    return (line for line in words.splitlines() if "ready after" in line)


def test_one_run_of_four_kinds_outlives_its_server(home: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Single turn, n = 10, two turns and a prompt beyond the context; the server is killed in the middle."""
    names = [
        benchmark(tmp_path, "ten", [["Name a fruit."]], samples=10, max_tokens=12),
        benchmark(tmp_path, "two", [["Say hello.", "And now goodbye."], ["Say yes.", "And now no."]], max_tokens=12),
        benchmark(tmp_path, "beyond", [["word " * 3000]]),
        "sample_math",
    ]
    model = home / "models" / "smollm2"
    options = ["--max-samples", "3", "--max-tokens", "24", "--max-model-length", "2048", "--concurrency", "4", EAGER]
    command = Command(["run", str(model), "--benchmarks", ",".join(names), *options], environment, tmp_path)
    command.wait_for_answers(3)
    before, server = command.records(), command.server()
    assert len(server) >= 3, "a guard, the server and its engine"
    for member in server[1:]:
        os.kill(member, signal.SIGKILL)
    status, out = command.finish()
    words = command.words()
    assert status == 0, words
    assert "the model server died; it is started again" in words
    after, progress = command.records(), command.progress()
    assert progress["restarts"] == 1
    assert progress["state"] == "complete"
    assert progress["answered"] == progress["due"] == 10 + 2 * 2 + 1 + 3
    assert ids(before).keys() <= ids(after).keys()
    assert set(ids(after).values()) == {1}, "nothing was answered twice"
    for name in ("ten", "two", "beyond", "sample_math"):
        (line,) = [line for line in out.splitlines() if line.startswith(f"{name} ")]
        assert "100 %" in line
    (beyond,) = [record for record in after if record["benchmark"] == "beyond"]
    assert (beyond["outcome"], beyond["finish_reason"]) == ("truncated", "context_overflow")
    assert len({record["text"] for record in after if record["benchmark"] == "ten"}) > 3, "samples, not copies"
    assert not vllms(model)
    manifest = json.loads((command.run_directory() / "run.json").read_text())
    assert manifest["server"]["version"].startswith(VERSION)
    key_free = (command.run_directory() / "run.json").read_text() + command.words()
    assert "VLLM_API_KEY" not in key_free
    print(*seconds_of(words), f"{progress['requests']} requests, {progress['restarts']} restart", sep="\n")


END_OF_THOUGHT = "12"
"""Id of `</think>` in the tiny model's vocabulary."""
THINKING = ("--reasoning-parser", "deepseek_r1", "--max-model-length", "1024", "--concurrency", "2", EAGER)


def test_saiten_killed_stopped_and_started_again_leaves_nothing_and_loses_nothing(
    home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """A model that thinks: killed with saiten by SIGKILL, stopped by SIGTERM, and finished by the third start.

    Its weights are random, so every token is as likely as any other, but for the biased one, which ends its thoughts.
    """
    model = home / "models" / "think"
    biased: dict[str, Any] = {"temperature": 1.0, "extra_body": {"logit_bias": {END_OF_THOUGHT: 9.0}}}
    names = ",".join(
        [
            benchmark(tmp_path, "short", [[f"Question {i}."] for i in range(6)], max_tokens=8),
            benchmark(tmp_path, "long", [[f"Question {i}."] for i in range(24)], max_tokens=64, **biased),
        ]
    )
    arguments = ["run", str(model), "--benchmarks", names, *THINKING]

    first = Command(arguments, environment, tmp_path)
    first.wait_for_answers(2)
    assert vllms(model)
    first.process.kill()
    first.finish()
    assert eventually(lambda: not vllms(model), GONE_SECONDS), "saiten was killed and its vLLM lives"
    stored = first.records()

    second = Command(arguments, environment, tmp_path)
    second.wait_for_answers(len(stored) + 2)
    second.process.terminate()
    asked = time.monotonic()
    status, _ = second.finish()
    assert status == 143, second.words()
    assert time.monotonic() - asked < 120
    assert not vllms(model)
    assert ids(stored).keys() <= ids(second.records()).keys()

    third = Command([*arguments, "--concurrency", "12"], environment, tmp_path)
    status, out = third.finish()
    assert status == 0, third.words()
    records = third.records()
    assert set(ids(records).values()) == {1}
    assert len(records) == third.progress()["due"] == 30
    assert not vllms(model)
    short = [record for record in records if record["benchmark"] == "short"]
    assert all(record["reasoning_closed"] is False and record["text"] is None for record in short)
    closed = [record for record in records if record["benchmark"] == "long" and record["reasoning_closed"]]
    assert len(closed) > 12, "the biased ones come to an end of their thoughts, and to an answer"
    assert any(record["text"] and record["reasoning"] for record in closed)
    (line,) = [line for line in out.splitlines() if line.startswith("short ")]
    assert line.count("100.0 %") >= 1, "all of them never closed their reasoning, and the table says so"


def test_a_base_model_is_asked_the_same_by_both_routes(home: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """The completions route of the old command, and the plain chat template, show the model the same text."""
    model = home / "models" / "smollm2"
    arguments = f"pretrained={model},dtype=bfloat16,max_model_length=2048,enforce_eager=true,"
    arguments += "generation_parameters={temperature:0,max_new_tokens:16,stop_tokens:Problem}"
    folders = [tmp_path / name for name in ("completions", "template")]
    for folder in folders:
        folder.mkdir()
    task = "swallow|sample_math|0|0"
    plain = Command(["vllm", arguments, task, "--max-samples", "3"], environment, folders[0])
    status, _ = plain.finish()
    assert status == 0, plain.words()
    options = ["--temperature", "0", "--max-tokens", "16", "--stop", "Problem", "--max-model-length", "2048", EAGER]
    options += ["--chat-template", "base", "--max-samples", "3", "--benchmarks", task]
    templated = Command(["run", str(model), *options], environment, folders[1])
    status, _ = templated.finish()
    assert status == 0, templated.words()
    answers = [
        {record["document"]: (record["text"], record["usage"]["input_tokens"]) for record in command.records()}
        for command in (plain, templated)
    ]
    assert len(answers[0]) == 3
    assert answers[0] == answers[1]
    assert all("Problem" not in text for text, _ in answers[0].values())


def test_the_old_command_line_asks_through_the_chat_template(
    home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """The same command with --use-chat-template: to its end, and the model is shown more than the bare question."""
    model = home / "models" / "smollm2"
    arguments = f"pretrained={model},dtype=bfloat16,max_model_length=2048,enforce_eager=true,"
    arguments += "generation_parameters={temperature:0.0,max_new_tokens:16}"
    tasks = "swallow|sample_math|0|0,swallow|sample_choice_ja|0|0"
    options = ["--use-chat-template", "--max-samples", "2", "--save-details", "--output-dir", "out"]
    command = Command(["vllm", arguments, tasks, *options], environment, tmp_path)
    status, out = command.finish()
    assert status == 0, command.words()
    assert out.count("100 %") == 2
    assert len(command.records()) == command.progress()["requests"] == 4
    assert len(list(tmp_path.glob("out/details/**/*.parquet"))) == 2
    assert not vllms(model)


def test_a_served_model_is_used_by_who_has_its_key(home: Path, environment: dict[str, str], tmp_path: Path) -> None:
    model = home / "models" / "think"
    always: dict[str, Any] = {"extra_body": {"logit_bias": {"500": 100}}}
    names = [benchmark(tmp_path, "small", [["Question."], ["Another."]], max_tokens=8)]
    names.append(benchmark(tmp_path, "loop", [["Say it again."]], max_tokens=400, **always))
    served = [
        "serve",
        str(model),
        "--key-file",
        "key",
        "--reasoning-parser",
        "ignore",
        "--max-model-length",
        "1024",
        EAGER,
    ]
    server = Command(served, environment, tmp_path)
    try:
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        assert "--attach http://127.0.0.1:" in line, server.words()
        url = line.split("--attach ")[1].split()[0]
        run = ["run", str(model), "--attach", url, "--benchmarks", ",".join(names), "--reasoning-parser", "ignore"]
        run.append("--repetition-detection")
        refused = Command(run, environment | {"VLLM_API_KEY": "wrong"}, tmp_path)
        assert refused.finish()[0] == 4
        assert "set VLLM_API_KEY to a key that is valid there" in refused.words()
        key = (tmp_path / "key").read_text().strip()
        assert (tmp_path / "key").stat().st_mode & 0o077 == 0
        assert not any(key in command_line(member) for member in server.server())
        attached = Command(run, environment | {"VLLM_API_KEY": key}, tmp_path)
        status, out = attached.finish()
        assert status == 0, attached.words()
        assert "100 %" in out
        (loop,) = [record for record in attached.records() if record["benchmark"] == "loop"]
        assert (loop["outcome"], loop["finish_reason"]) == ("repetition", "repetition")
        assert loop["usage"]["output_tokens"] < 200
        assert vllms(model), "who only attached does not stop it"
    finally:
        server.process.terminate()
        status, _ = server.finish(60)
    assert status == 0
    assert not vllms(model)


@pytest.mark.parametrize(
    ("parser", "message"),
    [
        ([], "has <think> in its vocabulary and no reasoning parser is set"),
        (["--reasoning-parser", "qwen"], "no reasoning parser named 'qwen'; did you mean 'qwen3'"),
    ],
)
def test_a_thinking_model_without_its_parser_is_not_even_started(
    home: Path, environment: dict[str, str], tmp_path: Path, parser: list[str], message: str
) -> None:
    command = ["run", str(home / "models" / "think"), "--benchmarks", "sample_math", "--max-samples", "1", *parser]
    run = Command(command, environment, tmp_path)
    status, _ = run.finish()
    assert status == 4
    assert message in run.words()
    assert "Traceback" not in run.words()
    assert not list(tmp_path.glob("**/*.vllm*"))


def test_the_command_that_the_error_names_works(home: Path, environment: dict[str, str], tmp_path: Path) -> None:
    command = ["run", str(home / "models" / "think"), "--benchmarks", "sample_math", "--max-samples", "1", EAGER]
    command += ["--max-tokens", "16", "--max-model-length", "1024"]
    refused = Command(command, environment, tmp_path)
    assert refused.finish()[0] == 4
    (named,) = re.findall(r"Say (--reasoning-parser \S+) \(likely", refused.words())
    corrected = Command([*command, *named.split()], environment, tmp_path)
    status, _ = corrected.finish()
    assert status == 0, corrected.words()
