"""Defects that others had, as data: where each is known from, how it is planted, and what must catch it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from planted_defects import (
    Undeleted,
    alarmed,
    all_sell,
    doubled,
    floated,
    in_milliseconds,
    leaking,
    merged,
    nothing,
    patched,
    reapplied,
    routed,
    secret_in_error,
    secret_in_repr,
    secret_in_url,
    swallowed,
    unchained,
    uncrossed,
    unnamed,
)

from tapefold.adapter import Adapter
from tapefold.folds import book
from tapefold.folds.book import Book
from tapefold.kernel.feed import Feed
from tapefold.kernel.lanes import Lanes
from tapefold.kernel.requests import Requests
from tapefold.kernel.sync import BookSync


class Planted(NamedTuple):
    """A defect."""

    name: str
    source: str
    """Where it is known from."""
    how: str
    check: str
    """The one that must catch it."""
    plant: Callable[[], AbstractContextManager[Adapter]]


PLANTED = (
    Planted(
        "a snapshot is merged into a stale book",
        "PEERS 4.7, ccxt #29210",
        "Book.snapshot keeps the levels that were there",
        "gap_told",
        patched(Book, "snapshot", merged),
    ),
    Planted(
        "a missing update goes unnoticed",
        "PEERS 4.7, cryptofeed #1016",
        "BookSync looks at no chain",
        "gap_told",
        patched(BookSync, "_place", unchained),
    ),
    Planted(
        "changes older than the snapshot are applied again",
        "SEED 2, OrderBookTracker",
        "BookSync applies what is older than the book",
        "gap_told",
        patched(BookSync, "_place", reapplied),
    ),
    Planted(
        "a delete misses its level",
        "PEERS 0.3, cryptofeed on BEQUANT and BITMEX",
        "Half.apply removes the level beside it",
        "gap_told",
        patched(book, "Half", Undeleted),
    ),
    Planted(
        "a book does not recover until a restart",
        "PEERS 4.7, ccxt #15130",
        "after a gap no snapshot is asked for",
        "converges",
        patched(Requests, "ask_anew", nothing),
    ),
    Planted(
        "a reconnect keeps the old book",
        "PEERS 4.7 and 4.8, hummingbot #8250",
        "a lane that is down leaves its books live",
        "cut_told",
        patched(Feed, "_fallen", nothing),
    ),
    Planted(
        "a stream is silent and its socket is up",
        "PEERS 4.6, nautilus #4298",
        "nobody looks how long a lane was silent",
        "silence_told",
        patched(Lanes, "_listen", nothing),
    ),
    Planted(
        "an update that comes twice breaks the book",
        "PEERS 4.4, hummingbot #1663",
        "BookSync takes what it has for a gap",
        "once",
        patched(BookSync, "_place", alarmed),
    ),
    Planted(
        "a frame that cannot be read is passed over",
        "PEERS 4.6, LEAN.TradeStation #101",
        "decode gives nothing where it should raise",
        "half_told",
        doubled(decode=swallowed),
    ),
    Planted(
        "a crossed book is believed",
        "SEED 2, OrderBook",
        "nobody looks whether a book is crossed, and changes of bids are taken for asks",
        "never_crossed",
        uncrossed,
    ),
    Planted(
        "prices are floats",
        "SEED 1D, float prices of the order book trackers",
        "decode goes through float",
        "exact",
        doubled(decode=floated),
    ),
    Planted(
        "every trade is a seller's",
        "SEED 1D, the order book tracker of A20",
        "decode says sell",
        "replays",
        doubled(decode=all_sell),
    ),
    Planted(
        "times are in milliseconds",
        "SEED 1D, the order book tracker of Bittrex",
        "decode gives the wire's unit",
        "replays",
        doubled(decode=in_milliseconds),
    ),
    Planted(
        "an unknown frame raises KeyError",
        "PEERS 0.3, cryptofeed",
        "decode looks its kind up",
        "total",
        doubled(decode=routed),
    ),
    Planted(
        "an order's id does not come back",
        "PEERS 4.3, nautilus #3046",
        "decode drops the client order id",
        "round_trip",
        doubled(decode=unnamed),
    ),
    Planted(
        "a secret is in a URL",
        "PEERS 4.14, canonical/ubuntu.com #16555",
        "sign adds it to the query",
        "requests",
        doubled(sign=secret_in_url),
    ),
    Planted(
        "a key is in a repr",
        "PEERS 4.14, vcr #704",
        "sign puts it into what is printed",
        "requests",
        doubled(sign=secret_in_repr),
    ),
    Planted(
        "a secret is in an error",
        "PEERS 4.14, cal-itp #4095",
        "sign's error quotes its keys",
        "requests",
        doubled(sign=secret_in_error),
    ),
    Planted(
        "a module counts",
        "PEERS 4.2, OrderBook-rs #200",
        "decode counts frames in its module",
        "pure",
        leaking("counter"),
    ),
    Planted(
        "decode reads the clock",
        "PEERS 2, barter-rs HistoricalClock",
        "a quote is given the time of day",
        "pure",
        leaking("clock"),
    ),
    Planted(
        "ids are random",
        "PEERS 4.2, OrderBook-rs #200",
        "a trade is given a fresh id",
        "pure",
        leaking("uuid"),
    ),
)
