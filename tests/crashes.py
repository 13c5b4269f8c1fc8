"""One trading story that goes on over the death of the engine that trades in it, and what must hold.

The story is data: acts, each atomic, between which all comes to rest. An act is a wish of the caller's or
something that happens at the exchange. What happened there has happened, and is not done again. A wish is
given again where the log has no intent of it, or where its order never came to be: so whoever drives the
story needs to remember nothing but where it is, and reads the rest from the log, as a real caller would.

The market stands still, so that the same orders trade the same whenever they come.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, Protocol, TypeAlias

from agreement import ENDED, LIFE, lives, told
from msgspec.structs import replace
from sim_there import STORY as LIVELY
from sim_there import STRANGER

from tapefold.adapter import Cancel, CancelAll, Command, Submit
from tapefold.events import (
    ZERO,
    AnyEvent,
    CancelAllEnded,
    FillTold,
    FrameRejected,
    OrderCancelRequested,
    OrderEnded,
    OrderSubmitted,
)
from tapefold.folds.orders import Sum
from tapefold.sim import HOLDER, Denied, Fault, Order, Story, Unsaid, Venue, Wish
from tapefold.sim.account import held
from tapefold.units import SECOND, Nanos, Side, exactly
from tapefold.views import Views
from tapefold_adapters.binance.sim.reports import FIRST_ORDER

EXCHANGE: Final = "binance"
QUIET: Final[Story] = replace(
    LIVELY, specs=tuple(replace(spec, pause=24 * 3600 * SECOND) for spec in LIVELY.specs)
)
"""Two markets in which nobody does anything but us, and whoever the story says."""
ETH, LTC = (spec.symbol for spec in QUIET.specs)
NEVER: Final = ("not_found", "not_sent")
"""Why an order ended that never came to be: nobody had it, or it never left."""
POST: Final = "POST /api/v3/order"
DELETE: Final = "DELETE /api/v3/order"


class Killed(BaseException):
    """The process is gone. No `except Exception` of the engine may survive it."""


class Scene(Protocol):
    """Where the story is told."""

    happened: dict[str, None]
    """What happened at the exchange already."""

    @property
    def events(self) -> Sequence[AnyEvent]:
        """The log's."""
        ...

    @property
    def venue(self) -> Venue:
        """What truly is."""
        ...

    def tell(self, command: Command) -> None:
        """The caller says so."""
        ...

    @property
    def moment(self) -> Nanos:
        """What time it is there."""
        ...

    def fault(self, fault: Fault) -> None:
        """From now on something is to go wrong."""
        ...

    def cut(self) -> None:
        """All connections break."""
        ...


Act: TypeAlias = Callable[[Scene], None]


# What the caller wishes


def attempts(events: Iterable[AnyEvent], order: Submit) -> list[str]:
    """Our names for one order of the story, the first one first: it is known by its amount."""
    return [
        event.client_order_id
        for event in events
        if isinstance(event, OrderSubmitted) and event.amount == order.amount
    ]


def ends(events: Iterable[AnyEvent]) -> dict[str, OrderEnded]:
    """By name, how it was told to have ended, the first time."""
    found: dict[str, OrderEnded] = {}
    for event in events:
        if isinstance(event, OrderEnded) and type(event) in ENDED:
            assert event.client_order_id not in found, "an end was told twice"
            found[event.client_order_id] = event
    return found


def wishes(order: Submit) -> Act:
    """Place it, unless the log has it; once more where it never came to be."""

    def act(scene: Scene) -> None:
        names = attempts(scene.events, order)
        end = ends(scene.events).get(names[-1]) if names else None
        if not names or (end and end.reason in NEVER):
            scene.tell(order)

    return act


def cancels(order: Submit) -> Act:
    """Cancel it, unless the log has that."""

    def act(scene: Scene) -> None:
        name = attempts(scene.events, order)[-1]
        asked = OrderCancelRequested(client_order_id=name, request=1)
        if asked not in scene.events:
            scene.tell(Cancel(name))

    return act


