"""The system call allow-list: what is not named is refused, before the kernel's code for it runs.

No process can be made (threads can), nothing can be executed, no socket opened (except a private pair), no file opened
for writing, no other process signalled. Unknown calls answer ENOSYS, as an older kernel would, so that libraries fall
back; known dangerous ones answer EPERM.

There are two filters, and a call needs both: the long one is installed once, in a zygote, and inherited; the short one
takes away what only the zygote and the first steps of its child need. Installing the long one costs a child 0.3 ms.

Source: seccomp(2), linux/filter.h, linux/audit.h; argument layout struct seccomp_data (nr, arch, ip, args[6]).
"""

from __future__ import annotations

import ctypes
import os
import struct

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
    """Return the long filter's calls that are judged by their arguments."""

    def opening(flags: int) -> list[Instruction]:
        if not reading:
            return [_refuse(_EACCES)]
        return [_argument(flags), (_ANY_BIT, 0, 1, _WRITING), _refuse(_EACCES), _YES]

    return {
        "open": opening(1),
        "openat": opening(2),
        "clone": [_argument(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACE), _NO, _YES],
        "clone3": [_refuse(_ENOSYS)],
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _IOCTL),
        "prctl": _one_of(0, (*_PRCTL, kernel.PR_SET_PDEATHSIG, kernel.PR_SET_NO_NEW_PRIVS)),
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


def _last_rules() -> dict[str, list[Instruction]]:
    """Return the short filter: what a child may no longer do."""
    return {
        "clone": [_argument(0), (_AND, 0, 0, _A_THREAD), (_EQUAL, 0, 1, _A_THREAD), _YES, _NO],
        "kill": _one_of(0, (_OWN_PID,)),
        "tgkill": _one_of(0, (_OWN_PID,)),
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
        "setsid": [_NO],
        "seccomp": [_NO],
    }


def program(machine: str, *, reading: bool) -> list[Instruction]:
    """Return the long filter for a machine; `reading=False` refuses every open."""
    blocks = {name: [_YES] for name in (*FREELY_ALLOWED, *_last_rules())}
    blocks |= {name: [_NO] for name in DENIED if name not in blocks}
    return _assemble(machine, blocks | _rules(reading=reading), _refuse(_ENOSYS))


def last_program(machine: str) -> list[Instruction]:
    """Return the short filter for a machine, with a stand-in for the process id."""
    return _assemble(machine, _last_rules(), _YES)


def _assemble(machine: str, blocks: dict[str, list[Instruction]], otherwise: Instruction) -> list[Instruction]:
    """Put a filter together. Raises OSError for an unknown machine."""
    if machine not in _COLUMN:
        raise OSError(f"seccomp: no system call table for {machine}")
    steps: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_GREATER_EQUAL, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]
    for name, block in blocks.items():
        if (number := CALLS[name][_COLUMN[machine]]) >= 0:
            steps += [(_EQUAL, 0, len(block), number), *block]
    return [*steps, otherwise]


class Filter:
    """A filter in memory, ready to be installed."""

    def __init__(self, steps: list[Instruction]) -> None:
        code = b"".join(struct.pack("=HBBI", *step) for step in steps)
        self._places = [8 * index + 4 for index, step in enumerate(steps) if step[3] == _OWN_PID]
        self._buffer = ctypes.create_string_buffer(code, len(code))
        packed = struct.pack("@HP", len(steps), ctypes.addressof(self._buffer))
        self._description = ctypes.create_string_buffer(packed, len(packed))
        number = kernel.number("seccomp")
        self._install = kernel.prepared("seccomp", number, _SET_MODE_FILTER, _TSYNC, self._description)

    def install(self) -> None:
        """Confine this process, every thread of it and all it forks, for ever. Raises OSError."""
        own = struct.pack("=I", os.getpid())
        for place in self._places:
            ctypes.memmove(ctypes.addressof(self._buffer) + place, own, len(own))
        self._install()


def long_filter(*, reading: bool) -> Filter:
    """Return this machine's long filter."""
    return Filter(program(kernel.MACHINE, reading=reading))


def short_filter() -> Filter:
    """Return this machine's short filter."""
    return Filter(last_program(kernel.MACHINE))
