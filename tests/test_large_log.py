"""A long log: to start again on it, to look into it and to find an order in it takes seconds and no memory.

No door: the log is written event by event, the same thousands again and again. With `TAPEFOLD_LARGE` in the
environment it has ten million events, and what it takes is compared with what is promised; without it,
three hundred thousand, and only that memory does not grow with the log. Everything that is measured runs
in a process of its own, as a user's does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final, NamedTuple

import pytest
from order_facts import INSTRUMENT, X, fill, said, submitted, watched

from tapefold.core import pack
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    InstrumentListed,
    OrderAccepted,
    OrderCompleted,
    OrderFilled,
    Quote,
    RunStarted,
    Trade,
)
from tapefold.log import open_log
from tapefold.units import SECOND

LARGE: Final = bool(os.environ.get("TAPEFOLD_LARGE"))
HEADS: Final = (300_000, 3_000_000, 10_000_000) if LARGE else (100_000, 300_000)
"""Positions: what is measured at the last is measured at the others, too, to see what grows."""
START: Final = 1_700_000_000 * SECOND
EVERY: Final = 20_000
"""Positions from one order to the next."""
RESTART_MAX, SHOW_MAX, WHY_MAX = 5.0, 1.0, 1.0
"""Seconds, of a whole process, from its start to its end."""
GROWS_MAX: Final = 1.3
"""Times as much memory."""
PATIENCE: Final = 300.0
"""Seconds."""
D = Decimal
_MEASURED: Final = """
import json, resource, sys
from pathlib import Path

def peak():
    # What the kernel counts for a process begins with its parent's: not so the high water of its memory.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
RESTART: Final = (
    _MEASURED
    + """
from tapefold.history import History
with History(Path(sys.argv[1])) as history:
    views = history.views()
print(json.dumps({"peak": peak(), "said": [views.position, len(views.orders.ours)]}))
"""
)
COMMAND: Final = (
    _MEASURED
    + """
import contextlib, io
from tapefold.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps({"peak": peak(), "said": json.loads(out.getvalue())}))
"""
)


# The log


def market() -> list[AnyEvent]:
    """Some thousand events of one instrument's market; they can come again and again."""
    chance, events = Random(7), list[AnyEvent]()
    for n in range(4000):
        kind = chance.random()
        if kind < 0.6:
            bids = sorted(chance.sample(range(1000, 2000), 4), reverse=True)
            asks = sorted(chance.sample(range(2001, 3000), 4))
            sizes = [chance.randrange(10_000) for _ in range(8)]
            events.append(
                BookDelta(
                    instrument=INSTRUMENT,
                    time_exchange=START + n,
                    published_after=1_000_000,
                    first=n,
                    previous=n - 1,
                    sequence=n,
                    packed_bids=pack(bids, sizes[:4]),
                    packed_asks=pack(asks, sizes[4:]),
                )
            )
        elif kind < 0.8:
            events.append(
                Trade(
                    instrument=INSTRUMENT,
                    time_exchange=START + n,
                    published_after=1_000_000,
                    trade_id=str(n),
                    price=2000,
                    size=n + 1,
                    taker="buy",
                )
            )
        else:
            events.append(
                Quote(
                    instrument=INSTRUMENT,
                    time_exchange=START + n,
                    published_after=1_000_000,
                    sequence=n,
                    bid_price=1999,
                    bid_size=n + 1,
                    ask_price=2001,
                    ask_size=n + 1,
                )
            )
    return events


def beginning() -> list[AnyEvent]:
    listed = InstrumentListed(
        instrument=INSTRUMENT,
        exchange=X,
        symbol="ETH-USDT",
        native_symbol="ETHUSDT",
        price_digits=2,
        size_digits=4,
        base="ETH",
        quote="USDT",
    )
    book = BookSnapshot(
        instrument=INSTRUMENT,
        time_exchange=START,
        sequence=1,
        packed_bids=pack([1500], [1]),
        packed_asks=pack([2500], [1]),
    )
    return [RunStarted(run_id="r", seed=0, versions={}), listed, watched(), book]


