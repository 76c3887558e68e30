"""A job of a scheduler: `saiten run --job FILE` from its first to its last second, with a report of what it came to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from saiten.cli.running import execute
from saiten.clusters.chain import look_back
from saiten.clusters.job import JobFile, ends, enter, read_job, with_end
from saiten.clusters.record import JobReport, read_report, write_report
from saiten.engine.presence import wait_for_silence
from saiten.engine.signals import SIGNALS
from saiten.errors import Exit, Interrupted, SaitenError
from saiten.evaluate import standing, starting
from saiten.models.provider_table import find_provider
from saiten.results.layout import Layout

if TYPE_CHECKING:
    from types import FrameType

ID_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "JOB_ID")


def run_job(path: Path) -> int:
    """Do what a job file says; return the exit status. What it came to stands in its report, whatever happens."""
    listen()
    job = read_job(path)
    os.environ.update(enter(job))
    tempfile.tempdir = None  # it was asked before TMPDIR was known
    end = ends(job, os.environ)
    job = with_end(job, end)
    report = JobReport(
        job_id=next((os.environ[name] for name in ID_VARIABLES if os.environ.get(name)), ""),
        host=socket.gethostname(),
        pid=os.getpid(),
        started=time.time(),
        ends=end,
    )
    status, reason = int(Exit.BUG), "an error of saiten itself: see the log"
    try:
        report, status, reason = work(job, report)
    except SaitenError as error:
        status, reason = int(error.exit), str(error)
        raise
    finally:
        finish(job, report, status, reason)
    return status


def listen() -> None:
    """Turn every signal that announces the end into an exception, until the run itself listens."""

    def received(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number)
        raise Interrupted(f"stopped by {name.name}", exit_status=SIGNALS[name])

    for number in SIGNALS:
        signal.signal(number, received)


def layout_of(job: JobFile) -> Layout:
    """Return the folders of the job's run."""
    provider = find_provider(job.spec.provider)
    prefix = provider.litellm_prefix
    return Layout.of(Path(job.output), job.spec, provider_path=provider.path, litellm_prefix=prefix)


def work(job: JobFile, report: JobReport) -> tuple[JobReport, int, str]:
    """Look back, wait for the dead, then run. Returns what is known of the job, its exit status and the reason."""
    layout, folder, part = layout_of(job), Path(job.directory), job.access.part
    counts = standing(job.spec, layout, part).values()
    due, answered = sum(due for due, _ in counts), sum(answered for _, answered in counts)
    report = replace(report, due=due, before=answered, after=answered)
    write_report(folder, job.key, report)
    verdict = look_back([read_report(folder, key) for key in job.before], answered)
    if verdict is not None:
        print(f"saiten: {verdict.reason}", file=sys.stderr)
        return report, verdict.exit, verdict.reason
    wait_for_silence(layout.run, starting(job.spec, part))
    with served(job, needed=answered < due) as ready:
        status = execute(
            job.spec, ready.access, layout, save_details=job.save_details, accept_changes=job.accept_changes
        )
    return report, status, ""


@contextmanager
def served(job: JobFile, *, needed: bool) -> Iterator[JobFile]:
    """Yield the job with the address of its model server, which is started where one of ours is needed."""
    provider = find_provider(job.spec.provider)
    if not needed or provider.name != "llamacpp" or job.access.base_url is not None:
        yield job
        return
    from saiten.servers.environment import cache_directory
    from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, start_embedded

    def tell(message: str) -> None:
        print(f"saiten: {message}", file=sys.stderr, flush=True)

    cache = cache_directory(os.environ)
    python = install(cache=cache, tell=tell)
    own = job.spec.model == SMOLLM2_NAME
    model = default_model(python=python, cache=cache, tell=tell) if own else Path(job.spec.model)
    server = asyncio.run(
        start_embedded(Embedded(model=model, name=job.spec.model), python=python, directory=Path(job.logs))
    )
    try:
        access = replace(job.access, base_url=server.base_url, api_key=server.api_key, concurrency=server.slots)
        yield replace(job, access=access)
    finally:
        asyncio.run(server.stop())


def finish(job: JobFile, report: JobReport, status: int, reason: str) -> None:
    """Write the job's last word, with the counts that its heartbeat has."""
    layout = layout_of(job)
    try:
        data = (layout.run / job.access.part.progress_file).read_bytes()
        beat = msgspec.json.decode(data, type=Counts)
    except (OSError, msgspec.MsgspecError):
        beat = Counts()
    if beat.key != job.key:  # this job did not come as far
        beat = Counts()
    now = time.time()
    counted = beat.benchmarks
    write_report(
        Path(job.directory),
        job.key,
        replace(
            report,
            finished=now,
            exit_status=status,
            reason=reason or (beat.detail if status else ""),
            after=max(report.after, beat.answered),
            output_tokens={name: count.output_tokens for name, count in counted.items()},
            choices={name: count.answered - count.before for name, count in counted.items()},
            owed={name: count.due for name, count in counted.items()},
            server_seconds=max(0.0, (beat.asking_since or now) - report.started),
            asking_seconds=max(0.0, now - (beat.asking_since or now)),
        ),
    )


class Count(msgspec.Struct, frozen=True):
    """What a heartbeat says of one benchmark."""

    due: int = 0
    answered: int = 0
    before: int = 0
    output_tokens: int = 0


class Counts(msgspec.Struct, frozen=True):
    """What a heartbeat says of its process."""

    key: str = ""
    detail: str = ""
    answered: int = 0
    asking_since: float | None = None
    benchmarks: dict[str, Count] = {}
