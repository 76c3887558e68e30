"""The system call allow-list: what is not named is refused, before the kernel's code for it runs.

No process can be made (threads can), nothing can be executed, no socket opened (except a private pair), no file opened
for writing, no other process signalled. Unknown calls answer ENOSYS, as an older kernel would, so that libraries fall
back; known dangerous ones answer EPERM.

Source: seccomp(2), linux/filter.h, linux/audit.h; argument layout struct seccomp_data (nr, arch, ip, args[6]).
"""

from __future__ import annotations

import ctypes
import os
import struct
from functools import cache

from . import kernel
from .calls import CALLS, DENIED, FREELY_ALLOWED

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}
_X32_BIT = 0x40000000

_LOAD, _EQUAL, _GREATER_EQUAL, _AND, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_SET_MODE_FILTER, _TSYNC = 1, 1

_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000
"""O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_TMPFILE's own bit."""
_A_THREAD = 0x100 | 0x800 | 0x10000
"""CLONE_VM, CLONE_SIGHAND, CLONE_THREAD."""
_NEW_NAMESPACE = 0x7E020080
_FCNTL = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no locks, no owner, no pipe sizes."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_PRCTL = (2, 3, 15, 16, 0x53564D41)
"""PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (glibc and CPython name their memory)."""

Instruction = tuple[int, int, int, int]
_OWN_PID = 0xFFFFFFFE
"""Stands in the finished filter for the process's own id until `install` puts that in."""


def _argument(index: int, *, high: bool = False) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index + (4 if high else 0))


def _refuse(error: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | error)


_YES: Instruction = (_RETURN, 0, 0, _ALLOW)
_NO = _refuse(_EPERM)


def _one_of(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allow if an argument is one of the values."""
    return [_argument(index), *(step for value in values for step in ((_EQUAL, 0, 1, value), _YES)), _NO]


def _rules(*, reading: bool) -> dict[str, list[Instruction]]:
    """Return the calls that are judged by their arguments."""

    def opening(flags: int) -> list[Instruction]:
        if not reading:
            return [_refuse(_EACCES)]
        return [_argument(flags), (_ANY_BIT, 0, 1, _WRITING), _refuse(_EACCES), _YES]

    return {
        "open": opening(1),
        "openat": opening(2),
        "clone": [
            _argument(0),
            (_ANY_BIT, 0, 1, _NEW_NAMESPACE),
            _NO,
            (_AND, 0, 0, _A_THREAD),
            (_EQUAL, 0, 1, _A_THREAD),
            _YES,
            _NO,
        ],
        "clone3": [_refuse(_ENOSYS)],
        "kill": _one_of(0, (_OWN_PID,)),
        "tgkill": _one_of(0, (_OWN_PID,)),
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _IOCTL),
        "prctl": _one_of(0, _PRCTL),
        "prlimit64": [
            _argument(2),
            (_EQUAL, 1, 0, 0),
            _NO,
            _argument(2, high=True),
            (_EQUAL, 1, 0, 0),
            _NO,
            *_one_of(0, (0, _OWN_PID)),
        ],
        "socketpair": [
            _argument(0),
            (_EQUAL, 1, 0, 1),  # AF_UNIX
            _NO,
            _argument(1),
            (_AND, 0, 0, 0xF),
            (_EQUAL, 0, 1, 1),  # SOCK_STREAM
            _YES,
            _NO,
        ],
    }


@cache
def program(machine: str, *, reading: bool) -> tuple[Instruction, ...]:
    """Return the filter for a machine; `reading=False` refuses every open. Raises OSError for an unknown machine."""
    if machine not in _COLUMN:
        raise OSError(f"seccomp: no system call table for {machine}")
    column = _COLUMN[machine]
    steps: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_GREATER_EQUAL, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]
    blocks = {name: [_YES] for name in FREELY_ALLOWED} | _rules(reading=reading) | {name: [_NO] for name in DENIED}
    for name, block in blocks.items():
        if (number := CALLS[name][column]) >= 0:
            steps += [(_EQUAL, 0, len(block), number), *block]
    return (*steps, _refuse(_ENOSYS))


@cache
def _packed(machine: str, *, reading: bool) -> tuple[bytes, tuple[int, ...], int]:
    """Return the filter's bytes, the places where the own process id belongs, and the number of steps."""
    steps = program(machine, reading=reading)
    places = tuple(8 * index + 4 for index, step in enumerate(steps) if step[3] == _OWN_PID)
    return b"".join(struct.pack("=HBBI", *step) for step in steps), places, len(steps)


def prepare(*, reading: bool) -> None:
    """Build the filter before forking, so that each child only installs it."""
    _packed(kernel.MACHINE, reading=reading)


def install(*, reading: bool) -> None:
    """Confine this process (every thread of it) for ever. Raises OSError where the kernel cannot."""
    code, places, length = _packed(kernel.MACHINE, reading=reading)
    buffer = ctypes.create_string_buffer(code, len(code))
    own = struct.pack("=I", os.getpid())
    for place in places:
        buffer[place : place + 4] = own
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", length, ctypes.addressof(buffer)), 16)
    kernel.prctl("NO_NEW_PRIVS", kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.named_syscall("seccomp", _SET_MODE_FILTER, _TSYNC, filter_)
