"""Sections that are programs of their own: sandboxed executions, and the scorers alone.

Such a program prints lines like `math: 2.46 s CPU for 500 answers, 0.61 of the limit (4.0 s)`: a name, a value with its
unit, and the limit if there is one. (`at least 100` in place of `the limit` means that more is better.)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from bench.measure import Figure, run
from bench.sections import Plan

_LINE = re.compile(r"^(?P<name>[^:]+): (?P<value>[\d.,]+) (?P<rest>.+)$")
_LIMIT = re.compile(r"of (?P<least>at least|the limit) \(?(?P<limit>[\d.,]+)")


def read_figures(section: str, text: str) -> list[Figure]:
    """Read the figures out of what a program printed; other lines are skipped."""
    figures: list[Figure] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        limit = _LIMIT.search(found["rest"])
        figures.append(
            Figure(
                section=section,
                name=found["name"],
                values=(float(found["value"].replace(",", "")),),
                target=None if limit is None else float(limit["limit"].replace(",", "")),
                better="higher" if limit is not None and limit["least"] == "at least" else "lower",
                note=found["rest"],
            )
        )
    return figures


def _program(module: str) -> Callable[[Plan], Sequence[Figure]]:
    """Return a section that runs `python -m module` and reads what it prints."""

    def section(_plan: Plan) -> list[Figure]:
        if find_spec(module) is None:
            raise RuntimeError(f"there is no program {module}")
        measured = run([sys.executable, "-m", module], limit=300)
        if measured.status != 0:
            tail = " ".join(measured.errors.splitlines()[-3:])
            raise RuntimeError(f"python -m {module} ended with status {measured.status}: {tail}")
        figures = read_figures(module.rpartition(".")[2], measured.output)
        if not figures:
            raise RuntimeError(f"python -m {module} printed no figures: {measured.output[:300]}")
        return figures

    return section


PROGRAMS: dict[str, Callable[[Plan], Sequence[Figure]]] = {
    "executions": _program("bench.executions"),
    "scoring": _program("bench.scoring"),
}
