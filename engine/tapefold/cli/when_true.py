"""`tapefold when`: at which position of a log or a session something held."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tapefold.cli.known import Known
from tapefold.cli.options import Whole, examples
from tapefold.cli.paths import open_either
from tapefold.cli.records import Teller
from tapefold.cli.terminal import on_terminal, say, say_json, screen
from tapefold.errors import Unmet
from tapefold.inquiry import Expression, Found, Search, compile_expression, open_past
from tapefold.log import Record

_POSITION = Whole(0, 2**62)


@click.command(
    "when",
    short_help="The first position where something holds.",
    epilog=examples(
        "tapefold when eth.log 'book(\"ETH-USDT\").spread > 0.5'",
        'tapefold when eth.log \'order("run-1").status == "filled"\' --after 5000',
        "tapefold when eth.log 'event.kind == \"Trade\" and event.price > 2700' --all --json",
    ),
)
@click.argument("path", metavar="LOG|SESSION", type=click.Path(path_type=Path))
@click.argument("expression", metavar="EXPR")
@click.option("--after", metavar="P", type=_POSITION, default=0, help="Begin after this position.")
@click.option("--until", metavar="Q", type=_POSITION, help="Go no further than this one.")
@click.option("--all", "every", is_flag=True, help="Each position where it becomes true.")
@click.option("--json", "as_json", is_flag=True, help="Print one object; with --all, one a line.")
def command(path: Path, expression: str, every: bool, as_json: bool, **bounds: Any) -> None:
    """The first position of a LOG or a SESSION at which EXPR holds; exit code 1 where it never does.

    EXPR asks, in Python's way, for book("ETH-USDT").mid, order("run-1").status, orders.alive,
    balance("binance", "USDT").available, position("binance", "ETH-USDT").amount, trade("ETH-USDT").price,
    quote("ETH-USDT").bid_price, connections.up, anomalies, halted, at, time and event.kind, and whatever
    else docs/time-travel.md tells. Of what is not known every comparison is false.
    """
    after, until = bounds["after"], bounds["until"]
    if until is not None and until <= after:
        raise click.UsageError(f"nothing is past position {after} and up to {until}")
    asked = compile_expression(expression)
    with open_past(open_either(path)) as past:
        quiet = every and on_terminal(sys.stdout)  # what is found shows how far it is
        with _progress(past.head, quiet=quiet) as progress:
            search = Search(past, asked, after, until, progress)
            first = next(places := iter(search), None)
            if every and first:
                _tell_line(first, as_json=as_json)
                for found in places:
                    _tell_line(found, as_json=as_json)
    if first is None:
        raise _never(search, asked, past.name, after)
    if not every:
        _tell(first, as_json=as_json)


@contextmanager
def _progress(head: int | None, *, quiet: bool) -> Generator[Callable[[int], None]]:
    """How far it is, to whoever looks."""
    if quiet:
        yield lambda position: None
        return
    with screen() as shown:
        of = f" of {head:,}" if head else ""

        def progress(position: int) -> None:
            if shown.due():
                from rich.text import Text

                shown.show(Text(f"asking: position {position:,}{of}", "dim"))

        yield progress


def _never(search: Search, asked: Expression, name: str, after: int) -> Unmet:
    unknown = search.unknown()
    more = f"; at the end nothing is known of {', '.join(unknown)}" if unknown else ""
    return Unmet(
        f"{asked.text} never holds in {name}, from position {after + 1:,} to {search.position:,}{more}"
    )


def _tell(found: Found, *, as_json: bool) -> None:
    if as_json:
        say_json(_facts(found))
        return
    width = max(map(len, found.values), default=0)
    values = [f"  {name.ljust(width)}  {_value(value)}" for name, value in found.values.items()]
    say(f"it holds at position {found.position:,}", *values, "", _line(found))


def _tell_line(found: Found, *, as_json: bool) -> None:
    """For many: one line each."""
    if as_json:
        say_json(_facts(found), one_line=True)
        return
    values = ", ".join(f"{name} is {_value(value)}" for name, value in found.values.items())
    say(f"{_line(found)}  ({values})" if values else _line(found))


def _value(value: str | None) -> str:
    return "not known" if value is None else value


def _facts(found: Found) -> dict[str, Any]:
    return {
        "position": found.position,
        "time_ns": found.time_ns,
        "event": _teller(found).json(_record(found)),
        "values": found.values,
    }


def _line(found: Found) -> str:
    return _teller(found).line(_record(found)).strip()


def _record(found: Found) -> Record:
    return Record(found.position, found.time_ns, found.event)


def _teller(found: Found) -> Teller:
    row, order = found.instrument, getattr(found.event, "client_order_id", "")
    if row is None:
        return Teller()
    return Teller(Known({row.instrument: row}, {order: row.instrument} if order else {}))
