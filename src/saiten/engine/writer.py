"""Writing a journal: whole lines, in one file for each writer, synced together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from saiten.engine.crash import crash
from saiten.errors import UserError

SYNC_SECONDS = 0.5
RETRY_SECONDS = 2.0
GIVE_UP_SECONDS = 60.0
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE}


def writer_name() -> str:
    """Return a name that no other writer of a shared run directory has."""
    job = os.environ.get("JOB_ID") or os.environ.get("PBS_JOBID") or os.environ.get("SLURM_JOB_ID") or "local"
    host = socket.gethostname().split(".")[0]
    return f"{job.split('.')[0]}-{host}-{os.getpid()}-{time.time_ns() // 1_000_000:x}"


class Writer:
    """Appends to one file of one journal folder. The only writer of that file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._end = 0
        self.synced = 0
        self.pending: list[bytes] = []
        """Lines that could not be written yet (disk full); kept in memory and tried again."""

    @property
    def end(self) -> int:
        """Bytes written."""
        return self._end

    def append(self, line: bytes) -> int:
        """Write a line and return its offset. Where the file system refuses, it is pending, and will stand there."""
        if not self.pending:
            try:
                return self._write(line)
            except OSError as error:
                if error.errno not in FULL:
                    raise
        offset = self._end + sum(map(len, self.pending))
        self.pending.append(line)
        return offset

    def _write(self, line: bytes) -> int:
        descriptor = self._open()
        start = self._end
        view = memoryview(line)
        try:
            crash("mid_line", lambda: os.write(descriptor, view[: len(view) // 2]))
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            os.ftruncate(descriptor, start)  # half a line must not stand before the next one
            raise
        self._end = start + len(line)
        crash("after_line")
        return start

    def _open(self) -> int:
        if self._descriptor is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._end = repair(self._descriptor, self.path)
            self.synced = self._end
        return self._descriptor

    def retry(self) -> None:
        """Try to write what is pending. Raises OSError while the file system still refuses."""
        while self.pending:
            self._write(self.pending[0])
            del self.pending[0]

    def sync(self) -> None:
        """Bring what is written to disk. Blocking: call it in a thread."""
        end = self._end
        if self._descriptor is not None and self.synced < end:
            crash("before_fsync")
            os.fsync(self._descriptor)
            crash("after_fsync")
            self.synced = end

    def reader(self) -> int:
        """Return a descriptor of one's own to read what is written, removed or not."""
        return os.dup(self._open())

    @property
    def removed(self) -> bool:
        """Whether somebody removed the file while it is open: what was written is readable, but only here."""
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0

    def rescue(self) -> None:
        """Write the removed file again. Raises OSError."""
        assert self._descriptor is not None
        removed, self._descriptor = self._descriptor, None
        copy_again(removed, self.path, owner=True)
        os.close(removed)
        self._open()

    def close(self) -> None:
        """Close the file; what is written stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def repair(descriptor: int, path: Path) -> int:
    """Cut a torn last line before anything is appended; return the file's length.

    The torn bytes are kept beside the file as `.torn`, since they may be all that is left of a paid answer.
    """
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    start, step = size, 1 << 16
    keep = 0
    while start > 0:
        begin = max(0, start - step)
        found = os.pread(descriptor, start - begin, begin).rfind(b"\n")
        if found >= 0:
            keep = begin + found + 1
            break
        start = begin
    with path.with_suffix(".torn").open("ab") as torn:
        torn.write(os.pread(descriptor, size - keep, keep))
    crash("during_repair")
    os.ftruncate(descriptor, keep)
    return keep


def copy_again(removed: int, path: Path, *, owner: bool) -> None:
    """Write what an open, removed file holds into a new file at its place. Raises OSError.

    Only the owner of a file replaces one that somebody else made again meanwhile: it alone knows the newest lines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    size, offset = os.fstat(removed).st_size, 0
    with part.open("wb") as again:
        while offset < size:
            offset += again.write(os.pread(removed, 1 << 20, offset))
        again.flush()
        os.fsync(again.fileno())
    if owner:
        part.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        os.link(part, path)
    part.unlink()


def pack(path: Path) -> None:
    """Compress a closed journal file. The original goes only after its replacement is on disk."""
    import zstandard

    target = path.with_name(path.name + ".zst")
    part = target.with_name(target.name + ".part")
    with path.open("rb") as source, part.open("wb") as sink:
        zstandard.ZstdCompressor(level=3).copy_stream(source, sink)
        sink.flush()
        os.fsync(sink.fileno())
    part.replace(target)
    path.unlink()


class GroupCommit:
    """Syncs a set of writers together: at most SYNC_SECONDS after a write, in a thread, never on the event loop."""

    def __init__(self) -> None:
        self._writers: list[Writer] = []
        self._rescues: dict[Writer, Callable[[], None]] = {}
        self._wanted = asyncio.Event()
        self._committed = asyncio.Condition()
        self._hurry = asyncio.Event()
        self.refused_since: float | None = None
        """Monotonic time since which the file system takes nothing; None when all is well."""
        self.reason = ""

    def add(self, writer: Writer, rescue: Callable[[], None] | None = None) -> None:
        """Watch a writer. `rescue` is called when somebody removed its file."""
        self._writers.append(writer)
        self._rescues[writer] = rescue or writer.rescue

    def written(self, writer: Writer) -> None:
        """Say that something was appended to `writer` (or refused)."""
        self._wanted.set()
        if writer.pending and self.refused_since is None:
            self.refused_since = time.monotonic()

    async def durable(self, writer: Writer) -> None:
        """Wait until all that `writer` has written so far is on disk."""
        end = writer.end
        self._wanted.set()
        self._hurry.set()
        async with self._committed:
            await self._committed.wait_for(lambda: writer.synced >= end)

    async def written_out(self, writer: Writer) -> None:
        """Wait until nothing of `writer` is pending any more: only then can it be read back."""
        async with self._committed:
            await self._committed.wait_for(lambda: not writer.pending)

    async def run(self) -> None:
        """Sync until cancelled. Raises UserError when the file system refused for GIVE_UP_SECONDS."""
        while True:
            await self._wanted.wait()
            try:
                async with asyncio.timeout(SYNC_SECONDS):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            self._hurry.clear()
            await self.commit()

    async def commit(self) -> None:
        """Write what is pending, sync everything once, and wake those who wait for it."""
        if self.refused_since is not None:
            await self._recover()
        dirty = [writer for writer in self._writers if writer.synced < writer.end]
        for writer in dirty:
            if writer.removed:
                self._rescues[writer]()
        if dirty:
            await asyncio.to_thread(sync_all, dirty)
        async with self._committed:
            self._committed.notify_all()

    async def _recover(self) -> None:
        assert self.refused_since is not None
        while True:
            try:
                for writer in self._writers:
                    writer.retry()
            except OSError as error:
                self.reason = error.strerror or str(error)
                if time.monotonic() - self.refused_since > GIVE_UP_SECONDS:
                    raise UserError(self._rescue()) from error
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.refused_since = None
                return

    def _rescue(self) -> str:
        lines = sum(len(writer.pending) for writer in self._writers)
        folder = Path(tempfile.mkdtemp(prefix="saiten-rescued-"))
        for number, writer in enumerate(writer for writer in self._writers if writer.pending):
            (folder / f"{number}-{writer.path.name}").write_bytes(b"".join(writer.pending))
        where = ", ".join(sorted({str(writer.path.parent) for writer in self._writers if writer.pending}))
        return (
            f"cannot write to {where}: {self.reason} (disk space, quota or number of files); {lines} answers are "
            f"saved in {folder}: make room, copy those files into that folder, and start the same command again"
        )


def sync_all(writers: list[Writer]) -> None:
    """Sync each writer. Blocking."""
    for writer in writers:
        writer.sync()
