"""Stories of one order, told frame by frame, and what must be true at the end of each."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias, cast

from order_facts import (
    ENDINGS,
    NAMELESS,
    Account,
    answer,
    cancel,
    closed,
    dec,
    fill,
    net,
    reverted,
    said,
    settle,
    submitted,
)

from tapefold.events import (
    AnyEvent,
    OrderCancelRequested,
    OrderCorrected,
    OrderEnded,
    OrderSubmitted,
)
from tapefold.folds.orders import Sum

LIFE: Final = re.compile("A?[Fw]*(E([Fw]*C)*)?")
"""Whatever an exchange says."""
PLAIN: Final = re.compile("AF*E|E")
"""What an honest one comes to that says the fee with the fill."""

Frame: TypeAlias = tuple[Any, tuple[int, ...]]
"""A fact, or several that come at once; and the numbers of the frames that caused it."""


class Story(NamedTuple):
    """What may happen to one order. The first frame is the intent."""

    name: str
    frames: list[Frame]
    status: str
    executed: str
    plain: bool = True
    """The life is `A F* E` or `E` in every order; else it has corrections."""
    doubt: str = ""
    ends: tuple[str, ...] = ()
    """Which ends may be told, where the status is not the only one; with "" for none."""

    def facts(self, number: int) -> tuple[AnyEvent, ...]:
        """Those of a frame."""
        facts: Any = self.frames[number][0]
        if isinstance(facts, tuple):
            return cast("tuple[AnyEvent, ...]", facts)
        return (facts,)

    def ours(self, number: int) -> bool:
        """Whether we cause that frame: then it comes once."""
        return isinstance(self.facts(number)[0], OrderSubmitted | OrderCancelRequested)

    def orders(self) -> Iterator[tuple[int, ...]]:
        """Every order of the frames in which none comes before its causes."""
        return self._extended(())

    def _extended(self, done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) == len(self.frames):
            yield done
        for number, (_, causes) in enumerate(self.frames):
            if number not in done and {*causes} <= {*done}:
                yield from self._extended((*done, number))

    def repeated(self, order: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """That order, each frame of others once more at each later place, and all of them twice."""
        yield order
        for place, number in enumerate(order):
            if not self.ours(number):
                for later in range(place + 1, len(order) + 1):
                    yield (*order[:later], number, *order[later:])
        yield (*order, *(number for number in order if not self.ours(number)))


_NO_ID: Final[dict[str, Any]] = {"exchange_order_id": ""}
_CHARGED: Final = (("USDT", dec("0.1")),)
STORIES: Final = [
    Story(
        "1 a fill before the acknowledgement",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            ((fill("T1", 1), said("filled", 1, 100)), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "1 fills before the acknowledgement, one by one",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", "0.3"), (0,)),
            (fill("T2", "0.7"), (0,)),
            (said("filled", 1, 100), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "2 a cancel beats its order",
        [
            (submitted(), ()),
            (cancel(1), (0,)),
            (answer("gone", 1, "unknown_order"), (1,)),
            (said("open"), (0,)),
            (cancel(2), (3,)),
            (said("canceled", 0, 0), (4,)),
        ],
        "canceled",
        "0",
    ),
    Story(
        "2 a cancel beats its order, and it fills instead",
        [
            (submitted(), ()),
            (cancel(1), (0,)),
            (answer("gone"), (1,)),
            (said("open"), (0,)),
            (fill("T1", 1), (0,)),
            (said("filled", 1, 100), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "3 a cancel is acknowledged, and its fill comes 45 s later",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (cancel(), (1,)),
            (said("canceled", "0.4", 40), (2,)),
            (fill("T1", "0.4"), (1,)),
        ],
        "canceled",
        "0.4",
    ),
    Story(
        "3 the cancel's answer says no amount, and a query does",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (cancel(), (1,)),
            (said("canceled"), (2,)),
            (fill("T1", "0.4"), (1,)),
            (said("canceled", "0.4"), (3,)),
        ],
        "canceled",
        "0.4",
    ),
    Story(
        "4 completed, and then stale pages",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", 1), (0,)),
            (said("filled", 1, 100), (0,)),
            (said("open", 0), (0,)),
            (said("canceled", 1), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "5 filled by status, and no trade ever comes",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (said("filled", 1, "99.5"), (0,)),
            (settle(1), (2,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "5 filled by status, and the trades come after all",
        [
            (submitted(), ()),
            (said("filled", 1, "99.5"), (0,)),
            (settle(1), (1,)),
            (fill("T1", "0.4"), (0,)),
            (fill("T2", "0.6", "99.166666666666666667", value=dec("59.5")), (0,)),
        ],
        "filled",
        "1",
        plain=False,
    ),
    Story(
        "5 filled by status, with no trades and no price",
        [(submitted(), ()), (said("filled", 1), (0,)), (settle(1), (1,))],
        "closing",
        "0",
        plain=False,
        doubt="unreconciled",
        ends=("",),
    ),
    Story(
        "6 one trade by three channels",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T7", 1, fees=None), (0,)),
            (fill("T7", 1, fees=_CHARGED), (0,)),
            (fill("T7", 1, fees=_CHARGED, maker=True), (0,)),
        ],
        "filled",
        "1",
        plain=False,
    ),
    Story(
        "6 an exchange that repeats ids, under a longer key",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("7:0.5", "0.5"), (0,)),
            (fill("7:1", "0.5"), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "refused at the door",
        [(submitted(), ()), (said("rejected", reason="balance", **_NO_ID), (0,))],
        "rejected",
        "0",
    ),
    Story(
        "refused at the door, and the stream repeats it with an id",
        [
            (submitted(), ()),
            (said("rejected", reason="would_match", **_NO_ID), (0,)),
            (said("rejected", reason="would_match"), (0,)),
        ],
        "rejected",
        "0",
    ),
    Story(
        "post-only, refused by the matcher",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            ((said("open"), said("rejected", 0, reason="would_match")), (0,)),
        ],
        "rejected",
        "0",
    ),
    Story(
        "taken at the gateway, then refused",
        [(submitted(), ()), (said("pending"), (0,)), (said("rejected"), (0,))],
        "rejected",
        "0",
    ),
    Story(
        "the reply is lost, and the stream tells",
        [
            (submitted(), ()),
            (answer("unanswered", 0), (0,)),
            (said("open"), (0,)),
            (fill("T1", 1), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "IOC: a part fills, the rest expires",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", "0.4"), (0,)),
            (said("expired", "0.4", 40), (0,)),
        ],
        "expired",
        "0.4",
    ),
    Story(
        "self-trade prevention ends the rest",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", "0.4"), (0,)),
            (said("expired", "0.4", reason="self_trade"), (0,)),
        ],
        "expired",
        "0.4",
    ),
    Story(
        "self-trade prevention makes it smaller",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (said(amount=dec("0.6"), revision=96), (0,)),
            (fill("T1", "0.6"), (0,)),
            (said("filled", "0.6", 60), (0,)),
        ],
        "filled",
        "0.6",
    ),
    Story(
        "amended twice, and the newest size counts",
        [
            (submitted(), ()),
            (said("open", amount=dec(2), revision=5), (0,)),
            (said("open", amount=dec("0.5"), revision=6), (0,)),
            (said("open", "0.2"), (0,)),
            (fill("T1", "0.2"), (0,)),
            (said("canceled", "0.2"), (0,)),
        ],
        "canceled",
        "0.2",
    ),
    Story(
        "named by the exchange's id alone",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", "0.4", **NAMELESS), (0,)),
            (fill("T2", "0.6", **NAMELESS, side="", instrument=-1), (0,)),
            (said("filled", 1, **NAMELESS), (0,)),
        ],
        "filled",
        "1",
    ),
    Story(
        "a market order by value",
        [
            (submitted(amount=None, quote_amount=dec(100), price=None, hold=dec(1)), ()),
            (said("open"), (0,)),
            (fill("T1", "0.6"), (0,)),
            (fill("T2", "0.39"), (0,)),
            (said("filled", "0.99", 99), (0,)),
        ],
        "filled",
        "0.99",
    ),
    Story(
        "filled short: the whole of it was never traded",
        [
            (submitted(), ()),
            (fill("T1", "0.7"), (0,)),
            (said("filled", "0.7", 70), (0,)),
            (settle("0.7"), (1, 2)),
        ],
        "canceled",
        "0.7",
    ),
    Story(
        "overfilled",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("T1", "0.7"), (0,)),
            (fill("T2", "0.7"), (0,)),
            (fill("T3", "0.1"), (0,)),
        ],
        "filled",
        "1.5",
        plain=False,
        doubt="overfilled",
    ),
    Story(
        "a late fill after an end that lied",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (said("canceled", 0), (0,)),
            (fill("T1", "0.4"), (0,)),
        ],
        "canceled",
        "0.4",
        plain=False,
    ),
    Story(
        "canceled, then filled: the cancel lied",
        [
            (submitted(), ()),
            (said("canceled", 0), (0,)),
            (fill("T1", 1), (0,)),
            (said("filled", 1), (0,)),
        ],
        "filled",
        "1",
        plain=False,
        ends=("canceled", "filled"),
    ),
    Story(
        "rejected by mistake, and alive",
        [(submitted(), ()), (said("rejected", **_NO_ID), (0,)), (fill("T1", 1), (0,))],
        "filled",
        "1",
        plain=False,
        ends=("rejected", "filled"),
    ),
    Story(
        "amounts as small as they come",
        [
            (submitted(amount=dec("4e-9")), ()),
            (said("open"), (0,)),
            (fill("T1", "1e-9", "0.00000123"), (0,)),
            (fill("T2", "3e-9", "0.00000123"), (0,)),
        ],
        "filled",
        "0.000000004",
    ),
    Story(
        "ended without an amount, and nothing more came",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (cancel(), (1,)),
            (said("canceled"), (2,)),
            (fill("0xa:1", "0.4"), (1,)),
            (closed("0.4"), (3, 4)),
        ],
        "canceled",
        "0.4",
    ),
    Story(
        "the chain is reorganised, and the fill is mined again",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (fill("b1:0xa:1", 1), (0,)),
            (reverted("b1:0xa:1"), (2,)),
            (fill("b2:0xa:1", 1), (3,)),
        ],
        "filled",
        "1",
        plain=False,
    ),
    Story(
        "rejected by one channel, canceled by another",
        [
            (submitted(), ()),
            (said("open"), (0,)),
            (said("rejected", 0, reason="post_only"), (0,)),
            (said("canceled", 0), (0,)),
        ],
        "rejected",
        "0",
        plain=False,
        ends=("rejected", "canceled"),
    ),
]


def play(story: Story, sequence: tuple[int, ...]) -> Account:
    """The frames of a story, in that order."""
    account = Account()
    for number in sequence:
        account.frame(*story.facts(number))
    return account


def outcome(account: Account) -> tuple[Any, ...]:
    """What must be the same however we came to know it."""
    order = account.order
    assert net(account.log) == order.standing.fills == order.told.fills
    assert order.done == Sum.of(order.standing.fills.values())
    return order.status, order.doubt, order.done, order.standing.fills, order.held, order.evidence


def check(account: Account, story: Story) -> None:
    """What must be true at the end of a story."""
    order = account.order
    assert (order.status, order.executed) == (story.status, Decimal(story.executed))
    assert order.doubt == order.told.doubt == story.doubt
    assert (PLAIN if story.plain else LIFE).fullmatch(account.letters), account.letters
    told = [event for event in account.log if isinstance(event, OrderEnded)]
    ends = [ENDINGS[type(event)] for event in told if type(event) in ENDINGS]
    assert len(ends) <= 1
    assert "".join(ends) in (story.ends or (story.status,))
    if told:
        last = told[-1]
        assert Sum(last.executed, last.value, last.fees) == order.done
        assert not isinstance(last, OrderCorrected) or last.status == order.status
    assert account.orders.news(everything=True) == []
