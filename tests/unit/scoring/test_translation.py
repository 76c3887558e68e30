"""Translations: the span that is read, BLEU and chrF from sums of counts, and what missing libraries lead to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.scoring import translation_words
from saiten.scoring.chrf import chrf, chrf_counts
from saiten.scoring.translation import Translation, bleu, bleu_counts, translation_metrics
from saiten.scoring.translation_span import LONGEST, PREFIX, careful_span, compatible_span
from saiten.types import Choice, Document, Generation, Outcome
from tests.helpers.extras import needs

REFERENCES = [
    "The cat sat on the mat and looked at the moon.",
    "It's raining, isn't it?",
    "Nobody knows.",
    "Prices rose by 3.5% in May.",
]
HYPOTHESES = ["The cat sat on a mat and saw the moon.", "", "Nobody knows.", "In May, prices rose 3.5 %."]


def pattern(text: str, prefix: str) -> str | None:
    """Return what the reference's expression finds last."""
    found = re.findall(rf"^\s*{prefix}\s*([^\n\r]*)", text, re.MULTILINE)
    return found[-1] if found else None


@given(
    st.lists(
        st.sampled_from(["日本語:", "日本語：", "日本", "訳", " ", "\n", "\r", "\t", "\u3000", "\x85", "`"]),
        max_size=14,
    )
)
def test_the_compatible_span_is_the_last_match_of_the_references_expression(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert compatible_span(text, "ja") == pattern(text, PREFIX["ja"])


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("日本語:\nX", "X"),
        ("日本語: 一\n日本語: 二", "二"),
        ("日本語:", ""),
        ("日本語:\n日本語: X", "日本語: X"),
        ("日本語： 全角", None),
        ("**日本語:** 強調", None),
        ("訳は 日本語: 行中", None),
        ("", None),
    ],
)
def test_what_the_reference_reads_and_misses(text: str, span: str | None) -> None:
    assert compatible_span(text, "ja") == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("日本語： 全角", "全角"),
        ("**日本語:** 強調", "強調"),
        ("`日本語: 訳です`", "訳です"),
        ("```日本語: 訳です```", "訳です"),
        ("- 訳文： 「はい」と言った。", "「はい」と言った。"),
        ("翻訳文: 一\n日本語: 二", "二"),
        ("和訳：二\n\n注: 直訳", "二"),
        ("訳は 日本語: 行中", None),
        ("何も言わない", None),
    ],
)
def test_a_careful_reader_takes_other_prefixes_and_drops_marks(text: str, span: str | None) -> None:
    assert careful_span(text, "ja") == span


def test_a_careful_reader_cuts_loops() -> None:
    assert careful_span("日本語: " + "あ" * 1000, "ja") == "あ" * LONGEST["ja"]
    assert careful_span("English：" + "a" * 1000, "en") == "a" * LONGEST["en"]


