"""System calls that Python has no function for, by ctypes.

Source: Linux man pages, section 2: prctl, unshare, mount, pivot_root, capset, seccomp, landlock.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable

Argument = int | bytes | ctypes.Array[ctypes.c_char] | None

LINUX = sys.platform == "linux"
MACHINE = platform.machine()

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
SIGKILL = 9

_NUMBERS = {
    "x86_64": {"capset": 126, "pivot_root": 155, "prctl": 157, "seccomp": 317},
    "aarch64": {"capset": 91, "pivot_root": 41, "prctl": 167, "seccomp": 277},
}
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def number(name: str) -> int:
    """Return the number of a call of the table above. Raises OSError for an unknown machine."""
    numbers = _NUMBERS.get(MACHINE)
    if numbers is None:
        raise OSError(f"{name}: unknown machine {MACHINE}")
    return numbers[name]


def prepared(what: str, call: int, *arguments: Argument) -> Callable[[], int]:
    """Return a function that makes a system call with these arguments, integers as long.

    Everything is made beforehand: a child that was just forked touches little memory when it calls.
    The function raises OSError that names the call.
    """
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in (call, *arguments)]
    return lambda: _checked(what, _libc.syscall(*given))


def syscall(what: str, call: int, *arguments: Argument) -> int:
    """Make a system call. Raises OSError that names it."""
    return prepared(what, call, *arguments)()


def named_syscall(name: str, *arguments: Argument) -> int:
    """Make a system call of the table above."""
    return syscall(name, number(name), *arguments)


def prctl(what: str, option: int, value: int = 0) -> int:
    """Call prctl with one value."""
    return _checked(f"prctl({what})", _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def unshare(what: str, flags: int) -> None:
    """Leave the given namespaces for new ones."""
    _checked(f"unshare({what})", _libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount something."""
    given = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None)
    _checked(f"mount({target})", _libc.mount(*given))


def unmount(target: str, flags: int) -> None:
    """Unmount something."""
    _checked(f"umount({target})", _libc.umount2(target.encode(), flags))


def drop_capabilities() -> None:
    """Give up every capability for good (there is no exec afterwards that could bring one back)."""
    header = ctypes.create_string_buffer(_CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4), 8)
    named_syscall("capset", header, ctypes.create_string_buffer(bytes(24), 24))


def _checked(what: str, result: int) -> int:
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result
