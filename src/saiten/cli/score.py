"""`saiten score RUN`: score what a run directory holds again, without a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saiten.cli.running import show

SHOWN_CHANGES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory (the folder with run.json)")
    parser.add_argument("--no-details", action="store_true", help="write no details parquet")
    parser.add_argument("--unsafe-code-execution", action="store_true", help="run code even where no isolation works")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.evaluate import rescore

    result, changes = rescore(
        args.run, save_details=not args.no_details, unsafe_code_execution=args.unsafe_code_execution
    )
    status = show(result)
    if changes is None:
        print("No earlier scores to compare with.")
    elif not changes:
        print("No document's score changed.")
    else:
        print(f"{len(changes)} scores changed:")
        for change in changes[:SHOWN_CHANGES]:
            print(f"  {change}")
        if len(changes) > SHOWN_CHANGES:
            print(f"  … and {len(changes) - SHOWN_CHANGES} more", file=sys.stdout)
    return status
