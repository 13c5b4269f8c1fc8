"""`tapefold sim`: a simulated exchange on this machine, for any client."""

import signal
from typing import Final, NamedTuple

import click
import trio
from msgspec.structs import replace

from tapefold.cli.failures import INTERRUPTED
from tapefold.cli.options import Whole, examples, parsed
from tapefold.cli.terminal import complain, finish, say, say_json
from tapefold.sim.serving import Served, open_sim
from tapefold.sim.serving.opening import SPEED_MAX, SPEED_MIN, check_speed
from tapefold.sim.story import FUNDED, Story
from tapefold.units import fixed

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end it in order."""
(_USUAL,) = FUNDED.accounts


def _parse_speed(text: str) -> float:
    """A number that can be one. Raises `ValueError`."""
    try:
        speed = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    return check_speed(speed)


@click.command(
    "sim",
    short_help="Serve a simulated exchange, with an account to trade with.",
    epilog=examples(
        "tapefold sim binance",
        "tapefold sim binance --port 8080 --seed 7",
        "tapefold sim binance --port 8080 --key mine --secret sesame --json",
    ),
)
@click.argument("exchange")
@click.option(
    "--port",
    type=Whole(0, 65535),
    default=0,
    help="Of 127.0.0.1; any that is free, if not given.",
)
@click.option(
    "--seed",
    type=Whole(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Of what strangers do: the same seed, the same strangers.",
)
@click.option("--key", metavar="KEY", help=f"The account's API key: `{_USUAL.key}`, if not given.")
@click.option(
    "--secret",
    metavar="SECRET",
    help=f"What its requests are signed with: `{_USUAL.secret}`, if not given. One that is given is "
    "not printed; never give a real one.",
)
@click.option(
    "--speed",
    metavar="N",
    callback=parsed(_parse_speed),
    default="1",
    help=f"Of 2, strangers act twice as often; time goes as it always does. From {SPEED_MIN:g} to "
    f"{SPEED_MAX:g}.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the addresses as one object, in a line."
)
def command(  # noqa: PLR0913, PLR0917 - each is an option
    exchange: str,
    port: int,
    seed: int,
    key: str | None,
    secret: str | None,
    speed: float,
    as_json: bool,
) -> None:
    """Serve a simulated EXCHANGE on 127.0.0.1 to any client, and print where.

    REST and WebSockets are on one port. Its markets go on by this machine's clock; the account has
    money that is not worth anything. Nothing is kept: what is started anew begins anew. Ctrl-C and a
    `kill` end it, with exit code 130.
    """
    wanted = _Wanted(exchange, port, seed, speed, _story(key, secret))
    trio.run(_serve, wanted, not secret, as_json)
    complain("interrupted")
    raise click.exceptions.Exit(INTERRUPTED)


class _Wanted(NamedTuple):
    exchange: str
    port: int
    seed: int
    speed: float
    story: Story


def _story(key: str | None, secret: str | None) -> Story:
    """The usual one, with an account that has these."""
    for name, given in (("key", key), ("secret", secret)):
        if given is not None and not (given.isascii() and given.isprintable() and given.strip()):
            raise click.BadParameter("plain characters, at least one", param_hint=f"--{name}")
    holder = replace(_USUAL, key=key or _USUAL.key, secret=secret or _USUAL.secret)
    return replace(FUNDED, accounts=(holder,))


async def _serve(wanted: _Wanted, told_secret: bool, as_json: bool) -> None:
    with trio.open_signal_receiver(*STOPS) as signals:
        async with open_sim(
            wanted.exchange,
            seed=wanted.seed,
            story=wanted.story,
            port=wanted.port,
            speed=wanted.speed,
        ) as served:
            _announce(served, wanted.seed, told_secret, as_json)
            await anext(signals)


def _announce(served: Served, seed: int, told_secret: bool, as_json: bool) -> None:
    story = served.story
    (holder,) = story.accounts
    secret = holder.secret if told_secret else None
    if as_json:
        facts = {
            "exchange": story.exchange,
            "seed": seed,
            "port": served.port,
            "addresses": served.addresses,
            "key": holder.key,
            "secret": secret,
            "symbols": [spec.symbol for spec in story.specs],
            "balances": {asset: fixed(amount) for asset, amount in holder.balances.items()},
        }
        say_json(facts, one_line=True)
    else:
        rows = [
            *served.addresses.items(),
            ("key", holder.key),
            ("secret", secret or "(the one that was given)"),
            ("symbols", ", ".join(spec.symbol for spec in story.specs)),
            ("balances", ", ".join(f"{fixed(n)} {asset}" for asset, n in holder.balances.items())),
        ]
        width = max(len(name) for name, _ in rows)
        say(f"serving simulated {story.exchange}, seed {seed}; Ctrl-C ends it")
        say(*(f"  {name:<{width}}  {value}" for name, value in rows))
    finish()  # whoever starts this reads the addresses before anything else happens