def an_order(number: int) -> Sequence[AnyEvent]:
    """Facts and conclusions of an order that is filled at once: four steps."""
    name, theirs = f"r-{number}", f"e{number}"
    ids = {"client_order_id": name, "exchange_order_id": theirs, "instrument": INSTRUMENT}
    done: dict[str, Any] = {"client_order_id": name, "value": D(100), "executed": D(1)}
    done["fees"] = (("ETH", D("0.001")),)
    filled = OrderFilled(
        **done,
        exchange=X,
        instrument=INSTRUMENT,
        side="buy",
        exchange_order_id=theirs,
        fill_id=f"T{number}",
        amount=D(1),
        price=D(100),
    )
    return [
        submitted(client_order_id=name),
        said("open", **ids),
        OrderAccepted(client_order_id=name),
        said("filled", 1, 100, **ids),
        fill(f"T{number}", 1, **ids),
        filled,
        OrderCompleted(**done),
    ]


def events(head: int) -> Iterator[AnyEvent]:
    """So many: the market, and an order now and then."""
    yield from beginning()
    again, position = market(), len(beginning())
    while position < head:
        if position % EVERY == EVERY // 2 and position + 7 <= head:
            yield from an_order(position // EVERY)
            position += 7
        else:
            yield again[position % len(again)]
            position += 1


def make(path: Path, head: int) -> Path:
    """Write the log; eight events came at each moment."""
    with open_log(path) as log:
        for position, event in enumerate(events(head), 1):
            log.append(START + position // 8 * 1_000_000, event)
            if position % 256 == 0:
                log.commit()
                if log.crowded:
                    log.sync()
        log.commit()
        assert log.head == head
    return path


# What is measured


class Taken(NamedTuple):
    """What a process took."""

    seconds: float
    peak: int
    """Memory, in units of the machine."""
    said: Any


def taken(code: str, *args: str | Path) -> Taken:
    """Of a process that runs this code."""
    began = monotonic()
    command = [sys.executable, "-c", code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    seconds = monotonic() - began
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return Taken(seconds, found["peak"], found["said"])


class Measured(NamedTuple):
    """What was taken of a log, first without the files beside it, then with them."""

    head: int
    order: int
    """The number of the order in its middle."""
    fold: Taken
    restart: Taken
    show: Taken
    find: Taken
    why: Taken


_GIVEN: Final = ("head", "order")


def measure(path: Path, head: int) -> Measured:
    order, position = head // EVERY // 2, Random(head).randrange(head)
    ask = ("why", f"r-{order}", path, "--json")
    show = ("show", path, "--at", str(position), "--json")
    return Measured(
        head,
        order,
        fold=taken(RESTART, path),
        restart=taken(RESTART, path),
        show=taken(COMMAND, *show),
        find=taken(COMMAND, *ask),
        why=taken(COMMAND, *ask),
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[Measured]:
    """One for each length, the shortest first."""
    found: list[Measured] = []
    for head in HEADS:
        folder = tmp_path_factory.mktemp("long")
        path = make(folder / "x.log", head)
        found.append(measure(path, head))
        path.unlink()  # a gigabyte
    for each in found if LARGE else ():
        took = {name: value[:2] for name, value in each._asdict().items() if name not in _GIVEN}
        sys.stdout.write(f"{each.head:,}: {took}\n")  # seen with `pytest -s`
    return found


def test_everything_that_was_asked_was_answered(measured: list[Measured]) -> None:
    for each in measured:
        known = len(range(EVERY // 2, each.head - 6, EVERY))
        assert each.fold.said == each.restart.said == [each.head, known]
        assert each.show.said["head"] == each.head
        assert each.show.said["instruments"][0]["state"] == "live"
        assert each.find.said == each.why.said
        story = each.why.said
        assert [step["role"] for step in story["steps"]] == [
            "intent",
            "fact",
            "conclusion",
            "fact",
            "fact",
            "conclusion",
            "end",
        ]
        first = each.order * EVERY + EVERY // 2 + 1
        assert [step["position"] for step in story["steps"]] == list(range(first, first + 7))
        assert (story["status"], story["executed"]) == ("filled", "1")


@pytest.mark.parametrize("what", ["fold", "restart", "show", "find", "why"])
def test_a_longer_log_takes_no_more_memory(measured: list[Measured], what: str) -> None:
    peaks = [getattr(each, what).peak for each in measured]
    assert max(peaks) < GROWS_MAX * min(peaks), peaks


@pytest.mark.skipif(not LARGE, reason="only a log of ten million says so: TAPEFOLD_LARGE=1")
def test_ten_million_events_are_taken_up_in_seconds_and_looked_into_in_one(
    measured: list[Measured],
) -> None:
    *_, long = measured
    assert long.head == 10_000_000
    assert long.restart.seconds < RESTART_MAX
    assert long.show.seconds < SHOW_MAX
    assert long.why.seconds < WHY_MAX
