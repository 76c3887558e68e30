"""How many requests and tokens a provider still lets through, by its `x-ratelimit-*` headers.

Each allowance is a bucket that fills evenly: `remaining` of `limit` are there, and it is full again after `reset`.
Source: OpenAI, "Rate limits in headers" (durations like `6m0s`, `120ms`); Groq, Together, DeepInfra and vLLM gateways
send the same names, some with plain seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_SECONDS = 600.0
"""No header makes a run wait longer than this; a Retry-After says more where it must."""


class Allowance(Struct, frozen=True, kw_only=True):
    """What is left until the bucket has filled."""

    requests: int
    """Requests that may still be sent."""
    seconds: float
    """Until one more may be sent, where none is left; until the bucket is full otherwise."""


def read_allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Return the tighter of both allowances; None where neither is told. Names of headers are in lower case.

    What a request takes of the tokens nobody knows before; only an empty bucket of tokens is heeded.
    """
    if "x-ratelimit-remaining-requests" not in headers and "x-ratelimit-remaining-tokens" not in headers:
        return None
    found = []
    for name in ("requests", "tokens"):
        remaining = _number(headers.get(f"x-ratelimit-remaining-{name}", ""))
        reset = read_duration(headers.get(f"x-ratelimit-reset-{name}", ""))
        if remaining is None or reset is None or (name == "tokens" and remaining > 0):
            continue
        limit = _number(headers.get(f"x-ratelimit-limit-{name}", ""))
        share = (1 - remaining) / (limit - remaining) if name == "requests" and limit and limit > remaining < 1 else 1.0
        found.append(Allowance(requests=max(0, int(remaining)), seconds=min(LONGEST_SECONDS, reset * share)))
    return min(found, key=lambda one: (one.requests, -one.seconds), default=None)


def read_duration(text: str) -> float | None:
    """Return seconds from `6m0s`, `120ms` or `1.5`; None for anything else."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        return number
    parts = DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return sum(float(amount) * UNITS[unit] for amount, unit in parts)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value < 1e12 else None
