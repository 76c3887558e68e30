"""GPQA Diamond: 198 four-choice questions in biology, physics and chemistry that experts agree on and others miss.

Source: Idavidrein/gpqa (hub, gated), CC BY 4.0, with the authors' request not to publish questions in plain text;
Rein et al. 2023, arXiv:2311.12022. Reference measurement: swallow-evaluation-instruct@3520211, task gpqa:diamond,
temperature 0.
Differs: the prompt is in our own words, with the same answer line and list of choices. The right choice stands where
the question's content puts it (`benchmarks.placement`); in the reference its place changes from run to run. `accuracy`
reads the answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.placement import placed
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

COLUMNS = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
"""Those of the translations too."""

PROMPT = """\
Pick the right one of the four choices that follow the question. Think step by step before you answer. \
The last line of your reply must have the form 'Answer: $LETTER' (do not write the quotation marks), \
where LETTER is one of ABCD.

{question}

{choices}"""


def document(row: Row) -> Document:
    """Build a document."""
    question, right, *wrong = (row[column] for column in COLUMNS)
    return choice_document(row, PROMPT, question, *placed(question, right, wrong))


BENCHMARK = Benchmark(
    name="gpqa_diamond",
    task="gpqa:diamond",
    language="en",
    version=1,
    dataset=Dataset(
        path="Idavidrein/gpqa",
        split="train",
        configs={"": "gpqa_diamond"},
        columns=COLUMNS,
        gated=True,
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="en", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=900.0,
    summary=(SummaryRow(name="gpqa_diamond", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="Idavidrein/gpqa; swallow-evaluation-instruct@3520211 gpqa:diamond",
    license="CC BY 4.0",
    differs="prompt in our own words, same answer line; right choice placed by content, not at random; "
    "`accuracy` is our own careful reading",
)
