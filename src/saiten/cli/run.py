"""`saiten run MODEL --benchmarks …`: evaluate a model; the same command again goes on where it was."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.chosen import warn_of_temperature, with_settings
from saiten.cli.running import execute, with_environment
from saiten.errors import UsageError
from saiten.settings.options import add_options, check_ranges, given_options
from saiten.types import Access, RunSpec, Sampling, ServerSpec

if TYPE_CHECKING:
    from saiten.models.provider_table import Provider

MEASURED = ("provider", "settings", "samples", "max_samples", "system_message", "model_revision")
SPEC = (*MEASURED, "reasoning_parser", "prompts")
JUDGE_SPEC = ("continuation", "judge_model", "judge_reasoning_effort")
JUDGE_ACCESS = ("judge_base_url", "judge_concurrency", "judge_alias")
SAMPLING = Sampling.__slots__
SERVER = ServerSpec.__slots__
OPEN = ("vllm", "llamacpp")
"""Providers of open models."""
DEFAULT_BENCHMARKS = "ja,en"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")
ACCESS = (
    "base_url",
    "concurrency",
    "max_n",
    "max_cost",
    "stop_at_cost",
    "stall_seconds",
    "drain_seconds",
    "unsafe_code_execution",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_options(parser)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="where results/ and outputs/ go; default: STORE_PATH, or this folder",
    )
    parser.add_argument(
        "--job", type=Path, metavar="FILE", help="do what a job file of saiten submit says, and no more"
    )
    parser.add_argument("--no-details", action="store_true", help="write no details parquet")
    parser.add_argument(
        "--accept-changes", action="store_true", help="go on in a directory whose run had another specification"
    )


def add_run_options(parser: argparse.ArgumentParser, *, hidden: bool = False) -> None:
    """Add what says which run it is and how its model is reached. `hidden`: the help only names the first two."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the model's name as the provider knows it")
    add_choices(parser, hidden=hidden)


def add_choices(parser: argparse.ArgumentParser, *, hidden: bool = False) -> None:
    """Add all of these but the model."""
    parser.add_argument(
        "--benchmarks",
        metavar="NAMES",
        help="names, groups (ja, en, all, demo), globs, old task ids or your own files, separated by commas; "
        "default for open models: ja,en",
    )
    groups = (
        ("what is measured", RunSpec, SPEC),
        ("sampling, in place of the benchmarks' own", Sampling, SAMPLING),
        ("how the model is served, where saiten serves it", ServerSpec, SERVER),
        ("how the model is reached", Access, ACCESS),
        ("conversations and their judge (MT-Bench)", RunSpec, JUDGE_SPEC),
        ("how the judge is reached", Access, JUDGE_ACCESS),
    )
    for title, cls, names in groups:
        add_options(parser.add_argument_group(title), cls, names, hidden=hidden)
    hint = argparse.SUPPRESS if hidden else "use a server of vLLM that runs already, in place of starting one"
    parser.add_argument("--attach", metavar="URL", help=hint)


def chosen(args: argparse.Namespace) -> tuple[RunSpec, Access, Provider]:
    """Return what the command line chooses, with the model settings that it names."""
    from saiten.models.provider_table import find_provider

    spec = specification(args)
    given = given_options(args, (*ACCESS, *JUDGE_ACCESS))
    check_ranges(given)
    if args.attach is not None and given.setdefault("base_url", args.attach) != args.attach:
        raise UsageError("--attach and --base-url both say where the server is; give one")
    provider = find_provider(spec.provider)
    return *with_settings(spec, Access(**given), provider), provider


def specification(args: argparse.Namespace) -> RunSpec:
    """Return what the command line asks to measure."""
    if args.model is None:
        raise UsageError("MODEL is missing (see saiten run --help)")
    given = {"provider": default_provider(args.model, args.attach, args.base_url)} | given_options(
        args, (*SPEC, *JUDGE_SPEC)
    )
    wanted = args.benchmarks
    if wanted is None and given["provider"] in OPEN:
        wanted = DEFAULT_BENCHMARKS
    if wanted is None:  # each question to an API may cost something
        raise UsageError("--benchmarks is missing (see saiten run --help)")
    names = tuple(absolute(part.strip()) for part in wanted.split(",") if part.strip())
    if not names:
        raise UsageError("--benchmarks names no benchmark (see saiten tasks list)")
    sampling = given_options(args, SAMPLING)
    server = given_options(args, SERVER)
    check_ranges(given | sampling | server)
    return RunSpec(
        model=args.model, benchmarks=names, sampling=Sampling(**sampling), server=ServerSpec(**server), **given
    )


def default_provider(model: str, attach: str | None, base_url: str | None) -> str:
    """Return who answers where nobody says it: open models are served here, other names are somebody's API.

    Raises UsageError for what looks like an open model and is none (an address, a path that does not exist).
    """
    from saiten.servers.source import is_local

    if attach is not None:
        return "vllm"
    if base_url is not None:
        return "openai"
    if model.endswith(".gguf"):
        return "llamacpp"
    if is_local(model) or HUB_ID.match(model):
        return "vllm"
    if "/" in model or model != model.strip():
        raise UsageError(
            f"MODEL {model!r} is neither org/name, nor a folder or GGUF file, nor a name at an API: correct it, or say "
            "who serves it with --provider"
        )
    return "openai"


def absolute(name: str) -> str:
    """Return a benchmark file's absolute path, so that a later `saiten score` finds it; other names as they are."""
    path, colon, subset = name.partition(".py:")
    if name.endswith(".py") or colon:
        return str(Path(name if not colon else f"{path}.py").absolute()) + (f":{subset}" if colon else "")
    return name


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.job is not None:
        from saiten.cli.job import run_job

        return run_job(args.job)
    from saiten.results.layout import Layout
    from saiten.settings.environment import default_output

    spec, access, provider = chosen(args)
    warn_of_temperature(spec)
    root = args.output_dir or default_output()
    layout = Layout.of(root, spec, provider_path=provider.path, litellm_prefix=provider.litellm_prefix)
    access = with_environment(access, os.environ)
    return execute(spec, access, layout, save_details=not args.no_details, accept_changes=args.accept_changes)
