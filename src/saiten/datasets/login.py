"""Logging in to the hub, so that gated models and datasets open for every tool that uses its client."""

from __future__ import annotations

from huggingface_hub import HfApi, login
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: the base of what its HTTP library raises
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
)

from saiten.errors import UserError


def log_in(token: str, endpoint: str | None) -> str | None:
    """Log in with a token, which the hub's client keeps in its own place. Return the user's name.

    None where the hub does not answer. UserError where it refuses the token.
    """
    try:
        name = str(HfApi(endpoint=endpoint).whoami(token=token)["name"])
        login(token=token, skip_if_logged_in=False)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in {401, 403}:
            raise UserError("the hub refuses HF_TOKEN: make a new token there and write it into .env") from None
        return None
    except (HTTPError, OfflineModeIsEnabled, OSError):
        return None
    return name
