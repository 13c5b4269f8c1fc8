"""Statements of what an account holds: which come late, and which leave a doubt that the next one ends.

An exchange says when what it states was so. One channel brings it within milliseconds, another when it
likes; but of an asset only the newest statement tells what is there now. What is older is left out.

And it says how much is held, not for whom. The fold takes orders of ours that are not known to be open
there to be no part of it, so that nothing is free that is held. Where one of them turns out to have been
there, it may have been a part of it after all: then the asset is to be stated again.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from tapefold.events import ZERO, BalanceSnapshot
from tapefold.folds.orders import Order
from tapefold.kernel.core import Core
from tapefold.units import Nanos


class Statements:
    """Those of one exchange's account in this run, which begins with one of everything."""

    def __init__(self, exchange: str, core: Core) -> None:
        self._exchange, self._core = exchange, core
        self._heard: Nanos = 0
        """When the last one came."""
        self._whole: Nanos = 0
        """The exchange's time of the newest complete one."""
        self._newest: dict[str, Nanos] = {}
        """By asset, that of the newest one, where it is newer than that."""
        self._doubted: dict[str, str] = {}
        """By client order id of an order that may be a part of what others hold: its asset."""
        self.owed: dict[str, None] = {}
        """The assets that are to be stated again."""

    def take_in(self, time: Nanos, event: BalanceSnapshot) -> None:
        """One came at *time*: log and fold what of it is not late."""
        if news := self._in_time(time, event):
            quiet = time - self._heard if self._heard else 0
            self._heard = time
            self._core.append(time, replace(news, quiet=quiet))
            self._doubt(news)

    # What is late

    def _in_time(self, time: Nanos, event: BalanceSnapshot) -> BalanceSnapshot | None:
        """What of it is not. One without a time of its own is never late, and makes none late."""
        balances, said = self._core.views.balances, event.time_exchange
        if not said or not (event.complete or balances.opened(self._exchange)):
            return event
        if said < self._whole:
            return None
        late = {asset: None for asset, newest in self._newest.items() if said < newest}
        # Nothing was so later than it came: else one wrong time would make all that follows late.
        self._note(event, min(said, time))
        return _without(event, late, balances.assets(self._exchange)) if late else event

    def _note(self, event: BalanceSnapshot, said: Nanos) -> None:
        if event.complete:
            self._whole = max(self._whole, said)
            self._newest = {a: newest for a, newest in self._newest.items() if newest > said}
        else:
            for asset, _ in event.totals:
                self._newest[asset] = max(said, self._newest.get(asset, 0))

    # What is in doubt

    def _doubt(self, event: BalanceSnapshot) -> None:
        """What a statement leaves in doubt, and what is in doubt no more."""
        views, named = self._core.views, dict(event.totals)
        if event.complete:
            self._doubted, self.owed = {}, {}
        self._doubted = {name: a for name, a in self._doubted.items() if a not in named}
        self.owed = {asset: None for asset in self.owed if asset not in named}
        for order in views.orders.alive.unopened(self._exchange):
            row = views.instruments.rows.get(order.instrument)
            if row is None or not order.held:
                continue
            asset = row.quote if order.side == "buy" else row.base
            if asset in named and views.balances.held_elsewhere(self._exchange, asset):
                self._doubted[order.client_order_id] = asset

    def is_to_ask(self, order: Order) -> bool:
        """Something was learned about an order: whether an asset is to be stated again for that."""
        asset = self._doubted.get(order.client_order_id)
        if asset is None or order.status in ("submitted", "closing"):
            return False
        del self._doubted[order.client_order_id]
        if order.status == "rejected":  # it never was there
            return False
        self.owed[asset] = None
        return True


def _without(
    event: BalanceSnapshot, late: dict[str, None], assets: Iterable[str]
) -> BalanceSnapshot | None:
    """A statement less what is late of it. What a complete one leaves out it states to be nothing."""
    totals = dict.fromkeys(assets if event.complete else (), ZERO) | dict(event.totals)
    rest = tuple((asset, total) for asset, total in sorted(totals.items()) if asset not in late)
    if len(rest) == len(totals):
        return event
    held = tuple((asset, amount) for asset, amount in event.held if asset not in late)
    return replace(event, complete=False, totals=rest, held=held) if rest else None
