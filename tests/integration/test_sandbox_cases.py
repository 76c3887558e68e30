"""Programs with inputs and outputs: fed, called, compared, in the reference's harness and as programs of their own."""

from __future__ import annotations

import base64
import json
import pickle
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from saiten.datasets.apart import Held
from saiten.programs import CasesProgram
from tests.helpers.box import Box, opened, run

box = pytest.fixture(scope="module")(opened)


def cases(*pairs: tuple[str, str]) -> str:
    return json.dumps([{"input": given, "output": wanted, "testtype": "stdin"} for given, wanted in pairs])


def packed(text: str, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(text, protocol))).decode()


def program(
    source: str, *pairs: tuple[str, str], function: str | None = None, private: str = "", cpu_seconds: float = 4.0
) -> CasesProgram:
    return CasesProgram(
        source=source, function=function, public=cases(*pairs), private=Held(private), cpu_seconds=cpu_seconds
    )


SUM = ("3\n1 2 3\n", "6\n"), ("1\n5\n", "5\n")
READ = "n = int(input())\nprint(sum(map(int, input().split())))\n"
MAIN = "def main():\n    input()\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()"
THREAD = f"import threading\ndef f():\n    exec({READ!r})\n"
GLOBAL = """total = 0
def add(n):
    global total
    total += n
input()
for word in input().split():
    add(int(word))
print(total)
"""


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (READ, "passed"),
        ("import sys\nlines = sys.stdin.read().split()\nprint(sum(map(int, lines[1:])))", "passed"),
        ("import sys\nprint(sum(int(w) for w in list(sys.stdin)[1].split()))", "passed"),
        (MAIN, "passed"),
        (READ + "exit()", "passed"),
        (READ + "import sys\nsys.exit(1)", "passed"),
        (THREAD + "t = threading.Thread(target=f)\nt.start()\nt.join()", "passed"),
        (THREAD + "threading.Thread(target=f).start()", "passed"),
        ("import multiprocessing\n" + READ, "passed"),  # its harness has it loaded
        ("import numpy\n" + READ, "passed"),
        # right, but not for the reference's harness
        ("import sys\nd = sys.stdin.buffer.read().split()\nprint(sum(map(int, d[1:])))", "solved"),
        ("from sys import stdin\nstdin.readline()\nprint(sum(map(int, stdin.readline().split())))", "solved"),
        ("d = open(0).read().split()\nprint(sum(map(int, d[1:])))", "solved"),
        ("import os\nd = os.read(0, 1000).split()\nprint(sum(map(int, d[1:])))", "solved"),
        ("import sys\ninput()\nsys.stdout.buffer.write(str(sum(map(int, input().split()))).encode())", "solved"),
        (GLOBAL, "solved"),
        ("from __future__ import annotations\n" + READ, "solved"),
        ("class Solution:\n    pass\n" + READ, "solved"),
        (READ + "quit()", "solved"),
        ("max = max(1, 2)\n" + READ, "solved"),
        ("import os\nos.getcwd()\n" + READ, "solved"),
        # wrong
        ("print(6)", "failed"),
        (READ + "print(1)", "failed"),
        (READ + "raise ValueError('late')", "error"),
        ("I cannot solve this.", "error"),
        ("import sys\nwhile True:\n    pass", "timeout"),
        ("import time\ntime.sleep(100)", "timeout"),
        ("import os\nos._exit(0)", "error"),
        ("print('6' * 10_000_000)", "failed"),
    ],
)  # fmt: skip
def test_scripts_are_read_as_the_reference_does_and_as_programs_of_their_own(
    box: Box, source: str, status: str
) -> None:
    (verdict,) = run(box, program(source, *SUM, cpu_seconds=1.0))
    assert verdict.status == status, verdict
    assert verdict.value == float(status == "passed")


def test_a_verdict_names_the_input_that_failed(box: Box) -> None:
    (verdict,) = run(box, program("print(6)", *SUM))
    assert verdict.detail.startswith("test 2:")


def test_a_large_input_passes_and_need_not_be_read(box: Box) -> None:
    many = "".join(f"{n}\n" for n in range(200_000))
    doubled = "".join(f"{2 * n}\n" for n in range(200_000))
    read, unread = run(
        box,
        program("import sys\nfor line in sys.stdin: print(2 * int(line))", ("4\n", "8"), (many, doubled)),
        program("print(1)", ("x" * 10_000_000, "1.0")),
    )
    assert (read.status, unread.status) == ("passed", "passed"), (read, unread)


def test_each_input_has_its_own_time_and_all_together_may_have_more(box: Box) -> None:
    spin = "import time\nend = time.process_time() + float(input())\nwhile time.process_time() < end: pass\nprint(1)"
    quick, slow = run(
        box,
        program(spin, *[("0.4", "1")] * 6, cpu_seconds=1.0),
        program(spin, ("0.1", "1"), ("1.4", "1"), cpu_seconds=1.0),
    )
    assert (quick.status, slow.status) == ("passed", "timeout"), (quick, slow)
    assert quick.seconds >= 2.4
    assert slow.detail.startswith("test 2:")


