"""Keeping datasets: filling a mirror, locking commits, verifying what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saiten.datasets import open_rows
from saiten.datasets.layout import CARD
from saiten.datasets.lock import Locked, read_lock, write_lock
from saiten.datasets.mirror import Manifest, add_to_mirror
from saiten.datasets.part import part_of, parts_by_repository
from saiten.datasets.place import base_of, forget_commit
from saiten.datasets.rows import jsonl_path, read_index
from saiten.datasets.source import sha256_of
from saiten.errors import UserError
from saiten.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from saiten.datasets.context import DataContext
    from saiten.types import Dataset


def pull(dataset: Dataset, subsets: Sequence[str], context: DataContext, mirror: Path) -> list[Manifest]:
    """Fetch the files of these subsets from the hub into a mirror, and return what it now has of each repository.

    The card comes along, for it says which files make up a config. UserError as for `open_rows`.
    """
    from saiten.datasets.prepare import locate, open_source

    manifests = []
    for repository, parts in parts_by_repository(dataset, subsets).items():
        source = open_source(parts[0][0], replace(context, mirror=None))
        located = [locate(part, subset, source) for part, subset in parts]
        sources = {item.source.revision: item.source for item in located}
        if len(sources) > 1:
            raise UserError(
                f"{repository}: its subsets come from {len(sources)} commits; pull them into separate mirrors"
            )
        ((revision, taken),) = sources.items()
        paths = sorted({path for item in located for path in item.paths})
        if CARD in taken.files():
            paths.append(CARD)
        manifests.append(add_to_mirror(mirror, repository, revision, {path: taken.fetch(path) for path in paths}))
    return manifests


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
        for repository, parts in ({} if dataset.local else parts_by_repository(dataset, subsets)).items():
            if update:
                locked.pop(repository, None)
                write_lock(context.lock, locked)
                forget_commit(parts[0][0], context)
            locked[repository] = _locked(repository, parts, context, locked.get(repository))
            write_lock(context.lock, locked)
    return locked


def _locked(
    repository: str, parts: Sequence[tuple[Dataset, str]], context: DataContext, before: Locked | None
) -> Locked:
    """Return the entry of a repository of which these subsets are read; files that it had of the same commit stay."""
    opened = [open_rows(part, subset, context) for part, subset in parts]
    revisions = {rows.revision for rows in opened}
    if len(revisions) > 1:
        raise UserError(f"{repository}: its subsets come from {len(revisions)} commits, so none can be locked")
    files = dict(before.files) if before and before.revision in revisions else {}
    files |= {source.path: source.sha256 for rows in opened for source in rows.sources}
    return Locked(revisions.pop(), files)


def verify_prepared(dataset: Dataset, subset: str, context: DataContext) -> str | None:
    """Hash the prepared rows of a subset: None where there are none, "" where they are whole, else what is wrong."""
    base = base_of(part_of(dataset, subset), subset, context)
    if base is None or not jsonl_path(base).exists():
        return None
    found = read_index(base)
    if found is None:
        return "its index is missing or damaged; it is made again at the next use"
    if sha256_of(jsonl_path(base)) != found[0].sha256:
        return f"its rows were changed on disk; delete {jsonl_path(base)}"
    try:
        for row in open_rows(dataset, subset, context) if found[0].apart else ():
            for text in (row[name] for name in found[0].apart if row.get(name) is not None):
                text.read()
    except UserError as error:
        return str(error)
    return ""
