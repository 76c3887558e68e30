"""Before the first question: is the endpoint there, does it take the key, does it have the model?"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from saiten.errors import EndpointError, Exit, suggestion
from saiten.models import failures
from saiten.models.clock import Clock
from saiten.models.failures import Failure, Kind, Sent
from saiten.models.providers import JUDGE, Endpoint
from saiten.models.transport import Sends
from saiten.models.wire import Malformed, strict_json

SECONDS = 15.0
TRIES = 3
PAUSE_SECONDS = 0.4
SHOWN_MODELS = 5


class ServerInfo(Struct, frozen=True, kw_only=True):
    """What the endpoint told of itself."""

    models: tuple[str, ...] = ()
    """Ids of the models that it serves; empty where it does not say."""
    max_model_len: int | None = None
    """Tokens of the model's context, where the server tells."""
    revision: str | None = None
    """What the server calls the model's source (vLLM's `root`)."""
    notes: tuple[str, ...] = ()


def address(endpoint: Endpoint) -> str:
    """Return the options that say where an endpoint is."""
    if endpoint.provider.name == JUDGE:
        return "--judge-base-url"
    return "--attach (or --base-url)" if endpoint.provider.own_server else "--base-url"


def unreachable(endpoint: Endpoint, failure: Failure) -> EndpointError:
    """Return the error for an endpoint that cannot be reached or used: one line that says what to do."""
    where = endpoint.shown
    if failure.kind in {Kind.NOT_SENT, Kind.AMBIGUOUS}:
        own = " (is the server running? is it still loading the model?)" if endpoint.provider.own_server else ""
        message = f"cannot reach {where}: {failure.message}{own}; check {address(endpoint)} and the network"
        return EndpointError(message, exit_status=Exit.SERVER)
    if failure.status in {401, 403}:
        variable = endpoint.provider.key_variable or "the API key"
        had = "" if endpoint.api_key else "; no key was given"
        message = f"{where}: {failure.message}{had}; set {variable} to a key that is valid there"
        return EndpointError(message, exit_status=Exit.CONFIGURATION, resumable=False)
    if failure.status in {404, 405, 410}:
        message = f"{where}: {failure.message}; check the model's name {endpoint.model!r} and {address(endpoint)}"
        return EndpointError(message, exit_status=Exit.CONFIGURATION, resumable=False)
    status = Exit.SERVER if failure.resumable else Exit.CONFIGURATION
    return EndpointError(f"{where}: {failure.message}", exit_status=status, resumable=failure.resumable)


async def check_endpoint(endpoint: Endpoint, transport: Sends, clock: Clock) -> ServerInfo:
    """Ask for the list of models. Raises EndpointError if the endpoint cannot serve this run."""
    found = await transport.get("/models", SECONDS)
    for _ in range(TRIES - 1):
        if not isinstance(found, Failure) or found.kind is not Kind.NOT_SENT:
            break
        await clock.sleep(PAUSE_SECONDS)
        found = await transport.get("/models", SECONDS)
    if isinstance(found, Failure):
        raise unreachable(endpoint, found)
    status, body = found
    if status in {401, 403} or 300 <= status < 400:
        error = failures.read_error(body)
        raise unreachable(endpoint, failures.error_failure(status, error, Sent()))
    if status >= 500:
        return ServerInfo(notes=(f"{endpoint.shown}/models answers with status {status}",))
    cards = _cards(body) if status == 200 else None
    if cards is None:
        return ServerInfo(notes=(f"{endpoint.shown} does not list its models",))
    return _read_cards(endpoint, cards)


def _cards(body: bytes) -> list[dict[str, Any]] | None:
    try:
        found = strict_json(body)
    except Malformed:
        return None
    listed = found.get("data") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        return None
    return [card for card in listed if isinstance(card, dict) and isinstance(card.get("id"), str)]


def _aliases(card: dict[str, Any]) -> list[str]:
    found = card.get("aliases")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _read_cards(endpoint: Endpoint, cards: list[dict[str, Any]]) -> ServerInfo:
    models = tuple(str(card["id"]).removeprefix("models/") for card in cards)
    card = next((c for c, name in zip(cards, models, strict=True) if endpoint.model in {name, *_aliases(c)}), None)
    notes: list[str] = []
    if card is None and models:
        shown = ", ".join(repr(name) for name in models[:SHOWN_MODELS])
        more = f" and {len(models) - SHOWN_MODELS} more" if len(models) > SHOWN_MODELS else ""
        message = f"{endpoint.shown} does not serve {endpoint.model!r}{suggestion(endpoint.model, models)}"
        if endpoint.provider.own_server:
            raise EndpointError(
                f"{message}; it serves {shown}{more}: give that name as MODEL, or start the server with the model",
                exit_status=Exit.CONFIGURATION,
                resumable=False,
            )
        notes.append(f"{message} by its list of models ({shown}{more})")
    length = (card or {}).get("max_model_len")
    if length is None and isinstance(meta := (card or {}).get("meta"), dict):
        length = meta.get("n_ctx")
    root = (card or {}).get("root")
    return ServerInfo(
        models=models,
        max_model_len=length if isinstance(length, int) and length > 0 else None,
        revision=root if isinstance(root, str) else None,
        notes=tuple(notes),
    )
