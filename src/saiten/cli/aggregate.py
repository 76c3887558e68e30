"""`saiten aggregate MODEL …`: the rows that people paste into spreadsheets, from what lies on disk."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from saiten.errors import Exit, UsageError, UserError

SUBFOLDERS = "results"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="models as they were named when they were run")
    parser.add_argument("--settings", metavar="TEXT", help="only runs with these settings; all of them otherwise")
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="the folder that has results/ (default: STORE_PATH, or here)"
    )
    parser.add_argument(
        "--from",
        dest="old",
        type=Path,
        metavar="DIR",
        help="read results_*.json of the old system: in DIR/MODEL/SETTINGS, in DIR, or in all folders below it; "
        "aggregated_results.json goes below --output-dir, if that is given",
    )
    parser.add_argument("--allow-debug", action="store_true", help="mix results of --max-samples with full ones")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print one line for each run, for a spreadsheet")
    form.add_argument("--tsv", action="store_true", help="the same with tabs, to paste")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if not args.models and args.old is None:
        raise UsageError("name a model, or give --from DIR for results of the old system")
    told = from_old(args) if args.old is not None else from_runs(args)
    if args.csv or args.tsv:
        from saiten.results.sheet import sheet

        print(sheet(told, delimiter="\t" if args.tsv else ","), end="")
    else:
        show(told)
    for one in told:
        for warning in one["warnings"]:
            print(f"warning: {one['model']}: {warning}", file=sys.stderr)
    return Exit.COMPLETE if all(one["complete"] for one in told) else Exit.INCOMPLETE


def show(told: list[dict[str, Any]]) -> None:
    """Print the table, and the line to paste."""
    from saiten.report.rows import render_rows

    print(render_rows(told, width=shutil.get_terminal_size((160, 24)).columns if sys.stdout.isatty() else 1000))
    for one in told:
        print(f"\noverall of {one['model']}:\n{one['overall']}")


def from_runs(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Aggregate every run of the models, and write each run's aggregated_results.json."""
    from saiten.models.provider_table import provider_table
    from saiten.results.aggregate import write_aggregated
    from saiten.results.find import find_runs
    from saiten.settings.environment import default_output

    root = args.output_dir or default_output()
    folders = [provider.path for provider in provider_table().values()]
    runs = [run for model in args.models for run in find_runs(root, model, folders, args.settings)]
    return [write_aggregated(run.layout, allow_debug=args.allow_debug) for run in runs]


def from_old(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Aggregate results of the old system, and write them below --output-dir where that is given."""
    from saiten.results.aggregate import aggregated_old

    told = []
    for folder, model in old_folders(args):
        settings = {"path": "", "name": args.settings or "", "version": ""}
        one = aggregated_old(folder, model, settings, allow_debug=args.allow_debug)
        if not args.models and not args.settings:  # the folders below a model's name are its settings
            settings["name"] = settings_of(folder, one["model"])
            one["custom_settings"] = settings
        if args.output_dir is not None:
            write_old(args.output_dir, one, settings["name"])
        told.append(one)
    return told


def old_folders(args: argparse.Namespace) -> list[tuple[Path, str | None]]:
    """Return the folders to read, each with the model that was named: those of the models, or all below DIR."""
    from saiten.results.stored import folders_below

    settings = args.settings or ""
    if args.models:
        return [(old_folder(args.old, model, settings), model) for model in args.models]
    return [(folder, None) for folder in folders_below(args.old / settings)] or [(args.old / settings, None)]


def settings_of(folder: Path, model: str) -> str:
    """Return what follows a model's name in a path."""
    _, found, rest = folder.resolve().as_posix().partition(f"/{model}/")
    return rest if found else ""


def old_folder(root: Path, model: str | None, settings: str) -> Path:
    """Return the folder of a model's results files: `root/MODEL/SETTINGS` if there is one, else `root` itself."""
    if model is not None and not Path(model).is_absolute():
        for parent in (root, root / SUBFOLDERS):
            if (parent / model / settings).is_dir():
                return parent / model / settings
    return root / settings


def write_old(root: Path, told: dict[str, Any], settings: str) -> None:
    """Write the aggregated results where those of a run of saiten would be; never over one."""
    from saiten.models.provider_table import provider_table
    from saiten.results.files import write_json
    from saiten.results.layout import Layout
    from saiten.types import RunSpec

    prefix, _, name = told["model"].partition("/")
    provider = next((p for p in provider_table().values() if p.litellm_prefix == prefix and name), None)
    spec = RunSpec(model=name if provider else told["model"], benchmarks=(), settings=settings)
    layout = Layout.of(root, spec, provider_path=provider.path if provider else "", litellm_prefix="")
    if layout.manifest.exists():
        raise UserError(f"{layout.run} is a run of saiten; choose another --output-dir for the old results")
    write_json(layout.aggregated, told)
    print(f"written: {layout.aggregated}", file=sys.stderr)
