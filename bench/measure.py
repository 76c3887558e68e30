"""Running commands and the mock, and measuring them: wall, CPU of the whole process tree, peak memory."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: what was measured, and what it should be."""

    section: str
    name: str
    values: tuple[float, ...]
    """One for each run."""
    unit: str = ""
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def value(self) -> float:
        """Return the median."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Return whether the target was met; None: there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command cost. CPU and peak memory include all its descendants that it waited for."""

    started: float
    """Unix time."""
    wall: float
    cpu: float
    largest_mb: float
    """Peak resident memory of the largest process."""
    tree_mb: float
    """Peak of the sum over all processes, shared pages counted once (0: not watched)."""
    status: int
    output: str
    errors: str
    timed_out: bool = False


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    limit: float = 600.0,
    watch_memory: bool = False,
) -> Measured:
    """Run a command to its end, or kill it after `limit` seconds."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        tree, timed_out, pause = 0.0, False, 0.05 if watch_memory else 0.005
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not timed_out and time.perf_counter() - clock > limit:
                timed_out = True
                os.killpg(process.pid, signal.SIGKILL)
            if watch_memory:
                tree = max(tree, _tree_megabytes(process.pid))
            time.sleep(pause)
        wall = time.perf_counter() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Measured(
        started=started,
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        largest_mb=usage.ru_maxrss / 1024,
        tree_mb=tree,
        status=process.returncode,
        output=texts[0],
        errors=texts[1],
        timed_out=timed_out,
    )


def _tree_megabytes(root: int) -> float:
    """Return the proportional memory of a process and all its descendants."""
    total, open_pids = 0, [root]
    while open_pids:
        folder = Path("/proc") / str(open_pids.pop())
        try:
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            for task in (folder / "task").iterdir():
                open_pids += [int(pid) for pid in (task / "children").read_text().split()]
        except OSError:
            continue  # it ended while we were looking
    return total / 1024


@dataclass(slots=True)
class Mock:
    """A mock server process, ended when the context is left."""

    options: Sequence[str] = ()
    base_url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bench.mock_server", "--port", "0", *self.options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        if not self.base_url:
            raise RuntimeError(f"the mock server did not start: {' '.join(command)}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call one of the mock's own routes; return its JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f"mock: {method} {path}: {reply.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def stats(self, *, ideal: bool = False) -> dict[str, Any]:
        """Return the counters since the last reset."""
        value: dict[str, Any] = self.call("GET", "/stats?ideal=1" if ideal else "/stats")
        return value

    def configure(self, **options: Any) -> None:
        """Change options and forget everything counted."""
        self.call("POST", "/config", options)


def clean_environment(cache: Path) -> dict[str, str]:
    """Return an environment in which only what a run is given can matter; `cache` holds saiten's caches.

    Python keeps its bytecode, as it does for a user: some test machines forbid that, and every process of a run would
    compile all of saiten again.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    dropped = (
        "LITELLM_CONCURRENT_CALLS",
        "REQUEST_TIMEOUT",
        "OPENAI_API_KEY",
        "SAITEN_DATA",
        "PYTHONDONTWRITEBYTECODE",
    )
    kept = {name: value for name, value in kept.items() if name not in dropped}
    return kept | {"SAITEN_CACHE": str(cache), "PYTHONPATH": "", "NO_COLOR": "1"}


def saiten(
    mock: Mock,
    files: Sequence[Path],
    folder: Path,
    *,
    cache: Path,
    limit: float = 600.0,
    watch_memory: bool = False,
) -> Measured:
    """Run `saiten run` over benchmark files against the mock, as a user would. The mock is the judge as well."""
    command = [sys.executable, "-m", "saiten", "run", "mock/model"]
    command += ["--benchmarks", ",".join(map(str, files)), "--provider", "vllm"]
    command += ["--base-url", mock.base_url, "--output-dir", str(folder)]
    environment = clean_environment(cache) | {"JUDGE_BASE_URL": mock.base_url, "JUDGE_MODEL_NAME": "mock/model"}
    measured = run(command, environment=environment, limit=limit, watch_memory=watch_memory)
    if measured.status != 0:
        tail = "\n".join((measured.output + measured.errors).splitlines()[-15:])
        what = f"was killed after {limit:.0f} s" if measured.timed_out else f"ended with status {measured.status}"
        raise RuntimeError(f"saiten run {what}:\n{tail}")
    return measured
