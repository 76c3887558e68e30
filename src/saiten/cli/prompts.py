"""`saiten prompts import|show|diff`: the wording of another evaluation in place of saiten's own."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import Exit, UserError, suggestion

if TYPE_CHECKING:
    from saiten.benchmarks.packs.pack import Pack
    from saiten.types import Benchmark, JudgeTemplate

DEFAULT = "swallow"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="import|show|diff")
    importing = commands.add_parser(
        "import",
        help="make a pack of a checkout",
        description="Read the prompts out of a checkout of swallow-evaluation-instruct. Its source is parsed, and "
        "nothing of it is executed. The pack goes into your configuration (saiten/prompts).",
    )
    importing.add_argument("--from", dest="root", type=Path, required=True, metavar="PATH", help="the checkout")
    importing.add_argument("--name", default=DEFAULT, help=f"name of the pack; default: {DEFAULT}")
    show = commands.add_parser("show", help="show a pack", description="Show a pack: what it has, or its prompts.")
    show.add_argument("pack", metavar="PACK", help="name of the pack")
    show.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help="show these prompts; a list otherwise")
    diff = commands.add_parser("diff", help="compare a pack", description="Compare a pack with another, or ours.")
    diff.add_argument("pack", metavar="PACK", help="name of the pack")
    diff.add_argument("other", nargs="?", metavar="OTHER", help="another pack; saiten's own prompts otherwise")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.benchmarks.packs.pack import read_pack

    match args.action:
        case "import":
            return import_from(args.root, args.name)
        case "show":
            return show_pack(read_pack(args.pack), args.benchmarks)
        case _:
            return compare(read_pack(args.pack), None if args.other is None else read_pack(args.other))


def import_from(root: Path, name: str) -> int:
    """Import a checkout, and tell what of it could not be."""
    from saiten.benchmarks.packs.importing import import_pack
    from saiten.benchmarks.packs.pack import place, write_pack

    place(name)  # a name that cannot be is told before anything is read
    pack = import_pack(root, name)
    if not pack.prompts:
        told_missing(pack)
        raise UserError(f"{root}: no prompt could be imported")
    path = write_pack(pack)
    told_missing(pack)
    print(f"{pack.reference}: {len(pack.prompts)} prompts, {path}")
    print(f"to use it: saiten run MODEL --benchmarks {next(iter(pack.prompts))} --prompts {name}")
    return Exit.COMPLETE


def told_missing(pack: Pack) -> None:
    """Say what was not imported, and where that is."""
    for benchmark, why in pack.missing.items():
        print(f"not imported: {benchmark}: {why}", file=sys.stderr)
    for benchmark, prompt in pack.prompts.items():
        for note in prompt.notes:
            print(f"note: {benchmark} ({prompt.where}): {note}", file=sys.stderr)


def show_pack(pack: Pack, benchmarks: Sequence[str]) -> int:
    """Print what a pack has, or the prompts of some benchmarks."""
    if not benchmarks:
        print(f"{pack.reference}, from {pack.source}")
        for name, prompt in pack.prompts.items():
            print(f"  {name:<16} {prompt.where}")
        told_missing(pack)
        return Exit.COMPLETE
    for name in benchmarks:
        if name not in pack.prompts:
            near = suggestion(name, pack.prompts)
            raise UserError(f"{pack.name} has no prompt for {name!r}{near}; see: saiten prompts show {pack.name}")
        print(f"--- {name} ({pack.prompts[name].where})")
        print(text_of(pack, name))
    return Exit.COMPLETE


def text_of(pack: Pack, name: str) -> str:
    """Return the prompt of a benchmark as a person reads it."""
    templates = pack.prompts[name].templates
    texts = [f"[with {{{t.when}}}]\n{t.text}" if t.when else t.text for t in templates]
    return "\n".join([*texts, *judge_texts(pack.prompts[name].judge)])


def judge_texts(templates: Mapping[str, JudgeTemplate]) -> list[str]:
    """Return the judge's prompts as a person reads them."""
    return [f"[judge, {name}]\n{template.system}\n\n{template.user}" for name, template in sorted(templates.items())]


def own_text(benchmark: Benchmark) -> str:
    """Return saiten's own prompt of a benchmark."""
    return "\n".join([benchmark.prompt, *judge_texts(benchmark.judge.templates if benchmark.judge else {})])


def compare(pack: Pack, other: Pack | None) -> int:
    """Print how the prompts of a pack differ from another's, or from saiten's own."""
    from saiten.benchmarks import find

    named = other.reference if other is not None else "saiten"
    different = 0
    for name in pack.prompts:
        if other is not None and name not in other.prompts:
            print(f"{name}: only in {pack.reference}")
            different += 1
            continue
        before = text_of(other, name) if other is not None else own_text(find(name))
        after = text_of(pack, name)
        heads = f"{named} {name}", f"{pack.reference} {name}"
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *heads, n=1, lineterm="")
        found = list(lines)
        different += bool(found)
        print("\n".join(found) if found else f"{name}: the same")
    for name in other.prompts if other is not None else ():
        if name not in pack.prompts:
            print(f"{name}: only in {named}")
            different += 1
    print(f"{different} of {len(pack.prompts)} prompts differ")
    return Exit.COMPLETE
