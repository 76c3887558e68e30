"""Making rows ready for reading, in a process of its own: `python -m saiten.datasets.prepare`.

The process is given a job as JSON on its standard input and answers with one line of JSON. It alone imports the hub
client and the parquet reader, under a limit of memory, so that a run stays light and a damaged file cannot take it
down. Where one subset of a small repository is wanted, all of them are made ready at once.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from saiten.datasets.context import DataContext
from saiten.datasets.layout import CARD, LayoutError, choose_files
from saiten.datasets.lock import read_lock
from saiten.datasets.mirror import MirrorSource
from saiten.datasets.place import base_of, remember_commit, wanted_revision
from saiten.datasets.readers import limited, read_records
from saiten.datasets.rows import SourceFile, open_prepared
from saiten.datasets.source import LocalSource, Source, sha256_of
from saiten.datasets.writer import write_rows
from saiten.errors import UserError
from saiten.types import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from saiten.datasets.readers import Record

SMALL_REPOSITORY = 64 << 20
"""Bytes of files up to which all subsets are made ready when one is asked for."""
MEMORY = 8 << 30
"""Address space of the process, bytes. A row of 512 MiB and a row group of 4 GiB still fit."""
DOWNLOADS = 8
"""Files fetched at once."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is asked to do. The token comes in its environment (HF_TOKEN)."""

    dataset: Dataset
    subset: str
    cache: str
    downloads: str
    mirror: str | None
    lock: str | None
    endpoint: str
    offline: bool


class Answer(msgspec.Struct, frozen=True):
    """What the process answers: nothing, or the user's error."""

    error: str | None = None


def run_prepare(dataset: Dataset, subset: str, context: DataContext) -> None:
    """Make a subset's rows ready in a process of their own. UserError says what is wrong with the data."""
    import os
    import subprocess

    job = Job(
        dataset=dataset,
        subset=subset,
        cache=str(context.cache),
        downloads=str(context.hub_cache),
        mirror=str(context.mirror) if context.mirror else None,
        lock=str(context.lock) if context.lock else None,
        endpoint=context.endpoint,
        offline=context.offline,
    )
    environment = os.environ | {
        "HF_TOKEN": context.token or "",
        "HF_ENDPOINT": context.endpoint,
        "HF_HOME": str(context.cache),
        "HF_HUB_CACHE": str(context.hub_cache),
        "HF_HUB_OFFLINE": "1" if context.offline else "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "saiten.datasets.prepare"],
        input=msgspec.json.encode(job),
        capture_output=True,
        env=environment,
        check=False,
    )
    try:
        answer = msgspec.json.decode(done.stdout, type=Answer)
    except msgspec.DecodeError as error:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise UserError(
            f"{dataset.path}: its rows could not be made ready (exit status {done.returncode}: {last[0]})"
        ) from error
    if answer.error is not None:
        raise UserError(answer.error)


class Located(Struct, frozen=True):
    """One subset's files, and the source that has them."""

    source: Source
    paths: tuple[str, ...]


def open_source(dataset: Dataset, context: DataContext) -> Source:
    """Return where the dataset's files come from. UserError where that cannot be reached."""
    if dataset.local:
        return LocalSource(Path(dataset.path))
    if context.mirror:
        source = MirrorSource(context.mirror, dataset.path)
        wanted = read_lock(context.lock).get(dataset.path)
        if wanted and wanted.revision != source.revision:
            raise UserError(
                f"the mirror {context.mirror} has {dataset.path} at {source.revision}, but {context.lock} locks it at "
                f"{wanted.revision}; pull again, or remove the lock"
            )
        return source
    from saiten.datasets.hub import HubSource

    return HubSource(dataset.path, wanted_revision(dataset, context), context)


