"""`saiten cancel JOB…`: delete jobs that were submitted, queued or running, with what would go on after them."""

from __future__ import annotations

import argparse
from pathlib import Path

from saiten.errors import Exit, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="job ids, names of jobs, models or run directories")
    parser.add_argument("--all", action="store_true", help="every job of one output folder")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="only jobs of this output folder")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.clusters.jobs import cancel, chosen, known, with_successors
    from saiten.clusters.outputs import folders_of
    from saiten.settings.environment import default_output

    if bool(args.jobs) == args.all:
        raise UsageError("name the jobs to cancel, or say --all")
    folders = folders_of(args.output_dir, default_output())
    some = {folders[0]: known(folders[0])} if args.all else chosen(folders, args.jobs)
    done = [line for folder, jobs in some.items() for line in cancel(folder, with_successors(jobs, known(folder)))]
    print("\n".join(done) or "nothing to cancel: these jobs ended already")
    return Exit.COMPLETE
