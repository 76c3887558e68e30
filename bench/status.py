"""What `saiten status` costs with as many jobs as TSUBAME4 lets one user have, and how often it asks the scheduler.

A `qstat` of ours is the first on PATH: it prints what Grid Engine prints for 2,000 jobs, and notes that it was asked.
The command's own CPU is told apart from that of its children, as the system accounts for them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from bench.measure import ROOT, Figure, clean_environment
from bench.sections import Plan
from saiten.clusters.heartbeat import Counters, Heartbeat
from saiten.clusters.record import JobReport, Submission, folder_of, write_report, write_submission
from saiten.results.files import write_json

JOBS = 2_000
"""Half of them run, half wait."""
FIRST = 7_654_321
"""Job number of the first: seven digits, as on a machine that is some years old."""
LIMIT_SECONDS = 1.0
NAMES = ("ja_gpqa", "ja_mmlu_prox", "en_mmlu_pro", "en_humanevalplus")
WORDS = "job-ID  prior   name       user         state submit/start at     queue"
HEAD = f"{WORDS:96} slots ja-task-ID \n{'-' * 113}\n"
PROGRAM = """\
#!/bin/sh
echo "${{0##*/}} $*" >>{calls}
exec /bin/cat {listing}
"""
REFUSING = """\
#!/bin/sh
echo "${{0##*/}} $*" >>{calls}
exit 1
"""


def qstat_line(number: int, name: str, *, running: bool) -> str:
    """Return a job's line of plain `qstat`, in Grid Engine's own columns; a name is cut to ten characters."""
    state, queue = ("r", f"all.q@r{number % 240 + 1}n1") if running else ("qw", "")
    when = "11/23/2026 17:55:55"
    return f"{number:7d} 0.50000 {name[:10]:10} {'tanaka':12} {state:5} {when} {queue:30} {48:5d} {'':10}\n"


def submission(number: int, run: Path, now: float) -> Submission:
    """Return a job as `saiten submit` writes it down; four jobs share a run directory."""
    name, job = NAMES[number % 4], str(FIRST + number)
    logs = run / "jobs"
    return Submission(
        key=f"20261123-{number:06d}-abcdef",
        service="tsubame",
        scheduler="gridengine",
        node_kind="node_q",
        job_id=job,
        name=name,
        model=f"org/model-{number // 4}-8B",
        provider="vllm",
        settings="reasoning",
        benchmarks=(name.partition("_")[2],),
        run=str(run),
        progress=str(run / f"progress-{name}.json"),
        output=str(logs),
        stdout=str(logs / f"{name}.o{job}"),
        stderr=str(logs / f"{name}.e{job}"),
        server_log=str(logs / f"{name}.vllm{job}"),
        argv=("qsub", "-g", "tga-lab", "-l", "node_q=1", "-l", "h_rt=4:00:00", "-N", name, "-o", str(logs)),
        walltime=14_400,
        estimate=9_000,
        estimate_source="the benchmark's table (node_q)",
        group="tga-lab",
        priority=-5,
        submitted=now - 7_200,
    )


def write_jobs(output: Path, now: float, count: int = JOBS) -> str:
    """Write what so many jobs and their submission leave on disk; return what `qstat` says of them."""
    folder = folder_of(output)
    folder.mkdir(parents=True)
    lines = [HEAD]
    for number in range(count):
        job = submission(number, output / "results" / "hosted_vllm" / "org" / f"model-{number // 4}-8B", now)
        running = number % 2 == 1
        write_submission(folder, job)
        lines.append(qstat_line(FIRST + number, job.name, running=running))
        if running:
            report = JobReport(job_id=job.job_id, host="r1n1", pid=7, started=now - 3_600, ends=now + 10_800, due=1_000)
            write_report(folder, job.key, report)
            Path(job.run).mkdir(parents=True, exist_ok=True)
            counters = Counters(due=1_000, answered=400, output_tokens=240_000)
            beat = Heartbeat(
                state="generating",
                heartbeat=now + 600,  # so that it stays fresh while this measures
                started=now - 3_600,
                host="r1n1",
                key=job.key,
                due=1_000,
                answered=400,
                tokens_per_second=5_000.0,
                eta_seconds=5_400.0,
                benchmarks={job.benchmarks[0]: counters},
            )
            write_json(Path(job.progress), msgspec.to_builtins(beat))
    return "".join(lines)


def cpu_apart(command: list[str], environment: dict[str, str], log: Path) -> tuple[float, float]:
    """Run a command to its end; return its own CPU seconds, and those of the children that it waited for."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        status = process.wait()
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}: {log.read_text()[-500:]}")
    user, system, of_children, system_of_children = (int(field) for field in fields[11:15])  # proc(5), from field 14 on
    tick = os.sysconf("SC_CLK_TCK")
    return (user + system) / tick, (of_children + system_of_children) / tick


def status(plan: Plan) -> list[Figure]:
    """`saiten status` with 2,000 jobs of Grid Engine."""
    output, programs = plan.folder / "output", plan.folder / "bin"
    calls, listing, log = plan.folder / "calls", plan.folder / "listing", plan.folder / "log"
    programs.mkdir(parents=True)
    listing.write_text(write_jobs(output, time.time()))
    for name, text in (("qstat", PROGRAM), ("qacct", REFUSING), ("qsub", REFUSING)):
        (programs / name).write_text(text.format(calls=calls, listing=listing))
        (programs / name).chmod(0o755)
    environment = clean_environment(plan.folder / "cache") | {"PATH": f"{programs}:/usr/bin:/bin", "COLUMNS": "160"}
    command = [sys.executable, "-m", "saiten", "status", "--output-dir", str(output)]
    own: list[float] = []
    children: list[float] = []
    asked: list[float] = []
    for _ in range(plan.repeats(5)):
        calls.write_text("")
        spent, spent_by_children = cpu_apart(command, environment, log)
        questions = calls.read_text().splitlines()
        if not log.read_text().endswith(f"\n{JOBS // 2} queued, {JOBS // 2} running\n"):
            raise RuntimeError(f"saiten status does not show all jobs: {log.read_text()[-500:]}")
        own.append(spent)
        children.append(spent_by_children)
        asked.append(float(len(questions)))
    return [
        Figure(
            section="status",
            name=f"CPU, {JOBS:,} jobs, whole command",
            values=tuple(own),
            unit="s",
            target=LIMIT_SECONDS,
        ),
        Figure(section="status", name="CPU of its children", values=tuple(children), unit="s"),
        Figure(section="status", name="questions to the scheduler", values=tuple(asked), target=1),
    ]
