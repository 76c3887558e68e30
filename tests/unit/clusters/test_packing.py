"""Benchmarks share server starts as long as the site's longest job has room; what does not fit becomes a chain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saiten.benchmarks import find
from saiten.clusters.estimate import Expected, Work
from saiten.clusters.packing import MOST_LINKS, Packed, Rules, Size, pack
from saiten.values import replace

HOUR = 3600
RULES = Rules(limit=24 * HOUR, start=600.0)
PLAIN = find("sample_math")


def size(hours: float, name: str = "b") -> Size:
    work = Work(benchmark=replace(PLAIN, name=name), samples=1)
    return Size(work=work, expected=Expected(seconds=hours * HOUR, margin=1.0, source="told"))


def names(jobs: list[Packed]) -> list[list[str]]:
    return [[one.work.benchmark.name for one in job.sizes] for job in jobs]


def test_what_fits_shares_one_job_in_the_order_asked_for() -> None:
    (job,) = pack([size(1, "a"), size(2, "b"), size(0.5, "c")], RULES)
    assert [one.work.benchmark.name for one in job.sizes] == ["a", "b", "c"]
    assert (job.links, job.walltime) == (1, 13800)  # 3.5 h + 600 s + 300 s, in steps of ten minutes
    assert job.estimate == 3.5 * HOUR + 600


def test_what_does_not_fit_goes_into_another_job() -> None:
    jobs = pack([size(2, "a"), size(20, "b"), size(10, "c"), size(3, "d")], RULES)
    assert names(jobs) == [["a", "c"], ["b", "d"]]
    assert all(job.walltime <= RULES.limit and job.links == 1 for job in jobs)


def test_one_job_for_each() -> None:
    assert names(pack([size(1, "a"), size(1, "b")], replace(RULES, alone=True))) == [["a"], ["b"]]


def test_too_long_for_one_job_is_a_chain() -> None:
    (job,) = pack([size(60)], RULES)
    assert job.links == 3
    assert 20 * HOUR <= job.walltime <= RULES.limit
    (endless,) = pack([size(100_000)], RULES)
    assert endless.links == MOST_LINKS


def test_shards_divide_the_time() -> None:
    (job,) = pack([size(40)], replace(RULES, shards=4))
    assert (job.links, job.walltime) == (1, 37200)


def test_the_users_walltime_and_links_go_before_the_estimate() -> None:
    (job,) = pack([size(3)], replace(RULES, walltime=2 * HOUR))
    assert (job.walltime, job.links) == (2 * HOUR, 2)
    (job,) = pack([size(3)], replace(RULES, walltime=12, links=4))
    assert (job.walltime, job.links) == (12, 4)


@given(st.lists(st.floats(0.01, 200), min_size=1, max_size=30), st.integers(1, 4))
def test_every_benchmark_is_in_one_job_and_no_job_is_too_long(hours: list[float], shards: int) -> None:
    sizes = [size(value, f"b{number}") for number, value in enumerate(hours)]
    rules = replace(RULES, shards=shards)
    jobs = pack(sizes, rules)
    assert sorted(name for job in names(jobs) for name in job) == sorted(f"b{number}" for number in range(len(hours)))
    for job in jobs:
        assert job.walltime <= rules.limit
        asked = sum(one.expected.asked for one in job.sizes) / shards
        assert job.links == MOST_LINKS or asked <= job.links * rules.room
