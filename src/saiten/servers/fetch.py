"""Fetching a model from the hub before a job needs it: all its files, at one commit, and nothing of them twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from saiten.errors import UserError

INDEX = "model.safetensors.index.json"
LEFT_OUT = ("*.pth", "*.pt", "*.onnx", "*.gguf", "*.msgpack", "*.h5", "original/*", "*.ot")
"""The same weights for other programs."""


def fetch_model(model: str, revision: str | None, environ: Mapping[str, str], tell: Callable[[str], None]) -> Path:
    """Return the folder of a model's files; fetch what is missing. A folder of the user's is only checked.

    UserError where it cannot be had, or lacks files.
    """
    own = Path(model).expanduser()
    if own.is_dir():
        return checked(own)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    tell(f"fetching {model} (only what is missing)")
    home = environ.get("HF_HOME") or environ.get("HUGGINGFACE_CACHE")
    cache = environ.get("HF_HUB_CACHE") or (str(Path(home) / "hub") if home else None)
    try:
        folder = snapshot_download(
            model,
            revision=revision,
            cache_dir=cache,
            token=environ.get("HF_TOKEN"),
            ignore_patterns=list(LEFT_OUT),
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        words = " ".join(str(error).split())[:300]
        raise UserError(
            f"cannot fetch the model {model}: {words} (is its name right, HF_TOKEN set where it is gated, and the hub "
            "reachable? --no-predownload leaves it to the job)"
        ) from error
    return checked(Path(folder))


def checked(folder: Path) -> Path:
    """Return the folder of a model, or raise UserError where files of it are missing."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} is no model: it has no config.json")
    index = folder / INDEX
    names = set(json.loads(index.read_text()).get("weight_map", {}).values()) if index.is_file() else set()
    missing = sorted(name for name in names if not (folder / name).is_file() or not (folder / name).stat().st_size)
    if missing:
        raise UserError(f"{folder} lacks {', '.join(missing[:3])}: {len(missing)} of {len(names)} files of weights")
    if not names and not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise UserError(f"{folder} has no weights (*.safetensors, *.bin)")
    return folder
