"""What the commands share of click."""

from collections.abc import Callable
from typing import Any, TypeAlias

import click

_Callback: TypeAlias = Callable[[click.Context, click.Parameter, Any], Any]


class Whole(click.IntRange):
    """A whole number in a range; click itself tells people of an "integer range"."""

    name = "integer"


def parsed(parse: Callable[[str], Any]) -> _Callback:
    """For the callback of an option that *parse* reads; its `ValueError` is wrong usage."""

    def read(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(map(parse, value))  # pyright: ignore[reportUnknownArgumentType] - click's strings
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx=context, param=parameter) from error

    return read


def examples(*lines: str) -> str:
    """For the end of a command's help; the control code keeps click from joining the lines."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
