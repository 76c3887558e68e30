"""The endpoint that a run talks to: a provider's entry, an address, a model and a key."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from saiten.errors import UserError
from saiten.models.provider_table import Provider, find_provider
from saiten.types import Access, RunSpec

JUDGE = "judge"
"""In place of a provider's name: whoever judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a run's requests go, and with which key."""

    provider: Provider
    base_url: str
    """Without a trailing slash; the routes are below it."""
    model: str
    api_key: str | None = field(default=None, repr=False)

    def url(self, route: str) -> str:
        """Return the address of a route; a query in the base URL (Azure's api-version) stays behind it.

        A route that begins with `/..` lies beside the API (`/v1`), not below it.
        """
        base, mark, query = self.base_url.partition("?")
        if route.startswith("/../"):
            base, route = base.removesuffix("/v1"), route.removeprefix("/..")
        return f"{base}{route}{mark}{query}"

    @property
    def shown(self) -> str:
        """The base URL as messages show it: a query may hold a secret."""
        return self.base_url.partition("?")[0] or self.provider.name

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def paid(self) -> bool:
        """Whether answers cost money: a provider that charges, at an address that can be its own.

        Plain HTTP is spoken by servers of one's own only, whatever provider's dialect they were given.
        """
        return self.provider.paid and not self.loopback and not self.base_url.startswith("http://")

    @property
    def unsent(self) -> frozenset[str]:
        """Generation parameters that are not sent; `all`: none but the reasoning effort is."""
        return self.provider.unsent(self.model)


def resolve_endpoint(spec: RunSpec, access: Access, environ: Mapping[str, str]) -> Endpoint:
    """Return where to send requests. Raises UserError for an unknown provider, a bad URL or a missing key."""
    provider = find_provider(spec.provider)
    url = access.base_url or provider.base_url
    elsewhere = provider.transport == "litellm"  # litellm knows the addresses and the keys' variables
    if not url and not elsewhere:
        raise UserError(f"provider {provider.name!r} has no address of its own: say where it is with --base-url URL")
    if not spec.model.strip():
        raise UserError("the model's name is empty: give the name as the provider knows it")
    endpoint = Endpoint(provider=provider, base_url=checked_url(url) if url else "", model=spec.model)
    key = access.api_key or (environ.get(provider.key_variable) if provider.key_variable else None)
    key = checked_key(key)
    if not key and provider.paid and access.base_url is None and not elsewhere:
        raise UserError(
            f"provider {provider.name!r} needs an API key: set the environment variable {provider.key_variable} "
            "(or write it into .env)"
        )
    return Endpoint(provider=provider, base_url=endpoint.base_url, model=spec.model, api_key=key)


def checked_key(text: str | None) -> str | None:
    """Return a key without the space around it, None for none. Raises UserError for what cannot be a key."""
    key = text.strip() if text else ""
    if not (key.isascii() and (key.isprintable() or not key)):
        raise UserError(
            "the API key holds characters that no key has (a line break, a typographic quote?): set it again"
        )
    return key or None


def checked_url(url: str) -> str:
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
