"""A changed copy of a value. Most values are msgspec Structs: a class of them is made 80 times as fast as a frozen
dataclass and an instance 15 times (a run loads 120 classes and makes a dozen values for each request). Dataclasses are
those whose fields say more than a name and a type: settings, and values with a secret that their repr leaves out.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from msgspec import Struct, structs

T = TypeVar("T")


def replace(value: T, /, **changes: Any) -> T:
    """Return the value with other fields. Raises TypeError for a field that it does not have."""
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # a dataclass, or dataclasses says so
