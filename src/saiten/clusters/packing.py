"""Which benchmarks share a job, how long it may take, and how many jobs it takes where one is too short.

The start of a model server costs minutes, so benchmarks of one model share it as long as the sum fits the longest job
that the site takes; what does not fit alone becomes a chain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from saiten.clusters.estimate import Expected, Work

STEP = 600
"""Walltimes are multiples of it, seconds."""
LEAST_WALLTIME = 1200
RESERVE, RESERVE_SHARE = 300.0, 0.1
"""Seconds of each job that bring no answers (loading, ending, scoring), at most this share of it."""
MOST_LINKS = 20
"""Longest chain that an estimate makes; `resubmit` goes on from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One benchmark with what it is expected to take."""

    work: Work
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One job (or chain of jobs) to be."""

    sizes: tuple[Size, ...]
    walltime: int
    """Of each link, seconds."""
    links: int
    estimate: float
    """Seconds that it should take in all, the starts of its servers included, without margin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a job may be."""

    limit: int
    """Longest job, seconds."""
    start: float
    """Seconds that the start of the server takes."""
    shards: int = 1
    alone: bool = False
    """One job for each benchmark."""
    walltime: int | None = None
    """What the user asks for, in place of the estimate."""
    links: int | None = None
    """So many links, whatever the estimate says."""

    @property
    def room(self) -> float:
        """Seconds of a job in which questions can be asked."""
        longest = self.walltime or self.limit
        return max(1.0, longest - self.start - min(RESERVE, RESERVE_SHARE * longest))


def pack(sizes: Sequence[Size], rules: Rules) -> list[Packed]:
    """Return the jobs: longest benchmark first, each into the first job that has room for it."""
    bins: list[list[Size]] = []
    room = rules.room * (rules.links or 1)
    for size in sorted(sizes, key=lambda size: -size.expected.asked):
        needed = size.expected.asked / rules.shards
        for sharing in bins:
            if not rules.alone and sum(other.expected.asked for other in sharing) / rules.shards + needed <= room:
                sharing.append(size)
                break
        else:
            bins.append([size])
    order = {id(size): number for number, size in enumerate(sizes)}
    jobs = [packed(tuple(sorted(sharing, key=lambda size: order[id(size)])), rules) for sharing in bins]
    return sorted(jobs, key=lambda job: order[id(job.sizes[0])])


def packed(sizes: tuple[Size, ...], rules: Rules) -> Packed:
    """Return one job with its walltime and its number of links."""
    asked = sum(size.expected.asked for size in sizes) / rules.shards
    links = rules.links or min(MOST_LINKS, max(1, math.ceil(asked / rules.room)))
    share = asked / links + rules.start + RESERVE
    walltime = rules.walltime or min(rules.limit, max(LEAST_WALLTIME, math.ceil(share / STEP) * STEP))
    seconds = sum(size.expected.seconds for size in sizes) / rules.shards + links * rules.start
    return Packed(sizes=sizes, walltime=walltime, links=links, estimate=seconds)
