"""The old aggregation of recorded results folders, written out as files and read back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from saiten.results.aggregate import document
from saiten.results.old_rule import old_rows
from saiten.results.rows import OLD_ROWS
from saiten.results.stored import read_files
from tests.parity.records import Compared, records


def values_of(texts: list[str]) -> list[object]:
    """Return numbers for what are numbers; NaN as a word, since it equals nothing."""
    found: list[object] = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            found.append(text)
            continue
        found.append("nan" if math.isnan(number) else number)
    return found


def compared_aggregation() -> Iterator[Compared]:
    """107 values in their order, as numbers and as the line that is pasted (1e-12)."""
    for record in records("aggregation"):
        given, expected = record["input"], record["expected"]["internal"]
        with TemporaryDirectory() as folder:
            write(Path(folder), given["files"])
            rows = old_rows(read_files(Path(folder), given["model_name"]), allow_debug=True)
        told = document(given["model_name"], rows, given["custom_settings"])
        overall = told["overall"].split(",")[: expected["overall"].count(",") + 1]
        reference = [*map(str, expected["results"].values()), *expected["overall"].split(",")]
        got = [*(str(rows[name].value if rows[name].value is not None else -1) for name in OLD_ROWS), *overall]
        facts = [told["model"], told["tasks"][: len(OLD_ROWS)], told["custom_settings"]]
        yield (
            record["id"],
            [Values(values_of(reference)), expected["model"], expected["tasks"], expected["custom_settings"]],
            [values_of(got), *facts],
        )


class Values:
    """Numbers that others equal to the last bits, and words that others equal."""

    def __init__(self, values: list[object]) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list) or len(other) != len(self.values):
            return False
        return all(
            b == pytest.approx(a, rel=1e-12) if isinstance(a, float) and isinstance(b, float) else a == b
            for a, b in zip(self.values, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.values)


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content["text"] if "text" in content else json.dumps(content["json"]))
