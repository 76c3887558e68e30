"""The judge's prompts of a checkout: functions that return a system and a user message, named by what they are for."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from saiten.benchmarks.packs.sources import Checkout, Module
from saiten.benchmarks.packs.texts import Hole, Scope, UnreadableError, located, text_of
from saiten.types import JudgeTemplate

BEGINNING = "gpt_judge_prompt"
"""How the functions' names begin: `…_single_v1`, with `_with_ref` and `_multi_turn` where they are that."""
PLACES = {"question": "question_1", "answer": "answer_1", "gold": "reference_1"}
PLACE = re.compile(r"\{[a-z]+(?:_[0-9])?\}")
TURN = re.compile(r"(question|answer|ref_answer|gold)_([0-9])")


def judge_templates(checkout: Checkout, module: Module) -> dict[str, JudgeTemplate]:
    """Return the judge's templates that a task file imports or has, by the name that saiten's judges give them.

    UnreadableError where one of the four is missing or not plain text.
    """
    found: dict[str, JudgeTemplate] = {}
    for name in (*module.imported, *module.scope.functions):
        if name.startswith(BEGINNING):
            function = checkout.function(ast.Name(id=name), module)
            if function is not None:
                with located(function[1].path):
                    found[_kind(name)] = _template(*function)
    missing = {f"turn_{turn}{kind}" for turn in (1, 2) for kind in ("", "_reference")} - set(found)
    if missing:
        raise UnreadableError(f"the judge's prompts {', '.join(sorted(missing))} are not found", module.tree)
    return found


def _kind(name: str) -> str:
    return f"turn_{2 if 'multi_turn' in name else 1}{'_reference' if 'with_ref' in name else ''}"


def _template(function: ast.FunctionDef, module: Module) -> JudgeTemplate:
    own = {argument.arg for argument in function.args.args}
    scope = Scope({name: value for name, value in module.scope.names.items() if name not in own}, {})
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.List):
            contents = dict(_message(element, scope) for element in node.value.elts)
            if "user" in contents and set(contents) <= {"system", "user"}:
                return JudgeTemplate(system=contents.get("system", ""), user=contents["user"])
    raise UnreadableError(f"{function.name}() does not return a system and a user message", function)


def _message(node: ast.expr, scope: Scope) -> tuple[str, str]:
    if not isinstance(node, ast.Dict):
        raise UnreadableError("a message that is no dictionary", node)
    entries: Mapping[object, ast.expr] = {
        key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)
    }
    role, content = entries.get("role"), entries.get("content")
    if not isinstance(role, ast.Constant) or content is None:
        raise UnreadableError("a message without role or content", node)
    return str(role.value), "".join(_part(part) for part in text_of(content, scope))


def _part(part: str | Hole) -> str:
    if isinstance(part, str):
        place = PLACE.search(part)
        if place is not None:
            raise UnreadableError(f"the text has {place[0]} in it, which is a place in saiten", ast.Pass())
        return part
    name = part.node.id if isinstance(part.node, ast.Name) else ""
    turn = TURN.fullmatch(name)
    if turn is not None:
        return f"{{{'reference' if turn[1] in {'ref_answer', 'gold'} else turn[1]}_{turn[2]}}}"
    if name not in PLACES:
        raise UnreadableError(f"nothing is known of {ast.unparse(part.node)}", part.node)
    return f"{{{PLACES[name]}}}"
