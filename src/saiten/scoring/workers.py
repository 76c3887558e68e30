"""Worker processes that may be killed: for work on what a model wrote, which may take forever or all memory.

A worker is `python -m <module>` of this interpreter, started anew (never forked), with an environment of its own that
holds no secret. Requests and replies are byte strings, one at a time, each with its length before it. The module calls
`serve`. A worker that exceeds its CPU time is ended by the kernel, one that hangs without using any by its parent;
either costs only the request that it was working on. Workers end when their parent does.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from msgspec import Struct

_HEADER = struct.Struct("<IB")
"""Length of what follows, and whether the worker ends after it (it was interrupted and cannot trust itself)."""
_PER_WORKER = 8
"""Another worker is started when so many requests wait for each that runs: starting one costs CPU time too."""


class WorkerDiedError(Exception):
    """The worker ended without a reply. `timed_out`: because the request took too long."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("took too long" if timed_out else "worker ended without a reply")
        self.timed_out = timed_out


class Limits(Struct, frozen=True, kw_only=True):
    """What a worker may use."""

    cpu_seconds: int = 25
    """CPU time for one request; the kernel counts it, so a busy machine does not matter."""
    wall_seconds: float = 300.0
    """Wall time for one request, for a worker that hangs without using the CPU."""
    memory_bytes: int = 4 << 30
    """Address space."""


class Reply(Struct, frozen=True):
    """What a worker answers. `retire`: it ends afterwards and another one is started when needed."""

    payload: bytes
    retire: bool = False


# ---------------------------------------------------------------------------------------------- in the worker


def serve(handle: Callable[[bytes], Reply], limits: Limits) -> None:
    """Answer requests from standard input until it closes. What the work prints goes nowhere."""
    import resource

    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, 32)):
        resource.setrlimit(kind, (most, most))
    with os.fdopen(requests, "rb") as incoming, os.fdopen(replies, "wb") as outgoing:
        while header := incoming.read(_HEADER.size):
            payload = incoming.read(_HEADER.unpack(header)[0])
            used = time.process_time()
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + limits.cpu_seconds, resource.RLIM_INFINITY))
            reply = handle(payload)
            outgoing.write(_HEADER.pack(len(reply.payload), reply.retire) + reply.payload)
            outgoing.flush()
            if reply.retire:
                return


def _end_with_parent(requests: int) -> None:
    """End the process at once when the parent's end of the pipe closes, even in the middle of a request."""
    poll = select.poll()
    poll.register(requests, 0)
    while not any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll()):
        pass
    os._exit(0)


# ---------------------------------------------------------------------------------------------- in the parent


class _Worker:
    """One worker process."""

    def __init__(self, module: str) -> None:
        environment = {
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    def ask(self, request: bytes, wall_seconds: float) -> Reply:
        """Return the worker's reply. Raises WorkerDiedError; the worker is of no use afterwards."""
        deadline = time.monotonic() + wall_seconds
        try:
            self._send(_HEADER.pack(len(request), 0) + request, deadline)
            length, retire = _HEADER.unpack(self._receive(_HEADER.size, deadline))
            return Reply(self._receive(length, deadline), bool(retire))
        except TimeoutError:
            self.end()
            raise WorkerDiedError(timed_out=True) from None
        except (EOFError, OSError):
            self.end(grace=5.0)
            raise WorkerDiedError(timed_out=self._process.returncode == -signal.SIGXCPU) from None

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError

    def _send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self._to, select.POLLOUT, deadline)
            rest = rest[os.write(self._to, rest) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(self._from, select.POLLIN, deadline)
            part = os.read(self._from, size - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def kill(self) -> None:
        """Kill the process; whoever waits for its reply sees that it died."""
        self._process.kill()

    def end(self, grace: float = 0.0) -> None:
        """Close the pipes and make sure that the process is gone."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class WorkerPool:
    """Up to `size` workers of one module, started when there is work for them. A context manager.

    Thread-safe. No process and no thread exists before the first request.
    """

    def __init__(self, module: str, *, size: int, limits: Limits) -> None:
        self._module = module
        self._size = size
        self._limits = limits
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._waiting = 0
        self._closing = False
        self._changed = threading.Condition()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def started(self) -> int:
        """Workers that run now."""
        return len(self._busy) + len(self._idle)

    def submit(self, request: bytes) -> Future[bytes]:
        """Have a worker answer; the future raises WorkerDiedError where it died of the request."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="saiten-workers")
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
        return self._threads.submit(self._answer, request)

    def _answer(self, request: bytes) -> bytes:
        worker = self._take()
        healthy = False
        try:
            reply = worker.ask(request, self._limits.wall_seconds)
            healthy = not reply.retire
            if reply.retire:
                worker.end(grace=5.0)
            return reply.payload
        finally:
            with self._changed:
                self._busy.discard(worker)
                if healthy:
                    self._idle.append(worker)
                self._changed.notify_all()

    def _take(self) -> _Worker:
        """Return an idle worker, or a new one if enough work waits for it."""
        with self._changed:
            while not self._closing and not self._idle and self.started and not self._may_grow():
                self._changed.wait()
            self._waiting -= 1
            if self._closing:
                raise WorkerDiedError(timed_out=False)
            worker = self._idle.pop() if self._idle else _Worker(self._module)
            self._busy.add(worker)
            return worker

    def _may_grow(self) -> bool:
        return self.started < self._size and self._waiting >= _PER_WORKER * self.started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all workers. What waits is cancelled; what is being worked on is waited for, or killed on an error."""
        with self._changed:
            self._closing = True
            if kind is not None:
                for worker in self._busy:
                    worker.kill()
            self._changed.notify_all()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        while self._idle:
            self._idle.pop().end(grace=1.0)
