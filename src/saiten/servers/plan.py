"""How a model lies on the GPUs there are: the fewest GPUs that hold one copy, and as many copies as fit.

One copy on few GPUs loses least to talk between GPUs, and copies share the questions, so tensor parallelism is made as
small as memory allows. It must divide the heads, and the widths of the layers into whole blocks of the quantisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saiten.errors import UserError, suggestion
from saiten.servers.gpus import GIB, Gpu
from saiten.servers.shape import ModelShape
from saiten.types import ServerSpec

MOST_TOKENS = 32_768
"""Context that is served where nobody says another: enough for every benchmark, and it spares memory."""
DTYPE = "bfloat16"
DTYPES = ("auto", "bfloat16", "float16", "float32", "half", "float")
"""What vLLM takes; it would say so itself after half a minute of imports."""
GPU_MEMORY = 0.9
OVERHEAD_BYTES = 3 * GIB
"""Of each GPU: CUDA itself, captured graphs, and the largest batch's intermediate values."""
FULL_SEQUENCES = 2
"""Answers of the longest kind that must fit at the same time; fewer would leave the GPU waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the server is told."""

    tensor: int
    data: int
    gpus: tuple[Gpu, ...]
    """Those that are used, in order; none: the server's own choice, or a CPU."""
    context: int | None
    dtype: str
    gpu_memory: float
    weights: int | None
    """Bytes, where the model's shape is known."""

    def __str__(self) -> str:
        size = f"{self.weights / GIB:.1f} GiB of weights" if self.weights is not None else "weights of unknown size"
        length = f"{self.context} tokens" if self.context else "the model's own context"
        if not self.gpus:
            return f"no GPU visible, {size}, {self.dtype}, {length}"
        memory = min(gpu.memory for gpu in self.gpus) / GIB
        return (
            f"tensor {self.tensor} x data {self.data} on {len(self.gpus)} GPU of {memory:.0f} GiB, {size}, "
            f"{self.dtype}, {length}"
        )


def make_plan(shape: ModelShape | None, gpus: Sequence[Gpu], spec: ServerSpec) -> Plan:
    """Return where the model goes. `shape` None: nothing is known of it. Raises UserError where it does not fit.

    What the user says is done, if it is possible at all.
    """
    dtype = spec.dtype or DTYPE
    if dtype not in DTYPES:
        raise UserError(
            f"--dtype {dtype}: no type of weights{suggestion(dtype, DTYPES)}; there are: {', '.join(DTYPES)}"
        )
    context = spec.max_model_length or (min(MOST_TOKENS, shape.context) if shape and shape.context else None)
    share = spec.gpu_memory or GPU_MEMORY
    if spec.max_model_length and shape and shape.context and spec.max_model_length > shape.context:
        raise UserError(
            f"--max-model-length {spec.max_model_length}: the model was made for {shape.context} tokens; "
            "give at most that, or extend it on purpose with --server-args and the rotary scaling you want"
        )
    tensor = _tensor(shape, gpus, spec, context=context, dtype=dtype)
    data = spec.data_parallel or max(1, len(gpus) // tensor)
    if gpus and tensor * data > len(gpus):
        raise UserError(f"tensor {tensor} x data {data} needs {tensor * data} GPUs and {len(gpus)} are visible")
    return Plan(
        tensor=tensor,
        data=data,
        gpus=tuple(gpus[: tensor * data]),
        context=context,
        dtype=dtype,
        gpu_memory=share,
        weights=shape.weight_bytes(dtype) if shape else None,
    )


def _tensor(shape: ModelShape | None, gpus: Sequence[Gpu], spec: ServerSpec, *, context: int | None, dtype: str) -> int:
    if spec.tensor_parallel:
        if shape and not _divides(shape, spec.tensor_parallel):
            possible = ", ".join(str(size) for size in range(1, 17) if _divides(shape, size))
            raise UserError(
                f"--tensor-parallel {spec.tensor_parallel} does not divide this model ({shape.heads} heads, "
                f"{shape.kv_heads} key-value heads, width {shape.divisible[0]}); possible: {possible}"
            )
        return spec.tensor_parallel
    if shape is None or len(gpus) < (spec.data_parallel or 1):
        return 1
    most = len(gpus) // (spec.data_parallel or 1)
    memory = min(gpu.memory for gpu in gpus) * (spec.gpu_memory or GPU_MEMORY)
    sizes = [size for size in range(1, most + 1) if _divides(shape, size)]
    for size in sizes:
        if _needed(shape, size, context=context, dtype=dtype) <= memory:
            return size
    largest = max(sizes, default=1)
    needed = _needed(shape, largest, context=context, dtype=dtype) / GIB
    raise UserError(
        f"the model does not fit: about {needed:.0f} GiB on each of {largest} GPU "
        f"({shape.weight_bytes(dtype) / GIB:.0f} GiB of weights in all), and {memory / GIB:.0f} GiB of each may be "
        f"used; take more or larger GPUs, a smaller --max-model-length, or insist with --tensor-parallel {largest}"
    )


def _needed(shape: ModelShape, tensor: int, *, context: int | None, dtype: str) -> float:
    """Return the bytes that each GPU must have."""
    kept = shape.kv_bytes(context or MOST_TOKENS, tensor)
    return shape.weight_bytes(dtype) / tensor + FULL_SEQUENCES * kept + OVERHEAD_BYTES


def _divides(shape: ModelShape, tensor: int) -> bool:
    """Whether vLLM can cut the model into so many parts."""
    if shape.heads % tensor:
        return False
    if not shape.latent and shape.kv_heads % tensor and tensor % shape.kv_heads:
        return False
    return all(width % tensor == 0 and width // tensor % shape.block == 0 for width in shape.divisible)
