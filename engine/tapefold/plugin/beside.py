"""An async context in a thread of its own, with a trio loop of its own.

So what is served is there for a test in any framework, or none: asyncio's loop, trio's with any clock, a
thread that blocks. The test's own loop is never asked for anything.
"""

import threading
from contextlib import AbstractAsyncContextManager, suppress
from typing import Generic, TypeVar

import trio

from tapefold.errors import TapefoldError

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds for which the end of a server is waited for: it has limits of its own, far below this."""


class _Gone(Exception):
    """The test did not come to its end: what it left undone is nobody's fault."""


class Beside(Generic[T]):
    """One context, entered by `start` and left by `stop`."""

    def __init__(
        self, name: str, context: AbstractAsyncContextManager[T], patience: float = PATIENCE
    ) -> None:
        self._context, self._patience = context, patience
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._entered = threading.Event()
        self._judge = True
        self._given: list[T] = []
        self._errors: list[BaseException] = []

    def start(self) -> T:
        """What the context gives, once it is entered. Raises what entering raises."""
        __tracebackhide__ = True
        self._thread.start()
        self._entered.wait()
        if not self._given:
            raise self._errors[0]
        return self._given[0]

    def stop(self, *, judge: bool) -> str:
        """Leave it; what it found on leaving, as text, or nothing.

        Without *judge* what was left undone is not told, but what should not have been done still is.
        Raises what is no finding of tapefold's.
        """
        with suppress(trio.RunFinishedError):  # it has found something already
            self._token.run_sync_soon(self._leave, judge)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            return f"{self._thread.name} has not ended in {self._patience:g} seconds"
        return _told(self._errors[0]) if self._errors else ""

    def _run(self) -> None:
        __tracebackhide__ = True
        try:
            trio.run(self._serve)
        except BaseException as error:  # any: it is raised or told where the server is left
            self._errors.append(error)
        finally:
            self._entered.set()

    async def _serve(self) -> None:
        __tracebackhide__ = True
        self._token, self._left = trio.lowlevel.current_trio_token(), trio.Event()
        async with self._context as given:
            self._given.append(given)
            self._entered.set()
            await self._left.wait()
            if not self._judge:
                raise _Gone

    def _leave(self, judge: bool) -> None:
        self._judge = judge
        self._left.set()


def _told(error: BaseException) -> str:
    """What is to be said of it. Raises what is not ours."""
    if isinstance(error, _Gone):
        notes: list[str] = getattr(error, "__notes__", [])
        return "\n".join(note for note in notes if not note.startswith(("unused", "not answered")))
    if isinstance(error, TapefoldError):
        return str(error)
    raise error
