"""What somebody wants submitted, and the jobs that it comes to: the plan that is shown before anything happens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saiten.clusters.estimate import Learnt, Work
from saiten.clusters.packing import Packed, Rules, Size, pack
from saiten.clusters.scheduler import NAME_LENGTH, clock, job_name
from saiten.clusters.services import NodeKind, Service
from saiten.results.layout import Layout
from saiten.types import Access, RunSpec

DEFAULT_LIMIT = 24 * 3600
"""Longest job that is asked for unasked where the site's table names no limit."""
PACKED_LOGS = "jobs"
"""Folder in the run directory for the logs of jobs with several benchmarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run to be submitted."""

    spec: RunSpec
    access: Access
    layout: Layout
    output: Path
    """Folder above results/ and outputs/."""
    service: Service
    kind: NodeKind
    group: str = ""
    priority: int | None = None
    shards: int = 1
    alone: bool = False
    """One job for each benchmark."""
    walltime: int | None = None
    """Seconds that the user asks for."""
    links: int | None = None
    """Jobs in a row; None: as many as the estimate needs."""
    needs_server: bool = True
    """Whether jobs start a model server."""
    paid: bool = False
    """Whether answers cost money."""
    save_details: bool = True
    accept_changes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that its jobs get."""

    @property
    def limit(self) -> int:
        """Longest job that an estimate may ask for, seconds."""
        return self.service.longest(self.group) or DEFAULT_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One job, or a chain of them, of an order."""

    order: Order
    packed: Packed
    name: str
    shard: int
    part: str
    """Name of its heartbeat; empty where it asks the whole run."""
    share: float = 1.0
    """Of what is left of the run's budget, what this job may spend; in proportion to what its answers are expected to
    cost."""

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """What it asks."""
        return tuple(size.work.benchmark.name for size in self.packed.sizes)

    @property
    def logs(self) -> Path:
        """Folder of its logs: the benchmark's own, where it has one."""
        run = self.order.layout.run.absolute()
        if len(self.packed.sizes) == 1:
            return self.order.layout.benchmark(self.packed.sizes[0].work.benchmark).absolute()
        return run / PACKED_LOGS

    @property
    def points(self) -> float | None:
        """Points of all links if each takes its whole walltime; None: the price is not known."""
        per_hour = self.order.kind.points_per_hour
        if per_hour is None:
            return None
        priority = self.order.priority if self.order.priority is not None else self.order.service.default_priority
        factor = self.order.service.priorities.get(priority, 1.0) if priority is not None else 1.0
        return per_hour * factor * self.packed.links * self.packed.walltime / 3600


def plan_jobs(order: Order, works: Sequence[Work], learnt: Learnt) -> list[Planned]:
    """Return the jobs of an order."""
    kind, model = order.kind, order.spec.model
    rules = Rules(
        limit=order.limit,
        start=learnt.start(model, kind.name) if order.needs_server else 0.0,
        shards=order.shards,
        alone=order.alone,
        walltime=order.walltime,
        links=order.links,
    )
    jobs = pack([Size(work=work, expected=learnt.expect(work, model, kind)) for work in works], rules)
    whole = len(jobs) == 1 and order.shards == 1
    return [
        Planned(
            order=order,
            packed=packed,
            name=name,
            shard=shard,
            part="" if whole else name,
            share=share / order.shards,
        )
        for packed, share in zip(jobs, shares(jobs), strict=True)
        for shard in range(order.shards)
        for name in [named(packed, shard, order.shards)]
    ]


def shares(jobs: Sequence[Packed]) -> list[float]:
    """Return which part of all costs each job is expected to have; equal parts where a cost is not known."""
    costs = [[size.work.cost for size in job.sizes] for job in jobs]
    known = [sum(cost or 0.0 for cost in each) for each in costs]
    if any(None in each for each in costs) or not sum(known):
        return [1 / len(jobs)] * len(jobs)
    return [each / sum(known) for each in known]


