"""A simulated exchange on this machine, for any client."""

from msgspec.structs import replace

from tapefold.engine import Live
from tapefold.plugin.beside import Beside
from tapefold.sim.serving import Served, open_sim
from tapefold.sim.story import FUNDED, Story
from tapefold.wire import Endpoints


class Simulated:
    """A simulated exchange that is served, and the account one trades with."""

    def __init__(self, served: Served) -> None:
        story = served.story
        (holder, *_) = story.accounts
        self.exchange = story.exchange
        self.rest = self.url = served.url
        """Of REST, without a path."""
        self.ws = served.ws_url
        """Of WebSockets, likewise."""
        self.addresses = dict(served.addresses)
        """By what they are for."""
        self.key, self.secret = holder.key, holder.secret
        self.balances = dict(holder.balances)
        """Of the account, at the start."""
        self.symbols = tuple(spec.symbol for spec in story.specs)

    def live(self, *, run_id: str = "", seed: int | None = None) -> Live:
        """What an engine is opened with to trade there: `engine(sim().live())`."""
        here = {self.exchange: Endpoints(ws=self.ws, rest=self.rest)}
        keys = {self.exchange: {"key": self.key, "secret": self.secret}}
        return Live((self.exchange,), endpoints=here, keys=keys, run_id=run_id, seed=seed)


class Sims:
    """The fixture `sim`: serves simulated exchanges until the test is over."""

    def __init__(self) -> None:
        self._beside: list[Beside[Served]] = []

    def __call__(
        self,
        exchange: str = "binance",
        *,
        seed: int = 7,
        story: Story = FUNDED,
        key: str = "",
        secret: str = "",
        speed: float = 1.0,
    ) -> Simulated:
        """Serve one from a thread, for a test in any framework: each call another exchange.

        It goes on by this machine's clock. The *seed* is of what strangers do, the *story* of which markets
        and accounts there are; *key* and *secret* are other ones than the account has. Raises
        `AdapterError` where there is no such exchange, `ValueError` for a speed that is none.
        """
        __tracebackhide__ = True
        (holder, *others) = story.accounts
        holder = replace(holder, key=key or holder.key, secret=secret or holder.secret)
        story = replace(story, accounts=(holder, *others))
        beside = Beside("sim", open_sim(exchange, seed=seed, story=story, speed=speed))
        simulated = Simulated(beside.start())
        self._beside.append(beside)
        return simulated

    def close(self, *, judge: bool) -> list[str]:
        """End them all; what they found. See `Beside.stop`."""
        return [text for beside in self._beside if (text := beside.stop(judge=judge))]
