"""What the client counts, for the display, the evidence and the tests."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from saiten.models.limiter import Limiter
from saiten.models.rates import read_allowance


class Stats(Struct):
    """Counters of one client. Exact: every HTTP request to the generation route is in `requests_sent`."""

    limiter: Limiter
    requests_sent: int = 0
    retries: int = 0
    """Requests that repeated an earlier one, whatever the reason."""
    probes: int = 0
    """Tiny requests that asked whether the endpoint works at all; in `requests_sent`, too."""
    output_tokens: int = 0
    """Tokens received so far: chunks while they stream, corrected to the server's count when an answer is complete."""
    bytes_received: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    """HTTP status -> responses."""
    failures: dict[str, int] = field(default_factory=dict)
    """Kind of failure -> requests."""
    possible_double_charges: int = 0
    """Requests to a paid endpoint that were sent again although the first may have been billed."""
    stale_connections: int = 0
    """Connections that the server had closed when they were used again."""
    topped_up: int = 0
    """Choices that were missing in an answer and asked again."""
    models: dict[str, int] = field(default_factory=dict)
    """Model name in the server's replies -> replies."""
    notes: list[str] = field(default_factory=list)
    """What was learnt about the endpoint or left out of requests, one sentence each."""

    @property
    def paused_seconds(self) -> float:
        """What remains of the pause that all requests share."""
        return self.limiter.pause

    def note_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Count a response, and heed what it says of the endpoint's rate limits."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        allowance = read_allowance(headers)
        if allowance is not None:
            self.limiter.heed(allowance)

    def note_model(self, name: str | None) -> None:
        """Count the model that a reply names. A change during a run is worth a note: numbers of two models mix."""
        if name is None:
            return
        if self.models and name not in self.models:
            self.note(f"the endpoint answered as {', '.join(map(repr, self.models))} and as {name!r}")
        self.models[name] = self.models.get(name, 0) + 1

    def note_failure(self, kind: str) -> None:
        """Count a failed request."""
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def note(self, sentence: str) -> None:
        """Keep a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)
