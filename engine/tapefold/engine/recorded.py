"""What an engine records of itself: how a recording begins, and how it ends."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import trio

from tapefold.adapter import load_adapter
from tapefold.engine.engine import Engine
from tapefold.errors import Refused
from tapefold.session import Meta, Start

if TYPE_CHECKING:
    # It takes a tenth of a second to import, and a replay needs none of it.
    from tapefold.record import Recorder


def recorder_of(
    folder: Path,
    meta: Meta,
    secrets: Mapping[str, str],
    keys: Mapping[str, Mapping[str, str]] = {},
    *,
    mask_ids: bool = False,
    start: Start | None = None,
) -> "Recorder":
    """A recorder of a session in a new *folder*; with *keys*, by exchange, it is a private one.

    *secrets* are what may not be in it besides. With *mask_ids* it has stand-ins for ids as well, and
    *meta* for the run's. *start* is what a log that was not empty had come to. Raises as `Recorder`,
    `BadInput` for keys that are none, and `Leak` and `Refused`, before anything is there.
    """
    if mask_ids and start:
        raise Refused("the log has ids of earlier runs, which cannot be masked: begin a new log")
    from tapefold.record import Recorder, check_start, guards_of

    adapters = {exchange: load_adapter(exchange) for exchange in meta.exchanges}
    guards = guards_of(adapters, meta, secrets, keys, mask_ids=mask_ids)
    if start:
        check_start(start, guards.values())
    private = any(value for given in keys.values() for value in given.values())
    return Recorder(folder, meta, guards, private=private, adapters=adapters, start=start)


@contextmanager
def recorded(engine: Engine, recorder: "Recorder | None") -> Generator[None]:
    """Seal what was recorded; where the block raises it stays as it is, readable. Raises as `seal`."""
    engine.recorder = recorder
    if recorder is None:
        yield
        return
    try:
        yield
        _seal(engine, recorder)
    except (trio.Cancelled, BaseExceptionGroup) as error:
        if _is_only_cancelled(error):  # a time that is over ends a recording in order
            _seal(engine, recorder)
        raise
    finally:
        recorder.close()


def _is_only_cancelled(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(map(_is_only_cancelled, group.exceptions))
    return isinstance(error, trio.Cancelled)


def _seal(engine: Engine, recorder: "Recorder") -> None:
    rows = engine.views.instruments.rows.values()
    recorder.meta.instruments = [row.symbol for row in rows]
    recorder.seal(engine.log.digest())
