"""`saiten submit MODEL… --service S --node-kind K`: the evaluation as jobs of a cluster, or of this machine."""

from __future__ import annotations

import argparse
import copy
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.chosen import warn_of_temperature
from saiten.cli.run import DEFAULT_BENCHMARKS, add_choices, chosen
from saiten.errors import Exit, UsageError, UserError
from saiten.values import replace

if TYPE_CHECKING:
    from saiten.clusters.estimate import Learnt, Work
    from saiten.clusters.jobs import Known
    from saiten.clusters.orders import Order, Planned
    from saiten.clusters.record import Submission
    from saiten.clusters.scheduler import Scheduler


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="models as their provider knows them, or one evaluation.yaml"
    )
    parser.add_argument("--example", action="store_true", help="print an evaluation.yaml to start from")
    add_job_options(parser)
    parser.add_argument(
        "--predownload",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="fetch model and datasets now, and let the jobs run offline; default for models that saiten serves",
    )
    parser.add_argument("--no-details", action="store_true", help="write no details parquet")
    add_choices(parser, hidden=True)


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where jobs run, and what may be asked for them."""
    parser.add_argument("--service", metavar="NAME", help="tsubame, abci, slurm or local")
    parser.add_argument("--node-kind", metavar="NAME", help="what each job gets: node_q, rt_HG, gpu_1, cpu, …")
    parser.add_argument("--group", metavar="NAME", help="who pays; default: the service's variable in .env")
    parser.add_argument("--priority", type=int, metavar="P", help="the site's priority (TSUBAME: -5, -4, -3)")
    parser.add_argument("--walltime", type=hours, metavar="H:MM:SS", help="of each job; default: estimated")
    parser.add_argument("--chain", type=at_least_one, metavar="N", help="so many jobs in a row; default: estimated")
    parser.add_argument(
        "--one-job-per-benchmark", action=argparse.BooleanOptionalAction, default=None, help="share no server start"
    )
    parser.add_argument("--shards", type=at_least_one, metavar="N", help="jobs that share each benchmark")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="default: STORE_PATH, or this folder")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and end")
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def at_least_one(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def hours(text: str) -> int:
    """Read H:MM:SS as seconds."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[1]) > 59 or int(parts[2]) > 59:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form H:MM:SS, e.g. 4:00:00")
    seconds = 3600 * int(parts[0]) + 60 * int(parts[1]) + int(parts[2])
    if not seconds:
        raise argparse.ArgumentTypeError("a job needs some time: --walltime 4:00:00")
    return seconds


