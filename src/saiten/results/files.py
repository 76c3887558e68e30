"""Whole files, replaced at once: written beside their place, synced, renamed. A reader sees the old one or the new one.

Source: ISO C `rename` and POSIX `fsync`; a directory that cannot be synced (some network file systems) is accepted,
since the rename has already happened.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saiten.errors import UserError

NOT_SYNCABLE = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new, empty file beside `path`; when the block ends well it takes `path`'s place, else it is removed.

    Raises UserError when the file system refuses.
    """
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"cannot write {path}: {reason}; the answers are kept, `saiten score` writes it again"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by `data`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace a file by `value` as strict JSON: UTF-8, indented, no NaN. Raises ValueError for NaN and infinities."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    # A lone surrogate becomes its JSON escape: backslashreplace happens to spell it so.
    write_bytes(path, text.encode("utf-8", "backslashreplace") + b"\n")


def finite(value: float | None) -> float | None:
    """Return the number, or None for what JSON cannot hold."""
    return value if value is not None and math.isfinite(value) else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in NOT_SYNCABLE:
            raise
