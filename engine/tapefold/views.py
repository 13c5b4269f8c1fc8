"""Views: every fold at once, which hears what, and all of it as canonical bytes."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec

from tapefold.core import fold_events
from tapefold.errors import KeyRefused, UnknownInstrument
from tapefold.events import (
    AccountRequestFailed,
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    CancelAllEnded,
    ClockAdjusted,
    ConnectionClosed,
    ConnectionOpened,
    FrameRejected,
    InstrumentListed,
    Quote,
    RateLimited,
    RequestFailed,
    RunStarted,
    StrategyFailed,
    StrategyStarted,
    StreamStale,
    TimerFired,
    Trade,
)
from tapefold.folds import accounts, anomalies, book, connections, health, market, strategies
from tapefold.folds.accounts import Accounts
from tapefold.folds.anomalies import Anomalies
from tapefold.folds.book import Book
from tapefold.folds.book_view import BookView
from tapefold.folds.bounds import bounded
from tapefold.folds.connections import Connections
from tapefold.folds.health import Health
from tapefold.folds.instruments import Instruments
from tapefold.folds.market import Market
from tapefold.folds.strategies import AtWork
from tapefold.log import Piece

FORMAT: Final = 4
"""Of the canonical bytes. Another one is not read: it is a cache, and made anew."""


class State(msgspec.Struct, frozen=True, array_like=True):
    """All folds as canonical data."""

    format: int
    position: int
    instruments: list[InstrumentListed]
    books: list[book.State]
    markets: list[market.State]
    connections: connections.State
    anomalies: anomalies.State
    health: health.State
    accounts: accounts.State
    strategies: strategies.State


_FOLDS: Final = State.__struct_fields__[2:-2]
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(State).decode


class Views:
    """What a log adds up to, as of `position`. Only `apply` changes it."""

    def __init__(self) -> None:
        self.position = 0
        self.torn = False
        """Whether an event was taken in by half: a fold raised, or Ctrl-C came. Not to be believed."""
        self.instruments = Instruments()
        self.books: dict[int, Book] = {}
        self.markets: dict[int, Market] = {}
        self.connections = Connections()
        self.anomalies = Anomalies()
        self.health = Health()
        self.strategies = AtWork()
        self._accounts = Accounts(self.instruments)
        self.orders, self.balances = self._accounts.orders, self._accounts.balances
        self.positions, self.fees = self._accounts.positions, self._accounts.fees
        self.risk, self.rules = self._accounts.risk, self._accounts.rules
        self._hears: dict[type, Callable[[Any], None]] = {
            Quote: self._quote,
            Trade: self._trade,
            BookDelta: self._delta,
            BookSnapshot: self._snapshot,
            BookInvalidated: self._invalidated,
            InstrumentListed: self._listed,
            ConnectionOpened: self.connections.open,
            ConnectionClosed: self.connections.close,
            FrameRejected: lambda event: self._note("frame_rejected"),
            RequestFailed: lambda event: self._note("request_failed"),
            StreamStale: self.health.went_stale,
            RateLimited: self.health.was_limited,
            ClockAdjusted: self.health.compared,
            AccountRequestFailed: lambda event: self._note("request_failed"),
            CancelAllEnded: lambda event: None,
            StrategyStarted: self.strategies.start,
            StrategyFailed: self.strategies.fail,
            TimerFired: self.strategies.fire,
            RunStarted: self._run_started,
            **{kind: self._within(hear) for kind, hear in self._accounts.hears.items()},
        }

    @classmethod
    def of(cls, events: Iterable[AnyEvent]) -> "Views":
        """The views of a whole log."""
        views = cls()
        views.apply_all(events)
        return views

    def apply(self, event: AnyEvent) -> None:
        """Take the next event in. Never raises."""
        self.position += 1
        try:
            self._hears[type(event)](event)
        except (
            BaseException
        ) as error:  # ours: the fact is in the log, so a later start would fail too
            self.torn = True
            error.add_note(f"at position {self.position} of the log")
            raise

    def apply_all(self, events: Iterable[AnyEvent]) -> None:
        """Take many in: `apply` of each, in two thirds of the time."""
        hears, before = self._hears, self.position
        for self.position, event in enumerate(events, before + 1):
            hears[type(event)](event)

    def fold(self, pieces: Iterable[Piece]) -> None:
        """Take in what a log has stored (`LogReader.pieces`): the quickest way. Raises `LogError`."""
        for piece in pieces:
            fold_events(self, piece.body, piece.length, piece.decode)

    # For people

    def book(self, name: str, exchange: str = "", *, stale: bool = False) -> BookView:
        """The book of an instrument by its symbol or native name. Raises `UnknownInstrument`.

        A book that is not live answers no question about prices unless *stale* says so.
        """
        rows = self.instruments.find(name, exchange)
        if len(rows) != 1:
            there = ", ".join(
                f"{row.exchange} {row.symbol}" for row in self.instruments.rows.values()
            )
            what = (
                "the name of several: say which exchange, or the native name"
                if rows
                else "not listed"
            )
            raise UnknownInstrument(f"{name} is {what}; there is {there or 'no instrument yet'}")
        number = rows[0].instrument
        return BookView(self.instruments, number, self.books[number], stale=stale)

    def ready(self, exchange: str) -> bool:
        """Whether an account was surveyed in this run, so that orders may leave.

        Raises `KeyRefused` where it never will be.
        """
        if exchange in self._accounts.refused:
            raise KeyRefused(
                f"{exchange} refuses the key: look at key and secret, what it may do, and from where"
            )
        return exchange in self._accounts.surveyed and self.balances.opened(exchange)

    # As bytes

    def state(self) -> State:
        """As canonical data."""
        rows = self.instruments.state()
        digits = [(row.instrument, row.price_digits, row.size_digits) for row in rows]
        return State(
            format=FORMAT,
            position=self.position,
            instruments=rows,
            books=[self.books[n].freeze(price, size) for n, price, size in digits],
            markets=[self.markets[n].freeze(price, size) for n, price, size in digits],
            connections=self.connections.state(),
            anomalies=self.anomalies.state(),
            health=self.health.state(),
            accounts=self._accounts.state(),
            strategies=self.strategies.state(),
        )

    def freeze(self) -> bytes:
        """The canonical bytes: of two equal views they are equal, in every process."""
        return _encode(self.state())

    @classmethod
    def thaw(cls, data: bytes) -> "Views":
        """From the canonical bytes. Raises `ValueError` for those of another format."""
        state = _decode(data)
        if state.format != FORMAT:
            raise ValueError(f"views of format {state.format}")
        views = cls()
        views.position = state.position
        views.instruments.restore(state.instruments)
        for row, frozen, sold in zip(state.instruments, state.books, state.markets, strict=True):
            held, traded = views.books[row.instrument], views.markets[row.instrument] = (
                Book(),
                Market(),
            )
            held.thaw(frozen, row.price_digits, row.size_digits)
            traded.thaw(sold, row.price_digits, row.size_digits)
        views.connections.restore(state.connections)
        views.anomalies.restore(state.anomalies)
        views.health.restore(state.health)
        views._accounts.restore(state.accounts)
        views.strategies.restore(state.strategies)
        return views

    def digests(self) -> dict[str, str]:
        """The digest of each fold, as hex: of two views, they say which folds differ.

        Those of accounts and strategies are in it where there are any: a session without is not to
        depend on them.
        """
        state = self.state()
        folds = [(name, getattr(state, name)) for name in _FOLDS]
        if state.accounts != accounts.EMPTY:
            folds += [(name, getattr(state.accounts, name)) for name in accounts.FOLDS]
        if state.strategies:
            folds.append(("strategies", state.strategies))
        return {name: sha256(_encode(fold)).hexdigest() for name, fold in folds}

    # What each event does

    def _within(self, hear: Callable[[Any], None]) -> Callable[[Any], None]:
        """To hear an event of an account, but not of numbers that no account has."""

        def hear_bounded(event: Any) -> None:
            if bounded(event):
                hear(event)
            else:
                self._note("number_unbounded")

        return hear_bounded

    def _run_started(self, _: RunStarted) -> None:
        """Of what an earlier run had at work or open, nothing is."""
        self._accounts.restart()
        self.connections.restart()
        self.strategies.restart()

    def _quote(self, event: Quote) -> None:
        market = self.markets.get(event.instrument)
        if market is None:
            self._note("unknown_instrument")
        else:
            market.quotes += 1
            market.quote = event

    def _trade(self, event: Trade) -> None:
        market = self.markets.get(event.instrument)
        if market is None:
            self._note("unknown_instrument")
        else:
            market.trades += 1
            market.trade = event

    def _delta(self, event: BookDelta) -> None:
        try:
            if not self.books[event.instrument].delta(event):
                self._note("delta_without_book")
        except (KeyError, ValueError) as error:
            self._strange(event.instrument, error)

    def _snapshot(self, event: BookSnapshot) -> None:
        try:
            self.books[event.instrument].snapshot(event)
        except (KeyError, ValueError) as error:
            self._strange(event.instrument, error)

    def _invalidated(self, event: BookInvalidated) -> None:
        try:
            self.books[event.instrument].invalidate(event)
        except KeyError:
            self._note("unknown_instrument")

    def _listed(self, event: InstrumentListed) -> None:
        old = self.instruments.rows.get(event.instrument)
        if old is None:
            self.books[event.instrument], self.markets[event.instrument] = Book(), Market()
        else:
            prices, sizes = (
                event.price_digits - old.price_digits,
                event.size_digits - old.size_digits,
            )
            if prices < 0 or sizes < 0 or old.native_symbol != event.native_symbol:
                self._note("listing_taken_back")
                return
            if prices or sizes:
                self._rescale(event.instrument, 10**prices, 10**sizes)
        self.instruments.apply(event)

    def _rescale(self, instrument: int, price: int, size: int) -> None:
        book = self.books[instrument].rescale(price, size)
        if not (self.markets[instrument].rescale(price, size) and book):
            self._note("scale_too_fine")

    def _strange(self, instrument: int, error: Exception) -> None:
        """A book event of nobody's, or with levels that are none: such a book is not believed."""
        if isinstance(error, KeyError):
            self._note("unknown_instrument")
            return
        self.books[instrument].state = "stale"
        self._note("levels_unreadable")

    def _note(self, what: anomalies.Word) -> None:
        self.anomalies.note(self.position, what)