def locate(dataset: Dataset, subset: str, source: Source) -> Located:
    """Return the files of a subset; where the layout does not tell, the hub's own conversion to parquet."""
    config, pattern = dataset.configs[subset], dataset.files.get(subset)
    try:
        return Located(source, _choose(dataset, config, pattern, source))
    except LayoutError as error:
        converted = source.converted()
        if converted is not None:
            try:
                return Located(converted, _choose(dataset, config, None, converted))
            except LayoutError:
                pass
        raise UserError(f"{dataset.path}: {error}") from error


def _choose(dataset: Dataset, config: str, pattern: str | None, source: Source) -> tuple[str, ...]:
    files = source.files()
    if isinstance(source, LocalSource) and len(files) == 1 and pattern is None:
        return tuple(files)
    card = source.fetch(CARD).read_text("utf-8", errors="replace") if CARD in files and pattern is None else ""
    return choose_files(list(files), config=config, split=dataset.split, pattern=pattern, card=card)


def prepare(dataset: Dataset, subset: str, context: DataContext) -> None:
    """Make the subset's rows ready, and the other subsets' too where the repository is small."""
    source = open_source(dataset, context)
    if not dataset.local and not context.mirror:
        remember_commit(dataset, source.revision, context)
    _prepare_subset(dataset, subset, source, context)
    others = [name for name in dataset.configs if name != subset]
    if others and sum(source.files().values()) <= SMALL_REPOSITORY:
        for name in others:
            try:
                _prepare_subset(dataset, name, source, context)
            except UserError:
                continue  # told to whoever asks for that subset


def _prepare_subset(dataset: Dataset, subset: str, source: Source, context: DataContext) -> None:
    base = base_of(dataset, subset, context)
    assert base is not None, "the commit was remembered before"
    if not dataset.local and not context.mirror and open_prepared(base) is not None:
        return
    located = locate(dataset, subset, source)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        files = list(pool.map(located.source.fetch, located.paths))
    sources = tuple(map(_source_file, located.paths, files))
    _check_lock(dataset, sources, context)
    revision = located.source.revision or _content_revision(sources)
    records = _records(dataset, located.paths, files)
    meta = write_rows(base, limited(records, dataset.path), revision, sources, dataset.apart)
    if not meta.rows:
        raise UserError(f"{dataset.path}: {', '.join(located.paths)} has no rows")


def _source_file(path: str, file: Path) -> SourceFile:
    status = file.stat()
    return SourceFile(path=path, sha256=sha256_of(file), size=status.st_size, mtime_ns=status.st_mtime_ns)


def _content_revision(sources: Sequence[SourceFile]) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256("".join(source.sha256 for source in sources).encode()).hexdigest()


def _check_lock(dataset: Dataset, sources: Sequence[SourceFile], context: DataContext) -> None:
    locked = read_lock(context.lock).get(dataset.path)
    for source in sources if locked else ():
        expected = locked.files.get(source.path) if locked else None
        if expected not in {None, source.sha256}:
            raise UserError(
                f"{dataset.path}: {source.path} is not the file that {context.lock} locks (SHA-256 differs)"
            )


def _records(dataset: Dataset, paths: Sequence[str], files: Sequence[Path]) -> Iterator[Record]:
    for path, file in zip(paths, files, strict=True):
        yield from read_records(file, f"{dataset.path}: {path}", dataset.headerless)


def main() -> int:
    """Do the job on standard input and answer on standard output."""
    import os
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    context = DataContext(
        cache=Path(job.cache),
        downloads=Path(job.downloads),
        mirror=Path(job.mirror) if job.mirror else None,
        lock=Path(job.lock) if job.lock else None,
        endpoint=job.endpoint,
        token=os.environ.get("HF_TOKEN") or None,
        offline=job.offline,
    )
    try:
        prepare(job.dataset, job.subset, context)
    except UserError as error:
        answer = Answer(str(error))
    except MemoryError:
        answer = Answer(f"{job.dataset.path}: its rows need more than {MEMORY >> 30} GiB of memory")
    else:
        answer = Answer()
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
