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
from msgspec import Struct

from saiten.benchmarks import Selected, select
from saiten.benchmarks.extras import require_extras
from saiten.benchmarks.packs.pack import naming_pack, with_prompts
from saiten.datasets import DataContext
from saiten.engine.asking import Asking, Observer
from saiten.engine.cost import Prices, expected_cost, first_width, run_budget, stored_cost
from saiten.engine.judgement import unjudged
from saiten.engine.plan import BenchmarkPlan, plan_benchmark
from saiten.engine.presence import heartbeats, refuse_second
from saiten.engine.progress import Progress
from saiten.engine.score import BenchmarkScorer
from saiten.engine.writer import writer_name
from saiten.errors import UserError
from saiten.models.judges import MODEL_SERVER, judge_beside, resolve_judge
from saiten.models.providers import Endpoint, resolve_endpoint
from saiten.models.reasoning import is_ours
from saiten.part import Part
from saiten.results import manifest
from saiten.results.changes import changed_scores, keep_old_scores
from saiten.results.details import DetailsWriter
from saiten.results.export import export_results
from saiten.results.layout import Layout, timestamp
from saiten.results.summary import BenchmarkResult, RunResult
from saiten.served import ModelServer
from saiten.types import Access, RunSpec
from saiten.values import replace

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
    spec = naming_pack(spec)
    endpoint = resolve_endpoint(spec, access, os.environ)
    progress = starting(spec, access.part)
    refuse_second(layout.run, progress)
    server = access.server or own_server(spec, access, endpoint, layout)
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack, access.part)
        judge = judge_endpoint(plans, access, endpoint)
        budget = run_budget(endpoint, judge, access, plans, layout.run)
        claim(plans, spec, layout, endpoint, accept_changes=accept_changes)
        stack.enter_context(progress.beating(layout.run))
        writer = stack.enter_context(DetailsWriter(layout, timestamp(), details=save_details))
        asking = Asking(
            spec=spec,
            access=access,
            endpoint=endpoint,
            plans=plans,
            directory=layout.run,
            observer=observer or Quiet(),
            on_last=writer.start,
            progress=progress,
            server=server,
            judge=judge,
            budget=budget,
        )
        stack.callback(note_own_cost, asking)  # however it ends
        ask(asking)
        if not layout.manifest.exists():  # somebody removed the run directory under the run
            claim(plans, spec, layout, endpoint, accept_changes=accept_changes)
        if access.part.shards > 1:
            asking.plans, left = of_all_shards(asking, layout, stack)
            if left:
                return handed_over(asking, left, started)
        return score(asking, layout, writer, started)


class Standing(Struct, frozen=True, kw_only=True):
    """How far a benchmark is."""

    due: int
    """Choices altogether."""
    answered: int
    verified: int
    """Executions and judgements of this part that stand."""


def standing(spec: RunSpec, layout: Layout, part: Part) -> dict[str, Standing]:
    """Return for each benchmark of a part how far it is.

    Asks nothing. UserError where the data of a benchmark cannot be had.
    """
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack, part)
        return {
            plan.benchmark.name: Standing(
                due=plan.due, answered=plan.due - choices_owed([plan]), verified=plan.verified()
            )
            for plan in plans
        }


def expected_costs(spec: RunSpec, access: Access, layout: Layout) -> dict[str, float] | None:
    """Guess what the owed answers of each benchmark cost at the model's endpoint; None where its price is not known."""
    endpoint = resolve_endpoint(spec, access, os.environ)
    price = endpoint.provider.price(endpoint.model)
    if price is None:
        return None
    width = first_width(endpoint, access)
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack, access.part)
        return {plan.benchmark.name: expected_cost([plan], price, width) for plan in plans}


