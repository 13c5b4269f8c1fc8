"""The trading story that the order sweep tells: a still market, a stranger, and orders of every kind.

Each order of the story has an amount of its own, so that one which is placed twice is known under
whatever name it comes.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, Protocol, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import Cancel, CancelAll, Command, Submit
from tapefold.events import OrderType
from tapefold.sim import HOLDER, Denied, Holder, Spec, Story, Venue, Wish
from tapefold.sim.story import MINUTE
from tapefold.units import SECOND, Nanos, Side

_MILLISECOND: Final = 1_000_000
STRANGER: Final = "strangerkey"
"""The key of who trades with us."""
FOREIGN: Final = "by-hand"
"""The client order id of the order that the account's owner places elsewhere."""
_DAY: Final = 24 * 3600 * SECOND
SPEC: Final = Spec(
    base="ETH",
    quote="USDT",
    price_digits=2,
    size_digits=5,
    fair=10_000,
    move=0,
    calm=1,
    reach=1,
    size=10_000,
    levels=0,
    pause=_DAY,
    ladder=(
        ("buy", 9_900, 500_000),
        ("buy", 9_800, 5_000_000),
        ("sell", 10_100, 20_000),
        ("sell", 10_110, 500_000),
        ("sell", 10_200, 5_000_000),
    ),
)
"""A market that stands still: nobody trades there but the story."""
SYMBOL: Final = SPEC.symbol
_OURS: Final = {"ETH": Decimal(10), "USDT": Decimal(2_000)}


_AT_ONCE: Final = _MILLISECOND
_THEN: Final = 300 * _MILLISECOND
ORDERS: Final[dict[str, str]] = {
    "parts": "1.3",
    "at market, bought": "0.5",
    "at market, sold": "0.45",
    "maker": "0.55",
    "hasty": "0.7",
    "hasty again": "0.65",
    "raced": "0.8",
    "partly": "0.9",
    "left": "0.25",
    "also left": "0.2",
}
"""What the caller wants: amounts of base by the word that each order is known by (`Submit.by`)."""


def story_at(exchange: str) -> Story:
    """What the simulated exchange is made of."""
    rich = dict.fromkeys(_OURS, Decimal(10**7))
    return replace(
        MINUTE,
        exchange=exchange,
        specs=(SPEC,),
        lost=None,
        lasts=_DAY,
        accounts=(
            replace(HOLDER, balances=_OURS),
            Holder(key=STRANGER, secret="strangersecret", balances=rich),
        ),
    )


class Scene(Protocol):
    """Where the story is told."""

    exchange: str

    @property
    def venue(self) -> Venue:
        """What truly is there."""
        ...

    @property
    def time(self) -> Nanos:
        """When it is."""
        ...

    def tell(self, command: Command) -> None:
        """The caller says so."""
        ...

    def named(self, order: str) -> str:
        """Our client order id of an order of the story; empty where there is none yet."""
        ...


Do: TypeAlias = Callable[[Scene], None]


class Act(NamedTuple):
    """Something that happens."""

    after: Nanos
    """So long after what happened before it."""
    wish: bool
    """The caller's, who waits until orders may leave; else it happens at the exchange, come what may."""
    do: Do


def _wanted(name: str, side: Side, price: str = "", kind: OrderType = "limit") -> Act:
    """The caller wants one of `ORDERS`; without a price at market."""

    def do(scene: Scene) -> None:
        amount, at = Decimal(ORDERS[name]), Decimal(price) if price else None
        worst = None if price else Decimal(103)
        order = Submit(scene.exchange, SYMBOL, side, amount, at, kind, worst=worst, by=name)
        scene.tell(order)

    return Act(_THEN, True, do)


def _cancel(name: str, after: Nanos) -> Act:
    def do(scene: Scene) -> None:
        if order := scene.named(name):
            scene.tell(Cancel(order))

    return Act(after, True, do)


def _cancel_all(scene: Scene) -> None:
    scene.tell(CancelAll(scene.exchange))


def _place(who: str, name: str, side: Side, size: int, price: int) -> Do:
    """Somebody places an order; a stranger's does not stay. Where it cannot be, it is not."""

    def do(scene: Scene) -> None:
        wish = Wish(
            symbol=SYMBOL,
            side=side,
            order_type="limit",
            client_order_id=name,
            size=size,
            price=price,
            tif="ioc" if who == STRANGER else "gtc",
        )
        try:
            scene.venue.place(who, wish, scene.time)
        except Denied:
            return  # of money: an order that the faults let fall would have brought it

    return do


def _taken(name: str, side: Side, size: int, price: int, after: int = 200) -> Act:
    """A stranger trades with what rests there, *after* so many milliseconds."""
    return Act(after * _MILLISECOND, False, _place(STRANGER, name, side, size, price))


def _deposit(scene: Scene) -> None:
    scene.venue.deposit(HOLDER.key, "USDT", Decimal(250), scene.time)


def _by_hand() -> Act:
    return Act(300 * _MILLISECOND, False, _place(HOLDER.key, FOREIGN, "sell", 15_000, 10_900))


STORY: Final[Sequence[Act]] = (
    _by_hand(),
    _wanted("parts", "buy", "100"),
    _taken("a", "sell", 40_000, 10_000),
    Act(_THEN, False, _deposit),
    _wanted("at market, bought", "buy", kind="market"),
    _taken("b", "sell", 89_999, 10_000, 120),
    _taken("c", "sell", 1, 10_000, 120),
    _wanted("at market, sold", "sell", kind="market"),
    _wanted("maker", "buy", "101.5", "limit_maker"),
    _wanted("hasty", "sell", "105"),
    _cancel("hasty", _AT_ONCE),
    _wanted("raced", "sell", "100.5"),
    _taken("d", "buy", 30_000, 10_050),
    _wanted("hasty again", "buy", "98.5"),
    _cancel("hasty again", _AT_ONCE),
    _cancel("raced", _THEN),
    _taken("e", "buy", 50_000, 10_050, 20),
    _wanted("partly", "buy", "99.5"),
    _taken("f", "sell", 35_000, 9_950),
    _cancel("partly", _THEN),
    _wanted("left", "buy", "98.4"),
    _wanted("also left", "sell", "107"),
    Act(_THEN, True, _cancel_all),
)
"""An order that is filled in three parts, two at market, one refused, two canceled before they are known
there, one that is filled while it is canceled, one canceled in part, and two left for the cancel-all."""
