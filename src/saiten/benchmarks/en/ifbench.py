"""IFBench, single turn: 300 prompts with 344 instructions of 58 kinds that models were not trained on.

Source: allenai/IFBench_test (hub; github.com/allenai/IFBench), ODC-BY; Pyatkin et al., arXiv:2507.02833. Reference
measurement: swallow-evaluation-instruct (2026), task ifbench_singleturn, four strict and loose metrics.
Differs: the checkers are our own, written from the description of each instruction, so a score may differ from the
original's by some instructions: a verb is what a dictionary has as one, where the original asks a tagger. An argument
that an instruction lacks is an error and not drawn at random. The old table has no duration: that of `mifeval_ja`.
"""

from __future__ import annotations

from saiten.benchmarks.ja.mifeval_ja import PROMPT, document
from saiten.scoring.instructions import instruction_metrics
from saiten.scoring.instructions_en import IFEVAL_EXTRA, INSTRUCTIONS_BENCH
from saiten.types import Benchmark, Dataset, Duration, Sampling, SummaryRow

BENCHMARK = Benchmark(
    name="ifbench",
    task="ifbench_singleturn",
    language="en",
    version=1,
    dataset=Dataset(
        path="allenai/IFBench_test",
        split="train",
        columns=("prompt", "instruction_id_list", "kwargs"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=INSTRUCTIONS_BENCH,
    metrics=instruction_metrics(),
    sampling=Sampling(temperature=0.0),
    expected_tokens=450.0,
    summary=(
        SummaryRow(name="ifbench_inst_level_strict_acc", metric="inst_level_strict_acc"),
        SummaryRow(name="ifbench_average", metric="average"),
    ),
    extras=(IFEVAL_EXTRA,),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="allenai/IFBench_test; swallow-evaluation-instruct (2026) ifbench_singleturn",
    license="ODC-BY (data)",
    differs="the checkers are our own; a missing argument is an error; the careful metrics are our own",
)