def own_server(spec: RunSpec, access: Access, endpoint: Endpoint, layout: Layout) -> ModelServer | None:
    """Return the server that the model needs: none where somebody else serves it (a provider, or a base URL)."""
    if not endpoint.provider.own_server or access.base_url is not None:
        return None
    from saiten.servers.serving import Serving

    return Serving(spec=spec, logs=layout.run, is_ours=is_ours)


def rescore(
    directory: Path,
    access: Access,
    *,
    save_details: bool = True,
    change: Callable[[RunSpec], RunSpec] | None = None,
    judged: bool = True,
) -> tuple[RunResult, list[str] | None]:
    """Score a run directory again without asking its model. Code that was not executed yet is executed.

    Answers without a judgement are judged, unless `judged` is False. `change` may put another judge into the run's
    specification: then every answer is judged by that one, and both verdicts are kept.
    Returns the result and, in words, the scores that changed; None where there were no earlier scores.
    """
    started = time.time()
    old = manifest.read(directory)
    if old is None:
        raise UserError(f"{directory} is not a run directory: it has no run.json (give the folder that has one)")
    try:
        spec = (change or (lambda same: same))(msgspec.convert(old["spec"], RunSpec))
        layout = manifest.stored_layout(directory, old)
    except (KeyError, msgspec.ValidationError) as error:
        raise UserError(f"{layout_hint(directory)}: {error}") from error
    progress = starting(spec, Part())
    refuse_second(directory, progress)
    with ExitStack() as stack:
        plans = plan_run(spec, layout, stack, Part())
        judge = judge_endpoint(plans, access, None) if judged else None
        writer = stack.enter_context(DetailsWriter(layout, timestamp(), details=save_details))
        asking = Asking(
            spec=spec,
            access=access,
            endpoint=None,
            plans=plans,
            directory=directory,
            observer=Quiet(),
            on_last=writer.start,
            progress=progress,
            judge=judge,
            budget=run_budget(None, judge, access, plans, directory),
        )
        stack.callback(note_own_cost, asking)
        ask(asking)
        scores = [layout.scores(plan.benchmark) for plan in plans]
        before = keep_old_scores(scores)
        result = score(asking, layout, writer, started)
        return result, changed_scores(before, scores)


def layout_hint(directory: Path) -> str:
    """Name the file that another version of saiten may have written."""
    return f"{directory / 'run.json'} was not written by this version of saiten"


def select_part(spec: RunSpec, part: Part) -> list[Selected]:
    """Return the benchmarks of a run that belong to a part of it."""
    chosen = with_prompts(select(spec.benchmarks), spec.prompts)
    return [selected for selected in chosen if not part.benchmarks or selected.benchmark.name in part.benchmarks]


def starting(spec: RunSpec, part: Part) -> Progress:
    """Return the progress of a process that is about to start."""
    return Progress(part=part, asks=tuple(selected.benchmark.name for selected in select_part(spec, part)))


def of_all_shards(asking: Asking, layout: Layout, stack: ExitStack) -> tuple[list[BenchmarkPlan], int]:
    """Open the record again, with what the other shards brought, and return how many choices are left to them.

    Every shard says that it is done before it looks at the others, so that one of them finds all done.
    """
    part = asking.access.part
    asking.progress.state = "scoring"
    asking.progress.write(layout.run)
    plans = plan_run(asking.spec, layout, stack, replace(part, shard=0, shards=1))
    left = choices_owed(plans)
    asks = set(asking.progress.asks)
    going = [
        beat for beat in heartbeats(layout.run) if beat.alive and beat.state != "scoring" and asks & set(beat.asks)
    ]
    return plans, left or len(going)


def choices_owed(plans: Sequence[BenchmarkPlan]) -> int:
    """Return how many choices have no answer."""
    return sum(subset.due - subset.answered() for plan in plans for subset in plan.subsets)


def handed_over(asking: Asking, left: int, started: float) -> RunResult:
    """Return the result of a shard that is done before others: whoever is last writes the results."""
    asking.progress.state = "complete"
    return RunResult(
        spec=asking.spec,
        directory=asking.directory,
        benchmarks=(),
        started=started,
        seconds=time.time() - started,
        warnings=tuple(asking.notes),
        left=left,
    )


