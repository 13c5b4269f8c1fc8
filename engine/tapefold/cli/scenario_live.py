"""`tapefold scenario run --mode testnet` and `live`: what is checked and agreed to before, and the runs.

Nothing is connected to before all that can be known without it is checked, and, live, before a person has
typed the sum back. What the account has is looked at before the first order.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import click
import trio
from msgspec.structs import replace

from tapefold.adapter import load_adapter
from tapefold.cli.scenario_chosen import cases
from tapefold.cli.scenario_modes import Away, Work, could_not
from tapefold.cli.terminal import clean, complain, finish, say
from tapefold.errors import Refused, ScenarioError
from tapefold.home import MOCK, is_home, mocking
from tapefold.scenario import Outcome, Place
from tapefold.scenario.director import instruments_of
from tapefold.scenario.live import Acted, acted_live, available
from tapefold.scenario.terms import (
    Elsewhere,
    Terms,
    check,
    check_exchange,
    keys_of,
    lacking,
    wanted,
)
from tapefold.units import exactly, fixed
from tapefold.wire import Endpoints

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a scenario in order: its orders are canceled first."""
SHOWN_MAX: Final = 3
"""Characters of a key that are shown, at its end."""
KEY_MIN: Final = 12
"""Of a key that is shorter nothing is shown."""


class Trip:
    """Scenarios at one exchange, one after the other, on one account, with one sum to spend."""

    def __init__(self, exchange: str, terms: Terms, keep: Path | None) -> None:
        self.exchange, self.terms, self._keep = exchange, terms, keep
        self._alive: list[str] = []

    def outcomes(self, work: Work) -> Iterator[Outcome]:
        """Act a scenario. Raises `KeyboardInterrupt` where a signal ends it, `Refused` as `check`."""
        if work.skipped:
            return
        self.check()
        record = self._keep and folder_in(self._keep, self.exchange, work.place)
        acted, stopped = trio.run(self._act, work, replace(self.terms, record=record))
        self._alive += acted.alive
        if self.terms.spend_max is not None:
            with exactly():
                left = self.terms.spend_max - acted.spent
            self.terms = replace(self.terms, spend_max=left)
        if stopped:
            raise _interrupted(self.exchange, acted.canceled, self._left)
        fault = acted.fault
        if isinstance(fault, Exception):
            yield replace(could_not(work, self.terms.mode, fault), story=acted.outcome.story)
        else:
            yield acted.outcome

    async def _act(self, work: Work, terms: Terms) -> tuple[Acted, bool]:
        """What came of it, and whether a signal ended it."""
        stop = trio.CancelScope()
        with trio.open_signal_receiver(*STOPS) as signals:
            async with trio.open_nursery() as nursery:

                async def hear() -> None:
                    async for _ in signals:
                        first = not stop.cancel_called
                        stop.cancel()  # before anything is said, which may fail
                        if first:
                            complain(f"ending: orders at {self.exchange} are canceled first")

                nursery.start_soon(hear)
                acted = await acted_live(work.place, self.exchange, terms, stop)
                nursery.cancel_scope.cancel()
        return acted, stop.cancel_called

    def check(self) -> None:
        """That no order of ours was left. Raises `Refused` naming those that were."""
        if self._alive:
            raise Refused(self._left)

    @property
    def _left(self) -> str:
        """Which orders were left, and what to do about them; empty for none."""
        if not self._alive:
            return ""
        many = len(self._alive) != 1
        them, ids = ("them", "their client order ids") if many else ("it", "its client order id")
        return (
            f"{len(self._alive)} ORDER{'S' * many} OF OURS MAY STILL BE ALIVE at {self.exchange}: "
            f"{', '.join(self._alive)}; look there, and cancel {them} by {ids}, on its web page or with "
            "any client that has your key"
        )


