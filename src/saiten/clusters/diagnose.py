"""Why an evaluation does not end: too little concurrency, repetition, too few resources, timeouts, or plainer things.

Evidence comes from the heartbeat, the journals' failed choices and the server's log; nothing is asked of the server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from saiten.clusters.finding import FoundRun, tail
from saiten.clusters.heartbeat import Heartbeat, covered, heartbeats
from saiten.clusters.server_log import ServerLoad, read_load
from saiten.clusters.situation import duration
from saiten.values import replace

LOOPING, CUT = 0.05, 0.2
IDLE_CACHE, FULL_CACHE = 50.0, 95.0
SLOWER = 0.3
"""A throughput below this share of the best one has collapsed."""
LOG_LINES = 50_000
TIMEOUT = re.compile(r"no byte for|timed? ?out|took longer than|stall", re.IGNORECASE)
RATE_LIMIT = re.compile(r"rate limit|429", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause that holds."""

    cause: str
    evidence: tuple[str, ...]
    remedy: str


class _Said(msgspec.Struct, frozen=True):
    outcome: str = ""
    error: str | None = None


class _Line(msgspec.Struct, frozen=True):
    generation: _Said = _Said()


def diagnose(run: FoundRun, now: float) -> list[Finding]:
    """Return the causes that hold for a run, the likeliest first; empty: nothing is wrong that can be seen."""
    beats = [*still_true(heartbeats(run.directory), now)]
    if not beats:
        return [
            Finding(
                cause="it has not started",
                evidence=(f"{run.directory} has no progress.json",),
                remedy="see the job's state with `saiten status` and its log with `saiten logs`",
            )
        ]
    errors = failures(run.directory)
    # Of shards, each has a heartbeat: the one that is behind decides when the run ends.
    slowest = min(beats, key=lambda beat: beat.answered / max(1, beat.due))
    load = load_of(run, slowest)
    found = [
        *dead(slowest, now),
        *repetition(beats),
        *timeouts(slowest, load, errors),
        *resources(load),
        *(concurrency(slowest, load, errors) if slowest.fresh(now) else ()),
    ]
    return found if slowest.state != "complete" else []


def still_true(beats: Sequence[Heartbeat], now: float) -> Iterator[Heartbeat]:
    """Yield the heartbeats but those of dead processes whose benchmarks later ones went on with."""
    for beat in beats:
        later = [other for other in beats if other.heartbeat > beat.heartbeat]
        if beat.fresh(now) or not (beat.benchmarks and covered(beat.benchmarks, beat.shard, later)):
            yield beat


def server_logs(run: FoundRun) -> list[Path]:
    """Return the logs of the run's model servers, the newest first."""
    named = {Path(one.server_log) for one in run.submissions if one.server_log}
    found = {path: path.stat().st_mtime for path in named | set(run.directory.rglob("*.vllm*")) if path.is_file()}
    return sorted(found, key=lambda path: (found[path], path), reverse=True)


def load_of(run: FoundRun, beat: Heartbeat) -> ServerLoad:
    """Return the load of the server of a part of the run: what its job's log says, else the newest log that tells."""
    own = {Path(one.server_log) for one in run.submissions if one.server_log and one.key == beat.key}
    logs = server_logs(run)
    mute = ServerLoad(lines=0)
    for path in [path for path in logs if path in own] or logs:
        load = read_load(tail(path, LOG_LINES, most=8 << 20))
        if load.lines:
            return load
        mute = replace(mute, preemptions=mute.preemptions or load.preemptions, aborted=mute.aborted or load.aborted)
    return mute


def failures(directory: Path) -> Counter[str]:
    """Count the errors of choices that failed, over the last megabyte of each journal file."""
    return Counter(error for path in directory.glob("*/*/generations/*.jsonl") for error in _errors(path))


def _errors(path: Path) -> Iterator[str]:
    for line in tail(path, LOG_LINES):
        if '"request_failed"' not in line:
            continue
        try:
            said = msgspec.json.decode(line, type=_Line).generation
        except msgspec.MsgspecError:
            continue
        if said.outcome == "request_failed" and said.error:
            yield said.error


