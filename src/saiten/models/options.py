"""How a client behaves: what a user or the engine may set, and what follows from the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from saiten.models.retry import RetryPolicy
from saiten.models.transport import Limits

FIRST_OWN_SECONDS = 6000.0
"""Until the first byte from a server of ours: its own queue may be long. (The old system's REQUEST_TIMEOUT.)"""
FIRST_SECONDS = 1800.0
"""Until the first byte from anybody else: reasoning models think for many minutes before they say anything."""
STALL_SECONDS = 600.0
TOTAL_SECONDS = 4 * 3600.0
SPARE_FILES = 128
"""File descriptors that are left to the rest of the process."""
WIDE = 128
"""Choices that one request asks for, where nothing is known of a limit."""


class ClientOptions(Struct, frozen=True, kw_only=True):
    """What can be set. None: the client decides."""

    concurrency: int | None = None
    """Ceiling of choices in flight; None: adaptive."""
    slots: int | None = None
    """Choices that a server of ours works on at the same time, where that is known: so many are asked for at first."""
    stall_seconds: float | None = None
    """No byte for so long is a stalled request."""
    total_seconds: float = TOTAL_SECONDS
    """The longest that one HTTP request may take."""
    max_n: int | None = None
    """Most choices that one request may ask for."""
    reasoning_parser: str | None = None
    """Name of the parser for the text; None: the server tells reasoning from answer, or there is none."""
    warn_of_tags: bool = False
    """Whether think tags in the text are worth a word: nobody took them apart, and nobody said that this is meant."""
    completions: bool = False
    """Use the text completions route (base models)."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of every request that the server needs (not what is asked: that is in Sampling)."""
    effort_in_template: bool = False
    """Whether the chat template reads reasoning_effort, so that it must stand in chat_template_kwargs."""
    stream: bool | None = None
    """None: stream where the provider can."""
    cut_loops: bool = False
    """End a stream that repeats itself; its finish_reason is `repetition`."""
    most_bytes: int = 64 * 1024 * 1024
    """Most decoded bytes of one answer."""
    keepalive_seconds: float = 3.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    def limits(self, *, paid: bool) -> Limits:
        """Return the bounds of one request."""
        return Limits(
            first=self.stall_seconds or (FIRST_SECONDS if paid else FIRST_OWN_SECONDS),
            stall=self.stall_seconds or STALL_SECONDS,
            total=self.total_seconds,
            most_bytes=self.most_bytes,
            keepalive=self.keepalive_seconds,
        )


def connection_room() -> int:
    """Raise the soft limit of open files to the hard one; return how many connections fit."""
    try:
        import resource
    except ImportError:  # not on Windows, where sockets are no file descriptors
        return 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):
            pass
    if soft == resource.RLIM_INFINITY:
        return 1 << 16
    folder = Path("/proc/self/fd")
    opened = sum(1 for _ in folder.iterdir()) if folder.is_dir() else SPARE_FILES
    return max(1, min(1 << 16, soft - opened - min(SPARE_FILES, soft // 4)))
