"""The house stays a house: imports point downwards, there are no cycles, modules and functions stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "saiten"
MODULE_LINES = 500
FUNCTION_LINES = 60
PARAMETERS = 6
BENCHMARK_LINES = 150

LOW = {"types", "errors", "part", "programs", "sampling", "served", "values"}
ALLOWED = {
    "part": set(),
    "programs": set(),
    "sampling": set(),
    "served": set(),
    "values": set(),
    "types": {"part", "programs", "sampling", "served"},
    "errors": set(),
    "settings": LOW,
    "datasets": LOW,
    "sandbox": LOW,
    "models": LOW | {"settings"},
    "servers": LOW,
    "scoring": LOW | {"sandbox"},
    "benchmarks": LOW | {"datasets", "scoring"},
    "results": LOW | {"benchmarks", "datasets", "scoring"},
    "engine": LOW | {"benchmarks", "datasets", "models", "scoring", "results", "sandbox", "settings"},
    "report": LOW | {"results"},
    "clusters": LOW | {"settings", "results"},
    "evaluate": LOW
    | {"benchmarks", "datasets", "models", "scoring", "results", "sandbox", "settings", "engine", "servers"},
    "cli": LOW
    | {"benchmarks", "datasets", "models", "scoring", "results", "sandbox", "settings", "engine", "servers"}
    | {"evaluate", "report", "clusters", "cli"},
}
"""Room -> rooms it may import. `saiten` itself (the version) may be imported by all."""
BANNED_NAMES = {"utils", "util", "common", "helpers", "manager", "base", "misc"}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield (dotted name below the package, file)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, path


MODULES = dict(modules())


def imports(name: str, path: Path, *, top_level: bool = False) -> set[str]:
    """Return the dotted names (below the package) that a module imports; type checking blocks are left out."""
    tree = ast.parse(path.read_text())
    nodes: list[ast.AST] = list(tree.body) if top_level else list(ast.walk(tree))
    checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in nodes:
        if id(node) in checking:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and (node.module + ".").startswith("saiten."):
            base = node.module.removeprefix("saiten").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                found.add(full if full in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("saiten.") for a in node.names if a.name.startswith("saiten.")}
    return found - {name, ""}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_room_imports_only_rooms_below_it(name: str) -> None:
    room = name.split(".", maxsplit=1)[0]
    if room in {"", "__main__"}:
        return
    wrong = {target for target in imports(name, MODULES[name]) if target.split(".")[0] not in ALLOWED[room] | {room}}
    assert not wrong, f"{name} imports {wrong}"


def test_there_are_no_import_cycles() -> None:
    graph = {name: imports(name, path, top_level=True) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            visit(target, (*trail, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_and_functions_stay_small(name: str) -> None:
    text = MODULES[name].read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < FUNCTION_LINES, f"{name}.{node.name} is too long"
            arguments = [a for a in (*node.args.args, *node.args.kwonlyargs) if a.arg not in {"self", "cls"}]
            assert len(arguments) <= PARAMETERS, f"{name}.{node.name} has too many parameters"


def test_every_benchmark_is_one_small_file() -> None:
    for name, path in MODULES.items():
        if name.startswith(("benchmarks.ja.", "benchmarks.en.")):
            assert len(path.read_text().splitlines()) <= BENCHMARK_LINES, name


def test_modules_have_names_that_say_something() -> None:
    assert not {name for name in MODULES if name.split(".")[-1] in BANNED_NAMES}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_catches_everything(name: str) -> None:
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.dump(node.type) if node.type is not None else "everything"
            assert "'Exception'" not in caught, f"{name}:{node.lineno}"
            assert "everything" not in caught, f"{name}:{node.lineno}"
