"""What can go wrong on purpose, and when: drawn from the question and the attempt, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal, get_args

Fault = Literal["500", "503", "429", "400", "rst", "hang", "slow", "cut", "short", "null", "empty", "nochoice", "loop"]
"""
500 503 400  that status, with an error object
429          with Retry-After
rst          the connection is reset: before the first byte, or in the middle of a stream
hang         accepted and never answered
slow         the body comes in ten pieces over a second
cut          the JSON is cut but its length is right; a stream ends without its last events, but orderly
short        the body is shorter than its length; a stream breaks off inside a chunk
null         content null, all text in `reasoning`, finish_reason length
empty        content "", finish_reason stop
nochoice     200 with an empty list of choices
loop         the answer repeats one phrase up to the limit
"""
FAULTS: tuple[Fault, ...] = get_args(Fault)


def parse_faults(text: str) -> dict[str, float]:
    """Read `500=0.1,rst=0.05` into probabilities."""
    faults: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.partition("=")
        faults[name.strip()] = float(share)
    check_faults(faults)
    return faults


def check_faults(faults: Mapping[str, float]) -> None:
    """Raise ValueError for a fault that does not exist, or shares that are no probabilities."""
    unknown = sorted(set(faults) - set(FAULTS))
    if unknown:
        raise ValueError(f"no fault {', '.join(unknown)}; there are: {', '.join(FAULTS)}")
    if any(share < 0 for share in faults.values()) or sum(faults.values()) > 1:
        raise ValueError("shares of faults are between 0 and 1, all together at most 1")


def draw_fault(faults: Mapping[str, float], key: bytes, attempt: int, seed: int) -> Fault | None:
    """Return the fault that hits this attempt at the question `key`, if any."""
    if not faults:
        return None
    digest = blake2b(b"%d|%b|%d" % (seed, key, attempt), digest_size=8).digest()
    left = int.from_bytes(digest) / 2**64
    for name in FAULTS:
        left -= faults.get(name, 0.0)
        if left < 0:
            return name
    return None
