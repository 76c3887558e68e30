"""A mirror that has rows for every benchmark: the shared rows where there are any, else a row of our own everywhere.

Of a benchmark with dozens of subsets each has our own row only: a small model on two cores is done in minutes then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saiten.benchmarks import find
from saiten.datasets.mirror import add_to_mirror
from saiten.datasets.part import part_of
from tests.helpers.derived import DERIVED
from tests.helpers.mirror import REPOSITORIES, REVISION, shared_mirror
from tests.unit.benchmarks.golden import OWN_ROWS, ROWS

MANY = 40
"""Subsets."""


def fill(folder: Path, names: list[str]) -> Path:
    """Fill the mirror in `folder` for these benchmarks and return it."""
    own: dict[str, dict[str, Path]] = {}
    for name in names:
        dataset = find(name).dataset
        if (name in REPOSITORIES or name in DERIVED) and len(dataset.configs) < MANY:
            shared_mirror(folder, name)
            continue
        for subset in dataset.configs:
            part = part_of(dataset, subset)
            path = part.files.get(subset) or f"{part.configs[subset]}/{part.split}.jsonl"
            own.setdefault(part.path, {})[path] = one_row(name, folder.with_name("rows"))
    for repository, files in own.items():
        add_to_mirror(folder, repository, REVISION, files)
    return folder


def one_row(name: str, folder: Path) -> Path:
    """Write a benchmark's row of our own as a file and return it."""
    row: dict[str, Any] = OWN_ROWS.get(name) or json.loads((ROWS / f"{name}.json").read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jsonl"
    file.write_text(json.dumps({key: value for key, value in row.items() if key != "__row__"}) + "\n")
    return file
