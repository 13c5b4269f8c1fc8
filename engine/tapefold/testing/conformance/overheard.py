"""What an engine asks of an adapter while it plays a session: each call with what it gave."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, cast

from tapefold.adapter import Adapter, load_adapter
from tapefold.replay import Replay
from tapefold.session import Session

CALLS_MAX: Final = 20_000
"""Calls that are kept of one session: beyond that each second one, each fourth one, ..."""


class Call(NamedTuple):
    """One call of one of an adapter's functions."""

    session: Session
    line: int
    """Of the tape, where it was called."""
    name: str
    arguments: tuple[Any, ...]
    gave: Any
    """What it gave, or the exception that it raised."""


class Overheard:
    """An adapter, each of whose calls is noted."""

    def __init__(self, adapter: Adapter, note: Callable[[str, tuple[Any, ...], Any], None]) -> None:
        self._adapter, self._note = adapter, note

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        return self._noted(name, value) if callable(value) else value

    def _noted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            before = tuple(map(kept, arguments))
            try:
                gave = call(*map(kept, arguments))  # the engine's own is nobody's to change
            except Exception as error:  # whatever it raises is what it answered
                self._note(name, before, error)
                raise
            self._note(name, before, gave)
            return gave

        return noted


def kept(argument: Any) -> Any:
    """An argument as it is now: what is known grows, and all else is frozen."""
    return dict(argument) if hasattr(argument, "keys") else argument


def overhear(adapter: Adapter, session: Session) -> list[Call]:
    """The calls of a replay, as far as it comes: whether it comes to its end, `replays` checks."""
    calls: list[Call] = []
    replay: Replay | None = None
    step = count = 0

    def note(name: str, arguments: tuple[Any, ...], gave: Any) -> None:
        nonlocal step, count
        count += 1
        if count % (1 << step) == 0:
            calls.append(Call(session, replay.lines if replay else 0, name, arguments, gave))
        if len(calls) >= CALLS_MAX:
            del calls[::2]
            step += 1

    double = cast("Adapter", Overheard(adapter, note))
    try:
        replay = Replay(session, adapters=with_others(session, double))
        while replay.play(1_000):
            pass
    except Exception:  # an adapter can break an engine in any way: `replays` tells of it
        return calls
    return calls


def with_others(session: Session, adapter: Adapter) -> dict[str, Adapter]:
    """The adapters of a session: *adapter*, and the installed ones of other exchanges."""
    ours = adapter.description.exchange
    return {
        exchange: adapter if exchange == ours else load_adapter(exchange)
        for exchange in session.meta.exchanges
    }


def decoded(calls: Iterable[Call]) -> list[Call]:
    """Those that decoded a frame."""
    return [call for call in calls if call.name == "decode"]
