"""What a generated program finds without defining it."""

from __future__ import annotations

from saiten.sandbox.inside import prelude


def predefined(name: str) -> bool:
    """Tell whether a program finds this name without defining it: the prelude has it."""
    return name in prelude.names()
