"""`saiten cancel JOB…`: delete jobs that were submitted, queued or running, with what would go on after them."""

from __future__ import annotations

import argparse
from pathlib import Path

from saiten.errors import Exit, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="job ids, names of jobs, models or run directories")
    parser.add_argument("--all", action="store_true", help="every job of the output folder")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="default: STORE_PATH, or this folder")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.clusters.jobs import cancel, chosen, known, with_successors
    from saiten.clusters.record import folder_of
    from saiten.settings.environment import default_output

    if bool(args.jobs) == args.all:
        raise UsageError("name the jobs to cancel, or say --all")
    folder = folder_of(args.output_dir or default_output())
    everything = known(folder)
    some = everything if args.all else chosen(everything, args.jobs)
    done = list(cancel(folder, with_successors(some, everything)))
    print("\n".join(done) or "nothing to cancel: these jobs ended already")
    return Exit.COMPLETE
