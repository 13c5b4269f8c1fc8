"""Numbers that no account has, from a log on disk: nothing raises, now or later, and they are counted.

Needs no door: events go straight into the views.
"""

from decimal import Decimal
from random import Random
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from money import D, X, fees, listed
from msgspec.structs import replace
from order_facts import INSTRUMENT, cancel, fill, said, settle, submitted

from tapefold.events import AnyEvent, BalanceSnapshot, OrderFilled
from tapefold.folds.bounds import NUMBER, SUM, bounded
from tapefold.views import Views

KINDS: Final[list[Any]] = [
    kind
    for kind in get_args(AnyEvent)
    if kind.__module__.rpartition(".")[2] in ("orders", "account", "conclusions")
]
LARGEST: Final = D("9" * NUMBER + "." + "9" * NUMBER)
SANE: Final = [D(text) for text in ("0", "1", "0.4", "100", "-1", "1e-30")]
EDGE: Final = [*SANE, LARGEST, LARGEST.copy_negate(), D(f"1E-{NUMBER}")]
ABSURD: Final = [
    D(text)
    for text in ("NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "0E-999999")
]
WORDS: Final = ["", X, "c", "e", "ETH", "USDT", "T1", "inferred"]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnyEvent).decode


def value(hint: Any, random: Random, numbers: list[Decimal]) -> Any:
    """Anything that a field of this type may hold on disk."""
    parts = get_args(hint)
    if hint is Decimal:
        return random.choice(numbers)
    if get_origin(hint) is Literal:
        return random.choice(parts)
    if get_origin(hint) in (Union, UnionType):
        return value(random.choice(parts), random, numbers)
    if get_origin(hint) is tuple:
        count = random.randint(0, 2) if parts[-1] is ... else len(parts)
        kinds = parts[:1] * count if parts[-1] is ... else parts
        return tuple(value(part, random, numbers) for part in kinds)
    plain: dict[Any, list[Any]] = {
        int: [-1, 0, 1, 7, 2**63 - 1, -(2**63)],
        str: WORDS,
        bool: [False, True],
        type(None): [None],
    }
    return random.choice(plain[hint])


def event(random: Random, numbers: list[Decimal]) -> AnyEvent:
    """Any event of an account, most of them about one order or another of one exchange."""
    kind = random.choice(KINDS)
    fields = {name: value(hint, random, numbers) for name, hint in get_type_hints(kind).items()}
    usual = {
        "exchange": X,
        "client_order_id": random.choice(["c", "d", ""]),
        "instrument": INSTRUMENT,
        "exchange_order_id": random.choice(["", "e", "f"]),
    }
    named = {name: each for name, each in usual.items() if name in fields}
    made: AnyEvent = kind(**{**fields, **(named if random.random() < 0.8 else {})})
    return made


def heard(views: Views, log: list[AnyEvent], told: AnyEvent) -> None:
    """It, by way of the disk."""
    log.append(_decode(_encode(told)))
    views.apply(log[-1])


@pytest.mark.parametrize("numbers", [SANE, EDGE, EDGE + ABSURD], ids=["sane", "edge", "absurd"])
def test_nothing_that_can_be_on_disk_makes_the_views_of_an_account_raise(
    numbers: list[Decimal],
) -> None:
    """Nor what they are asked and make us say; and the log alone gives the same bytes."""
    for seed in range(250):
        random = Random(seed)
        views, log = Views(), list[AnyEvent]()
        heard(views, log, listed(INSTRUMENT))
        for _ in range(random.randint(1, 20)):
            heard(views, log, event(random, numbers))
            for news in (*views.orders.news(), *views.balances.news()):
                heard(views, log, news)
            assert not views.orders.touched
            assert not views.balances.touched
        for asset in views.balances.assets(X):
            views.balances.available(X, asset)
        frozen = views.freeze()
        assert Views.thaw(frozen).freeze() == frozen == Views.of(log).freeze()


@pytest.mark.parametrize("number", ABSURD)
def test_what_has_a_number_that_no_account_has_is_counted_and_changes_nothing(
    number: Decimal,
) -> None:
    views = Views.of([listed(INSTRUMENT), submitted(), said("open"), fill("T1", "0.4")])
    before = views.state().accounts
    facts: list[AnyEvent] = [
        fill("T2", 1, fees=(("ETH", number),)),
        replace(said("open"), value=number),
        replace(settle(1), executed=number),
        replace(submitted(client_order_id="d"), hold=number),
        BalanceSnapshot(exchange=X, totals=(("ETH", number),)),
    ]
    for count, fact in enumerate(facts, 1):
        views.apply(fact)
        assert views.state().accounts == before
        assert views.anomalies.count == count
    assert views.anomalies.latest[-1] == (9, "number_unbounded")


def test_every_number_that_exact_allows_is_within_the_bounds_and_so_is_what_comes_of_it() -> None:
    longest, finest = D("9" * 38), D("1E-30")
    assert bounded(fill("T1", longest, finest, fees=fees(ETH=str(longest), BNB=str(finest))))
    assert bounded(submitted(amount=finest, price=longest, hold=D("1." + "3" * 79)))
    product = D("9" * 76 + "." + "9" * 60)
    told = OrderFilled(
        exchange=X,
        instrument=INSTRUMENT,
        side="buy",
        exchange_order_id="e",
        fill_id="T1",
        amount=longest,
        value=product,
        fees=(),
        price=finest,
        executed=longest,
    )
    assert bounded(told)
    assert not bounded(replace(fill("T1", 1), price=product * 10**30))
    assert not bounded(replace(fill("T1", 1), amount=D(f"1E-{NUMBER + 1}")))
    assert not bounded(BalanceSnapshot(exchange=X, totals=(("ETH", D(f"1E+{SUM}")),)))
    assert bounded(cancel())
