"""The files of a checkout of swallow-evaluation-instruct: which function makes the prompt of which task.

Read with `ast`; nothing is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from saiten.benchmarks.packs.texts import Scope, UnreadableError, text_of
from saiten.errors import UserError

PACKAGE = Path("lighteval/src/lighteval")
TASKS = PACKAGE / "tasks" / "swallow"
CONFIG = "LightevalTaskConfig"


class Module(Struct, frozen=True, kw_only=True):
    """One source file."""

    path: Path
    """Below the checkout."""
    tree: ast.Module
    scope: Scope
    """Its functions and the names it assigns."""
    imported: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> module path and, for `from … import`, the name there."""


class TaskSource(Struct, frozen=True, kw_only=True):
    """A task of the old system, and where its prompt is made."""

    name: str
    """Task id; of ids made in a loop, what they begin with (`swallow_jmmlu:`)."""
    function: ast.FunctionDef
    module: Module
    """The file that has the function."""
    config: Module
    """The file that defines the task."""

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.module.path}:{self.function.lineno}"


def commit_of(root: Path) -> str:
    """Return the commit that a git checkout is at, from its files; empty where it is none."""
    git = root / ".git"
    try:
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text("utf-8").strip()
        packed = (git / "packed-refs").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")


class Checkout:
    """The folder that was given. Files are parsed when they are needed, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root / TASKS).is_dir():
            raise UserError(
                f"{root} is no checkout of swallow-evaluation-instruct: it has no folder {TASKS}; give the folder above"
            )
        self._modules: dict[Path, Module] = {}
        self.problems: dict[str, str] = {}
        """Task -> why its prompt function is not known, with file and line."""

    def module(self, path: Path) -> Module:
        """Parse a file below the checkout. UserError where that cannot be."""
        if path not in self._modules:
            try:
                tree = ast.parse((self.root / path).read_text("utf-8"), str(path))
            except (OSError, SyntaxError, ValueError) as error:
                line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
                raise UserError(f"{self.root / path}{line}: cannot be read as Python: {error}") from error
            self._modules[path] = _module(path, tree)
        return self._modules[path]

    def tasks(self) -> Iterator[TaskSource]:
        """Yield the tasks that the task files define, with the function that makes their prompt."""
        for path in sorted((self.root / TASKS).rglob("*.py")):
            module = self.module(path.relative_to(self.root))
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and _called(node) == CONFIG:
                    words = {word.arg: word.value for word in node.keywords}
                    name = _beginning(words.get("name"), module.scope)
                    if not name or "prompt_function" not in words:
                        continue
                    found = self.function(words["prompt_function"], module)
                    if found is None:
                        self.problems[name] = f"{module.path}:{node.lineno}: its prompt function is not found"
                    else:
                        yield TaskSource(name=name, function=found[0], module=found[1], config=module)

    def function(self, node: ast.expr, module: Module) -> tuple[ast.FunctionDef, Module] | None:
        """Find the function that an expression names, in this file or one it imports from."""
        match node:
            case ast.Name(id=name) if name in module.scope.functions:
                return module.scope.functions[name], module
            case ast.Name(id=name) if len(module.imported.get(name, ())) == 2:
                place, original = module.imported[name]
                return self._elsewhere(place, original)
            case ast.Attribute(value=ast.Name(id=alias), attr=name) if len(module.imported.get(alias, ())) == 1:
                return self._elsewhere(module.imported[alias][0], name)
            case ast.Call(args=[inner, *_]):  # a decorator or functools.partial around the function
                return self.function(inner, module)
            case _:
                return None

    def _elsewhere(self, place: str, name: str) -> tuple[ast.FunctionDef, Module] | None:
        path = Path(*PACKAGE.parts[:-1], *place.split(".")).with_suffix(".py")
        if not (self.root / path).is_file():
            return None
        module = self.module(path)
        found = module.scope.functions.get(name)
        return None if found is None else (found, module)


def _module(path: Path, tree: ast.Module) -> Module:
    names: dict[str, ast.expr] = {}
    functions: dict[str, ast.FunctionDef] = {}
    imported: dict[str, tuple[str, ...]] = {}
    for statement in _statements(tree.body):
        match statement:
            case ast.FunctionDef(name=name):
                functions[name] = statement
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names[name] = value
            case ast.Import(names=aliases):
                imported |= {alias.asname or alias.name: (alias.name,) for alias in aliases}
            case ast.ImportFrom(module=place, names=aliases, level=level):
                base = ".".join(path.with_suffix("").parts[2:][:-level]) if level else ""
                where = ".".join(filter(None, (base, place or "")))
                imported |= {alias.asname or alias.name: (where, alias.name) for alias in aliases}
            case _:
                pass
    return Module(path=path, tree=tree, scope=Scope(names, functions), imported=imported)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield a file's statements, those in loops and branches too: names of tasks are made there."""
    for statement in body:
        yield statement
        for inner in ("body", "orelse"):
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                yield from _statements(getattr(statement, inner, []))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _beginning(node: ast.expr | None, scope: Scope) -> str:
    """Return the literal beginning of a task's name."""
    if node is None:
        return ""
    try:
        text = text_of(node, scope)
    except UnreadableError:
        return ""
    return text[0] if text and isinstance(text[0], str) else ""
