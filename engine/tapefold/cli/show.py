"""`tapefold show`: what a session or a log is, a book at any position, records as they come."""

from pathlib import Path
from typing import Any, NamedTuple

import click

from tapefold.cli.account_tables import account_tables, balance_table, order_tables
from tapefold.cli.accounts import balance_facts, order_facts
from tapefold.cli.facts import (
    book_facts,
    find_book,
    log_facts,
    log_lines,
    session_facts,
    session_lines,
    state_told,
    told_lines,
    views_facts,
)
from tapefold.cli.known import Known
from tapefold.cli.options import Whole, examples
from tapefold.cli.paths import open_either
from tapefold.cli.play import Player
from tapefold.cli.records import Teller
from tapefold.cli.tables import Table, draw_ladder, draw_table, ladder, views_table
from tapefold.cli.terminal import say, say_json
from tapefold.cli.when import Until
from tapefold.errors import BadInput
from tapefold.events import AnyEvent
from tapefold.history import History
from tapefold.log import Log, Record, read_log
from tapefold.replay import Replay
from tapefold.report import play_all
from tapefold.session import Session, Start
from tapefold.units import Nanos
from tapefold.views import Views

TAIL = 10
"""Records of a log that are shown before those that come."""


@click.command(
    "show",
    short_help="Look into a session or a log.",
    epilog=examples(
        "tapefold show cassettes/binance/minute-with-a-gap",
        "tapefold show eth.log --at 5000 --book ETH-USDT --depth 5",
        "tapefold show eth.log --orders --json",
        "tapefold show eth.log --follow --json",
    ),
)
@click.argument("path", metavar="SESSION|LOG", type=click.Path(path_type=Path))
@click.option(
    "--at",
    metavar="POSITION",
    type=Whole(0, 2**62),
    help="What was known there; with --follow, where to begin.",
)
@click.option("--book", "pair", metavar="PAIR", help="Draw a book: ETH-USDT or binance:ETH-USDT.")
@click.option(
    "--depth",
    metavar="N",
    type=Whole(1, 100_000),
    default=10,
    show_default=True,
    help="Levels a side.",
)
@click.option("--orders", is_flag=True, help="Only orders: all that are kept.")
@click.option("--balances", is_flag=True, help="Only balances.")
@click.option("--follow", is_flag=True, help="Print records, and go on as more come, to Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one object; with --follow, one a line."
)
def command(path: Path, at: int | None, as_json: bool, **asked: Any) -> None:
    """Look into a SESSION or a LOG, at its end or at any position.

    Where there is an account, its open orders and the last that ended, its balances, positions and
    fees are shown, too. `bundled` is the session that comes with tapefold.
    """
    part = Part(**asked)
    _check(part)
    found = open_either(path)
    if part.follow and isinstance(found, Session):
        play_all(Replay(found, Told(found, at, as_json=as_json)))
    elif isinstance(found, Session):
        _show_session(found, at, part, as_json=as_json)
    elif part.follow:
        _follow_log(found, at, as_json=as_json)
    else:
        _show_log(found, at, part, as_json=as_json)


class Part(NamedTuple):
    """What of it was asked for: one of these, or none for all of it."""

    pair: str | None
    depth: int
    orders: bool
    balances: bool
    follow: bool

    @property
    def whole(self) -> bool:
        """None of them."""
        return not (self.pair or self.orders or self.balances)


def _check(part: Part) -> None:
    """That one thing at most was asked for."""
    asked = {
        "--follow": part.follow,
        "--book": bool(part.pair),
        "--orders": part.orders,
        "--balances": part.balances,
    }
    both = [what for what, wanted in asked.items() if wanted]
    if len(both) > 1:
        raise click.UsageError(f"{' and '.join(both)} show different things: ask for one of them")


def _show_session(session: Session, at: int | None, part: Part, *, as_json: bool) -> None:
    if at is None and part.whole:
        facts = session_facts(session)
        _tell(facts, session_lines(facts), as_json=as_json)
        return
    views, time = views_at(session, at)
    facts = {"session": str(session.folder), "position": views.position, "time_ns": time}
    if part.whole:
        facts |= views_facts(views)
        name = f"{session.folder} at position {views.position:,}"
        lines = told_lines({"session": name} | state_told(facts))
        _tell(facts, lines, views, as_json=as_json)
    else:
        _show_part(facts, views, part, as_json=as_json)


