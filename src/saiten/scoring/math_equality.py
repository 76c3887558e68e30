"""When the old system took two mathematical objects for equal.

Asymmetric: the first argument is the gold answer. Only worker processes import this module.

Source: reference measurement, described in its terms and checked against its recorded outputs.
Differs: a set's members are ordered by value where possible; the old system relied on sympy's own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from latex2sympy2_extended import is_expr_of_only_symbols
from sympy import (
    And,
    Basic,
    E,
    Eq,
    FiniteSet,
    Float,
    Ge,
    Gt,
    Interval,
    Le,
    Lt,
    MatrixBase,
    MatrixExpr,
    Mul,
    Number,
    Rational,
    Set,
    Symbol,
    Tuple,
    simplify,
)
from sympy.core.relational import Relational

from saiten.scoring.math_attempt import attempt

_DIGITS = 5
"""Decimal places to which numbers are rounded before they are compared."""
_FLIPPED = {Ge: Le, Le: Ge, Gt: Lt, Lt: Gt, Eq: Eq}


def equal_any(golds: Sequence[Any], answers: Sequence[Any]) -> bool:
    """Return whether any reading of the gold text equals any reading of the answer. Strings only equal strings."""
    return any(_equal_items(gold, answer) for gold, answer in product(golds, answers))


def _equal_items(gold: Any, answer: Any) -> bool:
    if isinstance(gold, str) or isinstance(answer, str):
        both = isinstance(gold, str) and isinstance(answer, str)
        return both and bool(gold.strip()) and gold.strip() == answer.strip()
    return attempt(lambda: equal(gold, answer), otherwise=False)


def equal(gold: Any, answer: Any) -> bool:
    """Return whether two sympy objects are equal. May raise anything that sympy raises."""
    if _is_assignment(gold) and not _is_relation(answer):
        gold = gold.rhs
    elif _is_equation(answer) and not _is_relation(gold):
        answer = answer.rhs
    if _is_relation(gold) and isinstance(answer, Set):
        gold = _as_set(gold)
    if _same(gold, answer):
        return True
    if _is_relation(gold) and _is_relation(answer):
        return _equal_relations(gold, answer)
    if isinstance(gold, (Set, Tuple)) or isinstance(answer, (Set, Tuple)):
        return _equal_sets(gold, answer)
    if isinstance(gold, Symbol) or isinstance(answer, Symbol):
        return _equal_symbols(gold, answer)
    if isinstance(gold, (Basic, MatrixBase)) and isinstance(answer, (Basic, MatrixBase)):
        return _equal_numbers(gold, answer) or _difference_is_zero(gold, answer)
    return False


def _is_relation(value: Any) -> bool:
    return isinstance(value, Relational) or (
        isinstance(value, And) and bool(value.args) and all(isinstance(part, Relational) for part in value.args)
    )


def _is_equation(value: Any) -> bool:
    return isinstance(value, Eq)


def _is_assignment(value: Any) -> bool:
    return isinstance(value, Eq) and bool(is_expr_of_only_symbols(value.lhs))


def _as_set(relation: Any) -> Any:
    """Return the relation's solutions; where sympy cannot solve it, the relation."""
    return attempt(relation.as_set, relation)


def _done(value: Any) -> Any:
    return attempt(value.doit, value)


def _same(gold: Any, answer: Any) -> bool:
    return bool(gold == answer) or bool(_done(gold) == _done(answer))


def _equal_relations(gold: Any, answer: Any) -> bool:
    if isinstance(gold, And) and isinstance(answer, And):
        return len(gold.args) == len(answer.args) and all(
            _equal_relations(left, right) for left, right in zip(gold.args, answer.args, strict=True)
        )
    if not isinstance(gold, Relational) or not isinstance(answer, Relational):
        return False
    if type(gold) is type(answer) and _equal_items(gold.lhs - gold.rhs, answer.lhs - answer.rhs):
        return True
    return _FLIPPED.get(type(gold)) is type(answer) and _equal_items(gold.lhs - gold.rhs, answer.rhs - answer.lhs)


