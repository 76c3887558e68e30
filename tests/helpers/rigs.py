"""Real schedulers on this machine, for tests: Grid Engine as TSUBAME4 dresses it, and Slurm. Needs root and apt.

Schedulers refuse jobs of root, so everything of a test runs as an ordinary user: `Rig.saiten` and `Rig.python` start
our interpreter as that user, whose jobs must reach it too. Where the interpreter or the checkout lies in a folder that
is closed to others (as /root is), links to it are made where everybody may look.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.shared import ROOT

USER = "saitenrig"
PROJECT = "tga-saiten"
BASE = Path("/var/tmp/saiten-rig")
SCRIPTS = ROOT / "tests" / "real" / "rigs"
SETUP_SECONDS = 600
RUN_SECONDS = 280
FILL_SECONDS = 60.0
ROOM = 4
"""Jobs of the node kind that gridengine.sh makes room for."""
FILL = "#!/bin/sh\nexec sleep 600\n"


@dataclass(frozen=True)
class Rig:
    """One real scheduler, and how to use it as an ordinary user."""

    service: str
    """The service of saiten that it stands for."""
    node_kind: str
    group: str
    interpreter: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The user's home."""
        return Path(pwd.getpwnam(USER).pw_dir)

    def folder(self, name: str) -> Path:
        """Make an empty folder that belongs to the user."""
        path = self.home / "tests" / self.service / name
        shutil.rmtree(path, ignore_errors=True)
        for made in (path.parent.parent, path.parent, path):
            made.mkdir(exist_ok=True)
            own(made)
        return path

    def run(
        self, argv: Sequence[str], cwd: Path, *, seconds: float = RUN_SECONDS, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, as the user."""
        user = pwd.getpwnam(USER)
        return subprocess.run(
            list(argv),
            cwd=cwd,
            env={**self.environment, "XDG_STATE_HOME": f"{cwd}.state", **(env or {})},
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            umask=0o022,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def python(self, *argv: str, cwd: Path, seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run our interpreter, as the user."""
        return self.run([str(self.interpreter), *argv], cwd, seconds=seconds)

    def saiten(self, *argv: str, cwd: Path, seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run `saiten`, as the user."""
        return self.python("-m", "saiten", *argv, cwd=cwd, seconds=seconds)

    def listing(self) -> dict[str, str]:
        """What the scheduler itself lists of the user's jobs: number -> its words for the state, and for the reason."""
        if self.service == "tsubame":
            rows = [line.split() for line in self._ask("qstat", "-u", USER).splitlines()]
            return {row[0]: row[4] for row in rows if row and row[0].isdecimal()}
        rows = [line.split(" ", 1) for line in self._ask("squeue", "-h", "-u", USER, "-o", "%i %T %r").splitlines()]
        return {job: words.strip() for job, words in rows}

    @contextmanager
    def full(self) -> Iterator[None]:
        """One job that sleeps takes all the room there is; it is deleted at the end."""
        script = self.folder("full") / "fill.sh"
        script.write_text(FILL)
        log = ("-o", "/dev/null", "-e", "/dev/null")
        if self.service == "tsubame":
            room = ("-g", self.group, "-l", f"{self.node_kind}={ROOM}", "-l", "h_rt=0:15:00")
            told = self._ask("qsub", "-terse", *room, *log, "-N", "fill", str(script))
        else:
            told = self._ask("sbatch", "--parsable", "--exclusive", "-t", "15", *log, "-J", "fill", str(script))
        fill = told.strip()
        try:
            self._until(lambda: self.listing().get(fill, "") in {"r", "RUNNING None"}, "the job that fills it runs")
            yield
        finally:
            self._ask("qdel" if self.service == "tsubame" else "scancel", fill)
            self._until(lambda: fill not in self.listing(), "the job that fills it is gone")

    def _ask(self, *argv: str) -> str:
        done = self.run(argv, self.home)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def _until(self, what: Callable[[], bool], words: str) -> None:
        end = time.monotonic() + FILL_SECONDS
        while not what():
            assert time.monotonic() < end, f"{words}: not within {FILL_SECONDS:g} s: {self.listing()}"
            time.sleep(0.3)


def own(path: Path) -> None:
    """Give a path to the user."""
    user = pwd.getpwnam(USER)
    os.chown(path, user.pw_uid, user.pw_gid)


def open_rig(service: str) -> Rig:
    """Start the scheduler (and install it, once) that stands for a service. Skips where that cannot be."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("real schedulers are set up as root, from apt packages")
    slurm = BASE / "slurm"
    BASE.mkdir(mode=0o755, exist_ok=True)
    if service == "tsubame":
        set_up("gridengine.sh", USER, PROJECT)
        path = f"{SCRIPTS / 'tsubame'}:/usr/bin:/bin"
        own_environment = {"SGE_ROOT": "/var/lib/gridengine", "SGE_CELL": "default"}
        kind, group = "node_q", PROJECT
        if closed_above(SCRIPTS) is not None:
            path = f"{linked(SCRIPTS / 'tsubame')}:/usr/bin:/bin"
    else:
        set_up("slurm.sh", USER, str(slurm))
        path, own_environment = "/usr/bin:/bin", {"SLURM_CONF": str(slurm / "slurm.conf")}
        kind, group = "cpu", ""
    environment = {
        "HOME": pwd.getpwnam(USER).pw_dir,
        "USER": USER,
        "LOGNAME": USER,
        "LANG": "C.UTF-8",
        "PATH": path,
        "SAITEN_CACHE": str(BASE / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        **own_environment,
    }
    return Rig(service, kind, group, public_interpreter(), environment)


INSTALL = """
import os
from saiten.servers.environment import cache_directory
from saiten.servers.llamacpp import default_model, install
cache = cache_directory(os.environ)
default_model(python=install(cache=cache, tell=print), cache=cache, tell=print)
"""


def install_embedded(rig: Rig) -> None:
    """Install the embedded model server where the user's jobs find it. As root, whose package index is set up."""
    environment = {**os.environ, "SAITEN_CACHE": rig.environment["SAITEN_CACHE"]}
    done = subprocess.run(
        [str(rig.interpreter), "-c", INSTALL], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    subprocess.run(["chmod", "-R", "a+rX", rig.environment["SAITEN_CACHE"]], check=True)


def set_up(script: str, *arguments: str) -> None:
    """Run a set-up script; what it says is shown when it fails. Its daemons outlive it, so they get no pipe of ours."""
    log = BASE / f"{script}.log"
    with log.open("wb") as sink:
        done = subprocess.run(
            ["/bin/bash", str(SCRIPTS / script), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=SETUP_SECONDS,
            check=False,
            start_new_session=True,
        )
    assert done.returncode == 0, f"{script} failed:\n{log.read_text(errors='replace')[-3000:]}"


def closed_above(path: Path) -> Path | None:
    """Return the first folder above `path` that other users may not pass."""
    return next((up for up in reversed(path.resolve().parents) if not up.stat().st_mode & stat.S_IXOTH), None)


@cache
def linked(path: Path) -> Path:
    """Return a place with `path`'s content that everybody can reach: itself, or hard links to its files."""
    if closed_above(path) is None:
        return path
    resolved = path.resolve()
    place = BASE / "links" / f"{resolved.name}-{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    library = f"lib/python3.{sys.version_info.minor}/os.py"
    if (place / library).exists() and (place / library).samefile(resolved / library):
        return place  # an interpreter does not change, and its thousands of files take a while
    part = place.with_name(f"{place.name}.{os.getpid()}-{threading.get_ident()}.part")
    place.parent.mkdir(parents=True, exist_ok=True)
    for flags in ("-al", "-a"):
        shutil.rmtree(part, ignore_errors=True)
        if subprocess.run(["cp", flags, str(resolved), str(part)], capture_output=True, check=False).returncode == 0:
            break
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)
    return place


@cache
def public_interpreter() -> Path:
    """Return an interpreter with saiten and its libraries that every user can run: a small environment of its own."""
    base = linked(Path(sys.base_prefix))
    if base != Path(sys.base_prefix):
        find_own_library(base)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    place = BASE / f"environment-{name}"
    site = place / "lib" / version / "site-packages"
    if not site.is_dir():  # another session may be using it
        maker = base / "bin" / version
        subprocess.run([str(maker), "-m", "venv", "--without-pip", str(place)], check=True, timeout=120)
    libraries = [linked(ROOT / "src"), linked(Path(sysconfig.get_paths()["purelib"]))]
    (site / "saiten-rig.pth").write_text("".join(f"{path}\n" for path in libraries))
    return place / "bin" / "python"


def find_own_library(base: Path) -> None:
    """Let a linked interpreter find its libpython beside itself: the path written into it is closed to the user.

    The new path is shorter, so it fits into the place of the old one; the program's link to the original is cut.
    """
    program = (base / "bin" / "python3").resolve()
    old = str(Path(sys.base_prefix).resolve() / "lib").encode() + b"\0"
    data = program.read_bytes()
    if old in data:
        changed = program.with_name(f"{program.name}.part")
        changed.write_bytes(data.replace(old, b"$ORIGIN/../lib".ljust(len(old), b"\0")))
        changed.chmod(0o755)
        changed.replace(program)
