"""What a session or a log is, as data; and as lines, for people."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tapefold.cli.accounts import account_facts, account_told
from tapefold.cli.records import clock_told
from tapefold.cli.when import moment, span
from tapefold.errors import LogError
from tapefold.events import ClockAdjusted, InstrumentListed
from tapefold.folds.anomalies import TOLD
from tapefold.folds.book_view import BookView
from tapefold.folds.health import Health
from tapefold.history import History
from tapefold.session import Session
from tapefold.units import Level, Nanos, fixed
from tapefold.views import Views


def session_facts(session: Session) -> dict[str, Any]:
    """What a session is. Reads all of its tape, and what it goes on from. Raises `SessionError`."""
    meta, kinds, last = session.meta, Counter[str](), 0
    session.start()
    for line in session.lines():
        kinds[line.kind] += 1
        last = line.at
    return {
        "session": str(session.folder),
        "source": meta.source,
        "exchanges": meta.exchanges,
        "instruments": meta.instruments,
        "started_ns": meta.started_ns,
        "length_ns": last,
        "lines": dict(sorted(kinds.items())),
        "synthesised": meta.synthesised,
        "start_position": meta.start_position,
        "events": meta.counts.events - meta.start_position if meta.sealed else 0,
        "strategies": meta.strategies,
        "sealed": meta.sealed,
        "cut": meta.cut,
        "edited": session.edited(),
        "digest": meta.digests.log,
        "folds": meta.digests.folds,
        "versions": meta.versions,
        "capture": meta.capture,
        "tape_bytes": os.stat(session.tape).st_size,
    }


def session_lines(facts: dict[str, Any]) -> list[str]:
    """The same for people."""
    lines, edited = facts["lines"], facts["edited"]
    began, length = facts["started_ns"], facts["length_ns"]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in lines.items())
    state = "sealed" if facts["sealed"] else "not sealed: there are no digests to reach"
    if facts["cut"]:
        state += ", cut off"
    if edited is not None:
        state += ", EDITED since it was sealed" if edited else ", not edited since"
    capture = facts["capture"]
    files = ", ".join(map(str, capture.get("files", ())))
    told = {
        "session": facts["session"],
        "exchange": ", ".join(facts["exchanges"]),
        "instruments": ", ".join(facts["instruments"]) or "-",
        "source": facts["source"] + (f" of {capture.get('format')}: {files}" if capture else ""),
        "when": f"{moment(began, digits=0)} UTC, for {span(length)}",
        "lines": f"{sum(lines.values()):,}: {kinds}",
        "synthesised": ", ".join(facts["synthesised"]) or "nothing",
        "events": f"{facts['events']:,}" if facts["sealed"] else "not counted",
        "state": state,
        "digest": facts["digest"] or "-",
    }
    return told_lines(told | _run_told(facts))


def _run_told(facts: dict[str, Any]) -> dict[str, str]:
    """What not every session has: a log before it, and strategies."""
    told: dict[str, str] = {}
    if facts["start_position"]:
        told["goes on"] = f"from position {facts['start_position']:,} of a log"
    if facts["strategies"]:
        told["strategies"] = "; ".join(
            strategy_told(name, parameters) for name, parameters in facts["strategies"].items()
        )
    return told


def strategy_told(name: str, parameters: Mapping[str, str]) -> str:
    """A strategy, and what it was made with."""
    made_with = ", ".join(f"{key}={value}" for key, value in parameters.items())
    return f"{name} ({made_with})" if made_with else name


def told_lines(told: dict[str, str]) -> list[str]:
    """Names and what they stand for, aligned."""
    width = max(map(len, told))
    return [f"{name.ljust(width)}  {value}" for name, value in told.items()]


def log_facts(history: History, position: int | None = None) -> tuple[dict[str, Any], Views]:
    """What a log is, and its views at *position* or at its head. Raises `LogError`."""
    log = history.log
    head = log.head
    if position is not None and not 0 <= position <= head:
        raise LogError(f"there is no position {position}: the log goes from 0 to {head}")
    at = head if position is None else position
    views = history.views(at)
    first = next(log.read(0, 1), None)
    newest = next(log.read(at - 1, at), None) if at else None
    facts = {
        "head": head,
        "position": at,
        "digest": log.digest(at),
        "first_time_ns": first.time_received if first else None,
        "time_ns": newest.time_received if newest else None,
        **views_facts(views),
    }
    return facts, views


def log_lines(name: str, facts: dict[str, Any]) -> list[str]:
    """The same for people, but for the instruments, which are a table."""
    head, at = facts["head"], facts["position"]
    told = {
        "log": name,
        "head": f"{head:,}" if head else "0: the log is empty",
        "digest": facts["digest"],
    }
    if at != head:
        told["position"] = f"{at:,}, whose digest this is"
    if facts["time_ns"] is not None and facts["first_time_ns"] is not None:
        length = span(max(0, facts["time_ns"] - facts["first_time_ns"]))
        told["when"] = f"{moment(facts['time_ns'])} UTC, {length} after the first record"
    return told_lines(told | state_told(facts))


def state_told(facts: dict[str, Any]) -> dict[str, str]:
    """What there is to say of views beside their instruments."""
    exchanges = {row["exchange"]: None for row in facts["instruments"]}
    told = {"exchange": ", ".join(exchanges)} if exchanges else {}
    if facts["lanes"]:
        told["connected"] = ", ".join(facts["lanes"])
    if facts["anomalies"]:
        position, what = facts["latest_anomalies"][-1]
        told["anomalies"] = (
            f"{facts['anomalies']:,}, the latest at position {position:,}: {TOLD.get(what, what)}"
        )
    if "account" in facts:
        told |= account_told(facts["account"])
    return told | _health_told(facts["health"])


def _health_told(health: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What was wrong with exchanges, and their clocks; nothing where nothing was."""
    rows = health.items()
    clocks = {name: row["clock"] for name, row in rows if row["clock"]}
    told = {
        "gone stale": ", ".join(
            f"{name} {row['stale']:,} times" for name, row in rows if row["stale"]
        ),
        "limited": ", ".join(
            f"{name} {row['limited']:,} times" for name, row in rows if row["limited"]
        ),
        "clocks": ", ".join(
            clock_told(name, clock["ahead_ns"], clock["within_ns"])
            for name, clock in clocks.items()
        ),
    }
    return {what: text for what, text in told.items() if text}


