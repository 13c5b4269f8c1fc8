"""The jobs that are watched, each done by the engine and by the baseline.

A job has one path that is counted, or two that cannot be done without each other. What it gives is what
it came to: the same on both sides, or the two did not do the same.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path as File
from typing import Any, Final, NamedTuple

from guard import baseline, engine
from guard.baseline_account import Desk
from guard.clock import Clock
from guard.workload import FUNDS, LOT, START, TICK, Workload
from tapefold import Log

TAPE: Final = 2000
"""Frames on the tape, at most: its file stays below the megabyte from which on tapes are packed."""
Run = Callable[[Sequence[Clock]], Any]
"""Does it once, with the clock of each path running where that is watched."""


class Path(NamedTuple):
    """One thing that is counted."""

    name: str
    unit: str
    units: int
    does: str


class Job(NamedTuple):
    """What is done at once."""

    paths: tuple[Path, ...]
    ours: Run
    baseline: Run


def jobs_of(work: Workload, folder: File) -> list[Job]:
    """All of them; what they read of a disk stands in *folder*, which is there and empty."""
    return [*_frames(work), *_logs(work), _tape(work, folder), _account(work)]


def _frames(work: Workload) -> list[Job]:
    kinds = {
        "frames": ("of all kinds", work.frames),
        "books": ("that change the book", work.only(b"depth")),
        "quotes": ("with the best bid and ask", work.only(b"bookTicker")),
        "trades": ("of the market", work.only(b"trade")),
    }
    jobs: list[Job] = []
    for name, (what, frames) in kinds.items():
        does = f"frames {what}: decoded, logged, hashed and folded by the kernel's step"
        path = Path(name, "frame", len(frames), does)
        runs = (partial(play, work, frames) for play in (_play, _play_plainly))
        jobs.append(Job((path,), *runs))
    return jobs


def _play(work: Workload, frames: Sequence[bytes], clocks: Sequence[Clock]) -> Any:
    return engine.best(engine.play(work, Log(), frames, clocks[0]).views)


def _play_plainly(work: Workload, frames: Sequence[bytes], clocks: Sequence[Clock]) -> Any:
    played = baseline.Played(work.snapshot)
    with clocks[0].running():
        played.play(frames)
        played.log.digest()
    return played.book.best()


def _logs(work: Workload) -> list[Job]:
    """One log, folded as it is stored, and with every event handed to Python."""
    log, plain = engine.stored(work, work.frames), baseline.Played(work.snapshot)
    plain.play(work.frames)
    plain.log.digest()

    def ours(how: engine.How, clocks: Sequence[Clock]) -> Any:
        return engine.best(engine.fold(log, how, clocks[0]))

    def plainly(clocks: Sequence[Clock]) -> Any:
        with clocks[0].running():
            book = baseline.fold(plain.log.segments)
        return book.best()

    count, does = len(work.frames), "a log read, checked and folded"
    fold = Path("fold", "event", count, f"{does} as it is stored")
    events = Path("events", "event", count, f"{does} event by event")
    return [
        Job((fold,), partial(ours, "pieces"), plainly),
        Job((events,), partial(ours, "events"), plainly),
    ]


def _tape(work: Workload, folder: File) -> Job:
    frames = [(number * engine.MILLISECOND, d) for number, d in enumerate(work.frames[:TAPE])]
    session, plain = engine.recorded(folder / "session", frames), folder / "plain.jsonl"
    plain.write_bytes(baseline.tape_of(frames))

    def ours(clocks: Sequence[Clock]) -> int:
        return engine.read_tape(session, clocks[0])

    def plainly(clocks: Sequence[Clock]) -> int:
        with clocks[0].running():
            return baseline.read_tape(plain)

    return Job((Path("tape", "line", len(frames), "a session's lines read"),), ours, plainly)


def _account(work: Workload) -> Job:
    count = sum(map(len, work.orders))
    submits = "commands that place an order: checked, logged and made requests"
    reports = "what is said of an order (an answer, three private frames): logged and folded"
    paths = Path("orders", "order", count, submits), Path("reports", "order", count, reports)
    return Job(paths, partial(engine.trade, work), partial(_trade_plainly, work))


def _trade_plainly(work: Workload, clocks: Sequence[Clock]) -> dict[str, Decimal]:
    submitting, hearing = clocks
    desk, now = Desk(FUNDS, TICK, LOT), START * engine.MILLISECOND
    for batch in work.orders:
        with submitting.running():
            for order in batch:
                desk.submit(now, order.side, order.amount, order.price)
        with hearing.running():
            for order in batch:
                desk.answered(order.placed)
                for data in order.said:
                    desk.hear(data)
    return desk.totals
