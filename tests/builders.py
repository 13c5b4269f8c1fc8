"""Small worlds for tests: frames as Binance prints them, a kernel that hears them, a tiny session.

A `World` is a kernel with a log in memory and somebody who says what time it is; with a writer it
also leaves a session behind, as a recorder would. Nothing here opens a socket.
"""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from tapefold.adapter import (
    Adapter,
    Channel,
    Command,
    Declare,
    Frame,
    Given,
    Incoming,
    Listing,
    Outcome,
    Request,
    Subscribe,
    Unsubscribe,
    load_adapter,
)
from tapefold.events import AnyEvent, RequestFailed
from tapefold.kernel import Kernel, Run
from tapefold.log import Log, open_log
from tapefold.log.segment import BLOCK, encoder
from tapefold.replay import Replay
from tapefold.session import Meta, Session, SessionWriter
from tapefold.units import SECOND, Nanos, plain

START = 1_700_000_000 * SECOND
MILLISECOND = 1_000_000
Rows: TypeAlias = Sequence[tuple[str, str]]
E = TypeVar("E")


# The log


def event_at(position: int) -> RequestFailed:
    """An event that says at which position it belongs, none quite as long as the one before."""
    return RequestFailed(
        exchange="x",
        purpose="book",
        subject="s" * (position % 7),
        status=position,
        reason="refused",
    )


def digest_of(events: Iterable[AnyEvent]) -> str:
    """The digest of a log of these events, by the letter of its definition and by no code of it."""
    chain, block, head = bytes(32), b"", 0
    for head, event in enumerate(events, 1):
        block += encoder.encode(event)
        if not head % BLOCK:
            chain, block = sha256(chain + block).digest(), b""
    return (sha256(chain + block).digest() if block else chain).hex()


# Frames


def said(value: Any) -> bytes:
    """JSON as Binance prints it."""
    return json.dumps(value, separators=(",", ":")).encode()


def delta(
    first: int,
    last: int,
    bids: Rows = (),
    asks: Rows = (),
    *,
    previous: int | None = None,
    native: str = "AB",
    wrapped: bool = True,
    **more: int,
) -> bytes:
    """A diff of a book; with *previous* as futures have it."""
    data: dict[str, Any] = {"e": "depthUpdate", "E": 1_700_000_000_000, "s": native}
    data |= {"U": first, "u": last, "b": bids, "a": asks, **more}
    if previous is not None:
        data["pu"] = previous
    return said({"stream": f"{native.lower()}@depth@100ms", "data": data} if wrapped else data)


def trade(number: int, price: str, size: str, *, native: str = "AB") -> bytes:
    """A trade that a buyer took."""
    time = 1_700_000_000_000 + number
    data = {"e": "trade", "E": time + 1, "s": native, "t": number, "p": price, "q": size}
    data |= {"T": time, "m": False}
    return said({"stream": f"{native.lower()}@trade", "data": data})


def quote(
    sequence: int, bid: tuple[str, str], ask: tuple[str, str], *, native: str = "AB"
) -> bytes:
    """The best bid and ask."""
    data = {"u": sequence, "s": native, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return said({"stream": f"{native.lower()}@bookTicker", "data": data})


def snapshot(last: int, bids: Rows = (), asks: Rows = ()) -> bytes:
    """The answer to a request for a book."""
    return said({"lastUpdateId": last, "bids": bids, "asks": asks})


def instruments(*natives: str, tick: str = "0.01", lot: str = "0.1") -> bytes:
    """The answer to a request for the list of instruments."""
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": tick},
        {"filterType": "LOT_SIZE", "stepSize": lot, "minQty": lot, "maxQty": "9000"},
    ]
    rows = [
        {"symbol": n, "baseAsset": n[:-1], "quoteAsset": n[-1:], "filters": filters}
        for n in natives
    ]
    return said({"symbols": rows})


# Kernels


