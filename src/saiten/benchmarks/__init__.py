"""What is measured: one file for each benchmark, found by name, old task id, group, glob or path.

A selector is one of

    jmmlu  jmmlu:anatomy  jmmlu:college_*          a benchmark, or some of its subsets
    swallow|swallow_jmmlu|0|0                      the id that old commands use, with or without a subset
    ja_mmlu  en_aime_2024_2025                     the name of an old script's jobs, or language and name
    mmlu*  ja  en  all  demo                       a glob over names, a group
    path/to/my.py  path/to/my.py:subset            a user's own file, which defines BENCHMARK
    livecodebench  livecodebench:v6  livecodebench:*   its default subset, another, all of them
    name                                           a benchmark of another package (entry points `saiten.benchmarks`)
    math_500_N16  aime_N16:24                      a benchmark of this package asked N times, by name or old id
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from saiten.benchmarks.index import GROUPS, builtin, by_job_name, entry_points, group, is_variant
from saiten.benchmarks.load import load_builtin, load_entry_point, load_file
from saiten.benchmarks.repeated import parse, repeated
from saiten.errors import UsageError, UserError, suggestion
from saiten.types import Benchmark

__all__ = ["Selected", "find", "names", "select"]

SUITE = "swallow"
SOME = 8
"""Names that a message lists."""


class Selected(Struct, frozen=True):
    """A benchmark and the subsets of it that are wanted, in the benchmark's order."""

    benchmark: Benchmark
    subsets: tuple[str, ...]


def names() -> list[str]:
    """Return the names of all benchmarks that can be selected by name."""
    mine = builtin()
    return [*mine, *(name for name in entry_points() if name not in mine)]


def find(selector: str) -> Benchmark:
    """Return the one benchmark that `selector` names. UsageError where there is none, or more than one."""
    selected = select((selector,))
    if len(selected) != 1:
        them = ", ".join(one.benchmark.name for one in selected[:SOME]) + (", …" if len(selected) > SOME else "")
        raise UsageError(f"{selector!r} names {len(selected)} benchmarks: {them}; name one")
    return selected[0].benchmark


def select(selectors: Iterable[str]) -> tuple[Selected, ...]:
    """Return the benchmarks and subsets that `selectors` name, each benchmark once, in the order first named.

    A selector may be a list separated by commas. Only the files of the benchmarks that are named are imported.

    Raises:
        UsageError: a name is not known; the message suggests the nearest.
        UserError: a user's file cannot be used; the message has file and line.
    """
    chosen: dict[str, tuple[Benchmark, set[str]]] = {}
    for selector in [part.strip() for entry in selectors for part in entry.split(",")]:
        for reference, pattern in _references(selector):
            benchmark = chosen[reference][0] if reference in chosen else _load(reference)
            wanted = _subsets(benchmark, pattern, selector)
            chosen.setdefault(reference, (benchmark, set()))[1].update(wanted)
    twice = [b.name for b, _ in chosen.values() if sum(b.name == other.name for other, _ in chosen.values()) > 1]
    if twice:
        raise UsageError(f"two benchmarks are named {twice[0]!r}; they cannot be in one run")
    return tuple(
        Selected(benchmark, tuple(subset for subset in benchmark.dataset.configs if subset in wanted))
        for benchmark, wanted in chosen.values()
    )


def _references(selector: str) -> Sequence[tuple[str, str | None]]:
    """Return the benchmarks that a selector means, as name or path, each with a pattern of subsets."""
    if not selector:
        raise UsageError("an empty benchmark name; see: saiten tasks list")
    if "|" in selector:
        return _old_id(selector)
    path, _, pattern = selector.rpartition(":") if ".py:" in selector else (selector, "", "")
    if path.endswith(".py"):
        return [(path, pattern or None)]
    members = group(selector)
    return [(name, None) for name in members] if members is not None else _by_name(selector)