ADD = ("1\n2", "3"), ("3\n4", "7")
PAIR = ("[1, 2]", "[[1, 2]]"), ("[3]", "[[3]]")


@pytest.mark.parametrize(
    ("source", "pairs", "status"),
    [
        ("class Solution:\n    def f(self, a, b): return a + b", ADD, "passed"),
        ("class Solution:\n    def f(self, a: List[int], b) -> List[int]: return a + b", ADD, "passed"),
        ("def f(a, b): return a + b", ADD, "passed"),
        ("class Solution:\n    def f(self, a): return (a,)", PAIR, "passed"),
        ("class Solution:\n    def f(self, a): return [tuple(a)]", PAIR, "solved"),
        ("# no class Solution here\ndef f(a, b): return a + b", ADD, "solved"),
        ("class Sol:\n    def f(self, a, b): return a + b", ADD, "error"),
        ("class Solution:\n    def f(self, a, b): return 3", ADD, "failed"),
        ("class Solution:\n    def f(self, a, b): return str(a + b)", ADD, "failed"),
        ("class Solution:\n    def f(self, a, b): raise KeyError(a)", ADD, "error"),
        ("class Solution:\n    def f(self, a, b): raise SystemExit", ADD, "error"),
        ("class Solution:\n    def f(self, a, b):\n        while True: pass", ADD, "timeout"),
        ("class Solution:\n    def f(self, a, b): return 'x' * 10_000_000", ADD, "failed"),
        ("class E:\n    def __eq__(self, o): return True\ndef f(a, b): return E()", ADD, "failed"),
        ("class Solution:\n    def g(self): pass", ADD, "error"),
        ("", ADD, "error"),
    ],
)  # fmt: skip
def test_functions_are_called_with_each_line(
    box: Box, source: str, pairs: Sequence[tuple[str, str]], status: str
) -> None:
    (verdict,) = run(box, program(source, *pairs, function="f", cpu_seconds=1.0))
    assert verdict.status == status, verdict


def test_what_a_function_changes_in_its_arguments_is_not_sent_back(box: Box) -> None:
    source = "def f(a):\n    a.sort()\n    return a[0]"
    (verdict,) = run(box, program(source, (json.dumps(list(range(200_000, 0, -1))), "1"), function="f"))
    assert verdict.status == "passed", verdict


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_private_cases_are_unpacked_and_count(box: Box, protocol: int) -> None:
    private = packed(cases(("2\n40 2\n", "42"), ("0\n\n", "0")), protocol)
    right, wrong = run(
        box,
        program(READ.replace("input().split()", "open"), *SUM),
        program("n = int(input())\nprint(6 if n == 3 else 5)", *SUM, private=private),
    )
    assert (right.status, wrong.status) == ("error", "failed")
    assert wrong.detail.startswith("test 3:")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("__import__('os').system('true')",)


@pytest.mark.parametrize(
    "private",
    [
        base64.b64encode(zlib.compress(pickle.dumps(Evil()))).decode(),
        base64.b64encode(zlib.compress(pickle.dumps(["a"]))).decode(),
        base64.b64encode(zlib.compress(pickle.dumps("[]") + b"x")).decode(),
        base64.b64encode(zlib.compress(b"x" * (600 << 20), 9)).decode(),
        base64.b64encode(b"no zlib").decode(),
        "no base64!",
        packed('[{"input": 1, "output": 2}]'),
        packed("{"),
    ],
    ids=["code", "list", "tail", "bomb", "zlib", "base64", "numbers", "json"],
)
def test_cases_that_cannot_be_read_are_no_score_and_are_not_run(box: Box, private: str) -> None:
    for _ in range(2):  # what the worker keeps of them must not pass for the real ones
        (verdict,) = run(box, program(READ, *SUM, private=private))
        assert verdict.status == "sandbox_failed"
        assert verdict.value is None


@dataclass
class Counted:
    """A long text that tells how often it is read."""

    text: str
    reads: list[float] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return "the-same"

    def read(self) -> str:
        self.reads.append(time.monotonic())
        return self.text


def test_ten_samples_of_a_document_have_its_cases_read_once_for_each_worker(box: Box) -> None:
    private = Counted(packed(cases(("2\n40 2\n", "42"))))
    samples = [
        CasesProgram(source=f"{READ}# {n}", function=None, public=cases(*SUM), private=private) for n in range(10)
    ]
    assert {verdict.status for verdict in run(box, *samples)} == {"passed"}
    assert 1 <= len(private.reads) <= box[1].workers
