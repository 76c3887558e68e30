"""The real command on a real file system that is full: nothing is lost, nothing is asked that could not be stored."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.faultd import FaultServer

QUESTIONS = 150
IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of 64 kB at `folder`, in a mount namespace of its own that a sleeping process holds."""

    holder: int
    saiten: Saiten
    folder: Path

    @property
    def inside(self) -> list[str]:
        """The command that goes there."""
        where = f"--wdns={self.saiten.folder}"
        return ["nsenter", "--user", "--mount", "--preserve-credentials", where, "--target", str(self.holder)]

    def start(self, base_url: str, quiz: Path) -> subprocess.Popen[str]:
        more = ("--output-dir", str(self.folder), "--concurrency", str(IN_FLIGHT))
        command = [sys.executable, "-m", "saiten", *self.saiten.run_arguments(base_url, [quiz], *more)]
        environment = self.saiten.environment()
        pipe = subprocess.PIPE
        return subprocess.Popen([*self.inside, *command], env=environment, stdout=pipe, stderr=pipe, text=True)

    def make_room(self) -> None:
        command = ["mount", "-o", "remount,size=16m", str(self.folder)]
        subprocess.run([*self.inside, *command], check=True)

    def numbers(self) -> dict[str, Any]:
        return Saiten(Path(f"/proc/{self.holder}/root{self.folder}")).numbers()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Make one, or skip the test where no user may mount."""
    disk = folder / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=64k,nr_inodes=200 none {disk} && echo ready && exec sleep 300"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    try:
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        pytest.skip("needs unshare and nsenter")
    with holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "ready\n":
                pytest.skip("no mount namespace for users here")
            yield SmallDisk(holder.pid, Saiten(folder), disk)
        finally:
            holder.kill()


def until_full(server: FaultServer) -> None:
    """Wait until questions have stopped before their end."""
    count, deadline = -1, time.monotonic() + 60
    while count != len(server.ledger) or not count:
        assert time.monotonic() < deadline
        count = len(server.ledger)
        time.sleep(1.5)
    assert IN_FLIGHT < count < QUESTIONS


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    quiet = Saiten(tmp_path_factory.mktemp("quiet"))
    with FaultServer() as server:
        done = quiet.run(server.base_url, [questions(quiet.folder, QUESTIONS)])
    assert done.returncode == 0, done.stderr
    return quiet.numbers()


def test_a_run_waits_for_room_and_then_goes_on(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    with small_disk(tmp_path) as disk, FaultServer() as server:
        with disk.start(server.base_url, questions(tmp_path, QUESTIONS)) as process:
            until_full(server)
            assert process.poll() is None
            disk.make_room()
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert disk.numbers() == undisturbed
        assert set(Counter(entry.prompt for entry in server.ledger).values()) == {1}


def test_a_run_killed_on_a_full_disk_asks_again_only_what_did_not_fit(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    with small_disk(tmp_path) as disk, FaultServer() as server:
        quiz = questions(tmp_path, QUESTIONS)
        with disk.start(server.base_url, quiz) as process:
            until_full(server)
            process.kill()
        stored = stored_documents(disk)
        asked = len(server.ledger)
        assert asked - IN_FLIGHT <= len(stored) <= asked
        disk.make_room()
        with disk.start(server.base_url, quiz) as process:
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert disk.numbers() == undisturbed
        assert len(server.ledger) == asked + QUESTIONS - len(stored)


def stored_documents(disk: SmallDisk) -> set[str]:
    """Return the documents of every whole line."""
    root = Path(f"/proc/{disk.holder}/root{disk.folder}")
    found = set()
    for path in root.glob("results/*/*/ja/quiz/generations/*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            found.add(json.loads(line)["place"]["document"])
    return found
