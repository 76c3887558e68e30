"""Which GPUs this process may use, as nvidia-smi and CUDA_VISIBLE_DEVICES tell.

Schedulers put UUIDs (`GPU-…`, `MIG-…`) into CUDA_VISIBLE_DEVICES, and vLLM reads only indices: it dies on the first
letter. So UUIDs are mapped to the indices of `nvidia-smi`, and the server is told to number GPUs the same way
(CUDA_DEVICE_ORDER=PCI_BUS_ID).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from saiten.errors import UserError

MIB = 1 << 20
GIB = 1 << 30
_SECONDS = 60.0
_GPU_LINE = re.compile(r"GPU (?P<index>\d+): .*\(UUID: (?P<uuid>GPU-[^)]+)\)")
_MIG_LINE = re.compile(r"\s+MIG \S*?(?P<gigabytes>\d+)gb\S*\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[^)]+)\)")

Smi = Callable[[list[str]], str]
"""Runs nvidia-smi with these arguments and returns what it prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU, or one slice of one."""

    index: str
    """What CUDA_VISIBLE_DEVICES may say of it: an index; the UUID of a slice that no index names alone."""
    uuid: str
    memory: int
    """Bytes."""
    name: str = ""


def nvidia_smi(arguments: list[str]) -> str:
    """Run nvidia-smi; empty where there is none. UserError where it fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  # a fixed program with fixed arguments
            [program, *arguments], capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"nvidia-smi gave no answer within {_SECONDS:g} s: the GPU driver of this node hangs"
        ) from error
    if done.returncode:
        words = " ".join((done.stdout + " " + done.stderr).split())[-300:]
        raise UserError(f"nvidia-smi failed with status {done.returncode}: {words}")
    return done.stdout


def visible_gpus(environ: Mapping[str, str], smi: Smi = nvidia_smi) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; all where it is not set."""
    told = environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None and told.strip() in {"", "-1", "NoDevFiles"}:
        return ()
    whole, slices = _whole(smi), _slices(smi)
    if told is None:
        return tuple(slice_ for gpu in whole for slice_ in slices.get(gpu.index, [gpu]))
    found = []
    for word in told.split(","):
        gpu = _find(word.strip(), whole, slices)
        if gpu is None:  # CUDA, too, ends the list at the first word that it does not know
            break
        found.append(gpu)
    if whole and not found:
        known = ", ".join(gpu.uuid for gpu in whole)
        raise UserError(f"CUDA_VISIBLE_DEVICES={told} names no GPU of this node; nvidia-smi sees {known}")
    return tuple(found)


def _whole(smi: Smi) -> list[Gpu]:
    lines = smi(["--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits"]).splitlines()
    found = []
    for line in lines:
        parts = [part.strip() for part in line.split(",", 3)]
        if len(parts) == 4 and parts[0].isdecimal() and parts[2].isdecimal():
            found.append(Gpu(index=parts[0], uuid=parts[1], memory=int(parts[2]) * MIB, name=parts[3]))
    return found


def _slices(smi: Smi) -> dict[str, list[Gpu]]:
    """Return the MIG slices of each GPU that has some, by the GPU's index."""
    found: dict[str, list[Gpu]] = {}
    index = ""
    for line in smi(["-L"]).splitlines():
        if whole := _GPU_LINE.match(line):
            index = whole["index"]
        elif part := _MIG_LINE.match(line):
            memory = int(part["gigabytes"]) * GIB
            found.setdefault(index, []).append(Gpu(index=index, uuid=part["uuid"], memory=memory, name="MIG"))
    for listed in found.values():
        if len(listed) > 1:  # the GPU's index would always mean its first slice
            listed[:] = [Gpu(index=gpu.uuid, uuid=gpu.uuid, memory=gpu.memory, name=gpu.name) for gpu in listed]
    return found


def _find(word: str, whole: list[Gpu], slices: Mapping[str, list[Gpu]]) -> Gpu | None:
    """Return the GPU that a word of CUDA_VISIBLE_DEVICES means: an index, or a UUID or the beginning of one."""
    if word.startswith("MIG-"):
        parts = [part for listed in slices.values() for part in listed if part.uuid.startswith(word)]
        return parts[0] if len(parts) == 1 else None
    named = [gpu for gpu in whole if gpu.index == word or (word.startswith("GPU-") and gpu.uuid.startswith(word))]
    if len(named) != 1:
        return None
    return slices.get(named[0].index, named)[0]
