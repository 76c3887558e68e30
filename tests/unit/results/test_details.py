"""The parquet files: one row for each choice, one for each document, written by a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from saiten.errors import UserError
from saiten.results.details import DetailsWriter
from saiten.results.frames import End, encode, read_frames
from saiten.types import Choice, Message, Outcome, Repetition, Verdict
from tests.unit.results.made import benchmark, generation, layout, scored_document

STAMP = "2025-08-18T10-20-30.000001"
OLD_COLUMNS = [
    "choices",
    "cont_tokens",
    "example",
    "full_prompt",
    "gold",
    "gold_index",
    "input_tokens",
    "instruction",
    "metrics",
    "num_asked_few_shots",
    "num_effective_few_shots",
    "padded",
    "pred_logits",
    "prediction_logits",
    "predictions",
    "specifics",
    "truncated",
]


def test_one_row_for_each_choice_with_what_happened_to_it(tmp_path: Path) -> None:
    made, place = benchmark("b", samples=3), layout(tmp_path)
    looped = generation("A A A", repetition=Repetition(period=2, count=3, start=0), outcome=Outcome.REPETITION)
    cut = generation(None, outcome=Outcome.TRUNCATED, finish_reason="length", reasoning="hm", reasoning_closed=False)
    choices = (
        Choice(repetition=0, turns=(looped,)),
        Choice(repetition=1, turns=(cut,), verdicts=(Verdict(kind="execution", status="no_code"),)),
        Choice(repetition=2, turns=(cut,), copied=True),
    )
    with DetailsWriter(place, STAMP, details=False) as writer:
        writer.begin(made, 3)
        writer.add(scored_document("b", texts=["A", None, None], choices=choices), ["id0", "id1", "id2"])
    frame = pd.read_parquet(place.scores(made))
    assert list(frame["repetition"]) == [0, 1, 2]
    assert list(frame["outcome"]) == ["repetition", "truncated", "truncated"]
    assert list(frame["loop"]) == [True, False, False]
    assert list(frame["truncated"]) == [False, True, True]
    assert list(frame["unclosed"]) == [False, True, True]
    assert list(frame["copied"]) == [False, False, True]
    assert list(frame["value_extractive_match"]) == [1.0, 0.0, 0.0]
    assert list(frame["identity"]) == ["id0", "id1", "id2"]
    assert frame["extracted"][0] == "A"
    assert pd.isna(frame["extracted"][1])
    assert frame["verdict"][1] == "no_code"
    assert list(frame["document"]) == ["d0"] * 3
    assert not place.details.exists()


def test_details_have_the_old_columns_and_types(tmp_path: Path) -> None:
    made, place = benchmark("b", subsets=("x", "y"), samples=2), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 2)
        for subset in ("x", "y"):
            for index in range(2):
                writer.add(scored_document("b", subset=subset, index=index, texts=["A", "日本語"]))
    assert set(writer.tallies) == {"swallow|b:x|0", "swallow|b:y|0"}
    assert writer.tallies["swallow|b:x|0"].documents == 2
    path = place.details_file(made, "x", STAMP)
    assert path.name == f"details_swallow|b:x|0_{STAMP}.parquet"
    frame = pd.read_parquet(path)
    assert list(frame.columns) == OLD_COLUMNS
    row = frame.iloc[1]
    assert list(row["predictions"]) == ["A", "日本語"]
    assert row["example"] == "question 1"
    assert list(row["full_prompt"]) == [
        {"content": "be brief", "role": "system"},
        {"content": "question 1", "role": "user"},
    ]
    assert list(row["gold"]) == ["A"]
    assert row["metrics"] == {"extractive_match": 1.0, "accuracy": 1.0}
    assert list(row["specifics"]["extracted_predictions"]) == ["A", "日本語"]
    assert row["specifics"]["document_id"] == "d1"


def test_several_turns_give_predictions_by_turn(tmp_path: Path) -> None:
    made, place = benchmark("mt", samples=2), layout(tmp_path)
    base = scored_document("mt", texts=["a", "b"])
    choices = tuple(Choice(repetition=k, turns=(generation(f"first {k}"), generation(f"second {k}"))) for k in range(2))
    document = type(base.document)(id="d", turns=("one", "two"), target="")
    messages = (*base.messages, (Message(role="user", content="one"), Message(role="user", content="two")))
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 2)
        writer.add(scored_document("mt", texts=["a", "b"], choices=choices, document=document, messages=messages))
    row = pd.read_parquet(place.details_file(made, "", STAMP)).iloc[0]
    assert [list(turn) for turn in row["predictions"]] == [["first 0", "first 1"], ["second 0", "second 1"]]
    assert [message["content"] for message in row["full_prompt"]] == ["one", "two"]
    assert pd.read_parquet(place.scores(made))["outcome"][0] == "ok,ok"


def test_a_document_without_any_choice_is_in_the_details_and_has_no_values(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
        writer.add(scored_document("b", texts=["A"]))
        writer.add(scored_document("b", index=1, texts=["A"], choices=(), scores=(), values={}))
    frame = pd.read_parquet(place.details_file(made, "", STAMP))
    assert len(frame) == 2
    assert list(frame["predictions"][1]) == []
    assert pd.isna(frame["metrics"][1]["extractive_match"])
    assert len(pd.read_parquet(place.scores(made))) == 1


def test_a_benchmark_without_documents_has_an_empty_score_file(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
    assert len(pd.read_parquet(place.scores(made))) == 0


def test_text_that_no_file_may_hold_is_mended(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
        writer.add(scored_document("b", texts=["a\ud800b\0c\u2028"]))
    assert pd.read_parquet(place.details_file(made, "", STAMP))["predictions"][0][0] == "a\ufffdb\0c\u2028"


def test_several_benchmarks_and_many_row_groups(tmp_path: Path) -> None:
    first, second, place = benchmark("one"), benchmark("two", language="en"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        for made in (first, second):
            writer.begin(made, 1)
            for index in range(8):
                writer.add(scored_document(made.name, index=index, texts=["x" * 2_500_000]))
    from pyarrow import parquet

    for made in (first, second):
        assert len(pd.read_parquet(place.scores(made))) == 8
        file = parquet.ParquetFile(place.details_file(made, "", STAMP))
        assert file.metadata.num_rows == 8
        assert file.metadata.num_row_groups >= 3


def test_an_interrupted_benchmark_leaves_the_old_files(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
        writer.add(scored_document("b"))
    before = place.scores(made).read_bytes()

    def interrupted() -> None:
        with DetailsWriter(place, "later", details=True) as other:
            other.begin(made, 1)
            other.add(scored_document("b", texts=["B"]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert place.scores(made).read_bytes() == before
    assert not list(tmp_path.rglob("*.tmp"))
    assert not list((place.details / "later").glob("*.parquet"))


def test_a_finished_benchmark_stays_when_the_next_one_breaks_off(tmp_path: Path) -> None:
    first, second, place = benchmark("one"), benchmark("two"), layout(tmp_path)

    def broken() -> None:
        with DetailsWriter(place, STAMP, details=False) as writer:
            writer.begin(first, 1)
            writer.add(scored_document("one"))
            writer.begin(second, 1)
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert place.scores(first).exists()
    assert not place.scores(second).exists()


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    place.run.parent.mkdir(parents=True)
    place.run.write_text("a file where a folder should be")

    def write() -> None:
        with DetailsWriter(place, STAMP, details=False) as writer:
            writer.begin(made, 1)
            for index in range(2_000):  # more than a pipe holds: the writer must notice while it writes
                writer.add(scored_document("b", index=index, texts=["x" * 1_000]))

    with pytest.raises(UserError, match="cannot write") as caught:
        write()
    assert "\n" not in str(caught.value)


def test_no_key_reaches_the_writing_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-environment")
    with DetailsWriter(layout(tmp_path), STAMP, details=False) as writer:
        writer.start()
        assert writer._process is not None
        environment = Path(f"/proc/{writer._process.pid}/environ")
        if not environment.exists():
            pytest.skip("needs /proc")
        assert b"sk-canary" not in environment.read_bytes()


def test_a_writer_without_a_benchmark_starts_no_process(tmp_path: Path) -> None:
    with DetailsWriter(layout(tmp_path), STAMP, details=True) as writer:
        pass
    assert writer._process is None
    assert not list(tmp_path.iterdir())


def test_a_run_does_not_load_the_parquet_library() -> None:
    program = "import saiten.results.details, saiten.results.export, sys; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_memory_does_not_grow_with_the_documents(tmp_path: Path) -> None:
    made, place = benchmark("b"), layout(tmp_path)
    with DetailsWriter(place, STAMP, details=True) as writer:
        writer.begin(made, 1)
        for index in range(400):
            writer.add(scored_document("b", index=index, texts=[os.urandom(50_000).hex()]))
        assert writer._process is not None
        status = Path(f"/proc/{writer._process.pid}/status")
        if not status.exists():
            pytest.skip("needs /proc")
        peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    assert peak < 150_000, f"{peak} kB for 40 MB of text"


def test_a_stream_that_is_cut_in_a_message_ends_quietly(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(encode(End()) + encode(End())[:-1])
    with path.open("rb") as stream:
        assert list(read_frames(stream)) == [End()]
