"""The aggregated results as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saiten.report.text import columns_of, fit, pad, plain
from saiten.results.row import COMPLETE, NOT_RUN

Line = tuple[str, ...]
RIGHT = frozenset({"value", "95 %", "n", "coverage"})


def render_rows(results: Sequence[dict[str, Any]], *, width: int = 120) -> str:
    """Return a table: for one model its rows with their doubt and their state, for several one column each.

    Rows that nobody ran are left out and counted below.
    """
    names = list(dict.fromkeys(name for told in results for name in told["tasks"]))
    shown = [name for name in names if any(told["status"].get(name, NOT_RUN) != NOT_RUN for told in results)]
    lines = _one(results[0], shown) if len(results) == 1 else _several(results, shown)
    text = _table(lines, width)
    hidden = len(names) - len(shown)
    return "\n".join([*text, *([f"{hidden} rows were not run"] if hidden else [])])


def _one(told: dict[str, Any], names: Sequence[str]) -> list[Line]:
    lines: list[Line] = [("row", "value", "95 %", "n", "coverage", "state")]
    for name in names:
        interval = told["intervals"].get(name)
        coverage = told["coverage"].get(name)
        lines.append(
            (
                name,
                _value(told, name),
                f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else "",
                f"{told['n'].get(name, '')}",
                "" if coverage is None else f"{100 * coverage:.1f} %",
                told["status"][name],
            )
        )
    return lines


def _several(results: Sequence[dict[str, Any]], names: Sequence[str]) -> list[Line]:
    heads = [" ".join(filter(None, (told["model"], told["custom_settings"]["name"]))) for told in results]
    lines: list[Line] = [("row", *heads)]
    for name in names:
        cells = []
        for told in results:
            state = told["status"].get(name, NOT_RUN)
            value = _value(told, name)
            cells.append(f"{value} *" if value and state != COMPLETE else value or f"({state.partition(':')[0]})")
        lines.append((name, *cells))
    return lines


def _value(told: dict[str, Any], name: str) -> str:
    value = told["results"].get(name, -1)
    if value == -1 and told["status"].get(name) != COMPLETE:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def _table(lines: Sequence[Line], width: int) -> list[str]:
    cells = [[plain(cell) for cell in line] for line in lines]
    widths = [max(columns_of(line[i]) for line in cells) for i in range(len(cells[0]))]
    text = []
    for number, line in enumerate(cells):
        right = [number > 0 and lines[0][i] in RIGHT for i in range(len(line))]
        padded = (pad(cell, w, right=r) for cell, w, r in zip(line, widths, right, strict=True))
        text.append(fit("  ".join(padded).rstrip(), width))
        if number == 0:
            text.append(fit("  ".join("-" * w for w in widths), width))
    return text
