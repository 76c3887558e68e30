"""Importing: the prompts of a checkout of swallow-evaluation-instruct as templates that saiten's documents fill.

Each place of an old template is told by the expression that fills it: one of the options (`choices[2]`), all of them
in lines, the allowed letters, or a column of the row, which is the benchmark's own main text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_lowercase

from saiten.benchmarks import find
from saiten.benchmarks.index import SAMPLE, builtin
from saiten.benchmarks.packs.judging import judge_templates
from saiten.benchmarks.packs.pack import Pack, Place, Prompt, Template
from saiten.benchmarks.packs.sources import Checkout, TaskSource, commit_of
from saiten.benchmarks.packs.texts import Hole, Scope, UnreadableError, returned
from saiten.benchmarks.prompt import PLACEHOLDER
from saiten.types import Benchmark
from saiten.values import replace

OF_OPTIONS = frozenset({"choices", "letters", "endings", "options"})


def import_pack(root: Path, name: str) -> Pack:
    """Read a checkout. What cannot be imported stands in the pack's `missing`, with file, line and reason.

    UserError: the folder is no checkout, or a file of it is no Python.
    """
    checkout = Checkout(root)
    tasks = list(checkout.tasks())
    prompts: dict[str, Prompt] = {}
    missing: dict[str, str] = {}
    for known in builtin():
        if known.startswith(SAMPLE):
            continue
        benchmark = find(known)
        source = _source(benchmark, tasks)
        if source is None:
            why = f"no task {benchmark.task} in {root.name}"
            missing[known] = checkout.problems.get(benchmark.task, why)
            continue
        try:
            prompt = _prompt(benchmark, source)
            judge = judge_templates(checkout, source.config) if benchmark.judge is not None else {}
            prompts[known] = replace(prompt, judge=judge)
        except UnreadableError as error:
            missing[known] = f"{error.path or source.module.path}:{error.line or source.function.lineno}: {error}"
    origin = "@".join(filter(None, (root.resolve().name, commit_of(root)[:12])))
    return Pack(name=name, source=origin, prompts=prompts, missing=missing)


def _source(benchmark: Benchmark, tasks: Sequence[TaskSource]) -> TaskSource | None:
    """Return the source of a benchmark's task: its own id, an id of one of its subsets, or one made in a loop."""
    task = benchmark.task
    ranks: tuple[Callable[[str], bool], ...] = (
        lambda name: name == task,
        lambda name: name.endswith((":", "_")) and task.startswith(name),
        lambda name: name.startswith(f"{task}:"),
    )
    return next((source for fits in ranks for source in tasks if fits(source.name)), None)


def _prompt(benchmark: Benchmark, source: TaskSource) -> Prompt:
    mains = [name for name in PLACEHOLDER.findall(benchmark.prompt) if name not in OF_OPTIONS]
    row = source.function.args.args[0].arg if source.function.args.args else ""
    reader = Reader(row, tuple(dict.fromkeys(mains)))
    templates = []
    for condition, text, scope in returned(source.function, source.module.scope):
        when = "" if condition is None or isinstance(condition, ast.UnaryOp) else reader.field(Hole(condition), scope)
        parts = tuple(part if isinstance(part, str) else Place(field=reader.field(part, scope)) for part in text)
        templates.append(Template(parts=parts, when=when))
    return Prompt(
        templates=tuple(sorted(templates, key=lambda template: not template.when)),
        where=source.where,
        notes=tuple(dict.fromkeys(reader.notes)),
    )


class Reader:
    """Names what fills the holes of a text."""

    def __init__(self, row: str, mains: tuple[str, ...]) -> None:
        self.row = row
        """The function's parameter that holds the row."""
        self.mains = mains
        """The benchmark's own texts, as its prompt names them."""
        self.notes: list[str] = []
        self.columns_of: dict[str, tuple[str, ...]] = {}

    def field(self, hole: Hole, scope: Scope) -> str:
        """Return the name of the field that a hole is filled with."""
        node = hole.node
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int() as index)) if name != self.row:
                return f"option_{ascii_lowercase[index]}"
        resolved = scope.resolved(node)
        if _is_lines(resolved):
            return "choices"
        if _is_list(resolved):
            return "letters"
        columns = self.columns(resolved, scope)
        if not columns:
            raise UnreadableError(f"nothing is known of {ast.unparse(node)}", node)
        name = self.main(columns, node)
        if any(isinstance(inner, ast.Call | ast.JoinedStr) and not self.is_get(inner) for inner in ast.walk(resolved)):
            self.notes.append(f"{{{name}}} is saiten's own; the source makes it by {ast.unparse(resolved)}")
        return name

    def is_get(self, node: ast.AST) -> bool:
        """Whether an expression is `line.get("column", …)`."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=self.row), attr="get")):
                return True
            case _:
                return False

    def columns(self, node: ast.expr, scope: Scope) -> list[str]:
        """Return the columns of the row that an expression reads."""
        found = []
        for inner in ast.walk(node):
            match inner:
                case ast.Subscript(value=ast.Name(id=self.row), slice=ast.Constant(value=str() as column)):
                    found.append(column)
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=self.row), attr="get"), args=[ast.Constant(value=key), *_]
                ):
                    found.append(str(key))
                case ast.Name(id=name) if name != self.row and isinstance(scope.names.get(name), ast.expr):
                    value = scope.names[name]
                    if isinstance(value, ast.expr) and value is not node:
                        found += self.columns(value, scope)
        return found

    def main(self, columns: Sequence[str], node: ast.AST) -> str:
        """Return which of the benchmark's own texts is made of these columns."""
        near = [name for name in self.mains if columns[0].startswith(name) or name.startswith(columns[0])]
        if len(self.mains) == 1:
            near = [name for name in self.mains if self.columns_of.setdefault(name, tuple(columns)) == tuple(columns)]
        if len(near) != 1:
            raise UnreadableError(f"the benchmark has no one text that is the column {columns[0]!r}", node)
        return near[0]


def _is_lines(node: ast.expr) -> bool:
    r"""Whether an expression is `"\n".join(f"{letter}) {content}" for …)`: the options in lines, as saiten's are."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value="\n"), attr="join"),
            args=[ast.ListComp(elt=ast.JoinedStr() as line) | ast.GeneratorExp(elt=ast.JoinedStr() as line)],
        ):
            shape = [piece.value if isinstance(piece, ast.Constant) else None for piece in line.values]
            return shape == [None, ") ", None]
        case _:
            return False


def _is_list(node: ast.expr) -> bool:
    """Whether an expression is `", ".join(choices)`: the letters that are allowed."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=", "), attr="join"), args=[ast.Name()]):
            return True
        case _:
            return False