def plan_run(spec: RunSpec, layout: Layout, stack: ExitStack, part: Part) -> list[BenchmarkPlan]:
    """Open the rows and journals of a part's benchmarks, and find what is answered already."""
    context = DataContext.from_environment(os.environ)
    writer = writer_name()
    plans = []
    chosen = select_part(spec, part)
    require_extras(selected.benchmark for selected in chosen)
    for selected in chosen:
        benchmark = replace(selected.benchmark, continuation=spec.continuation or selected.benchmark.continuation)
        plan = plan_benchmark(spec, benchmark, selected.subsets, layout.benchmark(benchmark), context, writer)
        plan.take(part)
        stack.enter_context(closing(plan))
        plans.append(plan)
    return plans


def judge_endpoint(plans: Sequence[BenchmarkPlan], access: Access, endpoint: Endpoint | None) -> Endpoint | None:
    """Return where missing judgements are asked; None where none is missing. `endpoint`: the model's, if it is asked.

    Raises UserError, before anything is asked, if the judge cannot be used (no key, a name without a date).
    """
    for plan in plans:
        if plan.judge is not None and (
            (endpoint is not None and any(subset.owes() for subset in plan.subsets))
            or next(unjudged(plan), None) is not None
        ):
            if access.judge_base_url == MODEL_SERVER:
                return judge_beside(plan.judge, endpoint)
            return resolve_judge(plan.judge, access, os.environ)
    return None


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
    from saiten.results.aggregate import write_aggregated  # a tenth of all imports: no question waits for them

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
        cost=cost_so_far(asking, layout),
    )
    export_results(result, layout, writer.stamp, writer.tallies)
    manifest.note(layout.run, {})
    write_aggregated(layout)
    asking.progress.state = "complete" if result.complete else "incomplete"
    asking.progress.write(layout.run)
    for plan in asking.plans:
        plan.close(pack_above=PACK_ABOVE_BYTES if result.complete else None)
    return result


def cost_so_far(asking: Asking, layout: Layout) -> float | None:
    """Write what the run has cost into run.json and return it; what stands there, where nothing was asked."""
    note_own_cost(asking)
    told = (manifest.read(layout.run) or {}).get("cost")
    if asking.budget is None:
        return told["spent"] if told else None
    budget = asking.budget
    known: list[tuple[float, int]] = [
        (budget.spent, budget.estimated),
        stored_cost(asking.plans, Prices.of(asking.endpoint, asking.judge)),
    ]
    known += [(told["spent"], told["estimated"])] if told else []  # with what other processes have paid meanwhile
    spent, estimated = max(one[0] for one in known), max(one[1] for one in known)
    manifest.note(layout.run, {"cost": {"spent": spent, "estimated": estimated}})
    return spent


def note_own_cost(asking: Asking) -> None:
    """Keep what this start has spent itself: starts of several processes add up."""
    budget = asking.budget
    if budget is not None and budget.spent > budget.earlier and (asking.directory / "run.json").exists():
        spent, estimated = budget.spent - budget.earlier, budget.estimated - budget.earlier_estimated
        manifest.note_cost(asking.directory, asking.access.part.key, asking.progress.started, spent, estimated)


def score_benchmark(plan: BenchmarkPlan, writer: DetailsWriter) -> BenchmarkResult:
    """Score one benchmark, document by document."""
    scorer = BenchmarkScorer(plan)
    writer.begin(plan.benchmark, plan.samples)
    for scored in scorer.documents():
        writer.add(scored, scorer.identities)
    levels = set(plan.decided_by.values()) if plan.benchmark.verifier is not None else set()
    notes = tuple(f"executed in {level}" for level in sorted(levels))
    return scorer.result(notes)
