"""`python -m tests.parity [SET …]`: compare every set of records with the reference, and count what differs.

Exit status 1 where a record differs without an explanation, where a set has no checker, or a checker cannot work.
"""

from __future__ import annotations

import sys
import time

import pytest

from tests.parity.records import checkers, folder

EXPLAINED: dict[str, str] = {}
"""Id of a record that differs -> why, with the library's version. docs/parity.md tells the same."""
SHOWN = 3


def main(wanted: list[str]) -> int:
    """Print the table and return the exit status."""
    known = checkers()
    sets = sorted(path.name for path in folder().iterdir() if path.is_dir())
    failed = False
    print(f"{'set':<20} {'cases':>7} {'mismatches':>11} {'explained':>10} {'seconds':>8}")
    for name in [name for name in sets if not wanted or name in wanted]:
        if name not in known:
            print(f"{name:<20} no checker")
            failed = True
            continue
        started = time.perf_counter()
        try:
            compared = list(known[name]())
        except pytest.skip.Exception as reason:
            print(f"{name:<20} not compared: {reason}")
            failed = True
            continue
        different = [case for case in compared if case[1] != case[2]]
        unexplained = [case for case in different if case[0] not in EXPLAINED]
        took = time.perf_counter() - started
        explained = len(different) - len(unexplained)
        print(f"{name:<20} {len(compared):>7,} {len(different):>11,} {explained:>10,} {took:>8.1f}")
        for identity, expected, got in unexplained[:SHOWN]:
            print(f"    {identity}: the reference gave {expected!r:.200}, saiten {got!r:.200}")
        failed = failed or bool(unexplained) or not compared
    return int(failed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except pytest.skip.Exception as missing:
        sys.exit(f"nothing to compare: {missing}")
