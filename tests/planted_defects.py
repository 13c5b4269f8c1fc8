"""Broken engines and adapters: an engine by a patch that ends with its block, an adapter by a double."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from leaky_adapters import leaky
from msgspec.structs import replace

from tapefold.adapter import Adapter, Frame, Known, Request, load_adapter
from tapefold.core import unpack
from tapefold.core.half import Half
from tapefold.events import AnyEvent, BookDelta, BookSnapshot, Quote, Trade
from tapefold.folds.book import Book
from tapefold.kernel.books import Books
from tapefold.kernel.sync import BookSync
from tapefold.session import Line, Session
from tapefold.units import plain

PLAYED = 1_500
"""Lines of the bundled session that are enough for a defect to show."""


class Short(Session):
    """A session's beginning: for faults, not for digests."""

    def lines(self) -> Iterator[Line]:
        for number, line in enumerate(super().lines()):
            if number == PLAYED:
                return
            yield line


@contextmanager
def swapped(owner: object, name: str, new: Any) -> Generator[Adapter]:
    """The good adapter, and an engine with another method, or with another class in a module."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield load_adapter("binance")
    finally:
        setattr(owner, name, old)


def patched(owner: object, name: str, new: Any) -> Callable[[], AbstractContextManager[Adapter]]:
    """Plants a defect of the engine."""
    return lambda: swapped(owner, name, new)


class Double:
    """The good adapter with something else in the place of some of its functions."""

    def __init__(self, **instead: Callable[..., Any]) -> None:
        self._good, self._instead = load_adapter("binance"), instead

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        good = getattr(self._good, name)
        return self._with(good, self._instead[name]) if name in self._instead else good

    def _with(self, good: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: instead(good, *arguments)


def doubled(**instead: Callable[..., Any]) -> Callable[[], AbstractContextManager[Adapter]]:
    """Plants a defect of an adapter: each function is given the good one first."""

    @contextmanager
    def plant() -> Generator[Adapter]:
        yield cast("Adapter", Double(**instead))

    return plant


def leaking(name: str) -> Callable[[], AbstractContextManager[Adapter]]:
    """Plants one of the leaks."""
    return lambda: leaky(name)


Decode = Callable[[Frame, Known], Sequence[AnyEvent]]


# The engine


def merged(self: Book, event: BookSnapshot) -> None:
    """As `Book.snapshot`, without forgetting what was there."""
    self.bids.apply(event.packed_bids)
    self.asks.apply(event.packed_asks)
    self.sequence, self.state = event.sequence, "live"
    self.snapshots += 1


def unchained(self: BookSync, event: BookDelta) -> str:
    """As `BookSync._place`, without looking whether anything is missing."""
    if event.sequence <= self.sequence:
        return "drop"
    self.sequence = event.sequence
    return "apply"


def reapplied(self: BookSync, event: BookDelta) -> str:
    """As `BookSync._place`, but what is older than the book is applied as well."""
    follows = event.first <= self.sequence + 1
    if follows:
        self.sequence = event.sequence
    return "apply" if follows else "gap"


def alarmed(self: BookSync, event: BookDelta) -> str:
    """As `BookSync._place`, but what comes twice is a gap."""
    if event.first != self.sequence + 1 and not self._fresh:  # pyright: ignore[reportPrivateUsage] - a defect of the inside
        return "gap"
    self.sequence, self._fresh = event.sequence, False  # pyright: ignore[reportPrivateUsage] - a defect of the inside
    return "apply"


class Undeleted(Half):
    """One side of a book, but a delete misses its level by one. Of Python: C has no holes."""

    def apply(self, packed: Any) -> None:
        prices, sizes = unpack(packed)
        levels = self.levels
        for price, size in zip(prices, sizes, strict=True):
            if size:
                levels[price] = size
            else:
                levels.pop(price + 1, None)
        self.replace(levels)


def nothing(*_: Any) -> None:
    """As any method that does nothing."""


@contextmanager
def uncrossed() -> Generator[Adapter]:
    """An engine that does not look, on a feed whose changes have their sides swapped."""
    with swapped(Books, "_check_crossed", nothing):
        yield cast("Adapter", Double(decode=crossing))


# An adapter


def crossing(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """The bids of each change are taken for asks, and the other way round."""
    return [
        replace(event, packed_bids=event.packed_asks, packed_asks=event.packed_bids)
        if isinstance(event, BookDelta)
        else event
        for event in decode(frame, known)
    ]


def floated(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """Prices of trades and quotes go through floats."""
    rows = {row.instrument: row for row in known.values()}

    def rounded(event: AnyEvent, *names: str) -> AnyEvent:
        digits = rows[getattr(event, "instrument")].price_digits  # noqa: B009 - of two kinds of event
        changes = {
            name: int(float(plain(getattr(event, name), digits)) * 10**digits) for name in names
        }
        return replace(event, **changes)

    events: list[AnyEvent] = []
    for event in decode(frame, known):
        if isinstance(event, Trade):
            event = rounded(event, "price")
        elif isinstance(event, Quote):
            event = rounded(event, "bid_price", "ask_price")
        events.append(event)
    return events


def all_sell(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """Every trade is a seller's."""
    return [
        replace(event, taker="sell") if isinstance(event, Trade) else event
        for event in decode(frame, known)
    ]


def emptied(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """The sizes of trades are rounded to nothing."""
    return [
        replace(event, size=0) if isinstance(event, Trade) else event
        for event in decode(frame, known)
    ]


def in_milliseconds(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """Times are in the unit of the wire."""
    return [
        replace(event, time_exchange=event.time_exchange // 1_000_000)
        if isinstance(event, Trade | BookDelta)
        else event
        for event in decode(frame, known)
    ]


def routed(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """What a frame is called is looked up, and nobody thought of other names."""
    if frame.request is None and b'"stream"' in frame.data:
        kind = frame.data.partition(b"@")[2].partition(b'"')[0]
        {b"depth@100ms": 1, b"trade": 1, b"bookTicker": 1}[kind]
    return decode(frame, known)


def swallowed(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """What cannot be read is nothing."""
    try:
        return decode(frame, known)
    except ValueError:
        return ()


def unnamed(decode: Decode, frame: Frame, known: Known) -> Sequence[AnyEvent]:
    """Of an order only the exchange's name is kept."""
    return [
        replace(event, client_order_id="") if hasattr(event, "exchange_order_id") else event
        for event in decode(frame, known)
    ]


def secret_in_url(sign: Any, asked: Any, keys: Mapping[str, str], time: int) -> Any:
    """The secret goes along."""
    signed = sign(asked, keys, time)
    if isinstance(signed, Request):
        return replace(signed, url=f"{signed.url}&secret={keys.get('secret', '')}")
    return signed


def secret_in_repr(sign: Any, asked: Any, keys: Mapping[str, str], time: int) -> Any:
    """What is logged of a request shows its key: it is in its subject, which its repr has."""
    signed = sign(asked, keys, time)
    if isinstance(signed, Request):
        return replace(signed, subject=f"{signed.subject} by {keys.get('key', '')}")
    return signed


def secret_in_error(sign: Any, asked: Any, keys: Mapping[str, str], time: int) -> Any:
    """What goes wrong is told with all that was given."""
    try:
        return sign(asked, keys, time)
    except Exception as error:
        raise ValueError(f"cannot sign with {dict(keys)}") from error


def all_sell_adapter() -> Adapter:
    """For `module:attribute`."""
    return cast("Adapter", Double(decode=all_sell))


def beginning(folder: Path) -> Session:
    """A session's first lines, for the sweep."""
    return Short(folder)
