"""Run attack programs and controls through the sandbox in a world with something to steal and to break.

    python attack_world.py LAYERS ATTACKS api_key=…      prints one JSON object

For each program: its verdict, how long it took, whether a good program passed after it, and what changed in the world.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

import msgspec

from saiten.datasets.apart import Held
from saiten.programs import CasesProgram, Program
from saiten.sandbox import Sandbox
from saiten.sandbox.worker import LAYERS
from saiten.types import Verdict

NUMBERS = (0, 7, 12345, -907, 10**30 + 7)
ANSWERS = {number: sum(map(int, str(abs(number)))) for number in NUMBERS}
EXACT = f"def check(candidate):\n    for n, want in {ANSWERS!r}.items():\n        assert candidate(n) == want\n"
NEAR = EXACT.replace("candidate(n) == want", "abs(candidate(n) - want) < 1e-6")
CASES = json.dumps([{"input": f"{number}\n", "output": f"{answer}\n"} for number, answer in ANSWERS.items()])
GOOD = Program(
    source="def digit_sum(n):\n    return sum(int(c) for c in str(abs(n)))\n",
    entry_point="digit_sum",
    tests=EXACT,
    cpu_seconds=10.0,
)


class World:
    """What may not change: files, processes, IPC objects, our own limits; and what may not be reached: ports."""

    def __init__(self) -> None:
        self.home = Path(os.environ["HOME"])
        self.loot = list(Path("/tmp").glob("attack_loot_*"))
        os.chdir(self.home / "cwd")
        self.visits = 0
        self.port = 40000 + os.getuid() % 1000
        self.sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for made in self.sockets:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", self.port))
            made.setblocking(False)
        self.sockets[0].listen()

    def state(self) -> dict[str, object]:
        """Return everything that is watched."""
        files = {}
        found = (path for folder in (self.home, *self.loot) for path in sorted(folder.rglob("*")))
        for path in (*found, *Path("/dev/shm").glob(f"*_{os.getuid()}")):
            data = path.read_bytes() if path.is_file() and os.access(path, os.R_OK) else b""
            files[str(path)] = hashlib.sha256(data).hexdigest()
        return {
            "files": files,
            "shared memory": Path("/proc/sysvipc/shm").read_text().count(f" {os.getuid()} "),
            "limits": [resource.getrlimit(what) for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)],
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
            "victim score": Path("/proc/self/oom_score_adj").read_text(),
            "visits": self.count_visits(),
        }

    def count_visits(self) -> int:
        """Return how often anybody reached one of the ports so far."""
        for receive in (self.sockets[0].accept, lambda: self.sockets[1].recvfrom(100)):
            try:
                receive()
                self.visits += 1
            except BlockingIOError:
                continue
        return self.visits


def processes() -> set[int]:
    """Return the processes of this user, zombies left out."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == os.getuid() and ") Z " not in (entry / "stat").read_text():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


async def run(sandbox: Sandbox, source: str, cpu_seconds: float) -> Verdict:
    """Run one program in the way its header says."""
    if "# kind:   stdin" in source:
        script = CasesProgram(source=source, function=None, public=CASES, private=Held(""), cpu_seconds=cpu_seconds)
        return await sandbox.run(script)
    tests = NEAR if "problem: abs" in source else EXACT
    return await sandbox.run(Program(source=source, entry_point="digit_sum", tests=tests, cpu_seconds=cpu_seconds))


async def main(layers: str, programs: dict[Path, str]) -> dict[str, object]:
    """Run them all."""
    world, before, found = World(), processes(), {}
    secret = "sk-CANA" + "RY-mem-0" + "123456789abcdef"
    async with await Sandbox.start(workers=1, layers=tuple(layers.split("+")) if layers else LAYERS) as sandbox:
        for path, source in programs.items():
            control = path.parent.name == "controls"
            start, begun = world.state(), time.monotonic()
            verdict = await run(sandbox, source, 20.0 if control else 1.0)
            seconds = time.monotonic() - begun
            after = await sandbox.run(GOOD)
            end = world.state()
            found[path.stem] = {
                "verdict": msgspec.structs.asdict(verdict),
                "seconds": seconds,
                "control": control,
                "good sample after it": after.status,
                "changed": [name for name in start if start[name] != end[name]],
            }
    await asyncio.sleep(0.2)
    return {
        "level": sandbox.level,
        "programs": found,
        "left over": sorted(processes() - before - {os.getpid()}),
        "kept": len(secret),
    }


def sources(attacks: Path) -> dict[Path, str]:
    """Return the attacks and the controls."""
    return {path: path.read_text() for path in sorted([*attacks.glob("*.py"), *attacks.glob("controls/*.py")])}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sources(Path(sys.argv[2]))))))
