"""What is measured. Each section starts its own mock, runs commands as a user would, and returns figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import workloads
from bench.measure import Figure, Measured, Mock, clean_environment, run, saiten
from bench.workloads import Workload
from saiten.values import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure, and where to keep files while doing it."""

    folder: Path
    quick: bool = False
    speedup: float = 3.0
    """Of the mock's engine, in the batching section."""

    def repeats(self, full: int) -> int:
        """Return how often a cheap command is run."""
        return 1 if self.quick else full

    def scaled(self, workload: Workload) -> Workload:
        """Return the workload, a fifth of it in a quick run."""
        return replace(workload, documents=max(1, workload.documents // 5)) if self.quick else workload


def bare(mock: Mock, dataset: Path, *options: str) -> dict[str, float]:
    """Run the bare client and return what it printed."""
    command = [sys.executable, "-m", "bench.client_bare", "--base-url", mock.base_url, "--dataset", str(dataset)]
    measured = run([*command, *options], limit=300)
    if measured.status != 0:
        raise RuntimeError(f"the bare client failed: {measured.output}{measured.errors}")
    result: dict[str, float] = json.loads(measured.output)
    return result


def check_score(folder: Path, *asked: Workload) -> None:
    """Raise RuntimeError unless the run's scores are those that the mock's answers earn."""
    files = list(folder.glob("outputs/results/**/results_*.json"))
    if len(files) != 1:
        raise RuntimeError(f"{len(files)} results files under {folder}")
    results = json.loads(files[0].read_text())["results"]
    for workload in asked:
        name, expected = workload.expected_score()
        found = results[f"swallow|{workload.name}|0"][name]
        if abs(found - expected) > 1e-9:
            raise RuntimeError(f"{workload.name}: {name} must be {expected}, but it is {found}")


def instant(plan: Plan) -> list[Figure]:
    """5,000 four-choice questions against a server that answers at once."""
    workload = plan.scaled(workloads.FOUR_CHOICE)
    file = workloads.write(workload, plan.folder)
    runs: list[Measured] = []
    rates: list[float] = []
    bare_cpu: list[float] = []
    bare_rates: list[float] = []
    with Mock(("--mode", "instant")) as mock:
        for number in range(plan.repeats(3)):
            mock.configure()
            floor = bare(mock, file.with_suffix(".jsonl"), "--in-flight", "256", "--stream")
            bare_cpu.append(floor["cpu_seconds"] * 1000 / workload.documents)
            bare_rates.append(workload.documents / floor["wall_seconds"])
            mock.configure()
            output = plan.folder / f"instant-{number}"
            runs.append(saiten(mock, [file], output, cache=plan.folder / f"instant-cache-{number}"))
            check_score(output, workload)
            stats = mock.stats()
            if stats["completed"] != workload.documents:
                raise RuntimeError(f"{stats['completed']} answers for {workload.documents} questions")
            rates.append(workload.documents / stats["wall_seconds"])
    cpu = tuple(one.cpu * 1000 / workload.documents for one in runs)
    walls = tuple(one.wall for one in runs)
    target = None if plan.quick else 2.0
    return [
        Figure(section="instant", name=f"{workload.documents:,} questions", values=walls, unit="s", target=target),
        Figure(section="instant", name="CPU per request", values=cpu, unit="ms", target=0.3),
        Figure(section="instant", name="requests/s, first to last", values=tuple(rates), better="higher"),
        Figure(section="instant", name="bare client: CPU per request", values=tuple(bare_cpu), unit="ms"),
        Figure(section="instant", name="bare client: requests/s", values=tuple(bare_rates), better="higher"),
    ]


@dataclass(frozen=True, slots=True)
class Case:
    """One run of the batching section."""

    name: str
    workloads: tuple[Workload, ...]
    target: float
    known: bool = False
    """Whether the answers' lengths are known from a run before."""


def batching(plan: Plan) -> list[Figure]:
    """Wall over the wall of a saturated engine, at default settings, in continuous batching."""
    mcq = plan.scaled(workloads.FOUR_CHOICE)
    suite = tuple(plan.scaled(one) for one in workloads.suite())
    cases = (
        Case("four-choice, lengths unknown", (mcq,), 1.10),
        Case("four-choice, lengths known", (mcq,), 1.03, known=True),
        Case("164 x n=10", (plan.scaled(workloads.CODE_TEN),), 1.35),
        Case("two turns x 5", (plan.scaled(workloads.TWO_TURNS),), 1.35),
        Case("two turns x 5, judged", (plan.scaled(workloads.JUDGED),), 1.35),
        Case("ten benchmarks, lengths unknown", suite, 1.06),
    )
    figures: list[Figure] = []
    with Mock(("--mode", "batch", "--speedup", str(plan.speedup), "--stream-interval", "16")) as mock:
        for case in cases:
            figures += _batch_case(plan, mock, case)
    return figures


def _batch_case(plan: Plan, mock: Mock, case: Case) -> list[Figure]:
    name = case.name.replace(" ", "-").replace(",", "")
    files = [workloads.write(one, plan.folder) for one in case.workloads]
    mock.configure()
    cache = plan.folder / ("cache-" + "-".join(one.name for one in case.workloads[:1]))
    measured = saiten(mock, files, plan.folder / name, cache=cache, limit=900)
    check_score(plan.folder / name, *case.workloads)
    stats = mock.stats(ideal=True)
    saturated = stats["bounds"]["saturated"]
    wall = stats["wall_seconds"] - stats["starved_seconds"]
    note = (
        f"wall {wall:.1f} s, saturated {saturated:.1f}, dataset order {stats['bounds']['fifo']:.1f}, "
        f"longest first {stats['bounds']['longest_first']:.1f}, peak in flight {stats['peak_in_flight']}, "
        f"mean batch {stats['mean_batch']:.0f}, starved {stats['starved_seconds']:.1f} s"
    )
    whole = (measured.wall - stats["starved_seconds"]) / saturated
    target = None if plan.quick else case.target
    return [
        Figure(
            section="batching",
            name=f"{case.name}: wall / saturated",
            values=(wall / saturated,),
            target=target,
            note=note,
        ),
        Figure(section="batching", name=f"{case.name}: whole command / saturated", values=(whole,)),
    ]


def memory(plan: Plan) -> list[Figure]:
    """Peak memory for 5,000 and for 200,000 documents."""
    figures: list[Figure] = []
    peaks: list[float] = []
    with Mock(("--mode", "instant")) as mock:
        for workload in (workloads.FOUR_CHOICE, workloads.FOUR_CHOICE_LARGE):
            used = plan.scaled(workload)
            file = workloads.write(used, plan.folder)
            mock.configure()
            output = plan.folder / f"memory-{workload.documents}"
            cache = plan.folder / f"memory-cache-{workload.documents}"
            measured = saiten(mock, [file], output, cache=cache, watch_memory=True, limit=900)
            check_score(output, used)
            peaks.append(measured.largest_mb)
            name = f"{used.documents:,} documents"
            note = f"wall {measured.wall:.1f} s, CPU {measured.cpu:.1f} s"
            figures += [
                Figure(
                    section="memory",
                    name=f"{name}, largest process",
                    values=(measured.largest_mb,),
                    unit="MB",
                    target=100,
                    note=note,
                ),
                Figure(section="memory", name=f"{name}, all processes", values=(measured.tree_mb,), unit="MB"),
            ]
    growth = peaks[1] / peaks[0]
    figures.append(Figure(section="memory", name="40 times the documents: memory x", values=(growth,), target=1.1))
    return figures


def start(plan: Plan) -> list[Figure]:
    """From the start of the command to the first request at the server."""
    workload = replace(workloads.FOUR_CHOICE, name="bench_start", documents=32)
    file = workloads.write(workload, plan.folder)
    first: list[float] = []
    byte: list[float] = []
    walls: list[float] = []
    cpu: list[float] = []
    with Mock(("--mode", "instant")) as mock:
        for number in range(plan.repeats(5)):
            mock.configure()
            cache = plan.folder / f"start-cache-{number}"
            measured = saiten(mock, [file], plan.folder / f"start-{number}", cache=cache)
            stats = mock.stats()
            first.append(stats["first_request"] - measured.started)
            byte.append(stats["first_byte"] - measured.started)
            walls.append(measured.wall)
            cpu.append(measured.cpu)
    environment = clean_environment(plan.folder / "help-cache")
    helps = [
        run([sys.executable, "-m", "saiten", "--help"], environment=environment).wall for _ in range(plan.repeats(5))
    ]
    return [
        Figure(section="start", name="to the first question", values=tuple(first), unit="s", target=0.3),
        Figure(section="start", name="to the first byte at the server", values=tuple(byte), unit="s"),
        Figure(section="start", name="32 questions, whole command", values=tuple(walls), unit="s"),
        Figure(section="start", name="32 questions, CPU", values=tuple(cpu), unit="s"),
        Figure(section="start", name="saiten --help", values=tuple(helps), unit="s", target=0.3),
    ]


def streaming(plan: Plan) -> list[Figure]:
    """16,000 events a second, one for each token, as one large GPU makes them."""
    workload = plan.scaled(workloads.STREAMED)
    if plan.quick:
        workload = replace(workload, documents=256, mu=5.5)
    file = workloads.write(workload, plan.folder)
    with Mock(("--mode", "batch", "--speedup", "1", "--stream-interval", "1")) as mock:
        floor = bare(mock, file.with_suffix(".jsonl"), "--in-flight", str(workload.documents), "--stream")
        floor_stats = mock.stats()
        mock.configure()
        measured = saiten(mock, [file], plan.folder / "streaming", cache=plan.folder / "streaming-cache")
        check_score(plan.folder / "streaming", workload)
        stats = mock.stats()
    if not stats["events"]:
        raise RuntimeError("saiten did not stream")
    rate = stats["events"] / stats["wall_seconds"]
    share = measured.cpu / stats["wall_seconds"]
    note = f"{stats['events']:,} events in {stats['wall_seconds']:.1f} s, mock starved {stats['starved_seconds']:.1f} s"
    bare_share = floor["cpu_seconds"] / floor_stats["wall_seconds"]
    return [
        Figure(section="streaming", name="events/s", values=(rate,), better="higher", note=note),
        Figure(section="streaming", name="share of a core, whole command", values=(share,)),
        Figure(
            section="streaming",
            name="share of a core for 16,000 events/s",
            values=(share * 16_000 / rate,),
            target=0.35,
            note=f"{measured.cpu / stats['events'] * 1e6:.1f} us CPU an event",
        ),
        Figure(section="streaming", name="bare client: share of a core", values=(bare_share,)),
    ]


SECTIONS: dict[str, Callable[[Plan], Sequence[Figure]]] = {
    "start": start,
    "instant": instant,
    "streaming": streaming,
    "memory": memory,
    "batching": batching,
}
