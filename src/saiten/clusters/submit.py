"""Handing planned jobs to their scheduler: files first, then the job, then its id into our own record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saiten.clusters.job import JobFile, forwarded, told_access, write_job, write_script
from saiten.clusters.orders import Planned
from saiten.clusters.record import Submission, folder_of, job_file, new_key, write_submission
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, Scheduler, SchedulerError
from saiten.clusters.sites import place_of
from saiten.errors import UserError
from saiten.part import Part
from saiten.results import manifest
from saiten.values import replace

LOGS = {
    "gridengine": ("{name}.o{id}", "{name}.e{id}"),
    "local": ("{name}.o{id}", "{name}.e{id}"),
    "slurm": ("{name}.o{id}", "{name}.e{id}"),
    "pbs": ("{id}.OU", "{id}.ER"),
}
SERVER_LOG = "{name}.{server}{number}"
NOTICE_SHARE = 0.1
"""Of the walltime: the longest warning that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of a chain, ready to be written."""

    planned: Planned
    key: str
    before: tuple[str, ...]
    """Keys of the links before it."""
    after: str
    """Key of the link after it; empty: the last."""

    @property
    def number(self) -> int:
        """Position in the chain, from 1."""
        return len(self.before) + 1


def links_of(planned: Planned) -> list[Link]:
    """Return the links of a planned chain."""
    keys = [new_key() for _ in range(planned.packed.links)]
    following = [*keys[1:], ""]
    return [
        Link(planned=planned, key=key, before=tuple(keys[:number]), after=following[number])
        for number, key in enumerate(keys)
    ]


def submit(planned: Planned, scheduler: Scheduler, *, tell: Callable[[str], None]) -> list[Submission]:
    """Submit a job with all links of its chain. Returns what was accepted, which may end in one that was refused."""
    made: list[Submission] = []
    after = ""
    for link in links_of(planned):
        submission = submit_link(link, scheduler, after)
        made.append(submission)
        if submission.refused:
            tell(f"refused: {submission.name}: {submission.refused}")
            break
        tell(f"submitted: {submission.name} as job {submission.job_id}{chain_words(submission)}")
        after = submission.job_id
    return made


def chain_words(submission: Submission) -> str:
    """Return where in its chain a job stands, in words."""
    return f" (link {submission.link} of {submission.links})" if submission.links > 1 else ""


def submit_link(link: Link, scheduler: Scheduler, after: str) -> Submission:
    """Write a link's files and submit it."""
    planned, order = link.planned, link.planned.order
    folder, logs = folder_of(order.output), planned.logs
    try:
        folder.mkdir(parents=True, exist_ok=True)
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {error.filename}: {error.strerror}; choose another --output-dir") from error
    script = write_script(folder / f"{link.key}.sh", order.service, Path.cwd())
    write_job(job_file(folder, link.key), job_of(link, folder))
    request = JobRequest(
        name=planned.name,
        script=script,
        arguments=(str(job_file(folder, link.key)),),
        output=logs,
        node=order.kind,
        walltime=planned.packed.walltime,
        group=order.group,
        priority=order.priority,
        after=(after,) if after else (),
        notice=notice(planned),
    )
    submission = write_submission(folder, described(link, request, scheduler))
    try:
        job_id = scheduler.submit(request)
    except SchedulerError as error:
        return write_submission(folder, replace(submission, refused=str(error)))
    out, err = (name.format(name=planned.name, id=job_id) for name in LOGS[order.service.scheduler])
    server = SERVER_LOG.format(name=planned.name, server=order.spec.provider, number=job_id.partition(".")[0])
    return write_submission(
        folder,
        replace(
            submission,
            job_id=job_id,
            stdout=str(logs / out),
            stderr=str(logs / err),
            server_log=str(logs / server) if order.needs_server else "",
        ),
    )


def notice(planned: Planned) -> int:
    """Return how long before its end a job wants to be warned, seconds."""
    service = planned.order.service
    return min(service.notice_seconds or service.kill_seconds, round(NOTICE_SHARE * planned.packed.walltime))


def described(link: Link, request: JobRequest, scheduler: Scheduler) -> Submission:
    """Return the record of a link that is about to be submitted."""
    planned, order, packed = link.planned, link.planned.order, link.planned.packed
    run = order.layout.run.absolute()
    return Submission(
        key=link.key,
        service=order.service.name,
        scheduler=order.service.scheduler,
        place=place_of(order.service),
        node_kind=order.kind.name,
        name=planned.name,
        model=order.spec.model,
        provider=order.spec.provider,
        settings=order.spec.settings,
        benchmarks=planned.benchmarks,
        run=str(run),
        progress=str(run / Part(name=planned.part).progress_file),
        output=str(request.output),
        argv=tuple(scheduler.argv(request)),
        walltime=packed.walltime,
        estimate=round(packed.estimate),
        estimate_source="; ".join(dict.fromkeys(size.expected.source for size in packed.sizes)),
        group=order.group,
        priority=order.priority if order.priority is not None else order.service.default_priority,
        shard=(planned.shard, order.shards),
        link=link.number,
        links=packed.links,
        predecessor=link.before[-1] if link.before else "",
        successor=link.after,
        submitted=time.time(),
    )


def job_of(link: Link, folder: Path) -> JobFile:
    """Return what the job is told."""
    planned, order = link.planned, link.planned.order
    part = Part(name=planned.part, benchmarks=planned.benchmarks, shard=planned.shard, shards=order.shards)
    return JobFile(
        spec=order.spec,
        access=told_access(order.access),
        budget=budget_of(planned),
        part=part,
        key=link.key,
        directory=str(folder),
        output=str(order.output.absolute()),
        walltime=planned.packed.walltime,
        kill_seconds=order.service.kill_seconds,
        before=link.before,
        logs=str(planned.logs),
        save_details=order.save_details,
        accept_changes=order.accept_changes,
        scratch=order.service.scratch,
        environment=forwarded(os.environ) | dict(order.environment),
    )


def budget_of(planned: Planned) -> float | None:
    """Return what a job may spend, where others spend of the same budget: its share of what is left now."""
    most = planned.order.access.max_cost
    if most is None or planned.share >= 1.0:
        return None
    told = (manifest.read(planned.order.layout.run) or {}).get("cost") or {}
    return max(0.0, most - float(told.get("spent", 0.0))) * planned.share


def look_once(submissions: Sequence[Submission], scheduler: Scheduler) -> list[JobStatus]:
    """Ask once about new jobs, and return those that will never run: an accepted job is not always a good one."""
    ids = [submission.job_id for submission in submissions if submission.job_id]
    seen = scheduler.poll(ids) if ids else {}
    return [status for status in seen.values() if status.state in {JobState.FAILED, JobState.CANCELLED, JobState.LOST}]
