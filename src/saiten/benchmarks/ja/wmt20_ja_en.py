"""WMT 2020 news, Japanese to English: 993 segments with one reference translation each.

Source: lighteval/sacrebleu_manual (hub), config wmt20_ja-en; newstest2020, Barrault et al., WMT 2020; research use.
Reference measurement: swallow-evaluation-instruct@3520211, task wmt20:ja-en, temperature 0; BLEU by sacreBLEU.
Differs: the prompt is in our own words, with the same output line. `bleu_careful` and `chrf` take further prefixes and
cut what is longer than 800 characters. Intervals are bootstrapped at their true width: the reference's standard error
is about 32 times too small.
"""

from __future__ import annotations

from saiten.benchmarks.ja.wmt20_en_ja import ask
from saiten.scoring.translation import INTO_ENGLISH, Translation, translation_metrics
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = """Put the Japanese text below into English. \
Write the translation on a new line of exactly this form: `English: <your translation>`

Japanese: {source}"""


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row, "ja", "en")


BENCHMARK = Benchmark(
    name="wmt20_ja_en",
    task="wmt20:ja-en",
    language="ja",
    version=1,
    dataset=Dataset(
        path="lighteval/sacrebleu_manual",
        split="test",
        configs={"": "wmt20_ja-en"},
        columns=("translation",),
    ),
    document=document,
    prompt=PROMPT,
    scorer=Translation(language="en"),
    metrics=translation_metrics("en"),
    sampling=Sampling(temperature=0.0),
    expected_tokens=80.0,
    summary=(SummaryRow(name="wmt20_ja_en_bleu", metric="bleu"),),
    extras=(INTO_ENGLISH,),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="lighteval/sacrebleu_manual wmt20_ja-en; swallow-evaluation-instruct@3520211 wmt20:ja-en",
    license="research use (WMT 2020)",
    differs="prompt in our own words, same output line; `bleu_careful` and `chrf` are our own; intervals of true width",
)
