"""`open_engine`: an engine around a tape, a fake exchange, or real ones."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import trio

from tapefold.engine.engine import Engine, Source, lone
from tapefold.engine.live import Live, check
from tapefold.engine.played import Played
from tapefold.engine.recorded import recorded, recorder_of
from tapefold.engine.saving import Saver
from tapefold.errors import LogError, Refused
from tapefold.history import Cache
from tapefold.home import mocking
from tapefold.kernel import Run
from tapefold.log import Log, open_log
from tapefold.session import Meta, Session

if TYPE_CHECKING:
    # What speaks HTTP takes a tenth of a second to import, and a replay needs none of it.
    from tapefold.record import Recorder

Mode: TypeAlias = Literal["replay", "mock", "virtual"]


@asynccontextmanager
async def open_engine(
    source: Session | Path | str | Live,
    *,
    mode: Mode | None = None,
    log: Path | str | None = None,
    speed: float | None = None,
    record: Path | str | None = None,
) -> AsyncGenerator[Engine]:
    """An engine at work while the block runs.

    A session is played from when it is first waited for or followed: by the replay door, or with
    *mode* `mock` by a fake exchange over loopback sockets (also without it where `MOCK_API_ENABLED`
    is true), or `virtual` over streams in memory. *speed* 1 is as recorded, 10 ten times that;
    without one it goes as fast as it can. `Live(("binance",))` connects to exchanges, and does what
    the block commands.

    The log is in memory, or in a new file *log*, which is kept. *record*, live and in mock mode, is a
    new folder, which becomes a session of this run: on leaving, also where it is cancelled, it is
    replayed once and sealed; where the block raises it stays unsealed. Raises `SessionError`,
    `LogError`, `LogLocked`, `Refused`; on leaving, what stood in the way (`Mismatch`, ...), if the
    block did not hear of it. What the block raises comes out as it is.
    """
    _check(source, mode, speed)
    if not isinstance(source, Live | Session):
        source = Session(source)
    path = Path(log) if log is not None else None
    with _new_log(path) as opened:
        if isinstance(source, Live):
            made, recorder = _connected(source, opened, record)
        else:
            made, recorder = _played(source, mode, opened, path, speed, record)
        engine = Engine(made, opened)
        with recorded(engine, recorder):
            async with _working(engine):
                yield engine
    if path is not None:
        Cache(path).save(engine.views, opened.digest())
    if engine.failure and not engine.told:
        raise engine.failure


def _check(source: object, mode: Mode | None, speed: float | None) -> None:
    """Refuse what would be ignored. Raises `ValueError`."""
    if speed is not None and not speed > 0:
        raise ValueError(f"a speed is a number above 0, not {speed}")
    if mode not in (None, *get_args(Mode)):
        raise ValueError(f"a mode is one of {', '.join(get_args(Mode))}, not {mode!r}")
    if isinstance(source, Live) and (mode or speed):
        raise ValueError("mode and speed are of a session: exchanges are live, as fast as they are")


@contextmanager
def _new_log(path: Path | None) -> Generator[Log]:
    with open_log(path) as opened:
        if opened.head:
            raise LogError(f"{path} is a log already: an engine begins a new one")
        yield opened


@asynccontextmanager
async def _working(engine: Engine) -> AsyncGenerator[None]:
    """Beside the block the engine runs. A lone error comes out as itself, and not as a group."""
    own: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            try:
                yield
            except BaseException as error:  # any: it is raised again, and known again in the group
                own.append(error)
                raise
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        told = own[0] if own and len(group.exceptions) == 1 else lone(group)
        if told is group or isinstance(told, trio.Cancelled):
            raise
        raise told from told.__cause__


def _played(
    session: Session,
    mode: Mode | None,
    log: Log,
    path: Path | None,
    speed: float | None,
    record: Path | str | None,
) -> tuple[Source, "Recorder | None"]:
    """A session as a source. Raises `SessionError`, `Refused`."""
    mode = mode or ("mock" if mocking() else "replay")
    if mode == "replay":
        if record is not None:
            raise Refused("a replay is of a recording already: record in mock mode, or live")
        return Played(session, log, Saver(log, path), speed), None
    from tapefold.engine.mocked import Mocked

    recorder = None
    if record is not None:
        old = session.meta
        meta = Meta(
            exchanges=old.exchanges,
            instruments=old.instruments,
            source=old.source,
            started_ns=old.started_ns,
            run_id=old.run_id,
            seed=old.seed,
            versions=old.versions,
        )
        recorder = recorder_of(Path(record), meta, {})
    return Mocked(session, log, speed, tee=recorder, virtual=mode == "virtual"), recorder


def _connected(
    source: Live, log: Log, record: Path | str | None
) -> tuple[Source, "Recorder | None"]:
    """Real exchanges as a source. Raises `AdapterError`, `Refused`, `BadInput`."""
    from tapefold.engine.connected import Connected
    from tapefold.wire import live

    check(source)
    seed = SystemRandom().getrandbits(32) if source.seed is None else source.seed
    versions = {"tapefold": version("tapefold")}
    outside = source.outside or live()
    started = outside.clock.now()
    run = Run(source.run_id or f"live-{started}", seed, versions, source.first_order)
    recorder = None
    if record is not None:
        meta = Meta(
            exchanges=[*source.exchanges],
            source="live",
            started_ns=started,
            run_id=run.run_id,
            seed=seed,
            versions=versions,
        )
        recorder = recorder_of(Path(record), meta, source.secrets)
    return Connected(source, log, outside, run, started=started, tee=recorder), recorder
