"""Run a command as an ordinary user, also where the tests run as root and root's folders are closed to others.

    python as_user.py UID HOME COMMAND...

As root: in a mount namespace of its own, so that nothing changes for anybody else, it opens the way to the interpreter
and the checkout, gives the user an entry in /etc/passwd, and becomes that user. Exit status 77: this machine does not
let root do so. As another user: runs the command.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path

CANNOT = 77
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 4096, 16384, 1 << 18
ROOT = Path(__file__).resolve().parents[3]

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str, flags: int, data: str = "") -> None:
    """Mount, or leave with CANNOT."""
    if libc.mount(source.encode(), str(target).encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()):
        sys.exit(CANNOT)


def open_the_way(needed: list[Path], spare: Path) -> None:
    """Let everybody pass the closed folders above the needed ones, and see nothing else in them."""
    closed: dict[Path, list[Path]] = {}
    for path in needed:
        for parent in reversed(path.parents):
            if not parent.stat().st_mode & stat.S_IXOTH:
                closed.setdefault(parent, []).append(path)
                break
    for folder, paths in closed.items():
        kept = [spare / f"{folder.name}{number}" for number, _ in enumerate(paths)]
        for place in kept:
            place.mkdir()
        for path, place in zip(paths, kept, strict=True):
            mount(str(path), place, "", BIND | RECURSIVE)
        mount("tmpfs", folder, "tmpfs", 0, "mode=0755,size=1m")
        for path, place in zip(paths, kept, strict=True):
            path.mkdir(parents=True, exist_ok=True)
            mount(str(place), path, "", BIND | RECURSIVE)


def become(user: int, home: str) -> None:
    """Become an ordinary user with a home."""
    if libc.unshare(NEW_MOUNTS):
        sys.exit(CANNOT)
    mount("none", Path("/"), "", PRIVATE | RECURSIVE)
    spare = Path(home).with_name("mounts")
    spare.mkdir()
    passwd = spare / "passwd"
    passwd.write_text(Path("/etc/passwd").read_text() + f"somebody:x:{user}:{user}::{home}:/bin/sh\n")
    passwd.chmod(0o644)
    mount(str(passwd), Path("/etc/passwd"), "", BIND)
    open_the_way([Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT], spare)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


if __name__ == "__main__":
    if os.geteuid() == 0:
        become(int(sys.argv[1]), sys.argv[2])
    os.execv(sys.argv[3], sys.argv[3:])