def _show_log(path: Path, at: int | None, part: Part, *, as_json: bool) -> None:
    with History(path) as history:
        facts, views = log_facts(history, at)
    if part.whole:
        lines = log_lines(str(path), facts)
        _tell({"log": str(path), **facts}, lines, views, as_json=as_json)
    else:
        facts = {"position": facts["position"], "time_ns": facts["time_ns"]}
        _show_part({"log": str(path), **facts}, views, part, as_json=as_json)


def _tell(
    facts: dict[str, Any], lines: list[str], views: Views | None = None, *, as_json: bool
) -> None:
    if as_json:
        say_json(facts)
        return
    tables = [views_table(views)] if views and views.instruments.rows else []
    if "account" in facts:
        tables += account_tables(facts["account"])
    say(*lines)
    for table in tables:
        say("")
        draw_table(table)


def _show_part(facts: dict[str, Any], views: Views, part: Part, *, as_json: bool) -> None:
    """A book, orders or balances; *facts* say where and when."""
    if part.pair:
        _draw_book(views, part.pair, part.depth, facts["time_ns"], as_json=as_json)
    elif part.orders:
        orders = order_facts(views)
        _tell_part(facts, {"orders": orders}, order_tables(orders), as_json=as_json)
    else:
        rows = balance_facts(views)
        tables = [balance_table(rows)] if rows else []
        _tell_part(facts, {"balances": rows}, tables, as_json=as_json)


def _tell_part(
    facts: dict[str, Any], rows: dict[str, Any], tables: list[Table], *, as_json: bool
) -> None:
    if as_json:
        say_json(facts | rows)
        return
    if not tables:
        say(f"no {', '.join(rows)} are known at position {facts['position']:,}")
    for number, table in enumerate(tables):
        if number:
            say("")
        draw_table(table)


def _draw_book(views: Views, pair: str, depth: int, time: Nanos | None, *, as_json: bool) -> None:
    book = find_book(views, pair)
    if as_json:
        say_json(book_facts(book, depth, views.position, time))
        return
    draw_ladder(ladder(book, depth, views.position, time))


class Folded(Log):
    """A log that folds what it hears up to one position, and not the rest of that step."""

    def __init__(self, until: int | None, start: Start | None = None) -> None:
        super().__init__(start=start.tail if start else None)
        self._until, self.views = until, start.thaw() if start else Views()
        self.time: Nanos | None = None

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        super().append(time, event)
        if self._until is None or self.views.position < self._until:
            self.views.apply(event)
            self.time = time


def views_at(session: Session, position: int | None) -> tuple[Views, Nanos | None]:
    """What a session's log adds up to at a position, or at its end, and when that was.

    Raises `BadInput` for a position that is past its end, or before its start.
    """
    start = _begun(session, position)
    folded = Folded(position, start)
    Player(until=Until(position=position)).play(Replay(session, folded))
    if position is not None and folded.views.position < position:
        first = start.tail.head if start else 0
        raise BadInput(
            f"there is no position {position}: the session goes from {first} to {folded.head}"
        )
    return folded.views, folded.time


def _begun(session: Session, position: int | None) -> Start | None:
    """Where a session began. Raises `BadInput` for a position before that."""
    start = session.start()
    if start and position is not None and position < start.tail.head:
        raise BadInput(
            f"the session goes on from position {start.tail.head} of a log: what was known at {position} "
            "that log alone can say"
        )
    return start


class Told(Log):
    """A log that prints what it hears of a session, past one position."""

    def __init__(self, session: Session, after: int | None, *, as_json: bool) -> None:
        start = _begun(session, after)
        super().__init__(start=start.tail if start else None)
        self._teller = _teller(start.thaw()) if start else Teller()
        self._after, self._as_json = after or 0, as_json

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        super().append(time, event)
        _print(self._teller, Record(self.head, time, event), self._after, as_json=self._as_json)


def _print(teller: Teller, record: Record, after: int, *, as_json: bool) -> None:
    told = teller.json(record) if as_json else teller.line(record)
    if record.position > after:
        if isinstance(told, str):
            say(told)
        else:
            say_json(told, one_line=True)


def _teller(views: Views) -> Teller:
    """Who knows already what is known at a position."""
    orders = {name: order.instrument for name, order in views.orders.ours.items()}
    return Teller(Known(views.instruments.rows, orders))


def _follow_log(path: Path, at: int | None, *, as_json: bool) -> None:
    with History(path) as history:
        after = max(0, history.log.head - TAIL) if at is None else at
        views = history.views(min(after, history.log.head))
    teller = _teller(views)
    with read_log(path) as log:
        for record in log.follow(after):
            _print(teller, record, after, as_json=as_json)
