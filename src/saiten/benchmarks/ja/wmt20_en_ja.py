"""WMT 2020 news, English to Japanese: 1,000 segments with one reference translation each.

Source: lighteval/sacrebleu_manual (hub), config wmt20_en-ja; newstest2020, Barrault et al., WMT 2020; research use.
Reference measurement: swallow-evaluation-instruct@3520211, task wmt20:en-ja, temperature 0; BLEU by sacreBLEU.
Differs: the prompt is in our own words, with the same output line. `bleu_careful` and `chrf` take further prefixes and
cut what is longer than 400 characters. Intervals are bootstrapped at their true width: the reference's standard error
is about 32 times too small.
"""

from __future__ import annotations

import ast
from typing import Any

from saiten.benchmarks.choices import row_id
from saiten.benchmarks.prompt import fill
from saiten.scoring.translation import INTO_JAPANESE, Translation, translation_metrics
from saiten.types import Benchmark, Dataset, Document, Duration, Language, Row, Sampling, SummaryRow

PROMPT = """次の英文を日本語に訳してください。\
文体は常体（だ・である調）にしてください。\
訳文は行を改めて、`日本語: 翻訳文` の形式で出力してください。

英語: {source}
"""
"""The newline at the end is part of the measurement."""


def ask(prompt: str, row: Row, source: Language, target: Language) -> Document:
    """Build a document that asks for a translation."""
    pair = row["translation"]
    if isinstance(pair, str):
        pair = ast.literal_eval(pair)
    text = _first(pair[source])
    fields = {"source": text}
    return Document(
        id=row_id(row, text),
        turns=(fill(prompt, fields),),
        fields=fields,
        target=_first(pair[target]).rstrip(),
    )


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, (list, tuple)) else value)


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row, "en", "ja")


BENCHMARK = Benchmark(
    name="wmt20_en_ja",
    task="wmt20:en-ja",
    language="ja",
    version=1,
    dataset=Dataset(
        path="lighteval/sacrebleu_manual",
        split="test",
        configs={"": "wmt20_en-ja"},
        columns=("translation",),
    ),
    document=document,
    prompt=PROMPT,
    scorer=Translation(language="ja"),
    metrics=translation_metrics("ja"),
    sampling=Sampling(temperature=0.0),
    expected_tokens=80.0,
    summary=(
        SummaryRow(name="wmt20_en_ja_bleu", metric="bleu"),
        SummaryRow(name="wmt20_en_ja_bleu_lmevalja", metric="bleu_lmevalja"),
    ),
    extras=(INTO_JAPANESE,),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="lighteval/sacrebleu_manual wmt20_en-ja; swallow-evaluation-instruct@3520211 wmt20:en-ja",
    license="research use (WMT 2020)",
    differs="prompt in our own words, same output line; `bleu_careful` and `chrf` are our own; intervals of true width",
)
