"""What a command line chooses together: the provider, the model settings, and the words about them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from saiten.types import Access, RunSpec, Sampling

if TYPE_CHECKING:
    from saiten.models.provider_table import Provider


def with_settings(spec: RunSpec, access: Access, provider: Provider) -> tuple[RunSpec, Access]:
    """Return the specification with its named model settings and the provider's sampling filled in."""
    from saiten.settings.model_settings import find_block, roots
    from saiten.settings.precedence import with_block

    if provider.sampling != Sampling():
        spec = replace(spec, provider_sampling=provider.sampling)
    if not spec.settings:
        return spec, access
    block = find_block(spec.model, spec.settings, provider.names, roots(os.environ))
    for warning in block.warnings:
        warn(warning)
    return with_block(spec, access, block)


def warn_of_temperature(spec: RunSpec) -> None:
    """Say where the run's temperature replaces one that a benchmark was made for."""
    from saiten.settings.precedence import overridden_temperatures

    own = own_temperatures(spec)
    for name in overridden_temperatures(spec.sampling, own):
        theirs = "that its documents say" if own[name] is None else f"of {own[name]:g}"
        origin = spec.settings_used.origins.get("temperature") if spec.settings_used else None
        where = f" ({origin})" if origin else ""
        warn(f"temperature {spec.sampling.temperature:g}{where} replaces {name}'s own {theirs}")


def own_temperatures(spec: RunSpec) -> Mapping[str, float | None]:
    """Return each benchmark's own temperature."""
    from saiten.benchmarks import select

    return {found.benchmark.name: found.benchmark.sampling.temperature for found in select(spec.benchmarks)}


def warn(message: str) -> None:
    """Print a warning on standard error."""
    print(f"saiten: warning: {message}", file=sys.stderr)
