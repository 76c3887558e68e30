"""How busy a server of ours is, by its own /metrics, and how many choices to keep in flight for it to be full.

A server is full when a little work waits in its queue. More waiting work gains nothing: it is lost when the server
dies, and it makes the last answers late. So the ceiling follows the queue: down by what waits too much, up by a tenth
when nothing waits. When the server throws running answers out for lack of memory (preemption), it is too many.

At first nobody knows how much it holds: the ceiling rises by half at each look, and the looks follow each other fast,
until the server has shown its limit once.
"""

from __future__ import annotations

import re

from msgspec import Struct

METRICS = "/../metrics"
SECONDS = 1.0
"""Between two looks."""
FIRST_SECONDS = 0.05
"""Between the first looks, while the ceiling rises; where it does not, each pause is half as long again."""
LINE = re.compile(
    rb"^(?:vllm:(?P<vllm>num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc"
    rb"|num_preemptions_total|generation_tokens_total)"
    rb"|llamacpp:(?P<llama>requests_processing|requests_deferred|tokens_predicted_total))(?:\{[^}]*\})? (?P<value>\S+)",
    re.MULTILINE,
)
STRANGE = re.compile(rb"^(?:vllm|llamacpp):", re.MULTILINE)
"""In a page of metrics that tells no load: a version that calls its figures otherwise. (vLLM has renamed
gpu_cache_usage_perc to kv_cache_usage_perc, pull request 18354; both are read.)"""
MEANS = {
    "num_requests_running": "running",
    "requests_processing": "running",
    "num_requests_waiting": "waiting",
    "requests_deferred": "waiting",
    "kv_cache_usage_perc": "kv_use",
    "gpu_cache_usage_perc": "kv_use",
    "num_preemptions_total": "preemptions",
    "generation_tokens_total": "generated",
    "tokens_predicted_total": "generated",
}
LEAST_WAITING = 2
WAITING_SHARE = 16
"""One in so many running choices may wait."""
UNSEEN_SHARE = 4
"""One in so many choices in flight may be on its way from or to the server while the ceiling grows."""
CALM_LOOKS = 10
"""Looks without growth after a preemption."""


class Load(Struct, frozen=True, kw_only=True):
    """What a server says of itself; sums over its replicas."""

    running: int
    waiting: int
    kv_use: float | None = None
    """Share of the memory for keys and values that is taken, of the fullest replica; None: not told."""
    preemptions: int = 0
    generated: int = 0
    """Tokens since its start."""


def read_load(text: bytes) -> Load | None:
    """Read a page of metrics; None where it does not tell how many requests run and wait: steering needs both."""
    found: dict[str, list[float]] = {}
    for match in LINE.finditer(text):
        name = (match["vllm"] or match["llama"]).decode()
        try:
            value = float(match["value"])
        except ValueError:
            continue
        found.setdefault(MEANS[name], []).append(value)
    if not {"running", "waiting"} <= found.keys():
        return None
    shares = found.get("kv_use")
    return Load(
        running=int(sum(found["running"])),
        waiting=int(sum(found["waiting"])),
        kv_use=max(shares) if shares else None,
        preemptions=int(sum(found.get("preemptions", ()))),
        generated=int(sum(found.get("generated", ()))),
    )


class Steering(Struct):
    """Decides the ceiling from one look after the other."""

    most: int
    """Never more than this."""
    rising: bool = True
    """Until the server was full once, where nobody knows how much it holds."""
    pause: float = FIRST_SECONDS
    """Seconds until the next look."""
    _preemptions: int | None = None
    _calm: int = 0
    _crowd: int | None = None
    """How many ran at the last look, where too many waited beside them."""

    def ceiling(self, load: Load, *, in_flight: int, ceiling: int) -> int:
        """Return how many choices may be in flight from now on."""
        found = self._ceiling(load, in_flight, ceiling)
        self.pause = FIRST_SECONDS if self.rising and found > ceiling else min(SECONDS, self.pause * 1.5)
        return found

    def _ceiling(self, load: Load, in_flight: int, ceiling: int) -> int:
        preempted = self._preemptions is not None and load.preemptions > self._preemptions
        self._preemptions = load.preemptions
        wanted = waiting_for(load.running)
        crowded = load.waiting > 2 * wanted
        # Once may be the moment between arriving and being taken up, which lasts while more and more are running.
        twice = crowded and self._crowd is not None and load.running <= self._crowd
        self._crowd = load.running if crowded else None
        if preempted:
            self._calm = CALM_LOOKS
            self.rising = False
            return max(1, min(ceiling, load.running))
        self._calm = max(0, self._calm - 1)
        if twice:
            self._crowd = None
            self.rising = False
            return max(1, min(ceiling, load.running + wanted))
        # What the engine has not seen yet waits in front of it: its figures are those of its last step, a minute ago.
        seen = load.running + load.waiting >= in_flight - max(wanted, in_flight // UNSEEN_SHARE)
        if load.waiting < wanted and in_flight >= ceiling and seen and not self._calm:
            return min(self.most, ceiling + max(wanted, ceiling // (2 if self.rising else 10)))
        return ceiling


def waiting_for(running: int) -> int:
    """Return how many choices should wait beside so many that run."""
    return max(LEAST_WAITING, running // WAITING_SHARE)
