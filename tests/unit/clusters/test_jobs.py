"""Submissions that exist: deleted where they were submitted, and seen to run only where they do."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from saiten.clusters.jobs import cancel, known, still_going
from saiten.clusters.local import LocalScheduler
from saiten.clusters.look import look
from saiten.clusters.record import folder_of, write_submission
from saiten.clusters.scheduler import SchedulerError
from saiten.clusters.services import LOCAL
from saiten.clusters.sites import open_scheduler, place_of
from saiten.clusters.situation import GRACE_SECONDS
from tests.unit.clusters.commands import Commands, commands
from tests.unit.clusters.made import submission
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
    assert len(still_going(known(folder))) == 1
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
    assert len(still_going(known(folder))) == 1
    write_submission(folder, submission(submitted=time.time() - GRACE_SECONDS - 1))
    assert still_going(known(folder)) == []
