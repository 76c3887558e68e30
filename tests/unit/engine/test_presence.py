"""Who may ask what at the same time: shards of one division and different benchmarks, but never the same questions."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from saiten.engine.presence import others, refuse_second, wait_for_silence
from saiten.engine.progress import STALE_SECONDS, Progress
from saiten.errors import UserError
from saiten.part import Part
from saiten.results.files import write_json


def beat(folder: Path, name: str = "progress.json", **changes: Any) -> None:
    """Write the heartbeat of another live process: by default the parent of this one, on the whole of `quiz`."""
    told = {"state": "generating", "host": socket.gethostname(), "pid": os.getppid(), "heartbeat": time.time()}
    write_json(folder / name, {**told, "asks": ["quiz"], "shard": [0, 1], "key": "them", **changes})


def mine(*asks: str, **part: Any) -> Progress:
    return Progress(part=Part(**part), asks=asks or ("quiz",))


@pytest.mark.parametrize("state", ["starting", "serving", "generating", "draining", "verifying", "scoring"])
def test_the_same_questions_are_refused_while_somebody_works(tmp_path: Path, state: str) -> None:
    beat(tmp_path, state=state)
    with pytest.raises(UserError, match="is being worked on by process"):
        refuse_second(tmp_path, mine())


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "complete"},
        {"heartbeat": time.time() - STALE_SECONDS - 1},
        {"pid": os.getpid()},
        {"pid": 2**22 + 1},
        {"asks": ["other"]},
    ],
)
def test_the_dead_the_ended_and_other_benchmarks_are_no_hindrance(tmp_path: Path, changes: dict[str, Any]) -> None:
    beat(tmp_path, **changes)
    refuse_second(tmp_path, mine())


def test_shards_of_one_division_do_not_meet(tmp_path: Path) -> None:
    beat(tmp_path, "progress-a.json", shard=[0, 3])
    refuse_second(tmp_path, mine(shard=1, shards=3))
    for part in ({"shard": 0, "shards": 3}, {"shard": 1, "shards": 2}, {}):
        with pytest.raises(UserError):
            refuse_second(tmp_path, mine(**part))


def test_a_link_takes_over_from_those_before_it(tmp_path: Path) -> None:
    beat(tmp_path, host="elsewhere")
    assert others(tmp_path, mine())
    assert not others(tmp_path, mine(takes_over=("first", "them")))


def test_damaged_heartbeats_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"state": "gener')
    refuse_second(tmp_path, mine())


def test_a_dead_process_of_another_host_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saiten.engine.presence.LOOK_SECONDS", 0.05)
    beat(tmp_path, host="elsewhere", heartbeat=time.time() - STALE_SECONDS + 0.3)
    wait_for_silence(tmp_path, mine())
    refuse_second(tmp_path, mine())
