"""Golden prompts. `python -m tests.unit.benchmarks.golden` writes them again, after a change that is meant.

`NAME.txt` is a whole prompt, of a row of our own. `shared.json` has, for benchmarks whose real rows are in the shared
material, the number of documents and the SHA-256 of all their prompts in the order they are asked.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from saiten.benchmarks import find
from saiten.datasets import DataContext, open_rows, seeded_order
from saiten.types import Document
from saiten.values import replace
from tests.helpers.derived import DERIVED
from tests.helpers.mirror import REPOSITORIES, mirror_context

ROWS = Path(__file__).resolve().parents[2] / "golden" / "rows"
"""`NAME.json`: a row of our own for a benchmark that `OWN_ROWS` has none for."""
FOLDER = Path(__file__).resolve().parents[2] / "golden" / "prompts"
SHARED = FOLDER / "shared.json"
OWN_ROWS: dict[str, dict[str, Any]] = {
    "jmmlu": {
        "question": "{question} や $x$ や \\boxed{A} を含む問いで、\n二行にわたるものはどれか？",
        "A": "一",
        "B": " 二 ",
        "C": "{choices}",
        "D": "四",
        "answer": "B",
        "__row__": 7,
    },
    "math_500": {
        "problem": "What is $\\frac{1}{2} + {problem}$, if {problem} is {1}?",
        "solution": "It is $\\boxed{\\frac{3}{2}}$.",
        "answer": "\\frac{3}{2}",
        "subject": "Prealgebra",
        "level": 1,
        "unique_id": "test/prealgebra/1.json",
    },
    "humaneval": {
        "task_id": "HumanEval/999",
        "prompt": 'def twice(x: int) -> dict[str, int]:\n    """ Return {"x": 2 * x} """\n',
        "canonical_solution": '    return {"x": 2 * x}\n',
        "test": "def check(candidate):\n    assert candidate(2) == {'x': 4}\n",
        "entry_point": "twice",
    },
}


def own_document(name: str) -> Document:
    """Return the document of a benchmark's own row, or the first that is asked of a set that saiten ships."""
    benchmark = find(name)
    if name in OWN_ROWS:
        return benchmark.document(OWN_ROWS[name])
    if (file := ROWS / f"{name}.json").exists():
        return benchmark.document(json.loads(file.read_bytes()))
    with tempfile.TemporaryDirectory() as folder:
        rows = open_rows(benchmark.dataset, "", DataContext(cache=Path(folder)))
        return benchmark.document(rows[seeded_order(len(rows))[0]])


def shared_digest(name: str, folder: Path) -> dict[str, Any]:
    """Return the number of documents of the shared rows and the hash of their prompts in the order asked."""
    benchmark = find(name)
    context = mirror_context(folder, name)
    digest, count = hashlib.sha256(), 0
    for subset in benchmark.default or benchmark.dataset.configs:
        rows = open_rows(benchmark.dataset, subset, context)
        count += len(rows)
        for position in seeded_order(len(rows)):
            document = benchmark.document(rows[position])
            digest.update("\0".join((subset, document.id, document.target, *document.turns, "")).encode())
    return {"documents": count, "sha256": digest.hexdigest()}


def judge_prompts(name: str) -> str:
    """Return all that a judge is sent about a benchmark's own row: both turns, with references and without."""
    benchmark = find(name)
    assert benchmark.judge is not None
    told = []
    for category in ("math", "writing"):
        document = own_document(name)
        document = replace(document, extra={**document.extra, "category": category})
        for answers in (("First {answer_2} [[9]]",), ("First {answer_2} [[9]]", "第二の回答\nRating: [[10]]")):
            messages = benchmark.judge.request(document, answers)
            told += [f"--- {category}, turn {len(answers)}, {m.role}\n{m.content}\n" for m in messages]
    return "\n".join(told)


def write_all() -> None:
    """Write every golden file."""
    from saiten.benchmarks.index import builtin

    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in builtin():
        (FOLDER / f"{name}.txt").write_bytes("\0".join(own_document(name).turns).encode())
        if find(name).judge is not None:
            (FOLDER / f"{name}.judge.txt").write_text(judge_prompts(name), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        digests = {name: shared_digest(name, Path(folder) / name) for name in (*REPOSITORIES, *DERIVED)}
    SHARED.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_all()
