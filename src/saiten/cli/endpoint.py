"""`saiten endpoint litellm MODEL_ARGS TASKS …`: the old command line, with the program's name exchanged.

Every old option is known. What has a meaning here is done, what changes nothing is accepted, and the rest is refused
by name, with what to do instead.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UsageError

if TYPE_CHECKING:
    from saiten.settings.legacy import OldModel
    from saiten.types import Access, RunSpec

BACKEND = "litellm"
FORM = "suite|task|few-shot|truncate, e.g. swallow|math_500|0|0"
LARGEST = 1_000_000
REFUSED = {
    "--custom-tasks": "give the path of a benchmark file of your own to saiten run --benchmarks my.py",
    "--cache-dir": "set HF_HOME to the folder of the cache",
    "--push-to-hub": "upload the output folder with the hf command",
    "--push-to-tensorboard": "read results_*.json instead",
    "--public-run": "upload the output folder with the hf command",
    "--results-org": "upload the output folder with the hf command",
    "--load-responses-from-details-date-id": "start the same command again: stored answers are used by themselves",
}
SWITCHES = frozenset({"--push-to-hub", "--push-to-tensorboard", "--public-run"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("backend", metavar=BACKEND, help="the only backend: OpenAI-compatible servers")
    parser.add_argument("model_args", metavar="MODEL_ARGS", help="model=PROVIDER/NAME,base_url=URL,… or a YAML file")
    add_old_options(parser, template="always so; accepted")


def add_old_options(parser: argparse.ArgumentParser, *, template: str) -> None:
    """Add what the old command lines have in common. `template`: what --use-chat-template does."""
    parser.add_argument("tasks", metavar="TASKS", help="suite|task|0|0, separated by commas, or a file of them")
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--use-chat-template", action=flag, default=None, help=template)
    parser.add_argument("--system-prompt", metavar="TEXT", help="system message")
    parser.add_argument("--output-dir", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    parser.add_argument("--output-subdir", default="", metavar="DIR", help="folder below the model's name")
    parser.add_argument("--max-samples", type=int, metavar="K", help="only the first K documents of each subset")
    parser.add_argument("--save-details", action=flag, default=False, help="write details parquet")
    same = parser.add_argument_group("old options that change nothing here")
    same.add_argument("--num-fewshot-seeds", type=int, default=1, metavar="N", help="only 1: there are no few-shots")
    same.add_argument("--override-batch-size", type=int, default=-1, metavar="N", help="only -1")
    same.add_argument("--dataset-loading-processes", type=int, default=1, metavar="N", help="any; rows are not loaded")
    same.add_argument("--job-id", default="0", metavar="ID", help="any")
    gone = parser.add_argument_group("old options that are refused with advice")
    for name in REFUSED:
        if name in SWITCHES:
            gone.add_argument(name, action=flag, default=False, help=argparse.SUPPRESS)
        else:
            gone.add_argument(name, metavar="X", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.cli.running import execute, with_environment
    from saiten.models.provider_table import provider_table
    from saiten.results.layout import Layout
    from saiten.settings.legacy import read_model

    check_options(args)
    tasks = read_tasks(args.tasks)
    table = provider_table()
    prefixes = {provider.litellm_prefix: name for name, provider in table.items() if provider.litellm_prefix}
    model = read_model(args.model_args, prefixes)
    check_tasks(tasks)
    for warning in (*model.warnings, *option_warnings(args)):
        print(f"saiten: warning: {warning}", file=sys.stderr)
    spec, access = specification(args, tasks, model)
    provider = table[spec.provider]
    layout = Layout.legacy(
        args.output_dir,
        spec,
        provider_path=provider.path,
        litellm_prefix=provider.litellm_prefix,
        subdir=args.output_subdir.strip("/"),
    )
    return execute(spec, with_environment(access, os.environ), layout, save_details=args.save_details)


def specification(args: argparse.Namespace, tasks: tuple[str, ...], model: OldModel) -> tuple[RunSpec, Access]:
    """Return what an old command line asks to measure, and how the model is reached."""
    from saiten.models.provider_table import find_provider
    from saiten.types import Access, RunSpec

    spec = RunSpec(
        model=model.name,
        provider=model.provider,
        benchmarks=tasks,
        settings=args.output_subdir.strip("/"),
        system_message=args.system_prompt or None,
        sampling=model.sampling,
        max_samples=args.max_samples,
        reasoning_parser=model.reasoning_parser,
    )
    url = model.base_url or find_provider(model.provider).base_url  # the old program never started a server here
    return spec, Access(base_url=url, api_key=model.api_key, max_n=model.max_n)


def check_options(args: argparse.Namespace) -> None:
    """Refuse what cannot be done, by its name."""
    if args.backend != BACKEND:
        raise UsageError(
            f"endpoint {args.backend}: there is only `endpoint {BACKEND}`, for every OpenAI-compatible server "
            "(saiten run is the new command)"
        )
    if args.use_chat_template is False:
        raise UsageError("--no-use-chat-template is not supported: chat models are asked through chat messages")
    check_old_options(args)


def check_old_options(args: argparse.Namespace) -> None:
    """Refuse old options that cannot be done, by their names."""
    for name, advice in REFUSED.items():
        if getattr(args, name.removeprefix("--").replace("-", "_")):
            raise UsageError(f"{name} is not supported: {advice}")
    if args.num_fewshot_seeds != 1:
        raise UsageError("--num-fewshot-seeds is not supported: there are no few-shot examples; leave it out")
    if args.override_batch_size not in {-1, 0}:
        raise UsageError("--override-batch-size is not supported: set LITELLM_CONCURRENT_CALLS to limit concurrency")
    if args.max_samples is not None and args.max_samples < 1:
        raise UsageError(f"--max-samples {args.max_samples}: must be at least 1")


def option_warnings(args: argparse.Namespace) -> list[str]:
    """Return what an old user should know about the options given."""
    if args.use_chat_template is None:
        return ["without --use-chat-template the old program sent bare text; saiten always sends chat messages"]
    return []


def read_tasks(text: str) -> tuple[str, ...]:
    """Return the tasks of a comma-separated list, or of a file with one or more in each line. Checks their form."""
    entries = [("", part.strip()) for part in text.split(",")]
    if "|" not in text:
        entries = list(_task_file(Path(text)))
    tasks: dict[str, None] = {}
    for where, task in entries:
        if task:
            _check_form(task, where)
            tasks[task] = None
    if not tasks:
        raise UsageError("TASKS names no task; give " + FORM)
    return tuple(tasks)


def _task_file(path: Path) -> list[tuple[str, str]]:
    try:
        data = path.read_bytes()[:LARGEST]
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"TASKS {str(path)!r} is no list of tasks ({FORM}) and no readable file: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"TASKS {str(path)!r} is not a text file") from error
    lines = [(f"{path}:{count}: ", line.split("#")[0]) for count, line in enumerate(text.splitlines(), start=1)]
    return [(where, task.strip()) for where, line in lines for task in line.split(",")]


def _check_form(task: str, where: str) -> None:
    from saiten.results.layout import SUITE

    parts = task.split("|")
    if len(parts) != 4:
        raise UsageError(f"{where}{task!r} is no task id; they look like {FORM}")
    suite, name, shots, truncate = parts
    if suite != SUITE:
        raise UsageError(f"{where}{task!r}: no suite {suite!r}; there is only {SUITE}")
    if shots != "0":
        raise UsageError(f"{where}{task!r}: few-shot examples are not supported; write {SUITE}|{name}|0|0")
    if truncate not in {"0", "1"}:
        raise UsageError(f"{where}{task!r}: the last number must be 0 or 1")


def check_tasks(tasks: tuple[str, ...]) -> None:
    """Raise UsageError where a task is not known, or not here yet."""
    from saiten.benchmarks import select

    select(tasks)
