"""PBS: what is submitted, and what is read from real output: text, wrapped text and two dialects of JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from saiten.clusters.pbs import Pbs, ended, read_json, read_text, status_of
from saiten.clusters.scheduler import JobState, JobStatus, SchedulerError
from saiten.clusters.services import ABCI
from tests.helpers.shared import shared_path
from tests.unit.clusters.commands import Commands, commands
from tests.unit.clusters.requests import AWKWARD, request

__all__ = ["commands"]
FIXTURES = "fixtures/schedulers/openpbs"
PBS = Pbs(ABCI)

TWO = """\
Job Id: 1.pbs1
    Job_Name = ja_gpqa
    job_state = R
    substate = 41
    Resource_List.ncpus = 16
    Resource_List.nodect = 1
    Variable_List = PBS_O_HOME=/home/taro,
\tPBS_O_WORKDIR=/home/taro/ru
\tns
    comment = Job run at Mon Nov 23 at 17:54 on (pbs1:ncpus=1)

Job Id: 2.pbs1
    Job_Name = 123
    job_state = F
    substate = 92
    Exit_status = 0

"""


def test_a_submission_is_one_command_without_a_shell(tmp_path: Path) -> None:
    argv = PBS.argv(request(tmp_path, ABCI, "rt_HG", arguments=AWKWARD, after=("7.pbs1", "8.pbs1"), notice=60))
    out = f"{tmp_path}/out/"
    assert argv == [
        *("qsub", "-P", "tga-x", "-q", "rt_HG", "-l", "select=1", "-l", "walltime=1:30:00", "-N", "ja_gpqa"),
        *("-o", out, "-e", out, "-k", "oed", "-W", "umask=027", "-W", "depend=afterany:7.pbs1:8.pbs1"),
        *("--", "/bin/bash", str(tmp_path / "job.sh"), *AWKWARD),
    ]


def test_no_priority_is_ever_sent_where_the_site_has_none(tmp_path: Path) -> None:
    assert "-p" not in PBS.argv(request(tmp_path, ABCI, "rt_HF"))
    with pytest.raises(SchedulerError, match="priority -5: abci offers none"):
        PBS.argv(request(tmp_path, ABCI, "rt_HF", priority=-5))


def test_abci_needs_a_group_and_takes_a_week(tmp_path: Path) -> None:
    with pytest.raises(SchedulerError, match=r"needs a group to charge: set ABCI_GROUP in \.env"):
        PBS.argv(request(tmp_path, ABCI, "rt_HC", group=""))
    assert "walltime=168:00:00" in PBS.argv(request(tmp_path, ABCI, "rt_HC", walltime=168 * 3600))
    with pytest.raises(SchedulerError, match="168:00:00"):
        PBS.argv(request(tmp_path, ABCI, "rt_HC", walltime=168 * 3600 + 1))


@pytest.mark.parametrize(
    ("substate", "code", "state", "exit_status", "words"),
    [
        (92, 0, JobState.DONE, 0, ""),
        (93, 7, JobState.FAILED, 7, "exited with status 7"),
        (93, -29, JobState.FAILED, None, "reached its walltime"),
        (93, -27, JobState.FAILED, None, "more memory"),
        (93, -1, JobState.FAILED, None, "PBS ended it (reason -1)"),
        (93, 254, JobState.FAILED, 254, "exited with status 254"),
        (93, 265, JobState.FAILED, None, "killed by signal 9"),
        (91, 265, JobState.CANCELLED, None, "deleted"),
        (91, 0, JobState.CANCELLED, 0, "deleted"),
        (91, None, JobState.CANCELLED, None, "deleted before it ran"),
        (92, None, JobState.FAILED, None, "it never ran"),
    ],
)
def test_how_a_job_ended(substate: int, code: int | None, state: JobState, exit_status: int | None, words: str) -> None:
    status = ended("1.pbs1", substate, code, "")
    assert (status.state, status.exit_status) == (state, exit_status)
    assert words in status.reason
    assert status.walltime_reached == (code == -29)


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"job_state": "Q", "comment": "Can Never Run: too big"}, JobState.QUEUED, "Can Never Run"),
        ({"job_state": "H", "depend": "afterany:5.pbs1@pbs1"}, JobState.HELD, "afterany:5.pbs1"),
        ({"job_state": "H", "Hold_Types": "u"}, JobState.HELD, "it is held"),
        ({"job_state": "R", "substate": "42"}, JobState.RUNNING, ""),
        ({"job_state": "E", "substate": "51"}, JobState.ENDING, "does the directory exist"),
        ({"job_state": "S"}, JobState.HELD, "suspended"),
        ({"job_state": "B"}, JobState.RUNNING, ""),
        ({}, JobState.UNKNOWN, ""),
    ],
)
def test_live_states(fields: dict[str, str], state: JobState, words: str) -> None:
    status = status_of("1.pbs1", fields)
    assert status.state is state
    assert words in status.reason


def test_one_question_for_all_jobs_as_text(commands: Commands) -> None:
    commands.add("qstat", TWO, err="qstat: Unknown Job Id 3.pbs1\n", status=153)
    found = PBS.poll(["1.pbs1", "2.pbs2", "3.pbs1"])
    assert {job: status.state for job, status in found.items()} == {"1.pbs1": JobState.RUNNING, "2.pbs2": JobState.DONE}
    assert found["2.pbs2"].job_id == "2.pbs2"
    assert (found["1.pbs1"].slots, found["2.pbs2"].slots) == (16, None)
    assert commands.calls() == [["qstat", "-x", "-f", "1.pbs1", "2.pbs2", "3.pbs1"]]
    assert PBS.poll([]) == {}


def test_long_lines_go_on_after_a_tab_within_words() -> None:
    assert read_text(TWO)["1.pbs1"]["Variable_List"] == "PBS_O_HOME=/home/taro,PBS_O_WORKDIR=/home/taro/runs"


def test_one_job_as_json_and_as_text_where_the_json_is_broken(commands: Commands) -> None:
    answer = {"Jobs": {"2.pbs1": {"Job_Name": 123, "job_state": "F", "substate": 93, "Exit_status": 3}}}
    commands.add("qstat", json.dumps(answer))
    assert (PBS.final("2.pbs1").state, PBS.final("2.pbs1").exit_status) == (JobState.FAILED, 3)
    script = commands.folder / "qstat"
    commands.add("qstat", TWO)
    script.write_text(script.read_text().replace("cat ", 'case "$*" in *json*) echo "{broken";; *) cat ', 1) + "\n")
    script.write_text(script.read_text().replace("qstat.out\n", "qstat.out;; esac\n", 1))
    assert PBS.final("2.pbs1").state is JobState.DONE


def test_a_job_that_pbs_does_not_know_is_lost(commands: Commands) -> None:
    commands.add("qstat", err="qstat: Unknown Job Id 9.pbs1\n", status=153)
    assert PBS.final("9.pbs1").state is JobState.LOST
    assert PBS.poll(["9.pbs1"]) == {}
    commands.add("qstat", err="qstat: cannot connect to server pbs1 (errno=15010)\n", status=255)
    for question in (lambda: PBS.poll(["9.pbs1"]), lambda: PBS.final("9.pbs1")):
        with pytest.raises(SchedulerError, match="cannot connect"):
            question()


def test_a_server_without_history_is_asked_for_live_jobs(commands: Commands) -> None:
    commands.add("qstat", TWO)
    script = commands.folder / "qstat"
    refusal = 'case "$2" in -x) echo "qstat: PBS is not configured to maintain job history" >&2; exit 1;; esac\n'
    script.write_text(script.read_text().replace("#!/bin/sh\n", "#!/bin/sh\n" + refusal.replace("$2", "$1")))
    pbs = Pbs(ABCI)
    assert pbs.poll(["1.pbs1"])["1.pbs1"].state is JobState.RUNNING
    assert pbs.poll(["1.pbs1"])["1.pbs1"].state is JobState.RUNNING
    assert commands.calls() == [["qstat", "-f", "1.pbs1"]] * 2


def test_submit_keeps_the_whole_id(commands: Commands, tmp_path: Path) -> None:
    commands.add("qsub", "1234.pbs1\n")
    assert PBS.submit(request(tmp_path, ABCI, "rt_HG")) == "1234.pbs1"
    commands.add("qsub", err="qsub: Unknown queue\n", status=170)
    with pytest.raises(SchedulerError, match="qsub refused ja_gpqa: qsub: Unknown queue"):
        PBS.submit(request(tmp_path, ABCI, "rt_HG"))


def test_a_job_that_was_accepted_and_dropped_is_told(commands: Commands, tmp_path: Path) -> None:
    commands.add("qsub", "5.pbs1\n")
    commands.add("qstat", "Job Id: 5.pbs1\n    job_state = F\n    substate = 92\n")
    with pytest.raises(SchedulerError, match=r"took ja_gpqa as 5\.pbs1 and dropped it: it never ran"):
        PBS.submit(request(tmp_path, ABCI, "rt_HG", after=("999.pbs1",)))


def test_a_job_that_was_accepted_is_ours_even_where_it_cannot_be_looked_at(commands: Commands, tmp_path: Path) -> None:
    commands.add("qsub", "5.pbs1\n")
    commands.add("qstat", err="Connection refused\n", status=111)
    assert PBS.submit(request(tmp_path, ABCI, "rt_HG", after=("4.pbs1",))) == "5.pbs1"


def test_cancelling_what_ended_is_no_error(commands: Commands) -> None:
    commands.add("qdel", err="qdel: Job has finished 0.pbs1\nqdel: Unknown Job Id 9.pbs1\n", status=153)
    PBS.cancel(["0.pbs1", "9.pbs1", "2.pbs1"])
    commands.add("qdel", err="qdel: Unauthorized Request  3.pbs1\n", status=159)
    with pytest.raises(SchedulerError, match="Unauthorized"):
        PBS.cancel(["3.pbs1"])


# ------------------------------------------------------------------------------------------- real output

EVERYTHING = {
    "0.pbs1": (JobState.DONE, 0),
    "1.pbs1": (JobState.FAILED, 7),
    "2.pbs1": (JobState.FAILED, None),
    "3.pbs1": (JobState.DONE, 0),
    "4.pbs1": (JobState.CANCELLED, 0),
    "5.pbs1": (JobState.FAILED, None),
    "6.pbs1": (JobState.CANCELLED, None),
    "7.pbs1": (JobState.QUEUED, None),
    "8.pbs1": (JobState.DONE, 0),
    "9[].pbs1": (JobState.DONE, 0),
}
OLDER = EVERYTHING | {"7.pbs1": (JobState.CANCELLED, None), "15.pbs1": (JobState.FAILED, 254)}
OLDER |= {f"{number}.pbs1": (JobState.DONE, 0) for number in (12, 13, 14, 16, 17, 18, 19)}
RUNNING = {f"{number}.pbs1": (JobState.RUNNING, None) for number in (0, 1, 2, 3, 4, 8)}
RUNNING |= {"5.pbs1": (JobState.HELD, None), "6.pbs1": (JobState.HELD, None), "7.pbs1": (JobState.QUEUED, None)}
RUNNING |= {"9[].pbs1": (JobState.RUNNING, None)}


def statuses(name: str) -> dict[str, JobStatus]:
    text = (shared_path(FIXTURES) / name).read_text()
    jobs = read_json(text) or read_text(text)
    return {job_id: status_of(job_id, fields) for job_id, fields in jobs.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qstat_xf_json_all.json", EVERYTHING),
        ("qstat_xf.txt", EVERYTHING),
        ("qstat_xf_w.txt", EVERYTHING),
        ("v22.05.11_qstat_xf_json_all.json", OLDER),
        ("v22.05.11_qstat_xf_json_multi.json", {job: EVERYTHING[job] for job in ("0.pbs1", "1.pbs1", "2.pbs1")}),
        ("qstat_f_json_live.json", RUNNING),
        ("qstat_f_live.txt", RUNNING),
        ("qstat_f_w_live.txt", RUNNING),
        ("qstat_xf_json_multi.json", {"1.pbs1": (JobState.FAILED, 7)}),
        ("qstat_xf_json_failed.json", {"1.pbs1": (JobState.FAILED, 7)}),
        ("xf_json_ok.json", {"0.pbs1": EVERYTHING["0.pbs1"]}),
        ("xf_json_bad.json", {"1.pbs1": EVERYTHING["1.pbs1"]}),
        ("xf_json_wall.json", {"2.pbs1": EVERYTHING["2.pbs1"]}),
        ("xf_json_sig.json", {"4.pbs1": EVERYTHING["4.pbs1"]}),
        ("xf_json_dep.json", {"5.pbs1": EVERYTHING["5.pbs1"]}),
        ("xf_json_hold.json", {"6.pbs1": EVERYTHING["6.pbs1"]}),
        ("xf_json_big.json", {"7.pbs1": EVERYTHING["7.pbs1"]}),
        ("xf_json_num.json", {"8.pbs1": EVERYTHING["8.pbs1"]}),
        ("xf_json_arr.json", {"9[].pbs1": EVERYTHING["9[].pbs1"]}),
    ],
)
def test_real_output(name: str, expected: dict[str, tuple[JobState, int | None]]) -> None:
    assert {job: (status.state, status.exit_status) for job, status in statuses(name).items()} == expected


PARTS = {f"9[{number}].pbs1": letter for number, letter in enumerate("RRQ", start=1)}


@pytest.mark.parametrize(
    ("name", "looked_up"),
    [
        ("qstat_plain.txt", "qstat_f_live.txt"),
        ("qstat_t.txt", "qstat_f_live.txt"),
        ("qstat_x_plain.txt", "qstat_xf.txt"),
    ],
)
def test_the_tables_for_people_say_what_we_read(name: str, looked_up: str) -> None:
    rows = [line.split() for line in (shared_path(FIXTURES) / name).read_text().splitlines()[2:]]
    letters = {row[0]: row[-2] for row in rows}
    parts = {job: letter for job, letter in letters.items() if job in PARTS}
    assert parts in ({}, PARTS)
    found = statuses(looked_up)
    assert letters.keys() - parts.keys() == found.keys()
    for job, status in found.items():
        told = status_of(job, {"job_state": letters[job]})
        assert status.state.over if letters[job] == "F" else told.state is status.state


def test_values_separated_by_bars_say_the_same() -> None:
    records = (shared_path(FIXTURES) / "qstat_xf_dsv.txt").read_text().strip().splitlines()
    fields = [dict(part.partition("=")[::2] for part in re.split(r"(?<!\\)\|", record)[1:]) for record in records]
    jobs = [record.partition("|")[0].removeprefix("Job Id: ") for record in records]
    read = [status_of(job, values) for job, values in zip(jobs, fields, strict=True)]
    assert {job: (status.state, status.exit_status) for job, status in zip(jobs, read, strict=True)} == EVERYTHING


def test_real_cores() -> None:
    for name in ("qstat_xf_json_all.json", "qstat_xf.txt", "qstat_f_json_live.json", "qstat_f_w_live.txt"):
        found = statuses(name)
        assert {found[job].slots for job in found if job != "7.pbs1"} == {1}
        assert found["7.pbs1"].slots == 99


def test_real_reasons() -> None:
    found = statuses("qstat_xf_json_all.json")
    assert found["2.pbs1"].reason == "it reached its walltime"
    assert found["2.pbs1"].walltime_reached
    assert found["4.pbs1"].reason == "deleted"
    assert "never ran" in found["5.pbs1"].reason
    assert found["6.pbs1"].reason == "deleted before it ran"
    assert found["7.pbs1"].reason.startswith("Can Never Run: Insufficient amount of resource")


@pytest.mark.parametrize(("name", "status"), [("err_unknown.txt", 153), ("err_finished.txt", 35)])
def test_real_complaints_about_jobs_that_are_gone(commands: Commands, name: str, status: int) -> None:
    text = (shared_path(FIXTURES) / name).read_text().splitlines()[0]
    commands.add("qstat", err=text + "\n", status=status)
    assert PBS.poll(["1.pbs1"]) == {}
    assert PBS.final("1.pbs1").state is JobState.LOST


@pytest.mark.parametrize(("name", "status"), [("err_qsub_limit.txt", 188), ("err_qsub_queue.txt", 170)])
def test_real_refusals(commands: Commands, tmp_path: Path, name: str, status: int) -> None:
    text = (shared_path(FIXTURES) / name).read_text().splitlines()[0]
    commands.add("qsub", err=text + "\n", status=status)
    with pytest.raises(SchedulerError, match=text):
        PBS.submit(request(tmp_path, ABCI, "rt_HG"))
