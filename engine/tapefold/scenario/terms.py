"""On what terms a scenario runs at an exchange itself: with which keys, where, and for how much.

All that can be known before anything is connected to is checked here.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tapefold.adapter import load_adapter
from tapefold.errors import Refused, ScenarioError
from tapefold.scenario.words import Place, Requirement
from tapefold.units import fixed
from tapefold.wire import Endpoints

Elsewhere: TypeAlias = Literal["testnet", "live"]
SIMULATED: Final = ("fault", "disconnect", "stranger", "deposit", "restart")
"""Steps that only a simulator can do."""
ENVIRONMENT: Final[Mapping[str, str]] = {
    "key": "API_KEY",
    "secret": "API_SECRET",
    "passphrase": "PASSPHRASE",
}
"""What a credential is called in the environment, after the exchange's name: `BINANCE_API_KEY`."""
NOWHERE: Final = "not-on-the-test-network.invalid"
"""Where what has no place on a test network goes: to no machine."""


class Terms(Struct, frozen=True):
    """On what terms a scenario runs at an exchange."""

    mode: Elsewhere
    keys: Mapping[str, str]
    """What requests are signed with."""
    spend_max: Decimal | None
    """What all its orders together may be worth, in the quote of their instruments; None: no limit."""
    endpoints: Endpoints | None = None
    """Other addresses than those of the exchange, or of its test network."""
    record: Path | None = None
    """A new folder, which becomes a session of it."""
    asset: str = ""
    """What `spend_max` is counted in: an order that costs another asset is refused. Empty: any."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Terms({self.mode!r}, spend_max={self.spend_max})"


class OnTestNetwork(Mapping[str, str]):
    """Where each of an exchange's hosts is on its test network.

    A host that is not there is nowhere, and not the exchange: keys of the two have the same names.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)

    def __getitem__(self, host: str) -> str:
        """Never a host of the exchange itself."""
        return self._known.get(host, NOWHERE)

    def __iter__(self) -> Iterator[str]:
        """The hosts that are known."""
        return iter(self._known)

    def __len__(self) -> int:
        """How many are known."""
        return len(self._known)


def endpoints_of(exchange: str, terms: Terms) -> Endpoints:
    """Where it all goes. Raises `AdapterError`."""
    endpoints = terms.endpoints or Endpoints()
    if terms.mode == "testnet":
        known = load_adapter(exchange).description.testnet
        endpoints = endpoints._replace(hosts=OnTestNetwork(known))
    return endpoints


def keys_of(exchange: str, environment: Mapping[str, str]) -> dict[str, str]:
    """An exchange's credentials. Raises `Refused` naming the variables that are missing."""
    account = load_adapter(exchange).description.account
    names = account.credentials if account else ()
    wanted = {name: f"{exchange.upper()}_{ENVIRONMENT.get(name, name.upper())}" for name in names}
    missing = [variable for variable in wanted.values() if not environment.get(variable)]
    if missing:
        raise Refused(f"{exchange} needs a key: set {' and '.join(missing)} in the environment")
    return {name: environment[variable] for name, variable in wanted.items()}


def check_exchange(exchange: str, mode: Elsewhere, endpoints: Endpoints | None = None) -> None:
    """That any scenario can be run there so. Raises `ScenarioError`, `AdapterError`."""
    description = load_adapter(exchange).description
    if description.account is None:
        raise ScenarioError(f"{exchange} cannot trade: its adapter has public data alone")
    given = endpoints is not None and endpoints.ws and endpoints.rest
    if mode == "testnet" and not (description.testnet or given):
        raise ScenarioError(f"the adapter of {exchange} knows of no test network")


def check(place: Place, exchange: str) -> None:
    """That a scenario can be run anywhere but at a simulator. Raises `ScenarioError`."""
    scenario = place.scenario
    if scenario.exchanges and exchange not in scenario.exchanges:
        raise ScenarioError(f"{place.path} is for {', '.join(scenario.exchanges)} alone")
    if scenario.given.session:
        raise ScenarioError(f"{place.path} is told by a recording: it runs in mock mode alone")
    if not scenario.requires:
        raise ScenarioError(
            f"{place.path} has no `requires`, which says what the account must have: it is meant for "
            "simulators alone"
        )
    for n, step in enumerate(scenario.when):
        if step.does in SIMULATED:
            key = f"when[{n}].{step.does}"
            where = f"{place.path}:{place.line(key)}"
            raise ScenarioError(f"{where}: {key}: only a simulator can do that")


def wanted(asset: str, needed: Requirement) -> str:
    """What must be available of an asset, for people."""
    least = f"{fixed(needed.least)} {asset} available"
    return f"{least}, better {fixed(needed.better)}" if needed.better > needed.least else least


def lacking(place: Place, there: Mapping[str, Decimal]) -> list[tuple[str, str, str]]:
    """What of a scenario's needs is not *there*: the asset, what is wanted of it, and what is there."""
    return [
        (asset, wanted(asset, needed), f"{fixed(there[asset])} {asset}")
        for asset, needed in place.scenario.requires.items()
        if there[asset] < needed.least
    ]
