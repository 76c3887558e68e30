"""The test of a worker's walls, made with real attempts before anything foreign runs in it.

Each probe tries something that must fail, inside a program's process and inside a tests' process. What succeeds is
reported by name; one success, and the worker is not used.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saiten.programs import Program

_PROBES = '''
def escapes(secret, port, reading):
    """Return the names of the attempts that succeeded."""
    import ctypes, os, resource, signal, socket
    c = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()

    def reads(path):
        with open(path, "rb") as file:
            return file.read(1) is not None

    def forks():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        return pid > 0

    def connects(kind):
        with socket.socket(socket.AF_INET, kind) as made:
            made.settimeout(1)
            made.connect(("127.0.0.1", port))
            made.send(b"x")
            return True

    def succeeds(number, *arguments):
        return c.syscall(number, *arguments) >= 0

    attempts = {
        "read a file of the user": lambda: reads(secret),
        "read /etc/passwd": lambda: reads("/etc/passwd"),
        "list a folder": lambda: os.path.basename(secret) in os.listdir(os.path.dirname(secret)),
        "read its own environment": lambda: reads("/proc/self/environ"),
        "read another process's environment": lambda: reads("/proc/%d/environ" % parent),
        "read another process's command line": lambda: reads("/proc/%d/cmdline" % parent),
        "read another process's memory": lambda: reads("/proc/%d/mem" % parent),
        "write a file": lambda: open("/tmp/saiten-probe", "w") is not None,
        "make a folder": lambda: os.mkdir("/tmp/saiten-probe-folder") is None,
        "delete a file": lambda: os.unlink(secret) is None,
        "signal another process": lambda: os.kill(parent, 0) is None,
        "limit another process": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (64, 64)) is not None,
        "slow another process": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19) is None,
        "start a process": forks,
        "execute a program": lambda: os.posix_spawn("/bin/true", ["true"], {}) > 0,
        "connect by TCP": lambda: connects(socket.SOCK_STREAM),
        "send by UDP": lambda: connects(socket.SOCK_DGRAM),
        "make memory without a limit": lambda: os.memfd_create("probe") >= 0,
        "make new namespaces": lambda: c.unshare(0x10000000) == 0,
        "trace a process": lambda: c.ptrace(0, 0, 0, 0) == 0,
        "start io_uring": lambda: succeeds(425, 4, ctypes.create_string_buffer(120)),
        "make shared memory": lambda: c.shmget(0, 4096, 0o1600) >= 0,
        "become dumpable": lambda: c.prctl(4, 1, 0, 0, 0) == 0,
        "raise its limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)) is None,
    }
    found = []
    for name, attempt in attempts.items():
        try:
            if attempt():
                found.append(name)
        except (OSError, ValueError, AttributeError):
            pass
    return found


def lacks(reading):
    """Return what an honest program needs and does not have."""
    import asyncio, threading
    lacking = []
    done = []
    thread = threading.Thread(target=lambda: done.append(1))
    thread.start()
    thread.join()
    if not done:
        lacking.append("threads")
    asyncio.run(asyncio.sleep(0))
    if reading:
        import sched, colorsys, wave
    return lacking
'''
_TESTS = """
def check(candidate):
    given = SECRET, PORT, READING
    for where, found in (("a program", candidate(*given)), ("the tests", [escapes(*given), lacks(READING)])):
        escaped, lacking = found
        assert not escaped, where + " could " + ", ".join(escaped)
        assert not lacking, where + " lacks " + ", ".join(lacking)
"""
_SOURCE = "\ndef probe(secret, port, reading):\n    return [escapes(secret, port, reading), lacks(reading)]\n"


@contextmanager
def probe_program(*, reading: bool) -> Iterator[Program]:
    """Give the program that probes, with a file to steal and a port to reach."""
    with tempfile.NamedTemporaryFile(prefix="saiten-probe-") as secret, socket.socket() as listening:
        secret.write(b"secret")
        secret.flush()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        Path(secret.name).chmod(0o644)  # readable on purpose: only the sandbox may stop a reader
        given = {"SECRET": secret.name, "PORT": listening.getsockname()[1], "READING": reading}
        constants = "".join(f"{name} = {value!r}\n" for name, value in given.items())
        yield Program(
            source=_PROBES + _SOURCE, entry_point="probe", tests=_PROBES + constants + _TESTS, cpu_seconds=20.0
        )
