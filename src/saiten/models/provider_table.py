"""The providers as a table of facts: `resources/providers.yaml`, and the user's `providers.yaml` above it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from saiten.errors import UserError, suggestion
from saiten.settings.described import read_block, read_by
from saiten.settings.tree import Node, Table, Text
from saiten.settings.values import (
    GENERATION,
    number_between,
    one_of,
    renames,
    text,
    truth,
    whole_from,
    word,
    word_lists,
    words,
)
from saiten.settings.yamlfile import read_yaml
from saiten.types import Sampling
from saiten.values import replace

BUILTIN = Path(__file__).parents[1] / "resources" / "providers.yaml"
FILE = "providers.yaml"
ALL = "all"
"""In `refuses`: every generation parameter; only n and the reasoning effort are sent."""


class Price(Struct, frozen=True, kw_only=True):
    """What a million tokens cost, in the user's currency."""

    input: float
    output: float


def prices(node: Node) -> dict[str, Price]:
    """Read `{model or glob: {input: X, output: Y}}`."""
    wanted = "must hold models with their prices, e.g. {gpt-4o*: {input: 2.5, output: 10}}"
    if not isinstance(node, Table):
        raise ValueError(wanted)  # noqa: TRY004  # bad input
    amount = number_between(0, 1e6, "a price, a number from 0 on")
    found = {}
    for name, item in node.entries.items():
        if not isinstance(item, Table) or item.entries.keys() != {"input", "output"}:
            raise ValueError(f"{wanted}: {name!r} must have input and output")
        found[name] = Price(input=amount(item.entries["input"]), output=amount(item.entries["output"]))
    return found


def sampling(node: Node) -> Sampling:
    """Read generation parameters under the names of the model settings."""
    if not isinstance(node, Table):
        raise ValueError("must hold generation parameters, e.g. {max_new_tokens: 4096}")  # noqa: TRY004  # bad input
    found: dict[str, Any] = {}
    for name, item in node.entries.items():
        if name not in GENERATION:
            near = suggestion(name, GENERATION) or f"; there are: {', '.join(GENERATION)}"
            raise ValueError(f"knows no {name!r}{near}")
        target, read = GENERATION[name]
        try:
            found[target] = read(item)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    return Sampling(**found)


