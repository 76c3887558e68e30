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
SHORT_ANSWERS = ("--max-tokens", "16", "--concurrency", "1")
"""One at a time: among answers that are decoded together, two tokens that are equally likely may change places."""
LOOK_SECONDS = 2.0
BUSY_SECONDS = 40.0
"""Of the questions at the best pace: more than a short job has, and a fourth of what all links of a chain have."""
Quiz = tuple[Path, scenarios.Numbers]
MEASURED: list[tuple[int, scenarios.Numbers]] = []


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

    def pace(self, benchmark: Path, *more: str) -> float:
        """Return the seconds of an answer where nothing else runs: of the best one, by the token.

        The mean would be that of a machine that is busy just now, and a job that is to be too short would not be.
        """
        aside = self.folder / "pace"
        done = self.saiten("run", *self.model, "--benchmarks", str(benchmark), "--output-dir", str(aside), *more)
        assert done.returncode == 0, done.stderr
        lines = [line for path in aside.rglob("generations/*.jsonl") for line in path.read_text().splitlines()]
        answers = [json.loads(line)["generation"] for line in lines]
        tokens = [answer["usage"]["output_tokens"] for answer in answers]
        best = min(answer["seconds"] / max(1, number) for answer, number in zip(answers, tokens, strict=True))
        return float(best * sum(tokens) / len(tokens))

    def states(self) -> list[str]:
        """The states of all jobs, oldest first."""
        return [one["state"] for one in self.look()]


@pytest.fixture(scope="module", params=["tsubame", "slurm"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made = open_rig(request.param)
    install_embedded(made)
    return made


def site_of(rig: Rig, name: str) -> Watched:
    """Return a place on a rig with a folder of its own."""
    folder = rig.folder(name)

    def saiten(*words: str) -> subprocess.CompletedProcess[str]:
        return rig.saiten(*words, cwd=folder)

    return Watched(
        service=rig.service,
        node_kind=rig.node_kind,
        group=rig.group,
        folder=folder,
        saiten=saiten,
        model=(SMOLLM2_NAME, "--provider", "llamacpp"),
        short="0:00:24",
        seconds=240.0,
    )


@pytest.fixture
def site(rig: Rig, request: pytest.FixtureRequest) -> Watched:
    return site_of(rig, request.node.originalname)


@pytest.fixture
def quiz(site: Watched, measured: tuple[int, scenarios.Numbers]) -> Quiz:
    count, numbers = measured
    return questions(site.folder, count), numbers


@pytest.fixture(scope="module")
def measured(rig: Rig) -> tuple[int, scenarios.Numbers]:
    """How many questions keep the model busy for BUSY_SECONDS here, and their numbers, undisturbed: once for all."""
    if not MEASURED:
        site = site_of(rig, "undisturbed")
        each = site.pace(questions(site.folder, 24, name="trial"), *SHORT_ANSWERS)
        count = max(12, min(400, round(BUSY_SECONDS / max(each, 0.02))))
        MEASURED.append((count, site.undisturbed([questions(site.folder, count)], *SHORT_ANSWERS)))
    return MEASURED[0]


def test_two_benchmarks_as_in_the_manual(site: Watched) -> None:
    names: Sequence[str] = ("sample_choice_ja", "sample_math")
    more = ("--max-samples", "2", *SHORT_ANSWERS)
    expected = site.undisturbed(names, *more)
    job = scenarios.two_benchmarks(site, names, expected, *more)
    (row,) = site.look()
    assert (row["state"], row["percent"], row["job_id"]) == ("done", 100.0, job.job_id)
    assert row["slots"] == 1  # both rigs give a job one
    assert "running" in site.seen
    shown = site.saiten("logs", job.job_id, "--lines", "3").stdout
    assert job.stdout in shown


def test_a_chain_of_jobs_that_are_too_short_completes(site: Watched, quiz: Quiz) -> None:
    reports = scenarios.chain(site, *quiz, *SHORT_ANSWERS, links=10)
    assert set(site.states()) == {"done"}  # every link that could not finish says that a later one did
    assert {"queued", "running"} <= set(site.seen)
    assert sum(report.new for report in reports) == reports[0].due


def test_a_job_that_is_killed(site: Watched, quiz: Quiz) -> None:
    scenarios.killed(site, *quiz, *SHORT_ANSWERS)
    assert site.states() == ["done", "done"]


def test_jobs_that_are_cancelled_while_they_wait_and_while_they_run(site: Watched, quiz: Quiz) -> None:
    scenarios.cancelled(site, *quiz, *SHORT_ANSWERS)
    assert site.states() == ["cancelled", "cancelled", "done"]


def test_a_job_that_is_cancelled_while_it_waits_for_room(rig: Rig, site: Watched) -> None:
    benchmark = questions(site.folder, 1)
    with rig.full():
        scenarios.cancelled_while_queued(site, benchmark, rig.listing)
    time.sleep(LOOK_SECONDS)  # now there is room, and nobody who wants it
    scenarios.nothing_ran(site)
    assert site.states() == ["cancelled"]


def test_a_job_whose_run_directory_vanishes(site: Watched, quiz: Quiz) -> None:
    scenarios.vanished(site, *quiz, *SHORT_ANSWERS)
    assert site.states()[-1] == "done"
