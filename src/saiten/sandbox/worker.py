"""One worker process: started clean, asked one thing at a time, killed when in doubt."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

LAYERS = ("namespaces", "landlock", "seccomp")
PACKAGES = ("numpy", "scipy", "sympy", "mpmath")
"""What a program may import besides the standard library, where saiten's environment has it."""
START_SECONDS = 120.0
"""Generous: a worker imports some hundred modules from what may be a busy network file system."""
END_SECONDS = 10.0
LINE_CHARACTERS = 500
_LARGE = 1 << 20

_HERE = Path(__file__).resolve().parent
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inside.supervisor import main; del sys.path[0]; main()"
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
}
"""All that a worker gets of an environment. The fixed hash seed makes verdicts repeatable."""


class WorkerLost(Exception):  # noqa: N818  not an error of its own: the pool tries another worker
    """The worker ended or does not answer; its message says what it last wrote."""


@dataclass(slots=True)
class Worker:
    """A running worker."""

    process: asyncio.subprocess.Process
    layers: tuple[str, ...] = ()
    """Names of the layers that hold, e.g. ("namespaces", "landlock7", "seccomp")."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why a wanted layer does not hold."""
    killed: bool = False
    holds: str = ""
    """Digest of the cases that it keeps."""

    @classmethod
    async def start(cls, layers: tuple[str, ...], python: str | None = None) -> Worker:
        """Start one with the wanted layers. It may hold fewer; `missing` tells why. Raises WorkerLost."""
        try:
            process = await asyncio.create_subprocess_exec(
                python or base_interpreter(),
                # -I without its -E: the environment is ours, and the hash seed is read from it
                *("-P", "-s", "-S", "-B", "-X", "utf8", "-c", _BOOT, str(_HERE)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerLost(f"it cannot be started: {error}") from error
        worker = cls(process)
        configuration = {"layers": list(layers), "packages": _packages(), "parent": os.getpid()}
        hello = await worker.ask(configuration, START_SECONDS)
        worker.layers, worker.missing = tuple(hello["layers"]), hello["missing"]
        return worker

    async def ask(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a job, return the answer. Raises WorkerLost when none comes in time, nor a sign that a case is done.

        A worker that was left in mid-job is killed: its next answer would belong to no question.
        """
        answered = False
        try:
            async with asyncio.timeout(seconds) as patience:
                answer = await self._exchange(await _encoded(job))
                while "case" in answer:
                    patience.reschedule(asyncio.get_running_loop().time() + seconds)
                    answer = await self._receive()
            answered = True
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.kill()
            raise WorkerLost(await self.ended() or f"{type(error).__name__}: {error}") from error
        finally:
            if not answered:
                self.kill()
        return answer

    async def _exchange(self, data: bytes) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(len(data).to_bytes(4, "big") + data)
        await self.process.stdin.drain()
        return await self._receive()

    async def _receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        size = int.from_bytes(await self.process.stdout.readexactly(4), "big")
        answer: dict[str, Any] = json.loads(await self.process.stdout.readexactly(size))
        return answer

    @property
    def alive(self) -> bool:
        """Tell whether it can be asked."""
        return self.process.returncode is None and not self.killed

    def kill(self) -> None:
        """End it and, with it, all its processes."""
        if not self.killed and self.process.returncode is None:
            self.killed = True
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def ended(self) -> str:
        """Wait for its end and the end of what it started; return the last line it wrote."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                said = await self.process.stderr.read()
                await self.process.wait()
        except TimeoutError:
            self.kill()
            said = await self.process.stderr.read()
            await self.process.wait()
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:LINE_CHARACTERS] if lines else ""


async def _encoded(job: Mapping[str, Any]) -> bytes:
    """Return a job as JSON; one with many test cases is encoded beside the event loop."""

    def encode() -> bytes:
        return json.dumps(job).encode()

    return await asyncio.to_thread(encode) if len(job.get("private", "")) > _LARGE else encode()


@cache
def base_interpreter() -> str:
    """Return the interpreter below a virtual environment: a worker must not see what is installed in it."""
    return getattr(sys, "_base_executable", None) or sys.executable


@cache
def _packages() -> dict[str, str]:
    """Find the folders of the allowed packages without importing them."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin is not None:
                found[name] = str(Path(spec.origin).parent)
    return found
