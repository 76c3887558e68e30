"""A worker for the tests: answers, and misbehaves on request."""

from __future__ import annotations

import os
import sys
import time

import msgspec

from saiten.scoring.workers import Limits, Reply, serve

CPU_SECONDS = 1


def handle(request: bytes) -> Reply:
    """Do what the request says."""
    match request:
        case b"spin":
            while True:
                pass
        case b"sleep":
            time.sleep(600)
        case b"exit":
            os._exit(3)
        case b"print":
            sys.stdout.write("noise that must not be taken for a reply")
            os.write(1, b"more of it")
        case b"environment":
            return Reply(msgspec.json.encode(dict(os.environ)))
        case b"pid":
            return Reply(str(os.getpid()).encode())
        case b"retire":
            return Reply(str(os.getpid()).encode(), retire=True)
        case b"memory":
            return Reply(_allocate())
        case b"file":
            return Reply(_write())
        case _:
            pass
    return Reply(request)


def _allocate() -> bytes:
    try:
        return str(len(bytearray(8 << 30))).encode()
    except MemoryError:
        return b"MemoryError"


def _write() -> bytes:
    try:
        with open("/tmp/saiten-odd-worker", "wb") as file:  # noqa: PTH123 - as the worked-on code would
            file.write(b"x" * 100)
    except OSError as error:
        return type(error).__name__.encode()
    return b"written"


if __name__ == "__main__":
    serve(handle, Limits(cpu_seconds=CPU_SECONDS, memory_bytes=1 << 30))
