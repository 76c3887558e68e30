"""What one process of several asks of a run that they share. All write one record: each choice is asked once."""

from __future__ import annotations

from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True):
    """A part of a run; by default all of it."""

    name: str = ""
    """Of its heartbeat, `progress-NAME.json`; empty: `progress.json`."""
    benchmarks: tuple[str, ...] = ()
    """Only these of the run's benchmarks; empty: all."""
    shard: int = 0
    """Only documents whose position in their subset's seeded order is `shard` modulo `shards`."""
    shards: int = 1
    key: str = ""
    """Who this is, in its heartbeat."""
    takes_over: tuple[str, ...] = ()
    """Keys of processes whose work this one goes on with: their heartbeats are of the dead."""
    budgeted: bool = False
    """Whether --max-cost is a share for this process and those that it takes over: what others spend is no matter."""
    stop_at: float | None = None
    """Unix time from which on nothing is launched: the job's walltime ends soon."""
    drain_until: float | None = None
    """Unix time at which what is still in flight then is given up."""

    @property
    def progress_file(self) -> str:
        """Name of its heartbeat in the run directory."""
        return f"progress-{self.name}.json" if self.name else "progress.json"
