from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from saiten.errors import EndpointError, Exit, UserError
from saiten.servers.health import State
from saiten.servers.process import Launch, RunningServer, port_is_taken, start
from saiten.values import replace
from tests.unit.servers.processes import command_line, eventually, lives, session_members

SMALL_SERVER = str(Path(__file__).with_name("small_server.py"))


def launch(directory: Path, fault: str = "none", *, start_seconds: float = 60.0, grace: float = 5.0) -> Launch:
    return Launch(
        command=lambda port: [sys.executable, SMALL_SERVER, str(port), fault],
        environment={"PATH": os.environ["PATH"]},
        key_variable="SMALL_KEY",
        model="small",
        slots=2,
        log=directory / "logs" / "server.log",
        start_seconds=start_seconds,
        grace_seconds=grace,
    )


def port_of(server: RunningServer) -> int:
    return int(server.base_url.rpartition(":")[2].removesuffix("/v1"))


def test_a_started_server_answers_and_a_stopped_one_is_gone(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, list[int], int]:
        async with await start(launch(tmp_path)) as server:
            assert (await server.health()).state is State.READY
            assert server.returncode is None
            members = session_members(server.pid)
            port = port_of(server)
            assert port_is_taken(port)
        assert server.returncode is not None
        return server.pid, members, port

    guard, members, port = asyncio.run(scenario())
    assert guard in members
    assert len(members) == 2
    assert not any(map(lives, members))
    assert not port_is_taken(port)


def test_the_key_is_new_for_every_start_and_on_no_command_line(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with await start(launch(tmp_path)) as server:
            assert not any(server.api_key in command_line(member) for member in session_members(server.pid))
            assert server.api_key not in repr(server)
            return server.api_key

    first, second = asyncio.run(scenario()), asyncio.run(scenario())
    assert first != second
    assert len(first) == 64


def test_the_log_is_for_the_owner_only_and_its_tail_hides_the_key(tmp_path: Path) -> None:
    async def scenario() -> RunningServer:
        async with await start(launch(tmp_path)) as server:
            pass
        return server

    server = asyncio.run(scenario())
    assert server.log.stat().st_mode & 0o777 == 0o600
    assert server.api_key in server.log.read_text()
    assert server.api_key not in server.tail()
    assert "has the key ***" in server.tail()


def test_a_server_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    words = "import sys; print('out of memory', file=sys.stderr); sys.exit(3)"
    dying = launch(tmp_path)
    dying = Launch(
        command=lambda _port: [sys.executable, "-c", words],
        environment=dying.environment,
        key_variable=dying.key_variable,
        model="small",
        slots=1,
        log=dying.log,
    )
    with pytest.raises(
        EndpointError, match=r"(?s)ended with status 3 after .* Last lines of .*out of memory"
    ) as caught:
        asyncio.run(start(dying))
    assert caught.value.exit is Exit.SERVER


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("broken", r"gave no token within 3 s \(last: status 500: the engine is dead\)"),
        ("silent", r"gave no token within 3 s"),
        ("any_key", r"is not the one that answers at .*: there is a server that takes any key"),
        ("other_key", r"is not the one that answers at .*: there is a server that refuses our key"),
    ],
)
def test_a_server_that_gives_us_no_token_is_not_ready(tmp_path: Path, fault: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(EndpointError, match=words):
        asyncio.run(start(launch(tmp_path, fault, start_seconds=3.0)))
    assert time.monotonic() - started < 30
    pid = int(re.findall(r"small server (\d+)", (tmp_path / "logs" / "server.log").read_text())[0])
    assert eventually(lambda: not lives(pid))


def test_a_port_that_somebody_takes_first_is_left_for_another(tmp_path: Path) -> None:
    squatters: list[socket.socket] = []
    plain = launch(tmp_path)

    def squat_once(port: int) -> Sequence[str]:
        if not squatters:
            squatters.append(socket.create_server(("127.0.0.1", port)))
        return plain.command(port)

    async def scenario() -> int:
        squatted = Launch(
            command=squat_once,
            environment=plain.environment,
            key_variable=plain.key_variable,
            model="small",
            slots=1,
            log=plain.log,
        )
        async with await start(squatted) as server:
            return port_of(server)

    port = asyncio.run(scenario())
    with squatters[0]:
        assert port != squatters[0].getsockname()[1]


def test_all_processes_of_a_deaf_server_end_soon_after_the_grace(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], float, int]:
        server = await start(launch(tmp_path, "crowd", grace=0.5))
        members = session_members(server.pid)
        asked = time.monotonic()
        status = await server.stop()
        return members, time.monotonic() - asked, status

    members, seconds, status = asyncio.run(scenario())
    assert len(members) == 3
    assert status == 128 + signal.SIGKILL
    assert 0.5 <= seconds < 15
    assert eventually(lambda: not any(map(lives, members)))


def test_a_deaf_server_gets_less_time_where_this_process_will_be_killed(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], float]:
        server = await start(replace(launch(tmp_path, "crowd", grace=1000.0), hurried_seconds=0.5))
        members = session_members(server.pid)
        asked = time.monotonic()
        await server.stop(hurried=True)
        return members, time.monotonic() - asked

    members, seconds = asyncio.run(scenario())
    assert 0.5 <= seconds < 15
    assert eventually(lambda: not any(map(lives, members)))


def test_kill_ends_all_processes_at_once_and_may_be_called_again(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        server = await start(launch(tmp_path, "crowd", grace=1000.0))
        members = session_members(server.pid)
        server.kill()
        server.kill()
        assert await server.stop() == 128 + signal.SIGKILL
        return members

    members = asyncio.run(scenario())
    assert eventually(lambda: not any(map(lives, members)))


def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "server.log"

    async def scenario() -> None:
        starting = asyncio.create_task(start(launch(tmp_path, "broken")))
        await asyncio.to_thread(eventually, lambda: log.exists() and "small server" in log.read_text())
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(scenario())
    pid = int(re.findall(r"small server (\d+)", log.read_text())[0])
    assert eventually(lambda: not lives(pid))


def test_a_proxy_in_the_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def scenario() -> None:
        async with await start(launch(tmp_path)):
            pass

    asyncio.run(scenario())


def test_a_log_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot write the server's log .*server\.log"):
        asyncio.run(start(launch(tmp_path)))


def test_no_server_is_left_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from saiten.servers.process import start\n"
        "from tests.unit.servers.test_process import launch\n"
        "async def main():\n"
        "    server = await start(launch(Path(sys.argv[1]), 'crowd', grace=0.5))\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        session = int(parent.stdout.readline())
        members = session_members(session)
        parent.kill()
    assert len(members) == 3
    assert eventually(lambda: not any(map(lives, members)))
