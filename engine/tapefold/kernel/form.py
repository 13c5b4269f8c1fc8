"""Whether a command is one at all: its words, numbers and ranges, whatever engine it is given to.

Python checks no types, and a log keeps what it is given for ever: a side of "BUY" in it could not be
read any more. So a command is read once as a tape would be, before anything comes of it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from tapefold.adapter import (
    Adopt,
    CancelAll,
    Command,
    Halt,
    LimitRisk,
    SetFees,
    Submit,
    Wake,
    WatchAccount,
)
from tapefold.errors import BadInput
from tapefold.units import SCALED_MAX, SECOND, Nanos, is_account_number, tidy

Given: TypeAlias = Mapping[str, Any]
"""A command's fields."""
NUMBERS: Final = (
    "amount",
    "quote_amount",
    "price",
    "worst",
    "amount_max",
    "notional_max",
    "band",
    "maker_rate",
    "taker_rate",
)
"""The fields of commands that are account numbers."""
WAKE_MIN: Final = SECOND // 1000
"""The shortest timer: one of no time at all would fire without end."""
RATE_MAX: Final = Decimal("0.1")
"""No fee is a tenth of what is traded: who says more means percent, or basis points."""
_encode = msgspec.json.Encoder().encode


class _Kind(NamedTuple):
    """One kind of command."""

    numbers: tuple[str, ...]
    """Its fields that are account numbers, in the order in which they are looked at."""
    integers: tuple[str, ...]
    """Its fields that are ints."""
    rules: tuple[Callable[[Given], None], ...]
    """What holds for it beyond types and numbers."""
    decode: Callable[[bytes], object]


def normal(command: Command) -> Command:
    """The same with its numbers as an account has them: 1.00 is 1, and a log does not tell them apart."""
    given: dict[str, Decimal] = {}
    kind = _of(type(command))
    assert kind is not None, "it was checked"
    for name in kind.numbers:
        number = getattr(command, name)
        if number is not None:
            given[name] = tidy(number)
    return replace(command, **given) if given else command


def check_form(command: Command) -> None:
    """Whether it is one. Raises `BadInput`, which says of which field."""
    kind = _of(type(command))
    if kind is None:
        raise BadInput(f"a command is a Submit, a Cancel, ..., not {command!r:.60}")
    given = msgspec.structs.asdict(command)
    for name in kind.numbers:
        if given[name] is not None:
            _check_number(name, given[name])
    _check_types(command, given, kind)
    for rule in kind.rules:
        rule(given)


@cache
def _of(kind: type) -> _Kind | None:
    """What there is to know of one kind, looked up once; None for what is no command."""
    if not issubclass(kind, get_args(Command)):
        return None
    hints: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return _Kind(
        tuple(name for name in NUMBERS if name in hints),
        tuple(name for name, hint in hints.items() if hint is int),
        tuple(rule for each, rule in _RULES.items() if issubclass(kind, each)),
        msgspec.json.Decoder(kind).decode,
    )


def _check_types(command: Command, given: Given, kind: _Kind) -> None:
    """As a tape is read."""
    for name in kind.integers:
        value = given[name]
        if isinstance(value, int) and not -SCALED_MAX < value < SCALED_MAX:
            raise BadInput(f"{name} is more than a log can hold")
    try:
        kind.decode(_encode(command))
    except msgspec.ValidationError as error:
        raise BadInput(f"{type(command).__name__}: {error}") from None
    except (TypeError, ValueError):
        raise BadInput(
            f"{type(command).__name__} has a value that nothing can be made of"
        ) from None


def _check_number(name: str, number: object) -> None:
    """That it is exact, and one that every exchange and every log can hold."""
    if not isinstance(number, Decimal):
        raise BadInput(f"{name} is a Decimal, not {number!r:.40}: Decimal('0.1'), never 0.1")
    if not number.is_finite():
        raise BadInput(f"{name} is {number}, which is no amount")
    if number < 0 and not name.endswith("_rate"):
        raise BadInput(f"{name} is {number:.9g}: it may not be negative")
    if not is_account_number(number.copy_abs()):
        raise BadInput(f"{name} is {number:.9g}: too many digits, of which there may be 38")


def _check_positive(given: Given, *names: str) -> None:
    for name in names:
        if given[name] is not None and not given[name]:
            raise BadInput(f"{name} is 0")


def _check_times(least: Nanos, *names: str) -> Callable[[Given], None]:
    def rule(given: Given) -> None:
        for name in names:
            if given[name] < least:
                raise BadInput(f"{name} is in nanoseconds, and {least:,} at least")

    return rule


def _check_order(given: Given) -> None:
    """That it is one of the orders that there are."""
    kind = given["order_type"]
    if kind == "market" and given["price"] is not None:
        raise BadInput("a market order has no price: say worst to bound what is reckoned with")
    if kind != "market" and given["price"] is None:
        raise BadInput(f"a {kind} order has a price")
    if (given["amount"] is None) == (given["quote_amount"] is None):
        raise BadInput("an order has an amount, or a market order a quote_amount instead")
    if kind != "market" and given["quote_amount"] is not None:
        raise BadInput("only a market order is by quote_amount")
    if kind != "limit" and given["tif"] != "gtc":
        raise BadInput(f"a {kind} order has no time in force")
    if given["expires_at"] < 0:
        raise BadInput("expires_at is in nanoseconds since 1970; 0 is never")
    _check_positive(given, "amount", "quote_amount", "price", "worst")


def _check_adopted(given: Given) -> None:
    _check_positive(given, "amount", "price")
    if not given["exchange_order_id"]:
        raise BadInput("an order is adopted by its exchange_order_id")


def _check_limits(given: Given) -> None:
    if min(given["open_orders_max"], given["submits_max"], given["submits_per"]) < 0:
        raise BadInput("a count, and a time, is not negative")
    if bool(given["submits_max"]) != bool(given["submits_per"]):
        raise BadInput("submits_max is so many orders in submits_per nanoseconds: say both")


def _check_fees(given: Given) -> None:
    for name in ("maker_rate", "taker_rate"):
        if given[name].copy_abs() > RATE_MAX:
            raise BadInput(f"{name} is a fraction: 0.001 are ten basis points")


def _check_halt(given: Given) -> None:
    if not given["reason"]:
        raise BadInput("whoever halts says why")


_RULES: Final[Mapping[type, Callable[[Given], None]]] = {
    Submit: _check_order,
    Adopt: _check_adopted,
    LimitRisk: _check_limits,
    SetFees: _check_fees,
    Halt: _check_halt,
    WatchAccount: _check_times(SECOND, "poll", "poll_silent", "silence_max"),
    CancelAll: _check_times(1, "timeout"),
    Wake: _check_times(WAKE_MIN, "after"),
}
"""Beyond types and numbers, by command."""
