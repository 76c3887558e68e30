"""Jobs on this machine, from `saiten submit` to their results: the scenarios that every scheduler must pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import scenarios
from tests.helpers.command import Saiten, questions
from tests.helpers.conversations import judge_answer, model_answer, talks
from tests.helpers.faultd import Fault, FaultServer
from tests.helpers.scenarios import Site


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer([Fault(delay=0.4)]) as found:
        yield found


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    queue = {"SAITEN_LOCAL": str(tmp_path / "queue"), "CUDA_VISIBLE_DEVICES": ""}
    made: list[Site] = []

    def make(server: FaultServer, *, slots: int = 1) -> Site:
        saiten = Saiten(tmp_path)
        extra = {**queue, "SAITEN_LOCAL_SLOTS": str(slots)}
        model = ("test-model", "--provider", "vllm", "--base-url", server.base_url, "--concurrency", "2")
        site = Site(
            service="local",
            node_kind="cpu",
            folder=tmp_path,
            saiten=lambda *words: saiten(*words, extra=extra),
            model=model,
        )
        made.append(site)
        return site

    yield make
    for site in made:
        site.saiten("cancel", "--all")


def asked_once(server: FaultServer, *, twice: int = 0) -> None:
    """Nothing was asked twice, but for what was in flight when a job was stopped."""
    counts = Counter(entry.prompt for entry in server.ledger)
    assert sum(count - 1 for count in counts.values()) <= twice


def test_two_benchmarks_share_a_job(make_site: Callable[..., Site]) -> None:
    with FaultServer() as server:
        site = make_site(server)
        quiz = [questions(site.folder, 10), questions(site.folder, 6, name="other")]
        expected = site.undisturbed(quiz)
        before = len(server.ledger)
        job = scenarios.two_benchmarks(site, quiz, expected)
        assert Path(job.stdout).name == f"ja_2_benchmarks.o{job.job_id}"
        assert len(server.ledger) - before == 16


def test_one_job_for_each_benchmark(make_site: Callable[..., Site]) -> None:
    with FaultServer() as server:
        site = make_site(server, slots=2)
        quiz = [questions(site.folder, 10), questions(site.folder, 6, name="other")]
        jobs = scenarios.one_job_each(site, quiz, site.undisturbed(quiz))
        assert [Path(job.stdout).name for job in jobs] == [
            f"ja_quiz.o{jobs[0].job_id}",
            f"ja_other.o{jobs[1].job_id}",
        ]


def test_a_chain_of_jobs_that_are_too_short_completes(make_site: Callable[..., Site], server: FaultServer) -> None:
    site = make_site(server)
    quiz = questions(site.folder, 60)
    expected = make_expected(site, quiz)
    scenarios.chain(site, quiz, expected)
    asked_once(server, twice=6)


def make_expected(site: Site, quiz: Path) -> scenarios.Numbers:
    """Return the numbers of an undisturbed run against a server that answers the same at once."""
    with FaultServer() as quick:
        saiten = Saiten(site.folder)
        fast = Site(
            service="local",
            node_kind="cpu",
            folder=site.folder,
            saiten=saiten,
            model=("test-model", "--provider", "vllm", "--base-url", quick.base_url),
        )
        return fast.undisturbed([quiz])


def test_a_chain_without_progress_stops(make_site: Callable[..., Site]) -> None:
    with FaultServer([Fault(status=503)]) as broken:
        site = make_site(broken)
        scenarios.idle_chain(site, questions(site.folder, 10))


def test_a_chain_whose_links_only_judge_goes_on_to_its_end(make_site: Callable[..., Site]) -> None:
    with (
        FaultServer(answer=model_answer) as model,
        FaultServer([Fault(delay=0.7)], answer=judge_answer, models=None) as judge,
    ):
        site = make_site(model)
        judged_by = ("--judge-base-url", judge.base_url, "--judge-model", "judge-2026-01-01")
        links = ("--walltime", site.short, "--chain", "8")
        jobs = site.submit([talks(site.folder, 25, samples=1)], *links, *judged_by, "--judge-concurrency", "1")
        reports = site.ended(*jobs)
        assert [report.new for report in reports] == [50, *7 * [0]], site.logs()
        worked = [report for report in reports if report.exit_status == 3]
        assert len(worked) > 2  # two links in a row brought judgements alone, and the next one went on
        assert [report.verified_before for report in worked] == sorted({one.verified_before for one in worked})
        assert reports[-1].exit_status == 0, (reports[-1].reason, site.logs())
        assert len(model.ledger) == 50
        asked_once(judge, twice=len(worked))


def test_a_killed_job_is_submitted_again(make_site: Callable[..., Site], server: FaultServer) -> None:
    site = make_site(server)
    quiz = questions(site.folder, 40)
    scenarios.killed(site, quiz, make_expected(site, quiz))
    asked_once(server, twice=2)


def test_cancelling(make_site: Callable[..., Site], server: FaultServer) -> None:
    site = make_site(server)
    quiz = questions(site.folder, 60)
    scenarios.cancelled(site, quiz, make_expected(site, quiz))
    asked_once(server, twice=2)


def test_a_run_directory_that_vanishes(make_site: Callable[..., Site], server: FaultServer) -> None:
    site = make_site(server)
    quiz = questions(site.folder, 30)
    scenarios.vanished(site, quiz, make_expected(site, quiz))


def test_shards(make_site: Callable[..., Site], server: FaultServer) -> None:
    site = make_site(server, slots=3)
    quiz = questions(site.folder, 31)
    scenarios.shards(site, quiz, make_expected(site, quiz))
    asked_once(server)


def test_jobs_do_not_see_the_keys_of_the_shell(make_site: Callable[..., Site]) -> None:
    with FaultServer() as server:
        site = make_site(server)
        (job,) = site.submit([questions(site.folder, 2)])
        site.ended(job)
        for path in [*site.folder.rglob("*.json"), *site.folder.rglob("*.sh"), *site.folder.glob("queue/**/*")]:
            assert not path.is_file() or b"sk-canary" not in path.read_bytes(), path


def test_missing_judgements_are_work_for_a_job(make_site: Callable[..., Site]) -> None:
    with (
        FaultServer(answer=model_answer) as model,
        FaultServer([Fault(delay=0.7)], answer=judge_answer, models=None) as judge,
    ):
        site = make_site(model)
        quiz = [talks(site.folder, 25, samples=1)]
        judged_by = ("--judge-base-url", judge.base_url, "--judge-model", "judge-2026-01-01", "--judge-concurrency")
        (short,) = site.submit(quiz, "--walltime", site.short, "--chain", "1", *judged_by, "1")
        (report,) = site.ended(short)
        assert (report.new, report.exit_status) == (50, 3), site.logs()
        (again,) = site.submit(quiz, *judged_by, "16")
        (report,) = site.ended(again)
        assert (report.new, report.exit_status) == (0, 0), (report.reason, site.logs())
        assert len(model.ledger) == 50
        assert site.submit(quiz, *judged_by, "16") == []


@pytest.mark.parametrize(
    ("words", "shards"), [(["--shards", "2"], [(0, 2), (1, 2)]), (["--one-job-per-benchmark"], [(0, 1), (0, 1)])]
)
def test_resubmitted_jobs_share_the_work_as_before(
    make_site: Callable[..., Site], server: FaultServer, words: list[str], shards: list[tuple[int, int]]
) -> None:
    site = make_site(server)
    quiz = [questions(site.folder, 20), questions(site.folder, 20, name="other")]
    jobs = site.submit(quiz if len(words) == 1 else quiz[:1], *words)
    assert [job.shard for job in jobs] == shards
    site.saiten("cancel", "--all")
    site.until(lambda: "left to them" not in site.saiten("resubmit", "--dry-run").stderr, "the jobs are over")
    done = site.saiten("resubmit", "--yes")
    again = site.submissions[len(jobs) :]
    assert [job.shard for job in again] == shards, done.stdout + done.stderr
    assert [job.benchmarks for job in again] == [job.benchmarks for job in jobs]
