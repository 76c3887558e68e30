"""The table of figures: medians, targets, and the figures of other programs."""

from __future__ import annotations

import sys

from bench.measure import Figure, run
from bench.programs import read_figures
from bench.run import table


def test_a_figure_is_its_median_and_is_held_against_its_target() -> None:
    slow = Figure(section="s", name="wall", values=(1.0, 5.0, 3.0), unit="s", target=2.0)
    rate = Figure(section="s", name="rate", values=(200.0,), target=100.0, better="higher")
    assert (slow.value, slow.met, rate.met) == (3.0, False, True)
    lines = table([slow, rate]).splitlines()
    assert lines[2].split() == ["s", "wall", "3", "s", "1", "-", "5", "<=", "2", "s", "1.50", "MISSED"]
    assert lines[3].split() == ["s", "rate", "200.0", ">=", "100.0", "2.00", "ok"]


def test_lines_of_other_programs_become_figures() -> None:
    text = (
        "math: 2.46 s CPU for 500 answers, 0.61 of the limit (4.0 s)\n\nfree: 3 s\nrate: 1,200 runs/s of at least 100\n"
    )
    math, free, rate = read_figures("x", text)
    assert (math.name, math.value, math.target, math.better) == ("math", 2.46, 4.0, "lower")
    assert (free.value, free.target) == (3.0, None)
    assert (rate.value, rate.target, rate.better) == (1200.0, 100.0, "higher")


def test_a_command_is_measured_with_its_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    measured = run([sys.executable, "-c", parent], limit=60)
    assert measured.status == 0
    assert measured.cpu >= 0.2
    assert measured.largest_mb > 1


def test_a_command_that_does_not_end_is_killed_and_says_so() -> None:
    measured = run([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.3)
    assert measured.timed_out
    assert measured.status < 0
    assert measured.wall < 30
