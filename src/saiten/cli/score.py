"""`saiten score RUN`: score what a run directory holds again, without its model; judge what has no judgement."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from saiten.cli.running import show
from saiten.settings.options import add_options, check_ranges, given_options
from saiten.types import Access, RunSpec
from saiten.values import replace

SHOWN_CHANGES = 20
JUDGE_SPEC = ("judge_model", "judge_reasoning_effort")
ACCESS = ("unsafe_code_execution", "judge_base_url", "judge_concurrency", "judge_alias")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory (the folder with run.json)")
    parser.add_argument("--no-details", action="store_true", help="write no details parquet")
    parser.add_argument("--no-judge", action="store_true", help="ask no judge; what is not judged yet is missing")
    add_options(parser, RunSpec, JUDGE_SPEC)
    add_options(parser, Access, ACCESS)


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.evaluate import rescore
    from saiten.models.judges import with_judge_environment

    given, judge = given_options(args, ACCESS), given_options(args, JUDGE_SPEC)
    check_ranges(given)
    access = Access(**given)

    def change(spec: RunSpec) -> RunSpec:
        """Put another judge in the run's place. A stored judge stays, whatever the environment names."""
        if not judge:
            return spec
        effort = judge.get("judge_reasoning_effort")
        return replace(spec, judge_model=judge.get("judge_model", spec.judge_model), judge_reasoning_effort=effort)

    _, access = with_judge_environment(RunSpec(model="", benchmarks=()), access, os.environ)
    result, changes = rescore(
        args.run, access, save_details=not args.no_details, change=change, judged=not args.no_judge
    )
    status = show(result)
    if changes is None:
        print("No earlier scores to compare with.")
    elif not changes:
        print("No document's score changed.")
    else:
        print(f"{len(changes)} scores changed:")
        for line in changes[:SHOWN_CHANGES]:
            print(f"  {line}")
        if len(changes) > SHOWN_CHANGES:
            print(f"  … and {len(changes) - SHOWN_CHANGES} more", file=sys.stdout)
    return status
