"""`saiten logs RUN [BENCHMARK]`: the logs of a run's jobs and servers, where they are and how they end."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from saiten.errors import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("run", metavar="RUN", help="a run directory, a job id, a job's name or a model")
    parser.add_argument("benchmark", metavar="BENCHMARK", nargs="?", default="", help="only this benchmark's logs")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="only runs of this output folder")
    parser.add_argument("--lines", type=int, default=20, metavar="N", help="last lines of each log (default 20)")
    parser.add_argument("--follow", action="store_true", help="go on with the newest log as it grows")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.benchmarks import select
    from saiten.benchmarks.index import by_job_name
    from saiten.clusters.finding import find_run, logs_of, tail
    from saiten.clusters.outputs import folders_of
    from saiten.report.text import plain
    from saiten.settings.environment import default_output

    benchmark = by_job_name(args.benchmark) or args.benchmark
    if "|" in benchmark:  # an old task id
        benchmark = select([benchmark])[0].benchmark.name
    paths = logs_of(find_run(args.run, folders_of(args.output_dir, default_output())), benchmark)
    for path in paths:
        print(f"==> {path} ({path.stat().st_size} bytes)")
        for line in tail(path, max(0, args.lines)):
            print(plain(line))
    if args.follow:
        follow(paths[-1])
    return Exit.COMPLETE


def follow(path: Path) -> None:
    """Print what a log gets, until Ctrl-C."""
    from saiten.report.text import plain

    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            while True:
                if line := file.readline():
                    print(plain(line.decode("utf-8", "replace")))
                    continue
                sys.stdout.flush()
                time.sleep(0.5)
    except KeyboardInterrupt:
        return
