"""Is the server up, and is it ours? Asked of the server itself, by a real completion of one token.

A `/health` route answers 200 while the engine behind it is dead, and on a shared node another user's server can hold
the port. So ready means: a wrong key is refused, and ours gets a token.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

_REFUSED = (401, 403)
MOST_BYTES = 1 << 20


class State(Enum):
    """What a probe found."""

    READY = auto()
    NOT_YET = auto()
    FOREIGN = auto()
    """Something answers that is not the server we started: it refuses our key, or takes any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state, and what was seen, for an error message."""

    state: State
    detail: str


async def probe(base_url: str, *, api_key: str, model: str, timeout_seconds: float) -> Health:
    """Ask the server at `base_url` (`http://…/v1`) for one token, first with a wrong key, then with ours.

    `timeout_seconds`: for connecting, and for each answer.
    """
    return await asyncio.to_thread(_probe, base_url, api_key, model, timeout_seconds)


def _probe(base_url: str, api_key: str, model: str, seconds: float) -> Health:
    from http.client import HTTPException

    try:
        status, answer = _one_token(base_url, secrets.token_hex(16), model, seconds)
        if status == 200:
            return Health(state=State.FOREIGN, detail="a server that takes any key")
        if status not in _REFUSED:
            return Health(state=State.NOT_YET, detail=f"status {status}: {_words(answer)}")
        status, answer = _one_token(base_url, api_key, model, seconds)
    except (HTTPException, OSError) as error:
        return Health(state=State.NOT_YET, detail=str(error) or type(error).__name__)
    if status in _REFUSED:
        return Health(state=State.FOREIGN, detail="a server that refuses our key")
    if status == 200 and isinstance(answer, dict) and answer.get("choices"):
        return Health(state=State.READY, detail="one token")
    return Health(state=State.NOT_YET, detail=f"status {status}: {_words(answer)}")


def _one_token(base_url: str, key: str, model: str, seconds: float) -> tuple[int, Any]:
    """Return the status and the decoded body. The completions route works for base models too: no chat template."""
    from http.client import HTTPConnection

    parts = urlsplit(base_url)
    connection = HTTPConnection(parts.netloc, timeout=seconds)
    try:
        body = {"model": model, "prompt": "1", "max_tokens": 1, "temperature": 0}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", f"{parts.path}/completions", json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read(MOST_BYTES)
    finally:
        connection.close()
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return response.status, text[:200].decode(errors="replace")
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, "malformed JSON"


def _words(answer: object) -> str:
    """Return the server's own words in an error body, at most 200 characters."""
    if isinstance(answer, dict) and isinstance(error := answer.get("error"), dict):
        answer = error.get("message", answer)
    return " ".join(str(answer).split())[:200]
