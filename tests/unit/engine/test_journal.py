"""The record: what is written is read, what is torn is ignored, what is damaged is named."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.engine import writer as writing
from saiten.engine.journal import Journal
from saiten.engine.record import GenerationRecord, Place, seal, unseal
from saiten.engine.writer import GroupCommit, Writer, pack
from saiten.errors import UserError
from saiten.types import Generation, Outcome, Repetition, Usage


def record(number: int = 0, text: str | None = "an answer") -> GenerationRecord:
    return GenerationRecord(
        place=Place(id=f"{number:032x}", subset="s", document=f"d{number}", index=number, repetition=0, turn=0),
        generation=Generation(outcome=Outcome.OK, text=text, usage=Usage(output_tokens=3), finish_reason="stop"),
    )


OPENED: list[Journal[GenerationRecord]] = []


def journal(folder: Path, writer: str = "w") -> Journal[GenerationRecord]:
    OPENED.append(Journal(folder, GenerationRecord, writer))
    return OPENED[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close every journal of a test: an unpacked file that is left open would be told in a later, innocent test."""
    yield
    while OPENED:
        OPENED.pop().close()


@given(st.text() | st.none(), st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_survives_the_round_trip(text: str | None, reasoning: str) -> None:
    original = GenerationRecord(
        place=Place(id="1", subset="", document="d", index=0, repetition=0, turn=0),
        generation=Generation(
            outcome=Outcome.REPETITION,
            text=text,
            reasoning=reasoning,
            repetition=Repetition(period=3, count=40, start=7),
        ),
    )
    line = seal(original)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert unseal(line[:-1], GenerationRecord) == original


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_changed_byte_is_found(position: int, byte: int) -> None:
    line = bytearray(seal(record())[:-1])
    position %= len(line)
    if line[position] == byte:
        return
    line[position] = byte
    with pytest.raises(ValueError, match=r"checksum|not a record"):
        unseal(bytes(line), GenerationRecord)


def test_readers_take_the_union_of_all_writers(tmp_path: Path) -> None:
    for name in ("b", "a"):
        one = journal(tmp_path, name)
        one.append(record(ord(name)))
        one.close()
    found = [entry.place.document for _, entry in journal(tmp_path, "c").scan()]
    assert found == ["d97", "d98"]


def test_a_location_leads_back_to_its_record(tmp_path: Path) -> None:
    one = journal(tmp_path)
    locations = [one.append(record(number, text="x" * 30_000)) for number in range(3)]
    assert [one.read(location).place.index for location in locations] == [0, 1, 2]


def test_a_torn_last_line_is_ignored_by_readers_and_cut_before_appending(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    whole = seal(record(1))
    path.write_bytes(whole + seal(record(2))[:50])
    reader = journal(tmp_path, "other")
    assert [entry.place.index for _, entry in reader.scan()] == [1]
    assert reader.damages == []
    appender = Writer(path)
    appender.append(seal(record(3)))
    appender.close()
    assert path.read_bytes() == whole + seal(record(3))
    assert path.with_suffix(".torn").read_bytes() == seal(record(2))[:50]


def test_a_file_cut_at_any_byte_loses_only_its_last_record(tmp_path: Path) -> None:
    lines = [seal(record(number)) for number in range(3)]
    data = b"".join(lines)
    ends = [sum(map(len, lines[: k + 1])) for k in range(3)]
    path = tmp_path / "w.jsonl"
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        found = [entry.place.index for _, entry in journal(tmp_path, "r").scan()]
        assert found == [k for k in range(3) if ends[k] <= size]


def test_a_damaged_middle_line_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    middle = bytearray(seal(record(1)))
    middle[40] ^= 1
    path.write_bytes(seal(record(0)) + middle + seal(record(2)))
    reader = journal(tmp_path, "r")
    assert [entry.place.index for _, entry in reader.scan()] == [0, 2]
    assert [(damage.path, damage.line) for damage in reader.damages] == [(path, 2)]
    assert "asked again" in str(reader.damages[0])


def test_a_packed_file_reads_like_the_one_it_replaced(tmp_path: Path) -> None:
    one = journal(tmp_path, "a")
    for number in range(5):
        one.append(record(number))
    one.close(pack_above=0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.zst"]
    reader = journal(tmp_path, "b")
    found = {entry.place.index: location for location, entry in reader.scan()}
    assert reader.read(found[3]).place.document == "d3"
    reader.close()


def test_packing_interrupted_before_the_rename_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(seal(record(1)))
    (tmp_path / "a.jsonl.zst.part").write_bytes(b"half")
    assert [entry.place.index for _, entry in journal(tmp_path, "b").scan()] == [1]
    pack(path)
    assert [entry.place.index for _, entry in journal(tmp_path, "c").scan()] == [1]


class FullDisk:
    """Stands for `os.write` on a disk that has room for a number of bytes."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes | memoryview) -> int:
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        taken = self._write(descriptor, bytes(data[: self.room]))
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", [0, 1, 100, 700])
def test_a_full_disk_keeps_answers_and_writes_them_when_there_is_room(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.01)
    disk = FullDisk(room, monkeypatch)

    async def run() -> None:
        one = journal(tmp_path)
        commit = GroupCommit()
        commit.add(one.writer)
        places = [one.append(record(number)) for number in range(3)]
        commit.written(one.writer)
        assert one.writer.pending
        assert commit.refused_since is not None
        waiting = asyncio.ensure_future(commit.commit())
        written = asyncio.ensure_future(commit.written_out(one.writer))
        await asyncio.sleep(0.05)
        assert not written.done()
        disk.room = 1 << 20
        await asyncio.gather(waiting, written)
        assert commit.refused_since is None
        assert [one.read(place).place.index for place in places] == [0, 1, 2]
        one.close()

    asyncio.run(run())
    assert [entry.place.index for _, entry in journal(tmp_path, "r").scan()] == [0, 1, 2]


def test_a_disk_that_stays_full_saves_the_answers_elsewhere_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(writing, "GIVE_UP_SECONDS", 0.05)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    FullDisk(0, monkeypatch)

    async def run() -> None:
        one = journal(tmp_path / "run")
        commit = GroupCommit()
        commit.add(one.writer)
        one.append(record(7))
        commit.written(one.writer)
        await commit.commit()

    with pytest.raises(UserError, match="1 answers are saved in") as caught:
        asyncio.run(run())
    monkeypatch.undo()
    rescued = next(tmp_path.glob("saiten-rescued-*"))
    assert str(rescued) in str(caught.value)
    assert [entry.place.index for _, entry in journal(rescued, "r").scan()] == [7]


def test_durable_waits_for_the_disk(tmp_path: Path) -> None:
    async def run() -> None:
        one = journal(tmp_path)
        commit = GroupCommit()
        commit.add(one.writer)
        running = asyncio.ensure_future(commit.run())
        one.append(record())
        commit.written(one.writer)
        assert one.writer.synced < one.writer.end
        await commit.durable(one.writer)
        assert one.writer.synced == one.writer.end
        running.cancel()
        one.close()

    asyncio.run(run())
