"""Slurm: what is submitted, and what is read from real output."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.clusters.scheduler import JobState, SchedulerError
from saiten.clusters.services import SLURM
from saiten.clusters.slurm import Slurm, read_sacct, read_scontrol, read_squeue, told
from tests.helpers.shared import shared_path
from tests.unit.clusters.commands import Commands, commands
from tests.unit.clusters.requests import AWKWARD, request

__all__ = ["commands"]
FIXTURES = "fixtures/schedulers/slurm"
SLURM_JOBS = Slurm(SLURM)


def test_a_submission_is_one_command_without_a_shell(tmp_path: Path) -> None:
    output = tmp_path / "a%2Eb"
    output.mkdir()
    argv = SLURM_JOBS.argv(
        request(tmp_path, SLURM, "gpu_2", arguments=AWKWARD, after=("7", "8"), notice=120, output=output)
    )
    log = f"{tmp_path}/a%%2Eb/ja_gpqa"
    assert argv == [
        *("sbatch", "--parsable", "-A", "tga-x", "--gres=gpu:2", "-t", "1:30:00", "-J", "ja_gpqa"),
        *("-o", f"{log}.o%j", "-e", f"{log}.e%j", "--open-mode=append", "--signal=B:USR1@120"),
        *("--dependency=afterany:7:8", "--kill-on-invalid-dep=yes", str(tmp_path / "job.sh"), *AWKWARD),
    ]


def test_a_job_without_gpus_asks_for_none(tmp_path: Path) -> None:
    assert not [part for part in SLURM_JOBS.argv(request(tmp_path, SLURM, "cpu")) if "gres" in part]


@pytest.mark.parametrize(
    ("words", "code", "state", "exit_status", "reason"),
    [
        ("COMPLETED", "0:0", JobState.DONE, 0, ""),
        ("FAILED", "7:0", JobState.FAILED, 7, "exited with status 7"),
        ("FAILED", "0:53", JobState.FAILED, None, "output file could not be opened"),
        ("FAILED", "0:9", JobState.FAILED, None, "killed by signal 9"),
        ("TIMEOUT", "0:15", JobState.FAILED, None, "reached its walltime"),
        ("TIMEOUT", "0:9", JobState.FAILED, None, "reached its walltime"),
        ("CANCELLED by 1002", "0:0", JobState.CANCELLED, 0, "cancelled by 1002"),
        ("CANCELLED+", "0:15", JobState.CANCELLED, None, "cancelled+"),
        ("OUT_OF_MEMORY", "0:125", JobState.FAILED, None, "more memory"),
        ("NODE_FAIL", "1:0", JobState.FAILED, 1, "node failed"),
        ("PREEMPTED", "0:0", JobState.FAILED, 0, "another job"),
        ("COMPLETING", "0:0", JobState.ENDING, None, ""),
        ("SUSPENDED", "0:0", JobState.HELD, None, "suspended"),
        ("SOMETHING_NEW", "", JobState.UNKNOWN, None, ""),
    ],
)
def test_how_a_job_ended(words: str, code: str, state: JobState, exit_status: int | None, reason: str) -> None:
    status = told("1", words, "None", code)
    assert (status.state, status.exit_status) == (state, exit_status)
    assert reason in status.reason
    assert status.walltime_reached == (words == "TIMEOUT")


@pytest.mark.parametrize(
    ("reason", "state", "words"),
    [
        ("Resources", JobState.QUEUED, "Resources"),
        ("Dependency", JobState.HELD, "waits for another job"),
        ("DependencyNeverSatisfied", JobState.HELD, "never start"),
        ("PartitionTimeLimit", JobState.QUEUED, "never start"),
        ("JobHeldUser", JobState.HELD, "it is held"),
    ],
)
def test_why_a_job_waits(reason: str, state: JobState, words: str) -> None:
    status = told("1", "PENDING", reason, "")
    assert status.state is state
    assert words in status.reason


def test_submit_reads_the_number(commands: Commands, tmp_path: Path) -> None:
    commands.add("sbatch", "123;cluster\n")
    assert SLURM_JOBS.submit(request(tmp_path, SLURM, "cpu")) == "123"
    commands.add("sbatch", err="sbatch: error: Batch job submission failed: Invalid partition\n", status=1)
    with pytest.raises(SchedulerError, match=r"sbatch refused ja_gpqa: .*Invalid partition"):
        SLURM_JOBS.submit(request(tmp_path, SLURM, "cpu"))


def test_one_question_for_all_jobs(commands: Commands) -> None:
    commands.add("squeue", "12|RUNNING|None|48\n13|PENDING|Dependency|1\n99|RUNNING|None|8\n")
    found = SLURM_JOBS.poll(["12", "13", "14"])
    assert {job: status.state for job, status in found.items()} == {"12": JobState.RUNNING, "13": JobState.HELD}
    assert (found["12"].slots, found["13"].slots) == (48, 1)
    assert len(commands.calls()) == 1
    commands.add("squeue", err="slurm_load_jobs error: Unable to contact slurm controller\n", status=1)
    with pytest.raises(SchedulerError, match="Unable to contact"):
        SLURM_JOBS.poll(["12"])


def test_a_forgotten_job_is_asked_of_the_accounting(commands: Commands) -> None:
    commands.add("scontrol", err="slurm_load_jobs error: Invalid job id specified\n", status=1)
    commands.add("sacct", "9|wall|TIMEOUT|0:9|00:01:07|00:01:00|2026-11-23T17:37:05|2026-11-23T17:38:12|None\n")
    assert SLURM_JOBS.final("9").walltime_reached


@pytest.mark.parametrize(("out", "err", "status"), [("", "", 0), ("", "Slurm accounting storage is disabled\n", 1)])
def test_without_accounting_a_forgotten_job_is_lost(commands: Commands, out: str, err: str, status: int) -> None:
    commands.add("scontrol", err="slurm_load_jobs error: Invalid job id specified\n", status=1)
    commands.add("sacct", out, err=err, status=status)
    found = SLURM_JOBS.final("9")
    assert found.state is JobState.LOST
    assert ("disabled" in found.reason) == bool(err)


def test_a_controller_that_is_away_is_no_end(commands: Commands) -> None:
    commands.add("scontrol", err="slurm_load_jobs error: Unable to contact slurm controller\n", status=1)
    commands.add("sacct", status=1)
    with pytest.raises(SchedulerError, match="Unable to contact"):
        SLURM_JOBS.final("9")


def test_cancelling_what_ended_is_no_error(commands: Commands) -> None:
    commands.add("scancel", err="scancel: error: Kill job error on job id 9: Invalid job id specified\n", status=1)
    SLURM_JOBS.cancel(["9"])
    ended = "scancel: error: Kill job error on job id 9: Job/step already completing or completed\n"
    commands.add("scancel", err=ended, status=1)
    SLURM_JOBS.cancel(["9"])
    commands.add("scancel", err="scancel: error: Access/permission denied\n", status=1)
    with pytest.raises(SchedulerError, match="denied"):
        SLURM_JOBS.cancel(["9"])


# ------------------------------------------------------------------------------------------- real output


def fixture(name: str) -> str:
    return (shared_path(FIXTURES) / name).read_text()


def test_real_queue() -> None:
    assert {job: status.state for job, status in read_squeue(fixture("squeue_pipe.txt")).items()} == {
        "26_[2-3%1]": JobState.QUEUED,
        "26_1": JobState.RUNNING,
        "27": JobState.RUNNING,
        "3": JobState.HELD,
        "8": JobState.QUEUED,
        "25": JobState.HELD,
        "23": JobState.RUNNING,
        "24": JobState.RUNNING,
    }


def test_real_accounting() -> None:
    found = read_sacct(fixture("sacct_pipe.txt"))
    assert {job: (status.state, status.exit_status) for job, status in found.items()} == {
        "9": (JobState.FAILED, None),
        "23": (JobState.DONE, 0),
        "24": (JobState.FAILED, 7),
        "25": (JobState.HELD, None),
        "27": (JobState.CANCELLED, 0),
        "26_1": (JobState.DONE, 0),
        "26_2": (JobState.DONE, 0),
        "26_3": (JobState.RUNNING, None),
    }
    assert found["9"].walltime_reached
    assert found["27"].reason == "cancelled by 1002"


@pytest.mark.parametrize(
    ("name", "job", "state", "exit_status", "words"),
    [
        ("running", "23", JobState.RUNNING, None, ""),
        ("o_running", "23", JobState.RUNNING, None, ""),
        ("failed", "24", JobState.FAILED, 7, "exited with status 7"),
        ("cancelled", "27", JobState.CANCELLED, None, "cancelled"),
        ("neverok", "25", JobState.HELD, None, "never start"),
    ],
)
def test_real_controller(name: str, job: str, state: JobState, exit_status: int | None, words: str) -> None:
    status = read_scontrol(fixture(f"scontrol_{name}.txt"), job)
    assert status is not None
    assert (status.state, status.exit_status) == (state, exit_status)
    assert words in status.reason
    assert status.slots == 1


def test_real_complaints(commands: Commands, tmp_path: Path) -> None:
    commands.add("sbatch", err=fixture("err_partition.txt").replace("rc=1\n", ""), status=1)
    with pytest.raises(SchedulerError, match="invalid partition specified: nosuch"):
        SLURM_JOBS.submit(request(tmp_path, SLURM, "cpu"))
    commands.add("scontrol", err=fixture("scontrol_unknown.txt").replace("rc=1\n", ""), status=1)
    commands.add("sacct")
    assert SLURM_JOBS.final("9").state is JobState.LOST
