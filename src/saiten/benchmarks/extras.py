"""Is everything installed that the benchmarks of a run are scored with? Said before the first question is asked."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from saiten.errors import UserError
from saiten.types import Benchmark


def require_extras(benchmarks: Iterable[Benchmark]) -> None:
    """Raise UserError, one line with the pip command, where a library of an extra is not installed. Imports none."""
    users, lacking, names = set(), set(), set()
    for benchmark in benchmarks:
        for extra in benchmark.extras:
            if missing := [module for module in extra.modules if find_spec(module) is None]:
                users.add(benchmark.name)
                lacking.update(missing)
                names.add(extra.name)
    if names:
        raise UserError(
            f"{_listed(users)} cannot be scored without {_listed(lacking)}, not installed here; nothing was asked; "
            f"install with: pip install 'saiten[{','.join(sorted(names))}]'"
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
