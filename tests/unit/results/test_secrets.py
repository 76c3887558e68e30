"""No byte of any result file holds a secret that was near when it was written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from saiten.report.table import render
from saiten.results.aggregate import write_aggregated
from saiten.results.details import DetailsWriter
from saiten.results.export import export_results
from saiten.types import RunSpec, Sampling
from tests.unit.results.made import benchmark, benchmark_result, layout, run_result, scored_document

STAMP = "2026-01-02T03-04-05.678901"
CANARY = "sk-canary-7f3a"


def test_no_file_and_no_table_holds_a_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "DEEPINFRA_API_KEY"):
        monkeypatch.setenv(name, f"{CANARY}-{name}")
    sampling = Sampling(temperature=0.5, extra_body={"provider": {"key": CANARY}})
    spec = RunSpec(model="org/model", provider="vllm", benchmarks=("b",), sampling=sampling)
    place, made = layout(tmp_path, spec), benchmark("b")
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
        writer.add(scored_document("b"), ["identity"])
    result = run_result(benchmark_result(made, {"": [1.0, None]}), spec=spec, directory=place.run)
    export_results(result, place, STAMP, writer.tallies)
    write_aggregated(place)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        assert CANARY.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":  # compressed: look inside
            assert CANARY not in pd.read_parquet(path).to_json(), path
    assert CANARY not in render(result)
