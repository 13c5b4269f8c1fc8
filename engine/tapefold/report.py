"""What a replay came to: for people as a table, for machines as one JSON object."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple

from msgspec import Struct

from tapefold.errors import Mismatch
from tapefold.events import InstrumentListed
from tapefold.fingerprint import Fingerprints
from tapefold.folds.book_view import BookView
from tapefold.kernel import Kernel
from tapefold.log import Sink
from tapefold.replay import Replay
from tapefold.session import Digests, Session
from tapefold.strategy import Strategy
from tapefold.units import Level, Nanos, fixed

CHUNK = 4096
"""Lines between two looks at the clock, the log and the terminal."""
_ALL = 2**62


class InstrumentReport(Struct, frozen=True):
    """One instrument's part of it."""

    instrument: InstrumentListed
    book: BookView
    """Also of a book that is not live: `book.state` says so."""
    trades: int
    quotes: int
    deltas: int
    """Received, those that a snapshot made needless among them."""
    dropped: int
    snapshots: int
    fingerprints: dict[str, Any]


class Report(Struct, frozen=True):
    """What a replay came to."""

    session: Session
    frames: int
    events: int
    """Of its own."""
    head: int
    """The log's last position: where the session goes on from a log, there are earlier ones."""
    skipped: int
    """Frames of streams that nobody reads."""
    anomalies: int
    seconds: float
    """Of playing alone: no fingerprints, no waiting for a pace."""
    digests: Digests
    ended: bool
    """The whole session was played."""
    instruments: list[InstrumentReport]

    @property
    def frames_per_second(self) -> int:
        """Received frames a second of playing."""
        return round(self.frames / self.seconds) if self.seconds else 0

    @property
    def reached(self) -> bool | None:
        """Whether the digests are the recorded ones; None where there are none to reach.

        Of folds only those that the session names: a later tapefold may have more. Frames that were
        added are none of the recorded ones, also where they change nothing.
        """
        wanted = self.session.meta.digests
        if not self.ended or not wanted.log or not self.session.meta.sealed:
            return None
        folds = {fold: self.digests.folds.get(fold) for fold in wanted.folds}
        counted = self.session.meta.counts.frames
        return (self.digests.log, folds) == (wanted.log, wanted.folds) and counted in (
            0,
            self.frames,
        )

    def as_json(self) -> dict[str, Any]:
        """One object, its numbers as plain decimals."""
        return {
            "session": str(self.session.folder),
            "frames": self.frames,
            "events": self.events,
            "position": self.head,
            "digest": self.digests.log,
            "reached": self.reached,
            "ended": self.ended,
            "frames_per_second": self.frames_per_second,
            "anomalies": self.anomalies,
            "skipped": self.skipped,
            "folds": self.digests.folds,
            "instruments": [_as_json(row) for row in self.instruments],
        }


def replay_report(
    session: Session,
    log: Sink | None = None,
    *,
    fingerprints: bool = False,
    play: Callable[[Replay], float] | None = None,
    strategies: Sequence[Strategy] = (),
) -> Report:
    """Replay a session, and say what it came to.

    *play* plays it and gives the seconds that it took. Of its *strategies* these are asked again. With
    *fingerprints* the session is played a second time, unmeasured, and must come to the same digest.
    Raises as `Replay` and its `play` do.
    """
    replay = Replay(session, log, strategies=strategies)
    seconds = (play or play_all)(replay)
    prints = fingerprints_of(session, replay.log.digest(), replay.lines) if fingerprints else None
    ran = Ran(replay.kernel, replay.log, replay.frames, seconds, replay.ended)
    return report_of(session, ran, prints)


class Ran(NamedTuple):
    """A kernel that has played a session, through whichever door."""

    kernel: Kernel
    log: Sink
    frames: int
    seconds: float
    ended: bool


def report_of(session: Session, ran: Ran, prints: Fingerprints | None = None) -> Report:
    """What a kernel came to that has played a session."""
    views, rows = ran.kernel.views, ran.kernel.views.instruments.rows
    return Report(
        session=session,
        frames=ran.frames,
        events=ran.log.head - session.meta.start_position,
        head=ran.log.head,
        skipped=ran.kernel.skipped,
        anomalies=views.anomalies.count,
        seconds=ran.seconds,
        digests=Digests(ran.log.digest(), views.digests()),
        ended=ran.ended,
        instruments=[_row(ran.kernel, rows[number], prints) for number in sorted(rows)],
    )


def play_all(replay: Replay) -> float:
    """Play to the end, as fast as it goes; the seconds that it took."""
    began = perf_counter()
    while replay.play(CHUNK):
        pass
    return perf_counter() - began


def fingerprints_of(session: Session, log_digest: str, lines: int | None = None) -> Fingerprints:
    """Hashes of what another playing of a session came to, up to a line of the tape.

    Raises `Mismatch` where this one comes to another digest.
    """
    prints = Fingerprints(session.start())
    second, most = Replay(session, prints), _ALL if lines is None else lines
    with suppress(Mismatch):  # where the first one stopped at one, this one does
        while second.lines < most and second.play(min(CHUNK, most - second.lines)):
            pass
    if prints.digest() != log_digest:
        raise Mismatch("two playings of one session came to two digests: a fault of tapefold")
    return prints


def _row(kernel: Kernel, row: InstrumentListed, prints: Fingerprints | None) -> InstrumentReport:
    views, sync = kernel.views, kernel.sync(row)
    market = views.markets[row.instrument]
    return InstrumentReport(
        instrument=row,
        book=BookView(views.instruments, row.instrument, views.books[row.instrument], stale=True),
        trades=market.trades,
        quotes=market.quotes,
        deltas=sync.seen,
        dropped=sync.dropped,
        snapshots=kernel.views.books[row.instrument].snapshots,
        fingerprints=prints.of(row.instrument) if prints else {},
    )


def _as_json(row: InstrumentReport) -> dict[str, Any]:
    bids, asks = row.book.levels
    return {
        "symbol": row.instrument.symbol,
        "native_symbol": row.instrument.native_symbol,
        "exchange": row.instrument.exchange,
        "state": row.book.state,
        "updates": row.book.updates,
        "trades": row.trades,
        "gaps": row.book.gaps,
        "best_bid": _level(row.book.best_bid),
        "best_ask": _level(row.book.best_ask),
        "bid_levels": bids,
        "ask_levels": asks,
        # The oracle's own names, beside ours.
        "depth_updates": row.deltas,
        "snapshots": row.snapshots,
        "dropped_stale": row.dropped,
        "applied": row.book.updates,
        "depth_gaps": row.book.gaps,
        "book_tickers": row.quotes,
        **row.fingerprints,
    }


def _level(level: Level | None) -> dict[str, str] | None:
    return {"price": fixed(level.price), "size": fixed(level.size)} if level else None


__all__ = ["CHUNK", "InstrumentReport", "Nanos", "Report", "play_all", "replay_report"]
