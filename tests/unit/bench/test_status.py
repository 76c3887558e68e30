"""The section about `saiten status`: what it is asked with looks like Grid Engine, and CPU is told apart."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from bench.status import FIRST, HEAD, cpu_apart, qstat_line, write_jobs

from saiten.clusters.gridengine import read_qstat
from saiten.clusters.record import folder_of, read_submissions
from saiten.clusters.scheduler import JobState
from tests.helpers.shared import shared_path

NOW = 1_800_000_000.0


def starts(line: str) -> list[int]:
    """Return where the words of a line begin."""
    return [found.start() for found in re.finditer(r"\S+", line)]


def test_lines_stand_in_the_columns_of_a_real_qstat() -> None:
    head, rule, *rows = shared_path("fixtures/schedulers/gridengine/qstat_plain_live.txt").read_text().splitlines()
    assert HEAD.splitlines() == [head, rule]
    for line in (qstat_line(19, "deleted", running=True), qstat_line(25, "msgarr_long", running=False)):
        like = next(row for row in rows if (" r " in row) == (" r " in line))
        assert starts(line)[1:7] == starts(like)[1:7]
        assert len(line.rstrip()) == len(like.rstrip())  # slots end in one column


def test_every_job_on_disk_is_in_the_list(tmp_path: Path) -> None:
    listed = read_qstat(write_jobs(tmp_path, NOW, 40))
    assert len(listed) == 40
    assert {status.state for status in listed.values()} == {JobState.RUNNING, JobState.QUEUED}
    assert listed[str(FIRST)].slots == 48
    asked = [submission.job_id for submission in read_submissions(folder_of(tmp_path))]
    assert sorted(asked) == sorted(listed)


def test_cpu_of_a_command_and_of_its_children(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < {}: pass"
    child = burn.format(0.3)
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n{burn.format(0.1)}"
    own, children = cpu_apart([sys.executable, "-c", parent], dict(os.environ), tmp_path / "log")
    assert 0.05 <= own < 0.3 <= children + 0.02
