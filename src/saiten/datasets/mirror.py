"""The offline mirror: a folder with the hub's layout, and a manifest in each repository.

    MIRROR/nlp-waseda/JMMLU/saiten-mirror.json      commit, and SHA-256 and size of each file
    MIRROR/nlp-waseda/JMMLU/test/anatomy.csv        as in the repository

Only files that the manifest names exist for us, and each is read after its hash was compared.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

from saiten.datasets.source import safe_join, sha256_of
from saiten.datasets.writer import write_atomically
from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from saiten.datasets.source import Source

MANIFEST = "saiten-mirror.json"


class MirrorFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a mirrored repository."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mirrored repository holds."""

    repository: str
    revision: str
    files: dict[str, MirrorFile]
    format: int = 1


class MirrorSource:
    """A repository in a mirror."""

    def __init__(self, mirror: Path, repository: str) -> None:
        self.origin = safe_join(mirror, repository)
        self._manifest = read_manifest(mirror, repository)

    @property
    def revision(self) -> str:
        """The commit that was pulled."""
        return self._manifest.revision

    def files(self) -> Mapping[str, int]:
        """Return the files of the manifest."""
        return {path: file.size for path, file in self._manifest.files.items()}

    def fetch(self, path: str) -> Path:
        """Return a mirrored file after comparing its hash."""
        file = safe_join(self.origin, path)
        problem = _problem(file, self._manifest.files[path])
        if problem:
            raise UserError(f"{file}: {problem}; pull it again: saiten data pull --to {_root(self)}")
        return file

    def converted(self) -> Source | None:
        """Return None: a pull stores the files that are read, converted or not."""
        return None


def _root(source: MirrorSource) -> Path:
    return source.origin.parents[1] if len(source.origin.parents) > 1 else source.origin


def read_manifest(mirror: Path, repository: str) -> Manifest:
    """Return the manifest of a mirrored repository. UserError where the mirror does not have it."""
    path = safe_join(mirror, repository) / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise UserError(
            f"{repository} is not in the mirror {mirror} (SAITEN_DATA); on a machine with network: "
            f"saiten data pull BENCHMARK --to {mirror}"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: damaged manifest ({error}); pull the repository again") from error


def add_to_mirror(mirror: Path, repository: str, revision: str, files: Mapping[str, Path]) -> Manifest:
    """Copy `files` (path in the repository -> file) into the mirror and write the manifest last.

    What the mirror has of the same commit stays; of another commit it is removed, for rows of two commits must not mix.
    """
    folder = safe_join(mirror, repository)
    known: dict[str, MirrorFile] = {}
    if (folder / MANIFEST).exists():
        before = read_manifest(mirror, repository)
        if before.revision == revision:
            known = dict(before.files)
        else:
            for path in before.files:
                safe_join(folder, path).unlink(missing_ok=True)
    for path, file in files.items():
        target = safe_join(folder, path)
        temporary = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, temporary)
            known[path] = MirrorFile(sha256_of(temporary), temporary.stat().st_size)
            temporary.replace(target)
        except OSError as error:
            raise UserError(f"cannot write {target} ({error.strerror or error})") from error
    manifest = Manifest(repository, revision, dict(sorted(known.items())))
    write_atomically(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def mirrored_repositories(mirror: Path) -> list[str]:
    """Return the repositories that the mirror has, sorted."""
    return sorted(path.parent.relative_to(mirror).as_posix() for path in mirror.rglob(MANIFEST))


def verify_mirror(mirror: Path) -> Iterator[tuple[str, str]]:
    """Hash every file of the mirror; yield (file, problem), the problem empty where all is well."""
    for repository in mirrored_repositories(mirror):
        for path, expected in read_manifest(mirror, repository).files.items():
            yield f"{repository}/{path}", _problem(safe_join(mirror / repository, path), expected)


def _problem(file: Path, expected: MirrorFile) -> str:
    try:
        size = file.stat().st_size
        if size == expected.size and sha256_of(file) == expected.sha256:
            return ""
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return f"is not the file that was pulled ({size} bytes, {expected.size} expected, or another SHA-256)"
