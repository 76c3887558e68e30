"""What a run says of itself in `progress.json` (or `progress-NAME.json`), read from outside, also after its death."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

STALE_SECONDS = 90.0
"""Without a new heartbeat for so long a process is taken for dead; it writes one every five seconds."""
LIVE_STATES = frozenset({"starting", "serving", "generating", "draining", "verifying", "scoring"})
ENDING_STATES = frozenset({"draining", "verifying", "scoring"})


class Counters(msgspec.Struct, frozen=True):
    """One benchmark, in choices."""

    due: int = 0
    answered: int = 0
    before: int = 0
    failed: int = 0
    truncated: int = 0
    repetition: int = 0
    unclosed: int = 0
    empty: int = 0
    output_tokens: int = 0


class Heartbeat(msgspec.Struct, frozen=True):
    """A progress file. Everything has a default: an older saiten may have written it."""

    state: str = ""
    detail: str = ""
    heartbeat: float = 0.0
    started: float = 0.0
    asking_since: float | None = None
    asking_until: float | None = None
    host: str = ""
    pid: int = 0
    key: str = ""
    shard: tuple[int, int] = (0, 1)
    stop_at: float | None = None
    due: int = 0
    answered: int = 0
    failed: int = 0
    running: int = 0
    ceiling: int = 0
    waiting: int = 0
    requests: int = 0
    retries: int = 0
    choices_per_second: float = 0.0
    tokens_per_second: float = 0.0
    eta_seconds: float | None = None
    benchmarks: dict[str, Counters] = {}

    @property
    def live(self) -> bool:
        """Whether it was at work when it was written."""
        return self.state in LIVE_STATES

    def fresh(self, now: float) -> bool:
        """Whether its process seems to live."""
        return self.live and now - self.heartbeat < STALE_SECONDS

    def share(self, counter: str) -> float:
        """Return which share of the answered choices a counter has."""
        counted: int = sum(getattr(counts, counter) for counts in self.benchmarks.values())
        return counted / max(1, self.answered)


def heartbeats(run: Path, known: Mapping[str, Heartbeat | None] | None = None) -> list[Heartbeat]:
    """Return what all processes that wrote in a run directory said last. `known`: files that were read already."""
    read = known or {}
    paths = sorted(run.glob("progress*.json"))
    found = (read[str(path)] if str(path) in read else read_heartbeat(path) for path in paths)
    return [beat for beat in found if beat is not None]


def covered(benchmarks: Iterable[str], shard: tuple[int, int], beats: Iterable[Heartbeat]) -> bool:
    """Return whether these heartbeats are, between them, of all of some benchmarks: whole, or of the same shard."""
    return set(benchmarks) <= {name for beat in beats if beat.shard in {(0, 1), shard} for name in beat.benchmarks}


def completed(run: Path) -> bool:
    """Return whether the process that wrote last in a run directory ended with every answer, verdict and score."""
    beats = heartbeats(run)
    return bool(beats) and max(beats, key=lambda beat: beat.heartbeat).state == "complete"


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return what a progress file says; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except (OSError, msgspec.MsgspecError):
        return None
