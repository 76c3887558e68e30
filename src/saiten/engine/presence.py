"""One process at a time works on a run, unless it is told to share it.

Nothing is locked: locks cannot be trusted on shared file systems, and none is needed for safety, since every process
writes files of its own. Two processes on one run would only ask the same questions twice; the heartbeat in
progress.json prevents that.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import msgspec

from saiten.engine.progress import STALE_SECONDS
from saiten.errors import UserError

WORKING = {"starting", "generating", "draining", "verifying", "scoring"}


def refuse_second(directory: Path) -> None:
    """Raise UserError when another live process works on this run directory."""
    try:
        state = msgspec.json.decode((directory / "progress.json").read_bytes(), type=dict[str, object])
    except (FileNotFoundError, msgspec.DecodeError):
        return
    host, pid, beat = state.get("host"), state.get("pid"), state.get("heartbeat")
    if state.get("state") not in WORKING or not isinstance(pid, int) or not isinstance(beat, float):
        return
    if host == socket.gethostname():
        alive = pid != os.getpid() and is_running(pid) and time.time() - beat < STALE_SECONDS
    else:
        alive = time.time() - beat < STALE_SECONDS
    if alive:
        raise UserError(
            f"{directory} is being worked on by process {pid} on {host} (heartbeat {time.time() - beat:.0f} s ago); "
            "wait for it, stop it, or choose another --output-dir"
        )


def is_running(pid: int) -> bool:
    """Return whether a process of this host exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
