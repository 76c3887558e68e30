"""The scheduler layer on a real Grid Engine and a real Slurm: every way in which a job can end, told truthfully."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.rigs import Rig, linked, open_rig, own
from tests.helpers.shared import ROOT
from tests.unit.clusters.requests import AWKWARD

pytestmark = pytest.mark.real

JOB = """\
#!/bin/bash
trap '' USR1 USR2
printf '%s\\n' "$@" >"$1.seen"
echo to stdout
echo to stderr >&2
case $2 in
  exit) exit "$3" ;;
  sleep) sleep "$3" ;;
esac
"""
ENDED = {"done", "failed", "cancelled", "lost"}


class Jobs:
    """A folder of jobs on one rig."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig, self.folder = rig, folder
        self.script = folder / "job.sh"
        self.script.write_text(JOB)
        self.logs = folder / "logs"
        self.logs.mkdir()
        for path in (self.script, self.logs):
            own(path)

    def ask(self, verb: str, **asked: Any) -> Any:
        drive = linked(ROOT / "tests" / "real" / "rigs") / "drive.py"
        question = json.dumps({"service": self.rig.service, "verb": verb, **asked})
        done = self.rig.python(str(drive), question, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        if "refused" in told:
            raise AssertionError(told["refused"])
        return told["answer"]

    def submit(self, name: str, *arguments: str, **more: Any) -> str:
        asked = {
            "name": name,
            "script": str(self.script),
            "arguments": [str(self.folder / name), *arguments],
            "output": str(self.logs),
            "node": self.rig.node_kind,
            "walltime": 600,
            "group": self.rig.group,
        } | more
        return str(self.ask("submit", **asked))

    def state(self, job: str) -> dict[str, Any]:
        """What one question tells; what left the list is asked for its end."""
        told: dict[str, Any] = self.ask("poll", ids=[job]).get(job) or self.ask("final", job=job)
        return told

    def until(self, job: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        found: dict[str, Any] = eventually(lambda: self.state(job), lambda status: status["state"] in states, seconds)
        return found


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(0.5)
    return seen


@pytest.fixture(scope="module", params=["tsubame", "slurm"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return open_rig(request.param)


@pytest.fixture
def jobs(rig: Rig, request: pytest.FixtureRequest) -> Jobs:
    return Jobs(rig, rig.folder(request.node.originalname))


def log(jobs: Jobs, name: str, job: str, letter: str) -> str:
    return (jobs.logs / f"{name}.{letter}{job}").read_text()


def test_a_job_that_succeeds(jobs: Jobs) -> None:
    job = jobs.submit("ja_gpqa", "exit", "0", *AWKWARD)
    ended = jobs.until(job, *ENDED)
    assert (ended["state"], ended["exit_status"]) == ("done", 0)
    seen = (jobs.folder / "ja_gpqa.seen").read_text().splitlines()
    assert seen == [str(jobs.folder / "ja_gpqa"), "exit", "0", *AWKWARD]  # byte for byte
    assert log(jobs, "ja_gpqa", job, "o") == "to stdout\n"
    assert log(jobs, "ja_gpqa", job, "e") == "to stderr\n"


def test_a_job_that_exits_with_a_status(jobs: Jobs) -> None:
    ended = jobs.until(jobs.submit("en_mmlu", "exit", "3"), *ENDED)
    assert (ended["state"], ended["exit_status"]) == ("failed", 3)
    assert ended["reason"] == "exited with status 3"


def test_a_job_that_is_cancelled_while_it_runs(jobs: Jobs) -> None:
    job = jobs.submit("running", "sleep", "300")
    jobs.until(job, "running")
    jobs.ask("cancel", ids=[job])
    ended = jobs.until(job, *ENDED)
    if jobs.rig.service == "slurm":
        assert ended["state"] == "cancelled"
    else:  # Grid Engine's record does not tell qdel from another kill; our own record does
        assert ended["state"] == "failed"
        assert ended["reason"].startswith("killed by signal 9")


def test_a_job_that_is_cancelled_before_it_runs_and_who_waited_for_it(jobs: Jobs) -> None:
    first = jobs.submit("first", "sleep", "300")
    second = jobs.submit("second", "exit", "0", after=[first])
    assert jobs.until(second, "held")["state"] == "held"
    third = jobs.submit("third", "exit", "0", after=[second])
    jobs.ask("cancel", ids=[second, "99999999"])
    ended = eventually(lambda: jobs.state(second), lambda status: status["state"] in {"unknown", "cancelled"}, 60)
    assert ended["state"] == ("cancelled" if jobs.rig.service == "slurm" else "unknown")
    assert jobs.until(third, "done")["exit_status"] == 0  # both schedulers let it run
    jobs.ask("cancel", ids=[first])


def test_a_job_that_is_cancelled_while_it_waits_for_room(jobs: Jobs) -> None:
    with jobs.rig.full():
        job = jobs.submit("waiting", "exit", "0")
        waiting = jobs.until(job, "queued", "running")
        assert waiting["state"] == "queued"
        jobs.ask("cancel", ids=[job])
        ended = eventually(lambda: jobs.state(job), lambda status: status["state"] in {"unknown", "cancelled"}, 60)
        assert ended["state"] == ("cancelled" if jobs.rig.service == "slurm" else "unknown")  # it has no record there
        assert job not in jobs.rig.listing()
    assert not (jobs.folder / "waiting.seen").exists()


def test_a_job_that_reaches_its_walltime(jobs: Jobs) -> None:
    seconds = 5 if jobs.rig.service == "tsubame" else 60  # Slurm counts in minutes
    ended = jobs.until(jobs.submit("wall", "sleep", "300", walltime=seconds), *ENDED, seconds=150)
    assert ended["state"] == "failed"
    assert ended["walltime_reached"]
    assert ended["reason"] == "it reached its walltime"


def test_a_job_whose_log_directory_vanished(jobs: Jobs) -> None:
    deep = jobs.folder / "deep"  # Grid Engine writes a file called `logs` where only the last folder is missing
    (deep / "logs").mkdir(parents=True)
    own(deep / "logs")
    blocker = jobs.submit("blocker", "sleep", "6")
    job = jobs.submit("vanished", "exit", "0", after=[blocker], output=str(deep / "logs"))
    deep.rename(jobs.folder / "elsewhere")
    ended = jobs.until(job, *ENDED)
    assert ended["state"] == "failed"
    assert not (jobs.folder / "vanished.seen").exists()
    reason = jobs.ask("final", job=job)["reason"]
    assert "output" in reason, reason
    jobs.ask("cancel", ids=[job])


def test_a_job_that_nobody_knows(jobs: Jobs) -> None:
    assert jobs.ask("poll", ids=["99999999"]) == {}
    assert jobs.ask("final", job="99999999")["state"] in {"unknown", "lost"}


def test_what_the_site_refuses(jobs: Jobs) -> None:
    if jobs.rig.service == "tsubame":
        with pytest.raises(AssertionError, match="at most 0:03:00 without TSUBAME_GROUP"):
            jobs.submit("trial", "exit", "0", group="")
        with pytest.raises(AssertionError, match=r"qsub refused other: .*nobody"):
            jobs.submit("other", "exit", "0", group="nobody")
    else:
        with pytest.raises(AssertionError, match="sbatch refused many"):
            jobs.submit("many", "exit", "0", node="gpu_9")
