"""Evaluations with the embedded model as jobs of a real Grid Engine and a real Slurm, watched with `saiten status`.

The scenarios are the ones of `--service local`; what is added here is what only a real scheduler can show.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from saiten.servers.llamacpp import SMOLLM2_NAME
from tests.helpers import scenarios
from tests.helpers.command import questions
from tests.helpers.rigs import Rig, install_embedded, open_rig
from tests.helpers.scenarios import Site

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
SHORT_ANSWERS = ("--max-tokens", "16")
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Site):
    """A site whose jobs are looked at while a scenario waits for them."""

    seen: list[str] = field(default_factory=list)
    """The states that `saiten status` told, in the order in which each was told first."""

    def until(self, what: Callable[[], bool], words: str) -> None:
        """Wait for something, and look at the jobs meanwhile."""
        deadline = time.monotonic() + self.seconds
        looked = 0.0
        while not what():
            assert time.monotonic() < deadline, f"{words}: not within {self.seconds:g} s\n{self.logs()}"
            if time.monotonic() - looked > LOOK_SECONDS:
                self.look()
                looked = time.monotonic()
            time.sleep(0.1)

    def look(self) -> list[dict[str, Any]]:
        """Look once."""
        done = self.saiten("status", "--json")
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        self.seen.extend(state for one in found if (state := one["state"]) not in self.seen)
        return found

    def states(self) -> list[str]:
        """The states of all jobs, oldest first."""
        return [one["state"] for one in self.look()]


@pytest.fixture(scope="module", params=["tsubame", "slurm"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made = open_rig(request.param)
    install_embedded(made)
    return made


@pytest.fixture
def site(rig: Rig, request: pytest.FixtureRequest) -> Watched:
    folder = rig.folder(request.node.originalname)

    def saiten(*words: str) -> subprocess.CompletedProcess[str]:
        return rig.saiten(*words, cwd=folder)

    return Watched(
        service=rig.service,
        node_kind=rig.node_kind,
        group=rig.group,
        folder=folder,
        saiten=saiten,
        model=(SMOLLM2_NAME, "--provider", "llamacpp"),
        short="0:00:20",
        seconds=240.0,
    )


def quiz_of(site: Site, seconds: float) -> tuple[Path, scenarios.Numbers]:
    """Return a benchmark that keeps the model busy for about so long on this machine, and its numbers undisturbed."""
    trial = questions(site.folder, 24, name="trial")
    begun = time.monotonic()
    site.undisturbed([trial], *SHORT_ANSWERS)
    per_question = (time.monotonic() - begun - 4.0) / 24  # the start of saiten and of the server
    quiz = questions(site.folder, max(24, min(400, round(seconds / max(per_question, 0.02)))))
    return quiz, site.undisturbed([quiz], *SHORT_ANSWERS)


def test_two_benchmarks_as_in_the_manual(site: Watched) -> None:
    names: Sequence[str] = ("sample_choice_ja", "sample_math")
    more = ("--max-samples", "2", *SHORT_ANSWERS)
    expected = site.undisturbed(names, *more)
    job = scenarios.two_benchmarks(site, names, expected, *more)
    (row,) = site.look()
    assert (row["state"], row["percent"], row["job_id"]) == ("done", 100.0, job.job_id)
    assert "running" in site.seen
    shown = site.saiten("logs", job.job_id, "--lines", "3").stdout
    assert job.stdout in shown


def test_a_chain_of_jobs_that_are_too_short_completes(site: Watched) -> None:
    quiz, expected = quiz_of(site, 25.0)
    reports = scenarios.chain(site, quiz, expected, *SHORT_ANSWERS, links=6)
    assert set(site.states()) == {"done"}  # every link that could not finish says that a later one did
    assert {"queued", "running"} <= set(site.seen)
    assert sum(report.new for report in reports) == reports[0].due


def test_a_job_that_is_killed(site: Watched) -> None:
    quiz, expected = quiz_of(site, 12.0)
    scenarios.killed(site, quiz, expected, *SHORT_ANSWERS)
    assert site.states() == ["done", "done"]


def test_jobs_that_are_cancelled_while_they_wait_and_while_they_run(site: Watched) -> None:
    quiz, expected = quiz_of(site, 15.0)
    scenarios.cancelled(site, quiz, expected, *SHORT_ANSWERS)
    assert site.states() == ["cancelled", "cancelled", "done"]


def test_a_job_whose_run_directory_vanishes(site: Watched) -> None:
    quiz, expected = quiz_of(site, 12.0)
    scenarios.vanished(site, quiz, expected, *SHORT_ANSWERS)
    assert site.states()[-1] == "done"
