"""The old command line's model arguments: `model=openai/o3,base_url=…,generation_parameters={temperature:0.2}`.

    arguments  = pair ("," pair)*
    pair       = key "=" value
    value      = "{" entries "}" | "[" items "]" | quoted | anything up to the next comma
    entries    = [key (":" | "=") value ("," …)*]        keys may be quoted; inside, values also end at } and ]
    quoted     = JSON's double quotes, or single quotes around anything but single quotes

Messages never show a value: it may be a key.

Source: lighteval 0.8 (swallow-evaluation-instruct@3520211): regular expressions that cut the braces out, quote the
keys and read the rest as JSON. Differs: `=` and commas in values, unquoted words and nested braces are understood.
"""

from __future__ import annotations

import json
import re

from saiten.errors import UsageError
from saiten.settings.tree import Items, Node, Table, Text

LONGEST = 100_000
DEEPEST = 20
KEY = re.compile(r"\w[\w.-]*")
BARE_KEY = re.compile(r"[a-z_]{1,40}\Z")
"""What may be shown of an unknown word: a mistyped setting, not a key that lost its name."""
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
PLACE = "model arguments, character"


def parse_arguments(text: str) -> Table:
    """Read model arguments. UsageError names the character where they stop making sense."""
    if len(text) > LONGEST:
        raise UsageError(f"model arguments: longer than {LONGEST} characters")
    reader = Reader(text)
    return reader.entries("", "=", 0)


class Reader:
    """Reads from a text, one part after the other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def where(self) -> str:
        """The place that is read next."""
        return f"{PLACE} {self.at + 1}"

    def fail(self, problem: str) -> UsageError:
        """Return the error to raise."""
        return UsageError(
            f"{self.where}: {problem}; they look like model=openai/NAME,base_url=URL,"
            "generation_parameters={temperature:0.2,top_p:0.95}"
        )

    def skip(self) -> None:
        """Go over spaces and line ends."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        self.skip()
        return self.text[self.at : self.at + 1]

    def entries(self, closing: str, marks: str, depth: int) -> Table:
        """Read keys and values up to the closing brace, or the end where there is none."""
        if depth > DEEPEST:
            raise self.fail("too many braces in each other")
        table = Table({}, self.where)
        while (character := self.peek()) != closing:
            if not character:
                raise self.fail(f"{closing!r} is missing")
            key = self.key()
            if self.peek() not in set(marks):
                raise self.fail(f"a key must be followed by {' or '.join(repr(mark) for mark in marks)}")
            self.at += 1
            if key in table.entries:
                raise self.fail("this key was given before" if not BARE_KEY.match(key) else f"{key!r} is given twice")
            table.entries[key] = self.value(closing, depth)
            self.comma(closing)
        self.at += len(closing)
        return table

    def comma(self, closing: str) -> None:
        """Go over the comma between two values."""
        character = self.peek()
        if character == ",":
            self.at += 1
        elif character not in {closing, ""}:  # at the end, what does not close is the better message
            raise self.fail("expected a comma")

    def key(self) -> str:
        """Read a key."""
        if self.peek() in {'"', "'"}:
            return self.quoted()
        match = KEY.match(self.text, self.at)
        if match is None:
            raise self.fail("expected the name of a setting")
        self.at = match.end()
        return match[0]

    def value(self, closing: str, depth: int) -> Node:
        """Read a value; `closing` is what ends the braces around it, empty outside of all."""
        self.skip()
        where = self.where
        match self.peek():
            case "{":
                self.at += 1
                return Table(self.entries("}", ":=", depth + 1).entries, where)
            case "[":
                self.at += 1
                return Items(self.items(depth + 1), where)
            case '"' | "'":
                return Text(self.quoted(), where, quoted=True)
            case _:
                return Text(self.bare({",", closing}), where)

    def bare(self, ends: set[str]) -> str:
        """Read up to one of the characters in `ends`, or the end."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ends:
            self.at += 1
        return self.text[start : self.at].strip()

    def items(self, depth: int) -> tuple[Node, ...]:
        """Read the values of a list up to its bracket."""
        if depth > DEEPEST:
            raise self.fail("too many brackets in each other")
        found: list[Node] = []
        while (character := self.peek()) != "]":
            if not character:
                raise self.fail("']' is missing")
            found.append(self.value("]", depth))
            self.comma("]")
        self.at += 1
        return tuple(found)

    def quoted(self) -> str:
        """Read a quoted text."""
        quote = self.text[self.at]
        if quote == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise self.fail("the quote that begins here does not end")
            start, self.at = self.at + 1, end + 1
            return self.text[start:end]
        match = JSON_STRING.match(self.text, self.at)
        if match is None:
            raise self.fail("the quote that begins here does not end")
        try:
            text: str = json.loads(match[0], strict=False)
        except json.JSONDecodeError:
            raise self.fail("the quoted text has a backslash that JSON does not know") from None
        self.at = match.end()
        return text
