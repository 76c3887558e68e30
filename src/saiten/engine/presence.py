"""One process at a time asks a question of a run: processes that share a run ask different parts of it.

Nothing is locked: locks cannot be trusted on shared file systems, and none is needed for safety, since every process
writes files of its own. Two processes on the same questions would only ask them twice; the heartbeats in the run
directory prevent that. Shards of one division, or processes with different benchmarks, do not meet.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from saiten.engine.progress import STALE_SECONDS, Progress
from saiten.errors import UserError

WORKING = {"starting", "serving", "generating", "draining", "verifying", "scoring"}
LOOK_SECONDS = 2.0


class Heartbeat(Struct, frozen=True, kw_only=True):
    """What a progress file says of the process that writes it."""

    state: str
    host: str
    pid: int
    heartbeat: float
    key: str = ""
    asks: tuple[str, ...] = ()
    shard: tuple[int, int] = (0, 1)
    cost: float | None = None

    @property
    def age(self) -> float:
        """Seconds since it was written."""
        return time.time() - self.heartbeat

    @property
    def alive(self) -> bool:
        """Whether that process seems to live, and is not this one."""
        if self.state not in WORKING or self.age >= STALE_SECONDS:
            return False
        return self.host != socket.gethostname() or (self.pid != os.getpid() and is_running(self.pid))

    def meets(self, mine: Progress) -> bool:
        """Whether it may ask what `mine` asks."""
        if self.key and self.key in mine.part.takes_over:
            return False
        number, of = self.shard
        apart = of == mine.part.shards and number != mine.part.shard
        return not apart and (not self.asks or bool(set(self.asks) & set(mine.asks)))


def heartbeats(directory: Path) -> Iterator[Heartbeat]:
    """Yield what the progress files of a run directory say."""
    for path in directory.glob("progress*.json"):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Heartbeat)
        except (FileNotFoundError, msgspec.MsgspecError):
            continue


def others(directory: Path, mine: Progress) -> list[Heartbeat]:
    """Return the live processes that ask what this one is about to ask."""
    return [beat for beat in heartbeats(directory) if beat.meets(mine) and beat.alive]


def refuse_second(directory: Path, mine: Progress) -> None:
    """Raise UserError when another live process asks the same of this run."""
    for beat in others(directory, mine):
        raise UserError(
            f"{directory} is being worked on by process {beat.pid} on {beat.host} (heartbeat {beat.age:.0f} s ago); "
            "wait for it, stop it, or choose another --output-dir"
        )


def wait_for_silence(directory: Path, mine: Progress) -> None:
    """Wait until the heartbeats of dead processes of other hosts are old; return at once when one still beats.

    For jobs, whose predecessor was killed on another node a moment ago.
    """
    first = {(beat.host, beat.pid): beat.heartbeat for beat in others(directory, mine)}
    while first and (now := others(directory, mine)):
        if any(first.get((beat.host, beat.pid)) != beat.heartbeat for beat in now):
            return
        time.sleep(LOOK_SECONDS)


def is_running(pid: int) -> bool:
    """Return whether a process of this host exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