class World:
    """A kernel, its log, and what it asked for; each thing that happens takes a millisecond."""

    def __init__(
        self,
        exchange: str = "binance",
        writer: SessionWriter | None = None,
        *,
        seed: int = 0,
        adapter: Adapter | None = None,
    ) -> None:
        self.exchange, self.log, self._writer = exchange, open_log(), writer
        self.kernel = Kernel({exchange: adapter or load_adapter(exchange)}, self.log)
        self.lane = f"{exchange}/1"
        self.now: Nanos = START
        run = Run(writer.meta.run_id, writer.meta.seed, {}) if writer else Run(seed=seed)
        self.kernel.start(START, run)

    def tell(self, command: Command) -> Sequence[Outcome]:
        """The caller says something."""
        self.now += MILLISECOND
        if self._writer:
            self._writer.command(self.now, command)
        return self._asked(self.kernel.command(self.now, command))

    def subscribe(
        self, *natives: str, channels: tuple[Channel, ...] = ("book",)
    ) -> Sequence[Outcome]:
        """The caller wants these."""
        return self.tell(Subscribe(self.exchange, natives, channels))

    def declare(self, *natives: str) -> Sequence[Outcome]:
        """The caller says that these exist."""
        rows = tuple(Listing(f"{native[:-1]}-{native[-1:]}", native) for native in natives)
        return self.tell(Declare(self.exchange, rows))

    def unsubscribe(self, lane: str = "") -> Sequence[Outcome]:
        """The caller has had enough."""
        return self.tell(Unsubscribe(lane or self.lane))

    def opened(self, lane: str = "") -> Sequence[Outcome]:
        """A lane is up."""
        return self.step("opened", lane or self.lane)

    def closed(self, lane: str = "", code: int = 1006) -> Sequence[Outcome]:
        """A lane is down, as a wire would tell it."""
        return self.step("close", lane or self.lane, status=code, reason="its own words")

    def hear(self, data: bytes, lane: str = "") -> Sequence[Outcome]:
        """A frame comes."""
        return self.step("recv", lane or self.lane, data)

    def answer(
        self, asked: Request, data: bytes, status: int = 200, **more: Any
    ) -> Sequence[Outcome]:
        """A request is answered."""
        return self.step("response", asked.lane, data, request=asked, status=status, **more)

    def fail(self, asked: Request, reason: str = "timed out") -> Sequence[Outcome]:
        """A request gets no answer."""
        return self.step("failed", asked.lane, request=asked, reason=reason)

    def step(self, kind: Incoming, lane: str, data: bytes = b"", **more: Any) -> Sequence[Outcome]:
        """Something comes from outside."""
        self.now += MILLISECOND
        frame = Frame(self.now, lane, kind, data, **more)
        if self._writer:
            self._writer.frame(frame)
        return self._asked(self.kernel.step(frame))

    def wait(self, span: Nanos) -> list[Outcome]:
        """Nothing comes for so long; timers are fired as a wire does, each when it is due."""
        end, out = self.now + span, list[Outcome]()
        while (due := self.kernel.due) is not None and due <= end:
            self.now = max(self.now, due)
            out += self._asked(self.kernel.tick(self.now))
        self.now = end
        return out

    def _asked(self, out: Sequence[Outcome]) -> Sequence[Outcome]:
        for asked in out:
            if self._writer and not isinstance(asked, Given):
                self._writer.out(self.now, asked)
        return out

    def events(self) -> list[AnyEvent]:
        """The whole log."""
        return [record.event for record in self.log.read()]

    def of(self, kind: type[E]) -> list[E]:
        """The log's events of one kind."""
        return [event for event in self.events() if isinstance(event, kind)]

    def words(self) -> list[str]:
        """The names of the log's events."""
        return [type(event).__name__ for event in self.events()]

    def state(self, native: str = "AB") -> str:
        """The state of a book."""
        return self.kernel.views.book(native, stale=True).state

    def levels(self, native: str = "AB") -> tuple[dict[str, str], dict[str, str]]:
        """A book's bids and asks as plain decimals, best first."""
        (row,) = self.kernel.views.instruments.find(native)
        book = self.kernel.views.books[row.instrument]
        bids, asks = (
            {plain(p, row.price_digits): plain(s, row.size_digits) for p, s in half.sorted()}
            for half in (book.bids, book.asks)
        )
        return bids, asks


def waiting(exchange: str = "binance", native: str = "AB") -> tuple[World, Request]:
    """A world whose book waits for its snapshot, and the request for it."""
    world = World(exchange)
    world.declare(native)
    world.subscribe(native)
    return world, request(world.opened())


def live(bids: Rows = (("1.5", "2"),), asks: Rows = (("2", "1"),), *, last: int = 10) -> World:
    """A world with a live book that has taken in everything up to update *last*."""
    world, asked = waiting()
    world.answer(asked, snapshot(last, bids, asks))
    return world


def request(out: Sequence[Outcome]) -> Request:
    """The one thing that was asked for, which is a request."""
    (asked,) = out
    assert isinstance(asked, Request)
    return asked


# Sessions


def tiny(folder: Path, *, sealed: bool = True) -> Session:
    """A session of everything a few times: two lanes, a gap, a refusal, quotes, trades, bad frames."""
    folder.mkdir()
    meta = Meta(
        exchanges=["binance"], instruments=["A-B", "C-D"], source="simulator", started_ns=START
    )
    meta.run_id, meta.seed = "tiny", 7
    writer = SessionWriter(folder, meta)
    _play(World(writer=writer))
    writer.close()
    if sealed:
        replay = played(Session(folder))
        writer.seal(replay.digests(), replay.log.head)
    return Session(folder)


def _play(world: World) -> None:
    asked = request(world.subscribe("AB", channels=("book", "trades", "quotes")))
    world.answer(asked, instruments("AB", "CD", "EF"))
    refused = request(world.opened())
    world.hear(delta(9, 10, [("1.50", "2.0")]))
    world.answer(refused, b'{"code":-1003}', 429)
    world.now += 60 * SECOND  # so long is an exchange left alone that does not say for how long
    asked = request(world.hear(delta(11, 12, [("1.50", "3.0")], [("1.60", "0.5")])))
    world.answer(asked, snapshot(10, [("1.50", "2.0"), ("1.40", "1.0")], [("1.70", "4.0")]))
    world.hear(trade(1, "1.60", "0.1"))
    world.hear(quote(13, ("1.50", "3.0"), ("1.60", "0.4")))
    world.now += 121 * SECOND  # so long after the refusal, the next one is asked for at once
    asked = request(world.hear(delta(15, 16, [("1.45", "1.0")])))  # 13 and 14 never came
    world.hear(b"no JSON")
    world.hear(b"\xff\x00")
    world.answer(asked, snapshot(16, [("1.456", "1.0")], [("1.60", "0.5")]))
    world.declare("CD")
    world.subscribe("CD")
    asked = request(world.opened("binance/2"))
    world.answer(asked, snapshot(5, [("7", "1")], [("8", "1")]))
    for number in range(17, 47):
        world.hear(delta(number, number, [(f"1.{number}", str(number % 3))]))
    world.closed()
    world.unsubscribe("binance/2")


def played(session: Session, log: Log | None = None) -> Replay:
    """A session played to its end."""
    replay = Replay(session, log)
    while replay.play(4096):
        pass
    return replay
