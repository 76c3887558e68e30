"""A server that behaves as a provider's entry in the table says: its limits, spellings, refusals and silences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saiten.models.provider_table import ALL, Provider
from saiten.types import Sampling
from saiten.values import replace
from tests.helpers.faultd import Entry, Fault, FaultServer, Reply

WIRE = {"temperature", "top_p", "seed", "stop", "frequency_penalty", "presence_penalty", "reasoning_effort"}
"""Parameters that a model may refuse, as they are called on the wire."""
WAIT = 7


def refusal(field: str, words: str) -> dict[str, Any]:
    """Return OpenAI's error object about a field."""
    return {"error": {"message": words, "type": "invalid_request_error", "param": field, "code": "unsupported"}}


def forbidden(field: str) -> dict[str, Any]:
    """Return Mistral's and FastAPI's error object about a field that nobody knows."""
    detail = {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted"}
    return {"object": "error", "message": {"detail": [detail]}, "type": "invalid_request_error"}


def rate_limit(provider: Provider) -> Fault:
    """Return the provider's first 429, with its wait where the provider puts it."""
    if provider.retry_hint == "body":  # Google: a list, words about quota, the wait among the details
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{WAIT}s"}
        message = "You exceeded your current quota, please check your plan and billing details."
        error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": [info]}
        return Fault(status=429, body=[{"error": error}], times=1)  # type: ignore[arg-type]  # any JSON will do
    headers = (("Retry-After", str(WAIT)),) if provider.retry_hint == "header" else ()
    return Fault(status=429, body=refusal("", "Rate limit reached"), headers=headers, times=1)


def has(field: str) -> Any:
    """Return a condition: the request has this field."""
    return lambda entry: field in entry.body


def unknown(model: str) -> Fault:
    """Return the refusal of every other model."""
    words = "The model does not exist or you do not have access to it."
    return Fault(status=404, body=refusal("model", words), when=lambda entry: entry.body.get("model") != model)


def quirks(provider: Provider, model: str) -> list[Fault]:
    """Return the refusals of a provider for a model."""
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}[provider.max_tokens_field]
    words = f"Unsupported parameter: '{other}' is not supported. Use '{provider.max_tokens_field}' instead of {other}."
    found = [Fault(status=400, body=refusal(other, words), when=has(other))]
    if provider.stream_usage != "asked":
        found.append(Fault(status=422, body=forbidden("stream_options"), when=has("stream_options")))
    if not provider.streams:
        found.append(Fault(status=400, body=refusal("stream", "stream is not supported"), when=has("stream")))
    refused = provider.unsent(model) - set(provider.ignores)
    names = WIRE - {"reasoning_effort"} if ALL in refused else refused
    found += [Fault(status=400, body=refusal(name, f"Unsupported parameter: {name}"), when=has(name)) for name in names]
    return found + [Fault(status=422, body=forbidden(name), when=has(name)) for name in provider.renamed]


def reply(provider: Provider, text: str | None, thought: str | None, finish: str = "stop") -> Reply:
    """Return an answer with its reasoning where the provider puts it."""
    if thought is None or provider.reasoning_field == "none":
        return Reply(text=text, finish_reason=finish)
    if provider.reasoning_field == "content":
        parts: list[dict[str, Any]] = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}]
        parts += [{"type": "text", "text": text}] if text else []
        return Reply(finish_reason=finish, message={"content": parts})
    return Reply(text=text, reasoning=thought, reasoning_key=provider.reasoning_field, finish_reason=finish)


class Imitation(FaultServer):
    """A fault server that minds limits of length and stop strings."""

    def replies(self, entry: Entry) -> list[Reply]:
        """Return the answers, cut where the request says so."""
        body = entry.body
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        found = super().replies(entry)
        if limit == 1:
            return [Reply(text="1", finish_reason="length") for _ in found]
        stops = body.get("stop") or []
        return [replace(one, text=one.text.partition(stops[0])[0]) if stops and one.text else one for one in found]


def imitation(provider: Provider, model: str, first: Sequence[Fault] = ()) -> FaultServer:
    """Return a server that imitates a provider. `first`: faults that come before its own refusals."""

    def answer(prompt: str, index: int) -> Reply:
        if "long" in prompt:  # cut while it was thinking: content is null
            return reply(provider, None, f"hm {prompt} {index}", "length")
        if "numbers from 1 to 9" in prompt:
            return reply(provider, "1, 2, 3, 4, 5, 6, 7, 8, 9", "easy")
        return reply(provider, f"answer {index} to {prompt}", f"thought {index}")

    refuses_n = provider.n_beyond == "refused"
    return Imitation(
        [*first, unknown(model), *quirks(provider, model)],
        answer=answer,
        models=[model],
        max_n=provider.max_n if refuses_n else None,
        gives_n=None if refuses_n else provider.max_n,
        usage={"asked": True, "always": "always", "never": False}[provider.stream_usage],  # type: ignore[arg-type]
    )


def refused(server: FaultServer) -> list[Entry]:
    """Return the requests that the server turned away as wrong."""
    return [entry for entry in server.ledger if entry.status in {400, 422}]


FULL = Sampling(
    temperature=0.6,
    top_p=0.9,
    seed=1,
    stop=("\n\n",),
    max_tokens=64,
    frequency_penalty=0.1,
    presence_penalty=0.1,
    reasoning_effort="low",
)