def _equal_sets(gold: Any, answer: Any) -> bool:
    gold = gold if isinstance(gold, (Set, Tuple)) else FiniteSet(gold)
    answer = answer if isinstance(answer, (Set, Tuple)) else FiniteSet(answer)
    if isinstance(gold, Interval) and isinstance(answer, Interval):
        return (
            gold.left_open == answer.left_open
            and gold.right_open == answer.right_open
            and _equal_items(gold.start, answer.start)
            and _equal_items(gold.end, answer.end)
        )
    if gold == answer or _no_difference(gold, answer):
        return True
    if isinstance(gold, Tuple) and isinstance(answer, FiniteSet):
        written = getattr(answer, "_unsorted_args", answer.args)
        return _equal_members(tuple(gold.args), tuple(written))
    return _equal_members(_members(gold), _members(answer))


def _no_difference(gold: Any, answer: Any) -> bool:
    if not isinstance(gold, Set) or not isinstance(answer, Set):
        return False
    return attempt(lambda: bool(gold.symmetric_difference(answer).is_empty), otherwise=False)


def _members(value: Any) -> tuple[Any, ...] | None:
    """Return the members in order; an open interval (a, b) may have been meant as a pair. None: not countable."""
    if isinstance(value, (FiniteSet, Tuple)):
        return tuple(value.args)
    if isinstance(value, Interval) and value.left_open and value.right_open:
        return (value.start, value.end)
    return None


def _equal_members(gold: tuple[Any, ...] | None, answer: tuple[Any, ...] | None) -> bool:
    if gold is None or answer is None or len(gold) != len(answer):
        return False
    return all(_equal_items(left, right) for left, right in zip(gold, answer, strict=True))


def _letters(value: Any) -> str | None:
    """Return the name that a symbol, e, or a product of such spells, in lower case."""
    if isinstance(value, Symbol):
        return str(value.name).lower()
    if value == E:
        return "e"
    if isinstance(value, Mul) and all(isinstance(part, Symbol) or part == E for part in value.args):
        return "".join(str(part.name) if isinstance(part, Symbol) else "e" for part in value.args).lower()
    return None


def _equal_symbols(gold: Any, answer: Any) -> bool:
    names = _letters(gold), _letters(answer)
    if None not in names:
        return names[0] == names[1]
    return str(gold) == str(answer)


def _is_atomic(value: Any, kind: type) -> bool:
    """Return whether `value` is of the kind, or a percentage of such."""
    if isinstance(value, kind):
        return True
    if not isinstance(value, Mul) or len(value.args) != 2 or not isinstance(value.args[0], kind):
        return False
    return bool(value.args[1] == Rational(1, 100))


def _equal_numbers(gold: Any, answer: Any) -> bool:
    if isinstance(gold, (MatrixBase, MatrixExpr)) and isinstance(answer, (MatrixBase, MatrixExpr)):
        gold, answer = _done(gold), _done(answer)
        return (
            isinstance(gold, MatrixBase)
            and isinstance(answer, MatrixBase)
            and gold.shape == answer.shape
            and all(_equal_numbers(left, right) for left, right in zip(gold.flat(), answer.flat(), strict=True))
        )
    if not _is_atomic(gold, Number) and not _is_atomic(answer, Number):
        return False
    with_float = _is_atomic(gold, Float) or _is_atomic(answer, Float)
    gold, answer = _done(gold), _done(answer)
    if with_float and isinstance(gold, Number) and isinstance(answer, Number):
        return bool(gold.round(_DIGITS) == answer.round(_DIGITS))
    return bool(gold == answer)


def _difference_is_zero(gold: Any, answer: Any) -> bool:
    difference = attempt(lambda: simplify(gold - answer), None)
    if difference is None:
        return False
    return bool(difference.is_zero_matrix if isinstance(difference, MatrixBase) else difference.is_zero)