def dead(beat: Heartbeat, now: float) -> Iterator[Finding]:
    """Nobody works at it."""
    if beat.fresh(now):
        return
    quiet = duration(now - beat.heartbeat)
    words = f"state {beat.state!r}" if not beat.live else f"its process on {beat.host} has been silent"
    yield Finding(
        cause="nothing runs",
        evidence=(f"{words}; last heartbeat {quiet} ago", f"{beat.answered} of {beat.due} choices are stored"),
        remedy="`saiten resubmit` goes on with what is missing (or start the same `saiten run` again)",
    )


def repetition(beats: Iterable[Heartbeat]) -> Iterator[Finding]:
    """The model repeats itself up to the token limit, so that answers take as long as they may."""
    counts = [(name, counts) for beat in beats for name, counts in beat.benchmarks.items() if counts.answered]
    said = tuple(
        f"{name}: {one.repetition / one.answered:.0%} of {one.answered} answers loop, "
        f"{one.truncated / one.answered:.0%} were cut at the token limit"
        for name, one in counts
        if one.repetition > LOOPING * one.answered or one.truncated > CUT * one.answered
    )
    if said:
        yield Finding(
            cause="repetition",
            evidence=said,
            remedy="read some answers; prefer a larger node kind; else agree with whoever asked for the evaluation on "
            "MAX_MODEL_LENGTH 8192, and only as the last resort on another temperature or top_p",
        )


def timeouts(beat: Heartbeat, load: ServerLoad, errors: Counter[str]) -> Iterator[Finding]:
    """Requests are given up before their answers come."""
    expired = sum(count for error, count in errors.items() if TIMEOUT.search(error))
    said = []
    if load.aborted:
        said.append(f"the server's log has {load.aborted} aborted requests")
    if expired:
        example = next(error for error in errors if TIMEOUT.search(error))
        said.append(f"{expired} choices failed for time, e.g. {example[:160]}")
    if said and beat.retries:
        said.append(f"{beat.retries} of {beat.requests} requests were repeated")
    if said:
        yield Finding(
            cause="timeouts",
            evidence=tuple(said),
            remedy="set REQUEST_TIMEOUT in .env, or --stall-seconds, higher (seconds without a byte); where the server "
            "is overloaded, first the remedy of that",
        )


def resources(load: ServerLoad) -> Iterator[Finding]:
    """The server cannot hold what it is asked."""
    said = []
    if load.cache_peak >= FULL_CACHE and load.waiting > load.running:
        said.append(
            f"KV cache {load.cache_peak:.0f}% full; {load.running:.0f} requests run and {load.waiting:.0f} wait"
        )
    if load.preemptions:
        said.append(f"{load.preemptions} preemptions in the server's log: what was computed is thrown away")
    if load.lines >= 8 and load.tokens < SLOWER * load.tokens_best and load.running >= 1:
        said.append(f"{load.tokens:.0f} tokens/s now, {load.tokens_best:.0f} at best")
    if said:
        yield Finding(
            cause="too few resources",
            evidence=tuple(said),
            remedy="a node kind with more GPUs (node_q to node_f, rt_HG to rt_HF), or several jobs with --shards",
        )


def concurrency(beat: Heartbeat, load: ServerLoad, errors: Counter[str]) -> Iterator[Finding]:
    """The server could do more than it is asked."""
    owed = beat.due - beat.answered
    full = beat.ceiling > 0 and beat.running >= 0.8 * beat.ceiling and owed > 2 * beat.ceiling
    if not full:
        return
    if load.lines and (load.cache > IDLE_CACHE or load.waiting >= 1):
        return
    if not load.lines and (beat.ceiling > 20 or any(RATE_LIMIT.search(error) for error in errors)):
        return
    said = [f"{beat.running} choices are asked at once, the limit is {beat.ceiling}, and {owed} are owed"]
    if load.lines:
        said.append(f"the server works at {load.running:.0f} requests, none waits, KV cache {load.cache:.0f}% used")
    yield Finding(
        cause="too little concurrency",
        evidence=tuple(said),
        remedy="leave out LITELLM_CONCURRENT_CALLS and --concurrency, and saiten finds the number itself; or set it "
        f"higher (a slot is one choice: at least {max(100, 4 * beat.ceiling)} here)",
    )
