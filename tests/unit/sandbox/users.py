"""Starting things as an ordinary user from a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.shared import ROOT
from tests.unit.sandbox import as_user


def free_user() -> int:
    """Return a user id that nobody has, and whose port (40000 + id modulo 1000: the attacks' choice) is free.

    Each test process beside this one looks elsewhere: a port is taken only later, while attacks run.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    for user in range(64001 + 100 * worker, 64900):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as made:
                    made.bind(("127.0.0.1", 40000 + user % 1000))
        except OSError:
            continue
        return user
    pytest.skip("no free port between 40001 and 40899")


USER = free_user() if os.geteuid() == 0 else os.getuid()
ENVIRONMENT = {"OPENAI_API_KEY": "sk-CANARY-env-0123456789abcdef", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
SECRETS = {
    ".env": "OPENAI_API_KEY=sk-CANARY-file-1",
    ".netrc": "machine x password CANARY",
    ".ssh/id_ed25519": "CANARY",
    ".cache/huggingface/token": "hf_CANARY",
    ".bashrc": "# nothing\n",
    "victim/keep.txt": "keep",
    "results/run1/results.json": '{"overall": 0.1}',
    "results/run1/samples.jsonl": '{"answers": {"7": 7, "12345": 15}}\n',
}


@contextmanager
def loot_folders() -> Iterator[None]:
    """Make the folders where the attacks leave a sign of success, for every user that a program may find itself to be.

    They can be written, so that only the sandbox may stop it.
    """
    folders = [Path(f"/tmp/attack_loot_{user}") for user in (USER, 65534)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        folder.chmod(0o777)
    try:
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def home() -> Iterator[Path]:
    """Make a home with secrets, owned by the ordinary user."""
    with tempfile.TemporaryDirectory(prefix="saiten-home-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "home"
        folder.mkdir()
        for relative, text in SECRETS.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (folder / "cwd").mkdir()
        for path in (folder, *folder.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, USER, USER)
            path.chmod(0o700 if path.is_dir() else 0o600)
        yield folder


def run_as_user(folder: Path, *arguments: str, seconds: float = 280.0) -> subprocess.CompletedProcess[str]:
    """Run our interpreter with arguments as an ordinary user; skip the test where that cannot be."""
    command = [sys.executable, str(Path(as_user.__file__)), str(USER), str(folder), sys.executable, *arguments]
    environment = ENVIRONMENT | {"HOME": str(folder)}
    done = subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode == as_user.CANNOT:
        pytest.skip("root may not make mounts of its own here, so nobody else can reach this interpreter")
    return done
