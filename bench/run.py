"""`python -m bench`: measure saiten against the mock, print each figure beside its target, keep them as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.measure import ROOT, Figure
from bench.programs import PROGRAMS
from bench.sections import SECTIONS, Plan
from bench.status import status

RESULTS = ROOT / "bench-results"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as text, one line each, notes below their line."""
    heads = ("section", "figure", "median", "min - max", "target", "ratio", "")
    rows = [heads, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines: list[str] = []
    for number, row in enumerate(rows):
        texts = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(texts + numbers).rstrip())
        if not number:
            lines.append("  ".join("-" * width for width in widths))
        elif figures[number - 1].note:
            lines.append(f"{'':{widths[0]}}    ({figures[number - 1].note})")
    return "\n".join(lines)


def _cells(figure: Figure) -> tuple[str, ...]:
    unit = f" {figure.unit}" if figure.unit else ""
    span = f"{_number(min(figure.values))} - {_number(max(figure.values))}" if len(figure.values) > 1 else ""
    target = ratio = ""
    if figure.target is not None:
        target = f"{'<=' if figure.better == 'lower' else '>='} {_number(figure.target)}{unit}"
        ratio = f"{figure.value / figure.target:.2f}"
    verdict = {None: "", True: "ok", False: "MISSED"}[figure.met]
    return (figure.section, figure.name, _number(figure.value) + unit, span, target, ratio, verdict)


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.3f}".rstrip("0").rstrip(".")


def save(figures: Sequence[Figure], failures: dict[str, str], *, quick: bool) -> Path:
    """Write the figures with the machine they were measured on; return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.json"
    value = {
        "quick": quick,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "load": os.getloadavg(),
        "figures": [asdict(figure) | {"median": figure.value, "met": figure.met} for figure in figures],
        "failures": failures,
    }
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sections. Returns 0 if all ran, whether or not they met their targets; 1 otherwise."""
    sections = SECTIONS | {"status": status} | PROGRAMS
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure saiten against a mock server.")
    parser.add_argument("--only", action="append", choices=tuple(sections), help="run this section; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, once; walls are not comparable")
    parser.add_argument("--speedup", type=float, default=3.0, help="virtual seconds per second in the batching section")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    options = parser.parse_args(argv)
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="saiten-bench-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        for name in options.only or sections:
            plan = Plan(folder=folder / name, quick=options.quick, speedup=options.speedup)
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                figures += sections[name](plan)
            except (RuntimeError, OSError, ValueError) as error:
                failures[name] = str(error)
    print(table(figures))
    for name, text in failures.items():
        print(f"\n{name} could not be measured: {text}")
    path = save(figures, failures, quick=options.quick)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; saved as {path}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
