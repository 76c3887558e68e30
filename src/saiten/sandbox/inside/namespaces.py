"""A world of its own for a worker: users, processes, network, IPC and a file tree that holds only what it needs.

Source: namespaces(7), user_namespaces(7), mount_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import os
from pathlib import Path

from . import kernel
from .places import Places

_NEW_NS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_PID, _NEW_NET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_READ_ONLY, _NO_SUID, _NO_DEV, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH = 2
_LOCKED = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_RELATIME: 1 << 21}
"""Mount flags that a bind mount must keep, by the bit that statvfs shows them with."""

NOBODY = 65534
_BASE = "/tmp"  # noqa: S108  any folder that exists everywhere; a private tmpfs covers it


def enter(places: Places) -> None:
    """Move this process into new namespaces with a read-only tree of `places`. Raises OSError where refused.

    Children are in a process namespace of their own: the first is its init, and all end with it.
    """
    own = _NEW_NS | _NEW_UTS | _NEW_IPC | _NEW_PID | _NEW_NET
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        kernel.unshare("namespaces", own)
    else:
        kernel.unshare("user and other namespaces", own | _NEW_USER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    _build_tree(places)


def become_nobody() -> None:
    """Give up root and every capability; a process that is not root stays who it is."""
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:  # root of a user namespace with one user: it has no other user to become
            pass
    if kernel.LINUX:
        kernel.drop_capabilities()


def run_in_child() -> int:
    """Go on in a child process, the init of the new process namespace; this one waits for it and ends with it.

    Returns the end of a pipe that becomes readable when this process is gone.
    """
    alive, dies_with_launcher = os.pipe()
    child = os.fork()
    if child:
        os.close(alive)
        for descriptor in (0, 1):
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    os.close(dies_with_launcher)
    return alive


def _build_tree(places: Places) -> None:
    """Make a new file tree of the places and nothing else, read-only, and let go of the old one."""
    kernel.mount("none", "/", "", _PRIVATE | _RECURSIVE)
    real = {path: path.resolve() for path in (*places.folders, *places.files)}
    hidden = [*dict.fromkeys((*places.hidden, *(path.resolve() for path in places.hidden)))]
    kernel.mount("tmpfs", _BASE, "tmpfs", _NO_SUID | _NO_DEV, "mode=0755,size=4m,nr_inodes=4096")
    os.chdir(_BASE)
    Path("old").mkdir()
    kernel.named_syscall("pivot_root", b".", b"old")
    os.chdir("/")
    late = [path for path in places.folders if any(path.is_relative_to(folder) for folder in hidden)]
    shown: list[Path] = []
    for path in sorted(set(places.folders) - set(late), key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(other) for other in shown):
            _show(real[path], path)
            shown.append(path)
    masks = [path for path in hidden if path.is_dir()]
    for path in masks:
        kernel.mount("tmpfs", str(path), "tmpfs", _NO_SUID | _NO_DEV, "mode=0755,size=64k,nr_inodes=256")
    for path in late:
        _show(real[path], path)
    for path in places.files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        kernel.mount(f"/old{real[path]}", str(path), "", _BIND)
    Path("/tmp").mkdir(exist_ok=True)  # noqa: S108  empty and read-only: programs may look for it
    kernel.unmount("/old", _DETACH)
    Path("/old").rmdir()
    for path in (*masks, Path("/")):
        kernel.mount("none", str(path), "", _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEV)


def _show(source: Path, path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    kernel.mount(f"/old{source}", str(path), "", _BIND | _RECURSIVE)
    have = os.statvfs(path).f_flag
    kept = sum(flag for bit, flag in _LOCKED.items() if have & bit)
    kernel.mount("none", str(path), "", _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | kept)