def address(node: Node) -> str:
    """Read a base URL."""
    if not isinstance(node, Text) or not node.text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return node.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is known of one provider."""

    name: str
    base_url: str | None = read_by(address)
    """Address of its OpenAI-compatible API; none: the user says where it is."""
    key_variable: str | None = read_by(word)
    """Environment variable that holds the API key."""
    path: str = read_by(text, "")
    """Folder of its runs below the results folder; default: its name; empty: none of its own."""
    litellm_prefix: str = read_by(text, "")
    """The provider in old model names, `openai/gpt-4o`."""
    aliases: tuple[str, ...] = read_by(words, ())
    """Other names under which people know it."""
    paid: bool = read_by(truth, default=True)
    """Whether answers cost money."""
    own_server: bool = read_by(truth, default=False)
    """A server of ours: each choice is a request of its own (its prefix cache makes that cheap)."""
    transport: Literal["http", "litellm"] = read_by(one_of("http", "litellm"), "http")
    """How requests go: OpenAI's protocol over HTTP, or through the litellm library."""
    max_n: int | None = read_by(whole_from(1, "a whole number above 0"))
    """Most choices that one request may ask for; unknown: learnt from the first refusal."""
    n_beyond: Literal["refused", "ignored"] = read_by(one_of("refused", "ignored"), "refused")
    """What happens to a larger n: an error, or fewer choices without a word."""
    concurrency: int | None = read_by(whole_from(1, "a whole number above 0"))
    """Most choices in flight that it allows; unknown: adaptive."""
    streams: bool = read_by(truth, default=True)
    """Whether it can stream."""
    stream_usage: Literal["asked", "always", "never"] = read_by(one_of("asked", "always", "never"), "asked")
    """When a stream ends with token counts: if `stream_options` asks for it, always, or never."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = read_by(
        one_of("max_tokens", "max_completion_tokens"), "max_tokens"
    )
    """How it spells the limit of an answer's length."""
    reasoning_field: Literal["reasoning", "reasoning_content", "content", "none"] = read_by(
        one_of("reasoning", "reasoning_content", "content", "none"), "reasoning_content"
    )
    """Where reasoning stands in its answers (every one is read); `none`: it does not show any."""
    retry_hint: Literal["header", "body", "none"] = read_by(one_of("header", "body", "none"), "header")
    """Where a rate limit says how long to wait: Retry-After, the error object, or nowhere."""
    renamed: Mapping[str, str] = read_by(renames, {})
    """Sampling fields that it knows by another name."""
    refuses: Mapping[str, tuple[str, ...]] = read_by(word_lists, {})
    """Parts of model names (`*`: all) with the parameters that these refuse; `all`: every one but the effort."""
    ignores: tuple[str, ...] = read_by(words, ())
    """Parameters that it accepts and ignores; they are not sent, and that is said."""
    sampling: Sampling = field(default_factory=Sampling, metadata={"read": sampling})
    """Generation parameters that are sent where nobody else specifies them, e.g. {max_new_tokens: 4096}."""
    prices: Mapping[str, Price] = read_by(prices, {})
    """Price of a million tokens by model or glob, e.g. {gpt-4o*: {input: 2.5, output: 10}}."""
    source: str = read_by(text, "")
    """Where the facts were read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and its aliases."""
        return (self.name, *self.aliases)

    def price(self, model: str) -> Price | None:
        """Return a model's price: its own, else that of the longest glob that matches."""
        matching = [pattern for pattern in self.prices if fnmatchcase(model, pattern)]
        best = model if model in self.prices else max(matching, key=len, default=None)
        return None if best is None else self.prices[best]

    def unsent(self, model: str) -> frozenset[str]:
        """Return the parameters that are not sent to a model: it refuses them, or the provider ignores them.

        Source: swallow-evaluation-instruct v202508, lighteval `litellm_model.py`: a part of the model's name decides.
        Differs: only at the start of the name or after a separator, so that `my-foo3-chat` is not an `o3`.
        """
        if not self.refuses:
            return frozenset(self.ignores)
        padded = f"-{model.lower()}".replace("/", "-").replace(":", "-").replace("_", "-")
        refused = [names for part, names in self.refuses.items() if part == "*" or f"-{part.lower()}" in padded]
        return frozenset(self.ignores).union(*refused)


def read_providers(path: Path, below: Mapping[str, Provider]) -> dict[str, Provider]:
    """Read a file of entries above those that there are. UserError tells everything that is wrong with it."""
    tree = read_yaml(path)
    found = dict(below)
    errors: list[str] = []
    for name, node in tree.entries.items():
        entry = read_block(Provider, name, node)
        errors += entry.errors
        old = below.get(name)
        if old is None and not entry.errors and path != BUILTIN:
            errors += _incomplete(name, node, entry.values)
        if not entry.errors:
            found[name] = replace(old or Provider(name=name, path=name), **entry.values)
    if errors:
        raise UserError("\n".join(errors))
    return found


def _incomplete(name: str, node: Node, values: Mapping[str, Any]) -> list[str]:
    """Return what a new entry lacks."""
    if values.get("base_url") or values.get("transport") == "litellm":
        return []
    return [f"{node.where}: {name}: a new provider needs its base_url"]


@cache
def builtin_providers() -> Mapping[str, Provider]:
    """Return the entries that saiten brings."""
    return read_providers(BUILTIN, {})


def provider_table(environ: Mapping[str, str] = os.environ) -> Mapping[str, Provider]:
    """Return all providers by name: the user's file in the working folder, else in REPO_PATH, above ours."""
    table = builtin_providers()
    for root in (Path(), Path(environ.get("REPO_PATH") or ".")):
        if (root / FILE).is_file():
            return read_providers(root / FILE, table)
    return table


def find_provider(name: str) -> Provider:
    """Return the provider of this name or alias. Raises UserError with the nearest names."""
    table = provider_table()
    lowered = name.strip().lower()
    names = {alias.lower(): provider for provider in table.values() for alias in provider.names}
    names |= {provider.litellm_prefix.lower(): provider for provider in table.values() if provider.litellm_prefix}
    provider = names.get(lowered)
    if provider is None:
        raise UserError(
            f"no provider named {name!r}{suggestion(lowered, names)}; there are: {', '.join(table)} "
            "(custom takes any OpenAI-compatible --base-url)"
        )
    return provider
