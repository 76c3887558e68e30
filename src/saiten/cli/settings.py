"""`saiten settings`: which settings a run would use and where each comes from; check settings files and `.env`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.chosen import warn_of_temperature
from saiten.cli.run import add_run_options, chosen
from saiten.errors import Exit, UserError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from saiten.models.provider_table import Provider
    from saiten.settings.precedence import Layer, Value
    from saiten.types import Access, Benchmark, RunSpec

Row = tuple[str, str, str, str]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="show|check|env")
    show = commands.add_parser(
        "show",
        help="show every setting of a run",
        description="Show a run's settings. Takes every option of saiten run that decides one (see saiten run --help).",
    )
    add_run_options(show, hidden=True)
    check = commands.add_parser("check", help="check settings files", description="Check model settings and providers.")
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: every file there is")
    env = commands.add_parser("env", help="check .env", description="Check .env, or print its template.")
    env.add_argument("file", nargs="?", type=Path, default=Path(".env"), metavar="FILE", help="default: .env")
    env.set_defaults(loads_dotenv=False)  # it tells what is wrong with the file, all at once
    env.add_argument("--template", action="store_true", help="print the template instead")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    match args.action:
        case "show":
            return show_settings(*chosen(args))
        case "check":
            return check_files(args.files)
        case _:
            return check_env(args.file, template=args.template)


# ------------------------------------------------------------------------------------------ show


def show_settings(spec: RunSpec, access: Access, provider: Provider) -> int:
    """Print every value with where it comes from: those of the run, then those of each benchmark."""
    from saiten.benchmarks import select

    used = spec.settings_used
    print(f"{spec.model} · {provider.name}" + (f" · settings {spec.settings}" if spec.settings else ""))
    if used is not None:
        print(f"{used.path}, version {used.version or 'not given'}")
    if spec.provider == "vllm":
        print(generation_config(spec, ours=access.base_url is None))
    rows: list[Row] = [("benchmark", "setting", "value", "from")]
    rows += run_rows(spec, access, provider)
    for selected in select(spec.benchmarks):
        rows += benchmark_rows(spec, selected.benchmark, provider)
    print()
    print_columns(rows)
    warn_of_temperature(spec)
    return Exit.COMPLETE


def generation_config(spec: RunSpec, *, ours: bool) -> str:
    """Return what becomes of the sampling that the model's own files name; `ours`: saiten starts the server."""
    from saiten.servers.source import ModelFiles

    said = ModelFiles(name=spec.model, revision=spec.model_revision, fetch=False).recommended()
    named = f"generation_config.json of the model{f' ({said})' if said else ''}"
    if ours:
        return f"{named}: not applied (saiten starts vLLM with --generation-config vllm)"
    return f"{named}: fills in what is not shown here, unless that server was started with --generation-config vllm"


def run_rows(spec: RunSpec, access: Access, provider: Provider) -> Iterator[Row]:
    """Yield the settings that all benchmarks of a run share."""
    from saiten.settings.precedence import COMMAND_LINE, PROVIDER, Layer, resolved

    origins = spec.settings_used.origins if spec.settings_used else {}
    own = {"system_message": spec.system_message, "reasoning_parser": spec.reasoning_parser, "max_n": access.max_n}
    own |= {"concurrency": access.concurrency}
    own |= {name: getattr(spec.server, name) for name in type(spec.server).__slots__}
    entry = {"max_n": provider.max_n, "concurrency": provider.concurrency}
    if provider.own_server:  # one choice a request, whatever it could take
        entry = {}
    layers = [Layer(name=COMMAND_LINE, values=own, lines=origins), Layer(name=PROVIDER, values=entry)]
    for name, value in resolved(layers).items():
        yield ("(all)", name, written(value.value), value.origin)


def benchmark_rows(spec: RunSpec, benchmark: Benchmark, provider: Provider) -> Iterator[Row]:
    """Yield what is sent for a benchmark."""
    unsent = provider.unsent(spec.model)
    name = benchmark.name
    for setting, value in sampling_values(spec, benchmark).items():
        refused = setting in unsent or ("all" in unsent and setting != "reasoning_effort")
        origin = f"{value.origin} (not sent: {spec.model} refuses or ignores it)" if refused else value.origin
        yield (name, setting, written(value.value), origin)
    samples = spec.samples or benchmark.samples
    yield (name, "samples", str(samples), "command line" if spec.samples else f"benchmark {name}")


def sampling_values(spec: RunSpec, benchmark: Benchmark) -> dict[str, Value]:
    """Return the sampling of a benchmark with its origins."""
    from saiten.settings.precedence import COMMAND_LINE, PROVIDER, resolved, sampling_layer
    from saiten.types import Sampling

    origins = spec.settings_used.origins if spec.settings_used else {}
    layers: list[Layer] = [
        sampling_layer(COMMAND_LINE, spec.sampling, origins),
        sampling_layer(f"benchmark {benchmark.name}", benchmark.sampling),
        sampling_layer(PROVIDER, spec.provider_sampling or Sampling()),
    ]
    return resolved(layers)


def written(value: object) -> str:
    """Return a setting's value in one line."""
    if isinstance(value, float):
        return f"{value:g}"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())


def print_columns(rows: list[Row]) -> None:
    """Print rows of text in columns, the first as a heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


# ------------------------------------------------------------------------------------------ check


def check_files(files: list[Path]) -> int:
    """Print everything that is wrong with settings and provider files."""
    found = files or all_files()
    if not found:
        raise UserError("there is no custom_model_settings folder and no providers.yaml here: name the files to check")
    errors = 0
    for path in found:
        wrong, doubtful = check_one(path)
        errors += len(wrong)
        for line in [*wrong, *(f"{line} (warning)" for line in doubtful)]:
            print(line)
    print(f"{len(found)} files checked, {errors} errors")
    return Exit.CONFIGURATION if errors else Exit.COMPLETE


def all_files() -> list[Path]:
    """Return every settings and provider file that a run here would look into."""
    from saiten.models.provider_table import FILE
    from saiten.settings.model_settings import folders, roots

    places = roots(os.environ)
    providers = [path for root in places if (path := root / FILE).is_file()]
    return [*providers, *(path for folder in folders(places) for path in sorted(folder.rglob("*.yaml")))]


def check_one(path: Path) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings of a file."""
    from saiten.models.provider_table import FILE, builtin_providers, read_providers
    from saiten.settings.model_settings import check_file

    if path.name != FILE:
        checked = check_file(path)
        return checked.errors, checked.warnings
    try:
        read_providers(path, builtin_providers())
    except UserError as error:
        return str(error).splitlines(), []
    return [], []


# ------------------------------------------------------------------------------------------ .env


def check_env(path: Path, *, template: bool) -> int:
    """Check a `.env` file, or print the template."""
    from saiten.models.provider_table import provider_table
    from saiten.settings.environment import check_dotenv, env_template

    if template:
        print(env_template(), end="")
        return Exit.COMPLETE
    keys = frozenset(entry.key_variable for entry in provider_table().values() if entry.key_variable)
    found = check_dotenv(path, keys)
    for problem in found.errors:
        print(problem)
    for problem in found.warnings:
        print(f"{problem} (warning)", file=sys.stderr)
    for line in found.summary():
        print(line)
    return Exit.CONFIGURATION if found.errors else Exit.COMPLETE
