"""A model's server as those see it who ask for it: how it is started, where it answers, when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """How a model server of ours is started. None: not specified, saiten decides. Holds no secret.

    Used when the model is served by saiten itself (providers vllm and llamacpp, no base URL).
    """

    vllm: str | None = None
    """Version of vLLM, made before with `saiten setup --vllm VERSION`; default: VLLM_VERSION, or the newest made."""
    server_command: str | None = None
    """Program that serves in place of that environment's vllm, e.g. "/opt/vllm/bin/vllm serve"."""
    server_args: str | None = None
    """More arguments of the server as one types them in a shell, e.g. "--max-num-seqs 512"."""
    max_model_length: int | None = None
    """Tokens of prompt and answer together; default: the model's own, at most 32768."""
    dtype: str | None = None
    """Type of the weights: bfloat16 (the default), float16, float32, auto."""
    tensor_parallel: int | None = None
    """GPUs that hold one copy of the model; default: the fewest that it fits on."""
    data_parallel: int | None = None
    """Copies of the model; default: as many as the visible GPUs hold."""
    gpu_memory: float | None = None
    """Share of each GPU's memory for the server, above 0 and at most 1; default: 0.9."""
    slots: int | None = None
    """Choices that each copy of the model works on at the same time; default: the server's own."""
    chat_template: str | None = None
    """Jinja file in place of the model's chat template; `base`: the plain one for base models that saiten brings."""
    no_chat_template: bool | None = None
    """Ask through the completions route, with the question as it is (base models)."""
    trust_remote_code: bool | None = None
    """Let the server run Python code out of the model's repository, with this job's rights and keys."""
    repetition_detection: bool | None = None
    """Let the server end answers that repeat themselves, where its version can."""
    start_seconds: float | None = None
    """Deadline from the start of the server to its first token; default: 600."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where a server of ours answers, and how it wants to be asked."""

    base_url: str
    api_key: str = field(repr=False)
    reasoning_parser: str | None = None
    """Parser for the text, where the server does not tell reasoning from answer itself."""
    slots: int | None = None
    """Choices that all copies of the model work on at the same time, where that is known."""
    repetition_detection: bool = True
    """Whether this server can end answers that repeat themselves."""
    effort_in_template: bool = False
    """Whether the model's chat template reads `reasoning_effort`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What run.json records of the server: version, command, plan."""


class ModelServer(Protocol):
    """A server that is started for a run when there is something to ask, and stopped when there is not."""

    async def start(self, tell: Callable[[str], None]) -> Reached:
        """Start it and wait for its first token. Raises UserError or EndpointError."""
        ...

    async def ended(self) -> None:
        """Return when the server has ended by itself."""
        ...

    async def restart(self) -> None:
        """Start it again, at the same address and with the same arguments. Raises EndpointError."""
        ...

    async def stop(self, *, hurried: bool = False) -> None:
        """End it; nothing is left behind. Does nothing where it never started.

        `hurried`: this process will be killed soon, so the server gets less time to end by itself.
        """
        ...
