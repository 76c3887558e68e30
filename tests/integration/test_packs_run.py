"""A run with a prompt pack: what is asked, what is recorded, and that an edited pack is another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saiten.benchmarks.packs.pack import Pack, Place, Prompt, Template, write_pack
from tests.helpers.command import Saiten
from tests.helpers.faultd import FaultServer


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def pack(words: str) -> Pack:
    """Make a pack for the small mathematical set."""
    parts = (f"{words} {{not a place}}: ", Place(field="problem"))
    return Pack(name="mine", prompts={"sample_math": Prompt(templates=(Template(parts=parts),))})


def test_a_pack_is_asked_recorded_and_part_of_what_a_run_is(
    saiten: Saiten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    extra = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    made = pack("Solve")
    write_pack(made)

    def run(server: FaultServer, *more: str) -> Any:
        options = ("--max-samples", "3", "--prompts", "mine", *more)
        return saiten.run(server.base_url, ["sample_math"], *options, extra=extra)

    with FaultServer() as server:
        assert run(server).returncode == 0
        asked = [entry.body["messages"][-1]["content"] for entry in server.ledger]
        assert len(asked) == 3
        assert all(text.startswith("Solve {not a place}: ") for text in asked)
        manifest = json.loads((saiten.directory / "run.json").read_text())
        assert manifest["spec"]["prompts"] == made.reference
        (results,) = saiten.folder.glob("outputs/results/**/results_*.json")
        assert json.loads(results.read_text())["saiten"]["spec"]["prompts"] == made.reference
        assert run(server).returncode == 0
        assert len(server.ledger) == 3, "the same pack asks nothing again"
        write_pack(pack("Work out"))
        refused = run(server)
        assert refused.returncode == 4
        assert f"prompts: '{made.reference}' -> 'mine@" in refused.stderr
        scored = saiten("score", str(saiten.directory), extra=extra)
        assert scored.returncode == 4
        assert "texts have changed since" in scored.stderr
        assert run(server, "--accept-changes").returncode == 0
        assert len(server.ledger) == 6
        other = saiten.run(server.base_url, ["sample_choice_ja"], "--prompts", "mine", extra=extra)
        assert other.returncode == 4
        assert "no prompt for sample_choice_ja" in other.stderr
