"""Balances: what each account holds, what our orders hold of it, and what is free.

A total is the first complete snapshot and every move since: fills (ours and others' of the account),
deposits, withdrawals, transfers, adjustments. No order leaves before that snapshot, so every fill of
ours comes after it. Later snapshots only check. Where they state the same difference for longer than
the exchange's `settle`, with nothing moving in between, they are right: `news` says so.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from tapefold.events import (
    ZERO,
    AccountWatched,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    FillTold,
)
from tapefold.folds.instruments import Instruments
from tapefold.units import SCALED_MAX, Nanos, exactly, tidy

TRANSFERS_MAX: Final = 4096
"""Transfers that are remembered, so that one that is told again counts once."""
Moved: TypeAlias = FillTold | BalanceChanged | BalanceAdjusted
Row: TypeAlias = tuple[str, str, Decimal, Decimal, Nanos, Decimal, Decimal]
State: TypeAlias = tuple[list[Row], list[tuple[str, Nanos]], list[tuple[str, str, str]], int]
"""Accounts by exchange and asset, what was heard of each exchange, transfers, anomalies."""


class Holder(Protocol):
    """An order, or all of one kind, as far as they hold money."""

    @property
    def instrument(self) -> int:
        """Its number in the log."""
        ...

    @property
    def side(self) -> str:
        """`buy` pays in quote, `sell` in base."""
        ...

    @property
    def status(self) -> str:
        """`open` where the exchange is known to have it, and not known to be done with it."""
        ...

    @property
    def held(self) -> Decimal:
        """What it may cost yet, as far as is known, in the asset that it pays with."""
        ...


class Holders(Protocol):
    """The fold of orders, as far as money is concerned."""

    @property
    def rules(self) -> Mapping[str, AccountWatched]:
        """By exchange."""
        ...

    def live(self, exchange: str) -> Sequence[Holder]:
        """Our orders there that have not ended, each, or those of one kind as one."""
        ...


class Account(Struct):
    """One asset on one exchange."""

    total: Decimal = ZERO
    drift: Decimal = ZERO
    """What the exchange stated last, less our total; 0 again as soon as the total moves."""
    since: Nanos = 0
    """When that drift was first stated, by the clock of `Balances`."""
    elsewhere: Decimal = ZERO
    """What the exchange says is held, beyond what our orders hold that are open there."""


class Balances:
    """Totals, and what is free of them, by exchange and asset. All amounts are exact."""

    def __init__(self, instruments: Instruments, orders: Holders) -> None:
        self.anomalies = 0
        """Fills of an instrument whose assets nobody named, of which only the fees were booked; and
        numbers that no account has."""
        self._instruments, self._orders = instruments, orders
        self._accounts: dict[tuple[str, str], Account] = {}
        self.touched: dict[tuple[str, str], Decimal] = {}
        # By exchange, since its first complete snapshot: the sum of all `quiet`s. It is a clock that
        # stands still while nobody asks, so that a drift is not believed for having been slept over.
        self._heard: dict[str, Nanos] = {}
        self._transfers: dict[tuple[str, str, str], None] = {}

    def apply(self, event: BalanceSnapshot | Moved) -> None:
        """Take it in. Whatever comes before the first complete snapshot is in that."""
        try:
            with exactly():
                if isinstance(event, BalanceSnapshot):
                    self._stated(event)
                else:
                    self._moved(event)
        except ArithmeticError:
            # Numbers that no exact sum has room for. `exact` lets none of them into a log.
            self.anomalies += 1

    def news(self) -> list[BalanceAdjusted]:
        """What the exchanges are right about. Said again until it is applied."""
        return [
            BalanceAdjusted(exchange=exchange, asset=asset, delta=delta)
            for (exchange, asset), delta in sorted(self.touched.items())
        ]

    # What is asked

    def opened(self, exchange: str) -> bool:
        """A complete snapshot came: orders may leave."""
        return exchange in self._heard

    def assets(self, exchange: str) -> list[str]:
        """Those that it ever held any of, sorted."""
        return sorted(asset for where, asset in self._accounts if where == exchange)

    def total(self, exchange: str, asset: str) -> Decimal:
        """All of it, free or not. Below zero where we heard of what went out before what came in."""
        return self._account(exchange, asset).total

    def reserved(self, exchange: str, asset: str) -> Decimal:
        """What our live orders may cost yet, from the intent to the proven end."""
        with exactly():
            return tidy(self._reserved(exchange, asset))

    def available(self, exchange: str, asset: str) -> Decimal:
        """What a new order may hold: the total less what our orders hold and what others do."""
        account = self._account(exchange, asset)
        with exactly():
            reserved = self._reserved(exchange, asset)
            return tidy(max(ZERO, account.total - reserved - account.elsewhere))

    def held_elsewhere(self, exchange: str, asset: str) -> Decimal:
        """What the exchange said last is held beyond our orders: by orders that are not ours.

        An order that was on its way then, or closing, is taken not to have been in it: nothing is free
        that the exchange says is held. Where it was in it, the next statement says so.
        """
        return self._account(exchange, asset).elsewhere

    def drift(self, exchange: str, asset: str) -> Decimal:
        """What the exchange stated last less our total, if that has not moved since."""
        return self._account(exchange, asset).drift

    def drifts(self, exchange: str) -> bool:
        """Whether the exchange stated last what our sums do not explain."""
        return any(a.drift for (where, _), a in self._accounts.items() if where == exchange)

    # As data

    def state(self) -> State:
        """As canonical data."""
        rows = [
            (*key, a.total, a.drift, a.since, a.elsewhere, self.touched.get(key, ZERO))
            for key, a in sorted(self._accounts.items())
        ]
        return rows, sorted(self._heard.items()), list(self._transfers), self.anomalies

    def restore(self, state: State) -> None:
        """From canonical data."""
        rows, heard, transfers, self.anomalies = state
        for exchange, asset, total, drift, since, elsewhere, unexplained in rows:
            self._accounts[exchange, asset] = Account(total, drift, since, elsewhere)
            if unexplained:
                self.touched[exchange, asset] = unexplained
        self._heard = dict(heard)
        self._transfers = dict.fromkeys(transfers)

    # Moves

    def _moved(self, event: Moved) -> None:
        if isinstance(event, BalanceChanged) and not self._is_new(event):
            return
        if event.exchange not in self._heard:
            return
        moves = self._fill(event) if isinstance(event, FillTold) else {event.asset: event.delta}
        totals = {
            asset: tidy(self._account(event.exchange, asset).total + delta)
            for asset, delta in moves.items()
            if delta
        }
        for asset, total in totals.items():
            account = self._accounts.setdefault((event.exchange, asset), Account())
            account.total, account.drift = total, ZERO
            self.touched.pop((event.exchange, asset), None)

    def _fill(self, event: FillTold) -> dict[str, Decimal]:
        base, quote = self._assets(event.instrument)
        sign = 1 if event.side == "buy" else -1
        moves: dict[str, Decimal] = {}
        if base and quote:
            moves = {base: sign * event.amount, quote: -sign * event.value}
        else:
            self.anomalies += 1
        for asset, fee in event.fees:
            moves[asset] = moves.get(asset, ZERO) - fee
        return moves

    def _is_new(self, event: BalanceChanged) -> bool:
        """One transfer may move several assets. One without a name cannot be recognised: it counts."""
        key = event.exchange, event.asset, event.transfer_id
        if key in self._transfers:
            return False
        if event.transfer_id:
            self._transfers[key] = None
            if len(self._transfers) > TRANSFERS_MAX:
                del self._transfers[next(iter(self._transfers))]
        return True

    # Statements

    def _stated(self, event: BalanceSnapshot) -> None:
        """A total that is left out of a complete snapshot is zero; so is a hold, of all that is stated."""
        exchange, totals, held = event.exchange, dict(event.totals), dict(event.held)
        if exchange in self._heard:
            quiet = self._heard[exchange] + max(event.quiet, 0)
            self._heard[exchange] = min(quiet, SCALED_MAX - 1)
        elif event.complete:
            self._heard[exchange] = 0
            self._accounts |= {(exchange, a): Account(tidy(n)) for a, n in totals.items() if n}
        else:
            return
        if event.complete:
            totals = dict.fromkeys(self.assets(exchange), ZERO) | totals
        there = self._there(exchange)
        for asset, total in totals.items():
            self._check(exchange, asset, total)
            if account := self._accounts.get((exchange, asset)):
                beyond = held.get(asset, ZERO) - there.get(asset, ZERO)
                account.elsewhere = tidy(max(ZERO, beyond))

    def _check(self, exchange: str, asset: str, stated: Decimal) -> None:
        key, now = (exchange, asset), self._heard[exchange]
        drift = tidy(stated - self._account(exchange, asset).total)
        if not drift and key not in self._accounts:
            return  # an exchange may name a thousand assets, and we have none of most of them
        account = self._accounts.setdefault(key, Account())
        if drift != account.drift:
            account.drift, account.since = drift, now
            self.touched.pop(key, None)
        elif drift and now - account.since >= self._settle(exchange):
            self.touched[key] = drift

    def _settle(self, exchange: str) -> Nanos:
        """For ever, where nobody gave rules."""
        rules = self._orders.rules.get(exchange)
        return rules.settle if rules else SCALED_MAX

    def _reserved(self, exchange: str, asset: str) -> Decimal:
        """Of one asset, by all that are live. Of an asset without a name there is none."""
        held = ZERO
        for order in self._orders.live(exchange):
            if asset and asset == self._assets(order.instrument)[order.side == "buy"]:
                held += order.held
        return held

    def _there(self, exchange: str) -> dict[str, Decimal]:
        """By asset, by those that the exchange is known to have."""
        held: dict[str, Decimal] = {}
        for order in self._orders.live(exchange):
            if order.status == "open":
                asset = self._assets(order.instrument)[order.side == "buy"]
                held[asset] = held.get(asset, ZERO) + order.held
        return held

    def _account(self, exchange: str, asset: str) -> Account:
        return self._accounts.get((exchange, asset)) or Account()

    def _assets(self, instrument: int) -> tuple[str, str]:
        """Base and quote; empty where they are not known."""
        row = self._instruments.rows.get(instrument)
        return (row.base, row.quote) if row else ("", "")
