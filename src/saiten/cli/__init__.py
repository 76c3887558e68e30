"""The command line. Parse, call, print: what a library user would miss does not live here.

Each command is a module of this package with `configure(parser)` and `main(args) -> int`, imported when it is called,
so that `saiten --help` loads nothing but the standard library.
"""

from __future__ import annotations

import argparse
import gc
import sys
from importlib import import_module
from pathlib import Path

from saiten import __version__
from saiten.errors import Exit, SaitenError, UsageError, suggestion

COMMANDS = {
    "run": "evaluate a model on benchmarks; the same command again goes on where it was",
    "submit": "evaluate models as jobs: on TSUBAME, ABCI, a Slurm cluster or this machine",
    "cancel": "delete jobs that were submitted, with what would go on after them",
    "resubmit": "submit again what jobs left undone, and only that",
    "score": "score a finished or unfinished run again, without a server",
    "aggregate": "the rows of aggregated_results.json, over all runs of a model or results of the old system",
    "status": "where every submitted job is, how far it is, and why one does not end",
    "logs": "the logs of a run's jobs and model servers",
    "tasks": "list, show and check benchmarks",
    "settings": "show which settings a run uses and where each comes from; check settings files",
    "probe": "ask a provider what it honours, and print an entry for providers.yaml",
    "prompts": "import the prompts of the system that saiten follows, show them, compare them",
    "data": "fetch, lock and verify datasets",
    "setup": "check .env and make what runs and jobs need: vLLM in a version of your choice, for example",
    "serve": "serve a model until you stop it, as saiten run would",
    "demo": "evaluate a small real model on this machine, from nothing",
    "vllm": "the old command line: vllm MODEL_ARGS TASKS",
    "endpoint": "the old command line: endpoint litellm MODEL_ARGS TASKS",
}

UNKNOWN = "unrecognized arguments: "
"""How argparse begins to say that it does not know an option."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one clear error instead of printing its usage."""

    def options(self) -> list[argparse.Action]:
        """Return all arguments that it knows, in order."""
        return list(self._actions)

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says NoReturn: raising is that
        """Raise a UsageError that names the command to ask for help, and the option that may be meant."""
        near = ""
        if message.startswith(UNKNOWN):
            options = [name for action in self.options() for name in action.option_strings]
            near = suggestion(message.removeprefix(UNKNOWN).partition(" ")[0].partition("=")[0], options)
        raise UsageError(f"{message}{near} (see {self.prog} --help)")


def overview() -> str:
    """Return the help text of the program."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: saiten COMMAND [OPTIONS]",
            "",
            "Evaluate post-trained language models, truthfully.",
            "",
            "commands:",
            *lines,
            "",
            "saiten COMMAND --help tells a command's options; saiten --version the version.",
        ]
    )


def dispatch(argv: list[str]) -> int:
    """Run the command that `argv` names and return its exit status."""
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(overview())
        return Exit.COMPLETE if argv else Exit.USAGE
    if argv[0] in {"-V", "--version"}:
        print(f"saiten {__version__}")
        return Exit.COMPLETE
    name, *rest = argv
    if name not in COMMANDS:
        raise UsageError(f"no command {name!r}{suggestion(name, COMMANDS)} (see saiten --help)")
    module = import_module(f"saiten.cli.{name}")
    parser = Parser(prog=f"saiten {name}", description=COMMANDS[name], allow_abbrev=False)
    module.configure(parser)
    args = parser.parse_args(rest)
    if getattr(args, "loads_dotenv", True):
        load_dotenv()
    return int(module.main(args))


def load_dotenv() -> None:
    """Take what the environment lacks from `.env` in the working directory, if there is one."""
    path = Path(".env")
    if not path.is_file():
        return
    from saiten.settings.environment import load_dotenv as load

    load(path)


def main(argv: list[str] | None = None) -> int:
    """Entry point of the `saiten` command."""
    gc.set_threshold(50_000, 20, 20)  # imports and runs make many objects and few cycles: a tenth of a run's CPU time
    try:
        return dispatch(sys.argv[1:] if argv is None else argv)
    except SaitenError as error:
        print(f"saiten: {error}", file=sys.stderr)
        return error.exit
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.COMPLETE
