"""Answers to somebody else's question: what a client can notice of a proxy that mixes answers up, and what not.

It can see that one stream was put together of two answers, and that the same answer came to two requests (a proxy that
caches, or hands one answer to two): a server names each of its answers. It cannot see that two whole answers were
swapped, since nothing in the protocol says which request an answer belongs to; only a low score would show that.
"""

from __future__ import annotations

from collections import deque

REMEMBERED = 4_096
"""Names of the latest answers that are kept: more than are ever in flight."""


class Names:
    """Names of the latest answers."""

    def __init__(self) -> None:
        self._latest: deque[str] = deque(maxlen=REMEMBERED)
        self._known: set[str] = set()
        self._telling = False

    def finding(self, ids: tuple[str, ...]) -> str | None:
        """Take in the names that one answer bears; return what is wrong, in one sentence without particulars."""
        if len(ids) > 1:
            return "streams held chunks of several answers (their ids differ): something before the model mixes them"
        if not ids:
            return None
        (name,) = ids
        seen = name in self._known
        if not seen:
            if len(self._latest) == REMEMBERED:
                self._known.discard(self._latest[0])
            self._latest.append(name)
            self._known.add(name)
        self._telling = (
            self._telling or len(self._known) > 1
        )  # a server that calls all its answers the same says nothing
        if seen and self._telling:
            return "the same answer (by its id) came to several requests: something between here and the model caches"
        return None
