"""Which files a confined interpreter needs, and nothing else: standard library, shared libraries, a few packages."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LIBRARY_FOLDERS = (Path("/lib"), Path("/lib64"), Path("/usr/lib"), Path("/usr/lib64"))
_FILES = tuple(map(Path, ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom")))
_TIME_ZONES = Path("/usr/share/zoneinfo")
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Paths, absolute and as the interpreter spells them."""

    readable: tuple[Path, ...]
    """Files, and folders with all below them."""
    listable: tuple[Path, ...]
    """Folders whose names may be listed, because the import system looks there."""
    folders: tuple[Path, ...]
    """Folders that cover all of the above where whole folders are shown."""
    files: tuple[Path, ...]
    """Single files to show with them."""
    hidden: tuple[Path, ...]
    """Folders below `folders` that stay out: other people's packages may hold benchmark answers."""


def find_places(packages: dict[str, str]) -> Places:
    """Find them for this interpreter. `packages`: name -> folder of the packages that programs may import."""
    libraries = sorted({Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib"))})
    prefix_lib = Path(sys.base_prefix) / "lib"
    roots = [folder for folder in dict.fromkeys((*_LIBRARY_FOLDERS, prefix_lib)) if folder.is_dir()]
    allowed = [Path(folder) for folder in packages.values()]
    bundled = [folder.with_name(folder.name + ".libs") for folder in allowed]
    folders = [folder for folder in (*allowed, *bundled, _TIME_ZONES) if folder.is_dir()]
    return Places(
        readable=(
            *(path for library in libraries for path in library.iterdir() if path.name not in _PACKAGE_FOLDERS),
            *(path for root in roots for path in _shared_libraries(root)),
            *folders,
            *_FILES,
        ),
        listable=tuple(libraries),
        folders=tuple(dict.fromkeys((*libraries, *roots, *folders))),
        files=tuple(path for path in _FILES if path.exists()),
        hidden=tuple(path for root in dict.fromkeys((*libraries, *roots)) for path in _package_folders(root)),
    )


def _shared_libraries(folder: Path) -> Iterator[Path]:
    """Yield the shared libraries directly in a folder, and the folders that Debian keeps them in."""
    for path in folder.iterdir():
        if ".so" in path.name or path.name.endswith("-linux-gnu"):
            yield path


def _package_folders(folder: Path) -> Iterator[Path]:
    """Yield the package folders of this and other interpreters below a folder."""
    for parent in (folder, *folder.glob("python*")):
        for name in _PACKAGE_FOLDERS:
            if (parent / name).is_dir():
                yield parent / name
