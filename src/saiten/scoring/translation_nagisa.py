"""A worker process that cuts Japanese into words with Nagisa.

In a process of its own because Nagisa's DyNet is compiled for speed over exactness: once loaded, the processor takes
every subnormal number for zero, in whatever else the process computes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from saiten.scoring.workers import Limits, Reply, serve

ENCODING = ("utf-8", "surrogatepass")
LIMITS = Limits(cpu_seconds=300, wall_seconds=3600.0)
"""Nagisa reads some thousand characters a second, and starts in a few seconds."""


@cache
def _nagisa() -> Any:
    from importlib import import_module

    return import_module("nagisa")


def _handle(request: bytes) -> Reply:
    return Reply(" ".join(_nagisa().wakati(request.decode(*ENCODING))).encode(*ENCODING))


if __name__ == "__main__":
    serve(_handle, LIMITS)
