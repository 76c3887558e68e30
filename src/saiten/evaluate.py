"""One run, from its specification to its results. This module is the map of the system: read it first.

    select benchmarks -> plan what is owed -> ask it through one queue and execute -> score -> write results

Every arrow is a file on disk, so each step can be done again alone: `evaluate` on a finished run asks nothing,
`rescore` never asks.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from saiten.benchmarks import select
from saiten.benchmarks.extras import require_extras
from saiten.datasets import DataContext
from saiten.engine.asking import Asking, Observer
from saiten.engine.plan import BenchmarkPlan, plan_benchmark
from saiten.engine.presence import refuse_second
from saiten.engine.progress import Progress
from saiten.engine.score import BenchmarkScorer
from saiten.engine.writer import writer_name
from saiten.errors import UserError
from saiten.models.providers import Endpoint, resolve_endpoint
from saiten.results import manifest
from saiten.results.aggregate import write_aggregated
from saiten.results.changes import changed_scores, keep_old_scores
from saiten.results.details import DetailsWriter
from saiten.results.export import export_results
from saiten.results.layout import Layout, timestamp
from saiten.results.summary import BenchmarkResult, RunResult
from saiten.types import Access, RunSpec

PACK_ABOVE_BYTES = 16 << 20
"""Journal files of a complete run are compressed above this size; smaller ones stay readable with `less`."""


class Quiet:
    """An observer that shows nothing."""

    def update(self, progress: Progress) -> None:
        """Show nothing."""

    def tell(self, message: str) -> None:
        """Say nothing."""


def evaluate(
    spec: RunSpec,
    access: Access,
    *,
    layout: Layout,
    observer: Observer | None = None,
    save_details: bool = True,
    accept_changes: bool = False,
) -> RunResult:
    """Evaluate a model: ask what its run directory lacks, execute, score, write the results, and return them.

    Call it again with the same arguments after any interruption: it goes on where it was. The result may be
    incomplete (`result.complete`): its scores are bounds then.

    Raises:
        UserError: what was asked for cannot be (unknown benchmark, missing data, another run's directory).
        EndpointError: the endpoint cannot serve this run (key, model, quota, gone).
        Interrupted: a signal asked to stop. In all three cases what was answered is stored.
    """
    started = time.time()
    endpoint = resolve_endpoint(spec, access, os.environ)
    refuse_second(layout.run)
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack)
        claim(plans, spec, layout, endpoint, accept_changes=accept_changes)
        writer = stack.enter_context(DetailsWriter(layout, timestamp(), details=save_details))
        asking = Asking(
            spec=spec,
            access=access,
            endpoint=endpoint,
            plans=plans,
            directory=layout.run,
            observer=observer or Quiet(),
            on_last=writer.start,
        )
        ask(asking)
        return score(asking, layout, writer, started)


def rescore(
    directory: Path, *, save_details: bool = True, unsafe_code_execution: bool = False
) -> tuple[RunResult, list[str] | None]:
    """Score a run directory again without asking anything. Code that was not executed yet is executed.

    Returns the result and, in words, the scores that changed; None where there were no earlier scores.
    """
    started = time.time()
    old = manifest.read(directory)
    if old is None:
        raise UserError(f"{directory} is not a run directory: it has no run.json (give the folder that has one)")
    try:
        spec = msgspec.convert(old["spec"], RunSpec)
        layout = manifest.stored_layout(directory, old)
    except (KeyError, msgspec.ValidationError) as error:
        raise UserError(f"{layout_hint(directory)}: {error}") from error
    refuse_second(directory)
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack)
        access = Access(unsafe_code_execution=unsafe_code_execution)
        writer = stack.enter_context(DetailsWriter(layout, timestamp(), details=save_details))
        asking = Asking(
            spec=spec,
            access=access,
            endpoint=None,
            plans=plans,
            directory=directory,
            observer=Quiet(),
            on_last=writer.start,
        )
        ask(asking)
        scores = [layout.scores(plan.benchmark) for plan in plans]
        before = keep_old_scores(scores)
        result = score(asking, layout, writer, started)
        return result, changed_scores(before, scores)


def layout_hint(directory: Path) -> str:
    """Name the file that another version of saiten may have written."""
    return f"{directory / 'run.json'} was not written by this version of saiten"


def plan_run(spec: RunSpec, layout: Layout, stack: ExitStack) -> list[BenchmarkPlan]:
    """Open every benchmark's rows and journals, and find what is answered already."""
    context = DataContext.from_environment(os.environ)
    writer = writer_name()
    plans = []
    chosen = select(spec.benchmarks)
    require_extras(selected.benchmark for selected in chosen)
    for selected in chosen:
        folder = layout.benchmark(selected.benchmark)
        plan = plan_benchmark(spec, selected.benchmark, selected.subsets, folder, context, writer)
        stack.enter_context(closing(plan))
        plans.append(plan)
    return plans


def claim(
    plans: Sequence[BenchmarkPlan], spec: RunSpec, layout: Layout, endpoint: Endpoint, *, accept_changes: bool
) -> None:
    """Write run.json, or refuse a directory that belongs to another specification."""
    described = {plan.benchmark.name: manifest.describe(plan.benchmark, plan.samples, plan.revisions) for plan in plans}
    facts = {"provider": endpoint.provider.name, "layout": manifest.layout_record(layout)}
    manifest.claim(layout.run, spec, described, facts, accept=accept_changes)


def ask(asking: Asking) -> None:
    """Run the live part on the fastest event loop there is."""
    asking.count_restored()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(asking.run())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the maker of the event loop; uvloop does not exist everywhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def score(asking: Asking, layout: Layout, writer: DetailsWriter, started: float) -> RunResult:
    """Score what is stored and write every result file."""
    asking.progress.state = "scoring"
    asking.progress.write(layout.run)
    with writer:
        results = tuple(score_benchmark(plan, writer) for plan in asking.plans)
    damages = (str(damage) for plan in asking.plans for damage in plan.generations.damages + plan.judgements.damages)
    result = RunResult(
        spec=asking.spec,
        directory=layout.run,
        benchmarks=results,
        started=started,
        seconds=time.time() - started,
        warnings=(*asking.notes, *damages),
    )
    export_results(result, layout, writer.stamp, writer.tallies)
    write_aggregated(layout)
    asking.progress.state = "complete" if result.complete else "incomplete"
    asking.progress.write(layout.run)
    for plan in asking.plans:
        plan.close(pack_above=PACK_ABOVE_BYTES if result.complete else None)
    return result


def score_benchmark(plan: BenchmarkPlan, writer: DetailsWriter) -> BenchmarkResult:
    """Score one benchmark, document by document."""
    scorer = BenchmarkScorer(plan)
    writer.begin(plan.benchmark, plan.samples)
    for scored in scorer.documents():
        writer.add(scored, scorer.identities)
    notes = tuple(f"executed in {level}" for level in sorted(plan.deciders))
    return scorer.result(notes)
