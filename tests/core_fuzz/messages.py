"""Frames of Binance's streams as they are, and how they are read: with the shortcut and without it."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from unittest.mock import patch

import msgspec

from tapefold import Frame, InstrumentListed, WrongInstrument
from tapefold.adapter import Adapter, load_adapter
from tapefold.core import levels, plain
from tapefold.events import AnyEvent
from tapefold_adapters.binance import streams
from tapefold_adapters.binance.streams import Streamed

NATIVE: Final = "ETHUSDT"
_WRAPPED: dict[str, tuple[type[Streamed], Callable[[bytes], Any]]] = {
    "depth@100ms": (streams.DepthMessage, msgspec.json.Decoder(streams.OfDepth).decode),
    "trade": (streams.TradeMessage, msgspec.json.Decoder(streams.OfTrade).decode),
    "aggTrade": (
        streams.AggregateTradeMessage,
        msgspec.json.Decoder(streams.OfAggregateTrade).decode,
    ),
    "bookTicker": (streams.TickerMessage, msgspec.json.Decoder(streams.OfTicker).decode),
}
KINDS: Final = (*_WRAPPED,)
T: Final = 1_723_104_000_123
TYPICAL: Final[dict[str, bytes]] = {
    "depth@100ms": b'{"e":"depthUpdate","E":%d,"T":%d,"s":"ETHUSDT","U":7,"u":9,"pu":6,'
    b'"b":[["2683.81","0.005"],["2683.8","12"]],"a":[["2683.82","0.000"]]}' % (T, T - 3),
    "trade": b'{"e":"trade","E":%d,"T":%d,"s":"ETHUSDT","t":70000,"p":"2683.81","q":"0.500",'
    b'"X":"MARKET","m":true}' % (T, T - 3),
    "aggTrade": b'{"e":"aggTrade","E":%d,"a":12,"s":"ETHUSDT","p":"2683.81","q":"0.5","f":100,'
    b'"l":105,"T":%d,"m":false,"M":true}' % (T, T - 3),
    "bookTicker": b'{"u":400900217,"s":"ETHUSDT","b":"2683.81","B":"31.2","a":"2683.82","A":"4",'
    b'"T":%d,"E":%d}' % (T - 3, T),
}
"""A message of each stream; 2 digits of a price and 3 of a size are enough for it."""


class Stream:
    """How the frames of one stream are read: plainly, and by a decoder of JSON."""

    def __init__(self, kind: str, reader: type[plain.Plain], native: str = NATIVE) -> None:
        self.message, self._decode = _WRAPPED[kind]
        self.native = native
        self.head = f'{{"stream":"{native.lower()}@{kind}","data":'.encode()
        self.plain = reader(self.head, native, self.message.plain)

    def decoded(self, data: bytes, price: int, size: int) -> tuple[Any, ...]:
        """What a frame holds, by way of JSON. Raises as an adapter does."""
        message: Streamed = self._decode(data).data
        if message.s != self.native:
            raise WrongInstrument(self.native)
        return message.values(listed(price, size, self.native))

    def framed(self, message: bytes) -> bytes:
        """A frame."""
        return self.head + message + b"}"


def shapes(values: Sequence[Any]) -> list[tuple[type, object]]:
    """What can be compared: True is not 1, and a `Raw` is its bytes."""
    return [(type(v), bytes(v) if isinstance(v, msgspec.Raw) else v) for v in values]


def by_definition() -> Any:
    """Within it messages that were decoded come to their values by the definition."""
    return patch.multiple(streams, pack_sides=levels.pack_sides)


def listed(price: int, size: int, native: str = NATIVE) -> InstrumentListed:
    """The instrument, in a scale."""
    return InstrumentListed(
        instrument=3,
        exchange="binance",
        symbol=native,
        native_symbol=native,
        price_digits=price,
        size_digits=size,
    )


class Listener:
    """An adapter that knows the four streams already, and reads them with this `Plain`."""

    def __init__(self, reader: type[plain.Plain], native: str = NATIVE) -> None:
        self._adapter: Adapter = load_adapter("binance")
        with patch("tapefold_adapters.binance.exchange.Plain", reader):
            for kind in KINDS:
                message = TYPICAL[kind].replace(NATIVE.encode(), native.encode())
                first = Stream(kind, plain.Plain, native).framed(message)
                assert self.hear(first, listed(2, 3, native))

    def hear(self, data: bytes, row: InstrumentListed) -> list[AnyEvent]:
        """What a frame says. Raises as adapters do."""
        frame = Frame(T, "binance/1", "recv", data)
        return [*self._adapter.decode(frame, {row.native_symbol: row})]
