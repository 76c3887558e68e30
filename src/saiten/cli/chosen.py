"""What a command line chooses together: the provider, the model settings, and the words about them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from saiten.errors import UserError
from saiten.types import Access, RunSpec, Sampling
from saiten.values import replace

if TYPE_CHECKING:
    from saiten.models.provider_table import Provider
    from saiten.settings.model_settings import Block


def with_settings(spec: RunSpec, access: Access, provider: Provider) -> tuple[RunSpec, Access]:
    """Return the specification with its model settings, named or `default`, and the provider's sampling filled in."""
    from saiten.settings.model_settings import NONE, find_block, roots
    from saiten.settings.precedence import with_block

    if provider.sampling != Sampling():
        spec = replace(spec, provider_sampling=provider.sampling)
    if spec.settings == NONE:
        return replace(spec, settings=""), access
    if spec.settings:
        block = find_block(spec.model, spec.settings, provider.names, roots(os.environ))
    elif (found := default_block(spec, provider)) is not None:
        block = found
        spec = replace(spec, settings=block.name)  # as if it had been named: one run, one directory
    else:
        return spec, access
    for warning in block.warnings:
        warn(warning)
    return with_block(spec, access, block)


def default_block(spec: RunSpec, provider: Provider) -> Block | None:
    """Return the block `default` of the model's file and say that it is used; say which others there are if it is not.

    UserError where the file has errors: nobody knows then whether it has such a block.
    """
    from saiten.settings.model_settings import DEFAULT, NONE, roots, unnamed_block

    try:
        block, others = unnamed_block(spec.model, provider.names, roots(os.environ))
    except UserError as error:
        raise UserError(f"{error}\n(correct the file, or say --settings {NONE} to go without)") from error
    if block is not None:
        tell(f"settings {DEFAULT!r} of {block.path} are used (--settings {NONE} goes without)")
    for path, names in others.items():
        tell(f"no settings are used; {path} has {', '.join(names)}: choose with --settings NAME")
    return block


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
    tell(f"warning: {message}")


def tell(message: str) -> None:
    """Say a line on standard error."""
    print(f"saiten: {message}", file=sys.stderr)
