"""What an engine records of itself: how a recording begins, and how it ends."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import trio

from tapefold.adapter import load_adapter
from tapefold.engine.engine import Engine
from tapefold.session import Meta

if TYPE_CHECKING:
    # It takes a tenth of a second to import, and a replay needs none of it.
    from tapefold.record import Recorder


def recorder_of(folder: Path, meta: Meta, secrets: Mapping[str, str]) -> "Recorder":
    """A recorder of a session in a new *folder*. Raises as `Recorder`, and `Leak`."""
    from tapefold.guard import Guard
    from tapefold.record import Recorder

    guards = {
        exchange: Guard(load_adapter(exchange).description.taping, secrets)
        for exchange in meta.exchanges
    }
    return Recorder(folder, meta, guards)


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
