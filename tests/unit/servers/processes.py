"""What the tests need to know of processes that are not their children."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path


def lives(pid: int) -> bool:
    """Tell whether a process runs. A zombie does not: where nobody reaps orphans it stays in the table."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def command_line(pid: int) -> str:
    """Return a process's command line, as every user of the machine can read it."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def session_members(session: int) -> list[int]:
    """Return the living processes of a session."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] not in {"Z", "X"}:
            members.append(int(entry.name))
    return members


def guards_of(parent: int) -> Iterator[int]:
    """Yield the server guards that a process started; their second argument is its process id."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.exists():
            try:
                line = command_line(int(entry.name)).split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(word.endswith("guard.py") for word in line) and str(parent) in line:
                yield int(entry.name)


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until the condition holds; tell whether it came to that."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
