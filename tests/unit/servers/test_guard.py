from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saiten.servers import guard
from tests.unit.servers.processes import eventually, lives

GUARD = [sys.executable, "-I", "-S", "-B", guard.__file__]
TWO_SLEEPERS = "sleep 1000 & echo $! $$ > {pids}; sleep 1000"
DEAF = "trap '' TERM; echo ready > {pids}; while :; do sleep 0.1; done"


def guarded(script: str, *, grace: float = 10.0) -> subprocess.Popen[bytes]:
    """Start `sh -c script` under a guard."""
    return subprocess.Popen([*GUARD, str(os.getpid()), str(grace), "/bin/sh", "-c", script], start_new_session=True)


def read_pids(path: Path) -> list[int]:
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(word) for word in path.read_text().split()]


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_status_of_the_command_is_passed_on(script: str, status: int) -> None:
    assert guarded(script).wait(20) == status


def test_a_command_that_does_not_exist_is_named() -> None:
    done = subprocess.run([*GUARD, str(os.getpid()), "1", "/nowhere/server"], capture_output=True, check=False)
    assert done.returncode == 127
    assert b"cannot start /nowhere/server: No such file or directory" in done.stderr


def test_sigterm_ends_every_process_of_the_server(tmp_path: Path) -> None:
    process = guarded(TWO_SLEEPERS.format(pids=tmp_path / "pids"))
    pids = read_pids(tmp_path / "pids")
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    assert eventually(lambda: not any(map(lives, pids)))


def test_processes_that_outlive_the_first_are_ended_with_it(tmp_path: Path) -> None:
    process = guarded(f"sleep 1000 & echo $! > {tmp_path / 'pids'}; exit 3")
    assert process.wait(20) == 3
    assert eventually(lambda: not any(map(lives, read_pids(tmp_path / "pids"))))


def test_a_server_that_is_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = guarded(DEAF.format(pids=tmp_path / "ready"), grace=0.5)
    assert eventually((tmp_path / "ready").exists)
    asked = time.monotonic()
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGKILL
    assert time.monotonic() - asked >= 0.5


def test_sigusr1_kills_without_grace(tmp_path: Path) -> None:
    process = guarded(DEAF.format(pids=tmp_path / "ready"), grace=1000.0)
    assert eventually((tmp_path / "ready").exists)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 128 + signal.SIGKILL


def test_nothing_is_left_when_the_guard_is_killed(tmp_path: Path) -> None:
    process = guarded(f"echo $$ > {tmp_path / 'pids'}; exec sleep 1000")
    pids = read_pids(tmp_path / "pids")
    process.kill()
    process.wait()
    assert eventually(lambda: not any(map(lives, pids)))


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    pids_file = tmp_path / "pids"
    command = [*GUARD, "PARENT", "10", "/bin/sh", "-c", TWO_SLEEPERS.format(pids=pids_file)]
    program = (
        "import os, subprocess, sys, time\n"
        f"command = {command!r}\n"
        "command[command.index('PARENT')] = str(os.getpid())\n"
        "subprocess.Popen(command, start_new_session=True)\n"
        "time.sleep(1000)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    pids = read_pids(pids_file)
    parent.kill()
    parent.wait()
    assert eventually(lambda: not any(map(lives, pids)))


def test_the_end_of_the_thread_that_started_it_does_not_end_the_server(tmp_path: Path) -> None:
    pids_file = tmp_path / "pids"
    command = [*GUARD, "PARENT", "10", "/bin/sh", "-c", f"echo $$ > {pids_file}; exec sleep 1000"]
    program = (
        "import os, subprocess, threading, time\n"
        f"command = {command!r}\n"
        "command[command.index('PARENT')] = str(os.getpid())\n"
        "starter = threading.Thread(target=lambda: subprocess.Popen(command, start_new_session=True))\n"
        "starter.start(); starter.join(); time.sleep(1000)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    pids = read_pids(pids_file)
    try:
        time.sleep(0.5)
        assert all(map(lives, pids))
    finally:
        parent.kill()
        parent.wait()
    assert eventually(lambda: not any(map(lives, pids)))
