"""Commands of a scheduler that answer what a test tells them, first in PATH, and note how they were called."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest


class Commands:
    """A folder of small programs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.log = folder / "calls"
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def add(self, name: str, out: str = "", *, err: str = "", status: int = 0) -> None:
        """Make (or replace) a command."""
        (self.folder / f"{name}.out").write_text(out)
        (self.folder / f"{name}.err").write_text(err)
        path = self.folder / name
        place = shlex.quote(str(self.folder / name))
        path.write_text(
            f'#!/bin/sh\nfor word in {name} "$@"; do printf "%s\\037" "$word"; done >> {self.log}\n'
            f"printf '\\n' >> {self.log}\ncat {place}.out\ncat {place}.err >&2\nexit {status}\n"
        )
        path.chmod(0o755)

    def calls(self) -> list[list[str]]:
        """Return every command that was run, word for word."""
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split("\x1f")[:-1] for line in text.splitlines()]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(tmp_path / "bin", monkeypatch)
