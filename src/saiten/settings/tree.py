"""What a person wrote, with the place where it stands: the common form of YAML files and command-line arguments.

Nothing is typed yet. `yes`, `1e3` and `08` are texts here; the setting that reads them decides what they are.
"""

from __future__ import annotations

from msgspec import Struct, field


class Text(Struct, frozen=True):
    """One value as it was written, without quotes."""

    text: str
    where: str
    """`file.yaml:4`, or `model arguments, character 12`."""
    quoted: bool = False
    """Quoted text is never a number, a truth value or nothing."""


class Items(Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    where: str


class Table(Struct, frozen=True):
    """Keys and values, in the order written, each key once."""

    entries: dict[str, Node] = field(default_factory=dict)
    where: str = ""


Node = Text | Items | Table
NOTHING = frozenset({"", "~", "null", "Null", "NULL", "None"})
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None


def is_nothing(node: Node) -> bool:
    """Whether the value says: not specified."""
    return isinstance(node, Text) and not node.quoted and node.text in NOTHING


def number(text: str) -> int | float | None:
    """Return the finite number that a text is, None if it is none. A whole number stays one."""
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None


def value_of(node: Node) -> Value:
    """Return a value whose type no setting knows (`chat_template_kwargs`): truth, number, nothing, or text."""
    if isinstance(node, Table):
        return {key: value_of(item) for key, item in node.entries.items()}
    if isinstance(node, Items):
        return [value_of(item) for item in node.items]
    if node.quoted:
        return node.text
    if node.text in TRUTH:
        return TRUTH[node.text]
    if is_nothing(node):
        return None
    found = number(node.text)
    return node.text if found is None else found
