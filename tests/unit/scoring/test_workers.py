"""Worker processes: real ones, that hang, die, lie still and lose their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import msgspec
import pytest

from saiten.scoring.workers import Limits, WorkerDiedError, WorkerPool

MODULE = "tests.unit.scoring.odd_worker"
ROOT = Path(__file__).resolve().parents[3]


def pool(size: int = 1, wall_seconds: float = 60.0) -> WorkerPool:
    return WorkerPool(MODULE, size=size, limits=Limits(wall_seconds=wall_seconds))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_requests_are_answered_in_whatever_order_workers_finish() -> None:
    with pool(size=2) as workers:
        futures = [workers.submit(b"%d" % number) for number in range(200)]
        assert [future.result() for future in futures] == [b"%d" % number for number in range(200)]


def test_a_large_request_and_reply_pass() -> None:
    text = os.urandom(3 << 20)
    with pool() as workers:
        assert workers.submit(text).result() == text


def test_no_worker_starts_before_there_is_work_and_few_for_little_work() -> None:
    with pool(size=4) as workers:
        assert workers.started == 0
        assert workers.submit(b"a").result() == b"a"
        assert workers.started == 1
        assert workers.submit(b"b").result() == b"b"
        assert workers.started == 1


def test_a_worker_that_takes_too_much_cpu_costs_only_its_request() -> None:
    with pool() as workers:
        endless, next_one = workers.submit(b"spin"), workers.submit(b"after")
        with pytest.raises(WorkerDiedError) as died:
            endless.result()
        assert died.value.timed_out
        assert next_one.result() == b"after"


def test_a_worker_that_hangs_without_using_the_cpu_is_ended() -> None:
    with pool(wall_seconds=2.0) as workers:
        with pytest.raises(WorkerDiedError) as died:
            workers.submit(b"sleep").result()
        assert died.value.timed_out
        assert workers.submit(b"after").result() == b"after"


def test_a_worker_that_ends_on_its_own_is_told_apart_from_a_timeout() -> None:
    with pool() as workers:
        with pytest.raises(WorkerDiedError) as died:
            workers.submit(b"exit").result()
        assert not died.value.timed_out
        assert workers.submit(b"after").result() == b"after"


def test_a_worker_that_retires_is_replaced() -> None:
    with pool() as workers:
        first = workers.submit(b"retire").result()
        second = workers.submit(b"pid").result()
        assert first != second
        wait_until_gone(int(first))


def test_what_the_work_prints_is_no_reply() -> None:
    with pool() as workers:
        assert workers.submit(b"print").result() == b"print"
        assert workers.submit(b"after").result() == b"after"


def test_the_environment_of_a_worker_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pool() as workers:
        environment = msgspec.json.decode(workers.submit(b"environment").result(), type=dict[str, str])
    assert "sk-secret" not in environment.values()
    assert set(environment) <= {"PATH", "LC_ALL", "LC_CTYPE", "PYTHONHASHSEED", "PYTHONPATH"}


def test_memory_and_files_are_limited() -> None:
    with pool() as workers:
        assert workers.submit(b"memory").result() == b"MemoryError"
        assert workers.submit(b"file").result() == b"OSError"


def test_workers_end_with_the_pool() -> None:
    with pool() as workers:
        pid = int(workers.submit(b"pid").result())
        assert alive(pid)
    wait_until_gone(pid)


def test_leaving_by_an_error_does_not_wait_for_the_work() -> None:
    def interrupted() -> None:
        with pool(wall_seconds=60) as workers:
            futures.append(workers.submit(b"sleep"))
            while not workers.started:
                time.sleep(0.01)
            raise KeyboardInterrupt

    futures: list[Future[bytes]] = []
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - start < 30
    assert isinstance(futures[0].exception(), WorkerDiedError)


def test_workers_end_when_their_parent_is_killed_even_in_the_middle_of_work() -> None:
    program = (
        "import sys\n"
        "from saiten.scoring.workers import Limits, WorkerPool\n"
        f"with WorkerPool({MODULE!r}, size=1, limits=Limits()) as pool:\n"
        "    print(pool.submit(b'pid').result().decode(), flush=True)\n"
        "    pool.submit(b'sleep').result()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(worker)
