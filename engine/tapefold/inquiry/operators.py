"""What the operators of expressions do: exactly, and never with an error.

None is what is not there, or not known. Whatever is computed from it is None, and a comparison with it
is false, as is one of two values of different kinds.
"""

import ast
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation
from typing import Final, TypeAlias

from tapefold.inquiry.things import Value
from tapefold.units import ACCOUNT

Sum: TypeAlias = Callable[[Decimal, Decimal], Decimal]
_ROUNDED: Final = Context(
    prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero]
)
ARITHMETIC: Final[Mapping[type[ast.operator], Sum]] = {
    ast.Add: ACCOUNT.add,
    ast.Sub: ACCOUNT.subtract,
    ast.Mult: ACCOUNT.multiply,
    ast.Div: _ROUNDED.divide,
}
"""Exact, but for quotients: those are rounded to 28 digits."""
ORDERED: Final[Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]]] = {
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
}
"""Of numbers alone."""


def compute(do: Sum, left: Value, right: Value) -> Value:
    """One of the sums; None where it has no answer."""
    if not (isinstance(left, Decimal) and isinstance(right, Decimal)):
        return None
    try:
        return do(left, right)
    except ArithmeticError:  # by nothing, or beyond 600 digits
        return None


def compare(operator: type[ast.cmpop], left: Value, right: Value) -> bool:
    """Whether it holds; not where either side is not there, or they are not of one kind."""
    if left is None or right is None:
        return False
    if operator in (ast.In, ast.NotIn):
        return _contains(left, right) is (operator is ast.In)
    if type(left) is not type(right):
        return False
    if operator is ast.Eq:
        return bool(left == right)
    if operator is ast.NotEq:
        return bool(left != right)
    return isinstance(left, Decimal) and ORDERED[operator](left, right)


def _contains(part: Value, whole: Value) -> bool | None:
    """None where that cannot be said."""
    if isinstance(whole, str):
        return part in whole if isinstance(part, str) else None
    if not isinstance(whole, tuple):
        return None
    return any(type(each) is type(part) and each == part for each in members(whole))


def amount_of(amounts: Value, asset: str) -> Decimal | None:
    """Of pairs of asset and amount the amount of one; None where it is not among them, or no number."""
    for pair in members(amounts):
        match pair:
            case (name, Decimal() as amount) if name == asset:
                return None if amount.is_nan() else amount
            case _:
                pass
    return None


def members(several: Value) -> tuple[Value, ...]:
    """Those of a tuple; none of anything else."""
    return several if isinstance(several, tuple) else ()  # pyright: ignore[reportUnknownVariableType] - of values
