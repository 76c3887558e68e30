"""Requests through the litellm library, for providers that do not speak OpenAI's protocol. Only when asked for.

litellm translates; everything else stays ours: one try for each sending (its retries are off), no parameter is dropped
without a word, no streaming. Its exceptions are read like the responses that they stand for.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from saiten.errors import UserError
from saiten.models import failures
from saiten.models.failures import ErrorBody, Failure, Kind, Sent
from saiten.models.providers import Endpoint
from saiten.models.reply import read_reply
from saiten.models.stats import Stats
from saiten.models.transport import KEY_SHOWN, Answer, Limits
from saiten.models.wire import Malformed, decode_completion

INSTALL = "the provider litellm needs a library: pip install 'saiten[litellm]'"


def load_litellm() -> Any:
    """Import litellm and quiet it. Raises UserError where it is not installed."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it fetches a price list when it is imported
    try:
        import litellm
    except ImportError as error:
        raise UserError(INSTALL) from error
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = False
    return litellm


class LitellmTransport:
    """Sends through litellm; has the methods of `Transport`."""

    def __init__(self, endpoint: Endpoint, limits: Limits, stats: Stats) -> None:
        self._litellm = load_litellm()
        self._endpoint = endpoint
        self._limits = limits
        self._stats = stats

    async def close(self) -> None:
        """Close litellm's connections."""
        await self._litellm.close_litellm_async_clients()

    async def get(self, _route: str, _seconds: float) -> tuple[int, bytes] | Failure:
        """Return an empty list of models: litellm has none for an endpoint."""
        return 200, b'{"data": []}'

    async def send(self, _route: str, body: bytes, sent: Sent) -> Answer | Failure:
        """Send a request and read what comes."""
        from openai import OpenAIError

        loop = asyncio.get_running_loop()
        fields = json.loads(body)
        if self._endpoint.base_url:
            fields["api_base"] = self._endpoint.base_url
        if self._endpoint.api_key:
            fields["api_key"] = self._endpoint.api_key
        self._stats.requests_sent += 1
        started = loop.time()
        try:
            async with asyncio.timeout(self._limits.total):
                found = await self._litellm.acompletion(
                    **fields, timeout=self._limits.first, num_retries=0, max_retries=0
                )
        except TimeoutError:
            return Failure(kind=Kind.AMBIGUOUS, message=f"no end after {self._limits.total:g} s")
        except OpenAIError as error:  # litellm's own exceptions are kinds of the openai library's
            return self._failure(error, sent)
        self._stats.note_head(200, {})
        return self._answer(found.model_dump(), sent, started, loop.time())

    def _answer(self, found: dict[str, Any], sent: Sent, started: float, ended: float) -> Answer | Failure:
        try:
            completion = decode_completion(json.dumps(found, default=str).encode())
            reply = read_reply(completion, sent.n)
        except Malformed as error:
            return Failure(kind=Kind.MALFORMED, message=str(error))
        if not any(choice.finish_reason is not None for choice in reply.choices.values()):
            return Failure(kind=Kind.MALFORMED, message="an answer without finished choices")
        self._stats.output_tokens += reply.usage.output_tokens or 0
        return Answer(reply=reply, started=started, first=None, ended=ended)

    def _failure(self, error: Exception, sent: Sent) -> Failure:
        """Read an exception as the response that it stands for; without a status the connection failed."""
        message = str(error)
        if self._endpoint.api_key:
            message = message.replace(self._endpoint.api_key, KEY_SHOWN)
        name = type(error).__name__
        status = getattr(error, "status_code", None)
        response = getattr(error, "response", None)
        if not isinstance(status, int) or name == "APIConnectionError":
            return Failure(kind=Kind.AMBIGUOUS, message=failures.one_line(message) or name)
        self._stats.note_head(status, {})
        failure = failures.error_failure(status, ErrorBody(message=message, type=name), sent)
        if failure.kind in {Kind.RATE_LIMITED, Kind.REJECTED} and response is not None:
            wait = failures.retry_after(response.headers)
            return Failure(
                kind=failure.kind,
                message=failure.message,
                status=status,
                overload=failure.overload,
                retry_after=wait,
            )
        return failure
