"""The places where jobs run, as data: a new site is a new table, here or in a file of the user's.

Source: the sites' own pages and what was measured on schedulers of the same families: TSUBAME4 (resource types, 24 h,
priorities -5 to -3, 2,000 jobs), ABCI 3.0 user guide (queues, 168 h, 1,000 jobs). A number that we do not know
is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from saiten.errors import UserError, suggestion
from saiten.settings.described import read_block, read_by
from saiten.settings.tree import Items, Node, Table, Text
from saiten.settings.values import number_between, one_of, text, truth, whole_from, words
from saiten.values import replace

HOUR = 3600
AMOUNT = number_between(0, 1e9, "a number from 0 on")
COUNT = whole_from(1, "a whole number above 0")


def seconds(node: Node) -> int:
    """Read a duration, `H:MM:SS` or seconds."""
    wanted = "must be a duration, e.g. 24:00:00"
    if not isinstance(node, Text) or not re.fullmatch(r"\d+(:[0-5]\d:[0-5]\d)?", node.text):
        raise ValueError(wanted)
    hours, _, rest = node.text.partition(":")
    if not rest:
        return int(hours)
    minutes, _, last = rest.partition(":")
    return int(hours) * HOUR + int(minutes) * 60 + int(last)


def factors(node: Node) -> dict[int, float]:
    """Read `{priority: price factor}`."""
    if not isinstance(node, Table) or not all(re.fullmatch(r"-?\d+", name) for name in node.entries):
        raise ValueError("must hold priorities with their price factors, e.g. {-5: 1, -4: 2}")
    return {int(name): AMOUNT(item) for name, item in node.entries.items()}


def lines(node: Node) -> tuple[str, ...]:
    """Read a list of lines."""
    items = node.items if isinstance(node, Items) else (node,)
    return tuple(text(item) for item in items)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKind:
    """What one job gets."""

    name: str
    gpus: float = read_by(AMOUNT, 0)
    """GPUs; 0.5 is half of one (MIG)."""
    gpu: str = read_by(text, "")
    gpu_memory_gb: float = read_by(AMOUNT, 0.0)
    """Memory of each GPU."""
    cores: int = read_by(COUNT, 1)
    memory_gb: float = read_by(AMOUNT, 0.0)
    scratch_gb: float = read_by(AMOUNT, 0.0)
    """Job-local disk."""
    queue: str = read_by(text, "")
    """Queue (PBS) or partition (Slurm)."""
    resources: tuple[str, ...] = read_by(words, ())
    """What the scheduler is asked for: `-l` values (Grid Engine, PBS), long options without `--` (Slurm).

    In a kind whose name ends in `_*`, `{gpus}` stands for the number in its place.
    """
    points_per_hour: float | None = read_by(AMOUNT)
    """Price of an hour in the service's points; None: not known here."""
    weights_gb: float | None = read_by(AMOUNT)
    """Largest model, in GB of weights, that is evaluated comfortably here; None: GPU memory decides."""


def kinds(node: Node) -> dict[str, NodeKind]:
    """Read `{name: {gpus: 1, …}}`."""
    if not isinstance(node, Table) or not node.entries:
        raise ValueError("must hold node kinds, e.g. {a100: {gpus: 1, queue: gpu, resources: [gres=gpu:1]}}")
    found, errors = {}, []
    for name, item in node.entries.items():
        entry = read_block(NodeKind, name, item)
        errors += entry.errors
        found[name] = NodeKind(name=name, **entry.values)
    if errors:
        raise ValueError("has errors:\n" + "\n".join(errors))
    return found


