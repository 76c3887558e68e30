"""Programs that cheat, steal, break, hang and stay, and honest ones that look unusual, at every level of isolation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.shared import ROOT, shared_path
from tests.unit.sandbox.users import home, loot_folders, run_as_user

WORLD = ROOT / "tests" / "unit" / "sandbox" / "attack_world.py"
LEVELS = {
    "L3/namespaces+landlock+seccomp": "namespaces+landlock+seccomp",
    "L2/landlock+seccomp": "landlock+seccomp",
    "L1/seccomp": "seccomp",
}
LIMIT_SECONDS = 1.0
RIGHT = {"passed", "solved"}


def has_numpy() -> bool:
    """Tell whether the control that needs numpy can pass."""
    from importlib.util import find_spec

    return find_spec("numpy") is not None


@pytest.fixture(scope="module", params=sorted(LEVELS))
def outcome(request: pytest.FixtureRequest) -> Any:
    """Run everything once at a level, as an ordinary user who has secrets everywhere."""
    attacks = shared_path("attacks")
    with loot_folders(), home() as folder:
        done = run_as_user(folder, str(WORLD), LEVELS[request.param], str(attacks), "api_key=sk-CANARY-argv-0123456789")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    got = found["level"].split("/")
    if got[0] != request.param.split("/")[0]:
        pytest.skip(f"this machine gives {found['level']}")
    assert "CANARY" not in done.stdout + done.stderr
    return found


def test_no_attack_passes_and_every_honest_program_does(outcome: Any) -> None:
    wrong = {
        name: program["verdict"]
        for name, program in outcome["programs"].items()
        if (program["verdict"]["status"] in RIGHT) is not program["control"]
        and not (name == "k03_numpy" and not has_numpy())
    }
    assert not wrong
    assert len(outcome["programs"]) >= 60


def test_every_attack_is_decided_and_none_is_blamed_on_the_sandbox(outcome: Any) -> None:
    statuses = {program["verdict"]["status"] for program in outcome["programs"].values()}
    assert statuses <= RIGHT | {"failed", "timeout", "error"}


def test_nothing_in_the_world_changed_and_nothing_was_reached(outcome: Any) -> None:
    assert not {name: program["changed"] for name, program in outcome["programs"].items() if program["changed"]}


def test_the_next_good_program_passes_after_each(outcome: Any) -> None:
    assert not {name for name, program in outcome["programs"].items() if program["good sample after it"] != "passed"}


def test_no_process_is_left(outcome: Any) -> None:
    assert outcome["left over"] == []


def test_none_hangs(outcome: Any) -> None:
    # the clock, on a machine that other work may fill: the processor limit of 1 s decides, the wall limit is 13 s
    slow = {name: program["seconds"] for name, program in outcome["programs"].items() if not program["control"]}
    assert max(slow.values()) < 40 * LIMIT_SECONDS, slow


def test_what_is_stored_is_short_and_harmless(outcome: Any) -> None:
    for name, program in outcome["programs"].items():
        detail = program["verdict"]["detail"]
        assert len(detail.encode()) <= 4096, name
        assert all(character.isprintable() or character in "\n\t" for character in detail), name
