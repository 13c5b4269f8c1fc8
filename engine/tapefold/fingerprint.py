"""Fingerprints: what a session's books and trades come to, as hashes that others can compute too.

The text rules are those of the shared oracle: plain decimals without needless zeros; a book is a line
`bid PRICE SIZE` or `ask PRICE SIZE` a level, best first, bids before asks; a trade is a line
`ID PRICE SIZE SIDE EXCHANGE_TIME`, its time in the unit that the feed uses. All of it is folded here
from the events alone, apart from the kernel's own views. It costs more than the replay itself.
"""

from decimal import Decimal, localcontext
from hashlib import sha256
from typing import Any, Final

from tapefold.events import AnyEvent, BookDelta, Trade
from tapefold.folds.book import Book
from tapefold.log import Log
from tapefold.session import Start
from tapefold.units import Nanos, fixed, plain
from tapefold.views import Views

_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1_000


class Fingerprints:
    """A log that hashes and forgets, and takes the fingerprints of what it hears."""

    def __init__(self, start: Start | None = None) -> None:
        """*start* is what the log had come to where the session began, if it was not empty."""
        self._log = Log(start=start.tail if start else None)
        self._views = start.thaw() if start else Views()
        self._instruments: dict[int, _Instrument] = {}

    @property
    def head(self) -> int:
        """The log's last position."""
        return self._log.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        self._log.append(time, event)
        self._views.apply(event)
        if isinstance(event, BookDelta | Trade) and event.instrument in self._views.books:
            self._of(event.instrument).hear(event)

    def commit(self) -> None:
        """A step is whole."""

    def digest(self) -> str:
        """The log's."""
        return self._log.digest()

    def of(self, instrument: int) -> dict[str, Any]:
        """One instrument's fingerprints, by the names that the oracle gives them."""
        return self._of(instrument).result()

    def _of(self, instrument: int) -> "_Instrument":
        if instrument not in self._instruments:
            self._instruments[instrument] = _Instrument(self._views, instrument)
        return self._instruments[instrument]


class _Instrument:
    def __init__(self, views: Views, number: int) -> None:
        self._views, self._number = views, number
        self._chain = sha256()
        self._checkpoints: dict[str, str] = {}
        self._trades = _Trades()

    def hear(self, event: BookDelta | Trade) -> None:
        row = self._views.instruments.rows[self._number]
        if isinstance(event, Trade):
            price, size = plain(event.price, row.price_digits), plain(event.size, row.size_digits)
            self._trades.hear(event, price, size)
            return
        book = self._views.books[self._number]
        best = (self._level(book.bids.best()), self._level(book.asks.best()))
        self._chain.update(f"{best[0]} {best[1]}\n".encode())
        if book.updates & (book.updates - 1) == 0:
            self._checkpoints[str(book.updates)] = self._hash(book, 20)

    def result(self) -> dict[str, Any]:
        book = self._views.books[self._number]
        found: dict[str, Any] = {
            "top20_sha256": self._hash(book, 20),
            "full_sha256": self._hash(book, None),
            "bbo_chain_sha256": self._chain.hexdigest(),
            "checkpoints_top20_sha256": self._checkpoints,
        }
        if self._trades.count:
            found["trade_digest"] = self._trades.result()
        return found

    def _level(self, level: tuple[int, int] | None) -> str:
        row = self._views.instruments.rows[self._number]
        if level is None:
            return "- -"
        return f"{plain(level[0], row.price_digits)} {plain(level[1], row.size_digits)}"

    def _hash(self, book: Book, depth: int | None) -> str:
        sides = ("bid", book.bids), ("ask", book.asks)
        lines = [
            f"{side} {self._level(level)}\n"
            for side, half in sides
            for level in half.sorted()[:depth]
        ]
        return sha256("".join(lines).encode()).hexdigest()


class _Trades:
    """Two hashes, since only the end tells whether the feed's times are milliseconds or finer."""

    def __init__(self) -> None:
        self.count = self._buys = 0
        self._base = self._quote = Decimal(0)
        self._hashes = {_MILLISECOND: sha256(), _MICROSECOND: sha256()}
        self._first: dict[int, str] = {}
        self._last: dict[int, str] = {}
        self._fine = False

    def hear(self, event: Trade, price: str, size: str) -> None:
        self.count += 1
        self._buys += event.taker == "buy"
        with localcontext(prec=200):
            self._base += Decimal(size)
            self._quote += Decimal(price) * Decimal(size)
        self._fine = self._fine or event.time_exchange % _MILLISECOND != 0
        head = f"{event.trade_id or '-'} {price} {size} {event.taker}"
        for unit, digest in self._hashes.items():
            line = f"{head} {event.time_exchange // unit}"
            digest.update(f"{line}\n".encode())
            self._first.setdefault(unit, line)
            self._last[unit] = line

    def result(self) -> dict[str, Any]:
        unit = _MICROSECOND if self._fine else _MILLISECOND
        return {
            "count": self.count,
            "taker_buys": self._buys,
            "base_volume": fixed(_trimmed(self._base)),
            "quote_volume": fixed(_trimmed(self._quote)),
            "first": self._first[unit],
            "last": self._last[unit],
            "sha256": self._hashes[unit].hexdigest(),
        }


def _trimmed(number: Decimal) -> Decimal:
    with localcontext(prec=200):
        return number.normalize() if number else Decimal(0)
