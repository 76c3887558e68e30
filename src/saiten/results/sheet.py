"""Many aggregated results as one table for a spreadsheet: a line for each model, a column for each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet program would compute."""


def sheet(results: Sequence[dict[str, Any]], *, delimiter: str = ",") -> str:
    """Return CSV: model, settings, whether complete, whether a trial, then the values in their historical order.

    The values are those of `results`, -1 where there is none.
    """
    names = list(dict.fromkeys(name for told in results for name in told["tasks"]))
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["model", "settings", "complete", "debug", *map(plain, names)])
    for told in results:
        facts = [plain(told["model"]), plain(told["custom_settings"]["name"]), told["complete"], told["debug"]]
        writer.writerow([*facts, *(_cell(told["results"].get(name, -1)) for name in names)])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def plain(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