def cancels_all(scene: Scene) -> None:
    """Until the log says that it is over."""
    if not any(isinstance(event, CancelAllEnded) for event in scene.events):
        scene.tell(CancelAll(EXCHANGE))


# What happens there


def happens(name: str, what: Act) -> Act:
    """Once."""

    def act(scene: Scene) -> None:
        if name not in scene.happened:
            scene.happened[name] = None
            what(scene)

    return act


def placed(who: str, name: str, symbol: str, side: Side, size: int, price: int) -> Act:
    """Somebody places an order, size and price in the market's scales; a stranger's does not stay."""

    def act(scene: Scene) -> None:
        wish = Wish(
            symbol=symbol,
            side=side,
            order_type="limit",
            client_order_id=name,
            size=size,
            price=price,
            tif="ioc" if who == STRANGER else "gtc",
        )
        try:
            scene.venue.place(who, wish, scene.moment)
        except Denied as error:
            raise AssertionError(f"{name}: {error.reason}") from None

    return act


def taken(name: str, symbol: str, size: int, price: int) -> Act:
    """A stranger sells so much, to an order of ours."""
    return happens(name, placed(STRANGER, name, symbol, "sell", size, price))


def deposited(scene: Scene) -> None:
    scene.venue.deposit(HOLDER.key, "USDT", Decimal(250), scene.moment)


def unsaid(of: str) -> Act:
    """It will be done, and nobody told."""
    return happens(f"unsaid {of}", lambda scene: scene.fault(Unsaid(of, 0)))


def wished(amount: str, price: str | None, symbol: str = ETH, side: Side = "buy") -> Submit:
    if price is None:
        return Submit(
            EXCHANGE, symbol, side, Decimal(amount), order_type="market", worst=Decimal(101)
        )
    return Submit(EXCHANGE, symbol, side, Decimal(amount), Decimal(price))


RESTS: Final = wished("1.3", "100")
AT_MARKET: Final = wished("0.7", None)
IN_VAIN: Final = wished("0.9", "105", LTC, "sell")
UNANSWERED: Final = wished("0.35", "97.95", LTC)
REFUSED: Final = replace(wished("0.55", "100.1"), order_type="limit_maker")
TOO_DEAR: Final = wished("80", "99")
SWEEPS: Final = replace(wished("8", "100.05"), tif="ioc")
FAR: Final = wished("0.5", "105", LTC, "sell")
ORDERS: Final = {
    "rests": RESTS,
    "at_market": AT_MARKET,
    "in_vain": IN_VAIN,
    "unanswered": UNANSWERED,
    "refused": REFUSED,
    "too_dear": TOO_DEAR,
    "sweeps": SWEEPS,
    "far": FAR,
}


def two(one: Act, other: Act) -> Act:
    """One right after the other."""

    def act(scene: Scene) -> None:
        one(scene)
        other(scene)

    return act


def meanwhile(scene: Scene) -> None:
    """While nobody hears it, an order of ours trades, one is placed by hand, and money comes."""
    if "hand" not in scene.happened:
        scene.cut()  # in which the engine may be killed: what follows has not happened then
    taken("b", ETH, 250, 10_000)(scene)
    happens("deposit", deposited)(scene)
    happens("hand", placed(HOLDER.key, "by-hand", ETH, "sell", 500, 10_300))(scene)


STORY: Final[Sequence[Act]] = (
    wishes(RESTS),
    taken("a", ETH, 400, 10_000),
    wishes(AT_MARKET),
    wishes(IN_VAIN),
    cancels(IN_VAIN),
    two(unsaid(POST), wishes(UNANSWERED)),
    taken("c", LTC, 100, 9_795),
    wishes(REFUSED),
    wishes(TOO_DEAR),
    meanwhile,
    two(unsaid(DELETE), cancels(UNANSWERED)),
    wishes(SWEEPS),
    wishes(FAR),
    cancels_all,
)


# What must hold


class Ending(NamedTuple):
    """How it ended, but for ids and times."""

    orders: dict[str, tuple[str, Sum]]
    totals: dict[str, Decimal]


