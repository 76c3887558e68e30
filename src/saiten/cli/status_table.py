"""The table of `saiten status`: one line for each job, then what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saiten.clusters.situation import Situation, State, duration
from saiten.report.text import columns_of, fit, pad, plain

HEADS = (
    *("job", "state", "service", "node", "slots", "prio", "model", "settings"),
    *("done", "eta", "left", "tok/s", "benchmarks"),
)
RIGHT = frozenset({"prio", "slots", "done", "eta", "left", "tok/s"})
LONGEST = {"model": 40, "settings": 16, "job": 16}
LEAST_BENCHMARKS = 16


def render(shown: Sequence[Situation], left: Sequence[Situation], width: int) -> Iterator[str]:
    """Yield the lines: what ended since the last look, the table, the sum."""
    if left:
        yield "ended since the last look:"
        for one in left:
            done = f", {one.percent:g}% done" if one.percent is not None else ""
            yield f"  {name(one)}  {plain(one.submission.name)}: {one.state}{done}{why(one)}"
        yield ""
    if not shown:
        yield "no jobs (saiten submit makes some)"
        return
    rows = [cells(one) for one in shown]
    widths = [
        min(max(columns_of(row[column]) for row in (HEADS, *rows)), LONGEST.get(head, 10_000))
        for column, head in enumerate(HEADS)
    ]
    widths[-1] = max(LEAST_BENCHMARKS, width - sum(widths[:-1]) - 2 * (len(HEADS) - 1))
    yield line(HEADS, widths)
    for one, row in zip(shown, rows, strict=True):
        yield line(row, widths)
        if one.reason:
            yield f"    {plain(one.reason)}"
        for warning in one.warnings:
            yield f"    ! {plain(warning)}"
    counts = {state: sum(one.state is state for one in shown) for state in State}
    yield ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return one row in its columns."""
    return "  ".join(
        pad(fit(text, width), width, right=head in RIGHT) for head, text, width in zip(HEADS, row, widths, strict=True)
    ).rstrip()


def cells(one: Situation) -> tuple[str, ...]:
    """Return the cells of a job."""
    job = one.submission
    part = f" ({job.shard[0] + 1}/{job.shard[1]})" if job.shard[1] > 1 else ""
    return (
        name(one),
        str(one.state),
        job.service,
        job.node_kind,
        "" if one.slots is None else str(one.slots),
        "" if job.priority is None else str(job.priority),
        plain(job.model),
        plain(job.settings),
        "" if one.percent is None else f"{one.percent:g}%",
        "" if one.eta_seconds is None else duration(one.eta_seconds),
        "" if one.left_seconds is None else duration(one.left_seconds),
        "" if one.tokens_per_second is None else f"{one.tokens_per_second:.0f}",
        plain(",".join(job.benchmarks)) + part,
    )


def name(one: Situation) -> str:
    """Return the job's id, with its place in a chain."""
    job = one.submission
    chain = f" {job.link}/{job.links}" if job.links > 1 else ""
    return f"{plain(job.job_id) or '-'}{chain}"


def why(one: Situation) -> str:
    """Return the reason with a separator."""
    return f" ({plain(one.reason)})" if one.reason else ""
