"""`open_engine`: an engine around a tape, a fake exchange, or real ones."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, cast, get_args

import trio

from tapefold.engine.engine import Engine, Source, lone
from tapefold.engine.keeping import Kept as KeptLog
from tapefold.engine.keeping import keep
from tapefold.engine.leaving import leave
from tapefold.engine.live import Live, check
from tapefold.engine.played import Played
from tapefold.engine.recorded import recorded, recorder_of
from tapefold.engine.saving import Saver
from tapefold.errors import Refused
from tapefold.history import Cache
from tapefold.home import mocking
from tapefold.kernel import Run, check_names, started
from tapefold.log import Log
from tapefold.session import Meta, Session, Start
from tapefold.strategy import Kept, Strategy

if TYPE_CHECKING:
    # What speaks HTTP takes a tenth of a second to import, and a replay needs none of it.
    from tapefold.record import Recorder

Mode: TypeAlias = Literal["replay", "mock", "virtual"]


class _Asked(NamedTuple):
    """What an engine is opened with, besides its source."""

    mode: Mode | None
    speed: float | None
    record: Path | str | None
    mask_ids: bool
    strategies: Sequence[Strategy]
    on_exit: Kept


@asynccontextmanager
async def open_engine(  # noqa: PLR0913 - each is a word of its own, and all but one have defaults
    source: Session | Path | str | Live,
    *,
    mode: Mode | None = None,
    log: Log | Path | str | None = None,
    speed: float | None = None,
    strategies: Sequence[Strategy] = (),
    on_exit: Kept = "keep",
    record: Path | str | None = None,
    mask_ids: bool = False,
) -> AsyncGenerator[Engine]:
    """An engine at work while the block runs.

    A session is played from when it is first waited for or followed: by the replay door, or with
    *mode* `mock` by a fake exchange over loopback sockets (also without it where `MOCK_API_ENABLED`
    is true), or `virtual` over streams in memory. *speed* 1 is as recorded, 10 ten times that;
    without one it goes as fast as it can. `Live(("binance",))` connects to exchanges, and does what
    the block and the *strategies* command. Of a session its strategies, where they are given, are asked
    again, and must command what they did.

    The log is in memory, or in a file *log*, which is kept: a new one, or, live, that of an earlier
    run, which goes on. An open `Log` is the caller's to close. *on_exit* `cancel`: when a live engine is
    left, orders of ours that are alive are canceled first. *record*, live and in mock mode, is a
    new folder, which becomes a session of this run: on leaving, also where it is cancelled, it is
    replayed once and sealed; where the block raises it stays unsealed. With *mask_ids* it has stand-ins
    for the ids of orders, too. Raises `SessionError`, `LogError`, `LogLocked`, `Refused`, `BadInput`;
    on leaving, what stood in the way (`Mismatch`, ...), if the block did not hear of it. What the block
    raises comes out as it is.
    """
    _check(source, mode, speed)
    check_names(strategies)
    if not isinstance(source, Live | Session):
        source = Session(source)
    asked = _Asked(mode, speed, record, mask_ids, strategies, on_exit)
    async with keep(source, log) as kept, _opened(source, kept, asked) as engine:
        yield engine


@asynccontextmanager
async def _opened(source: Session | Live, kept: KeptLog, asked: _Asked) -> AsyncGenerator[Engine]:
    if isinstance(source, Live):
        made, recorder = _connected(source, kept, asked)
    else:
        made, recorder = _played(source, kept, asked)
    engine = Engine(made, kept.log)
    try:
        with recorded(engine, recorder):
            async with _working(engine):
                try:
                    yield engine
                except BaseException as error:  # any: orders are not left because of it
                    try:
                        await leave(engine, asked.on_exit, asked.strategies)
                    except Refused as left:
                        if isinstance(error, trio.Cancelled):  # which nobody would ever see
                            raise left from None
                        error.add_note(str(left))
                    raise
                await leave(engine, asked.on_exit, asked.strategies)
    finally:
        views, path = engine.views, kept.path
        if path and not views.torn and views.position == kept.log.head:
            with suppress(
                Refused
            ):  # what is not on the disk is not to be believed: closing says so
                kept.log.sync()
                Cache(path).save(views, kept.log.digest())
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


@asynccontextmanager
async def _working(engine: Engine) -> AsyncGenerator[None]:
    """Beside the block the engine runs. A lone error comes out as itself, and not as a group.

    Once it is up, only the block's end ends it: a block that is cancelled has yet to leave in order.
    """
    own, scope = list[BaseException](), trio.CancelScope()

    async def work(task_status: trio.TaskStatus[None]) -> None:
        with scope:
            await engine.run(task_status)

    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(work)
            scope.shield = True
            try:
                yield
            except BaseException as error:  # any: it is raised again, and known again in the group
                own.append(error)
                raise
            finally:
                scope.cancel()
    except BaseExceptionGroup as group:
        is_own = own and len(group.exceptions) == 1 and not _is_cancelled(own[0])
        told = own[0] if is_own else lone(group)
        if told is group or isinstance(told, trio.Cancelled):
            raise
        raise told from told.__cause__


def _is_cancelled(error: BaseException) -> bool:
    """Whether it says no more than that somebody was cancelled, and not why."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(map(_is_cancelled, group.exceptions))
    return isinstance(error, trio.Cancelled)