def named(packed: Packed, shard: int, shards: int) -> str:
    """Return a job's name: `ja_mmlu`, `ja_12_benchmarks`, `all_31_benchmarks`; with its shard, of several."""
    languages = {size.work.benchmark.language for size in packed.sizes}
    language = languages.pop() if len(languages) == 1 else "all"
    count = len(packed.sizes)
    suffix = f".{shard + 1}of{shards}" if shards > 1 else ""
    what = packed.sizes[0].work.job_name if count == 1 else f"{language}_{count}_benchmarks"
    return job_name(what[: NAME_LENGTH - len(suffix)] + suffix)


def describe(planned: Sequence[Planned]) -> Iterator[str]:
    """Yield the plan in words: every job with its benchmarks, its time, where that comes from, and what it costs."""
    for job in planned:
        order, packed = job.order, job.packed
        settings = f" [{order.spec.settings}]" if order.spec.settings else ""
        chain = f", a chain of {packed.links}" if packed.links > 1 else ""
        if not order.group and order.service.trial_walltime is not None:
            chain += f" (a trial: no {order.service.group_variable})"
        yield (
            f"{job.name}: {order.spec.model}{settings} on {order.service.name} {order.kind.name}, "
            f"{clock(packed.walltime)}{chain}; expected {clock(round(packed.estimate))}"
        )
        for size in packed.sizes:
            work, expected = size.work, size.expected
            owed = "" if work.owed is None else f", {work.owed:,} of {work.due:,} choices"
            owed += f" (shared by {order.shards} jobs)" if order.shards > 1 else ""
            cost = "" if work.cost is None else f"; about {work.cost:,.2f} at {order.spec.provider}'s price"
            yield (
                f"  {work.benchmark.language} {work.benchmark.name}{owed}: "
                f"{clock(round(expected.seconds / order.shards))}, {expected.source}{cost}"
            )
    yield total(planned)
    yield from api_cost(planned)


def api_cost(planned: Sequence[Planned]) -> Iterator[str]:
    """Yield what the answers of providers cost in all, and whose price is not known."""
    works = [(job, size.work) for job in planned if job.order.paid and not job.shard for size in job.packed.sizes]
    known = [work.cost for _, work in works if work.cost is not None]
    if known:
        yield f"answers of providers: about {sum(known):,.2f} in all, in the currency of providers.yaml"
    for model in dict.fromkeys(job.order.spec.model for job, work in works if work.cost is None):
        yield f"answers of {model}: the cost is not known; write its price into providers.yaml"


def total(planned: Sequence[Planned]) -> str:
    """Return the sum: jobs, hours, points."""
    jobs = sum(job.packed.links for job in planned)
    hours = sum(job.packed.links * job.packed.walltime for job in planned) / 3600
    cost = "".join(price(planned, name) for name in dict.fromkeys(job.order.service.name for job in planned))
    return f"in all: {jobs} jobs, {hours:,.1f} node hours asked for{cost}"


def price(planned: Sequence[Planned], service: str) -> str:
    """Return what the jobs of a service may cost in its points, and for which node kinds nobody told us the price."""
    jobs = [job for job in planned if job.order.service.name == service and job.order.service.currency]
    known = [job.points for job in jobs if job.points is not None]
    dark = ", ".join(dict.fromkeys(job.order.kind.name for job in jobs if job.points is None))
    site = jobs[0].order.service if jobs else None
    currency = site.currency if site is not None else ""
    told = f", at most {sum(known):,.1f} {currency}" if known else ""
    if site is not None and known and site.money_per_point is not None:
        told += f" ({site.money_per_point * sum(known):,.0f} {site.money})".replace(" )", ")")
    return told + (f", {currency} not known for {dark} (points_per_hour in services.yaml)" if dark else "")


def points_left(planned: Sequence[Planned]) -> Iterator[str]:
    """Yield how to see what is left of each payer's points; a trial costs none."""
    payers = {(job.order.service.name, job.order.group): job.order.service for job in planned if job.order.group}
    for (name, group), service in payers.items():
        if service.currency and service.points_command:
            command = shlex.join(word.replace("{group}", group) for word in service.points_command)
            yield f"{service.currency} left on {name}: {command}"