def views_facts(views: Views) -> dict[str, Any]:
    """What was known at one position; of an `account` only where there is one."""
    rows, account = views.instruments.rows, account_facts(views)
    return {
        "lanes": [lane for lanes in views.connections.up.values() for lane in lanes],
        "anomalies": views.anomalies.count,
        "latest_anomalies": [list(each) for each in views.anomalies.latest],
        "health": _health(views.health),
        "instruments": [_instrument(views, rows[number]) for number in sorted(rows)],
        **({"account": account} if account else {}),
    }


def _health(health: Health) -> dict[str, dict[str, Any]]:
    """How well each exchange could be heard, by its name."""
    return {
        name: {
            "stale": health.stale.get(name, 0),
            "limited": health.limited.get(name, 0),
            "clock": _clock(health.clocks.get(name)),
        }
        for name in health.exchanges()
    }


def _clock(clock: ClockAdjusted | None) -> dict[str, Nanos] | None:
    if clock is None:
        return None
    return {
        "time_exchange_ns": clock.time_exchange,
        "ahead_ns": clock.ahead,
        "within_ns": clock.within,
    }


def _instrument(views: Views, row: InstrumentListed) -> dict[str, Any]:
    book, market = book_of(views, row.instrument), views.markets
    bids, asks = book.levels
    return {
        "symbol": row.symbol,
        "native_symbol": row.native_symbol,
        "exchange": row.exchange,
        "state": book.state,
        "updates": book.updates,
        "trades": market[row.instrument].trades,
        "quotes": market[row.instrument].quotes,
        "gaps": book.gaps,
        "best_bid": _level(book.best_bid),
        "best_ask": _level(book.best_ask),
        "bid_levels": bids,
        "ask_levels": asks,
    }


def book_facts(book: BookView, depth: int, position: int, time: Nanos | None) -> dict[str, Any]:
    """A book as far down as was asked for, its numbers as plain decimals."""
    spread, mid = book.spread, book.mid
    return {
        "symbol": book.instrument.symbol,
        "native_symbol": book.instrument.native_symbol,
        "exchange": book.instrument.exchange,
        "state": book.state,
        "position": position,
        "time_ns": time,
        "spread": fixed(spread) if spread is not None else None,
        "mid": fixed(mid) if mid is not None else None,
        "bids": [_level(level) for level in book.bids(depth)],
        "asks": [_level(level) for level in book.asks(depth)],
    }


def _level(level: Level | None) -> dict[str, str] | None:
    return {"price": fixed(level.price), "size": fixed(level.size)} if level else None


def book_of(views: Views, instrument: int) -> BookView:
    """The book of an instrument by its number, live or not."""
    return BookView(views.instruments, instrument, views.books[instrument], stale=True)


def find_book(views: Views, name: str) -> BookView:
    """The book of `PAIR` or `EXCHANGE:PAIR`, live or not. Raises `BadInput`."""
    exchange, colon, pair = name.partition(":")
    exchanges = {row.exchange for row in views.instruments.rows.values()}
    if colon and exchange in exchanges:
        return views.book(pair, exchange, stale=True)
    return views.book(name, stale=True)
