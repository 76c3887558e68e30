"""A model server as a process of ours: started on a free port, asked whether it lives, ended without remains.

What differs between servers (vLLM, llama.cpp) is a `Launch`; the life is the same for all. The server listens on
loopback only and gets a key made for this start, by its environment: an argument would be readable by every user of
the node.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from saiten.errors import EndpointError, Exit, UserError
from saiten.servers.health import Health, State, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

LOOPBACK = "127.0.0.1"
_GUARD = Path(__file__).with_name("guard.py")
_PORT_ATTEMPTS = 3
_TAIL_BYTES = 64 * 1024
_CAUSE_LINES = 400
_MOST_CAUSES = 2
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception): .*\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one kind of server is started."""

    command: Callable[[int], Sequence[str]]
    """From the port to the program and its arguments."""
    environment: Mapping[str, str]
    """The server's whole environment, but for the key."""
    key_variable: str
    """Environment variable by which the server takes its key."""
    model: str
    """Name that requests must give."""
    key: str | None = field(default=None, repr=False)
    """Key that clients must give; None: a new one."""
    slots: int
    """Choices that the server works on at the same time."""
    log: Path
    """New file for what the server prints."""
    start_seconds: float = 600.0
    """Deadline from the start to the first token."""
    grace_seconds: float = 10.0
    """From SIGTERM to SIGKILL."""
    hurried_seconds: float | None = None
    """The same where this process will be killed soon; None: no shorter."""


class RunningServer:
    """A server that answered. Ends with `stop`, with the `async with` block, or with the death of this process."""

    def __init__(self, launch: Launch, port: int) -> None:
        self.base_url = f"http://{LOOPBACK}:{port}/v1"
        self.api_key = launch.key or secrets.token_hex(32)
        self.model = launch.model
        self.slots = launch.slots
        self.log = launch.log
        self._launch = launch
        self._port = port
        self._process = self._spawn(port)

    def __repr__(self) -> str:
        return f"RunningServer({self.model!r} at {self.base_url}, pid {self.pid})"

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        launch = self._launch
        command = [sys.executable, "-I", "-S", "-B", str(_GUARD), str(os.getpid()), str(launch.grace_seconds)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            launch.log.parent.mkdir(parents=True, exist_ok=True)
            log = os.open(launch.log, flags, 0o600)
        except OSError as error:
            raise UserError(f"cannot write the server's log {launch.log}: {error.strerror}") from error
        try:
            return subprocess.Popen(  # noqa: S603  # the command is made by our own launch profiles
                [*command, *launch.command(port)],
                env={**launch.environment, launch.key_variable: self.api_key},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(log)

    @property
    def pid(self) -> int:
        """Process id of the guard, which is also the session id of all the server's processes."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status of the server; None while it lives."""
        return self._process.poll()

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of the log, without the key."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError as error:
            return f"(the log cannot be read: {error.strerror})"
        return "\n".join(text.replace(self.api_key, "***").splitlines()[-lines:])

    async def health(self, timeout_seconds: float = 60.0) -> Health:
        """Ask for one token."""
        return await probe(self.base_url, api_key=self.api_key, model=self.model, timeout_seconds=timeout_seconds)

    async def wait_ready(self) -> None:
        """Wait for the first token. Raises EndpointError when the server ends, is not ours, or the deadline passes."""
        started = time.monotonic()
        deadline = started + self._launch.start_seconds
        pause, health = 0.05, Health(state=State.NOT_YET, detail="nothing listens yet")
        while (left := deadline - time.monotonic()) > 0:
            if (status := self.returncode) is not None:
                raise self._failure(f"ended with status {status} after {time.monotonic() - started:.1f} s")
            health = await self._health_while_alive(min(60.0, left))
            if health.state is State.READY:
                return
            if health.state is State.FOREIGN and self.returncode is None:
                raise self._failure(f"is not the one that answers at {self.base_url}: there is {health.detail}")
            await asyncio.sleep(pause)
            pause = min(0.5, pause * 1.3)
        raise self._failure(f"gave no token within {self._launch.start_seconds:g} s (last: {health.detail})")

    async def restart(self) -> None:
        """Start it again after it ended: same port, same key, same arguments. Raises EndpointError."""
        self.kill()
        self._process = self._spawn(self._port)
        try:
            await self.wait_ready()
        except BaseException as error:
            await self.stop(hurried=isinstance(error, asyncio.CancelledError))
            raise

    async def _health_while_alive(self, timeout_seconds: float) -> Health:
        """Ask for one token, but do not wait for it once the server has ended: something else may hold its port."""
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self.health(timeout_seconds))
            while not asking.done():
                await asyncio.wait({asking}, timeout=0.1)
                if self.returncode is not None:
                    asking.cancel()
        if asking.cancelled():
            return Health(state=State.NOT_YET, detail="it ended")
        return asking.result()

    def _failure(self, what: str) -> EndpointError:
        lines = self.tail() or "(nothing)"
        causes = _causes(self.tail(_CAUSE_LINES))
        why = f" ({'; '.join(causes)})" if causes else ""
        return EndpointError(
            f"the model server {what}{why}. Last lines of {self.log}:\n{lines}",
            exit_status=Exit.SERVER,
            resumable=True,
        )

    async def stop(self, *, hurried: bool = False) -> int:
        """End the server and return its exit status: SIGTERM, a wait, SIGKILL to all its processes."""
        patience = self._launch.grace_seconds + 2.0
        if hurried and self._launch.hurried_seconds is not None:
            patience = min(patience, self._launch.hurried_seconds)
        try:
            if self._process.poll() is None:
                self._process.terminate()
            deadline = time.monotonic() + patience
            while self._process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0.02)
        finally:
            self.kill()
        return self._process.wait()

    def kill(self) -> None:
        """End all processes of the server at once. Does nothing when they have ended."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGUSR1)
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _causes(text: str) -> list[str]:
    """Return the first different error messages in a log: what comes last is often only how the rest went down."""
    found = dict.fromkeys(match[0][:300] for match in _ERROR.finditer(text))
    return list(found)[:_MOST_CAUSES]


async def start(launch: Launch) -> RunningServer:
    """Start a server and return it when it has given its first token; on another port when the first was taken."""
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = free_port()
        server = RunningServer(launch, port)
        try:
            await server.wait_ready()
        except BaseException as error:
            await server.stop(hurried=isinstance(error, asyncio.CancelledError))
            if isinstance(error, EndpointError) and attempt < _PORT_ATTEMPTS and port_is_taken(port):
                continue
            raise
        return server
    raise AssertionError("the last attempt returns or raises")


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe_socket:
        probe_socket.bind((LOOPBACK, 0))
        return int(probe_socket.getsockname()[1])


def port_is_taken(port: int) -> bool:
    """Tell whether somebody listens on the port now."""
    with socket.socket() as probe_socket:
        probe_socket.settimeout(1.0)
        return probe_socket.connect_ex((LOOPBACK, port)) == 0
