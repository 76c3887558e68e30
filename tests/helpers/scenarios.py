"""What happens to jobs, whichever scheduler runs them: submitted, too short, killed, deleted, bereft of their folder.

Each scenario talks to `saiten` and to our own record alone, so it is the same on every scheduler. The model is behind
`Site.model`: a server of the test that answers slowly, or the embedded one that the job starts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from saiten.clusters.record import (
    JobReport,
    Submission,
    folder_of,
    read_report,
    read_submissions,
)

Numbers = Mapping[str, Any]
WAITS_FOR_ROOM = {"qw", "PENDING Resources"}
"""What Grid Engine and Slurm say of a job that would run if there were room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a scenario runs."""

    service: str
    node_kind: str
    folder: Path
    """Working folder and output folder, empty at first."""
    saiten: Callable[..., subprocess.CompletedProcess[str]]
    """Runs `saiten` in the folder, as the user that submits."""
    model: Sequence[str]
    """The model and how it is reached, as `saiten run` and `saiten submit` take it."""
    group: str = ""
    short: str = "0:00:12"
    """A walltime in which the server is reached and a part of the answers comes."""
    seconds: float = 120.0
    """How long a job may take in all."""
    kill: Callable[[int], None] = lambda pid: os.kill(pid, signal.SIGKILL)
    """Kills a process of a job, as its node does."""

    @property
    def submissions(self) -> list[Submission]:
        """What was submitted so far."""
        return list(read_submissions(folder_of(self.folder)))

    def report(self, submission: Submission) -> JobReport | None:
        """What a job says of itself."""
        return read_report(folder_of(self.folder), submission.key)

    def submit(self, benchmarks: Sequence[Path | str], *more: str, status: int = 0) -> list[Submission]:
        """Submit, and return the new submissions."""
        before = {submission.key for submission in self.submissions}
        where = ["--service", self.service, "--node-kind", self.node_kind, "--yes"]
        where += ["--group", self.group] if self.group else []
        names = ",".join(map(str, benchmarks))
        done = self.saiten("submit", *self.model, "--benchmarks", names, *where, *more)
        assert done.returncode == status, done.stderr + done.stdout
        return [submission for submission in self.submissions if submission.key not in before]

    def until(self, what: Callable[[], bool], words: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + self.seconds
        while not what():
            assert time.monotonic() < deadline, f"{words}: not within {self.seconds:g} s\n{self.logs()}"
            time.sleep(0.1)

    def ended(self, *submissions: Submission) -> list[JobReport]:
        """Wait until jobs have ended, and return what they say."""
        found: list[JobReport] = []
        for submission in submissions:
            self.until(lambda one=submission: self._finished(one), f"{submission.name} ends")  # type: ignore[misc]
            report = self.report(submission)
            assert report is not None
            found.append(report)
        return found

    def _finished(self, submission: Submission) -> bool:
        report = self.report(submission)
        return report is not None and report.finished is not None

    def running(self, submission: Submission) -> JobReport:
        """Wait until a job has brought an answer, and return its report."""
        self.until(lambda: self.answers(submission) > 0, f"{submission.name} brings an answer")
        report = self.report(submission)
        assert report is not None
        return report

    @staticmethod
    def answers(submission: Submission) -> int:
        """How many answers a job's heartbeat counts."""
        try:
            return int(json.loads(Path(submission.progress).read_text())["answered"])
        except (OSError, ValueError, KeyError):
            return 0

    def numbers(self) -> Numbers:
        """Every metric, coverage and count of the newest results: must not depend on what happened on the way."""
        newest = max(self.folder.glob("outputs/results/**/results_*.json"), key=lambda path: path.name)
        benchmarks = json.loads(newest.read_text())["saiten"]["benchmarks"]
        return {
            name: {key: value[key] for key in ("metrics", "evidence", "documents")}
            for name, value in benchmarks.items()
        }

    def logs(self) -> str:
        """The last words of all jobs, for a test that failed."""
        files = {Path(name) for one in self.submissions for name in (one.stdout, one.stderr) if name}
        return "\n".join(f"--- {path}\n{path.read_text()[-1500:]}" for path in sorted(files) if path.exists())

    def undisturbed(self, benchmarks: Sequence[Path | str], *more: str) -> Numbers:
        """Run the same without any scheduler, and return the numbers."""
        aside = self.folder / "undisturbed"
        names = ",".join(map(str, benchmarks))
        done = self.saiten("run", *self.model, "--benchmarks", names, "--output-dir", str(aside), *more)
        assert done.returncode == 0, done.stderr
        newest = next(aside.glob("outputs/results/**/results_*.json"))
        benchmarks_of = json.loads(newest.read_text())["saiten"]["benchmarks"]
        shutil.rmtree(aside)
        return {
            name: {key: value[key] for key in ("metrics", "evidence", "documents")}
            for name, value in benchmarks_of.items()
        }


