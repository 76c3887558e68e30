"""Asks an endpoint a handful of tiny questions and tells what it honours, ignores and refuses.

Bounded: at most REQUESTS requests of at most TOKENS tokens (an n of 128 is asked for one token each). Nothing here
trusts the provider table; the findings become an entry for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from saiten.errors import EndpointError
from saiten.models.clock import Clock, LoopClock
from saiten.models.failures import Failure, Kind, Sent, response_failure
from saiten.models.preflight import unreachable
from saiten.models.providers import Endpoint
from saiten.models.transport import Transport

REQUESTS = 32
TOKENS = 256
SECONDS = 120.0
LONGEST_WAIT = 30.0
ROUTE = "/chat/completions"
QUESTION = "What is 17 + 25? Answer with the number."
COUNTING = "Write the numbers from 1 to 9, separated by commas, and nothing else."
FREE = "Write a random word."


class Heard(Struct, kw_only=True):
    """What one question brought: an answer or a failure."""

    failure: Failure | None = None
    choices: list[dict[str, Any]] = field(default_factory=list)
    """Whole choices, put together where they were streamed."""
    usage: Mapping[str, Any] | None = None
    model: str | None = None
    streamed: bool = False
    first_seconds: float = 0.0
    seconds: float = 0.0
    said: str = ""
    """The body of an error, for its shape."""

    @property
    def ok(self) -> bool:
        """Whether an answer with choices came."""
        return self.failure is None and bool(self.choices)

    @property
    def message(self) -> dict[str, Any]:
        """The first choice's message."""
        found = self.choices[0].get("message") if self.choices else None
        return found if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The first choice's text."""
        return text_of(self.message.get("content"))

    @property
    def finish(self) -> str:
        """The first choice's finish_reason."""
        return str(self.choices[0].get("finish_reason")) if self.choices else ""

    @property
    def why(self) -> str:
        """The failure in words."""
        return self.failure.message if self.failure else "no choices"

    @property
    def refused(self) -> bool:
        """Whether the request was refused as wrong (and not for lack of luck)."""
        return self.failure is not None and self.failure.status in {400, 404, 405, 415, 422, 501}


class Prober:
    """Asks one endpoint, one question at a time, and counts."""

    def __init__(self, endpoint: Endpoint, transport: Transport, clock: Clock | None = None) -> None:
        self.endpoint = endpoint
        self.limit_field = "max_tokens"
        """How the length limit is spelled, as far as is known."""
        self.sent = 0
        self.latencies: list[float] = []
        self._transport = transport
        self._clock = clock or LoopClock()

    async def ask(self, question: str, *, limit: int = TOKENS, fields: Mapping[str, Any] | None = None) -> Heard:
        """Ask; a rate limit is waited for once. Raises EndpointError where the endpoint cannot be used at all."""
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": [{"role": "user", "content": question}]}
        if limit:
            body[self.limit_field] = limit
        heard = await self._ask(body | dict(fields or {}))
        failure = heard.failure
        if failure is not None and failure.kind is Kind.RATE_LIMITED:
            await self._clock.sleep(min(failure.retry_after or 5.0, LONGEST_WAIT))
            heard = await self._ask(body | dict(fields or {}))
        return heard

    async def _ask(self, body: dict[str, Any]) -> Heard:
        if self.sent >= REQUESTS:
            return Heard(failure=Failure(kind=Kind.REFUSED, message="not asked: enough requests were sent"))
        self.sent += 1
        found = await self._transport.exchange(ROUTE, msgspec.json.encode(body), SECONDS)
        if isinstance(found, Failure):
            if found.kind in {Kind.NOT_SENT, Kind.FATAL}:
                raise unreachable(self.endpoint, found)
            return Heard(failure=found)
        self.latencies.append(found.seconds)
        if found.status != 200:
            sent = Sent(n=body.get("n", 1), stream=bool(body.get("stream")), max_tokens_field=self.limit_field)
            failure = response_failure(found.status, found.headers, found.body, sent)
            if failure.status in {401, 402, 403} and failure.kind is Kind.FATAL:
                raise unreachable(self.endpoint, failure)
            return Heard(failure=failure, said=found.body.decode("utf-8", "replace")[:2000])
        heard = read_body(found.body)
        heard.first_seconds, heard.seconds = found.first_seconds, found.seconds
        return heard


def text_of(content: object) -> str:
    """Return a content's text; of a list of parts, those that are text."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def read_body(body: bytes) -> Heard:
    """Read a whole answer, or the events of a stream."""
    text = body.decode("utf-8", "replace").strip()
    if not text.startswith("data:") and "\ndata:" not in text:
        try:
            whole = json.loads(text)
        except ValueError:
            whole = None
        if not isinstance(whole, dict) or not isinstance(whole.get("choices"), list):
            return Heard(failure=Failure(kind=Kind.NOT_API, message="status 200 without choices"), said=text[:2000])
        return Heard(choices=whole["choices"], usage=whole.get("usage"), model=whole.get("model"))
    heard = Heard(streamed=True)
    parts: dict[int, dict[str, Any]] = {}
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data.startswith("{"):
            _take_chunk(heard, parts, data)
    heard.choices = [parts[index] for index in sorted(parts)]
    return heard


def _take_chunk(heard: Heard, parts: dict[int, dict[str, Any]], data: str) -> None:
    """Put one event of a stream to the others."""
    try:
        chunk = json.loads(data)
    except ValueError:
        return
    heard.usage = chunk.get("usage") or heard.usage
    heard.model = chunk.get("model") or heard.model
    for choice in chunk.get("choices") or ():
        whole = parts.setdefault(choice.get("index") or 0, {"message": {}})
        whole["finish_reason"] = choice.get("finish_reason") or whole.get("finish_reason")
        for key, value in (choice.get("delta") or {}).items():
            if isinstance(value, str | list) and key != "role":
                whole["message"][key] = text_of(whole["message"].get(key)) + text_of(value)


def usable(heard: Heard, endpoint: Endpoint) -> None:
    """Raise EndpointError if the plainest question was not answered: there is nothing to find out then."""
    if not heard.ok:
        raise EndpointError(f"{endpoint.shown} does not answer a plain question: {heard.why}", resumable=False)