def _interrupted(exchange: str, canceled: int, alive: str) -> KeyboardInterrupt:
    """It ends all of it, and says what became of the orders."""
    error = KeyboardInterrupt()
    if alive:
        error.add_note(alive)
    elif canceled:
        orders = "1 order of ours is" if canceled == 1 else f"{canceled} orders of ours are"
        error.add_note(f"{orders} canceled at {exchange}, and none is left")
    else:
        error.add_note(f"no order of ours is left at {exchange}")
    return error


def prepared(
    away: Away, places: Sequence[Place], named: Sequence[Path], exchange: str | None, *, quiet: bool
) -> tuple[Trip, list[Work]]:
    """All that is needed before the first order, agreed to and checked.

    *named* are the files that were asked for by themselves: what cannot run of those is an error, and of
    others is skipped. Where *quiet*, standard output is kept for machines. Raises `ScenarioError`,
    `AdapterError`, and `Refused`, also for what a person did not agree to.
    """
    exchange = exchange or _only(places)
    mode = cast("Elsewhere", away.mode)
    endpoints = _endpoints(away, exchange)
    check_exchange(exchange, mode, endpoints)
    works = [Work(place, exchange, (mode,), Path()) for place in places]
    works = _sorted_out(works, named, lambda place: _unfit(place, exchange))
    fit = [work.place for work in works if not work.skipped]
    for place in fit:
        if away.keep:
            folder_in(away.keep, exchange, place)
    keys = keys_of(exchange, os.environ)
    asset = _asset(fit) if away.spend_max is not None else ""
    trip = Trip(exchange, Terms(mode, keys, away.spend_max, endpoints, asset=asset), away.keep)
    _tell(trip, fit, complain if quiet else say)
    if mode == "live":
        _agree(trip.terms)
    return trip, _sorted_out(works, named, _affordable(trip, fit))


def _only(places: Sequence[Place]) -> str:
    """The one exchange that they are for: there is one account at a time. Raises `Refused`."""
    found = [*dict.fromkeys(exchange for _, exchange in cases(places, None))]
    if len(found) > 1:
        raise Refused(f"name one exchange with --exchange: {', '.join(found)}")
    return found[0]


def _endpoints(away: Away, exchange: str) -> Endpoints | None:
    """Other addresses, where they were given. Raises `BadInput`, `Refused`."""
    description = load_adapter(exchange).description
    given = Endpoints(away.ws, away.rest).check() if away.ws else None
    if mocking() and not (given and given.stays):
        raise Refused(
            f"{MOCK} is set, so nothing may leave this machine: unset it, or give loopback addresses "
            "with --ws and --rest"
        )
    if given is None or away.mode == "live":
        return given
    hosts = [(urlsplit(each).hostname or "").rstrip(".") for each in (away.ws, away.rest)]
    if real := [host for host in hosts if host in description.hosts]:
        raise Refused(f"{real[0]} is no test network, but {exchange} itself: that is --mode live")
    if away.spend_max is None and not all(map(is_home, hosts)):
        raise Refused(
            f"nobody knows whether {' and '.join(dict.fromkeys(hosts))} trades with money: say how "
            "much it may be with --spend-max"
        )
    return given


def _unfit(place: Place, exchange: str) -> str:
    try:
        check(place, exchange)
    except ScenarioError as error:
        return str(error)
    return ""


def _sorted_out(
    works: Sequence[Work], named: Sequence[Path], unfit: Callable[[Place], str]
) -> list[Work]:
    """Those that cannot run are skipped. Raises `ScenarioError` where one was named, or none is left."""
    found = [work if work.skipped else replace(work, skipped=unfit(work.place)) for work in works]
    files = {path.absolute() for path in named}
    wrong = [work.skipped for work in found if work.skipped and work.place.path.absolute() in files]
    if not wrong and all(work.skipped for work in found):
        wrong = ["none of these scenarios can be run there:", *(work.skipped for work in found)]
    if wrong:
        raise ScenarioError("\n".join(wrong))
    return found


