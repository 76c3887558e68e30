"""`saiten setup`: check `.env`, install what runs need beside saiten itself, once, and show what is there."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import Exit, UserError

if TYPE_CHECKING:
    from saiten.clusters.services import Service

DEFAULT_VLLM = "0.33.0"
"""Installed where nobody names a version and none is there."""
DONE = "✅ Environment was successfully created!"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--service", metavar="NAME", help="where jobs shall run; default: local")
    parser.add_argument(
        "--vllm",
        action="append",
        default=[],
        metavar="VERSION",
        help="install this version of vLLM; may be given several times; without --service nothing else is done",
    )
    parser.add_argument(
        "--python", metavar="PYTHON", help="Python of the new environment, e.g. 3.12; default: saiten's own"
    )
    parser.add_argument("--no-servers", action="store_true", help="install no model server")
    parser.set_defaults(loads_dotenv=False)  # what is wrong with the file is told all at once


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.cli import load_dotenv

    if args.service is None and args.vllm:
        load_dotenv()
        make_vllm(args.vllm, args.python)
        return Exit.COMPLETE
    from saiten.clusters.sites import find_service

    service = find_service(args.service or "local")
    check(service)
    load_dotenv()
    if args.vllm:
        make_vllm(args.vllm, args.python)
    elif args.no_servers:
        show_installed()
    else:
        make_servers(service, args.python)
    log_in_to_hub()
    if service.executable_group:
        open_scripts(service)
    print(DONE)
    return Exit.COMPLETE


def check(service: Service) -> None:
    """Print warnings; raise UserError with everything that is wrong."""
    from saiten.clusters.checks import check_service

    problems = check_service(service, Path(".env"), os.environ)
    for problem in problems:
        if not problem.fatal:
            tell(f"warning: {problem.text}")
    wrong = [problem.text for problem in problems if problem.fatal]
    if wrong:
        raise UserError("\n".join(["correct this, then start again:", *(f"- {text}" for text in wrong)]))


def make_servers(service: Service, python: str | None) -> None:
    """Install the model server that the service's nodes can run, where none is there."""
    from saiten.servers.gpus import visible_gpus
    from saiten.servers.versions import installed

    if service.scheduler == "local" and not visible_gpus(os.environ):
        from saiten.servers.environment import cache_directory
        from saiten.servers.llamacpp import install

        print(f"llama.cpp (no GPU here): {install(cache=cache_directory(os.environ), tell=tell).parent.parent}")
        return
    there = installed(os.environ)
    if there and not os.environ.get("VLLM_VERSION"):
        show_installed()
    else:
        make_vllm([os.environ.get("VLLM_VERSION") or DEFAULT_VLLM], python)


def make_vllm(versions: list[str], python: str | None) -> None:
    """Install versions of vLLM, and say what each can."""
    from saiten.servers.versions import check_version, facts_of, make

    for version in versions:  # before the first takes minutes
        check_version(version)
    for version in versions:
        made = make(version, python=python, environ=os.environ, tell=tell)
        facts = facts_of(made)
        print(f"vllm {facts.version}: {made.folder}; reasoning parsers: {', '.join(facts.parsers)}")


def show_installed() -> None:
    """Print which versions of vLLM are there."""
    from saiten.servers.versions import environments, installed

    there = installed(os.environ)
    print(f"vLLM in {environments(os.environ)}: {', '.join(found.version for found in there) or 'none'}")


def log_in_to_hub() -> None:
    """Log in to the hub where there is a token."""
    token = os.environ.get("HF_TOKEN")
    if not token:
        tell("no HF_TOKEN in .env: gated models and datasets stay closed")
        return
    from saiten.datasets.login import log_in

    name = log_in(token, os.environ.get("HF_ENDPOINT"))
    if name is None:
        tell("warning: the hub does not answer; HF_TOKEN was not checked")
    else:
        print(f"logged in to the hub as {name}")


def open_scripts(service: Service) -> None:
    """Let the group execute the scripts, where the site runs them for it."""
    from saiten.clusters.checks import open_to_group

    root = Path(os.environ.get("REPO_PATH") or ".")
    for path in open_to_group(root / "scripts", os.environ.get(service.group_variable)):
        print(f"opened to the group: {path}")


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)
