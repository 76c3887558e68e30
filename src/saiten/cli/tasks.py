"""saiten tasks: list, show and check benchmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.benchmarks import find, names, select
from saiten.benchmarks.index import GROUPS, builtin, group
from saiten.datasets import DataContext, open_if_here, part_of, seeded_order
from saiten.errors import Exit, UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from saiten.types import Benchmark, Dataset, Document


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="list|show|check")
    listing = commands.add_parser("list", help="list the benchmarks", description="List the benchmarks.")
    listing.add_argument("--group", choices=GROUPS, help="only those of a group")
    show = commands.add_parser("show", help="show one benchmark", description="Show how a benchmark measures.")
    show.add_argument("name", help="benchmark name, old task id or file; NAME:SUBSET shows a document of that subset")
    check = commands.add_parser("check", help="check a benchmark file", description="Check a benchmark file of yours.")
    check.add_argument("file", type=Path, help="a Python file that defines BENCHMARK")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    context = DataContext.from_environment(os.environ)
    match args.action:
        case "list":
            return list_tasks(args.group, context)
        case "show":
            return show_task(args.name, context)
        case _:
            return check_task(args.file, context)


def list_tasks(group_name: str | None, context: DataContext) -> int:
    """Print a table of benchmarks."""
    wanted = names() if group_name is None else group(group_name) or []
    rows = [("name", "old task id", "language", "subsets", "documents", "N", "metrics")]
    for name in wanted:
        benchmark = find(name)
        subsets = len(usual_subsets(benchmark))
        whole = [metric.name for metric in benchmark.metrics_for(benchmark.samples) if metric.where is None]
        metrics = ", ".join(whole)  # those by category: saiten tasks show
        rows.append(
            (
                benchmark.name,
                f"swallow|{benchmark.task}|0|0",
                benchmark.language,
                str(subsets) if subsets > 1 else "",
                document_count(benchmark, context),
                str(benchmark.samples),
                metrics,
            )
        )
    print_table(rows)
    print("\ndocuments: where the data are on this machine (saiten data pull, or a first run, brings them)")
    return Exit.COMPLETE


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns, the first as a heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def usual_subsets(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the subsets that are measured where none is named."""
    return benchmark.default or tuple(benchmark.dataset.configs)


def document_count(benchmark: Benchmark, context: DataContext) -> str:
    """Return the number of documents, or a question mark where some of the data are not here."""
    total = 0
    for subset in usual_subsets(benchmark):
        try:
            rows = open_if_here(benchmark.dataset, subset, context)
        except UserError:
            return "?"
        if rows is None:
            return "?"
        total += len(rows)
    return f"{total:,}"


def places(dataset: Dataset) -> str:
    """Return the repositories and splits that a dataset's subsets are read from, each once."""
    parts = [part_of(dataset, subset) for subset in dataset.configs]
    return ", ".join(dict.fromkeys(f"{part.path} (split {part.split})" for part in parts))


def show_task(name: str, context: DataContext) -> int:
    """Print all that defines a benchmark."""
    if name in GROUPS:
        raise UserError(f"{name!r} is a group; its benchmarks: saiten tasks list --group {name}")
    benchmark = find(name)
    subset = select((name,))[0].subsets[0]
    dataset, sampling = benchmark.dataset, benchmark.sampling
    set_values = {field: getattr(sampling, field) for field in sampling.__slots__}
    sent = ", ".join(f"{field} {value}" for field, value in set_values.items() if value is not None)
    facts = {
        "name": benchmark.name,
        "old task id": f"swallow|{benchmark.task}|0|0",
        "language": benchmark.language,
        "version": str(benchmark.version),
        "dataset": places(dataset) + (" gated" if dataset.gated else ""),
        "revision": revision(benchmark, subset, context),
        "documents": document_count(benchmark, context),
        "subsets": ", ".join(filter(None, dataset.configs)) or "none",
        "default": ", ".join(benchmark.default) or "all of them",
        "sampling": sent or "what the server does by itself",
        "N": str(benchmark.samples),
        "scorer": f"{benchmark.scorer.name} version {benchmark.scorer.version}",
        "needs": ", ".join(f"saiten[{extra.name}]" for extra in benchmark.extras),
        "source": benchmark.source,
        "licence": benchmark.license,
        "differs": benchmark.differs,
    }
    width = max(map(len, facts))
    for key, value in facts.items():
        print(f"{key:<{width}}  {value or '-'}")
    print_measures(benchmark)
    print_prompt(benchmark, subset, context)
    print_judge(benchmark)
    return Exit.COMPLETE


def revision(benchmark: Benchmark, subset: str, context: DataContext) -> str:
    """Return the commit that is read, as far as it is known."""
    try:
        rows = open_if_here(benchmark.dataset, subset, context)
    except UserError as error:
        return f"not available: {error}"
    return rows.revision if rows else benchmark.dataset.revision or "the newest at first use"


def print_measures(benchmark: Benchmark) -> None:
    """Print metrics and summary rows."""
    print("\nmetrics")
    for metric in benchmark.metrics_for(benchmark.samples):
        twin = f", beside {metric.twin}" if metric.twin else ""
        print(f"  {metric.name}  ({'as the old system measures' if metric.compatible else 'careful reading' + twin})")
    print("\nrows in aggregated_results.json")
    for row in benchmark.summary:
        over = "all documents" if row.subsets is None else f"{len(row.subsets)} subsets"
        print(f"  {row.name}  = {row.metric} over {over}")
    if not benchmark.summary:
        print("  none")


def print_prompt(benchmark: Benchmark, subset: str, context: DataContext) -> None:
    """Print the first document's prompt as it is sent, or the template where the data are not here."""
    document = first_document(benchmark, subset, context)
    if document is None:
        print("\nprompt (template; the data are not here)\n")
        print(benchmark.prompt)
        return
    of = f" of {subset}" if subset else ""
    for number, turn in enumerate(document.turns, start=1):
        which = f", turn {number}" if len(document.turns) > 1 else ""
        print(f"\nprompt as it is sent for the first document{of} ({document.id}{which})\n")
        print(turn)
    print(f"\ntarget\n\n{document.target}")


def print_judge(benchmark: Benchmark) -> None:
    """Print what the judge is asked with."""
    for name, template in benchmark.judge.templates.items() if benchmark.judge is not None else ():
        print(f"\nwhat the judge is sent, {name}\n\n[system] {template.system}\n\n{template.user}")


def first_document(benchmark: Benchmark, subset: str, context: DataContext) -> Document | None:
    """Return the document that a run asks first, or None where the data are not here."""
    try:
        rows = open_if_here(benchmark.dataset, subset, context)
    except UserError:
        return None
    return benchmark.document(rows[seeded_order(len(rows))[0]]) if rows else None


def check_task(file: Path, context: DataContext) -> int:
    """Check a user's benchmark file and print what is wrong."""
    from saiten.benchmarks.check import check_file

    findings = check_file(file, context)
    for finding in findings:
        print(finding)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    print(f"{file}: {errors} errors, {warnings} warnings" if findings else f"{file}: well formed")
    if file.stem in builtin():
        print(f"note: {file.stem!r} is also the name of a benchmark of saiten")
    return Exit.CONFIGURATION if errors else Exit.COMPLETE