def _played(session: Session, kept: KeptLog, asked: _Asked) -> tuple[Source, "Recorder | None"]:
    """A session as a source. Raises `SessionError`, `Refused`, `BadInput`."""
    mode = asked.mode or ("mock" if mocking() else "replay")
    log, speed, strategies = kept.log, asked.speed, asked.strategies
    if mode == "replay":
        if asked.record is not None:
            raise Refused("a replay is of a recording already: record in mock mode, or live")
        return Played(session, log, Saver(log, kept.path), speed, strategies), None
    from tapefold.engine.mocked import Mocked

    recorder = None
    if asked.record is not None:
        old = session.meta
        meta = Meta(
            exchanges=old.exchanges,
            instruments=old.instruments,
            source=old.source,
            started_ns=old.started_ns,
            run_id=old.run_id,
            first_order=old.first_order,
            strategies=old.strategies,
            seed=old.seed,
            versions=old.versions,
        )
        keys = old.credentials
        recorder = recorder_of(
            Path(asked.record), meta, {}, keys, mask_ids=asked.mask_ids, start=session.start()
        )
    virtual = mode == "virtual"
    mocked = Mocked(session, log, speed, tee=recorder, virtual=virtual, strategies=strategies)
    return mocked, recorder


def _connected(source: Live, kept: KeptLog, asked: _Asked) -> tuple[Source, "Recorder | None"]:
    """Real exchanges as a source. Raises `AdapterError`, `Refused`, `BadInput`."""
    from tapefold.engine.connected import Beginning, Connected
    from tapefold.wire import live

    check(source)
    seed = SystemRandom().getrandbits(32) if source.seed is None else source.seed
    versions = {"tapefold": version("tapefold")}
    outside = source.outside or live()
    time = outside.clock.now()
    at_work = dict(started(asked.strategies))
    run = Run(source.run_id or f"live-{time}", seed, versions, source.first_order, at_work)
    recorder = None
    if asked.record is not None:
        meta = Meta(
            exchanges=[*source.exchanges],
            source="live",
            started_ns=time,
            run_id=run.run_id,
            first_order=run.first_order,
            strategies=at_work,
            seed=seed,
            versions=versions,
        )
        recorder = recorder_of(
            Path(asked.record),
            meta,
            source.secrets,
            source.keys,
            mask_ids=asked.mask_ids,
            start=Start.of(kept.log.tail, kept.views) if kept.log.head else None,
        )
    saver = Saver(kept.log, kept.path)
    beginning = Beginning(time, run, kept.log, kept.views, asked.strategies, saver)
    return Connected(source, beginning, outside, recorder), recorder
