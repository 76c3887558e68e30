"""Who answers requests: the providers as a table of facts, and the endpoint that a run talks to.

Any OpenAI-compatible server can be used as `custom` with a base URL; an entry here only spares typing and records what
the provider is known to do differently.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from saiten.errors import UserError, suggestion
from saiten.types import Access, RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is known of one provider."""

    name: str
    base_url: str | None = None
    """None: the user says where it is."""
    key_variable: str | None = None
    """Environment variable that holds the API key."""
    path: str = ""
    """Folder of its runs below the results folder; empty: none of its own."""
    litellm_prefix: str = ""
    """The provider in old model names, `openai/gpt-4o`."""
    paid: bool = True
    max_n: int | None = None
    """Most choices that one request may ask for; None: not known, learnt from the first refusal."""
    streams: bool = True
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    own_server: bool = False
    """A server of ours: each choice is a request of its own (its prefix cache makes that cheap)."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Sampling fields that this provider knows by another name."""
    fixed_sampling: tuple[str, ...] = ()
    """Parts of model names (reasoning models) that refuse generation parameters: only effort and n are sent."""


PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="openai",
            base_url="https://api.openai.com/v1",
            key_variable="OPENAI_API_KEY",
            litellm_prefix="openai",
            max_n=128,
            max_tokens_field="max_completion_tokens",
            fixed_sampling=("o1", "o3", "o4", "gpt-5"),
        ),
        Provider(
            name="deepinfra",
            base_url="https://api.deepinfra.com/v1/openai",
            key_variable="DEEPINFRA_API_KEY",
            path="deepinfra",
            litellm_prefix="deepinfra",
            max_n=4,
        ),
        Provider(
            name="openrouter",
            base_url="https://openrouter.ai/api/v1",
            key_variable="OPENROUTER_API_KEY",
            path="openrouter",
            litellm_prefix="openrouter",
            max_n=1,
        ),
        Provider(
            name="gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            key_variable="GEMINI_API_KEY",
            path="gemini",
            litellm_prefix="gemini",
            max_n=8,
        ),
        Provider(
            name="anthropic",
            base_url="https://api.anthropic.com/v1",
            key_variable="ANTHROPIC_API_KEY",
            path="anthropic",
            litellm_prefix="anthropic",
            max_n=1,
        ),
        Provider(
            name="together",
            base_url="https://api.together.xyz/v1",
            key_variable="TOGETHER_API_KEY",
            path="together_ai",
            litellm_prefix="together_ai",
        ),
        Provider(
            name="fireworks",
            base_url="https://api.fireworks.ai/inference/v1",
            key_variable="FIREWORKS_API_KEY",
            path="fireworks_ai",
            litellm_prefix="fireworks_ai",
        ),
        Provider(
            name="mistral",
            base_url="https://api.mistral.ai/v1",
            key_variable="MISTRAL_API_KEY",
            path="mistral",
            litellm_prefix="mistral",
            renamed={"seed": "random_seed"},
        ),
        Provider(
            name="groq",
            base_url="https://api.groq.com/openai/v1",
            key_variable="GROQ_API_KEY",
            path="groq",
            litellm_prefix="groq",
            max_n=1,
        ),
        Provider(
            name="xai",
            base_url="https://api.x.ai/v1",
            key_variable="XAI_API_KEY",
            path="xai",
            litellm_prefix="xai",
        ),
        Provider(
            name="vllm",
            base_url="http://127.0.0.1:8000/v1",
            key_variable="VLLM_API_KEY",
            path="hosted_vllm",
            litellm_prefix="hosted_vllm",
            paid=False,
            own_server=True,
        ),
        Provider(
            name="llamacpp",
            base_url="http://127.0.0.1:8080/v1",
            key_variable="LLAMA_API_KEY",
            path="llamacpp",
            litellm_prefix="llamacpp",
            paid=False,
            own_server=True,
            renamed={"repetition_penalty": "repeat_penalty"},
        ),
        Provider(name="custom", key_variable="SAITEN_API_KEY", path="custom", litellm_prefix="custom"),
    )
}

