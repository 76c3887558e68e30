"""HellaSwag: 10,042 everyday situations, each to be continued by the one plausible ending of four.

Source: Rowan/hellaswag (hub, the validation split; github.com/rowanz/hellaswag@a29ff8e9), MIT; Zellers et al. 2019,
arXiv:1905.07830. Reference measurement: swallow-evaluation-instruct@3520211, task hellaswag, temperature 0.
Differs: the prompt is in our own words, with the same answer line and the same list of endings. Two oddities of the
reference are kept, for they are part of what it measures: the second half of the context is written with a capital
letter and everything after it in lower case, and markers are taken out of the endings only, and not all of them.
`accuracy` reads the answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from string import ascii_uppercase

from saiten.benchmarks.choices import option_fields, row_id
from saiten.benchmarks.prompt import fill
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = """\
A context below breaks off. Four endings, A to D, are offered; decide which of them continues it best. \
Think it through step by step, and finish with a last line of the form 'Answer: $LETTER' \
(do not write the quotation marks), where LETTER is one of ABCD.

Incomplete context: {context}

{endings}"""

MARKERS = ("[substeps]", "[title]", "[step]")
"""Taken out of the endings. `[header]` stays, and so does every marker of the context."""


def document(row: Row) -> Document:
    """Build a document. The dataset has no ids."""
    context = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
    endings = [_unmarked(ending) for ending in row["endings"]]
    lines = [f"{letter}: {ending}" for letter, ending in zip(ascii_uppercase, endings, strict=False)]
    return Document(
        id=row_id(row, context, *endings),
        turns=(fill(PROMPT, {"context": context, "endings": "\n".join(lines)}),),
        fields={"context": context} | option_fields(endings),
        target="ABCD"[int(row["label"])],
    )


def _unmarked(ending: str) -> str:
    for marker in MARKERS:
        ending = ending.replace(marker, "")
    return ending


BENCHMARK = Benchmark(
    name="hellaswag",
    task="hellaswag",
    language="en",
    version=1,
    dataset=Dataset(
        path="Rowan/hellaswag",
        split="validation",
        columns=("activity_label", "ctx_a", "ctx_b", "endings", "label"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="en", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=250.0,
    summary=(SummaryRow(name="swallow_hellaswag", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="Rowan/hellaswag; swallow-evaluation-instruct@3520211 hellaswag",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
