"""Binance spot's skin over a simulated exchange: its JSON, its codes, its streams.

The shapes are those of Binance's API documentation of July 2026. It is a simulator: no frame of it was
ever Binance's. What stands behind it is `tapefold.sim.Venue`.

numbers.py   as Binance prints them
market.py    one market: its books, trades and best prices in public
rules.py     filters, as listed and as kept
params.py    parameters of a request
failures.py  codes and messages
door.py      weights, keys, times, signatures
wishes.py    orders as they are sent
desk.py      orders and accounts
reports.py   their JSON, in answers and as user events
days.py      what was traded in a day
pages.py     public pages
routes.py    which request is what
lanes.py     streams, and who hears them
requests.py  requests over HTTP and over the WebSocket API

Left out: candles, order lists, stops, icebergs, amendments, Ed25519 keys. `session.logon` is refused,
as it is there for the keys that there are here.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from heapq import heappop, heappush
from typing import Final

import msgspec

from tapefold import AdapterError, Nanos, Request
from tapefold.sim import (
    Answer,
    Change,
    Faults,
    Moved,
    News,
    Published,
    Story,
    Told,
    Venue,
)
from tapefold_adapters.binance.sim import reports
from tapefold_adapters.binance.sim.days import DAYS, told
from tapefold_adapters.binance.sim.desk import Desk
from tapefold_adapters.binance.sim.door import Door
from tapefold_adapters.binance.sim.lanes import Lanes
from tapefold_adapters.binance.sim.market import BEST, DELTAS, EVERY, TOPS, TRADES, Listed, Message
from tapefold_adapters.binance.sim.numbers import PLACES
from tapefold_adapters.binance.sim.pages import Pages
from tapefold_adapters.binance.sim.reports import Page
from tapefold_adapters.binance.sim.requests import LISTENING, SESSION, Requests
from tapefold_adapters.binance.sim.routes import routes

SUMMED: Final = 10
"""Every so many messages about a book there is one of the day's sums."""


