"""What is expected of an event, and how one that came differs from it."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeAlias

from tapefold import events
from tapefold.events import Event
from tapefold.inquiry.plainly import text

Want: TypeAlias = type[Event] | tuple[type[Event], Mapping[str, Any]]
"""A class of events, alone or with fields: `(OrderFilled, {"amount": Decimal(1)})`."""
Kinds: TypeAlias = type[Event] | tuple[type[Event], ...]
_ORDER: Final = "client_order_id"
_NEAR_MAX: Final = 3
"""Events that are shown, of those which came and are not what was wanted."""


class Wanted(NamedTuple):
    """An event of that class, with these fields."""

    kind: type[Event]
    fields: Mapping[str, Any]

    def fits(self, event: Event) -> bool:
        """Whether it is one."""
        return isinstance(event, self.kind) and not self.differences(event)

    def differences(self, event: Event) -> list[str]:
        """Field by field, for people."""
        return [
            f"{_said(name)}: expected {_shown(value)}, told {_shown(getattr(event, name, None))}"
            for name, value in self.fields.items()
            if not hasattr(event, name) or getattr(event, name) != value
        ]

    def __str__(self) -> str:
        """In a line."""
        return _line(self.kind, self.fields)


def wanted(want: Want, order: str = "", more: Mapping[str, Any] | None = None) -> Wanted:
    """Made of what a test says; *order* is a client order id, *more* further fields.

    Raises `TypeError` for what is no class of events, and for a field that it has not, or that is inexact.
    """
    __tracebackhide__ = True
    kind, given = want if isinstance(want, tuple) else (want, dict[str, Any]())
    kinds(kind)
    _check_mapping(kind, given)
    fields = {**({_ORDER: order} if order else {}), **given, **(more or {})}
    if "order" in fields:
        fields[_ORDER] = fields.pop("order")
    for name, value in fields.items():
        if name not in kind.__struct_fields__ and not kind.__subclasses__():
            near = get_close_matches(name, kind.__struct_fields__, 1)
            there = f"perhaps {near[0]!r}" if near else f"it has {', '.join(_names(kind))}"
            raise TypeError(f"{kind.__name__} has no {name!r}: {there}")
        if isinstance(value, float):
            raise TypeError(f"{name}={value!r} is inexact: say Decimal({str(value)!r})")
    return Wanted(kind, fields)


def kinds(given: Kinds) -> Kinds:
    """The same, if it is classes of events. Raises `TypeError` for what is none."""
    __tracebackhide__ = True
    for each in given if isinstance(given, tuple) else (given,):
        if not _is_kind(each):
            name = str(each) if _is_kind(getattr(events, str(each), None)) else "OrderFilled"
            raise TypeError(
                f"{each!r} is no class of events: say the class itself, "
                f"`from tapefold.events import {name}`"
            )
    return given


def _is_kind(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Event)


def _check_mapping(kind: type[Event], given: object) -> None:
    __tracebackhide__ = True
    if not isinstance(given, Mapping):
        raise TypeError(f"the fields of {kind.__name__} are a dict, not {given!r}")


def line(event: Event) -> str:
    """An event in a line: what there is in it."""
    return _line(type(event), {name: getattr(event, name) for name in event.__struct_fields__})


def missed(want: Wanted, near: Sequence[tuple[int, Event]], looked: str, why: str) -> str:
    """That it did not come. *near*: the events of its class that came, with their positions."""
    lines = [f"expected {want}", f"  {why}: {looked}"]
    for position, event in near[-_NEAR_MAX:]:
        lines.append(f"  at {position} there is {line(event)}")
        lines += [f"    {text}" for text in want.differences(event)]
    if len(near) > _NEAR_MAX:
        lines.append(f"  and {len(near) - _NEAR_MAX:,} more of them before")
    return "\n".join(lines)


def compared(wants: Sequence[Wanted], told: Sequence[tuple[int, Event]]) -> str:
    """How two sequences differ, line by line; empty where they do not."""
    lines, differ = list[str](), False
    for number in range(max(len(wants), len(told))):
        want = wants[number] if number < len(wants) else None
        came = told[number] if number < len(told) else None
        if want and came and want.fits(came[1]):
            lines.append(f"  {number + 1}  = {line(came[1])}, at {came[0]}")
            continue
        differ = True
        lines += [f"  {number + 1}  {row}" for row in _apart(want, came)]
    return "\n".join(["expected and told differ:", *lines]) if differ else ""


def _apart(want: Wanted | None, came: tuple[int, Event] | None) -> Iterator[str]:
    yield f"- expected {want}" if want else "- expected nothing more"
    yield f"+ told     {line(came[1])}, at {came[0]}" if came else "+ told     nothing more"
    if want and came and isinstance(came[1], want.kind):
        yield from (f"    {text}" for text in want.differences(came[1]))


def _line(kind: type[Event], fields: Mapping[str, Any]) -> str:
    said = [
        f"{_said(name)}={_shown(value)}"
        for name, value in fields.items()
        if value not in (None, "", (), False) and not isinstance(value, bytes)
    ]
    return " ".join([kind.__name__, *said])


def _names(kind: type[Event]) -> Iterator[str]:
    return map(_said, kind.__struct_fields__)


def _said(name: str) -> str:
    """As tests call it."""
    return "order" if name == _ORDER else name


def _shown(value: Any) -> str:
    return text(value) or repr(value)
