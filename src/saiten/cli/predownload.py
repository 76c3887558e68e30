"""Fetching what jobs need while there is a network: datasets, and the model where it is served by saiten."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from saiten.benchmarks import select
from saiten.datasets import DataContext, open_rows

if TYPE_CHECKING:
    from saiten.types import RunSpec


def predownload(spec: RunSpec, *, tell: Callable[[str], None]) -> None:
    """Fetch and verify the datasets of a run and its model. UserError where something cannot be had."""
    context = DataContext.from_environment(os.environ)
    for selected in select(spec.benchmarks):
        rows = sum(len(open_rows(selected.benchmark.dataset, subset, context)) for subset in selected.subsets)
        tell(f"{selected.benchmark.name}: {rows:,} questions are here")
    if spec.provider == "llamacpp":
        from saiten.servers.environment import cache_directory
        from saiten.servers.llamacpp import SMOLLM2_NAME, default_model, install

        python = install(cache=cache_directory(os.environ), tell=tell)
        if spec.model == SMOLLM2_NAME:
            default_model(python=python, cache=cache_directory(os.environ), tell=tell)
    elif spec.provider == "vllm":
        from saiten.servers.fetch import fetch_model

        tell(f"{spec.model} is here: {fetch_model(spec.model, spec.model_revision, os.environ, tell)}")
