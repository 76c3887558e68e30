"""Keeping datasets: filling a mirror, locking commits, verifying what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from saiten.datasets import open_rows
from saiten.datasets.layout import CARD
from saiten.datasets.lock import Locked, read_lock, write_lock
from saiten.datasets.mirror import Manifest, add_to_mirror
from saiten.datasets.place import base_of, forget_commit
from saiten.datasets.rows import jsonl_path, read_index
from saiten.datasets.source import sha256_of
from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from saiten.datasets.context import DataContext
    from saiten.types import Dataset


def pull(dataset: Dataset, subsets: Sequence[str], context: DataContext, mirror: Path) -> Manifest:
    """Fetch the files of these subsets from the hub into a mirror, and return what the mirror now has.

    The card comes along, for it says which files make up a config. UserError as for `open_rows`.
    """
    from saiten.datasets.prepare import locate, open_source

    source = open_source(dataset, replace(context, mirror=None))
    located = [locate(dataset, subset, source) for subset in subsets]
    sources = {item.source.revision: item.source for item in located}
    if len(sources) > 1:
        raise UserError(
            f"{dataset.path}: its subsets come from {len(sources)} commits; pull them into separate mirrors"
        )
    ((revision, taken),) = sources.items()
    paths = sorted({path for item in located for path in item.paths})
    if CARD in taken.files():
        paths.append(CARD)
    return add_to_mirror(mirror, dataset.path, revision, {path: taken.fetch(path) for path in paths})


def lock(
    datasets: Iterable[tuple[Dataset, Sequence[str]]], context: DataContext, *, update: bool = False
) -> dict[str, Locked]:
    """Write the commits and file hashes that these datasets are read at into the lock file, and return its entries.

    Entries of other repositories stay. With `update`, commits are asked of the hub again instead of taken from the
    lock and from first use.
    """
    if context.lock is None:
        raise UserError("no lock file is configured; set SAITEN_DATA_LOCK")
    locked = dict(read_lock(context.lock))
    for dataset, subsets in datasets:
        if dataset.local:
            continue
        if update:
            locked.pop(dataset.path, None)
            write_lock(context.lock, locked)
            forget_commit(dataset, context)
        opened = [open_rows(dataset, subset, context) for subset in subsets]
        revisions = {rows.revision for rows in opened}
        if len(revisions) > 1:
            raise UserError(f"{dataset.path}: its subsets come from {len(revisions)} commits, so none can be locked")
        before = locked.get(dataset.path)
        files = dict(before.files) if before and before.revision in revisions else {}
        files |= {source.path: source.sha256 for rows in opened for source in rows.sources}
        locked[dataset.path] = Locked(revisions.pop(), files)
        write_lock(context.lock, locked)
    return locked


def verify_prepared(dataset: Dataset, subset: str, context: DataContext) -> str | None:
    """Hash the prepared rows of a subset: None where there are none, "" where they are whole, else what is wrong."""
    base = base_of(dataset, subset, context)
    if base is None or not jsonl_path(base).exists():
        return None
    found = read_index(base)
    if found is None:
        return "its index is missing or damaged; it is made again at the next use"
    if sha256_of(jsonl_path(base)) != found[0].sha256:
        return f"its rows were changed on disk; delete {jsonl_path(base)}"
    return ""
