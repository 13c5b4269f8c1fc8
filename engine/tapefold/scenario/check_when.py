"""Whether the steps can be done: one thing each, of orders and instruments that there are.

All raise `Wrong`.
"""

from collections.abc import Container, Sequence
from decimal import Decimal
from typing import Final

from tapefold.scenario.check_given import check_fault, check_rates
from tapefold.scenario.check_names import Known, check_name
from tapefold.scenario.check_numbers import not_negative, positive, span
from tapefold.scenario.positions import below, nth
from tapefold.scenario.wording import Wrong
from tapefold.scenario.words import ACTIONS, CancelAllWord, LimitWord, OrderWord, Step, StrangerWord

INSTANT: Final = Decimal("1e-9")
"""Seconds: the shortest that is some time."""


class Steps:
    """Goes through the steps, and tells what was submitted so far."""

    def __init__(self, known: Known, orders: dict[str, int], keys: Container[str]) -> None:
        """*orders* are those of *known*, by the steps that submit them; they are put in here."""
        self._known, self._orders, self._keys = known, orders, keys

    def check(self, step: Step, n: int) -> None:
        """The next step."""
        key = nth("when", n)
        self._check_one_thing(step, key)
        span(step.within, f"{key}.within", least=INSTANT)
        span(step.wait, f"{key}.wait")
        for name in ("cancel", "query"):
            if order := getattr(step, name):
                self._known.order(order, f"{key}.{name}", n)
        for i, instrument in enumerate(step.subscribe):
            self._check_instrument(instrument, f"{key}.subscribe[{i}]")
        for i, instrument in enumerate(step.restart if isinstance(step.restart, tuple) else ()):
            self._check_instrument(instrument, f"{key}.restart[{i}]")
        for asset, amount in step.deposit.items():
            self._known.asset(asset, below(f"{key}.deposit", asset))
            positive(amount, below(f"{key}.deposit", asset))
        if step.fault:
            check_fault(step.fault, f"{key}.fault", self._keys)
        if step.submit:
            self._check_order(step.submit, f"{key}.submit")
            self._orders[step.submit.order] = n
        self._check_tables(step, key)

    def _check_instrument(self, name: str, key: str) -> None:
        """One that there is; what is not said is the first."""
        if name or key in self._keys:
            self._known.instrument(name, key)

    def _check_one_thing(self, step: Step, key: str) -> None:
        named = [name for name in ACTIONS if f"{key}.{name}" in self._keys]
        if len(named) > 1:
            what = f"a step does one thing, and this has {' and '.join(named)}: make a step of each"
            raise Wrong(f"{key}.{named[1]}", what)
        if not named:
            raise Wrong(key, f"a step does one thing: say one of {', '.join(ACTIONS)}")
        if not step.does:
            raise Wrong(
                f"{key}.{named[0]}", "so nothing is done: say something, or leave the step out"
            )
        if f"{key}.within" in self._keys and not step.until:
            raise Wrong(f"{key}.within", f"{step.does} takes no time: within is for until")

    def _check_tables(self, step: Step, key: str) -> None:
        if step.cancel_all:
            self._check_cancel_all(step.cancel_all, f"{key}.cancel_all")
        if step.limit_risk:
            self._check_limit(step.limit_risk, f"{key}.limit_risk")
        if step.set_fees:
            self._check_instrument(step.set_fees.instrument, f"{key}.set_fees.instrument")
            check_rates(step.set_fees.maker, step.set_fees.taker, f"{key}.set_fees")
        if step.stranger:
            self._check_stranger(step.stranger, f"{key}.stranger")

    def _check_cancel_all(self, word: CancelAllWord, key: str) -> None:
        self._check_instrument(word.instrument, f"{key}.instrument")
        span(word.timeout, f"{key}.timeout", least=INSTANT)

    def _check_limit(self, word: LimitWord, key: str) -> None:
        self._check_instrument(word.instrument, f"{key}.instrument")
        limits = ("amount_max", "notional_max", "open_orders_max")
        if not any(f"{key}.{name}" in self._keys for name in limits):
            raise Wrong(key, f"so nothing is limited: say {', '.join(limits)}, or several of them")
        for name in limits:
            not_negative(getattr(word, name), f"{key}.{name}")

    def _check_stranger(self, word: StrangerWord, key: str) -> None:
        self._check_instrument(word.instrument, f"{key}.instrument")
        positive(word.amount, f"{key}.amount")
        positive(word.price, f"{key}.price")

    # Orders

    def _check_order(self, word: OrderWord, key: str) -> None:
        check_name(word.order, f"{key}.order")
        if word.order in self._orders:
            raise Wrong(
                f"{key}.order", f'"{word.order}" was submitted already: give it another name'
            )
        self._check_instrument(word.instrument, f"{key}.instrument")
        for name in ("amount", "price", "quote_amount", "worst"):
            positive(getattr(word, name), f"{key}.{name}")
        span(word.expires_after, f"{key}.expires_after")
        self._check_kind(word, key)

    def _check_kind(self, word: OrderWord, key: str) -> None:
        """That it is one of the orders that there are, as the kernel has them."""
        market = word.type == "market"
        if market and word.price is not None:
            raise Wrong(
                f"{key}.price", "a market order has none: worst bounds what is reckoned with"
            )
        if not market and word.price is None:
            raise Wrong(f"{key}.price", f"it must be said: a {word.type} order has a price")
        if word.amount is None and word.quote_amount is None:
            more = ", or quote_amount instead" if market else ""
            raise Wrong(f"{key}.amount", f"it must be said: a number, or a sum in quotes{more}")
        if word.quote_amount is not None and (not market or word.amount is not None):
            raise Wrong(f"{key}.quote_amount", "it is for a market order, instead of an amount")
        if word.worst is not None and not (
            market and word.side == "buy" and word.amount is not None
        ):
            raise Wrong(f"{key}.worst", "it is for a market order that buys an amount")
        if word.tif != "gtc" and word.type != "limit":
            raise Wrong(f"{key}.tif", f"a {word.type} order has no time in force: leave it out")


def check_when(
    steps: Sequence[Step], known: Known, orders: dict[str, int], keys: Container[str]
) -> None:
    """All steps. *orders*, which are those that are known, are put in on the way."""
    story = Steps(known, orders, keys)
    for n, step in enumerate(steps):
        story.check(step, n)
