"""What a service needs of `.env` and of its folders, checked before the first job: each finding says what to write."""

from __future__ import annotations

import ctypes
import grp
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from saiten.clusters.services import Service
from saiten.settings.environment import CheckedEnvironment, check_dotenv

FOLDERS = ("REPO_PATH", "HUGGINGFACE_CACHE", "UV_CACHE", "VLLM_CACHE", "STORE_PATH")
CACHES = ("HUGGINGFACE_CACHE", "UV_CACHE", "VLLM_CACHE")
"""Large: on a cluster they belong on its shared file systems."""
NEEDED_ON_CLUSTERS = ("HUGGINGFACE_CACHE", "UV_CACHE", "VLLM_CACHE")
LEAST_FREE_GB = {"HUGGINGFACE_CACHE": 50.0, "UV_CACHE": 20.0, "VLLM_CACHE": 5.0}
FILE_SYSTEMS = {
    0x01021994: "tmpfs",
    0x858458F6: "ramfs",
    0x0BD00BD0: "lustre",
    0x6969: "nfs",
    0x47504653: "gpfs",
    0x19830326: "beegfs",
    0xEF53: "ext4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x794C7630: "overlay",
}
"""`f_type` of statfs(2), linux/magic.h and the file systems' own headers."""
IN_MEMORY = {"tmpfs", "ramfs"}
ONE_MACHINE = {"ext4", "xfs", "btrfs", "overlay"}
SCRIPT_MODE = 0o550
"""Read and execute, for the user and the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong, and what to do. One that is not fatal is a warning."""

    text: str
    fatal: bool = True


def check_service(service: Service, dotenv: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Return everything that would stop jobs of a service, or make them slow or lost."""
    if not dotenv.is_file():
        needed = service.scheduler != "local"
        words = f"{dotenv} is missing: saiten settings env --template > {dotenv}; chmod 600 {dotenv}; then fill it in"
        checked, found = CheckedEnvironment(), [Problem(text=words, fatal=needed)]
    else:
        checked = check_dotenv(dotenv)
        found = [Problem(text=text) for text in checked.errors]
        found += [Problem(text=text, fatal=False) for text in checked.warnings]
    told = {name: getattr(checked.environment, name) for name in checked.environment.__slots__}
    values = {name: environ.get(name) or value for name, value in told.items()}
    reported = {text.split(": ", 1)[1].split(" ", 1)[0] for text in checked.errors if ": " in text}
    found += [problem for problem in check_group(service, values, environ) if not reported & {service.group_variable}]
    if service.scheduler != "local":
        found += missing_folders({name: value for name, value in values.items() if name not in reported}, dotenv)
    for name in FOLDERS:
        if (value := values.get(name)) and name not in reported:
            found += check_folder(name, Path(value), service)
    return found


def check_group(service: Service, values: Mapping[str, str | None], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Check who pays."""
    name = service.group_variable
    if not name:
        return
    group = values.get(name) or environ.get(name)
    if group is None and service.group_required:
        yield Problem(text=f'{name} is not set: write {name}="…" into .env; jobs are refused without it')
    elif group is None and service.trial_walltime is not None:
        minutes = service.trial_walltime // 60
        yield Problem(
            text=f'{name} is not set, so jobs are free trials of {minutes} minutes: write {name}="…" into .env',
            fatal=False,
        )
    elif group is not None and service.executable_group and gid_of(group) is None:
        yield Problem(text=f"{name}={group}: there is no such group here, or you are not in it", fatal=False)


def missing_folders(values: Mapping[str, str | None], dotenv: Path) -> Iterator[Problem]:
    """Name the caches that are not set: they would fill the home directory."""
    for name in NEEDED_ON_CLUSTERS:
        if name in values and not values[name]:
            yield Problem(text=f'{name} is not set: write {name}="/a/folder/on/the/shared/file/system" into {dotenv}')


def check_folder(name: str, folder: Path, service: Service) -> Iterator[Problem]:
    """Check one folder: it is made where it is missing, written to once, and its file system looked at."""
    if name in CACHES and service.file_systems and not str(folder).startswith(service.file_systems):
        where = " or ".join(service.file_systems)
        yield Problem(text=f"{name}={folder}: on {service.name} it belongs below {where}")
        return
    if name == "REPO_PATH" and not folder.is_dir():
        yield Problem(text=f"{name}={folder}: there is no such folder; write where this repository is")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Problem(text=f"{name}={folder}: cannot be written ({error.strerror}); choose a folder of your own")
        return
    kind = file_system(folder)
    if service.scheduler != "local" and kind in IN_MEMORY:
        yield Problem(text=f"{name}={folder}: this is memory ({kind}), which ends with the machine; choose a disk")
    elif service.scheduler != "local" and kind in ONE_MACHINE:
        text = f"{name}={folder}: {kind} looks like a disk of this machine alone; jobs on other nodes need a shared one"
        yield Problem(text=text, fatal=False)
    free = free_gb(folder)
    if free < LEAST_FREE_GB.get(name, 0.0):
        text = f"{name}={folder}: only {free:.0f} GB are free; {LEAST_FREE_GB[name]:.0f} GB are comfortable"
        yield Problem(text=text, fatal=False)


def file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, as statfs(2) names it; empty where it is not known."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(512)
    if not hasattr(libc, "statfs") or libc.statfs(os.fsencode(folder), buffer) != 0:
        return ""
    number = int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], "little") & 0xFFFFFFFF
    return FILE_SYSTEMS.get(number, "")


def free_gb(folder: Path) -> float:
    """Return what the user can still write, in GB."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize / 1e9


def gid_of(group: str) -> int | None:
    """Return the number of a group that this process is in; None: there is none, or it is not in it."""
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return None
    return number if number in {*os.getgroups(), os.getgid()} or os.geteuid() == 0 else None


def open_to_group(scripts: Path, group: str | None) -> list[Path]:
    """Let the group read and execute the shell scripts below a folder; return those that were changed."""
    number = gid_of(group) if group else None
    changed = []
    for path in sorted(scripts.rglob("*.sh")):
        status = path.stat()
        if status.st_uid != os.geteuid():
            continue
        if number is not None and status.st_gid != number:
            os.chown(path, -1, number)
        if (stat.S_IMODE(status.st_mode) | SCRIPT_MODE) != stat.S_IMODE(status.st_mode):
            path.chmod(stat.S_IMODE(status.st_mode) | SCRIPT_MODE)
        elif number is None or status.st_gid == number:
            continue
        changed.append(path)
    return changed
