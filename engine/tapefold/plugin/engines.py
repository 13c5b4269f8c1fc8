"""Engines in mock mode."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Literal, NoReturn, TypeAlias, TypedDict, Unpack

import trio

from tapefold.engine import Engine, Live, open_engine
from tapefold.errors import BadInput
from tapefold.log import Log
from tapefold.plugin.sessions import Sessions
from tapefold.session import Session
from tapefold.strategy import Strategy

Mode: TypeAlias = Literal["replay", "mock", "virtual"]


class Options(TypedDict, total=False):
    """As of `open_engine`."""

    log: Log | Path | str | None
    speed: float | None
    strategies: Sequence[Strategy]
    on_exit: Literal["keep", "cancel"]
    record: Path | str | None
    mask_ids: bool


class Opening(AbstractAsyncContextManager[Engine]):
    """An engine for a block of a trio test. Whoever enters it otherwise is told so."""

    def __init__(self, context: AbstractAsyncContextManager[Engine]) -> None:
        self._context = context

    async def __aenter__(self) -> Engine:
        """The engine, open. Raises `BadInput` where no trio is running, and as `open_engine`."""
        __tracebackhide__ = True
        if not trio.lowlevel.in_trio_task():
            raise BadInput(
                "`engine` runs under trio (pytest-trio, or anyio with trio); "
                "under asyncio use `sim` or `mock_exchange`"
            )
        return await self._context.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """As `open_engine`."""
        __tracebackhide__ = True
        return await self._context.__aexit__(kind, error, traceback)

    def __enter__(self) -> NoReturn:
        """Raises `BadInput`."""
        __tracebackhide__ = True
        raise BadInput(
            "`engine` is entered with `async with`, in an `async def` test under trio; "
            "in others use `sim` or `mock_exchange`"
        )

    def __exit__(self, *_: object) -> None:
        """Never: nobody gets in."""


class Engines:
    """The fixture `engine`: `open_engine`, in mock mode where nothing else is said."""

    def __init__(self, sessions: Sessions, mode: Mode) -> None:
        self._sessions = sessions
        self._mode: Mode = mode

    def __call__(
        self,
        source: Session | Live | Path | str | None = None,
        *,
        mode: Mode | None = None,
        **options: Unpack[Options],
    ) -> Opening:
        """An engine around a session, by name or path, or the bundled one; or `Live`, on this machine.

        What is live must be on loopback or in memory: `Refused` is raised for all else. Raises as
        `open_engine`.
        """
        if isinstance(source, Live):
            return Opening(open_engine(source, mode=mode, **options))
        played = self._sessions(source)
        return Opening(open_engine(played, mode=mode or self._mode, **options))
