"""How answers are drawn from a model: the generation settings. `saiten.types` tells the other nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Generation settings. None means: not specified here, and not sent if nobody specifies it."""

    temperature: float | None = None
    """0 is greedy decoding: N samples are then one generation and its copies."""
    top_p: float | None = None
    """Only the most likely tokens of this probability mass are drawn from."""
    top_k: int | None = None
    """Only so many of the most likely tokens are drawn from."""
    min_p: float | None = None
    """Tokens less likely than this share of the likeliest are not drawn."""
    max_tokens: int | None = None
    """Longest answer, in tokens, reasoning included."""
    seed: int | None = None
    """Seed of the first sample; each further one gets a seed of its own."""
    stop: tuple[str, ...] | None = None
    """Strings that end an answer, separated by commas."""
    frequency_penalty: float | None = None
    """Penalty that grows with how often a token was used."""
    presence_penalty: float | None = None
    """Penalty for tokens that were used at all."""
    repetition_penalty: float | None = None
    """Factor against tokens that were used (vLLM, llama.cpp)."""
    reasoning_effort: str | None = None
    """How much a reasoning model thinks: low, medium, high, or what the provider knows."""
    chat_template_kwargs: Mapping[str, Any] | None = None
    """Arguments of the chat template as a JSON object, e.g. {"enable_thinking": false}."""
    extra_body: Mapping[str, Any] | None = None
    """Anything else, sent as it is at the top level of the request body, and recorded in run.json: no secrets."""

    def over(self, lower: Sampling) -> Sampling:
        """Return these settings, with `lower`'s where this one says nothing."""
        values = {
            name: mine if (mine := getattr(self, name)) is not None else getattr(lower, name) for name in self.__slots__
        }
        return Sampling(**values)
