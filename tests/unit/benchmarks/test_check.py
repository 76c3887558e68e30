"""What `saiten tasks check` finds in a user's benchmark file."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.benchmarks.check import check_file, field_lines
from saiten.datasets import DataContext

FILE = '''"""A benchmark of mine.

Source: me.
"""
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import mean
from saiten.types import Benchmark, Dataset, Document, Sampling, SummaryRow


def document(row):
    return Document(
        id=row["id"],
        turns=(row["question"],),
        target=row["answer"],
    )


BENCHMARK = Benchmark(
    name="mine",
    task="mine",
    language="en",
    version=1,
    dataset=Dataset(path="mine.csv", split="test", local=True, columns=("id", "question", "answer")),
    document=document,
    prompt="{question}",
    scorer=ChoiceLetter(language="en", choices=4),
    metrics=(mean("extractive_match"), mean("accuracy", compatible=False, twin="extractive_match")),
    sampling=Sampling(temperature=0.0),
    summary=(SummaryRow(name="mine", metric="extractive_match"),),
    source="me",
    license="MIT",
)
'''
METRICS = next(line.strip() for line in FILE.splitlines() if "metrics=" in line)
ROWS = "id,question,answer\n1,Which is first?,A\n2,Which is second?,B\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    (tmp_path / "mine.csv").write_text(ROWS)
    return path


def findings(file: Path) -> list[str]:
    context = DataContext(cache=file.parent / "cache")
    return [str(finding).removeprefix(f"{file.parent}/") for finding in check_file(file, context)]


def test_a_good_file_has_no_findings(file: Path) -> None:
    assert findings(file) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('name="mine",\n    task', 'name="My Task",\n    task'), "mine.py:19: error: name 'My Task'"),
        (('language="en",\n    version', 'language="fr",\n    version'), "mine.py:21: error: language 'fr': ja or en"),
        (("version=1", 'version="1"'), "mine.py:22: error: version must be a int, not str"),
        (("version=1", "version=0"), "mine.py:22: error: version starts at 1"),
        (("sampling=Sampling(temperature=0.0)", "sampling=None"), "mine.py:28: error: sampling must be a Sampling"),
        (("temperature=0.0", "temperature=7"), "mine.py:28: error: temperature 7 is not between 0 and 2"),
        (("temperature=0.0", "top_p=0"), "mine.py:28: error: top_p 0 is not above 0"),
        (("scorer=ChoiceLetter(language=\"en\", choices=4)", "scorer=len"), "mine.py:26: error: scorer lacks name"),
        ((METRICS, 'metrics=mean("extractive_match"),'), "mine.py:27: error: metrics must be a tuple"),
        (('metrics=(mean("extractive_match"), ', 'metrics=(mean("x"), '), "has the twin 'extractive_match', which"),
        (('metric="extractive_match"),)', 'metric="exact"),)'), ":29: error: summary row 'mine': no metric 'exact'"),
        (('metric="extractive_match"),)', 'metric="accuracy", subsets=("x",)),)'), "summary row 'mine': no subset 'x'"),
        (("mean(\"accuracy\"", "mean(\"precision\""), ":26: error: metric 'precision' reads the value"),
        (('source="me"', 'source=""'), "mine.py:30: warning: source is empty"),
        (('path="mine.csv"', 'path="yours.csv"'), "mine.py:23: error: no such dataset file:"),
        (('columns=("id", ', 'columns=("uid", '), "mine.py:23: error: "),
        (('row["question"],)', 'row["frage"],)'), ":13: error: document(row 1) raised KeyError: 'frage'; columns"),
        (('row["answer"]', 'int(row["answer"])'), "mine.py:14: error: document(row 1) raised ValueError"),
        (("    return Document(", "    return dict("), ":24: error: document(row 1) returned a dict"),
        (('id=row["id"]', 'id="same"'), "mine.py:24: error: rows 1 and 2 have the same id 'same'"),
        (('id=row["id"]', 'id=7'), "mine.py:24: error: row 1: the id must be a text"),
        (('turns=(row["question"],)', 'turns=row["question"]'), "mine.py:24: error: row 1: turns must be a tuple"),
        (('turns=(row["question"],)', 'turns=(" ",)'), "mine.py:24: error: row 1: a turn is empty"),
        (('turns=(row["question"],)', 'turns=("?",) * int(row["id"])'), "documents have different numbers of turns"),
        (('target=row["answer"]', 'target=ord(row["answer"])'), "row 1: the target must be a text, not int"),
        (('target=row["answer"]', 'target="Z"'), "mine.py:26: error: document '1': the scorer raised ValueError"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_its_line_told(change: tuple[str, str], expected: str, file: Path) -> None:
    assert change[0] in FILE
    file.write_text(FILE.replace(*change))
    found = findings(file)
    assert any(expected in finding for finding in found), found


def test_a_gold_answer_that_the_scorer_does_not_know_is_a_warning(file: Path) -> None:
    text = FILE.replace('scorer=ChoiceLetter(language="en", choices=4)', "scorer=Deaf()")
    deaf = """
class Deaf:
    name, version = "deaf", 1

    def score(self, items):
        from saiten.types import ChoiceScore

        for _, choices in items:
            yield tuple(ChoiceScore(values={"extractive_match": 0.0, "accuracy": 1.0}) for _ in choices)


BENCHMARK ="""
    file.write_text(text.replace("\nBENCHMARK =", deaf))
    found = findings(file)
    assert any("no way of writing the target scores 1 in 'extractive_match'" in finding for finding in found)
    assert any("an empty answer scores 1 in 'accuracy'" in finding for finding in found)


def test_repeated_prompts_are_a_warning(file: Path) -> None:
    (file.parent / "mine.csv").write_text(ROWS + "3,Which is first?,A\n")
    assert findings(file) == ["mine.py:24: warning: 1 documents repeat the prompt of another one"]


def test_the_line_of_each_field_is_known(file: Path) -> None:
    lines = field_lines(file)
    assert lines["name"] == 19
    assert lines[""] == 18
