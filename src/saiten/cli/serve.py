"""`saiten serve MODEL`: the server that `saiten run MODEL` would start, until somebody stops it."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.run import SERVER, default_provider
from saiten.errors import EndpointError, Exit, UsageError, UserError
from saiten.settings.options import add_options, check_ranges, given_options
from saiten.types import RunSpec, ServerSpec

if TYPE_CHECKING:
    from saiten.servers.serving import Serving

SPEC = ("provider", "settings", "model_revision", "reasoning_parser")
KEY_VARIABLE = "VLLM_API_KEY"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("model", metavar="MODEL", help="org/name, a folder, or a GGUF file")
    parser.add_argument(
        "--logs", type=Path, default=Path("logs"), metavar="DIR", help="where the server's log goes; default: logs"
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help=f"where the server's key is written, for you alone; not needed where {KEY_VARIABLE} is set",
    )
    add_options(parser.add_argument_group("which model"), RunSpec, SPEC)
    add_options(parser.add_argument_group("how it is served"), ServerSpec, SERVER)


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.cli.chosen import with_settings
    from saiten.models.provider_table import find_provider
    from saiten.models.reasoning import is_ours
    from saiten.servers.serving import Serving
    from saiten.types import Access

    given, server = given_options(args, SPEC), given_options(args, SERVER)
    check_ranges(server)
    named = {"provider": default_provider(args.model, None, None)} | given
    spec = RunSpec(model=args.model, benchmarks=(), server=ServerSpec(**server), **named)
    provider = find_provider(spec.provider)
    if not provider.own_server:
        raise UsageError(f"models of the providers vllm and llamacpp are served, not of {spec.provider!r}")
    spec, _ = with_settings(spec, Access(), provider)
    key = os.environ.get(KEY_VARIABLE) or secrets.token_hex(32)
    if args.key_file is not None:
        write_key(args.key_file, key)
    elif not os.environ.get(KEY_VARIABLE):
        raise UsageError(f"who shall use the server needs its key: set {KEY_VARIABLE}, or give --key-file FILE")
    try:
        return asyncio.run(serve(Serving(spec=spec, logs=args.logs.absolute(), is_ours=is_ours, key=key)))
    except EndpointError as error:
        print(f"saiten: {error}", file=sys.stderr)
        return error.exit


def write_key(path: Path, key: str) -> None:
    """Write the key for nobody but the user. UserError where the file cannot be written."""
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key + "\n")
    except OSError as error:
        raise UserError(f"cannot write --key-file {path}: {error.strerror}") from error


async def serve(serving: Serving) -> int:
    """Serve until a signal comes or the server ends."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    waiting = asyncio.ensure_future(stopped.wait())
    working = asyncio.ensure_future(work(serving))
    try:
        await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiting, working):
            task.cancel()
        found = (await asyncio.gather(waiting, working, return_exceptions=True))[1]
        await serving.stop()
    if isinstance(found, BaseException) and not isinstance(found, asyncio.CancelledError):
        raise found
    return Exit.COMPLETE if stopped.is_set() else Exit.SERVER


async def work(serving: Serving) -> None:
    """Start the server and stay until it ends by itself."""
    reached = await serving.start(tell)
    print(f"saiten run {serving.spec.model} --attach {reached.base_url} --benchmarks …", flush=True)
    await serving.ended()
    tell("the server ended by itself; its log says why")


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)
