"""Where datasets may come from and where they are kept, read once from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB = "https://huggingface.co"
LOCK_NAME = "saiten-data.lock.json"
TRUE = frozenset({"1", "on", "yes", "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataContext:
    """The hub, its cache, the offline mirror and the lock file that dataset rows are read through."""

    cache: Path
    """HF_HOME, else HUGGINGFACE_CACHE. Rows made ready for reading are kept in its folder `saiten`."""
    downloads: Path | None = None
    """HF_HUB_CACHE: the hub's own files; None: `cache/hub`."""
    mirror: Path | None = None
    """SAITEN_DATA: a folder filled by `saiten data pull`. When set, nothing is asked of the hub."""
    lock: Path | None = None
    """SAITEN_DATA_LOCK, else `saiten-data.lock.json` in the working directory. It need not exist."""
    endpoint: str = HUB
    token: str | None = field(default=None, repr=False)
    """HF_TOKEN."""
    offline: bool = False
    """HF_HUB_OFFLINE."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> DataContext:
        """Read the variables that the hub's own tools read, and SAITEN_DATA and SAITEN_DATA_LOCK."""
        home = Path(environ.get("HOME") or Path.home())
        xdg = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
        cache = environ.get("HF_HOME") or environ.get("HUGGINGFACE_CACHE") or str(xdg / "huggingface")
        return cls(
            cache=Path(cache).expanduser().absolute(),
            downloads=_path(environ.get("HF_HUB_CACHE")),
            mirror=_path(environ.get("SAITEN_DATA")),
            lock=_path(environ.get("SAITEN_DATA_LOCK") or LOCK_NAME),
            endpoint=(environ.get("HF_ENDPOINT") or HUB).rstrip("/"),
            token=environ.get("HF_TOKEN") or None,
            offline=environ.get("HF_HUB_OFFLINE", "").lower() in TRUE,
        )

    @property
    def hub_cache(self) -> Path:
        """The folder in which the hub's client keeps what it downloaded."""
        return self.downloads or self.cache / "hub"

    @property
    def prepared(self) -> Path:
        """The folder of rows that are ready for reading."""
        return self.cache / "saiten" / "datasets"


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None
