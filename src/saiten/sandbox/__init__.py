"""Running generated code without trusting it."""

from saiten.sandbox.pool import Sandbox
from saiten.sandbox.programs import predefined

__all__ = ["Sandbox", "predefined"]
