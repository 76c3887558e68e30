"""Which files a confined interpreter needs, and nothing else: standard library, shared libraries, a few packages."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass

_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom")
_TIME_ZONES = "/usr/share/zoneinfo"
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Paths, absolute and as the interpreter spells them."""

    readable: tuple[str, ...]
    """Files, and folders with all below them."""
    listable: tuple[str, ...]
    """Folders whose names may be listed, because the import system looks there."""
    folders: tuple[str, ...]
    """Folders that cover all of the above where whole folders are shown."""
    files: tuple[str, ...]
    """Single files to show with them."""
    hidden: tuple[str, ...]
    """Folders below `folders` that stay out: other people's packages may hold benchmark answers."""


def find_places(packages: dict[str, str]) -> Places:
    """Find them for this interpreter. `packages`: name -> folder of the packages that programs may import."""
    libraries = sorted({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
    prefix_lib = os.path.join(sys.base_prefix, "lib")
    bundled = [folder + ".libs" for folder in packages.values() if os.path.isdir(folder + ".libs")]
    folders = [*packages.values(), *bundled, _TIME_ZONES]
    readable = [
        *(path for library in libraries for path in _entries(library)),
        *(path for folder in dict.fromkeys((*_LIBRARY_FOLDERS, prefix_lib)) for path in _shared_libraries(folder)),
        *folders,
        *_FILES,
    ]
    shown = [*libraries, prefix_lib, *_LIBRARY_FOLDERS, *folders]
    return Places(
        readable=tuple(readable),
        listable=tuple(libraries),
        folders=tuple(path for path in dict.fromkeys(shown) if os.path.isdir(path)),
        files=tuple(path for path in _FILES if os.path.exists(path)),
        hidden=tuple(_hidden([*libraries, prefix_lib, *_LIBRARY_FOLDERS])),
    )


def _entries(library: str) -> Iterator[str]:
    with os.scandir(library) as entries:
        for entry in entries:
            if entry.name not in _PACKAGE_FOLDERS:
                yield entry.path


def _shared_libraries(folder: str) -> Iterator[str]:
    """Yield the shared libraries directly in a folder, and the folders that Debian keeps them in."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if ".so" in entry.name or entry.name.endswith("-linux-gnu"):
                yield entry.path


def _hidden(folders: list[str]) -> Iterator[str]:
    """Yield the package folders of this and other interpreters below the given folders."""
    for folder in dict.fromkeys(folders):
        if not os.path.isdir(folder):
            continue
        for name in _PACKAGE_FOLDERS:
            if os.path.isdir(os.path.join(folder, name)):
                yield os.path.join(folder, name)
        with os.scandir(folder) as entries:
            for entry in entries:
                for name in _PACKAGE_FOLDERS if entry.name.startswith("python") else ():
                    if os.path.isdir(os.path.join(entry.path, name)):
                        yield os.path.join(entry.path, name)
