"""A job of a scheduler: `saiten run --job FILE` from its first to its last second, with a report of what it came to."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.cli.running import execute, with_environment
from saiten.clusters.chain import look_back
from saiten.clusters.heartbeat import Heartbeat, read_heartbeat
from saiten.clusters.job import KILL_SERVER_SHARE, JobFile, ends, enter, read_job, with_end
from saiten.clusters.record import JobReport, read_report, write_report
from saiten.engine.presence import wait_for_silence
from saiten.engine.signals import SIGNALS
from saiten.errors import Exit, Interrupted, SaitenError
from saiten.evaluate import standing, starting
from saiten.models.provider_table import find_provider
from saiten.results.layout import Layout
from saiten.values import replace

if TYPE_CHECKING:
    from types import FrameType

    from saiten.types import Access

ID_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "JOB_ID")


def run_job(path: Path) -> int:
    """Do what a job file says; return the exit status. What it came to stands in its report, whatever happens."""
    listen()
    job = read_job(path)
    os.environ.update(enter(job))
    tempfile.tempdir = None  # it was asked before TMPDIR was known
    end = ends(job, os.environ)
    access = with_end(job, end)
    report = JobReport(
        job_id=next((os.environ[name] for name in ID_VARIABLES if os.environ.get(name)), ""),
        host=socket.gethostname(),
        pid=os.getpid(),
        started=time.time(),
        ends=end,
    )
    status, reason = int(Exit.BUG), "an error of saiten itself: see the log"
    try:
        report, status, reason = work(job, access, report)
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


def work(job: JobFile, access: Access, report: JobReport) -> tuple[JobReport, int, str]:
    """Look back, wait for the dead, then run. Returns what is known of the job, its exit status and the reason."""
    layout, folder, part = layout_of(job), Path(job.directory), access.part
    counts = standing(job.spec, layout, part).values()
    answered, verified = sum(one.answered for one in counts), sum(one.verified for one in counts)
    report = replace(
        report, due=sum(one.due for one in counts), before=answered, after=answered, verified_before=verified
    )
    write_report(folder, job.key, report)
    verdict = look_back([read_report(folder, key) for key in job.before], answered + verified)
    if verdict is not None:
        tell(verdict.reason)
        return report, verdict.exit, verdict.reason
    wait_for_silence(layout.run, starting(job.spec, part))
    status = execute(
        job.spec,
        with_server(job, with_environment(access, os.environ)),
        layout,
        save_details=job.save_details,
        accept_changes=job.accept_changes,
    )
    return report, status, ""


def with_server(job: JobFile, access: Access) -> Access:
    """Return the access with the model server that the run starts when something is owed; its log is the job's."""
    provider = find_provider(job.spec.provider)
    if not provider.own_server or access.base_url is not None:
        return access
    from saiten.models.reasoning import is_ours
    from saiten.servers.serving import Serving

    serving = Serving(
        spec=job.spec,
        logs=Path(job.logs),
        is_ours=is_ours,
        hurried_seconds=KILL_SERVER_SHARE * job.kill_seconds,
    )
    return replace(access, server=serving)


def tell(message: str) -> None:
    """Say what goes on, on standard error."""
    print(f"saiten: {message}", file=sys.stderr, flush=True)


def finish(job: JobFile, report: JobReport, status: int, reason: str) -> None:
    """Write the job's last word, with the counts that its heartbeat has."""
    layout = layout_of(job)
    beat = read_heartbeat(layout.run / job.part.progress_file)
    if beat is None or beat.key != job.key:  # this job did not come as far
        beat = Heartbeat()
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
            asking_seconds=max(0.0, (beat.asking_until or now) - (beat.asking_since or now)),
        ),
    )