ALIASES: Mapping[str, str] = {
    "hosted_vllm": "vllm",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "llama.cpp": "llamacpp",
    "google": "gemini",
}
"""Other names under which people know a provider."""


def find_provider(name: str) -> Provider:
    """Return the provider of this name. Raises UserError with the nearest names."""
    lowered = name.strip().lower()
    provider = PROVIDERS.get(ALIASES.get(lowered, lowered))
    if provider is None:
        known = ", ".join(PROVIDERS)
        raise UserError(
            f"no provider named {name!r}{suggestion(lowered, [*PROVIDERS, *ALIASES])}; there are: {known} "
            "(custom takes any OpenAI-compatible --base-url)"
        )
    return provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a run's requests go, and with which key."""

    provider: Provider
    base_url: str
    """Without a trailing slash; the routes are below it."""
    model: str
    api_key: str | None = field(default=None, repr=False)

    def url(self, route: str) -> str:
        """Return the address of a route; a query in the base URL (Azure's api-version) stays behind it."""
        base, mark, query = self.base_url.partition("?")
        return f"{base}{route}{mark}{query}"

    @property
    def shown(self) -> str:
        """The base URL as messages show it: a query may hold a secret."""
        return self.base_url.partition("?")[0]

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def paid(self) -> bool:
        """Whether answers cost money: a provider that charges, at an address that can be its own.

        Plain HTTP is spoken by servers of one's own only, whatever provider's dialect they were given.
        """
        return self.provider.paid and not self.loopback and self.base_url.startswith("https://")

    @property
    def fixed_sampling(self) -> bool:
        """Whether the model refuses generation parameters (reasoning models of openai).

        Source: swallow-evaluation-instruct v202508, lighteval `litellm_model.py`: a part of the model's name decides.
        Differs: only at the start of the name or after a separator, so that `my-foo3-chat` is not an `o3`.
        """
        padded = self.model.lower().replace("/", "-").replace(":", "-").replace("_", "-")
        return any(f"-{part}" in f"-{padded}" for part in self.provider.fixed_sampling)


def resolve_endpoint(spec: RunSpec, access: Access, environ: Mapping[str, str]) -> Endpoint:
    """Return where to send requests. Raises UserError for an unknown provider, a bad URL or a missing key."""
    provider = find_provider(spec.provider)
    url = access.base_url or provider.base_url
    if not url:
        raise UserError(f"provider {provider.name!r} has no address of its own: say where it is with --base-url URL")
    if not spec.model.strip():
        raise UserError("the model's name is empty: give the name as the provider knows it")
    endpoint = Endpoint(provider=provider, base_url=_checked_url(url), model=spec.model)
    key = access.api_key or (environ.get(provider.key_variable) if provider.key_variable else None)
    key = key.strip() if key else None
    if not key and provider.paid and access.base_url is None:
        raise UserError(
            f"provider {provider.name!r} needs an API key: set the environment variable {provider.key_variable} "
            "(or write it into .env)"
        )
    if key and not (key.isascii() and key.isprintable()):
        raise UserError(
            "the API key holds characters that no key has (a line break, a typographic quote?): set it again"
        )
    return Endpoint(provider=provider, base_url=endpoint.base_url, model=spec.model, api_key=key or None)


def _checked_url(url: str) -> str:
    """Return the base URL without its trailing slash and without a route that people copy along."""
    text = url.strip()
    if "://" not in text:
        raise UserError(f"base URL {text!r} has no scheme: write http://{text} or https://{text}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UserError(f"base URL cannot be read ({error}): write it like http://localhost:8000/v1") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UserError(f"base URL of scheme {parts.scheme!r} cannot be used: write it like http://localhost:8000/v1")
    if parts.username or parts.password:
        raise UserError("the base URL holds a user name or password: pass the key as an API key instead")
    path = parts.path.rstrip("/")
    for route in ("/chat/completions", "/completions", "/models"):
        path = path.removesuffix(route)
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), parts.query, ""))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
