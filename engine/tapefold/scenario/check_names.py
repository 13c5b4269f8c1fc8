"""What a scenario file can name: its orders, instruments and assets, and where it is run.

A name that is typed wrong is not there, and of what is not there much is true: nothing of it was bought,
its book is not live, and it is in no event. So each name is one that the file has.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tapefold.scenario.naming import ORDER_NAME
from tapefold.scenario.wording import Wrong, near, shown
from tapefold.scenario.words import Given

NOBODYS: Final = "caller"
"""Who wants an order that has no name of its own: so no order is called that."""


class Known(Struct, frozen=True):
    """What a file can name. All that checks raises `Wrong`."""

    orders: Mapping[str, int] | None
    """By the name that the file gives it, the step that submits an order; None: a recording's own."""
    instruments: Collection[str] | None
    """None: only the recording knows."""
    assets: Collection[str] | None
    exchanges: Collection[str] = ()
    """Where it can be run; empty: nobody knows."""

    @property
    def recorded(self) -> bool:
        """It is told by a recording, which alone knows what all is in it."""
        return self.orders is None

    def order(self, name: str, key: str, step: int | None = None) -> None:
        """An order of the file's; in a step, one of an earlier step."""
        if self.orders is None:
            check_name(name, key)
        elif step is None:
            if name not in self.orders:
                raise Wrong(key, f"no step submits an order {shown(name)}{near(name, self.orders)}")
        elif self.orders.get(name, step) >= step:
            before = [order for order, at in self.orders.items() if at < step]
            raise Wrong(
                key, f"no order {shown(name)} was submitted before this{near(name, before)}"
            )

    def instrument(self, name: str, key: str) -> None:
        """One that there is a market of, by its own name and no exchange's."""
        if self.instruments is None or name in self.instruments:
            return
        what = "is neither in given.instruments nor in given.markets"
        if self.recorded:
            what = "is no instrument of the recording; one that it came to later goes in then.books"
        raise Wrong(key, f"{shown(name)} {what}{near(name, self.instruments)}")

    def asset(self, name: str, key: str) -> None:
        """One that is traded, or that the account has."""
        if self.assets is not None and name not in self.assets:
            what = f"{shown(name)} is neither of an instrument of the file nor in given.balances"
            raise Wrong(key, what + near(name, self.assets))

    def exchange(self, name: str, key: str) -> None:
        """One that it can be run at, where the file says which those are."""
        if self.exchanges and name not in self.exchanges:
            raise Wrong(key, f"{shown(name)} is not in exchanges{near(name, self.exchanges)}")


def check_name(name: str, key: str) -> None:
    """What an order may be called. Raises `Wrong`."""
    if not ORDER_NAME.fullmatch(name) or name == NOBODYS:
        what = "an order's name has small letters, digits and _, and begins with a letter"
        raise Wrong(key, f'"{name}" is taken: say another' if name == NOBODYS else what)


def assets_of(given: Given, instruments: Sequence[str]) -> dict[str, None]:
    """What a file can name of money: what its instruments trade, and whatever the account is given."""
    traded = [asset for name in instruments for asset in name.split("-")]
    return dict.fromkeys((*traded, *given.balances))
