"""When the old system took two mathematical objects for equal.

Asymmetric: the first argument is the gold answer. Only worker processes import this module.

Source: reference measurement, described in its terms and checked against its recorded outputs.
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
    default_sort_key,
    ordered,
    simplify,
)
from sympy.core.function import UndefinedFunction
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
    if _is_assignment(gold) and not _is_equation(answer):
        gold = _last(gold).rhs
    if _is_equation(answer) and not _is_equation(gold):
        answer = _last(answer).rhs
    if _is_relation(gold) and isinstance(answer, Set):
        relation = _without_functions(gold)
        gold = attempt(relation.as_set, gold)
    if _same(gold, answer):
        return True
    if _is_relation(gold) and _is_relation(answer):
        return _equal_relations(gold, answer)
    if isinstance(gold, (Set, Tuple)) or isinstance(answer, (Set, Tuple)):
        return _equal_sets(gold, answer)
    if isinstance(gold, Symbol) or isinstance(answer, Symbol):
        return _equal_symbols(gold, answer)
    return _equal_numbers(gold, answer) or _difference_is_zero(gold, answer)


def _parts(value: Any) -> tuple[Any, ...]:
    """Return the relations that `value` joins by "and", or itself."""
    return tuple(value.args) if isinstance(value, And) else (value,)


def _is_relation(value: Any) -> bool:
    return all(isinstance(part, Relational) for part in _parts(value))


def _is_equation(value: Any) -> bool:
    return all(isinstance(part, Eq) for part in _parts(value))


def _is_assignment(value: Any) -> bool:
    return _is_equation(value) and bool(is_expr_of_only_symbols(_parts(value)[0].lhs))


def _last(equation: Any) -> Any:
    return _last(equation.args[-1]) if isinstance(equation, And) else equation


def _without_functions(value: Any) -> Any:
    """Return `value` with each f(x) as a symbol, so that a relation of it can be solved."""
    if not isinstance(value, Basic):
        return value
    parts = [_without_functions(part) for part in value.args]
    if isinstance(value.func, UndefinedFunction):
        return Symbol("_".join([value.func.__name__, *map(str, parts)]))
    return attempt(lambda: value.func(*parts), value) if parts else value


def _done(value: Any) -> Any:
    return attempt(value.doit, value)


def _same(gold: Any, answer: Any) -> bool:
    """Return whether the two are the same once evaluated, by structure or as they are printed."""
    gold, answer = _done(gold), _done(answer)
    return attempt(lambda: bool(gold == answer) or str(gold) == str(answer), otherwise=False)


def _equal_relations(gold: Any, answer: Any) -> bool:
    if isinstance(gold, And):
        # Where one side has more relations than the other, the old system ignored the rest.
        return all(_equal_relations(left, right) for left, right in zip(gold.args, answer.args, strict=False))
    if not isinstance(gold, Relational) or not isinstance(answer, Relational):
        return False
    if type(gold) is type(answer) and _equal_sides(gold.lhs, gold.rhs, answer.lhs, answer.rhs):
        return True
    return _FLIPPED.get(type(gold)) is type(answer) and _equal_sides(gold.lhs, gold.rhs, answer.rhs, answer.lhs)


def _equal_sides(left: Any, right: Any, other_left: Any, other_right: Any) -> bool:
    return attempt(lambda: equal(left - right, other_left - other_right), otherwise=False)


def _equal_sets(gold: Any, answer: Any) -> bool:
    gold = gold if isinstance(gold, (Set, Tuple)) else FiniteSet(gold)
    answer = answer if isinstance(answer, (Set, Tuple)) else FiniteSet(answer)
    if isinstance(gold, Interval) and isinstance(answer, Interval):
        return (
            gold.left_open == answer.left_open
            and gold.right_open == answer.right_open
            and equal(gold.start, answer.start)
            and equal(gold.end, answer.end)
        )
    if gold == answer:
        return True
    if isinstance(gold, Set) and isinstance(answer, Set) and gold.symmetric_difference(answer).is_empty:
        return True
    if isinstance(gold, Interval) != isinstance(answer, Interval):
        gold, answer = _pair(gold), _pair(answer)
    if not isinstance(gold, (FiniteSet, Tuple)) or not isinstance(answer, (FiniteSet, Tuple)):
        return False
    if len(gold) != len(answer):
        return False
    return all(equal(left, right) for left, right in zip(*_in_order(gold, answer), strict=True))


def _pair(value: Any) -> Any:
    """Return an open interval (a, b) as the pair that it may have been meant as; anything else as it is."""
    return Tuple(value.start, value.end) if isinstance(value, Interval) and value.is_open else value


def _in_order(gold: Any, answer: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the members in the order in which they are compared: a gold tuple's as written, a gold set's by value."""
    if isinstance(gold, FiniteSet):
        return _by_value(gold.args), _by_value(answer.args)
    if isinstance(answer, FiniteSet):
        written = getattr(answer, "_unsorted_args", None)
        return gold.args, _by_value(answer.args) if written is None else written
    return gold.args, answer.args


def _by_value(members: Sequence[Any]) -> list[Any]:
    return list(ordered(members, keys=_value_key, default=False))


def _value_key(member: Any) -> Any:
    value = _last(member).rhs if _is_assignment(member) else member
    return attempt(lambda: default_sort_key(value.evalf()), None) or default_sort_key(value)


def _spelled(value: Any) -> str | None:
    """Return what a product of symbols (and e) spells, in lower case; None if it is none."""
    if isinstance(value, Mul) and all(isinstance(part, Symbol) or part == E for part in value.args):
        return "".join(str(part.name) if isinstance(part, Symbol) else "e" for part in value.args).lower()
    return None


def _equal_symbols(gold: Any, answer: Any) -> bool:
    """Compare a symbol with a symbol exactly, with e or with the product of its letters in either case."""
    for symbol, other in ((gold, answer), (answer, gold)):
        if isinstance(symbol, Symbol):
            name = str(symbol.name).lower()
            if (name == "e" and other == E) or name == _spelled(other):
                return True
    return bool(gold == answer)


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
        return attempt(lambda: bool((gold - answer).evalf(chop=True) == 0), otherwise=False)
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
