"""Server-sent events, for completions: bytes in, chunks out.

Made for many thousands of small events a second: bytes are only collected as they come, and parsed in batches of
BATCH_BYTES or at the end, with one call of the decoder for each batch. Memory is bounded by the batch, not the stream.

Source: WHATWG HTML Living Standard, section 9.2 "Server-sent events" (line ends LF, CRLF or CR; several data lines of
an event are joined with a line feed; lines that begin with a colon are comments).
Differs: event types, ids and retry times mean nothing here and are skipped, and an event that the stream ends in is
not dropped: some servers leave out the last blank line.
"""

from __future__ import annotations

from collections.abc import Callable

from saiten.models.wire import BOM, Completion, Malformed, decode_chunks

BATCH_BYTES = 16_384
DONE = b"[DONE]"
FAREWELLS = (b"data: [DONE]", b"data:[DONE]")
FAREWELL_ENDS = (b"DONE]\n", b"DONE]\n\n", b"DONE]\r", b"DONE]\r\n", b"DONE]\r\r", b"DONE]\r\n\r\n")


class EventStream:
    """Collects the bytes of a stream and hands its chunks to `take`, in order."""

    def __init__(self, take: Callable[[list[Completion]], None]) -> None:
        self._take = take
        self._buffer = bytearray()
        self.done = False
        """Whether the server said that the stream is over."""
        self.events = 0
        """Chunks so far, counted as they come."""

    def feed(self, data: bytes) -> int:
        """Add bytes; parse if there are enough. Returns how many events came with them, about. Raises Malformed."""
        self._buffer += data
        came = data.count(b"data:")
        self.events += came
        if len(self._buffer) >= BATCH_BYTES:
            self.parse()
        return came

    @property
    def at_done(self) -> bool:
        """Whether the bytes so far end with the server's farewell (a whole line: a model may say the same word)."""
        if not self._buffer.endswith(FAREWELL_ENDS):
            return self.done
        return bytes(self._buffer[-24:]).rstrip(b"\r\n").endswith(FAREWELLS)

    def parse(self, *, last: bool = False) -> None:
        """Take the complete events out of the buffer (all that is left with `last`). Raises Malformed."""
        buffer = bytes(self._buffer)
        if b"\r" in buffer:
            held = b"\r" if buffer.endswith(b"\r") and not last else b""  # may be the first half of a CRLF
            buffer = buffer.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        end = len(buffer) if last else buffer.rfind(b"\n\n") + 2
        if end < 2:
            return
        self._buffer[:] = buffer[end:]
        self._read(buffer[:end])

    def _read(self, text: bytes) -> None:
        payloads = []
        for line in text.removeprefix(BOM).split(b"\n"):
            if line.startswith(b"data:"):
                payload = line[5:].strip()
                if payload == DONE:
                    self.done = True
                elif payload:
                    payloads.append(payload)
        if not payloads:
            return
        try:
            chunks = decode_chunks(payloads)
        except Malformed:
            joined = list(_events(text.removeprefix(BOM)))
            if len(joined) == len(payloads):
                raise
            chunks = decode_chunks(joined)  # some event has its data on several lines
        self._take(chunks)


def _events(text: bytes) -> list[bytes]:
    """Return the data of each event, several lines joined."""
    found = []
    for event in text.split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines).strip()
        if data and data != DONE:
            found.append(data)
    return found
