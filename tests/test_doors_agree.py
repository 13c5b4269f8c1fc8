"""Whatever an exchange does to us, four ways of running it come to one digest.

A live run in virtual time against an exchange with random faults, recorded meanwhile; its recording by
the replay door, over streams in memory, and over loopback sockets.
"""

from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tapefold import (
    SECOND,
    Request,
    Session,
    Unsubscribe,
    WatchClock,
    open_engine,
    replay_report,
)
from tapefold.sim import Answer
from tapefold.testing import (
    Manner,
    VirtualExchange,
    breaks_off,
    closing,
    open_virtual,
    refuses,
    silent,
    stalls,
)

SEEDS = range(8)


def manner(random: Random) -> Manner:
    """One way to serve a connection badly."""
    frames = random.randrange(200)
    code = random.choice((1000, 1001, 1012, 4000))
    return random.choice(
        (
            breaks_off(frames, b""),
            breaks_off(frames, closing(code, "bye")),
            stalls(frames),
            refuses("429 Too Many Requests"),
            silent,
        )
    )


async def lived(exchange: VirtualExchange, random: Random, folder: Path) -> str:
    """A run of a minute with commands at odd times; its digest."""
    async with open_engine(exchange.live(random.randrange(1000)), record=folder) as engine:
        if random.random() < 0.5:
            engine.command(WatchClock("binance", every=5 * SECOND))
        silence = random.choice((0, 7 * SECOND))
        engine.subscribe("binance", exchange.symbols[0], silence_max=silence)
        await trio.sleep(random.random() * 5)
        engine.subscribe("binance", *exchange.symbols)
        if random.random() < 0.3:
            await trio.sleep(2)
            engine.command(Unsubscribe("binance/1"))
        await trio.sleep(10 + random.random() * 40)
    return engine.log.digest()


def live(seed: int, folder: Path) -> str:
    """A recorded live run with random faults; its digest."""
    random = Random(seed)

    async def twist(request: Request, answer: Answer) -> Answer:
        if random.random() < 0.2:
            return Answer(random.choice((418, 429, 503)), b"{}")
        if random.random() < 0.3:
            await trio.sleep(random.random() * 5)
        return answer

    async def run() -> str:
        plan = [manner(random) for _ in range(random.randrange(5))]
        async with open_virtual(plan=plan, twist=twist, seed=seed) as exchange:
            return await lived(exchange, random, folder)

    return trio.run(run, clock=MockClock(autojump_threshold=0))


async def played(folder: Path, mode: Any) -> str:
    async with open_engine(folder, mode=mode) as engine:
        await engine.ended()
        return engine.log.digest()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_live_run_and_every_door_agree(seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    digest = live(seed, folder)
    report = replay_report(Session(folder))
    assert report.reached
    assert report.digests.log == digest
    assert trio.run(played, folder, "virtual") == digest
    assert trio.run(played, folder, "mock") == digest
