"""IFEval: 541 prompts with 834 instructions that a program can check.

Source: google/IFEval (hub; google-research/google-research@19638399 instruction_following_eval/data), CC BY 4.0; Zhou
et al., arXiv:2311.07911. The reference measurement has no such task; the id and the four metrics are those of its
Japanese sister.
Differs: the checkers are our own, written from the paper. Sentences are counted with Punkt's model of English, words
of capital letters with NLTK's tokenizer, both without any download. Keywords are texts and not patterns. The
old table has no duration: that of `mifeval_ja` stands.
"""

from __future__ import annotations

from saiten.benchmarks.ja.mifeval_ja import PROMPT, document
from saiten.scoring.instructions import instruction_metrics
from saiten.scoring.instructions_en import IFEVAL_EXTRA, INSTRUCTIONS_EN
from saiten.types import Benchmark, Dataset, Duration, Sampling, SummaryRow

BENCHMARK = Benchmark(
    name="ifeval",
    task="ifeval",
    language="en",
    version=1,
    dataset=Dataset(
        path="google/IFEval",
        split="train",
        columns=("prompt", "instruction_id_list", "kwargs"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=INSTRUCTIONS_EN,
    metrics=instruction_metrics(),
    sampling=Sampling(temperature=0.0),
    expected_tokens=450.0,
    summary=(
        SummaryRow(name="ifeval_inst_level_strict_acc", metric="inst_level_strict_acc"),
        SummaryRow(name="ifeval_average", metric="average"),
    ),
    extras=(IFEVAL_EXTRA,),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="google/IFEval; Zhou et al., arXiv:2311.07911",
    license="CC BY 4.0 (data)",
    differs="the checkers are our own; the careful metrics read the answer without white space around it",
)
