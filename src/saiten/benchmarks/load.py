"""Loading one benchmark: a file of this package, a user's file, or another package's entry point."""

from __future__ import annotations

import hashlib
import sys
import traceback
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UserError
from saiten.types import Benchmark
from saiten.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint
    from types import ModuleType

USER_CODE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What a user's own Python file can raise; told as the user's error, with its file and line."""


def load_builtin(language: str, name: str) -> Benchmark:
    """Return the benchmark of `benchmarks/{language}/{name}.py`, importing that file alone."""
    module = import_module(f"saiten.benchmarks.{language}.{name}")
    return anchored(module.BENCHMARK, Path(str(module.__file__)))


def load_file(path: Path) -> Benchmark:
    """Return the BENCHMARK of a user's file. UserError says what is wrong with it, and in which line."""
    if not path.is_file():
        raise UserError(f"no such benchmark file: {path}")
    module = _execute(path.resolve())
    return anchored(_benchmark_of(vars(module), str(path)), path.resolve())


def load_entry_point(entry: EntryPoint) -> Benchmark:
    """Return the benchmark that another package offers under the group `saiten.benchmarks`."""
    where = f"benchmark {entry.name!r} of the package {entry.dist.name if entry.dist else entry.value!r}"
    try:
        value = entry.load()
    except USER_CODE_ERRORS as error:
        raise UserError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    benchmark = _benchmark_of({"BENCHMARK": value}, where)
    return anchored(benchmark, Path(str(sys.modules[entry.module].__file__)))


def line_of(error: BaseException, path: Path) -> str:
    """Return `file:line` of the innermost place in `path` that an error passed through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def anchored(benchmark: Benchmark, file: Path) -> Benchmark:
    """Return the benchmark with a local dataset's path made absolute: it is written relative to the file."""
    dataset = benchmark.dataset
    if not dataset.local:
        return benchmark
    return replace(benchmark, dataset=replace(dataset, path=str((file.parent / dataset.path).resolve())))


def _execute(path: Path) -> ModuleType:
    name = f"saiten_user_benchmark_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None, "a .py file always has a loader"
    assert spec.loader is not None, "a .py file always has a loader"
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except USER_CODE_ERRORS as error:
        del sys.modules[name]
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UserError(f"{line_of(error, path)}: {type(error).__name__}: {text}") from error
    return module


def _benchmark_of(names: Mapping[str, object], where: str) -> Benchmark:
    value = names.get("BENCHMARK")
    if not isinstance(value, Benchmark):
        found = "there is none" if value is None else f"it is a {type(value).__name__}"
        raise UserError(f"{where}: BENCHMARK must be a saiten.types.Benchmark, and {found}")
    return value