def _by_name(selector: str) -> Sequence[tuple[str, str | None]]:
    """Resolve a name, a glob over names, or an old task name, with or without a subset."""
    name, _, subset = selector.partition(":")
    stated = [known for known, entry in builtin().items() if subset and entry.task() == selector]
    if stated:
        return [(stated[0], None)]
    if name in builtin():
        return [(name, subset or None)]
    form = parse(selector)
    if form is not None and not any(mark in name for mark in "*?["):
        return [(f"{known}_N{form[1]}", pattern) for known, pattern in _by_name(form[0])]
    if any(mark in name for mark in "*?["):
        matching = [known for known in names() if fnmatchcase(known, name) and not is_variant(known)]
        if matching:
            return [(known, subset or None) for known in matching]
        raise UsageError(f"no benchmark matches {selector!r}; see: saiten tasks list")
    by_task = _by_task(selector)
    if by_task:
        return by_task
    called = name if name in entry_points() else by_job_name(name)
    if called is not None:
        return [(called, subset or None)]
    raise UsageError(_unknown(selector))


def _old_id(selector: str) -> Sequence[tuple[str, str | None]]:
    """Resolve `suite|task|few-shot|truncate`, the last two optional."""
    suite, task, *numbers = selector.split("|")
    if suite != SUITE:
        raise UsageError(f"{selector!r}: no suite {suite!r}; there is: {SUITE} (as in {SUITE}|math_500|0|0)")
    if len(numbers) > 2 or any(number not in {"0", "1"} for number in numbers[1:]):
        raise UsageError(f"{selector!r}: not a task id; they look like {SUITE}|math_500|0|0")
    if numbers and numbers[0] != "0":
        raise UsageError(f"{selector!r}: few-shot examples are not supported; write {SUITE}|{task}|0|0")
    found = _by_task(task)
    if found:
        return found
    near = suggestion(task, {entry.task() for entry in builtin().values()})
    raise UsageError(f"no task {task!r}{near}; see: saiten tasks list")


def _by_task(task: str) -> Sequence[tuple[str, str | None]]:
    """Return the benchmarks that an old task id means; none where there is no such task.

    The one that states the id; or the one that states its part before the colon, what follows naming a subset; or the
    one that states it with a star, which stands for the subset; or, for an id without colon, all that state
    `id:something`: a superset, of which the old system wanted two members or more.
    """
    base, _, subset = task.partition(":")
    stated = {entry.name: entry.task() for entry in builtin().values()}
    for name, known in stated.items():
        if known == task:
            return [(name, None)]
    for name, known in stated.items():
        if known == base and subset:
            return [(name, subset)]
    for name, known in stated.items():
        start, star, end = known.partition("*")
        if star and task.startswith(start) and task.endswith(end) and task != start + end:
            return [(name, task.removeprefix(start).removesuffix(end))]
    superset = [(name, "*" if "*" in known else None) for name, known in stated.items() if known.startswith(f"{task}:")]
    form = parse(task)
    if superset or form is None:
        return superset
    return [(f"{name}_N{form[1]}", pattern) for name, pattern in _by_task(form[0])]


def _unknown(selector: str) -> str:
    tasks = {entry.task() for entry in builtin().values()}
    near = suggestion(selector, [*names(), *GROUPS, *tasks])
    return f"no benchmark {selector!r}{near}; see: saiten tasks list (a file of your own ends in .py)"


def _load(reference: str) -> Benchmark:
    if reference.endswith(".py"):
        return load_file(Path(reference))
    entry = builtin().get(reference)
    if entry is not None:
        return load_builtin(entry.language, entry.name)
    form = parse(reference)
    if form is not None and form[0] in builtin():
        return repeated(_load(form[0]), form[1])
    return load_entry_point(entry_points()[reference])


def _subsets(benchmark: Benchmark, pattern: str | None, selector: str) -> list[str]:
    known = benchmark.dataset.configs
    if not known:
        raise UserError(f"{benchmark.name}: its dataset names no config")
    if pattern is None:
        return [*(benchmark.default or known)]
    found = [subset for subset in known if fnmatchcase(subset, pattern)]
    if not found:
        some = ", ".join([*known][:SOME]) + (f", … ({len(known)} in all)" if len(known) > SOME else "")
        has = f"there are: {some}" if any(known) else "it has none"
        raise UsageError(f"{selector!r}: {benchmark.name} has no subset {pattern!r}{suggestion(pattern, known)}; {has}")
    return found
