"""The queue of this machine, with real processes: it outlives its shell, waits for devices, ends what it must."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from saiten.clusters import local_queue
from saiten.clusters.local import LocalScheduler, gpus, slots
from saiten.clusters.local_queue import Job, Request, Started, choose, read_job, read_jobs
from saiten.clusters.local_runner import started_ticks
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError
from saiten.clusters.services import NodeKind
from saiten.values import replace

CPU = NodeKind(name="cpu")
GPU = NodeKind(name="gpu_1", gpus=1)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[LocalScheduler]:
    found = LocalScheduler(tmp_path / "queue", kill_seconds=1.0)
    yield found
    jobs = read_jobs(tmp_path / "queue" / "jobs")
    found.cancel([job.folder.name for job in jobs])
    wait(lambda: not any(job.alive for job in read_jobs(tmp_path / "queue" / "jobs")))


def wait(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def request(folder: Path, body: str, *arguments: str, name: str = "job", **changes: object) -> JobRequest:
    script = folder / f"{name}.sh"
    script.write_text(f"#!/bin/bash\n{body}\n")
    output = folder / "logs"
    output.mkdir(exist_ok=True)
    fields: dict[str, object] = {
        "name": name,
        "script": script,
        "arguments": arguments,
        "output": output,
        "node": CPU,
        "walltime": 60,
    }
    return JobRequest(**(fields | changes))  # type: ignore[arg-type]


def state(scheduler: LocalScheduler, job: str) -> JobState:
    return scheduler.poll([job])[job].state


def end(scheduler: LocalScheduler, job: str) -> JobStatus:
    wait(lambda: state(scheduler, job).over)
    return scheduler.final(job)


def test_a_job_gets_its_arguments_byte_for_byte_and_little_environment(
    scheduler: LocalScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    body = 'printf "%s\\n" "$@" "${OPENAI_API_KEY-none}" "$JOB_ID" "$CUDA_VISIBLE_DEVICES" "$TMPDIR"; echo oops >&2'
    job = scheduler.submit(request(tmp_path, body, "a b", "ja|x", "$HOME;*'\""))
    status = end(scheduler, job)
    assert (status.state, status.exit_status) == (JobState.DONE, 0)
    lines = (tmp_path / "logs" / f"job.o{job}").read_text().split("\n")
    assert lines[:6] == ["a b", "ja|x", "$HOME;*'\"", "none", job, ""]
    assert not Path(lines[6]).exists()
    assert (tmp_path / "logs" / f"job.e{job}").read_text() == "oops\n"


def test_a_failed_job_is_told_with_its_status(scheduler: LocalScheduler, tmp_path: Path) -> None:
    status = end(scheduler, scheduler.submit(request(tmp_path, "exit 3")))
    assert (status.state, status.exit_status, status.reason) == (JobState.FAILED, 3, "exit status 3")
    killed = end(scheduler, scheduler.submit(request(tmp_path, "kill -9 $$")))
    assert (killed.state, killed.exit_status) == (JobState.FAILED, None)


def test_jobs_wait_for_the_only_slot_and_for_each_other(scheduler: LocalScheduler, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = scheduler.submit(request(tmp_path, f"while [ ! -e {gate} ]; do sleep 0.05; done"))
    second = scheduler.submit(request(tmp_path, "exit 1", name="second"))
    third = scheduler.submit(request(tmp_path, "exit 0", name="third", after=(first, second)))
    wait(lambda: state(scheduler, first) is JobState.RUNNING)
    time.sleep(0.6)
    assert [state(scheduler, job) for job in (second, third)] == [JobState.QUEUED, JobState.HELD]
    gate.touch()
    assert [end(scheduler, job).state for job in (first, second, third)] == [
        JobState.DONE,
        JobState.FAILED,
        JobState.DONE,
    ]


def test_cancelling_ends_a_waiting_job_at_once_and_a_running_one_with_all_it_started(
    scheduler: LocalScheduler, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    body = f"trap '' TERM; setsid sleep 300 & echo $! > {pids}; wait; sleep 300"
    running = scheduler.submit(request(tmp_path, body))
    waiting = scheduler.submit(request(tmp_path, "exit 0", name="waiting"))
    wait(lambda: pids.exists() and pids.read_text().endswith("\n"))
    scheduler.cancel([waiting, running, "99", "no"])
    assert state(scheduler, waiting) is JobState.CANCELLED
    assert state(scheduler, running) is JobState.ENDING
    assert end(scheduler, running).state is JobState.CANCELLED
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids.read_text()), 0)


def test_the_walltime_ends_a_job_and_is_told(scheduler: LocalScheduler, tmp_path: Path) -> None:
    job = scheduler.submit(request(tmp_path, "trap 'exit 3' TERM; sleep 300 & wait", walltime=1))
    status = end(scheduler, job)
    assert (status.state, status.exit_status, status.walltime_reached) == (JobState.FAILED, 3, True)


def test_a_missing_output_directory_is_a_failure_with_a_reason(scheduler: LocalScheduler, tmp_path: Path) -> None:
    wanted = request(tmp_path, "exit 0")
    gate = tmp_path / "gate"
    first = scheduler.submit(request(tmp_path, f"while [ ! -e {gate} ]; do sleep 0.05; done", name="first"))
    wait(lambda: state(scheduler, first) is JobState.RUNNING)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    job = scheduler.submit(request(tmp_path, "exit 0", output=elsewhere))
    elsewhere.rmdir()
    gate.touch()
    status = end(scheduler, job)
    assert (status.state, status.exit_status) == (JobState.FAILED, None)
    assert "No such file or directory" in status.reason
    with pytest.raises(SchedulerError, match="existing directory"):
        scheduler.submit(request(tmp_path, "exit 0", output=elsewhere))
    assert wanted.output.is_dir()


def test_a_job_whose_runner_was_killed_is_lost_and_frees_its_slot(scheduler: LocalScheduler, tmp_path: Path) -> None:
    job = scheduler.submit(request(tmp_path, "sleep 300"))
    wait(lambda: state(scheduler, job) is JobState.RUNNING)
    (running,) = read_jobs(tmp_path / "queue" / "jobs")
    assert running.started is not None
    os.kill(running.started.pid, signal.SIGKILL)
    wait(lambda: state(scheduler, job) is JobState.LOST)
    assert end(scheduler, scheduler.submit(request(tmp_path, "exit 0"))).state is JobState.DONE


def test_a_runner_that_cannot_start_is_tried_once_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "runner.py"
    broken.write_text("raise SystemExit('no hard links here')\n")
    monkeypatch.setattr(local_queue, "_RUNNER", broken)
    monkeypatch.setattr("saiten.clusters.local.ensure", lambda *_: None)
    scheduler = LocalScheduler(tmp_path / "queue", kill_seconds=1.0)
    job = scheduler.submit(request(tmp_path, "exit 0"))
    local_queue.work(tmp_path / "queue" / "jobs")  # ends, since nothing waits any more
    status = scheduler.final(job)
    assert (status.state, status.reason) == (JobState.FAILED, "its supervisor did not start: no hard links here")


def test_the_queue_is_started_again_when_it_was_killed(scheduler: LocalScheduler, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = scheduler.submit(request(tmp_path, f"while [ ! -e {gate} ]; do sleep 0.05; done"))
    second = scheduler.submit(request(tmp_path, "exit 0", name="second"))
    wait(lambda: state(scheduler, first) is JobState.RUNNING)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"saiten.clusters.local_queue" in command and str(tmp_path).encode() in command[-2]:
                os.kill(int(entry.name), signal.SIGKILL)
    assert state(scheduler, first) is JobState.RUNNING
    gate.touch()
    assert end(scheduler, second).state is JobState.DONE


def test_more_gpus_than_there_are_is_refused(
    scheduler: LocalScheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    with pytest.raises(SchedulerError, match="needs 3 GPUs and this machine offers 2"):
        scheduler.submit(request(tmp_path, "exit 0", node=NodeKind(name="gpu_3", gpus=3)))
    assert end(scheduler, scheduler.submit(request(tmp_path, "", node=NodeKind(name="gpu_2", gpus=2)))).slots == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    with pytest.raises(SchedulerError, match="needs 2 GPUs and this machine offers 1"):
        scheduler.submit(request(tmp_path, "exit 0", node=NodeKind(name="gpu_2", gpus=2)))
    job = scheduler.submit(request(tmp_path, 'echo "$CUDA_VISIBLE_DEVICES"', node=GPU))
    assert end(scheduler, job).state is JobState.DONE
    assert (tmp_path / "logs" / f"job.o{job}").read_text() == "2\n"


def job(number: int, **changes: object) -> Job:
    fields: dict[str, object] = {
        "name": "job",
        "script": "/s",
        "arguments": (),
        "output": "/",
        "walltime": 1,
        "kill_seconds": 1.0,
        "wanted": 1,
        "devices": ("0", "1"),
        "priority": 0,
        "after": (),
        "submitted": 0.0,
    }
    request = Request(**(fields | changes))  # type: ignore[arg-type]
    return Job(number=number, folder=Path(str(number)), request=request, started=None, ended=None, cancel=False)


def running(number: int, *devices: str) -> Job:
    return replace(
        job(number), started=Started(pid=os.getpid(), ticks=started_ticks(os.getpid()), started=0.0, devices=devices)
    )


def chosen(*jobs: Job) -> list[tuple[int, tuple[str, ...]]]:
    return [(found.number, devices) for found, devices in choose(list(jobs))]


def test_devices_are_given_in_order_of_priority_and_submission() -> None:
    assert chosen(job(1), job(2), job(3)) == [(1, ("0",)), (2, ("1",))]
    assert chosen(job(1), job(2), job(3, priority=1)) == [(3, ("0",)), (1, ("1",))]
    assert chosen(running(1, "0"), job(2), job(3)) == [(2, ("1",))]
    assert chosen(job(1), job(2, after=("1",)), job(3)) == [(1, ("0",)), (3, ("1",))]
    assert chosen(job(2, after=("77",))) == [(2, ("0",))]


def test_a_queue_reads_a_job_that_ended_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2", "3"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "request.json").write_bytes(msgspec.json.encode(job(int(number)).request))
    read = Counter[str]()

    def counted(folder: Path) -> Job | None:
        read[folder.name] += 1
        return read_job(folder)

    def launched(one: Job, _devices: tuple[str, ...]) -> None:
        (one.folder / "cancel").touch()

    monkeypatch.setattr(local_queue, "read_job", counted)
    monkeypatch.setattr(local_queue, "launch", launched)
    monkeypatch.setattr(local_queue, "LOOK_SECONDS", 0.0)
    (tmp_path / "1" / "cancel").touch()
    local_queue.work(tmp_path)
    assert read == {"1": 1, "2": 2, "3": 2}


def test_a_large_job_is_not_overtaken_on_its_devices() -> None:
    assert chosen(running(1, "0"), job(2, wanted=2), job(3), job(4, devices=("slot0",))) == [(4, ("slot0",))]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (None, ("0", "1")),
        ("1,0", ("1", "0")),
        ("GPU-bbbb,GPU-aa", ("1", "0")),  # two jobs must not have one GPU under two names
        ("0,GPU-aaaa,0", ("0",)),
        ("1,7,0", ("1",)),
        ("1,-1,0", ("1",)),
        ("MIG-1234", ("MIG-1234",)),
    ],
)
def test_a_gpu_has_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str | None, expected: tuple[str, ...]
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0, GPU-aaaa\\n1, GPU-bbbb\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpus({} if stated is None else {"CUDA_VISIBLE_DEVICES": stated}) == expected


def test_devices_come_from_the_shell() -> None:
    assert gpus({"CUDA_VISIBLE_DEVICES": "1, GPU-ab"}) == ("1", "GPU-ab")
    assert gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == ()
    assert slots({"SAITEN_LOCAL_SLOTS": "2"}) == ("slot0", "slot1")
    with pytest.raises(SchedulerError, match="SAITEN_LOCAL_SLOTS"):
        slots({"SAITEN_LOCAL_SLOTS": "many"})