class BinanceSim:
    """Binance spot over a story's markets; see `tapefold.sim.Exchange`.

    `faults` is what goes wrong on demand, `venue` what truly is. Raises `AdapterError` for a story
    whose numbers have more decimals than Binance prints.
    """

    def __init__(self, story: Story, seed: int) -> None:
        start, many = story.started_ns, len(story.specs)
        if any(spec.price_digits + spec.size_digits > PLACES for spec in story.specs):
            raise AdapterError(
                f"Binance prints {PLACES} decimals, and a value here would need more"
            )
        self.venue, self.faults = Venue(story, seed), Faults()
        self._listed: dict[str, Listed] = {}
        for n, market in enumerate(self.venue.markets.values()):
            listed = Listed(market, n + 1, start + EVERY + n * EVERY // many)
            self._listed[listed.symbol] = listed
        self._start, self._now, self._lost = start, start, story.lost
        self._lanes = Lanes(seed)
        door = Door(self.venue, self.faults)
        pages = Pages(self.venue, self.faults, self._listed, start)
        desk = Desk(self.venue, door, self._listed, seed)
        self._routes = routes(pages, desk)
        self._requests = Requests(door, self.faults, self._lanes, self._routes)
        self._outbox: list[tuple[Nanos, int, int, Published]] = []
        self._posted = self._executions = 0

    @property
    def paths(self) -> list[str]:
        """What it answers over HTTP: methods and paths."""
        return [*self._routes, *LISTENING]

    @property
    def methods(self) -> list[str]:
        """What it answers over the WebSocket API."""
        return [*(route.socket for route in self._routes.values()), *SESSION]

    @property
    def streams(self) -> list[str]:
        """What can be heard of each market; others may be asked for, and say nothing."""
        return [*DELTAS, *TOPS, *TRADES, BEST, *DAYS]

    @property
    def due(self) -> Nanos:
        """When a market, a book's message, or what an answer caused is next due."""
        markets = self._markets_due()
        return min(markets, self._outbox[0][0]) if self._outbox else markets

    def turn(self) -> Sequence[Published]:
        """What answers caused; else one market goes on, or says what changed in its book."""
        due = self.due
        self._now = max(self._now, due)
        if not self._outbox or self._outbox[0][0] > due:
            return self._advance()
        published: list[Published] = []
        while self._outbox and self._outbox[0][0] <= due:
            _, _, number, each = heappop(self._outbox)
            lane = self._lanes.open(each.lane)
            if lane and lane.number == number:
                published.append(each)
        return published

    def connect(self, lane: str, url: str) -> None:
        """A combined stream, a bare one, or the WebSocket API, by its path."""
        self._lanes.connect(lane, url)

    def disconnect(self, lane: str) -> None:
        """It hears nothing any more; what was under way to it is gone."""
        self._lanes.disconnect(lane)

    def hear(self, lane: str, text: str, time: Nanos) -> Sequence[Published]:
        """A subscription, or a request of the WebSocket API."""
        heard = self._lanes.open(lane)
        if heard is None:
            return ()
        if heard.kind != "api":
            return (Published(lane, msgspec.json.encode(self._lanes.heard(heard, text))),)
        self._bring(time)
        answer = self._requests.heard(heard, text, max(time, self._now))
        self._tell(max(time, self._now))
        return (Published(lane, answer),) if answer else ()

    def answer(self, request: Request, time: Nanos) -> Answer:
        """Any of the paths of `routes`, and the older `userDataStream`."""
        self._bring(time)
        answer = self._requests.answer(request, max(time, self._now))
        self._tell(max(time, self._now))
        return answer

    def peek(self, request: Request) -> Answer:
        """What it would answer now, at no weight and whatever faults there are."""
        assert request.method == "GET", "who looks on changes nothing"
        onlooker, none = Door(self.venue, Faults()), Faults()
        return Requests(onlooker, none, self._lanes, self._routes).answer(request, self._now)

    def deposit(self, holder: str, asset: str, amount: Decimal, time: Nanos) -> None:
        """Money comes to an account, or leaves it where it is negative. Raises `Denied`."""
        self._bring(time)
        self.venue.deposit(holder, asset, amount, max(time, self._now))
        self._tell(max(time, self._now))

    # The markets

    def _markets_due(self) -> Nanos:
        return min(min(each.market.due, each.due) for each in self._listed.values())

    def _bring(self, time: Nanos) -> None:
        """All that is due before *time* happens; it is published in the next turns."""
        while (due := self._markets_due()) < time:
            self._now = max(self._now, due)
            for each in self._advance():
                self._post(due, each)

    def _advance(self) -> list[Published]:
        """What is due next in the markets."""
        due = self._markets_due()
        published: list[Published] = []
        for each in self._listed.values():
            if each.market.due == due:
                change = self.venue.turn(each.spec.symbol)
                published += self._took(each, change)
            if each.due == due:
                published += self._changed(each, due)
        self._tell(due)
        return published

    def _took(self, listed: Listed, change: Change) -> Iterator[Published]:
        for stream, data in listed.took(change):
            yield from self._publish(listed, stream, data)

    def _changed(self, listed: Listed, due: Nanos) -> Iterator[Published]:
        yield from self._summed(listed, due)
        changed = listed.changed()
        if not changed:
            return
        if not self._loses(listed, due):
            for stream in DELTAS:
                yield from self._publish(listed, stream, changed)
        for stream, depth in TOPS.items():
            if self._lanes.wanted(f"{listed.symbol.lower()}@{stream}"):
                yield from self._publish(listed, stream, listed.book(depth))

    def _summed(self, listed: Listed, due: Nanos) -> Iterator[Published]:
        """Once a second, to whoever wants it."""
        if (due - self._start) // EVERY % SUMMED:
            return
        for stream in DAYS:
            if self._lanes.wanted(f"{listed.symbol.lower()}@{stream}"):
                yield from self._publish(listed, stream, told(stream, listed, self._start, due))

    def _publish(self, listed: Listed, stream: str, data: Message | Page) -> Iterator[Published]:
        return self._lanes.publish(f"{listed.symbol.lower()}@{stream}", data)

    def _loses(self, listed: Listed, due: Nanos) -> bool:
        """Whether this is the one frame that the story loses."""
        lost = self._lost
        if lost is None or listed.spec.symbol != lost.symbol or due < self._start + lost.after:
            return False
        self._lost = None
        return True

    # What happened to accounts, and by them to books

    def _tell(self, time: Nanos) -> None:
        """Put what happened into the outbox: first what everybody hears."""
        changes, self.venue.changes = self.venue.changes, []
        for symbol, change in changes:
            for each in self._took(self._listed[symbol.replace("-", "")], change):
                self._post(time, each)
        news, self.venue.news = self.venue.news, []
        for what in news:
            self._tell_of(what, time)

    def _tell_of(self, news: News, time: Nanos) -> None:
        holder, event = self._event(news)
        heard = [*self._lanes.tell(holder, event, time)]
        if not heard or self.faults.silent:
            return
        upset = self.faults.upset()
        if upset and upset.what == "dropped":
            return
        later = time + (upset.by if upset and upset.what == "late" else 0)
        for _ in range(2 if upset and upset.what == "twice" else 1):
            for _, each in heard:
                self._post(later, each)

    def _event(self, news: News) -> tuple[str, Page]:
        if isinstance(news, Told):
            self._executions += 1
            listed = self._listed[news.order.wish.symbol.replace("-", "")]
            return news.order.holder, reports.execution(news, listed, self._executions)
        if isinstance(news, Moved):
            return news.holder, reports.position(news)
        return news.holder, reports.deposited(news)

    def _post(self, time: Nanos, published: Published) -> None:
        """It will be published at *time*, if its lane is still the same connection then."""
        lane = self._lanes.open(published.lane)
        if lane:
            self._posted += 1
            heappush(self._outbox, (time, self._posted, lane.number, published))
