"""The body of a request: what was asked, in the dialect of the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from saiten.errors import UserError
from saiten.models.provider_table import ALL
from saiten.models.providers import Endpoint
from saiten.served import Reached
from saiten.types import Message, Sampling, ServerSpec
from saiten.values import replace

RESERVED = frozenset({"model", "messages", "prompt", "n", "stream", "stream_options"})
"""Fields that are ours to set."""
PLAIN = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "reasoning_effort",
    "chat_template_kwargs",
)
"""Fields of Sampling that are sent under their own name, or the provider's for it."""


EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
"""What vLLM takes as reasoning_effort; a model's template may know other words."""
REPEATING = {"min_pattern_size": 4, "max_pattern_size": 512, "min_count": 16}
"""What vLLM shall take for a loop: 64 tokens at least, so that a rule or a table's border is none."""


class Form(Struct, frozen=True, kw_only=True):
    """How requests are put, apart from what they ask. Learnt in part, from refusals."""

    stream: bool = True
    usage: bool = True
    """Ask for the usage at the end of a stream."""
    completions: bool = False
    """The text completions route: the messages as plain text, one after the other, are the prompt."""
    max_tokens_field: str = "max_tokens"
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What this server needs in every request."""
    effort_in_template: bool = False

    @property
    def route(self) -> str:
        """The route below the base URL."""
        return "/completions" if self.completions else "/chat/completions"

    def without(self, field: str) -> Form:
        """Return the form that avoids a refused field."""
        if field == "stream_options":
            return replace(self, usage=False)
        if field == "stream":
            return replace(self, stream=False)
        other = "max_tokens" if self.max_tokens_field == "max_completion_tokens" else "max_completion_tokens"
        return replace(self, max_tokens_field=other)


def request_fields(served: ServerSpec, reached: Reached | None) -> dict[str, Any]:
    """Return the fields that a server of ours needs in every request, beside what is asked."""
    fields: dict[str, Any] = {}
    if served.chat_template == "base":  # a plain text gets the tokens that its tokenizer puts at the beginning
        fields["add_special_tokens"] = True
    if served.repetition_detection and (reached is None or reached.repetition_detection):
        fields["repetition_detection"] = dict(REPEATING)
    return fields


def check_extra_body(sampling: Sampling) -> None:
    """Raise UserError if extra_body holds a field that is ours."""
    if sampling.extra_body and (ours := RESERVED & sampling.extra_body.keys()):
        raise UserError(f"extra_body may not hold {', '.join(sorted(ours))}: saiten sets that itself")


def dropped(sampling: Sampling, endpoint: Endpoint) -> list[str]:
    """Return the names of the settings that are not sent, since the model refuses or the provider ignores them."""
    unsent = endpoint.unsent
    if not unsent:
        return []
    every = set(Sampling.__slots__) - {"reasoning_effort"} if ALL in unsent else set()
    return [name for name in Sampling.__slots__ if name in unsent | every and getattr(sampling, name) is not None]


def sampling_fields(sampling: Sampling, endpoint: Endpoint, form: Form) -> dict[str, Any]:
    """Return the generation parameters as the provider names them."""
    if names := dropped(sampling, endpoint):
        sampling = replace(sampling, **dict.fromkeys(names))
    renamed = endpoint.provider.renamed
    fields: dict[str, Any] = {
        renamed.get(name, name): value for name in PLAIN if (value := getattr(sampling, name)) is not None
    }
    if sampling.max_tokens is not None:
        fields["max_tokens" if form.completions else form.max_tokens_field] = sampling.max_tokens
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if form.effort_in_template and sampling.reasoning_effort is not None:
        fields["chat_template_kwargs"] = {
            "reasoning_effort": sampling.reasoning_effort,
            **(sampling.chat_template_kwargs or {}),
        }
        if sampling.reasoning_effort not in EFFORTS:  # a word of this model's own, which the API would refuse
            del fields["reasoning_effort"]
    return {**form.fields, **fields, **(sampling.extra_body or {})}


def encode_body(messages: tuple[Message, ...], fields: dict[str, Any], *, model: str, n: int, form: Form) -> bytes:
    """Return the body as JSON. Lone surrogates in a prompt are sent escaped."""
    body: dict[str, Any] = {"model": model}
    if form.completions:
        body["prompt"] = "\n\n".join(message.content for message in messages)
    else:
        body["messages"] = [{"role": message.role, "content": message.content} for message in messages]
    if n > 1:
        body["n"] = n
    if form.stream:
        body["stream"] = True
        if form.usage:
            body["stream_options"] = {"include_usage": True}
    body |= fields
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return json.dumps(body).encode()
