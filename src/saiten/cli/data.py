"""saiten data: fetch, lock and verify datasets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.benchmarks import select
from saiten.datasets import DataContext
from saiten.errors import Exit, UsageError, UserError
from saiten.values import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from saiten.benchmarks import Selected


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="pull|lock|verify")
    pull = commands.add_parser(
        "pull", help="fill an offline mirror", description="Fetch datasets into a mirror folder."
    )
    pull.add_argument("benchmarks", nargs="+", metavar="BENCHMARK", help="names, globs, groups (ja, en, all) or files")
    pull.add_argument("--to", type=Path, help="the mirror folder; default: SAITEN_DATA")
    lock = commands.add_parser(
        "lock",
        help="write the commits to a lock file",
        description="Write the commits that datasets are read at to saiten-data.lock.json (or SAITEN_DATA_LOCK). "
        "Later runs in this folder read exactly these.",
    )
    lock.add_argument("benchmarks", nargs="*", default=["all"], metavar="BENCHMARK", help="default: all")
    lock.add_argument("--update", action="store_true", help="ask the hub for the newest commits")
    verify = commands.add_parser(
        "verify", help="hash what is stored", description="Hash the mirror's files and the rows in the cache."
    )
    verify.add_argument("benchmarks", nargs="*", default=["all"], metavar="BENCHMARK", help="default: all")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    context = DataContext.from_environment(os.environ)
    selected = select(args.benchmarks)
    match args.action:
        case "pull":
            return pull(selected, args.to, context)
        case "lock":
            return lock(selected, context, update=args.update)
        case _:
            return verify(selected, context)


def pull(selected: Sequence[Selected], to: Path | None, context: DataContext) -> int:
    """Fill a mirror."""
    from saiten.datasets.keep import pull as pull_dataset

    mirror = to.absolute() if to else context.mirror
    if mirror is None:
        raise UsageError("where to? Give --to DIR, or set SAITEN_DATA")
    for item in selected:
        dataset = item.benchmark.dataset
        if dataset.local:
            print(f"{item.benchmark.name}: comes with its file, nothing to fetch")
            continue
        for manifest in pull_dataset(dataset, item.subsets, context, mirror):
            size = sum(file.size for file in manifest.files.values())
            place = f"{manifest.repository}@{manifest.revision}"
            print(f"{item.benchmark.name}: {place}, {len(manifest.files)} files, {size:,} bytes")
    print(f"to use it: export SAITEN_DATA={mirror}")
    return Exit.COMPLETE


def lock(selected: Sequence[Selected], context: DataContext, *, update: bool) -> int:
    """Write the lock file."""
    from saiten.datasets.keep import lock as lock_datasets

    locked = lock_datasets(((item.benchmark.dataset, item.subsets) for item in selected), context, update=update)
    for repository, entry in sorted(locked.items()):
        print(f"{repository}@{entry.revision}, {len(entry.files)} files")
    print(f"written: {context.lock}")
    return Exit.COMPLETE


def verify(selected: Sequence[Selected], context: DataContext) -> int:
    """Hash the mirror and the prepared rows."""
    from saiten.datasets.keep import verify_prepared
    from saiten.datasets.mirror import verify_mirror

    if context.mirror is not None and not context.mirror.is_dir():
        raise UserError(f"SAITEN_DATA={context.mirror} is not a folder; fill it with saiten data pull, or unset it")
    good, bad = 0, 0
    checks = list(verify_mirror(context.mirror)) if context.mirror else []
    places = [context] if context.mirror is None else [context, replace(context, mirror=None)]
    for item in selected:
        for subset in item.subsets:
            for place in places:
                problem = verify_prepared(item.benchmark.dataset, subset, place)
                if problem is not None:
                    checks.append((f"{item.benchmark.name}:{subset}".rstrip(":"), problem))
    for name, problem in checks:
        good, bad = (good, bad + 1) if problem else (good + 1, bad)
        if problem:
            print(f"{name}: {problem}")
    print(f"{good} whole, {bad} damaged")
    return Exit.CONFIGURATION if bad else Exit.COMPLETE
