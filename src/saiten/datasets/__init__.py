"""Rows of benchmarks: from the hub at a pinned commit, from an offline mirror, or from a file.

`open_rows` is the door. Rows that were read before are read from disk without network and without a heavy library.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from saiten.datasets.context import DataContext
from saiten.datasets.part import part_of
from saiten.datasets.place import base_of, check_columns, origin, subset_names
from saiten.datasets.rows import ROW_NUMBER, Rows, open_prepared
from saiten.errors import UserError, suggestion

if TYPE_CHECKING:
    from saiten.types import Dataset

__all__ = ["ROW_NUMBER", "DataContext", "Rows", "open_if_here", "open_rows", "part_of", "seeded_order"]

SEED = 42
LIGHT_FILE = 8 << 20
"""Bytes up to which a local text file is made ready without starting a process (it takes about 0.1 s)."""


def open_rows(dataset: Dataset, subset: str, context: DataContext) -> Rows:
    """Return the rows of one subset, fetching and converting them if this was never done here.

    The first use takes a process, perhaps the network, and time; do not call it on an event loop. Later uses read one
    small index.

    Raises:
        UserError: the repository, revision, config, split or a column is not there, is gated, cannot be reached, or is
            damaged; the message says which, and what to do.
    """
    if subset not in dataset.configs:
        raise UserError(
            f"{dataset.path} has no subset {subset!r}{suggestion(subset, dataset.configs)}; "
            f"there are: {subset_names(dataset)}"
        )
    dataset = part_of(dataset, subset)
    rows = _ready(dataset, subset, context)
    if rows is None:
        from saiten.datasets.prepare import prepare, run_prepare

        (prepare if _light(dataset) else run_prepare)(dataset, subset, context)
        rows = _ready(dataset, subset, context)
    if rows is None:
        raise UserError(f"{dataset.path}: its files change while they are read; try again")
    check_columns(dataset, rows.columns, f"{dataset.path} ({dataset.configs[subset]}, {dataset.split})")
    return rows


def open_if_here(dataset: Dataset, subset: str, context: DataContext) -> Rows | None:
    """Return the rows of one subset where that needs no network, else None. UserError as `open_rows`."""
    if dataset.local or context.mirror:
        return open_rows(dataset, subset, context)
    return _ready(part_of(dataset, subset), subset, context)


def _ready(dataset: Dataset, subset: str, context: DataContext) -> Rows | None:
    if dataset.local and not Path(dataset.path).exists():
        raise UserError(f"no such dataset file: {dataset.path}")
    base = base_of(dataset, subset, context)
    return open_prepared(base, origin(dataset, context)) if base else None


def _light(dataset: Dataset) -> bool:
    """Whether to read the rows in this process: a small local file of text needs no other one."""
    if not dataset.local:
        return False
    path = Path(dataset.path)
    return path.is_file() and path.suffix != ".parquet" and path.stat().st_size <= LIGHT_FILE


def seeded_order(count: int) -> array[int]:
    """Return the order in which `count` documents are asked: positions, shuffled with the seed 42.

    Source: reference measurement, `random.Random(42).shuffle` over the documents of each subset. The first k of this
    order are what `--max-samples k` asks.
    """
    order = array("Q", range(count))
    Random(SEED).shuffle(order)
    return order
