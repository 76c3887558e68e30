"""Submissions that exist: deleted where they were submitted, and seen to run only where they do."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import msgspec
import pytest

from saiten.clusters.jobs import cancel, chosen, known, still_going
from saiten.clusters.local import LocalScheduler
from saiten.clusters.look import FILE, FINALS, Memory, look
from saiten.clusters.record import folder_of, read_submissions, write_report, write_submission
from saiten.clusters.scheduler import JobState, SchedulerError
from saiten.clusters.services import LOCAL
from saiten.clusters.sites import open_scheduler, place_of
from saiten.clusters.situation import GRACE_SECONDS, State
from saiten.errors import UserError
from tests.unit.clusters.commands import Commands, commands
from tests.unit.clusters.made import report, submission, told, write_heartbeat
from tests.unit.clusters.requests import request

__all__ = ["commands"]
NOT_YET = "error: job id 307 not found\n"


def test_a_local_job_is_deleted_and_seen_from_a_shell_with_another_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAITEN_LOCAL", str(tmp_path / "first"))
    scheduler, place = open_scheduler(LOCAL), place_of(LOCAL)
    asked = request(tmp_path, LOCAL, "cpu")
    asked.script.write_text("#!/bin/bash\nsleep 300\n")
    job_id = scheduler.submit(asked)
    folder = folder_of(tmp_path)
    folder.mkdir()
    values = {"service": "local", "scheduler": "local", "place": place, "job_id": job_id}
    write_submission(folder, submission(**values, run=str(tmp_path), progress=str(tmp_path / "progress.json")))

    monkeypatch.setenv("SAITEN_LOCAL", str(tmp_path / "second"))
    assert [str(one.state) for one in look(folder).situations] in (["queued"], ["running"])
    assert len(still_going(folder, known(folder))) == 1
    assert list(cancel(folder, known(folder))) == [f"cancelled: ja_gpqa, job {job_id} on local"]
    deadline = time.monotonic() + 30
    while not (over := scheduler.final(job_id).state.over) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert over


def test_the_queue_of_another_machine_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(SchedulerError, match="its queue is that of another-host; ask there"):
        open_scheduler(LOCAL, str(tmp_path / "another-host"))
    assert isinstance(open_scheduler(LOCAL, str(tmp_path / socket.gethostname())), LocalScheduler)


def test_a_job_that_grid_engine_forgot_does_not_keep_its_benchmarks_for_ever(
    tmp_path: Path, commands: Commands
) -> None:
    commands.add("qstat")
    commands.add("qacct", err=NOT_YET, status=1)
    folder = folder_of(tmp_path)
    folder.mkdir()
    write_submission(folder, submission(submitted=time.time()))
    assert len(still_going(folder, known(folder))) == 1
    write_submission(folder, submission(submitted=time.time() - GRACE_SECONDS - 1))
    assert still_going(folder, known(folder)) == []


QSTAT = (
    "job-ID  prior   name       user         state submit/start at     queue    slots ja-task-ID\n" + "-" * 90 + "\n"
)


def row(job_id: str, letters: str) -> str:
    return f"    {job_id} 0.50000 ja_gpqa    me           {letters:<5} 08/21/2026 10:00:00            1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = folder_of(tmp_path)
    made.mkdir()
    return made


@pytest.mark.parametrize("service", ["tsubame", "one of another folder's services.yaml"])
def test_only_what_its_scheduler_still_has_is_cancelled(folder: Path, commands: Commands, service: str) -> None:
    commands.add("qstat", QSTAT + row("1", "r") + row("2", "qw") + row("3", "Eqw"))
    commands.add("qacct", err=NOT_YET, status=1)
    commands.add("qdel", "me has registered the job 1 for deletion\n", err='denied: job "2" does not exist\n', status=1)
    for number in (1, 2, 3, 4):  # 4 died without a last word
        write_submission(folder, submission(key=f"k{number}", job_id=str(number), submitted=1.0, service=service))
    write_report(folder, "k4", report())
    said = list(cancel(folder, known(folder)))
    assert [line.partition(",")[2] for line in said[:3]] == [f" job {number} on {service}" for number in (1, 2, 3)]
    assert said[3] == f"had ended already: ja_gpqa, job 4 on {service} (saiten status tells how)"
    assert [call for call in commands.calls() if call[0] == "qdel"] == [["qdel", "1", "2", "3"]]
    assert len([call for call in commands.calls() if call[:2] == ["qstat", "-u"]]) == 1
    assert [one.cancelled is None for one in read_submissions(folder)] == [False, False, False, True]


def test_a_job_whose_submission_was_interrupted_is_known_by_what_it_says(folder: Path, commands: Commands) -> None:
    write_submission(folder, submission(job_id="", submitted=time.time()))
    assert [(one.submission.job_id, one.over) for one in known(folder)] == [("", True)]
    write_report(folder, "k1", report(job_id="307", started=time.time()))
    commands.add("qstat", QSTAT + row("307", "r"))
    commands.add("qdel", "me has registered the job 307 for deletion\n")
    (one,) = known(folder)
    assert [going.submission.job_id for going in still_going(folder, [one])] == ["307"]
    (seen,) = look(folder).situations
    assert (seen.submission.job_id, seen.state) == ("307", State.RUNNING)
    assert list(cancel(folder, [one])) == ["cancelled: ja_gpqa, job 307 on tsubame"]
    assert [found.job_id for found in read_submissions(folder)] == ["307"]


def test_what_a_look_was_told_is_not_asked_again_unless_the_job_spoke_since(folder: Path, commands: Commands) -> None:
    commands.add("qstat", QSTAT + row("307", "r"))
    commands.add("qacct", err=NOT_YET, status=1)
    run = folder.parent / "run"
    write_submission(folder, submission(run=str(run), progress=str(run / "progress.json")))
    now = time.time()
    memory = Memory(settled={"k1": told(JobState.FAILED, "its node failed")}, verdicts={"k1": now - 60}, begun=now - 60)
    (folder / FILE).write_bytes(msgspec.json.encode(memory))
    assert still_going(folder, known(folder)) == []
    assert commands.calls() == []
    write_report(folder, "k1", report())
    write_heartbeat(run, heartbeat=now - 5)
    assert len(still_going(folder, known(folder))) == 1
    assert (folder / FILE).read_bytes() == msgspec.json.encode(memory)


def test_only_so_many_ends_are_asked_for(folder: Path, commands: Commands) -> None:
    commands.add("qstat")
    commands.add("qacct", err=NOT_YET, status=1)
    now = time.time()
    for number in range(FINALS + 10):
        write_submission(
            folder, submission(key=f"k{number:02d}", job_id=f"{number}", submitted=now - (0 if number % 2 else 9999))
        )
    assert len(still_going(folder, known(folder))) == FINALS // 2 + 5  # the new ones
    assert len([call for call in commands.calls() if call[0] == "qacct"]) == FINALS


def test_an_accounting_that_does_not_answer_keeps_nobody_from_submitting(folder: Path, commands: Commands) -> None:
    commands.add("qstat", QSTAT + row("1", "qw"))
    commands.add("qacct", err="error: no such file\n", status=1)
    for number in (1, 2, 3):
        write_submission(folder, submission(key=f"k{number}", job_id=str(number), submitted=1.0))
    assert [one.submission.key for one in still_going(folder, known(folder))] == ["k1"]


def test_a_cancelled_job_counts_until_its_scheduler_lets_it_go(folder: Path, commands: Commands) -> None:
    commands.add("qstat", QSTAT + row("1", "dr"))
    commands.add("qacct", err=NOT_YET, status=1)
    now = time.time()
    for number, when in ((1, now - 5), (2, now - 5), (3, now - 7 * 86_400)):
        write_submission(folder, submission(key=f"k{number}", job_id=str(number), submitted=when, cancelled=when))
    assert [one.submission.key for one in still_going(folder, known(folder))] == ["k1"]
    assert [call[0] for call in commands.calls()] == ["qstat"]  # nobody is asked how the cancelled ones ended


def test_a_word_is_looked_up_in_every_folder_and_the_first_that_knows_it_decides(tmp_path: Path) -> None:
    here, there = folder_of(tmp_path / "here"), folder_of(tmp_path / "there")
    for place, jobs in ((here, ("1", "2")), (there, ("2", "3"))):
        place.mkdir(parents=True)
        for job in jobs:
            write_submission(place, submission(key=f"{place.parent.name}{job}", job_id=job))
    found = chosen([here, there], ["2", "3", "2"])
    keys = {folder: [one.submission.key for one in jobs] for folder, jobs in found.items()}
    assert keys == {here: ["here2"], there: ["there3"]}
    with pytest.raises(UserError, match="no submission is called '4'"):
        chosen([here, there], ["2", "4"])
