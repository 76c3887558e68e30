"""The sandbox as the engine uses it: right verdicts, limits, many at once, and nothing left when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from saiten.errors import UserError
from saiten.programs import Program
from saiten.sandbox import Sandbox
from saiten.sandbox.worker import Worker
from saiten.scoring.code import CodeScorer
from saiten.types import Choice, Document, Generation, Outcome, Verdict
from tests.helpers.box import Box, opened, run
from tests.helpers.shared import ROOT, shared_path

box = pytest.fixture(scope="module")(opened)


def program(source: str, *asserts: str, cpu_seconds: float = 5.0, prompt: str = "") -> Program:
    """Make a program with a function f and tests."""
    tests = "def check(candidate):\n" + "".join(f"    {line}\n" for line in asserts)
    return Program(source=source, entry_point="f", tests=tests, language_prompt=prompt, cpu_seconds=cpu_seconds)


SPIN = "def f(seconds):\n    import time\n    while time.process_time() < seconds:\n        pass\n    return 1\n"


def human_eval() -> list[dict[str, str]]:
    """Return the rows of HumanEval."""
    with gzip.open(shared_path("data/humaneval/HumanEval.jsonl.gz"), "rt") as lines:
        return [json.loads(line) for line in lines]


def of_row(row: dict[str, str], body: str) -> Program:
    """Make a HumanEval program from a row and a body of its function."""
    return Program(
        source=row["prompt"] + body,
        entry_point=row["entry_point"],
        tests=row["test"],
        language_prompt=row["prompt"],
    )


def test_every_human_eval_solution_passes_and_every_stub_fails(box: Box) -> None:
    rows = human_eval()
    assert len(rows) == 164
    solutions = run(box, *(of_row(row, row["canonical_solution"]) for row in rows))
    stubs = run(box, *(of_row(row, "    return None\n") for row in rows))
    assert [verdict.status for verdict in solutions] == ["passed"] * 164
    assert {verdict.status for verdict in stubs} == {"failed"}


def test_verdicts_are_those_of_the_reference(box: Box) -> None:
    with gzip.open(shared_path("fixtures/parity/code_execution/dev.jsonl.gz"), "rt") as lines:
        cases = [case for case in map(json.loads, lines) if case["input"]["kind"] == "humaneval"]
    prompts = {row["task_id"]: row["prompt"] for row in human_eval()}
    programs = [
        Program(
            source=case["input"]["code"],
            entry_point=case["input"]["fn_name"],
            tests=case["input"]["check_fn"],
            language_prompt=prompts[case["input"]["task_id"]],
            cpu_seconds=float(case["input"]["timeout"]),
        )
        for case in cases
    ]
    differing = {}
    for case, tried, verdict in zip(cases, programs, run(box, *programs), strict=True):
        document = Document(id="x", turns=("x",), extra={"entry_point": tried.entry_point})
        generation = Generation(outcome=Outcome.OK, text=f"~~~~~~\n{tried.source.rstrip()}\n~~~~~~\n")
        choice = Choice(repetition=0, turns=(generation,), verdicts=(verdict,))
        ((score,),) = CodeScorer().score([(document, (choice,))])
        if (score.values["passed"] == 1) is not case["expected"]["pass"]:
            differing[case["id"]] = (case["src"], verdict)
    assert len(cases) > 50
    assert not differing


def test_values_cross_as_themselves(box: Box) -> None:
    source = (
        "from collections import namedtuple, Counter\nfrom enum import IntEnum\nfrom fractions import Fraction\n"
        "P = namedtuple('P', 'x y')\nE = IntEnum('E', 'a b')\nclass Own: pass\n"
        "def f(k): return [P(1, 2), E.b, Counter('aab'), {1: {2}}, 10**400, float('inf'), b'x', 1j, Fraction(1, 3),"
        " (i for i in 'ab'), {'k': 1}.keys(), range(3), None, Own(), -0.0][k]\n"
    )
    expected = [
        *("(1, 2)", "2", "{'a': 2, 'b': 1}", "{1: {2}}", "10**400", "float('inf')", "b'x'", "1j"),
        "__import__('fractions').Fraction(1, 3)",
    ]
    asserts = [f"assert candidate({number}) == {value}" for number, value in enumerate(expected)]
    asserts += [
        "assert candidate(9) != ['a', 'b'] and list(candidate(9)) == ['a', 'b']",
        "assert candidate(10) == {'k'}",
        "assert candidate(11) == range(3) and candidate(12) is None",
        "assert candidate(13) != candidate(13) and candidate(13)",
        "assert str(candidate(14)) == '-0.0'",
    ]
    (verdict,) = run(box, program(source, *asserts))
    assert verdict.status == "passed", verdict


def test_arguments_changed_in_place_are_changed_for_the_tests(box: Box) -> None:
    source = "def f(xs, d, s):\n    xs.sort(); d['new'] = 1; s.clear()\n"
    check = ("a, b, c = [3, 1], {}, {1}", "alias = a", "candidate(a, b, c)", "assert alias == [1, 3] and b and not c")
    (verdict,) = run(box, program(source, *check))
    assert verdict.status == "passed", verdict


def test_tests_can_expect_an_exception(box: Box) -> None:
    check = ("try: candidate(1)", "except ValueError as e: assert 'bad' in str(e)", "else: assert False")
    raising, silent = run(box, program("def f(x): raise ValueError('bad')", *check), program("def f(x): pass", *check))
    assert (raising.status, silent.status) == ("passed", "failed")


def test_a_program_that_leaves_fails_even_if_the_tests_swallow_everything(box: Box) -> None:
    swallowing = ("try: candidate(1)", "except BaseException: pass")
    for leaving in ("raise SystemExit(0)", "import os; os._exit(0)", "raise KeyboardInterrupt"):
        (verdict,) = run(box, program(f"def f(x): {leaving}", *swallowing))
        assert verdict.status == "failed", (leaving, verdict)


def test_helpers_of_the_starter_are_trusted_but_must_be_there_too(box: Box) -> None:
    prompt = "def helper(x):\n    return x + 1\n\ndef f(x):\n    '''Doc.'''\n"
    check = "assert candidate(1) == helper(1)"
    lying = "def helper(x):\n    return 0\ndef f(x):\n    return 0\n"
    without = "def f(x):\n    return x + 1\n"
    right = "def helper(x):\n    return x + 1\n" + without
    verdicts = run(box, *(program(source, check, prompt=prompt) for source in (lying, without, right)))
    assert [verdict.status for verdict in verdicts] == ["failed", "error", "passed"]


def test_tests_that_cannot_run_are_no_score(box: Box) -> None:
    for tests in ("def check(", "x = 1", "raise ValueError"):
        (verdict,) = run(box, Program(source="def f(): pass", entry_point="f", tests=tests))
        assert verdict.status == "sandbox_failed"
        assert verdict.value is None


def test_tests_may_call_the_function_before_there_is_a_check(box: Box) -> None:
    tests = "assert f(1) == 2\ndef check(candidate): pass\n"
    right, wrong, broken = run(
        box,
        *(
            Program(source=source, entry_point="f", tests=tests)
            for source in ("def f(x): return 2", "def f(x): return 3", "def f(")
        ),
    )
    assert (right.status, wrong.status, broken.status) == ("passed", "failed", "failed")


@pytest.mark.parametrize(
    "source",
    ["\ud800", "x = 1\0", "(" * 100_000, "-" * 100_000 + "1", "\x0c", "def f(x):\n\treturn 1\n        return 2"],
)
def test_source_that_is_no_program_is_an_error_of_the_program(box: Box, source: str) -> None:
    (verdict,) = run(box, program(source, "candidate(1)"))
    assert verdict.status == "error", verdict


def test_the_processor_limit_decides(box: Box) -> None:
    long, short = run(
        box,
        program(SPIN, "assert candidate(9) == 1", cpu_seconds=1.0),
        program(SPIN, "assert candidate(0.7) == 1", cpu_seconds=1.0),
    )
    assert (long.status, short.status) == ("timeout", "passed")
    assert 0.7 <= short.seconds < 1.0 <= long.seconds


def test_a_program_that_sleeps_is_given_up_soon(box: Box) -> None:
    started = time.monotonic()
    (verdict,) = run(box, program("import time\ndef f(): time.sleep(600)", "candidate()", cpu_seconds=0.5))
    assert verdict.status == "timeout"
    assert time.monotonic() - started < 11.5  # its wall limit


def test_stored_text_is_short_and_cannot_command_a_terminal(box: Box) -> None:
    (verdict,) = run(box, program("def f(): raise ValueError('\\x1b]0;x\\x07\\u202e' * 100000)", "candidate()"))
    assert len(verdict.detail.encode()) <= 4096
    assert "\\x1b]0;x\\x07\\u202e" in verdict.detail
    assert "\x1b" not in verdict.detail


def test_only_named_packages_can_be_imported(box: Box) -> None:
    allowed, *refused = run(
        box,
        program("import sympy\ndef f(n): return sympy.isprime(n)", "assert candidate(97) is True", cpu_seconds=30.0),
        *(
            program(f"import {name}\ndef f(): return 1", "candidate()")
            for name in ("saiten", "pytest", "aiohttp", "pip")
        ),
    )
    assert allowed.status == "passed", allowed
    assert {verdict.detail.split(":")[0] for verdict in refused} == {"ModuleNotFoundError"}


def test_a_program_finds_neither_its_tests_nor_other_programs(box: Box) -> None:
    source = (
        "import gc\ndef f(n):\n    return [s for s in gc.get_objects() if isinstance(s, str) and 'needle' in s"
        " or isinstance(s, dict) and any('check(candidate)' in repr(v)[:9999] for v in s.values() if type(v) is str)]\n"
    )
    (verdict,) = run(box, program(source, "needle = 'needle in the tests'", "assert candidate(1) == []"))
    assert verdict.status == "passed", verdict


def test_sets_of_strings_have_the_same_order_every_time(box: Box) -> None:
    source = "def f(): return list(set('abcdefghij'))"
    (seen,) = run(box, program(source, "raise ValueError(str(candidate()))"))

    async def elsewhere() -> Verdict:
        async with await Sandbox.start(workers=1) as other:
            return await other.run(program(source, "raise ValueError(str(candidate()))"))

    assert asyncio.run(elsewhere()).detail == seen.detail


def test_more_programs_than_workers_wait_their_turn(box: Box) -> None:
    verdicts = run(box, *(program(f"def f(): return {n}", f"assert candidate() == {n % 7}") for n in range(40)))
    assert [verdict.status == "passed" for verdict in verdicts] == [n < 7 for n in range(40)]


def with_own_sandbox(test: Callable[[Sandbox], Awaitable[Any]], loop: Any = None) -> Any:
    """Run a test that may damage its sandbox."""

    async def body() -> Any:
        async with await Sandbox.start(workers=1) as sandbox:
            return await test(sandbox)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(body())


GOOD = program("def f(x): return x", "assert candidate(1) == 1")


def test_a_cancelled_run_leaves_the_sandbox_whole() -> None:
    async def test(sandbox: Sandbox) -> Verdict:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await sandbox.run(program(SPIN, "candidate(60)", cpu_seconds=60.0))
        return await sandbox.run(GOOD)

    assert with_own_sandbox(test).status == "passed"


def test_a_lost_worker_is_replaced_and_the_program_run_again() -> None:
    async def test(sandbox: Sandbox) -> Verdict:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(sandbox.run(program(SPIN, "assert candidate(1) == 1", cpu_seconds=20.0)))
            await asyncio.sleep(0.3)
            (leader,) = [pid for pid in descendants(os.getpid()) if "inside.supervisor" in command(pid)][:1]
            os.kill(leader, signal.SIGKILL)
        return task.result()

    assert with_own_sandbox(test).status == "passed"


def test_time_in_which_the_whole_job_was_suspended_does_not_count() -> None:
    async def test(sandbox: Sandbox) -> Verdict:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(sandbox.run(program(SPIN, "assert candidate(0.9) == 1", cpu_seconds=1.0)))
            await asyncio.sleep(0.4)
            stopped = descendants(os.getpid())
            tell(stopped, signal.SIGSTOP)
            await asyncio.sleep(4)  # longer than the 2 s after which an idle program is given up
            tell(stopped, signal.SIGCONT)
        return task.result()

    assert with_own_sandbox(test).status == "passed"


def test_it_works_on_the_event_loop_of_the_engine() -> None:
    uvloop = pytest.importorskip("uvloop")
    assert with_own_sandbox(lambda sandbox: sandbox.run(GOOD), uvloop.new_event_loop).status == "passed"


def test_without_isolation_it_refuses_unless_told() -> None:
    async def start(*, unsafe: bool) -> str:
        async with await Sandbox.start(workers=1, layers=(), unsafe=unsafe) as sandbox:
            assert (await sandbox.run(GOOD)).status == "passed"
            return sandbox.level

    with pytest.raises(UserError, match="--unsafe-code-execution"):
        asyncio.run(start(unsafe=False))
    assert asyncio.run(start(unsafe=True)) == "L0/none"


def test_a_worker_that_cannot_start_is_named_in_the_refusal() -> None:
    with pytest.raises(UserError, match="did not start"):
        asyncio.run(Sandbox.start(workers=1, python="/bin/false"))


def test_a_worker_has_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-CANARY-0123456789")

    async def look() -> tuple[str, str]:
        worker = await Worker.start(("seccomp",))
        texts = readable_traces(os.getpid())
        await worker.ended()
        return texts, "".join(worker.layers)

    text, layers = asyncio.run(look())
    assert layers == "seccomp"
    assert "CANARY" not in text


ORPHANS = """
import asyncio, sys
from saiten.sandbox import Sandbox
from tests.integration.test_sandbox import SPIN, program
async def main():
    sandbox = await Sandbox.start(workers=2, layers=tuple(sys.argv[1].split("+")))
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(sandbox.run(program(SPIN, "candidate(600)", cpu_seconds=600.0)))
asyncio.run(main())
"""


@pytest.mark.parametrize("layers", ["namespaces+landlock+seccomp", "seccomp"])
def test_killing_saiten_leaves_no_process(layers: str) -> None:
    arguments = [sys.executable, "-c", ORPHANS, layers]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            # two workers, each with a supervisor, two zygotes and their children
            family = wait_for(lambda: descendants(process.pid), lambda found: len(found) >= 10)
        finally:
            process.kill()
    assert len(family) >= 10
    left = wait_for(lambda: [pid for pid in family if alive(pid)], lambda found: not found)
    assert not left


def wait_for(look: Callable[[], list[int]], enough: Callable[[list[int]], bool], seconds: float = 60.0) -> list[int]:
    """Look until it is enough, or for so many seconds; return what was seen last."""
    deadline = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def descendants(ancestor: int) -> list[int]:
    """Return the processes below a process."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def readable_traces(ancestor: int) -> str:
    """Return what may be read of the environments and command lines below a process."""
    paths = [Path(f"/proc/{pid}/{name}") for pid in descendants(ancestor) for name in ("environ", "cmdline")]
    return b"".join(path.read_bytes() for path in paths if os.access(path, os.R_OK)).decode()


def tell(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to those that still exist."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def command(pid: int) -> str:
    """Return a process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
