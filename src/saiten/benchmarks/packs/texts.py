"""Reading what text a Python expression makes, from its syntax alone: nothing is executed or imported.

A text is literal pieces and holes. Understood are constants, names that are assigned once before, f-strings, `+` and
`+=`, `.strip()` and its kin on literal text, `.format(name=…)`, `string.Template(…).substitute(name=…)`, and calls of
functions whose result is such a text. Everything else is a hole, or UnreadableError where a text must stand.
"""

from __future__ import annotations

import ast
import copy
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from saiten.values import replace

STRIPS = ("strip", "lstrip", "rstrip")
FILLS = ("substitute", "safe_substitute")
DEEPEST = 20


class UnreadableError(ValueError):
    """The text that a piece of source makes cannot be told from its syntax."""

    def __init__(self, problem: str, node: ast.AST) -> None:
        super().__init__(problem)
        self.line: int = getattr(node, "lineno", 0)
        self.path = ""
        """The file, where it is not the one with the prompt function."""


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Put the file into errors of the block."""
    try:
        yield
    except UnreadableError as error:
        error.path = str(path)
        raise


class Hole(Struct, frozen=True):
    """What a text has from elsewhere: an expression over the row."""

    node: ast.expr


Text = tuple[str | Hole, ...]
Piece = tuple[str, str | None, str | None, str | None]
"""Literal text, then the name, format and conversion of a place, as `string.Formatter().parse` gives them."""
Functions = Mapping[str, ast.FunctionDef]


class Scope(Struct, frozen=True):
    """Names and what was assigned to them: an expression, or a text that grew."""

    names: Mapping[str, ast.expr | Text]
    functions: Functions
    depth: int = 0

    def bound(self, name: str, value: ast.expr | Text) -> Scope:
        """Return the scope with one more name."""
        return replace(self, names={**self.names, name: value})

    def resolved(self, node: ast.expr) -> ast.expr:
        """Return what a name stands for, as far as it is an expression."""
        seen = 0
        while isinstance(node, ast.Name) and isinstance(value := self.names.get(node.id), ast.expr) and seen < DEEPEST:
            node, seen = value, seen + 1
        return node


def joined(parts: Sequence[str | Hole]) -> Text:
    """Return parts with neighbouring literals made one."""
    text: list[str | Hole] = []
    for part in parts:
        if isinstance(part, str) and text and isinstance(text[-1], str):
            text[-1] += part
        elif part != "":
            text.append(part)
    return tuple(text)


def literal(text: Text) -> str | None:
    """Return a text without holes; None where it has some."""
    return "".join(part for part in text if isinstance(part, str)) if _is_literal(text) else None


def _is_literal(text: Text) -> bool:
    return all(isinstance(part, str) for part in text)


def text_of(node: ast.expr, scope: Scope) -> Text:
    """Return the text that an expression makes."""
    if scope.depth > DEEPEST:
        raise UnreadableError("names that stand for each other without end", node)
    deeper = replace(scope, depth=scope.depth + 1)
    match node:
        case ast.Constant(value=str() as value):
            return (value,) if value else ()
        case ast.JoinedStr(values=values):
            return joined([part for value in values for part in _piece(value, deeper)])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return joined([*text_of(left, deeper), *text_of(right, deeper)])
        case ast.Name(id=name) if name in scope.names:
            bound = scope.names[name]
            return text_of(bound, deeper) if isinstance(bound, ast.expr) else bound
        case ast.Call():
            return _call(node, deeper)
        case _:
            return (Hole(node),)


def _piece(node: ast.expr, scope: Scope) -> Text:
    """Return one value of an f-string."""
    if not isinstance(node, ast.FormattedValue):
        return text_of(node, scope)
    if node.conversion != -1 or node.format_spec is not None:
        raise UnreadableError("an f-string that formats its value", node)
    return text_of(node.value, scope)


def _call(node: ast.Call, scope: Scope) -> Text:
    match node.func:
        case ast.Attribute(value=value, attr=name) if name in STRIPS and not node.args:
            text = literal(text_of(value, scope))
            if text is not None:
                return joined([getattr(text, name)()])
        case ast.Attribute(value=value, attr="format"):
            return _filled(node, string.Formatter().parse(_template(value, scope)), scope)
        case ast.Attribute(value=ast.Call(func=made, args=[template]), attr=name) if (
            name in FILLS and _last(made) == "Template"
        ):
            return _filled(node, _dollars(_template(template, scope), node), scope)
        case ast.Name(id=name) if name in scope.functions:
            variants = returned(scope.functions[name], scope)
            if len(variants) == 1:
                return variants[0][1]
            raise UnreadableError(f"{name}() makes one of several texts", node)
    return (Hole(node),)


def _template(node: ast.expr, scope: Scope) -> str:
    text = literal(text_of(node, scope))
    if text is None:
        raise UnreadableError("a template that is not a constant", node)
    return text


def _dollars(template: str, node: ast.AST) -> list[Piece]:
    """Parse a `string.Template` into what `string.Formatter().parse` gives."""
    found: list[Piece] = []
    at = 0
    for match in string.Template.pattern.finditer(template):
        name = match["named"] or match["braced"]
        if name is None and match["escaped"] is None:
            raise UnreadableError("a template with a stray $", node)
        before = template[at : match.start()] + ("" if name else "$")
        found.append((before, name, None if name is None else "", None))
        at = match.end()
    return [*found, (template[at:], None, None, None)]


def _filled(node: ast.Call, pieces: Iterable[Piece], scope: Scope) -> Text:
    values = {word.arg: word.value for word in node.keywords if word.arg is not None}
    parts: list[str | Hole] = []
    try:
        for before, name, spec, conversion in pieces:
            parts.append(before)
            if name is None:
                continue
            if spec or conversion or name not in values:
                raise UnreadableError(f"a template whose place {{{name}}} is not filled by name alone", node)
            text = text_of(values[name], scope)
            parts += text if _is_literal(text) else [Hole(values[name])]
    except ValueError as error:
        raise error if isinstance(error, UnreadableError) else UnreadableError(f"no template: {error}", node) from error
    return joined(parts)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


Variant = tuple[ast.expr | None, Text, Scope]
"""What must be true for a text (None: nothing), the text, and the names that its holes use."""


def returned(function: ast.FunctionDef, outer: Scope) -> list[Variant]:
    """Return the texts that a function returns: itself, or as `query` of a call (`Doc(query=…)`).

    One text, or two where one `if` decides between them.
    """
    own = {argument.arg for argument in function.args.args}
    scope = replace(outer, names={name: value for name, value in outer.names.items() if name not in own})
    results: list[Variant] = []
    _follow(function.body, [(None, scope)], results)
    different: list[Variant] = []
    for variant in results:
        if all(variant[1] != other[1] for other in different):
            different.append(variant)
    if not different:
        raise UnreadableError(f"{function.name}() returns no text", function)
    if len(different) > 2:
        raise UnreadableError(f"{function.name}() makes one of {len(different)} texts", function)
    return [(None, *different[0][1:])] if len(different) == 1 else different


State = tuple[ast.expr | None, Scope]


def _follow(body: Sequence[ast.stmt], states: list[State], results: list[Variant]) -> list[State]:
    """Follow the statements of a function; what does not make text is passed over. `results`: what is returned."""
    for statement in body:
        match statement:
            case ast.Return(value=value) if value is not None:
                for condition, scope in states:
                    results += [(condition or more, text, names) for more, text, names in _result(value, scope)]
                return []
            case ast.If(test=test, body=yes, orelse=no):
                states = [state for old in states for state in _branched(old, test, (yes, no), results)]
            case _:
                states = [(condition, _after(statement, scope)) for condition, scope in states]
    return states


def _branched(
    state: State, test: ast.expr, bodies: tuple[Sequence[ast.stmt], Sequence[ast.stmt]], results: list[Variant]
) -> list[State]:
    condition, scope = state
    if isinstance(test, ast.NamedExpr):
        scope, test = scope.bound(test.target.id, test.value), test.value
    yes = _follow(bodies[0], [(condition or test, scope)], results)
    no = _follow(bodies[1], [(condition or ast.UnaryOp(op=ast.Not(), operand=test), scope)], results)
    return [(condition, scope)] if [s.names for _, s in (*yes, *no)] == [scope.names] * 2 else [*yes, *no]


def _after(statement: ast.stmt, scope: Scope) -> Scope:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return _rebound(name, value, scope)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return _rebound(name, value, scope)
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value) if name in scope.names:
            before = text_of(ast.copy_location(ast.Name(id=name), statement), scope)
            return scope.bound(name, joined([*before, *text_of(value, scope)]))
        case _:
            return scope


def _rebound(name: str, value: ast.expr, scope: Scope) -> Scope:
    """Bind a name. Where its new value is made of the old one, the old one is put into its place."""
    old = scope.names.get(name)
    if old is None or all(not isinstance(node, ast.Name) or node.id != name for node in ast.walk(value)):
        return scope.bound(name, value)
    text = text_of(value, scope)
    if any(isinstance(part, str) for part in text) or not isinstance(old, ast.expr):
        return scope.bound(name, text)
    return scope.bound(name, _Put(name, old).visit(copy.deepcopy(value)))


class _Put(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self.name, self.value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:  # ast calls it so
        return self.value if node.id == self.name else node


def _result(value: ast.expr, scope: Scope) -> list[Variant]:
    value = scope.resolved(value)
    if isinstance(value, ast.Call):
        for word in value.keywords:
            if word.arg == "query":
                return _variants(word.value, scope)
        name = _last(value.func)
        if name in scope.functions and scope.depth < DEEPEST:
            return returned(scope.functions[name], replace(scope, depth=scope.depth + 1))
    return _variants(value, scope)


def _variants(value: ast.expr, scope: Scope) -> list[Variant]:
    resolved = scope.resolved(value)
    if isinstance(resolved, ast.Call) and _last(resolved.func) in scope.functions and scope.depth < DEEPEST:
        return returned(scope.functions[_last(resolved.func)], replace(scope, depth=scope.depth + 1))
    return [(None, text_of(value, scope), scope)]
