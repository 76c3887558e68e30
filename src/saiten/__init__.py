"""saiten (採点): evaluate post-trained language models on Japanese and English generative benchmarks, truthfully.

`saiten.evaluate(spec, access)` runs an evaluation; `saiten.types` holds what goes in and comes out.
Importing this package loads nothing but the standard library; names are resolved when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saiten.evaluate import evaluate
    from saiten.types import Access, Benchmark, RunSpec

__all__ = ["Access", "Benchmark", "RunSpec", "__version__", "evaluate"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "evaluate":
        from saiten.evaluate import evaluate

        globals()["evaluate"] = evaluate  # in place of the module of that name, which the import put there
        return evaluate
    if name in {"Access", "Benchmark", "RunSpec"}:
        from saiten import types

        return getattr(types, name)
    raise AttributeError(f"module 'saiten' has no attribute {name!r}")