@pytest.mark.parametrize("piece", ["\n", "日本語", "日本語:", " 日本語: \n", "`", "日本語: `"])
def test_long_loops_are_read_in_linear_time(piece: str) -> None:
    text = piece * (120_000 // len(piece))
    compatible_span(text, "ja"), careful_span(text, "ja")  # a quadratic search would take minutes


def test_bleu_of_added_counts_is_that_of_the_corpus() -> None:
    needs("translation")
    sacrebleu = import_module("sacrebleu")
    counts = [bleu_counts(one, two) for one, two in zip(HYPOTHESES, REFERENCES, strict=True)]
    metric = sacrebleu.BLEU()
    expected = metric.corpus_score(HYPOTHESES, [REFERENCES])
    assert bleu(counts) == expected.score
    assert str(metric.get_signature()).startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|")
    assert bleu([bleu_counts("", text) for text in REFERENCES]) == 0.0
    assert bleu([bleu_counts(text, text) for text in REFERENCES]) == pytest.approx(100.0)


@given(st.lists(st.tuples(st.text("ab あ", max_size=9), st.text("ab あ", max_size=9)), min_size=1, max_size=4))
def test_chrf_of_added_counts_is_that_of_the_corpus(pairs: Sequence[tuple[str, str]]) -> None:
    needs("translation")
    sacrebleu = import_module("sacrebleu")
    hypotheses, references = [one for one, _ in pairs], [two for _, two in pairs]
    expected = sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert chrf([chrf_counts(*pair) for pair in pairs]) == pytest.approx(expected, abs=1e-9)


def translated(texts: Sequence[str], references: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Return value, standard error and width of the interval of each metric."""
    items = (
        (
            Document(id=str(number), turns=("?",), target=reference),
            (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=text),)),),
        )
        for number, (text, reference) in enumerate(zip(texts, references, strict=True))
    )
    scores = [score for (score,) in Translation(language="en").score(items)]
    found = {}
    for metric in translation_metrics("en"):
        estimate = metric.corpus(
            [[metric.reduce([tuple(score.values[name] for name in metric.value)]) for score in scores]]
        )
        assert None not in (estimate.value, estimate.stderr, estimate.low, estimate.high)
        found[metric.name] = (
            estimate.value or 0.0,
            estimate.stderr or 0.0,
            (estimate.high or 0.0) - (estimate.low or 0.0),
        )
    return found


def test_intervals_have_the_width_of_the_bootstrap_and_not_a_thirtieth_of_it() -> None:
    needs("translation")
    texts = [f"English: {text}" for text in HYPOTHESES] * 10
    for value, stderr, width in translated(texts, REFERENCES * 10).values():
        assert 0 < value < 100
        assert 3 * stderr < width < 5 * stderr
        assert stderr > 1.0
    assert translated(texts, REFERENCES * 10) == translated(texts, REFERENCES * 10)


def test_a_missing_span_is_an_empty_translation_and_the_careful_reading_says_what_it_found() -> None:
    needs("translation")
    document = Document(id="1", turns=("?",), target="Yes, of course. ")
    texts = ("**English:** Yes, of course.", "nothing", "English: Yes, of course.")
    choices = tuple(
        Choice(repetition=number, turns=(Generation(outcome=Outcome.OK, text=text),))
        for number, text in enumerate(texts)
    )
    (scores,) = Translation(language="en").score([(document, choices)])
    assert [score.extracted for score in scores] == [None, None, "Yes, of course."]
    assert [score.values["bleu_hypothesis_words"] for score in scores] == [0.0, 0.0, 5.0]
    assert [score.values["bleu_careful_hypothesis_words"] for score in scores] == [5.0, 0.0, 5.0]
    assert [score.note for score in scores] == ["careful reading: Yes, of course.", "", ""]
    metric = translation_metrics("en")[0]
    added = metric.reduce([tuple(score.values[name] for name in metric.value) for score in scores])
    assert added[-1] == 15.0


def test_a_missing_library_is_named_with_the_extra() -> None:
    with pytest.raises(UserError, match=r"needs nothing.*pip install 'saiten\[translation\]'"):
        translation_words.needed("no_such_module_at_all", "nothing")


def test_nagisa_runs_in_a_process_of_its_own_because_it_changes_how_numbers_are_computed() -> None:
    needs("translation")
    document = Document(id="1", turns=("?",), target="彼は５回走った。")
    choice = Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text="日本語: 彼は５回走った。"),))
    ((score,),) = Translation(language="ja").score([(document, (choice,))])
    assert score.values["bleu_lmevalja_correct_1"] == score.values["bleu_lmevalja_total_1"] > 3
    assert "nagisa" not in sys.modules
    assert "dynet" not in sys.modules
    assert sys.float_info.min / 2 > 0


def test_a_nagisa_that_does_not_start_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nagisa.py").write_text("raise RuntimeError('broken')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"needs nagisa.*saiten\[translation\]"), translation_words.nagisa():
        pass


def test_a_text_that_the_worker_dies_of_stays_whole_and_the_next_one_is_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nagisa.py").write_text("def wakati(text):\n    assert text != 'bad'\n    return list(text)")
    monkeypatch.syspath_prepend(str(tmp_path))
    with translation_words.nagisa() as words:
        assert [words("ab"), words("bad"), words("cd"), words("")] == ["a b", "bad", "c d", ""]


def test_making_the_scorer_loads_no_library_of_the_extra() -> None:
    code = (
        "from saiten.benchmarks import find; find('wmt20_en_ja'); find('mifeval_ja'); import sys; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sacrebleu", "janome", "nagisa", "langdetect", "ja_sentence_segmenter", "numpy"} & set(loaded)
