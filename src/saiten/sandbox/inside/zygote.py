"""A process that is warm and forks: one confined child for each job.

There are two kinds. One forks the processes that run generated programs; it was made before any test arrived and
never sees one. The other forks the processes that run tests. Both are confined themselves, except that they can fork.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from . import kernel, landlock, limits, seccomp, wire

CHANNEL = 3
"""The child's descriptor for talking to its partner."""
_HIGH = 40
"""Out of the way of the numbers that a child's descriptors get."""
REPORT = 4
"""The test process's descriptor for its verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """Which layers hold a child."""

    landlock_rules: int | None
    """Descriptor of the Landlock rules."""
    seccomp: bool
    reading: bool
    """False: no file can be opened at all."""
    processes: int | None
    """Processes the user had; None: seccomp forbids new ones anyway."""


Job = dict[str, Any]
Child = Callable[[Job], NoReturn]
Prepare = Callable[[Job], Job]


def start(confinement: Confinement, prepare: Prepare, child: Child) -> socket.socket:
    """Fork a zygote; return the socket that gives it jobs. In the zygote this never returns."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    if os.fork():
        theirs.close()
        return ours
    try:
        _become(theirs, confinement, parent)
        _serve(theirs, confinement, prepare, child)
    except BaseException:  # noqa: BLE001  saiten shows the last line of it, whatever it was
        traceback.print_exc()
    finally:
        os._exit(1)


def _become(control: socket.socket, confinement: Confinement, parent: int) -> None:
    """Confine the zygote itself, as far as one that forks can be."""
    limits.die_with(parent)
    os.setsid()
    _close_all_but({control.fileno(), confinement.landlock_rules})
    limits.limit_everything(processes=confinement.processes)
    if confinement.landlock_rules is not None:
        landlock.restrict(confinement.landlock_rules)
        os.close(confinement.landlock_rules)
    if kernel.LINUX:
        kernel.prctl("NO_NEW_PRIVS", kernel.PR_SET_NO_NEW_PRIVS, 1)
    if confinement.seccomp:
        seccomp.long_filter(reading=confinement.reading).install()


def _close_all_but(kept: set[int | None]) -> None:
    """Close every descriptor the worker had but its error output; input and output are empty from here on."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    first = 3
    for descriptor in sorted(number for number in kept if number is not None):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX") if first > 255 else 256)


def submit(control: socket.socket, job: Job, descriptors: list[int]) -> None:
    """Give a zygote a job and the descriptors its child gets, from number 3 on."""
    data = json.dumps(job).encode()
    socket.send_fds(control, [len(data).to_bytes(8, "big")], descriptors)
    control.sendall(data)


def _serve(control: socket.socket, confinement: Confinement, prepare: Prepare, child: Child) -> None:
    """Fork for each job; answer with the child's process id, and with its end.

    The end is [wait status, CPU seconds, whether it ever waited for a disk].
    """
    bind = limits.prepare_to_die_with(os.getpid())
    last_filter = seccomp.short_filter() if confinement.seccomp else None
    gc.collect()
    gc.freeze()
    while True:
        header, descriptors, _, _ = socket.recv_fds(control, 8, 8)
        if len(header) < 8:
            return
        job = prepare(json.loads(_read(control, int.from_bytes(header, "big"))))
        pid = os.fork()
        if pid == 0:
            try:
                bind()
                _close_doors(descriptors, job["cpu_seconds"])
                if last_filter is not None:
                    last_filter.install()
                child(job)
            finally:
                os._exit(70)
        for descriptor in descriptors:
            os.close(descriptor)
        wire.send(control.fileno(), pid)
        _, status, usage = os.wait4(pid, 0)
        read = usage.ru_majflt + usage.ru_inblock > 0
        wire.send(control.fileno(), [status, usage.ru_utime + usage.ru_stime, read])


def _read(control: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = control.recv(min(1 << 20, size - len(data)))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _close_doors(descriptors: list[int], cpu_seconds: float) -> None:
    """Leave the child its own descriptors only. What fails here ends it before any foreign code ran."""
    os.setsid()
    os.dup2(1, 2)
    high = [os.dup2(descriptor, _HIGH + index) for index, descriptor in enumerate(descriptors)]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, CHANNEL + index)
    os.closerange(CHANNEL + len(high), limits.OPEN_FILES)
    limits.limit_cpu(cpu_seconds)