def theirs(venue: Venue) -> dict[str, Order]:
    """The account's orders as they truly are, by the name that they were placed under. None has two."""
    orders = [*venue.orders(HOLDER.key)]
    found = {order.wish.client_order_id: order for order in orders}
    assert len(found) == len(orders), "an order was placed twice"
    return found


def traded(venue: Venue, order: Order) -> tuple[str, Sum]:
    """What an order is there, and what its trades come to."""
    spec = venue.markets[order.wish.symbol].spec
    with exactly():
        sums = [
            Sum(spec.amount(f.size), f.value, ((f.fee_asset, f.fee),) if f.fee else ())
            for f in order.fills
        ]
        return order.state, Sum.of(sums)


def is_at_rest(venue: Venue, views: Views) -> bool:
    """Whether we know all that is true, and there is nothing left to ask."""
    there = theirs(venue)
    for name, order in views.orders.ours.items():
        if order.due or order.doubt or order.status in ("submitted", "closing"):
            return False
        if name in there and (order.status, order.done) != traded(venue, there[name]):
            return False
    totals = views.balances
    with exactly():
        return all(
            totals.total(EXCHANGE, asset) == balance.free + balance.locked
            for asset, balance in venue.accounts[HOLDER.key].balances().items()
        )


def check(venue: Venue, events: Sequence[AnyEvent], views: Views) -> Ending:
    """That engine and exchange agree, to the last digit; how the story ended."""
    assert not [event for event in events if isinstance(event, FrameRejected)]
    for name, life in lives([*events]).items():
        assert LIFE.fullmatch(life), (name, life)
    _orders_agree(venue, events, views)
    _money_agrees(venue, views)
    assert not views.orders.news(everything=True)
    assert not views.orders.anomalies.count, [*views.orders.anomalies.latest]
    assert Views.of(events).freeze() == views.freeze(), "the log comes to something else"
    return _ending(venue, events)


def _orders_agree(venue: Venue, events: Sequence[AnyEvent], views: Views) -> None:
    there, lists = theirs(venue), told([*events])
    assert {*there} - {"by-hand"} <= {*lists}, "an order is there that the log knows nothing of"
    for name, said in lists.items():
        known = views.orders.ours[name]
        if name in there:
            assert said == traded(venue, there[name]), (name, said)
        else:
            assert said == ("rejected", Sum()), (name, said)
        assert (known.status, known.done) == said, known
        assert (known.doubt, known.told.doubt, known.due) == ("", "", ""), known
    filled = [
        (event.client_order_id, event.fill_id, event.amount)
        for event in events
        if isinstance(event, FillTold)
    ]
    assert len({*filled}) == len(filled) == sum(len(order.fills) for order in there.values())


def _money_agrees(venue: Venue, views: Views) -> None:
    reserved: dict[str, Decimal] = {"ETH": ZERO, "LTC": ZERO, "USDT": ZERO}
    with exactly():
        for name, order in theirs(venue).items():
            if order.state == "open" and name in views.orders.ours:
                spec = venue.markets[order.wish.symbol].spec
                asset, amount = held(spec, order, order.left)
                reserved[asset] += amount
        for asset, balance in venue.accounts[HOLDER.key].balances().items():
            total = views.balances.total(EXCHANGE, asset)
            assert total == balance.free + balance.locked, asset
            assert views.balances.reserved(EXCHANGE, asset) == reserved[asset], asset
            assert views.balances.available(EXCHANGE, asset) == balance.free, asset


def _ending(venue: Venue, events: Sequence[AnyEvent]) -> Ending:
    lists, over, last = told([*events]), ends(events), dict[str, tuple[str, Sum]]()
    for label, order in ORDERS.items():
        *tries, name = attempts(events, order)
        assert all(over[one].reason in NEVER for one in tries), (label, tries)
        last[label] = lists[name]
    by_hand = theirs(venue)["by-hand"]
    assert by_hand.number + FIRST_ORDER > 0
    last["by_hand"] = traded(venue, by_hand)
    with exactly():
        totals = {
            asset: balance.free + balance.locked
            for asset, balance in venue.accounts[HOLDER.key].balances().items()
        }
    return Ending(last, totals)