def priority(node: Node) -> int:
    """Read a priority."""
    if not isinstance(node, Text) or not re.fullmatch(r"-?\d+", node.text):
        raise ValueError("must be a whole number")
    return int(node.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A site: its scheduler, its node kinds and its rules."""

    name: str
    scheduler: Literal["gridengine", "pbs", "slurm", "local"] = read_by(
        one_of("gridengine", "pbs", "slurm", "local"), "slurm"
    )
    node_kinds: Mapping[str, NodeKind] = read_by(kinds, {})
    max_walltime: int | None = read_by(seconds)
    """Longest job, seconds."""
    trial_walltime: int | None = read_by(seconds)
    """Longest job without a group; None: a group is always needed, or never."""
    max_jobs: int | None = read_by(COUNT)
    """Jobs of one user that may wait or run."""
    priorities: Mapping[int, float] = read_by(factors, {})
    """Priority -> price factor; empty: a priority cannot be chosen."""
    default_priority: int | None = read_by(priority)
    group_variable: str = read_by(text, "")
    """The variable of `.env` that names who pays."""
    group_required: bool = read_by(truth, default=False)
    group_option: str = read_by(text, "-P")
    """Grid Engine: how a job names who pays; a site may have a wrapper with a `-g` of its own."""
    setup: tuple[str, ...] = read_by(lines, ())
    """Lines of bash that a job runs first (modules)."""
    scratch: tuple[str, ...] = read_by(lines, ("$TMPDIR",))
    """Where job-local disk is, first that exists; `$NAME` is a variable of the job."""
    file_systems: tuple[str, ...] = read_by(lines, ())
    """Where large caches belong, as beginnings of paths; empty: anywhere."""
    kill_seconds: int = read_by(COUNT, 10)
    """From the scheduler's signal to the kill."""
    notice_seconds: int = read_by(seconds, 0)
    """How long before the walltime the scheduler warns; 0: it does not, our own clock does."""
    executable_group: bool = read_by(truth, default=False)
    """Whether what jobs execute must be readable and executable for the group."""
    poll_seconds: int = read_by(COUNT, 60)
    """How often the scheduler may be asked."""
    currency: str = read_by(text, "")
    points_command: tuple[str, ...] = read_by(words, ())
    """The site's command that shows what points are left; `{group}` stands for who pays."""
    money_per_point: float | None = read_by(AMOUNT)
    """What a point costs you, in `money`; None: not known here."""
    money: str = read_by(text, "")

    def longest(self, group: str) -> int | None:
        """Return the longest job that somebody with (or without) a group may ask for, seconds; None: not known here."""
        return self.max_walltime if group else self.trial_walltime or self.max_walltime

    def node_kind(self, name: str) -> NodeKind:
        """Return a node kind, or raise UserError with the ones that exist.

        Where the table has `gpu_*`, any number of GPUs is one: `gpu_2`.
        """
        if name in self.node_kinds:
            return self.node_kinds[name]
        word, _, number = name.rpartition("_")
        pattern = self.node_kinds.get(f"{word}_*")
        if pattern is not None and number.isdecimal() and int(number) > 0:
            resources = tuple(resource.replace("{gpus}", number) for resource in pattern.resources)
            return replace(pattern, name=name, gpus=int(number), resources=resources)
        raise UserError(
            f"service {self.name} has no node kind {name!r}{suggestion(name, self.node_kinds)} "
            f"(it has {', '.join(self.node_kinds)})"
        )


def table(*kinds: NodeKind) -> dict[str, NodeKind]:
    """Return node kinds by name."""
    return {kind.name: kind for kind in kinds}


def tsubame_kind(name: str, *, cores: int, memory: float, scratch: float, gpus: float = 0) -> NodeKind:
    """A resource type of TSUBAME4; one node_f hour is one point, and the prices of the others are not known here."""
    return NodeKind(
        name=name,
        gpus=gpus,
        gpu="H100 SXM5 94 GB" if gpus else "",
        gpu_memory_gb=94 * min(gpus, 1),
        cores=cores,
        memory_gb=memory,
        scratch_gb=scratch,
        resources=(f"{name}=1",),
        points_per_hour=1.0 if name == "node_f" else None,
    )


TSUBAME = Service(
    name="tsubame",
    scheduler="gridengine",
    node_kinds=table(
        tsubame_kind("node_f", gpus=4, cores=192, memory=768, scratch=1660),
        tsubame_kind("node_h", gpus=2, cores=96, memory=384, scratch=830),
        tsubame_kind("node_q", gpus=1, cores=48, memory=192, scratch=415),
        tsubame_kind("node_o", gpus=0.5, cores=24, memory=96, scratch=200),
        tsubame_kind("gpu_1", gpus=1, cores=8, memory=96, scratch=200),
        tsubame_kind("gpu_h", gpus=0.5, cores=4, memory=48, scratch=100),
        tsubame_kind("cpu_160", cores=160, memory=368, scratch=830),
        tsubame_kind("cpu_80", cores=80, memory=184, scratch=415),
        tsubame_kind("cpu_40", cores=40, memory=92, scratch=200),
        tsubame_kind("cpu_16", cores=16, memory=36.8, scratch=83),
        tsubame_kind("cpu_8", cores=8, memory=18.4, scratch=40),
        tsubame_kind("cpu_4", cores=4, memory=9.2, scratch=20),
    ),
    max_walltime=24 * HOUR,
    trial_walltime=180,
    max_jobs=2000,
    priorities={-5: 1.0, -4: 2.0, -3: 4.0},
    default_priority=-5,
    group_variable="TSUBAME_GROUP",
    group_option="-g",
    setup=("[ ! -r /etc/profile.d/modules.sh ] || . /etc/profile.d/modules.sh",),
    scratch=("/local/$JOB_ID", "$TMPDIR"),
    file_systems=("/gs/bs/", "/gs/fs/"),
    kill_seconds=60,
    notice_seconds=0,
    currency="points",
    points_command=("t4-user-info", "group", "point", "-g", "{group}"),
)

ABCI = Service(
    name="abci",
    scheduler="pbs",
    node_kinds=table(
        NodeKind(
            name="rt_HF",
            gpus=8,
            gpu="H200 SXM 141 GB",
            gpu_memory_gb=141,
            cores=192,
            memory_gb=1920,
            scratch_gb=14_000,
            queue="rt_HF",
            resources=("select=1",),
        ),
        NodeKind(
            name="rt_HG",
            gpus=1,
            gpu="H200 SXM 141 GB",
            gpu_memory_gb=141,
            cores=16,
            memory_gb=160,
            scratch_gb=1_400,
            queue="rt_HG",
            resources=("select=1",),
        ),
        NodeKind(name="rt_HC", cores=32, memory_gb=320, scratch_gb=1_400, queue="rt_HC", resources=("select=1",)),
    ),
    max_walltime=168 * HOUR,
    max_jobs=1000,
    group_variable="ABCI_GROUP",
    group_required=True,
    setup=(
        "[ ! -r /etc/profile.d/modules.sh ] || . /etc/profile.d/modules.sh",
        # A site renames its modules: a job that brings its own CUDA goes on without.
        "! type module >/dev/null 2>&1 || module load cuda/12.6/12.6.1 || echo 'no module cuda/12.6/12.6.1' >&2",
    ),
    scratch=("$PBS_LOCALDIR", "$TMPDIR"),
    file_systems=("/groups/", "/home/"),
    kill_seconds=10,
    executable_group=True,
    currency="points",
    points_command=("show_point",),
)

SLURM = Service(
    name="slurm",
    scheduler="slurm",
    node_kinds=table(
        NodeKind(name="gpu_*", resources=("gres=gpu:{gpus}",)),
        NodeKind(name="cpu"),
    ),
    group_variable="SLURM_ACCOUNT",
    kill_seconds=30,
    notice_seconds=120,
)

LOCAL = Service(
    name="local",
    scheduler="local",
    node_kinds=table(NodeKind(name="gpu_*"), NodeKind(name="cpu")),
    scratch=("$TMPDIR", "/tmp"),  # noqa: S108  # the job makes a directory of its own there
    kill_seconds=30,
    poll_seconds=1,
)

SERVICES: Mapping[str, Service] = {service.name: service for service in (TSUBAME, ABCI, SLURM, LOCAL)}
