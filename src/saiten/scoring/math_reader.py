r"""The converter of latex2sympy2-extended with what later versions than 1.0.6 do differently taken back.

Percentages are plain unevaluated products, sums after `\pm` are evaluated, chains of relations continue with their
last part in sympy's order, 0,125 has a thousands separator, and gamma is a letter.

Only worker processes import this module.

Source: latex2sympy2-extended 1.0.6; docs/parity.md lists the forms. Compared on thousands of altered answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import latex2sympy2_extended.latex2sympy2 as library
from sympy import And, Basic, Function, Mul, Number, Rational, Symbol, UnevaluatedExpr, evaluate
from sympy.core.function import AppliedUndef

_CONVERSION = library.ConversionConfig(lowercase_symbols=False)
_GAMMA = re.compile(r"\\(?:gamma|Gamma)(?![a-zA-Z])|[γΓ]")
_RELATION = re.compile(r"[<>=≤≥≠≦≧≈]|\\(?:[lgn]|subset|in|sim|approx)")
"""Of every text that may hold a chain of relations something stands here."""
_LETTERS = {r"\gamma": r"\upsilon", r"\Gamma": r"\Upsilon", "γ": r"\upsilon ", "Γ": r"\Upsilon "}
"""What stands in for gamma, which the library takes for a constant or a function."""
_NAMES = {"upsilon": "gamma", "Upsilon": "Gamma"}


def read(latex: str, *, is_real: bool | None) -> Any:
    """Return normalised LaTeX as a sympy object. Raises whatever the parser raises on what it cannot read."""
    text = latex if "psilon" in latex else _GAMMA.sub(lambda match: _LETTERS[match[0]], latex)
    with _as_before():
        value = _Reader(None, is_real, convert_degrees=False, config=_CONVERSION).parse(text)
    related = _RELATION.search(latex) is not None
    if not isinstance(value, Basic) or not (related or text != latex):
        return value
    changes: dict[Basic, Basic] = {chain: And(*chain.args) for chain in value.atoms(_Chain)} if related else {}
    if text != latex:
        changes |= {symbol: Symbol(_named(symbol.name), real=is_real) for symbol in value.atoms(Symbol)}
    with evaluate(False):
        value = value.xreplace(changes) if changes else value
        calls = {call: Function("\\" + _named(name[1:]))(*call.args) for call, name in _calls(value)}
        return value.xreplace(calls) if calls and text != latex else value


def percentage(value: Any) -> Any:
    """Return `value` hundredths, not evaluated: as a percentage it is told apart from a number."""
    return Mul(value, Rational(1, 100), evaluate=False)


class _Chain(And):  # type: ignore[misc]
    """Several relations. The library asks for their order as written; 1.0.6 went on after the last in sympy's order."""

    @property
    def _unsorted_args(self) -> tuple[Any, ...]:
        return tuple(self.args)


class _Reader(library._Latex2Sympy):  # type: ignore[misc]  # noqa: SLF001 - `latex2sympy` makes no other
    def convert_atom(self, atom: Any) -> Any:
        value = super().convert_atom(atom)
        if isinstance(value, Mul) and value.args and any(isinstance(part, UnevaluatedExpr) for part in value.args):
            held = UnevaluatedExpr(Rational(1, 100))
            return percentage(Mul(*(part for part in value.args if part != held), evaluate=False))
        return value

    def convert_element(self, element: Any) -> Any:
        signs = element.plus_minus_expr()
        if not signs or len(signs.expr()) == 1:
            return super().convert_element(element)
        left, right = (self.convert_expr(part) for part in signs.expr())
        return [left + right, left - right]


def _number(text: str) -> Any:
    return Number(text.replace(",", "").replace(" ", "").lstrip("0") or "0")


@contextmanager
def _as_before() -> Iterator[None]:
    """Let the library's own functions use what 1.0.6 had; `math_careful` needs them as they are."""
    kept = library.And, library.convert_number
    library.And, library.convert_number = _Chain, _number
    try:
        yield
    finally:
        library.And, library.convert_number = kept


def _named(name: str) -> str:
    """Return the name that a symbol has, with its index, where `name` has the stand-in."""
    letter, mark, index = name.partition("_")
    return _NAMES.get(letter, letter) + mark + index


def _calls(value: Basic) -> Iterator[tuple[Any, str]]:
    """Yield the calls of functions that are called like a stand-in."""
    for call in value.atoms(AppliedUndef):
        name = str(call.func.__name__)
        if name.removeprefix("\\") in _NAMES:
            yield call, name
