"""`aggregated_results.json`: the values that people paste into spreadsheets, in their historical order.

`results` and `overall` hold a number for each row; -1 is "no number", as it always was. Why there is none stands in
words under `status`, with bounds under `bounds` where choices are missing. It is made of the results files that lie on
disk, so of every start of a run. Values over a part of the documents (`--max-samples`) are marked, and are not mixed
with others unless asked for.

Source: reference/benchmarks.md §5. Differs: a row with missing subsets was averaged over the rest without a word; it
has no number now, except for results of the old system (`old_rule`), where it keeps the old one and is marked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saiten.results import manifest
from saiten.results.files import write_json
from saiten.results.layout import Layout
from saiten.results.merge import different_specifications, merge, read_block, row_values
from saiten.results.old_rule import old_rows
from saiten.results.row import NOTHING, RowValue
from saiten.results.rows import ROWS
from saiten.results.stored import read_files, the_model

NONE = -1
"""How the old files say that there is no number."""
CustomSettings = Mapping[str, str]
"""Path, name and version of the settings, as old files tell them."""


def write_aggregated(layout: Layout, *, allow_debug: bool = False) -> dict[str, Any]:
    """Write a run's aggregated_results.json from the results files of all its starts, and return its content.

    Several jobs of a run may end at the same moment: each looks again after it wrote, so that the last one to write has
    seen the files of all.
    """
    while True:
        seen = _results_files(layout)
        told = _aggregated_run(layout, allow_debug=allow_debug)
        write_json(layout.aggregated, told)
        if _results_files(layout) == seen:
            return told


def _results_files(layout: Layout) -> set[str]:
    return {path.name for path in layout.results.glob("results_*.json")}


def _aggregated_run(layout: Layout, *, allow_debug: bool) -> dict[str, Any]:
    run = manifest.read(layout.run) or {}
    told = aggregated(layout.results, layout.model_name, manifest.custom_settings(run), allow_debug=allow_debug)
    told["cost"] = run.get("cost")
    if missing := [name for name in manifest.wanted(run) if name not in told["benchmarks"]]:
        told["complete"] = False
        told["warnings"].append(f"not scored yet: {', '.join(missing)}")
    return told


def aggregated(
    folder: Path, model: str, custom_settings: CustomSettings | None = None, *, allow_debug: bool = False
) -> dict[str, Any]:
    """Return the content of aggregated_results.json for a folder of results files of saiten, which may be missing."""
    warnings: list[str] = []
    files = read_files(folder, model, warnings) if folder.is_dir() else []
    blocks = [block for file in files if (block := read_block(file)) is not None]
    merged = merge(blocks, allow_debug=allow_debug)
    rows = row_values(merged, allow_debug=allow_debug)
    told = document(model, rows, custom_settings)
    told["benchmarks"] = [benchmark.name for benchmark in merged]
    counted = frozenset[str]().union(*(benchmark.files for benchmark in merged))
    used = [block for block in blocks if block.file in counted]
    parts = [part for benchmark in merged for part in benchmark.parts.values()]
    told["complete"] = bool(parts) and all(part.evidence.complete for part in parts)
    if not files:
        warnings.append(f"no results yet in {folder}: the run has not come to its end once")
    if len(blocks) < len(files):
        others = len(files) - len(blocks)
        warnings.append(f"{others} files of another version of saiten are left out (`saiten score` renews them)")
    return told | {"warnings": [*warnings, *different_specifications(used)]}


def aggregated_old(
    folder: Path, model: str | None, custom_settings: CustomSettings | None = None, *, allow_debug: bool = False
) -> dict[str, Any]:
    """Return the content of aggregated_results.json for a folder of results files of the old system.

    UserError: no such folder, no results of the model, or (where none is named) of several.
    """
    files = read_files(folder)
    name = the_model(files, folder, model)
    rows = old_rows([file for file in files if file.model == name], allow_debug=allow_debug)
    told = document(name, rows, custom_settings)
    told["complete"] = all(row.value is not None for row in rows.values() if row is not NOTHING)
    told["warnings"] = ["results of the old system do not say how many requests failed: those count as empty answers"]
    return told


def document(model: str, rows: Mapping[str, RowValue], custom_settings: CustomSettings | None) -> dict[str, Any]:
    """Return the part that does not depend on where the rows come from."""
    names = [*ROWS, *(name for name in rows if name not in set(ROWS))]
    values = {name: rows.get(name, NOTHING) for name in names}
    return {
        "model": model,
        "results": {name: _number(row) for name, row in values.items()},
        "overall": ",".join(str(NONE if row.value is None else row.value) for row in values.values()),
        "tasks": names,
        "custom_settings": dict(custom_settings or {"path": "", "name": "", "version": ""}),
        "debug": any(row.value is not None and row.status.startswith("debug") for row in values.values()),
        "status": {name: row.status for name, row in values.items()},
        "coverage": {name: row.coverage for name, row in rows.items() if row.coverage is not None},
        "intervals": {name: list(row.interval) for name, row in rows.items() if row.interval is not None},
        "bounds": {name: list(row.bounds) for name, row in rows.items() if row.bounds is not None},
        "n": {name: row.n for name, row in rows.items() if row.n},
    }


def _number(row: RowValue) -> Any:
    """Return a value as JSON can hold it: NaN and infinities of old files are null, and stand in `overall`."""
    if row.value is None:
        return NONE
    return None if isinstance(row.value, float) and not math.isfinite(row.value) else row.value