def _affordable(trip: Trip, places: Sequence[Place]) -> Callable[[Place], str]:
    """Asks the account what it has. What comes back says what a scenario lacks there."""
    assets = sorted({asset for place in places for asset in place.scenario.requires})
    there: Mapping[str, Decimal] = trio.run(available, trip.exchange, trip.terms, assets)

    def lacks(place: Place) -> str:
        told = [f"{wants}, and there is {has}" for _, wants, has in lacking(place, there)]
        return f"{place.path} requires {'; '.join(told)}" if told else ""

    return lacks


def folder_in(keep: Path, exchange: str, place: Place) -> Path:
    """Where a session of a scenario is kept: a new folder. Raises `Refused` where there is one."""
    folder = keep / exchange / place.name
    if folder.exists() or folder.is_symlink():
        raise Refused(f"{folder} is there already: name another folder with --keep, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder}: nothing can be kept there: {error.strerror}") from error
    return folder


# What a person is told, and asked


def _tell(trip: Trip, places: Sequence[Place], tell: Callable[..., None]) -> None:
    terms, exchange = trip.terms, trip.exchange
    key = ending(exchange, terms.keys)
    lines = [f"{terms.mode}: orders at {_where(exchange, terms)}, with {key}"]
    if terms.mode == "live":
        width = max(len(place.name) for place in places)
        lines[0] = lines[0].replace("orders", "real orders", 1)
        lines += [f"  {place.name:<{width}}  requires {_needs(place)}" for place in places]
    if terms.spend_max is not None:
        most = f"{fixed(terms.spend_max)} {terms.asset}"
        lines.append(
            f"all orders together may be worth {most}; fees and moves of the market come on top"
        )
    for line in lines:
        tell(line)
    finish()


def _needs(place: Place) -> str:
    return ", ".join(wanted(asset, needed) for asset, needed in place.scenario.requires.items())


def _where(exchange: str, terms: Terms) -> str:
    if terms.endpoints:
        return f"{terms.endpoints.ws} and {terms.endpoints.rest}, taken for {exchange}"
    if terms.mode == "live":
        return f"{exchange} itself"
    hosts = load_adapter(exchange).description.testnet.values()
    return f"the test network of {exchange} ({', '.join(hosts)})"


def ending(exchange: str, keys: Mapping[str, str]) -> str:
    """The key as it is shown: its last characters, and of a short one nothing."""
    account = load_adapter(exchange).description.account
    sent = [keys[name] for name in (account.sent if account else ()) if name in keys]
    if not sent or len(sent[0]) < KEY_MIN:
        return "your key"
    return f"the key that ends with {sent[0][-SHOWN_MAX:]}"


def _asset(places: Sequence[Place]) -> str:
    """What their orders cost. Raises `Refused` where that is not one asset."""
    named: dict[str, None] = {}
    for place in places:
        first = instruments_of(place.scenario)[0]
        for step in place.scenario.when:
            if step.submit:
                named[step.submit.instrument or first] = None
        if not any(step.submit for step in place.scenario.when):
            named[first] = None
    quotes = [*dict.fromkeys(name.split("-")[1] if "-" in name else name for name in named)]
    if len(quotes) != 1:
        raise Refused(
            f"--spend-max is of one asset, and these scenarios spend {', '.join(quotes)}: run them "
            "apart, with -k or by their names"
        )
    return quotes[0]


def _agree(terms: Terms) -> None:
    """Has a person type the sum back. Raises `Refused` for anything else."""
    assert terms.spend_max is not None
    sum_of_it = f"{fixed(terms.spend_max)} {terms.asset}"
    click.echo(clean(f"type {sum_of_it} to go on: "), nl=False)
    finish()
    try:
        typed = sys.stdin.readline()
    except UnicodeDecodeError:
        typed = ""
    if typed.split() != sum_of_it.split():
        raise Refused("that is not the sum: nothing was connected to")