def main(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.example:
        from saiten.cli.evaluation import EXAMPLE

        print(EXAMPLE, end="")
        return Exit.COMPLETE
    from saiten.clusters.record import folder_of

    orders = orders_of(each_model(args))
    runs = {str(order.layout.run.absolute()) for order in orders}
    going = going_in((folder_of(order.output) for order in orders), runs)
    wanted = []
    for order in orders:
        busy = left_to_others(going, str(order.layout.run.absolute()))
        works = undone(order, works_of(order, asks_hub=not args.dry_run))
        left = [work for work in works if work.benchmark.name not in busy]
        if left:
            wanted.append((order, left))
        elif not works:
            tell(f"{order.spec.model}: nothing is left to do; results: {order.layout.run}")
    return submit_all(wanted, args, predownload=args.predownload) if wanted else Exit.COMPLETE


def undone(order: Order, works: Sequence[Work]) -> list[Work]:
    """Return the benchmarks that owe answers; where none does, all of a run whose verdicts or scores are missing."""
    from saiten.clusters.heartbeat import completed

    owing = [work for work in works if work.owed != 0]
    return owing or ([] if completed(order.layout.run) else [*works])


def orders_of(models: Iterable[argparse.Namespace]) -> list[Order]:
    """Return the orders of all models. UserError with all that is wrong in a file, each with the model's line."""
    orders: list[Order] = []
    errors: list[str] = []
    for one in models:
        try:
            orders.append(order_of(one))
        except UserError as error:
            if one.where is None:
                raise
            errors.append(f"{one.where}: {error}")
    if errors:
        raise UserError("\n".join(errors))
    return orders


def each_model(args: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """Yield the arguments of each model."""
    if not args.models:
        raise UsageError(
            "MODEL is missing (see saiten submit --help; saiten submit --example prints a file to fill in)"
        )
    for model in args.models:
        if model.endswith((".yaml", ".yml")):
            from saiten.cli.evaluation import read_evaluation

            yield from read_evaluation(Path(model), args)
            continue
        one = copy.copy(args)
        one.where, one.model, one.benchmarks = None, model, args.benchmarks or DEFAULT_BENCHMARKS
        yield one


def going_in(folders: Iterable[Path], runs: Collection[str]) -> list[Known]:
    """Return the jobs of these runs that still wait, run or end: one question to each scheduler for each folder."""
    from saiten.clusters.jobs import known, still_going

    return [
        one
        for folder in dict.fromkeys(folders)
        for one in still_going(folder, [each for each in known(folder) if each.submission.run in runs])
    ]


def left_to_others(going: Sequence[Known], run: str) -> set[str]:
    """Return the benchmarks of a run's jobs that still wait, run or end: they would only be asked twice. Says so."""
    mine = [one for one in going if one.submission.run == run]
    busy = {name for one in mine for name in one.submission.benchmarks}
    if busy:
        ids = ", ".join(one.submission.job_id for one in mine)
        tell(f"{len(mine)} jobs still wait, run or end ({ids}); left to them: {', '.join(sorted(busy))}")
    return busy


def order_of(args: argparse.Namespace) -> Order:
    """Return what is to be submitted for one model."""
    from saiten.clusters.orders import Order
    from saiten.clusters.sites import find_service
    from saiten.results.layout import Layout
    from saiten.settings.environment import default_output

    for name in ("service", "node_kind"):
        if getattr(args, name) is None:
            raise UsageError(f"--{name.replace('_', '-')} is missing (see saiten submit --help)")
    spec, access, provider = chosen(args)
    warn_of_temperature(spec)
    service = find_service(args.service)
    output = (args.output_dir or default_output()).absolute()
    order = Order(
        spec=spec,
        access=access,
        layout=Layout.of(output, spec, provider_path=provider.path, litellm_prefix=provider.litellm_prefix),
        output=output,
        service=service,
        kind=service.node_kind(args.node_kind),
        group=args.group or os.environ.get(service.group_variable, "") if service.group_variable else "",
        priority=args.priority,
        shards=args.shards or 1,
        alone=bool(args.one_job_per_benchmark),
        walltime=args.walltime,
        links=args.chain,
        needs_server=provider.own_server and access.base_url is None,
        paid=provider.paid,
        save_details=not args.no_details,
    )
    check_site(order)
    check_key(order, provider.key_variable)
    return order


def check_site(order: Order) -> None:
    """Raise UserError for what the site would refuse: nothing is fetched, and no plan shown, for nothing."""
    from saiten.clusters.local import devices
    from saiten.clusters.scheduler import in_time, offered, plain

    if order.walltime is not None:
        in_time(order.service, order.group, order.walltime)
    if order.service.scheduler == "local":
        devices(order.kind, os.environ)
        return
    offered(order.service, order.group, order.priority)
    plain(order.layout.run)


def check_key(order: Order, variable: str | None) -> None:
    """Raise UserError where the job would not have the key that this shell has: keys come to jobs by file alone."""
    from saiten.settings.dotenv import read_dotenv

    path = Path(".env")
    held = read_dotenv(path) if path.is_file() else {}
    for name in (None if order.needs_server else variable, judge_key(order)):
        if name is not None and os.environ.get(name) and name not in held:
            raise UserError(
                f"{name} is set in this shell, where a job does not see it: write it into {path.absolute()} (chmod 600)"
            )


def judge_key(order: Order) -> str | None:
    """Return the variable whose key the jobs' judge is asked with; None where nothing is judged."""
    from saiten.benchmarks import select
    from saiten.models.judges import FALLBACK_KEY, KEY

    if not any(found.benchmark.judge for found in select(order.spec.benchmarks)):
        return None
    elsewhere = order.access.judge_base_url or os.environ.get("JUDGE_BASE_URL")
    return KEY if elsewhere or os.environ.get(KEY) else FALLBACK_KEY


def fetched(order: Order, wanted: bool | None) -> Order:
    """Fetch the model and the datasets where that is wanted, and return an order whose jobs run offline."""
    if not (order.needs_server if wanted is None else wanted):
        return order
    from saiten.cli.predownload import predownload
    from saiten.clusters.job import OFFLINE

    predownload(order.spec, tell=tell)
    return replace(order, environment={**order.environment, OFFLINE: "1"})


def works_of(order: Order, *, asks_hub: bool) -> list[Work]:
    """Return the benchmarks of an order, with the choices that they owe where their data is here."""
    from saiten.benchmarks import select
    from saiten.clusters.estimate import Work
    from saiten.evaluate import standing
    from saiten.part import Part

    if not asks_hub:
        os.environ["HF_HUB_OFFLINE"] = "1"
    spec, works, unknown = order.spec, [], []
    costs = costs_of(order, asks_hub=asks_hub) if order.paid else {}
    for selected in select(spec.benchmarks):
        benchmark = selected.benchmark
        here = None
        try:
            here = standing(spec, order.layout, Part(benchmarks=(benchmark.name,)))[benchmark.name]
        except UserError:
            if asks_hub:
                raise
            unknown.append(benchmark.name)
        works.append(
            Work(
                benchmark=benchmark,
                samples=spec.samples or benchmark.samples,
                due=None if here is None else here.due,
                answered=0 if here is None else here.answered,
                cost=costs.get(benchmark.name),
                limited=spec.max_samples is not None,
                some=selected.subsets != (benchmark.default or tuple(benchmark.dataset.configs)),
            )
        )
    if unknown:
        names = ", ".join(unknown)
        tell(f"the number of questions is not known yet, since a dry run fetches no data: {names}")
    return works


def costs_of(order: Order, *, asks_hub: bool) -> Mapping[str, float]:
    """Return what the answers of each benchmark are expected to cost, as far as that is known."""
    from saiten.evaluate import expected_costs

    try:
        return expected_costs(order.spec, order.access, order.layout) or {}
    except UserError:
        if asks_hub:
            raise
        return {}


def submit_all(
    wanted: Sequence[tuple[Order, list[Work]]], args: argparse.Namespace, *, predownload: bool | None = False
) -> int:
    """Show the plan, ask, fetch what `predownload` says (None: where saiten serves the model), and submit."""
    from saiten.clusters.orders import describe, plan_jobs, points_left
    from saiten.clusters.outputs import note
    from saiten.clusters.sites import open_scheduler
    from saiten.clusters.submit import submit

    planned: list[Planned] = []
    for order, works in wanted:
        planned += plan_jobs(order, works, learnt_in(order.output))
    for line in (*describe(planned), *points_left(planned)):
        print(line)
    check_number(planned)
    if args.dry_run or not (args.yes or agreed()):
        print("nothing was submitted")
        return Exit.COMPLETE
    ready = {id(order): fetched(order, predownload) for order, _ in wanted}
    planned = [replace(job, order=ready[id(job.order)]) for job in planned]
    for output in {job.order.output for job in planned}:
        note(output)
    schedulers = {job.order.service.name: open_scheduler(job.order.service) for job in planned}
    made: dict[str, list[Submission]] = {name: [] for name in schedulers}
    for job in planned:
        name = job.order.service.name
        made[name] += submit(job, schedulers[name], tell=print)
    refused = sum(bool(submission.refused) for each in made.values() for submission in each)
    dead = sum(look_at_new(made[name], scheduler) for name, scheduler in schedulers.items())
    return Exit.CONFIGURATION if refused or dead else Exit.COMPLETE


def look_at_new(made: Sequence[Submission], scheduler: Scheduler) -> int:
    """Ask a scheduler once about all new jobs, and return how many will never run; they are named."""
    from saiten.clusters.scheduler import SchedulerError
    from saiten.clusters.submit import look_once

    try:
        dead = look_once(made, scheduler)
    except SchedulerError as error:  # the jobs were taken all the same
        tell(f"the new jobs could not be looked at: {error}; see saiten status")
        return 0
    for status in dead:
        print(f"job {status.job_id} will not run: {status.state}: {status.reason or status.raw}", file=sys.stderr)
    return len(dead)


def check_number(planned: Sequence[Planned]) -> None:
    """Raise UserError where a site does not take so many jobs."""
    for service in {job.order.service.name: job.order.service for job in planned}.values():
        number = sum(job.packed.links for job in planned if job.order.service.name == service.name)
        if service.max_jobs is not None and number > service.max_jobs:
            raise UserError(f"{number} jobs: {service.name} takes at most {service.max_jobs} of one user; submit fewer")


def learnt_in(output: Path) -> Learnt:
    """Return what the finished jobs of an output folder tell."""
    from saiten.clusters.estimate import Learnt
    from saiten.clusters.record import folder_of, read_report, read_submissions

    folder = folder_of(output)
    pairs = ((submission, read_report(folder, submission.key)) for submission in read_submissions(folder))
    return Learnt.of((submission, report) for submission, report in pairs if report is not None)


def agreed(ask: Callable[[str], str] = input) -> bool:
    """Ask whether to go on. UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: say --yes to submit, or --dry-run to see the plan only")
    return ask("submit? [y/N] ").strip().lower() in {"y", "yes"}


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)
