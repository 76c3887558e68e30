"""YAML files that people write: read as a tree with line numbers, strictly.

Aliases are refused (a few lines of them can unfold into gigabytes), and so are keys that stand twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UserError
from saiten.settings.tree import Items, Node, Table, Text

if TYPE_CHECKING:
    import yaml

LARGEST = 1_000_000
DEEPEST = 20


def read_yaml(path: Path) -> Table:
    """Read a file whose top is a mapping. UserError with file and line for everything that is wrong with it."""
    import yaml

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise UserError(f"{path}: larger than {LARGEST} bytes; this is not a settings file")
    try:
        text = data.decode("utf-8-sig")
        _refuse_aliases(text, path)
        node = yaml.compose(text, Loader=_loader())
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(f"{path}{line}: not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())[:200]}") from error
    errors: list[str] = []
    tree = _converted(node, path, errors) if node is not None else Table({}, str(path))
    if not isinstance(tree, Table):
        errors.append(f"{path}:1: expected `key: value` lines")
    if errors:
        raise UserError("\n".join(errors))
    assert isinstance(tree, Table)
    return tree


def _loader() -> type[yaml.SafeLoader | yaml.CSafeLoader]:
    """Return the loader in C where PyYAML was built with it: it is ten times as fast."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_aliases(text: str, path: Path) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_loader()):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"{path}:{line}: aliases (*{event.anchor}) are not supported; write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError(f"{path}:{line}: nested deeper than {DEEPEST} levels")


def _converted(node: yaml.Node, path: Path, errors: list[str]) -> Node:
    import yaml

    where = f"{path}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return Text(node.value, where, quoted=bool(node.style))
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_converted(item, path, errors) for item in node.value), where)
    table = Table({}, where)
    assert isinstance(node, yaml.MappingNode)
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            errors.append(f"{path}:{line}: a key must be a word")
        elif key.value in lines:
            errors.append(f"{path}:{line}: {key.value!r} stands already in line {lines[key.value]}")
        else:
            lines[key.value] = line
            table.entries[key.value] = _converted(value, path, errors)
    return table
