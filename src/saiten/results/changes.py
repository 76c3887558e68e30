"""Which documents a new scorer scores differently: compares two states of the score files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Scores = dict[tuple[str, str, int], dict[str, Any]]
"""(subset, document, repetition) -> values by name, and what was extracted."""


def read_scores(path: Path) -> Scores | None:
    """Return a score file's values; None where there is none (or one that was cut short)."""
    if not path.exists():
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except pa.ArrowInvalid:
        return None
    names = [name for name in table.column_names if name.startswith("value_")]
    rows = table.select(["subset", "document", "repetition", "extracted", *names]).to_pylist()
    return {
        (row["subset"], row["document"], row["repetition"]): {
            name.removeprefix("value_"): row[name] for name in (*names, "extracted")
        }
        for row in rows
    }


def keep_old_scores(paths: Sequence[Path]) -> Mapping[Path, Scores]:
    """Read the score files before they are replaced."""
    return {path: scores for path in paths if (scores := read_scores(path)) is not None}


def changed_scores(before: Mapping[Path, Scores], paths: Sequence[Path]) -> list[str] | None:
    """Return one line for each choice that has other values than before; None where nothing was there before."""
    if not before:
        return None
    changes = []
    for path in paths:
        old, new = before.get(path), read_scores(path) or {}
        if old is None:
            continue
        name = path.parent.name
        for key, values in new.items():
            was = old.get(key)
            if was is None or was == values:
                continue
            moved = [f"{value}: {was.get(value)} -> {now}" for value, now in values.items() if was.get(value) != now]
            where = ":".join(part for part in (name, key[0]) if part)
            changes.append(f"{where} {key[1]} (sample {key[2]}): {', '.join(moved)}")
    return changes
