"""Grid Engine: what is submitted, and what is read from real output."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.clusters.gridengine import GridEngine, read_qacct, read_qstat, read_qstat_j, state_of
from saiten.clusters.scheduler import JobState, SchedulerError
from saiten.clusters.services import TSUBAME
from tests.helpers.shared import shared_path
from tests.unit.clusters.commands import Commands, commands
from tests.unit.clusters.requests import AWKWARD, request

__all__ = ["commands"]
FIXTURES = "fixtures/schedulers/gridengine"
GE = GridEngine(TSUBAME)

ROW = "{:>10} {:7} {:10} {:12} {:5} {:19} {:14} {:16} {:>5} {}"
LIVE = "\n".join(
    [
        ROW.format(
            *["job-ID", "prior", "name", "user", "state", "submit/start at", "queue", "jclass", "slots", "ja-task-ID"]
        ),
        "-" * 110,
        ROW.format(
            "7001", "0.50000", "ja_jmmlu_a", "taro", "r", "11/23/2026 17:55:55", "gpu.q@r1n1", "jc.x", "48", "3"
        ),
        ROW.format("12345678", "0.00000", "en_mmlu", "taro", "hqw", "11/23/2026 17:56:02", "", "", "1", ""),
        ROW.format("7003", "0.50000", "ja_x", "taro", "Eqw", "11/23/2026 17:55:56", "", "", "1", ""),
        ROW.format("7004", "0.50000", "ja_y", "taro", "dr", "11/23/2026 17:55:56", "gpu.q@r1n1", "", "1", ""),
    ]
)
RECORD = """\
==============================================================
qname        all.q
jobname      x
jobnumber    {job}
taskid       undefined
start_time   07/01/2026 11:55:14.706
failed       {failed}
exit_status  {code}
deleted_by   {deleter}
"""


def record(failed: str, code: str, deleter: str = "NONE", job: str = "5") -> str:
    return RECORD.format(failed=failed, code=code, deleter=deleter, job=job)


def test_a_submission_is_one_command_without_a_shell(tmp_path: Path) -> None:
    argv = GE.argv(
        request(tmp_path, TSUBAME, "node_q", arguments=AWKWARD, priority=-4, after=("307", "308"), notice=60)
    )
    out = str(tmp_path / "out")
    assert argv == [
        *("qsub", "-g", "tga-x", "-l", "node_q=1", "-l", "h_rt=1:30:00", "-p", "-4", "-notify", "-N", "ja_gpqa"),
        *("-o", out, "-e", out, "-hold_jid", "307,308", str(tmp_path / "job.sh"), *AWKWARD),
    ]


def test_a_trial_has_no_group_and_is_short(tmp_path: Path) -> None:
    assert "-g" not in GE.argv(request(tmp_path, TSUBAME, "cpu_4", group="", walltime=180))
    with pytest.raises(SchedulerError, match=r"tsubame takes at most 0:03:00 without TSUBAME_GROUP"):
        GE.argv(request(tmp_path, TSUBAME, "cpu_4", group="", walltime=181))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"walltime": 86401}, "at most 24:00:00"),
        ({"priority": -2}, "priority -2: tsubame offers -5, -4, -3"),
        ({"name": "1x"}, "job name '1x'"),
        ({"output": Path("/nowhere/at/all")}, "not the absolute path of an existing directory"),
        ({"script": Path("job.sh")}, "not the absolute path of a job script"),
    ],
)
def test_what_a_site_refuses_is_told_before(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(SchedulerError, match=words):
        GE.argv(request(tmp_path, TSUBAME, "node_q", **change))


def test_a_log_directory_that_qsub_would_misread_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    with pytest.raises(SchedulerError, match="a meaning"):
        GE.argv(request(tmp_path, TSUBAME, "node_q", output=folder))


def test_the_listing_of_age_has_another_column_and_long_numbers() -> None:
    listed = read_qstat(LIVE)
    assert [status.slots for status in listed.values()] == [48, 1, 1, 1]
    assert {job: status.state for job, status in listed.items()} == {
        "7001": JobState.RUNNING,
        "12345678": JobState.HELD,
        "7003": JobState.FAILED,
        "7004": JobState.ENDING,
    }


@pytest.mark.parametrize(
    ("letters", "state"),
    [
        ("qw", JobState.QUEUED),
        ("hqw", JobState.HELD),
        ("hRwq", JobState.HELD),
        ("Rq", JobState.QUEUED),
        ("t", JobState.RUNNING),
        ("Rr", JobState.RUNNING),
        ("ts", JobState.HELD),
        ("S", JobState.HELD),
        ("Ehqw", JobState.FAILED),
        ("dt", JobState.ENDING),
        ("dRr", JobState.ENDING),
    ],
)
def test_state_letters_combine(letters: str, state: JobState) -> None:
    assert state_of(letters) is state


@pytest.mark.parametrize(
    ("failed", "code", "deleter", "state", "exit_status", "words"),
    [
        ("0", "0", "NONE", JobState.DONE, 0, ""),
        ("0", "3", "NONE", JobState.FAILED, 3, "exited with status 3"),
        ("0", "138", "NONE", JobState.FAILED, None, "killed by signal 10"),
        ("37  : qmaster enforced h_rt", "137        (Killed)", "NONE", JobState.FAILED, None, "reached its walltime"),
        ("37  : qmaster enforced h_rt", "3", "NONE", JobState.FAILED, 3, "reached its walltime"),
        ("100 : assumedly after job", "137    (Killed)", "NONE", JobState.FAILED, None, "killed by signal 9"),
        ("100 : assumedly after job", "137    (Killed)", "taro", JobState.CANCELLED, None, "deleted by taro"),
        ("26  : opening input/output file", "0", "NONE", JobState.FAILED, None, "could not be opened"),
        ("30  : application error returned", "100", "NONE", JobState.FAILED, 100, "error state"),
        ("25  : rescheduling", "99", "NONE", JobState.UNKNOWN, None, "back into the queue"),
        ("19  : before writing exit_status", "0", "NONE", JobState.FAILED, None, "before writing exit_status"),
        ("?", "0", "NONE", JobState.UNKNOWN, None, "cannot be read"),
    ],
)
def test_how_a_job_ended(
    failed: str, code: str, deleter: str, state: JobState, exit_status: int | None, words: str
) -> None:
    status = read_qacct(record(failed, code, deleter), "5")
    assert status is not None
    assert (status.state, status.exit_status) == (state, exit_status)
    assert words in status.reason
    assert status.walltime_reached == failed.startswith("37")


def test_of_several_records_the_last_counts_and_other_jobs_do_not() -> None:
    text = record("25  : rescheduling", "99") + record("0", "0") + record("0", "7", job="6")
    status = read_qacct(text, "5")
    assert status is not None
    assert status.state is JobState.DONE
    assert read_qacct(text, "55") is None


def test_submit_reads_the_number(commands: Commands, tmp_path: Path) -> None:
    commands.add("qsub", 'a note of the site\nYour job 307 ("ja_gpqa") has been submitted\n')
    assert GE.submit(request(tmp_path, TSUBAME, "node_q")) == "307"
    commands.add("qsub", err="Unable to run job: Job is rejected. h_rt must be specified.\nExiting.\n", status=1)
    with pytest.raises(SchedulerError, match=r"qsub refused ja_gpqa: Unable to run job: .* / Exiting\."):
        GE.submit(request(tmp_path, TSUBAME, "node_q"))


def test_one_question_for_all_jobs(commands: Commands) -> None:
    commands.add("qstat", LIVE)
    found = GE.poll(["7001", "7003", "99"])
    assert {job: status.state for job, status in found.items()} == {"7001": JobState.RUNNING, "7003": JobState.FAILED}
    assert len(commands.calls()) == 1


def test_a_scheduler_that_does_not_answer_changes_nothing(commands: Commands) -> None:
    commands.add("qstat", err="error: commlib error: got select error\n", status=1)
    with pytest.raises(SchedulerError, match="qstat does not answer"):
        GE.poll(["1"])
    commands.add("qacct", err="error: cannot open accounting file\n", status=1)
    with pytest.raises(SchedulerError, match="qacct does not answer"):
        GE.final("1")


def test_no_record_yet_is_unknown_and_an_error_state_tells_its_reason(commands: Commands) -> None:
    commands.add("qacct", err="error: job id 7 not found\n", status=1)
    commands.add("qstat", err="Following jobs do not exist: \n7\n", status=1)
    assert GE.final("7").state is JobState.UNKNOWN
    commands.add("qstat", "error reason    1:   11/23/2026 17:56:00 [1002:19]: error: can't open output file\n")
    assert (GE.final("7").state, GE.final("7").reason) == (JobState.FAILED, "error state: can't open output file")


def test_cancelling_what_ended_is_no_error(commands: Commands) -> None:
    commands.add("qdel", "taro has deleted job 3\n", err='denied: job "4" does not exist\n', status=1)
    GE.cancel(["3", "4"])
    commands.add("qdel", err="error: commlib error\n", status=1)
    with pytest.raises(SchedulerError, match="qdel failed"):
        GE.cancel(["3"])


def test_a_missing_command_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SchedulerError, match="no command qstat here; log in to a node that submits jobs"):
        GE.poll(["1"])


# ------------------------------------------------------------------------------------------- real output


def fixture(name: str) -> str:
    return (shared_path(FIXTURES) / name).read_text()


@pytest.mark.parametrize(
    ("name", "job", "state", "exit_status", "words"),
    [
        ("ok", "16", JobState.DONE, 0, ""),
        ("bad", "17", JobState.FAILED, 7, "exited with status 7"),
        ("wall", "18", JobState.FAILED, None, "reached its walltime"),
        ("del", "19", JobState.FAILED, None, "killed by signal 9 (qdel"),
        ("e100", "20", JobState.FAILED, 100, "exited 100"),
        ("badout", "21", JobState.FAILED, None, "could not be opened, so it never ran"),
        ("arr", "23", JobState.DONE, 0, ""),
    ],
)
def test_real_accounting(name: str, job: str, state: JobState, exit_status: int | None, words: str) -> None:
    status = read_qacct(fixture(f"qacct_{name}.txt"), job)
    assert status is not None
    assert (status.state, status.exit_status) == (state, exit_status)
    assert words in status.reason


def test_real_listings() -> None:
    assert {job: status.state for job, status in read_qstat(fixture("qstat_plain_live.txt")).items()} == {
        "19": JobState.RUNNING,
        "22": JobState.RUNNING,
        "23": JobState.RUNNING,
        "24": JobState.RUNNING,
        "21": JobState.FAILED,
        "20": JobState.FAILED,
        "25": JobState.QUEUED,
    }
    slots = {job: status.slots for job, status in read_qstat(fixture("qstat_plain_live.txt")).items()}
    assert set(slots.values()) == {1}
    accounted = fixture("qacct_ok.txt")
    ended = read_qacct(accounted, accounted.split("jobnumber")[1].split()[0])
    assert ended is not None
    assert ended.slots == 1
    assert {status.state for status in read_qstat(fixture("qstat_plain_eqw.txt")).values()} == {JobState.FAILED}
    assert read_qstat(fixture("qstat_plain_empty.txt")) == {}
    assert read_qacct(fixture("qacct_unknown.txt"), "999999") is None


def test_real_error_reason() -> None:
    status = read_qstat_j(fixture("qstat_j_error.txt"), "21")
    assert status.state is JobState.FAILED
    assert status.reason == 'error state: can\'t open output file "/nonexistent/dir/": No such file or directory'
    assert read_qstat_j(fixture("qstat_j_live.txt"), "26").state is JobState.UNKNOWN


def test_real_answers(commands: Commands, tmp_path: Path) -> None:
    commands.add("qsub", fixture("qsub_stdout.txt"))
    assert GE.submit(request(tmp_path, TSUBAME, "node_q")) == "24"
    commands.add("qsub", fixture("qsub_array_stdout.txt"))
    assert GE.submit(request(tmp_path, TSUBAME, "node_q")) == "25"
    for name, status in (("qdel_running_stdout", 0), ("qdel_pending_stdout", 0), ("qdel_unknown", 1)):
        commands.add("qdel", err=fixture(f"{name}.txt").replace("rc=1\n", ""), status=status)
        GE.cancel(["1"])
