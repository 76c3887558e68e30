"""Where the prepared rows of a subset lie, found without network and without any heavy library.

    {cache}/saiten/datasets/{repository}/refs/{revision as asked for}      the commit it stood for at first use
    {cache}/saiten/datasets/{repository}/{commit}/{config}.{split}.{key}.jsonl, .index

A mirror's repository takes the manifest's hash for the commit, a local file the hash of its path.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.datasets.lock import read_lock
from saiten.datasets.mirror import MANIFEST
from saiten.datasets.source import safe_join
from saiten.datasets.writer import write_atomically
from saiten.errors import UserError

if TYPE_CHECKING:
    from saiten.datasets.context import DataContext
    from saiten.types import Dataset

COMMIT = re.compile(r"[0-9a-f]{40}")


def wanted_revision(dataset: Dataset, context: DataContext) -> str | None:
    """Return the revision to read: the locked one, else the benchmark's own; None where neither names one."""
    locked = read_lock(context.lock).get(dataset.path)
    return locked.revision if locked else dataset.revision


def known_commit(dataset: Dataset, context: DataContext) -> str | None:
    """Return the commit that the wanted revision stood for at first use, or None if it was never resolved here."""
    wanted = wanted_revision(dataset, context)
    if wanted and COMMIT.fullmatch(wanted):
        return wanted
    try:
        return _ref(dataset, wanted, context).read_text("ascii").strip() or None
    except OSError:
        return None


def remember_commit(dataset: Dataset, commit: str, context: DataContext) -> None:
    """Remember what the wanted revision stands for, so that later runs read the same rows without asking."""
    wanted = wanted_revision(dataset, context)
    if wanted is None or not COMMIT.fullmatch(wanted):
        write_atomically(_ref(dataset, wanted, context), commit.encode("ascii") + b"\n")


def forget_commit(dataset: Dataset, context: DataContext) -> None:
    """Forget what the benchmark's own revision stood for: the next use asks the hub."""
    _ref(dataset, dataset.revision, context).unlink(missing_ok=True)


def _ref(dataset: Dataset, revision: str | None, context: DataContext) -> Path:
    return context.prepared / _slug(dataset.path) / "refs" / _slug(revision or "main")


def origin(dataset: Dataset, context: DataContext) -> Path | None:
    """Return the folder whose files are read in place, a local dataset's or a mirror's; None for the hub."""
    if dataset.local:
        path = Path(dataset.path)
        return path if path.is_dir() else path.parent
    return safe_join(context.mirror, dataset.path) if context.mirror else None


def base_of(dataset: Dataset, subset: str, context: DataContext) -> Path | None:
    """Return the path, without suffix, of the prepared rows, or None while the commit is not known."""
    if dataset.local:
        folder: str | None = "local"
    elif context.mirror:
        folder = _manifest_digest(context.mirror, dataset.path)
    else:
        folder = known_commit(dataset, context)
    if folder is None:
        return None
    config = dataset.configs[subset]
    pattern = dataset.files.get(subset, "")
    place = str(Path(dataset.path).absolute()) if dataset.local else dataset.path
    apart = ("apart", *dataset.apart) if dataset.apart else ()
    parts = (place, config, dataset.split, pattern, *dataset.headerless, *apart)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    name = f"{_slug(config)}.{_slug(dataset.split)}.{key}"
    owner = "local" if dataset.local else _slug(dataset.path)
    return context.prepared / owner / folder / name if owner != "local" else context.prepared / owner / name


def _manifest_digest(mirror: Path, repository: str) -> str | None:
    try:
        content = (safe_join(mirror, repository) / MANIFEST).read_bytes()
    except OSError:
        return None
    return "mirror-" + hashlib.sha256(content).hexdigest()[:16]


def _slug(name: str) -> str:
    """Return a name that is one harmless path component."""
    slug = re.sub(r"[^\w.-]", "--", name)
    return slug if slug.strip(".") else f"_{slug}"


def subset_names(dataset: Dataset) -> str:
    """Return the subsets of a dataset as a message shows them."""
    names = [name or "(no subset)" for name in dataset.configs]
    return ", ".join(names[:8]) + (f", … ({len(names)} in all)" if len(names) > 8 else "")


def check_columns(dataset: Dataset, columns: tuple[str, ...], where: str) -> None:
    """Raise a UserError where a column that the benchmark reads is not there."""
    missing = [name for name in dataset.columns if name not in columns]
    if missing:
        raise UserError(f"{where} has no column {', '.join(map(repr, missing))}; its columns: {', '.join(columns)}")
