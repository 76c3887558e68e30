"""The open model as the old command line describes it: `pretrained=org/name,dtype=bfloat16,max_model_length=4096,…`.

Source: HOWTOUSE.md of swallow-evaluation-instruct@3520211, the `vllm` backend of lighteval 0.8.
Differs: the model is served over HTTP by a vLLM of its own environment, not inside the evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from saiten.errors import Exit, UserError
from saiten.settings.arguments import parse_arguments
from saiten.settings.legacy import PARAMETERS, Reading
from saiten.settings.tree import Node, Text, is_nothing, number
from saiten.types import Sampling, ServerSpec

TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
NOT_NEEDED = (
    "add_special_tokens",
    "is_async",
    "multichoice_continuations_start_space",
    "pairwise_tokenization",
    "seed",
    "swap_space",
    "use_chat_template",
)
"""Settings of the old program that have no meaning here, or one value."""


class OldOpenModel(Struct, frozen=True, kw_only=True):
    """What an old command line says of an open model."""

    name: str
    revision: str | None = None
    reasoning_parser: str | None = None
    server: ServerSpec = field(default_factory=ServerSpec)
    sampling: Sampling = field(default_factory=Sampling)
    warnings: tuple[str, ...] = ()


def read_open_model(text: str) -> OldOpenModel:
    """Read model arguments. UsageError tells all that is wrong with them."""
    table = parse_arguments(text)
    reading = Reading()
    generation = reading.table(table.entries.pop(PARAMETERS, None), PARAMETERS)
    reading.known(table, ("pretrained", "model_name", "revision", "reasoning_parser", *SERVED, *NOT_NEEDED))
    name = reading.text(table, "pretrained") or reading.text(table, "model_name")
    if name is None:
        reading.errors.append(f"{table.where}: no model; give it as pretrained=org/name")
    served: dict[str, Any] = {}
    for key, (target, read) in SERVED.items():
        node = table.entries.get(key)
        if node is None or is_nothing(node):
            continue
        try:
            found = read(node)
            served[target] = " ".join(filter(None, (served.get(target), found))) if target == "server_args" else found
        except ValueError as error:
            reading.wrong(node, key, str(error))
    values = reading.generation(generation) if generation is not None else {}
    values.pop("max_n", None)
    warnings = (f"{key} changes nothing here" for key in NOT_NEEDED if key in table.entries)
    if reading.errors:
        raise UserError("\n".join(dict.fromkeys(reading.errors)), exit_status=Exit.USAGE)
    return OldOpenModel(
        name=name or "",
        revision=_revision(reading.text(table, "revision")),
        reasoning_parser=reading.text(table, "reasoning_parser"),
        server=ServerSpec(**served),
        sampling=Sampling(**values),
        warnings=(*reading.warnings, *warnings),
    )


def _revision(text: str | None) -> str | None:
    """Return a revision; the old program's own default says nothing."""
    return None if text in {None, "main"} else text


def _count(node: Node) -> int:
    found = number(node.text) if isinstance(node, Text) else None
    if not isinstance(found, int) or found < 1:
        raise ValueError("must be a whole number above 0")
    return found


def _share(node: Node) -> float:
    found = number(node.text) if isinstance(node, Text) else None
    if found is None or not 0 < found <= 1:
        raise ValueError("must be a number above 0 and at most 1")
    return float(found)


def _truth(node: Node) -> bool:
    found = TRUTH.get(node.text.lower()) if isinstance(node, Text) else None
    if found is None:
        raise ValueError("must be true or false")
    return found


def _word(node: Node) -> str:
    if not isinstance(node, Text) or not node.text:
        raise ValueError("must be one word")
    return node.text


def _tokens(node: Node) -> str:
    return f"--max-num-batched-tokens {_count(node)}"


def _eager(node: Node) -> str | None:
    return "--enforce-eager" if _truth(node) else None


SERVED: Mapping[str, tuple[str, Callable[[Node], Any]]] = {
    "dtype": ("dtype", _word),
    "max_model_length": ("max_model_length", _count),
    "tensor_parallel_size": ("tensor_parallel", _count),
    "data_parallel_size": ("data_parallel", _count),
    "gpu_memory_utilization": ("gpu_memory", _share),
    "gpu_memory_utilisation": ("gpu_memory", _share),
    "max_num_seqs": ("slots", _count),
    "max_num_batched_tokens": ("server_args", _tokens),
    "enforce_eager": ("server_args", _eager),
    "trust_remote_code": ("trust_remote_code", _truth),
}
"""Old name -> field of ServerSpec, and how it is read."""
