"""Landlock: the kernel's own file rules for an unprivileged process. Only what is listed can be read, nothing written.

Source: landlock(7), linux/landlock.h up to ABI 7; system call numbers are the same on every machine.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from . import kernel
from .places import Places

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_KNOWN_ABI = 7
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Rights that each version knows: 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV."""
_TCP_RIGHTS = 0b11
_SCOPES = 0b11
"""Abstract UNIX sockets and signals of processes outside (version 6)."""


def version() -> int:
    """Return the kernel's Landlock version; raises OSError where there is none."""
    return kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, None, 0, _VERSION)


def ruleset(places: Places) -> tuple[int, int]:
    """Make the rules; return their file descriptor and the version that the kernel really took.

    Some kernels announce a version and answer EINVAL to it, so this steps down until one is taken.
    """
    announced = min(version(), _KNOWN_ABI)
    for abi in range(announced, 0, -1):
        try:
            descriptor = kernel.syscall("landlock_create_ruleset", _CREATE_RULESET, *_attributes(abi), 0)
        except OSError:
            if abi == 1:
                raise
            continue
        for path in places.listable:
            _allow(descriptor, path, _READ_DIR)
        for path in places.readable:
            _allow(descriptor, path, _READ_FILE | _READ_DIR)
        return descriptor, abi
    raise OSError("landlock: the kernel announces no usable version")


def restrict(descriptor: int) -> None:
    """Put this process, and all it forks, under the rules."""
    kernel.prctl("NO_NEW_PRIVS", kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.syscall("landlock_restrict_self", _RESTRICT_SELF, descriptor, 0)


def _attributes(abi: int) -> tuple[bytes, int]:
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= abi)]
    packed = struct.pack("=Q", rights)
    if abi >= 4:
        packed += struct.pack("=Q", _TCP_RIGHTS)
    if abi >= 6:
        packed += struct.pack("=Q", _SCOPES)
    return packed, len(packed)


def _allow(descriptor: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= ~_READ_DIR
        if rights:
            rule = struct.pack("=Qi", rights, opened)
            kernel.syscall("landlock_add_rule", _ADD_RULE, descriptor, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
