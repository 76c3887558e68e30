"""M-IFEval, Japanese part: 172 prompts with 226 instructions that a program can check.

Source: tokyotech-llm/M-IFEval-Ja (hub; github.com/lightblue-tech/M-IFEval@0bc3143a data/ja_input_data.jsonl),
Apache-2.0; Dussolle et al., arXiv:2502.04688. Reference measurement: swallow-evaluation-instruct@3520211, task
mifeval_ja, temperature 0, top_p 1.
Differs: an argument that an instruction lacks is an error and not drawn at random (the data lack none). The careful
metrics read the answer after closed reasoning without white space around it: a line end after the last full stop is
not a sentence with a wrong ending.
"""

from __future__ import annotations

import json
from typing import Any

from saiten.benchmarks.choices import row_id
from saiten.scoring.instructions import instruction_metrics
from saiten.scoring.instructions_ja import INSTRUCTIONS_EXTRA, INSTRUCTIONS_JA
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = "{prompt}"


def document(row: Row) -> Document:
    """Build a document. The prompt is sent as it is, also in other languages' sets of the same shape."""
    return Document(
        id=row_id(row, row["prompt"]),
        turns=(row["prompt"],),
        fields={"prompt": row["prompt"]},
        extra={
            "instruction_id_list": list(row["instruction_id_list"]),
            "kwargs": [_arguments(given) for given in row["kwargs"]],
        },
    )


def _arguments(given: Any) -> dict[str, Any]:
    """Return an instruction's arguments, without those that only fill a column. Some copies hold them as JSON."""
    values = json.loads(given) if isinstance(given, str) else given or {}
    return {name: value for name, value in values.items() if value is not None}


BENCHMARK = Benchmark(
    name="mifeval_ja",
    task="mifeval_ja",
    job="mifeval",
    language="ja",
    version=1,
    dataset=Dataset(
        path="tokyotech-llm/M-IFEval-Ja",
        split="test",
        columns=("prompt", "instruction_id_list", "kwargs"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=INSTRUCTIONS_JA,
    metrics=instruction_metrics(),
    sampling=Sampling(temperature=0.0, top_p=1.0),
    expected_tokens=500.0,
    summary=(
        SummaryRow(name="mifeval_ja_inst_level_strict_acc", metric="inst_level_strict_acc"),
        SummaryRow(name="mifeval_ja_average", metric="average"),
    ),
    extras=(INSTRUCTIONS_EXTRA,),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="tokyotech-llm/M-IFEval-Ja; swallow-evaluation-instruct@3520211 mifeval_ja",
    license="Apache-2.0",
    differs="a missing argument is an error and not drawn at random; the careful metrics are our own",
)
