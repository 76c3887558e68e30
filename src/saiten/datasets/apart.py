"""Long texts of a row that stay on disk: tests of a programming contest can be a hundred megabytes.

A prepared subset whose dataset names such columns has a third file, `NAME.apart`: their texts one after another, as
UTF-8. In the row stands where each is, and its SHA-256.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec import Struct

from saiten.errors import UserError


class Stored(Struct, frozen=True):
    """A text on disk."""

    path: Path
    offset: int
    length: int
    digest: str
    """SHA-256 of its UTF-8, hexadecimal."""

    def read(self) -> str:
        """Return the text. UserError where the file is damaged or gone."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.length)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise UserError(f"{self.path} was changed on disk; delete it, and the next run makes it again")
        return data.decode()


class Held(Struct, frozen=True):
    """A text in memory, in place of a stored one."""

    text: str

    @property
    def digest(self) -> str:
        """As of a stored one."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def read(self) -> str:
        """Return the text."""
        return self.text