def two_benchmarks(site: Site, benchmarks: Sequence[Path | str], expected: Numbers, *more: str) -> Submission:
    """Two benchmarks share one job; its logs have the names that they always had, and the numbers are right."""
    (job,) = site.submit(benchmarks, *more)
    assert len(job.benchmarks) == len(benchmarks)
    (report,) = site.ended(job)
    assert report.exit_status == 0, (report.reason, site.logs())
    assert report.new == report.due == sum(report.choices.values())
    assert report.job_id.partition(".")[0] == job.job_id.partition(".")[0]
    assert Path(job.stdout).is_file()
    assert Path(job.stderr).is_file()
    assert site.numbers() == expected
    assert (Path(job.run) / "aggregated_results.json").is_file()
    again = site.saiten("resubmit", "--yes")
    assert "nothing is left to submit" in again.stdout, again.stdout + again.stderr
    return job


def one_job_each(site: Site, benchmarks: Sequence[Path | str], expected: Numbers, *more: str) -> list[Submission]:
    """Each benchmark has a job of its own, beside the others on one run directory; aggregated in the end."""
    jobs = site.submit(benchmarks, "--one-job-per-benchmark", *more)
    assert [len(job.benchmarks) for job in jobs] == [1] * len(benchmarks)
    for job, report in zip(jobs, site.ended(*jobs), strict=True):
        assert report.exit_status == 0, (report.reason, site.logs())
        assert Path(job.stdout).parent.name == job.benchmarks[0]
        assert Path(job.stdout).name.startswith(("ja_", "en_", job.job_id.partition(".")[0]))
    rows = json.loads((Path(jobs[0].run) / "aggregated_results.json").read_text())
    assert rows["complete"], rows
    found: dict[str, Any] = {}
    for path in site.folder.glob("outputs/results/**/results_*.json"):
        benchmarks_of = json.loads(path.read_text())["saiten"]["benchmarks"]
        for name, value in benchmarks_of.items():
            found[name] = {key: value[key] for key in ("metrics", "evidence", "documents")}
    assert found == expected
    return jobs


def chain(site: Site, benchmark: Path | str, expected: Numbers, *more: str, links: int = 4) -> list[JobReport]:
    """Jobs that are too short: each goes on where the one before stopped, the last ones find nothing to do."""
    jobs = site.submit([benchmark], "--walltime", site.short, "--chain", str(links), *more)
    assert [job.link for job in jobs] == list(range(1, links + 1))
    reports = site.ended(*jobs)
    assert reports[0].exit_status == 3, (reports[0].reason, site.logs())
    assert 0 < reports[0].new < reports[0].due
    worked = [report for report in reports if report.new]
    assert len(worked) > 1
    assert sum(report.new for report in reports) == reports[0].due
    assert reports[-1].exit_status == 0, (reports[-1].reason, site.logs())
    for earlier, later in pairwise(reports):
        assert later.started >= (earlier.finished or 0) - 1
    assert site.numbers() == expected
    return reports


def idle_chain(site: Site, benchmark: Path | str, *more: str) -> list[JobReport]:
    """Links that bring nothing: after two of them the chain ends at once, and says why."""
    jobs = site.submit([benchmark], "--walltime", site.short, "--chain", "4", *more)
    reports = site.ended(*jobs)
    assert not any(report.new for report in reports)
    assert "brought no new choice" in reports[2].reason
    assert "brought no new choice" in reports[3].reason
    assert reports[3].exit_status == 3
    return reports


