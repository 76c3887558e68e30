"""`saiten vllm MODEL_ARGS TASKS …`: the old command line for open models, with the program's name exchanged.

With --use-chat-template the questions go through the model's chat template; without it they are sent as they are,
which is how base models were measured.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from saiten.cli.endpoint import add_old_options, check_old_options, check_tasks, read_tasks

if TYPE_CHECKING:
    import argparse

PROVIDER = "vllm"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("model_args", metavar="MODEL_ARGS", help="pretrained=org/name,dtype=bfloat16,…")
    add_old_options(parser, template="ask through the chat template; without it, base models are asked with plain text")


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    from saiten.cli.running import execute, with_environment
    from saiten.models.provider_table import find_provider
    from saiten.results.layout import Layout
    from saiten.settings.legacy_vllm import read_open_model
    from saiten.types import Access, RunSpec
    from saiten.values import replace

    check_old_options(args)
    tasks = read_tasks(args.tasks)
    model = read_open_model(args.model_args)
    check_tasks(tasks)
    for warning in model.warnings:
        print(f"saiten: warning: {warning}", file=sys.stderr)
    subdir = args.output_subdir.strip("/")
    spec = RunSpec(
        model=model.name,
        provider=PROVIDER,
        model_revision=model.revision,
        benchmarks=tasks,
        settings=subdir,
        system_message=args.system_prompt or None,
        sampling=model.sampling,
        max_samples=args.max_samples,
        reasoning_parser=model.reasoning_parser,
        server=replace(model.server, no_chat_template=None if args.use_chat_template else True),
    )
    provider = find_provider(PROVIDER)
    layout = Layout.legacy(
        args.output_dir, spec, provider_path=provider.path, litellm_prefix=provider.litellm_prefix, subdir=subdir
    )
    return execute(spec, with_environment(Access(), os.environ), layout, save_details=args.save_details)
