"""Sections that are programs of their own: sandboxed executions, and the scorers alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bench.measure import Figure, run
from bench.sections import Plan


def _program(module: str) -> Callable[[Plan], Sequence[Figure]]:
    """Return a section that runs `python -m module` and passes on what it prints, beside what it cost as a whole."""

    def section(plan: Plan) -> list[Figure]:
        measured = run([sys.executable, "-m", module, *(["--quick"] if plan.quick else [])], limit=300)
        print(f"== {module}\n{measured.output.rstrip()}\n", flush=True)
        if measured.status != 0:
            tail = " ".join(measured.errors.splitlines()[-3:])
            raise RuntimeError(f"python -m {module} ended with status {measured.status}: {tail}")
        name = module.rpartition(".")[2]
        return [Figure(section=name, name="whole program, CPU", values=(measured.cpu,), unit="s")]

    return section


PROGRAMS: dict[str, Callable[[Plan], Sequence[Figure]]] = {
    "executions": _program("bench.executions"),
    "scoring": _program("bench.scoring"),
}
