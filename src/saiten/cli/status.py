"""`saiten status [--watch | --diagnose RUN]`: where every submitted job is, and why one does not end."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saiten.errors import Exit

if TYPE_CHECKING:
    from saiten.clusters.look import Look
    from saiten.clusters.situation import Situation

RECENT_SECONDS = 30 * 86_400.0
REDRAW_SECONDS = 10.0
SLOWEST_SECONDS = 600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="where results go (default: STORE_PATH, or here)"
    )
    parser.add_argument("--watch", action="store_true", help="look again and again, politely, until all jobs ended")
    parser.add_argument("--diagnose", metavar="RUN", help="why a run does not end: a run directory, job id or model")
    parser.add_argument("--all", action="store_true", help="also what ended more than 30 days ago")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON list")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.clusters.look import look
    from saiten.clusters.record import folder_of
    from saiten.settings.environment import default_output

    output = args.output_dir or default_output()
    if args.diagnose is not None:
        return explain(args.diagnose, output)
    folder = folder_of(output)
    if args.watch:
        return watch(folder, everything=args.all)
    seen = look(folder)
    show(seen, everything=args.all, as_json=args.json)
    return Exit.COMPLETE


def watch(folder: Path, *, everything: bool) -> int:
    """Look until all jobs ended. A scheduler that does not answer is asked less and less often."""
    from saiten.clusters.look import look
    from saiten.clusters.sites import find_service

    pause = REDRAW_SECONDS
    try:
        while True:
            seen = look(folder)
            if sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            print(time.strftime("%Y-%m-%d %H:%M:%S"))
            show(seen, everything=everything)
            sys.stdout.flush()
            going = [one for one in seen.situations if not one.state.over]
            if not going:
                return Exit.COMPLETE
            least = max(find_service(name).poll_seconds for name in {one.submission.service for one in going})
            pause = min(SLOWEST_SECONDS, pause * 2) if seen.problems else max(REDRAW_SECONDS, float(least))
            time.sleep(pause)
    except KeyboardInterrupt:
        return Exit.COMPLETE


def show(seen: Look, *, everything: bool = False, as_json: bool = False) -> None:
    """Print what was seen."""
    from saiten.cli.status_table import render

    newest = time.time() - RECENT_SECONDS
    shown = [one for one in seen.situations if everything or not one.state.over or one.submission.submitted >= newest]
    if as_json:
        left = {one.submission.key for one in seen.left}
        records = [record(one, left=one.submission.key in left) for one in shown]
        print(json.dumps(records, ensure_ascii=False, indent=1))
    else:
        for line in render(shown, seen.left, shutil.get_terminal_size((140, 24)).columns):
            print(line)
        hidden = len(seen.situations) - len(shown)
        if hidden:
            print(f"{hidden} older jobs ended; --all shows them")
    for problem in seen.problems:
        print(f"saiten: {problem}", file=sys.stderr)


def record(one: Situation, *, left: bool) -> dict[str, Any]:
    """Return a situation for programs; `left`: it ended since the last look, which is told this once."""
    job = one.submission
    return {
        "key": job.key,
        "job_id": job.job_id,
        "service": job.service,
        "state": str(one.state),
        "left": left,
        "reason": one.reason,
        "node_kind": job.node_kind,
        "slots": one.slots,
        "priority": job.priority,
        "model": job.model,
        "settings": job.settings,
        "benchmarks": list(job.benchmarks),
        "run": job.run,
        "link": job.link,
        "links": job.links,
        "shard": list(job.shard),
        "answered": one.answered,
        "due": one.due,
        "percent": one.percent,
        "tokens_per_second": one.tokens_per_second,
        "eta_seconds": one.eta_seconds,
        "left_seconds": one.left_seconds,
        "warnings": list(one.warnings),
    }


def explain(text: str, output: Path) -> int:
    """Print why a run does not end."""
    from saiten.clusters.diagnose import diagnose
    from saiten.clusters.finding import find_run

    run = find_run(text, output)
    found = diagnose(run, time.time())
    print(run.directory)
    if not found:
        print("Nothing is wrong that can be seen: the run is complete, or goes on well (saiten status tells the ETA).")
    for number, one in enumerate(found, start=1):
        print(f"{number}. {one.cause}")
        for fact in one.evidence:
            print(f"   seen: {fact}")
        print(f"   do:   {one.remedy}")
    return Exit.COMPLETE
