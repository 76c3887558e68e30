"""What people see while a run goes on: a live table on a terminal, one line a minute anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saiten.engine.asking import Observer
    from saiten.engine.progress import BenchmarkProgress, Progress

LINE_SECONDS = 60.0


@contextmanager
def open_display() -> Iterator[Observer]:
    """Yield the display that fits standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    live = LiveTable()
    try:
        yield live
    finally:
        live.close()


def duration(seconds: float) -> str:
    """Return seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def overall(progress: Progress) -> str:
    """Return the run's state in one line."""
    choices, tokens = progress.rates()
    parts = [
        progress.state,
        f"{progress.answered}/{progress.due} choices",
        f"{choices:.1f}/s",
        f"{tokens:.0f} tokens/s",
        f"{progress.running} running of {progress.ceiling}",
    ]
    if progress.server is not None:
        load = progress.server
        parts.append(f"server: {load.running} running, {load.waiting} waiting" + kv_use(load.kv_use))
    if progress.waiting:
        parts.append(f"{progress.waiting} waiting")
    failed = sum(benchmark.failed for benchmark in progress.benchmarks.values())
    if failed:
        parts.append(f"{failed} failed")
    if progress.retries:
        parts.append(f"{progress.retries} retries")
    if progress.cost is not None:
        limit = f" of {progress.max_cost:g}" if progress.max_cost is not None else ""
        parts.append(f"cost {progress.cost:.2f}{limit}")
    if progress.paused_seconds > 1:
        parts.append(f"paused by the server for {progress.paused_seconds:.0f} s")
    left = progress.eta_seconds()
    if left is not None and progress.state == "generating":
        parts.append(f"{duration(left)} left")
    if progress.detail:
        parts.append(progress.detail)
    return ", ".join(parts)


def kv_use(share: float | None) -> str:
    """Return how full the server's memory for keys and values is."""
    return "" if share is None else f", {100 * share:.0f} % of its KV memory"


class Lines:
    """One line a minute on standard error, and one at each change of state."""

    def __init__(self) -> None:
        self._last = 0.0
        self._state = ""

    def update(self, progress: Progress) -> None:
        """Print a line if it is time for one."""
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS or progress.state != self._state:
            self._last, self._state = now, progress.state
            print(f"saiten: {overall(progress)}", file=sys.stderr, flush=True)

    def tell(self, message: str) -> None:
        """Print a message."""
        print(f"saiten: {message}", file=sys.stderr, flush=True)


class LiveTable:
    """A table that is drawn over itself, one row for each benchmark."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def update(self, progress: Progress) -> None:
        """Draw the table again."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("benchmark")
        for name in ("done", "%", "truncated", "loops", "unclosed", "empty", "failed", "executed"):
            table.add_column(name, justify="right")
        for benchmark in progress.benchmarks.values():
            table.add_row(*self._row(benchmark))
        self._live.update(Group(table, Text(overall(progress))), refresh=True)

    @staticmethod
    def _row(counters: BenchmarkProgress) -> list[Any]:
        from rich.text import Text

        def count(number: int, style: str = "yellow") -> Text:
            return Text(str(number), style=style if number else "dim")

        share = 100 * counters.answered / counters.due if counters.due else 100
        executed = f"{counters.verified}/{counters.to_verify}" if counters.to_verify else ""
        return [
            Text(counters.name),
            Text(f"{counters.answered}/{counters.due}"),
            Text(f"{share:.0f}"),
            count(counters.truncated),
            count(counters.repetition),
            count(counters.unclosed),
            count(counters.empty),
            count(counters.failed, "red"),
            Text(executed),
        ]

    def tell(self, message: str) -> None:
        """Print a message above the table."""
        self._console.print(f"saiten: {message}", markup=False, highlight=False)

    def close(self) -> None:
        """Take the table away."""
        self._live.stop()
