"""`saiten status [--watch | --diagnose RUN]`: where every submitted job is, and why one does not end."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
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
        "--output-dir", type=Path, metavar="DIR", help="only what was submitted to this folder; default: every folder"
    )
    parser.add_argument("--watch", action="store_true", help="look again and again, politely, until all jobs ended")
    parser.add_argument("--diagnose", metavar="RUN", help="why a run does not end: a run directory, job id or model")
    parser.add_argument("--all", action="store_true", help="also what ended more than 30 days ago")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON list")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.clusters.look import look_at
    from saiten.clusters.outputs import folders_of
    from saiten.settings.environment import default_output

    folders = folders_of(args.output_dir, default_output())
    if args.diagnose is not None:
        return explain(args.diagnose, folders)
    if args.watch:
        return watch(folders, everything=args.all)
    show(look_at(folders), everything=args.all, as_json=args.json)
    return Exit.COMPLETE


def watch(folders: Sequence[Path], *, everything: bool) -> int:
    """Look until all jobs ended. A scheduler that does not answer is asked less and less often."""
    from saiten.clusters.look import look_at
    from saiten.clusters.sites import service_table

    pause = REDRAW_SECONDS
    try:
        while True:
            seen = look_at(folders)
            if sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            print(time.strftime("%Y-%m-%d %H:%M:%S"))
            show(seen, everything=everything)
            sys.stdout.flush()
            going = {one.submission.service for each in seen for one in each.situations if not one.state.over}
            if not going:
                return Exit.COMPLETE
            least = max((site.poll_seconds for name, site in service_table().items() if name in going), default=60)
            problems = any(each.problems for each in seen)
            pause = min(SLOWEST_SECONDS, pause * 2) if problems else max(REDRAW_SECONDS, float(least))
            time.sleep(pause)
    except KeyboardInterrupt:
        return Exit.COMPLETE


def show(seen: Sequence[Look], *, everything: bool = False, as_json: bool = False) -> None:
    """Print what was seen, each folder under its name where several have jobs."""
    from saiten.cli.status_table import render
    from saiten.report.text import plain

    newest = time.time() - RECENT_SECONDS
    records: list[dict[str, Any]] = []
    tables = [each for each in seen if each.situations] or seen[:1]
    for each in tables:
        shown = [
            one for one in each.situations if everything or not one.state.over or one.submission.submitted >= newest
        ]
        if as_json:
            left = {one.submission.key for one in each.left}
            told = {"folder": str(each.folder.parent)}
            records += (record(one, left=one.submission.key in left) | told for one in shown)
            continue
        if len(tables) > 1:
            print(f"{plain(str(each.folder.parent))}:")
        for line in render(shown, each.left, shutil.get_terminal_size((140, 24)).columns):
            print(line)
        hidden = len(each.situations) - len(shown)
        if hidden:
            print(f"{hidden} older jobs ended; --all shows them")
    if as_json:
        print(json.dumps(records, ensure_ascii=False, indent=1))
    for problem in dict.fromkeys(problem for each in seen for problem in each.problems):
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


def explain(text: str, folders: Sequence[Path]) -> int:
    """Print why a run does not end."""
    from saiten.clusters.diagnose import diagnose
    from saiten.clusters.finding import find_run

    run = find_run(text, folders)
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