def killed(site: Site, benchmark: Path | str, expected: Numbers, *more: str) -> None:
    """The job's process is killed in the middle; `resubmit` submits the rest, and only that."""
    (job,) = site.submit([benchmark], *more)
    report = site.running(job)
    site.kill(report.pid)
    time.sleep(1.0)
    told = site.report(job)
    assert told is not None
    assert told.finished is None
    site.until(lambda: "jobs still" not in site.saiten("resubmit", "--dry-run").stderr, "the job is over")
    before = {submission.key for submission in site.submissions}
    done = site.saiten("resubmit", "--yes")
    assert done.returncode == 0, done.stderr
    (again,) = [submission for submission in site.submissions if submission.key not in before]
    (second,) = site.ended(again)
    assert second.exit_status == 0, (second.reason, site.logs())
    assert 0 < second.before < second.due
    assert site.numbers() == expected


def cancelled(site: Site, benchmark: Path | str, expected: Numbers, *more: str) -> None:
    """Jobs are deleted while they wait and while they run, successors with them; what was answered stays."""
    running, held = site.submit([benchmark], "--chain", "2", *more)
    site.running(running)
    done = site.saiten("cancel", running.job_id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cancelled: ") == 2
    site.until(lambda: "jobs still" not in site.saiten("resubmit", "--dry-run").stderr, "the jobs are over")
    assert all(submission.cancelled for submission in site.submissions)
    assert site.report(held) is None
    assert "nothing to cancel" in site.saiten("cancel", "--all").stdout
    before = {submission.key for submission in site.submissions}
    assert site.saiten("resubmit", "--yes", "--chain", "1").returncode == 0
    (again,) = [submission for submission in site.submissions if submission.key not in before]
    (report,) = site.ended(again)
    assert (report.exit_status, report.before > 0) == (0, True), (report.reason, site.logs())
    assert site.numbers() == expected


def cancelled_while_queued(site: Site, benchmark: Path | str, listed: Callable[[], Mapping[str, str]]) -> None:
    """A job waits for room that there is not, and is deleted: told once, and nothing of it has run.

    `listed`: what the scheduler lists, by its own command.
    """
    (job,) = site.submit([benchmark])
    site.until(lambda: listed().get(job.job_id) in WAITS_FOR_ROOM, f"job {job.job_id} waits for room")
    (row,) = json.loads(site.saiten("status", "--json").stdout)
    assert (row["state"], row["left"]) == ("queued", False), row
    done = site.saiten("cancel", job.job_id)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cancelled: {job.name}, job {job.job_id} on {site.service}\n"
    first, second = site.saiten("status").stdout, site.saiten("status").stdout
    assert first.startswith(f"ended since the last look:\n  {job.job_id}  {job.name}: cancelled"), first
    assert "ended since" not in second, second
    (row,) = json.loads(site.saiten("status", "--json").stdout)
    assert (row["state"], row["left"], row["reason"]) == ("cancelled", False, "cancelled before it ran"), row
    site.until(lambda: job.job_id not in listed(), "the scheduler's list is empty of it")
    assert "nothing to cancel" in site.saiten("cancel", "--all").stdout


def nothing_ran(site: Site) -> None:
    """No job has left a trace: no report, no log, no run directory with records."""
    for submission in site.submissions:
        assert site.report(submission) is None
        assert not any(Path(name).exists() for name in (submission.stdout, submission.stderr) if name)
        assert not [*Path(submission.run).rglob("*.jsonl")]


def vanished(site: Site, benchmark: Path | str, expected: Numbers, *more: str) -> None:
    """The run directory is removed under a running job: nothing that was answered is lost, or taken for complete."""
    (job,) = site.submit([benchmark], *more)
    site.running(job)
    shutil.rmtree(job.run)
    (report,) = site.ended(job)
    if report.exit_status != 0:
        assert report.exit_status in {3, 4}, (report.reason, site.logs())
        assert site.saiten("resubmit", "--yes").returncode == 0
        (report,) = site.ended(site.submissions[-1])
        assert report.exit_status == 0, (report.reason, site.logs())
    records = sum(path.read_bytes().count(b"\n") for path in Path(job.run).glob("*/*/generations/*.jsonl"))
    assert records >= report.due
    assert site.numbers() == expected


def shards(site: Site, benchmark: Path | str, expected: Numbers, *more: str) -> list[JobReport]:
    """Three jobs share one benchmark; each asks its third, and the last one writes the results."""
    jobs = site.submit([benchmark], "--shards", "3", *more)
    assert [job.shard for job in jobs] == [(0, 3), (1, 3), (2, 3)]
    reports = site.ended(*jobs)
    assert [report.exit_status for report in reports] == [0, 0, 0], site.logs()
    assert all(report.new == report.due for report in reports)
    assert site.numbers() == expected
    return reports
