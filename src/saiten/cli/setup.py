"""`saiten setup`: install what runs need beside saiten itself, once, and show what is there."""

from __future__ import annotations

import argparse
import os
import sys

from saiten.errors import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--vllm",
        action="append",
        default=[],
        metavar="VERSION",
        help="install this version of vLLM; may be given several times",
    )
    parser.add_argument(
        "--python", metavar="PYTHON", help="Python of the new environment, e.g. 3.12; default: saiten's own"
    )


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.servers.versions import environments, facts_of, installed, make

    for version in args.vllm:
        made = make(version, python=args.python, environ=os.environ, tell=tell)
        facts = facts_of(made)
        print(f"vllm {facts.version}: {made.folder}; reasoning parsers: {', '.join(facts.parsers)}")
    if not args.vllm:
        there = installed(os.environ)
        print(f"vLLM in {environments(os.environ)}: {', '.join(found.version for found in there) or 'none'}")
    return Exit.COMPLETE


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)
