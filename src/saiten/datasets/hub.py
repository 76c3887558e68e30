"""Dataset repositories on the hub, through `huggingface_hub`. Imported only where something has to be fetched.

Nothing but data files is taken from a repository: a dataset script is never fetched, let alone run.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: the base of what its HTTP library raises
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from saiten.datasets.context import DataContext
    from saiten.datasets.source import Source

COMMIT = re.compile(r"[0-9a-f]{40}")
CONVERTED = "refs/convert/parquet"


class HubSource:
    """A dataset repository at one commit of the hub, or of the hub client's cache where there is no network."""

    def __init__(self, repository: str, revision: str | None, context: DataContext) -> None:
        self._repository = repository
        self._context = context
        self._cache = context.hub_cache
        self._api = HfApi(endpoint=context.endpoint, token=context.token)
        self._files: dict[str, int] | None = None
        self.requested = revision or "main"
        self.revision = self._resolve()

    def _resolve(self) -> str:
        if COMMIT.fullmatch(self.requested):
            return self.requested
        if self._context.offline:
            return self._cached_commit()
        with _told(self._repository, self.requested, self._context):
            return str(self._api.dataset_info(self._repository, revision=self.requested, timeout=30).sha)

    def _cached_commit(self) -> str:
        path = self._folder() / "refs" / self.requested
        try:
            return path.read_text("ascii").strip()
        except OSError as error:
            raise UserError(_offline(self._repository, self.requested)) from error

    def _folder(self) -> Path:
        return self._cache / f"datasets--{self._repository.replace('/', '--')}"

    def files(self) -> Mapping[str, int]:
        """Return the repository's files; offline, those that the hub client's cache has."""
        if self._files is None:
            self._files = self._cached_files() if self._context.offline else self._listed_files()
        return self._files

    def _listed_files(self) -> dict[str, int]:
        with _told(self._repository, self.revision, self._context):
            tree = self._api.list_repo_tree(
                self._repository, recursive=True, revision=self.revision, repo_type="dataset"
            )
            return {item.path: item.size for item in tree if isinstance(item, RepoFile)}

    def _cached_files(self) -> dict[str, int]:
        snapshot = self._folder() / "snapshots" / self.revision
        found = {p.relative_to(snapshot).as_posix(): p.stat().st_size for p in snapshot.rglob("*") if p.is_file()}
        if not found:
            raise UserError(_offline(self._repository, self.revision))
        return found

    def fetch(self, path: str) -> Path:
        """Return the file in the hub client's cache, downloading it if need be."""
        with _told(self._repository, self.revision, self._context):
            file = hf_hub_download(
                self._repository,
                path,
                repo_type="dataset",
                revision=self.revision,
                cache_dir=self._cache,
                endpoint=self._context.endpoint,
                token=self._context.token,
                local_files_only=self._context.offline,
            )
        return Path(file)

    def converted(self) -> Source | None:
        """Return the parquet files that the hub makes of every dataset, if it made them of this one completely."""
        if self.requested == CONVERTED or COMMIT.fullmatch(self.requested):
            return None
        try:
            return _Converted(self._repository, CONVERTED, self._context)
        except UserError:
            return None


class _Converted(HubSource):
    """The hub's own conversion to parquet: `{config}/{split}/0000.parquet`."""

    def files(self) -> Mapping[str, int]:
        """Return the converted files, without splits that were converted only in part."""
        return {path: size for path, size in super().files().items() if "/partial-" not in path}


def _offline(repository: str, revision: str) -> str:
    return (
        f"{repository} at {revision} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it; on a machine with "
        "network run: saiten data pull BENCHMARK --to DIR, then set SAITEN_DATA=DIR"
    )


@contextmanager
def _told(repository: str, revision: str, context: DataContext) -> Iterator[None]:
    """Turn what the hub client raises into one line that says what to do."""
    page = f"{context.endpoint}/datasets/{repository}"
    try:
        yield
    except GatedRepoError as error:
        have = "the account of your HF_TOKEN has not accepted them" if context.token else "HF_TOKEN is not set"
        raise UserError(
            f"{repository} is gated and {have}: accept its terms at {page}, then set HF_TOKEN to that account's token"
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(f"{repository} has no revision {revision!r} (see {page}/commits/main)") from error
    except RepositoryNotFoundError as error:
        key = "HF_TOKEN does not open it" if context.token else "it needs a token in HF_TOKEN"
        raise UserError(f"no dataset repository {repository} at {context.endpoint}, or {key}") from error
    except HFValidationError as error:
        raise UserError(f"{repository!r} is not a repository id (publisher/name)") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        if context.offline:
            raise UserError(_offline(repository, revision)) from error
        raise UserError(_unreachable(repository, error.__cause__ or error, context)) from error
    except EntryNotFoundError as error:
        raise UserError(f"{repository} at {revision}: {_line(error)}") from error
    except HfHubHTTPError as error:
        raise UserError(f"{context.endpoint} refused {repository}: {_line(error)}; try again later") from error
    except (HTTPError, OSError) as error:
        raise UserError(_unreachable(repository, error, context)) from error


def _unreachable(repository: str, error: BaseException, context: DataContext) -> str:
    return (
        f"cannot reach {context.endpoint} for {repository} ({_line(error)}); without network use a mirror: "
        "saiten data pull BENCHMARK --to DIR elsewhere, then set SAITEN_DATA=DIR"
    )


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
