"""Where a model's own files come from: a folder on this machine, or the hub. Only small files are read here."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saiten.errors import UserError

RECOMMENDED = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_new_tokens")
"""Keys of generation_config.json that `vllm serve` would make its defaults."""
LARGEST = 64 << 20
"""Bytes of the largest file that is read: a tokenizer of a quarter of a million words has 35 MB."""


def is_local(model: str) -> bool:
    """Whether a model's name is a path: it begins like one, or there is such a folder or file."""
    return model.startswith(("/", "./", "../", "~")) or Path(model).exists()


def hub_home(environ: Mapping[str, str]) -> str | None:
    """Return the folder of the hub's cache: HF_HOME, or the old system's HUGGINGFACE_CACHE."""
    return environ.get("HF_HOME") or environ.get("HUGGINGFACE_CACHE") or None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """The files of one model."""

    name: str
    """Path of a folder, or `org/name` on the hub."""
    revision: str | None = None
    fetch: bool = True
    """Whether a file that is not on this machine is fetched from the hub; it is taken for missing otherwise."""

    @property
    def folder(self) -> Path | None:
        """The folder on this machine, absolute; None for a model of the hub."""
        return Path(self.name).expanduser().absolute() if is_local(self.name) else None

    def check(self) -> None:
        """Raise UserError where a local model is no folder with a configuration."""
        folder = self.folder
        if folder is None:
            return
        if folder.suffix == ".gguf":
            raise UserError(f"{folder} is a GGUF file: serve it with --provider llamacpp")
        if not (folder / "config.json").is_file():
            what = (
                "has no config.json" if folder.is_dir() else "does not exist" if not folder.exists() else "is no folder"
            )
            raise UserError(f"the model {folder} {what}; give a folder in the form of the hub, or org/name")

    def config(self) -> dict[str, Any]:
        """Return config.json. UserError where the model has none, or it cannot be had."""
        found = self.json("config.json")
        if found is None:
            raise UserError(f"the model {self.name} has no config.json; is it a model that vLLM serves?")
        return found

    def json(self, file: str) -> dict[str, Any] | None:
        """Return a file that holds a JSON object; None where the model has no such file."""
        path = self.path(file)
        if path is None:
            return None
        try:
            if path.stat().st_size > LARGEST:
                return None
            found = json.loads(path.read_bytes())
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise UserError(f"{path} is not JSON: {error}") from error
        return found if isinstance(found, dict) else None

    def text(self, file: str) -> str | None:
        """Return a text file; None where the model has no such file."""
        path = self.path(file)
        return path.read_text(errors="replace") if path is not None else None

    def stored_bytes(self) -> int | None:
        """Return the bytes of all weights; None where nobody tells."""
        index = self.json("model.safetensors.index.json")
        told = index.get("metadata") if index else None
        if isinstance(told, dict) and isinstance(total := told.get("total_size"), int | float):
            return int(total)
        files = list(self.folder.glob("*.safetensors")) if self.folder else []
        return sum(file.stat().st_size for file in files) or None

    def path(self, file: str) -> Path | None:
        """Return where a file is on this machine, fetched where it must be; None where the model has none."""
        folder = self.folder
        if folder is not None:
            return folder / file if (folder / file).is_file() else None
        return _from_hub(self.name, file, self.revision, fetch=self.fetch)

    def recommended(self) -> str:
        """Return in words the sampling that the model's generation_config.json names; empty where it names none."""
        found = self.json("generation_config.json") or {}
        return ", ".join(f"{name} {found[name]}" for name in RECOMMENDED if found.get(name) is not None)


def _from_hub(name: str, file: str, revision: str | None, *, fetch: bool) -> Path | None:
    import huggingface_hub
    from huggingface_hub import errors

    download = huggingface_hub.hf_hub_download  # loads the library, which sets its own level
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells each retry; we tell what came of them
    home = hub_home(os.environ)
    cache = os.environ.get("HF_HUB_CACHE") or (str(Path(home) / "hub") if home else None)
    try:
        found = download(name, file, revision=revision, cache_dir=cache, local_files_only=not fetch)
    except (errors.RemoteEntryNotFoundError, errors.LocalEntryNotFoundError) as error:
        if isinstance(error, errors.LocalEntryNotFoundError) and file == "config.json":
            raise UserError(
                f"cannot read {file} of {name}: the hub is not reachable and it is not in the cache "
                "(HF_HOME or HUGGINGFACE_CACHE); download the model where there is a network, or give its folder"
            ) from error
        return None
    except errors.GatedRepoError as error:
        raise UserError(f"{name} is gated: accept its terms on the hub and set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"the hub has no model {name} (or it is private: set HF_TOKEN); a model of an API needs --provider or "
            "--base-url, a folder must exist"
        ) from error
    except (errors.HfHubHTTPError, errors.HFValidationError, errors.RevisionNotFoundError, OSError) as error:
        if not fetch:
            return None
        words = " ".join(str(error).split())[:300]
        raise UserError(f"cannot read {file} of {name} from the hub: {words}") from error
    return Path(found)
