"""Which value counts where several places name one, decided here and nowhere else:

    command line  >  model settings  >  document  >  benchmark  >  provider's entry  >  (nothing is sent)

Every value keeps the place that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from saiten.settings.model_settings import TARGETS, Block
from saiten.types import Access, RunSpec, Sampling, ServerSpec, SettingsUsed
from saiten.values import replace

COMMAND_LINE = "command line"
PROVIDER = "provider's entry"


class Layer(Struct, frozen=True, kw_only=True):
    """The values that one place names."""

    name: str
    values: Mapping[str, Any]
    """None is "not specified"."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """Key -> its own place, where that is known better than the layer's name."""


class Value(Struct, frozen=True, kw_only=True):
    """A value and where it comes from."""

    value: Any
    origin: str


def resolved(layers: Sequence[Layer]) -> dict[str, Value]:
    """Return what counts; the first layer that names a value wins."""
    found: dict[str, Value] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if value is not None and key not in found:
                found[key] = Value(value=value, origin=layer.lines.get(key, layer.name))
    return found


def sampling_sent(run: Sampling, document: Sampling | None, benchmark: Sampling, provider: Sampling) -> Sampling:
    """Return what is sent: the run's (command line and model settings), document's, benchmark's, provider's sampling.

    The same order as `resolved`, on whole objects.
    """
    own = benchmark if document is None else document.over(benchmark)
    return run.over(own.over(provider))


def sampling_layer(name: str, sampling: Sampling, lines: Mapping[str, str] | None = None) -> Layer:
    """Return a sampling as a layer."""
    return Layer(name=name, values={key: getattr(sampling, key) for key in Sampling.__slots__}, lines=lines or {})


def with_block(spec: RunSpec, access: Access, block: Block) -> tuple[RunSpec, Access]:
    """Return a run's specification with a block of model settings below what the command line says."""
    given: dict[str, dict[str, Any]] = {
        "sampling": {name: getattr(spec.sampling, name) for name in Sampling.__slots__},
        "server": {name: getattr(spec.server, name) for name in ServerSpec.__slots__},
        "spec": {"system_message": spec.system_message, "reasoning_parser": spec.reasoning_parser},
        "access": {"max_n": access.max_n},
    }
    origins: dict[str, str] = {}
    for place, mine in given.items():
        keys = {target: key for key, (room, target) in TARGETS.items() if room == place and key in block.values}
        model = Layer(
            name=str(block.path),
            values={target: block.values[key] for target, key in keys.items()},
            lines={target: block.lines[key] for target, key in keys.items()},
        )
        for target, value in resolved([Layer(name=COMMAND_LINE, values=mine), model]).items():
            mine[target] = value.value
            origins[target] = value.origin
    used = SettingsUsed(path=str(block.path), name=block.name, version=block.version, origins=origins)
    spec = replace(
        spec,
        **given["spec"],
        sampling=Sampling(**given["sampling"]),
        server=ServerSpec(**given["server"]),
        settings_used=used,
    )
    return spec, replace(access, max_n=given["access"]["max_n"])


def overridden_temperatures(run: Sampling, own: Mapping[str, float | None]) -> list[str]:
    """Return the benchmarks whose own temperature is not 0 and is about to be replaced by another one.

    `own`: benchmark -> its temperature; None: not specified, or its documents' own.
    """
    mine = run.temperature
    return [] if mine is None else [name for name, theirs in own.items() if theirs not in {0, mine}]
