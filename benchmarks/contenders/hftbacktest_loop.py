"""hftbacktest: its conversion of a feed, and a backtest loop that reads its depth at every feed."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from common import Contender, Form, Run, Session, Tops, main, prepared
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data.utils import binancefutures
from numba import njit
from numpy.typing import NDArray

_FOREVER = 10**18
_LOTS = {"spot": 0.00001, "usdm": 0.001}


@njit
def _loop(backtest, most, rows):  # noqa: ANN001, ANN202 -- numba compiles for the types that it is called with
    """Reads the best bid and ask at every feed, and keeps them where *rows* has room for more than one."""
    at, more = 0, True
    while more:
        more = backtest.wait_next_feed(False, most) == 2
        depth = backtest.depth(0)
        rows[at, 0] = depth.best_bid
        rows[at, 1] = depth.best_bid_qty
        rows[at, 2] = depth.best_ask
        rows[at, 3] = depth.best_ask_qty
        if len(rows) > 1:
            at += 1
    return at


def _stamps(session: Session) -> list[int]:
    """One of its own for every frame, because feeds of one stamp are one feed to it."""
    stamps, last = [], 0
    for stamp in session.stamps:
        last = max(last + 1, stamp)
        stamps.append(last)
    return stamps


def _lines(session: Session) -> bytes:
    """The session in the words that it knows, and the deltas from the snapshot on."""
    last = json.loads(session.frames[session.snapshot])["lastUpdateId"]
    held = [session.frames[place] for place in session.held]
    kept = [
        frame
        for frame in held
        if json.loads(frame)["data"]["u"] >= last + (session.market == "spot")
    ]
    out: list[bytes] = []
    dropped = set(session.held)
    for place, (stamp, frame) in enumerate(zip(_stamps(session), session.frames, strict=True)):
        if place in dropped:
            continue
        frames = [frame, *kept] if place == session.snapshot else [frame]
        for each in frames:
            known = each if session.market == "usdm" else _known(each, stamp)
            out.append(b"%d %s\n" % (stamp, known))
    return b"".join(out)


def _known(frame: bytes, stamp: int) -> bytes:
    """What its converter asks of a futures' frame, in a frame of spot, which lacks it."""
    message = json.loads(frame)
    data = message.get("data", message)
    event = data.get("e", "bookTicker")
    data |= {"e": event, "T": data.get("T", data.get("E", stamp // 1_000_000)), "X": "MARKET"}
    return json.dumps(message, separators=(",", ":")).encode()


def _converted(lines: bytes, session: Session) -> NDArray[np.void]:
    """By its own converter, which reads a file by gzip: here it is one in memory, not compressed."""
    binancefutures.gzip = SimpleNamespace(open=lambda *_: io.BytesIO(lines))
    rows = session.levels + len(session.frames) + 16
    with redirect_stdout(io.StringIO()):
        return binancefutures.convert("", buffer_size=rows)


def _backtest(data: str | NDArray[np.void], session: Session) -> HashMapMarketDepthBacktest:
    asset = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(0.01)
        .lot_size(_LOTS[session.market])
        .last_trades_capacity(0)
    )
    return HashMapMarketDepthBacktest([asset])


def _fold(data: str | NDArray[np.void], session: Session, tops: Tops | None) -> None:
    backtest = _backtest(data, session)
    rows = np.zeros((len(session.frames) + 1 if tops else 1, 4))
    count = _loop(backtest, _FOREVER, rows)
    if tops:
        _tell(rows[:count], session, tops)
    backtest.close()


def _tell(rows: NDArray[np.float64], session: Session, tops: Tops) -> None:
    """A top for each frame: the last that was fed by then. Tickers are not, nor what is no market trade."""
    held, at = set(session.held), -1
    for place, frame in enumerate(session.frames):
        ticker = b"@bookTicker" in frame[:40]
        unfed = ticker or (
            session.market == "usdm" and b"@trade" in frame and b'"MARKET"' not in frame
        )
        if place not in held and not unfed:
            at += 1
        if place < session.snapshot:
            tops.none()
        else:
            tops.floats(*rows[at])
    if at + 1 != len(rows):
        sys.exit(f"hftbacktest was fed {len(rows)} times, not {at + 1}")


def _a(session: Session) -> Run:
    lines = _lines(session)

    def run(tops: Tops | None) -> None:
        _fold(_converted(lines, session), session, tops)

    return run


def _convert(session: Session) -> Run:
    lines = _lines(session)

    def run(tops: Tops | None) -> None:
        _converted(lines, session)

    return run


def _stored(session: Session) -> str:
    def make(path: Path) -> None:
        part = path.with_suffix(".part.npz")
        part.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(part, data=_converted(_lines(session), session))
        part.rename(path)

    return str(prepared("hftbacktest.npz", session, make))


def _file(session: Session) -> Run:
    path = _stored(session)

    def run(tops: Tops | None) -> None:
        _fold(path, session, tops)

    return run


def _array(session: Session) -> Run:
    with np.load(_stored(session)) as stored:
        data = stored["data"]

    def run(tops: Tops | None) -> None:
        _fold(data, session, tops)

    return run


_MORE = (
    "it folds the exchange's side too, with a queue model, and less: it reads the best once a feed, "
    "and tickers and what is no market trade are no feeds"
)
_WARM = "one whole pass before, which compiles (numba)"
_WHY = (
    "its rule for the best price is its own, the same here; deltas held are fed after the snapshot"
)


def _form(
    prepare: Callable[[Session], Run], does: str, checked: str = "equal", why: str = _WHY
) -> Form:
    return Form(prepare, does, checked, why, _WARM, warmed=True)


main(
    Contender(
        "hftbacktest",
        "hftbacktest",
        "import hftbacktest",
        {
            "a": _form(
                _a, f"Its convert() and a backtest loop in numba: more, {_MORE}; floats; no log."
            ),
            "a-convert": _form(
                _convert,
                "Its convert() alone: json of the standard library into an array, and no book.",
                "not comparable",
                "it has no book",
            ),
            "b-npz": _form(
                _file, f"Its .npz, loaded in the timed pass, and the loop: more, {_MORE}."
            ),
            "b-ram": _form(_array, f"The loop over its array in memory: more, {_MORE}."),
        },
    )
)
