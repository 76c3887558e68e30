"""Blocks of settings as dataclasses: a field is a key, the string under it its help, its metadata how it is read.

Validation, templates and reference pages are read off the same class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, fields
from typing import Any

import msgspec

from saiten.errors import suggestion
from saiten.settings.tree import Node, Table, is_nothing
from saiten.settings.values import Read


def read_by(read: Read, default: Any = None) -> Any:
    """Return a dataclass field whose value in a file is read by `read`."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"read": read})
    return field(default=default, metadata={"read": read})


def readers(cls: type) -> dict[str, Read]:
    """Return how each key of a block is read."""
    return {item.name: item.metadata["read"] for item in fields(cls) if "read" in item.metadata}


class BlockValues(msgspec.Struct):
    """What a block says, before it is made an object."""

    values: dict[str, Any] = msgspec.field(default_factory=dict)
    lines: dict[str, str] = msgspec.field(default_factory=dict)
    """Key -> `file:line`."""
    errors: list[str] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)


def read_block(cls: type, name: str, node: Node, *, retired: Mapping[str, str] | None = None) -> BlockValues:
    """Read a block. Every error of it is collected, each with its place; null and empty values are not specified.

    `retired`: keys of old files that mean nothing any more, with the word to say about them.
    """
    found = BlockValues()
    known = readers(cls)
    if not isinstance(node, Table):
        found.errors.append(f"{node.where}: {name!r} must hold settings, one a line, below it and indented")
        return found
    for key, item in node.entries.items():
        if retired and key in retired:
            found.warnings.append(f"{item.where}: {name}: {key} {retired[key]}")
        elif key not in known:
            found.errors.append(f"{item.where}: {name}: no setting {key!r}{nearest(key, known)}")
        elif not is_nothing(item):
            try:
                found.values[key] = known[key](item)
                found.lines[key] = item.where
            except ValueError as error:
                found.errors.append(f"{item.where}: {name}: {key} {error}")
    return found


def nearest(key: str, known: Collection[str]) -> str:
    """Return the nearest known keys, or all of them."""
    return suggestion(key, known) or f"; there are: {', '.join(known)}"
