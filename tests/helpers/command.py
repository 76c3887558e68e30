"""The `saiten` command as a person runs it: a process of its own, with an environment of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTIONS = """
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import mean
from saiten.types import Benchmark, Dataset, Document, Sampling

def document(row):
    turns = tuple(row["question"]) if isinstance(row["question"], list) else (row["question"],)
    return Document(id=str(row["id"]), turns=turns, target=row["answer"])

BENCHMARK = Benchmark(
    name="NAME", task="test_NAME", language="ja", version=1,
    dataset=Dataset(path="NAME.jsonl", split="test", local=True),
    document=document, prompt="{question}",
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=(mean("extractive_match"), mean("accuracy", compatible=False, twin="extractive_match")),
    sampling=Sampling(temperature=TEMPERATURE), samples=SAMPLES,
)
"""


def questions(
    folder: Path, count: int, *, name: str = "quiz", turns: int = 1, samples: int = 1, temperature: float = 0.0
) -> Path:
    """Write a benchmark file with its rows; gold letters go round A to D."""
    lines = [
        json.dumps(
            {
                "id": number,
                "question": f"{name} {number}" if turns == 1 else [f"{name} {number} turn {t}" for t in range(turns)],
                "answer": "ABCD"[number % 4],
            }
        )
        for number in range(count)
    ]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    file = folder / f"{name}.py"
    text = QUESTIONS.replace("NAME", name).replace("TEMPERATURE", str(temperature)).replace("SAMPLES", str(samples))
    file.write_text(text)
    return file


@dataclass(frozen=True, slots=True)
class Saiten:
    """Runs saiten in a folder, with caches of its own."""

    folder: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the process environment: nothing of the tester's keys, caches inside the folder."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
        own = {
            "SAITEN_CACHE": str(self.folder / "cache"),
            "XDG_STATE_HOME": str(self.folder / "cache" / "state"),
            "HF_HOME": str(self.folder / "hub"),
            "HF_HUB_OFFLINE": "1",
            "OPENAI_API_KEY": "sk-canary-0123456789abcdef",
        }
        return kept | own | dict(extra or {})

    def start(self, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        return subprocess.Popen(
            [sys.executable, "-m", "saiten", *arguments],
            cwd=self.folder,
            env=self.environment(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, *arguments: str, extra: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments, extra=extra)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"saiten {' '.join(arguments)} did not end:\n{out}\n{err}") from None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def run(
        self, base_url: str, benchmarks: Sequence[Path | str], *more: str, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Evaluate `test-model` behind `base_url`."""
        return self(*self.run_arguments(base_url, benchmarks, *more), extra=extra)

    def run_arguments(self, base_url: str, benchmarks: Sequence[Path | str], *more: str) -> list[str]:
        """Return the arguments of `run`."""
        names = ",".join(map(str, benchmarks))
        return ["run", "test-model", "--provider", "vllm", "--base-url", base_url, "--benchmarks", names, *more]

    @property
    def directory(self) -> Path:
        """The run directory of `run`."""
        return self.folder / "results" / "hosted_vllm" / "test-model"

    def aggregated(self) -> dict[str, Any]:
        """Return aggregated_results.json."""
        text = (self.directory / "aggregated_results.json").read_text()
        value: dict[str, Any] = json.loads(text)
        return value

    def numbers(self) -> dict[str, Any]:
        """Return what must be the same however often a run was interrupted: every metric, coverage and count."""
        newest = max(self.folder.glob("outputs/results/**/results_*.json"))
        document = json.loads(newest.read_text())
        benchmarks = document["saiten"]["benchmarks"]
        return {
            name: {"metrics": value["metrics"], "evidence": value["evidence"], "documents": value["documents"]}
            for name, value in benchmarks.items()
        }

    def records(self, benchmark: str = "quiz") -> list[dict[str, Any]]:
        """Return every whole record of a benchmark's journal."""
        lines: list[dict[str, Any]] = []
        for path in sorted((self.directory / "ja" / benchmark / "generations").glob("*.jsonl")):
            for line in path.read_bytes().split(b"\n"):
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    continue
        return lines
