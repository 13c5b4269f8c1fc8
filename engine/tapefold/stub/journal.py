"""What a stub heard, in order; and causes: what of it somebody waits for."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import trio
from msgspec import Struct

from tapefold.stub.matching import (
    NOTHING,
    Body,
    Fields,
    Nothing,
    Text,
    differences,
    fits,
    read_body,
)


class Asked(Struct, frozen=True):
    """A request came."""

    method: str
    host: str
    """The real one, as it was given to `Stub.http`."""
    path: str
    """As it came, with its percent signs."""
    query: dict[str, Any]
    headers: dict[str, str]
    """By their names in lower case."""
    sent: Body
    matched: object = None
    """The preset that answers it."""
    passed: bool = False
    """It went on to the real host."""
    target: str = ""
    """Path and query, as they came."""

    @property
    def body(self) -> Any:
        """Decoded JSON, the fields of a form, or text; bytes where it is none."""
        return self.sent.value

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.target}"


class Answered(Struct, frozen=True):
    """A request was answered: all of the answer is out."""

    asked: Asked
    status: int
    """0: it was hung up on."""


class Connected(Struct, frozen=True):
    """A WebSocket client came and was let in."""

    url: str
    """As it was given to `Stub.ws`."""
    client: int
    """Which client of this URL it is, counted from 0."""
    target: str
    """Path and query of its own."""
    headers: dict[str, str]


class Refused(Struct, frozen=True):
    """A WebSocket client came and was not let in."""

    url: str
    """As it was given to `Stub.ws`; nothing where no such was."""
    target: str
    headers: dict[str, str]
    status: int


class Said(Struct, frozen=True):
    """A WebSocket client said something."""

    url: str
    client: int
    data: str | bytes
    matched: object = None
    """The rule that answers it."""

    @property
    def body(self) -> Any:
        """Decoded JSON, else text; bytes where it is none."""
        return frame_value(self.data)


class Left(Struct, frozen=True):
    """A WebSocket is over."""

    url: str
    client: int
    code: int
    """1006: nobody said why."""
    reason: str
    ours: bool
    """The stub began it."""


class Done(Struct, frozen=True):
    """A scripted step was done, for one client: what it had to say is written."""

    url: str
    step: object


Entry: TypeAlias = Asked | Answered | Connected | Refused | Said | Left | Done


@runtime_checkable
class Cause(Protocol):
    """Something that may come. What `respond`, `reply` and `script` give is one, an `Endpoint` too."""

    def caused_by(self, entry: Entry) -> bool:
        """Is this entry it?"""
        ...


def check_cause(cause: object) -> None:
    """Refuse what can never come. Raises `TypeError`."""
    if cause is not None and not isinstance(cause, Cause):
        raise TypeError(
            f"after={cause!r} is no cause: it is what respond, reply and script give, an endpoint, or "
            "asked(...), said(...), connected(), left()"
        )


class Of:
    """A cause that is a question."""

    def __init__(self, question: Callable[[Entry], bool]) -> None:
        self.question = question

    def caused_by(self, entry: Entry) -> bool:
        """Ask it."""
        return self.question(entry)


def asked(
    method: str, path: Text, *, host: str = "", query: Fields | None = None, body: Any = NOTHING
) -> Cause:
    """A request comes, and is perhaps not answered yet."""

    def is_it(entry: Entry) -> bool:
        return (
            isinstance(entry, Asked)
            and entry.method == method.upper()
            and fits(path, entry.path)
            and host in ("", entry.host)
            and not any(differences(query or {}, entry.query, "query", text=True))
            and not any(body_differences(body, entry.sent))
        )

    return Of(is_it)


def said(what: Any = "", url: str = "") -> Cause:
    """A client says something: that has this text or pattern in it, or these fields."""
    return Of(lambda e: isinstance(e, Said) and url in ("", e.url) and heard(what, e.data))


def connected(url: str = "") -> Cause:
    """A WebSocket is up."""
    return Of(lambda entry: isinstance(entry, Connected) and url in ("", entry.url))


def left(url: str = "") -> Cause:
    """A WebSocket is over, whoever began it."""
    return Of(lambda entry: isinstance(entry, Left) and url in ("", entry.url))


def body_differences(wanted: Any, sent: Body) -> list[str]:
    """A line for each field of a body that is not as wanted; text and bytes are wanted whole."""
    if isinstance(wanted, Nothing):
        return []
    if isinstance(wanted, bytes):
        return [] if wanted == sent.raw else ["≠ body: other bytes"]
    return [*differences(wanted, sent.value, "body", text=sent.form)]


def frame_value(data: str | bytes) -> Any:
    """A frame as decoded JSON, text, or bytes."""
    raw = data.encode() if isinstance(data, str) else data
    return read_body(raw, "json").value


def heard(what: Any, data: str | bytes) -> bool:
    """Has a frame this text or pattern in it, or these fields?"""
    if isinstance(what, str):
        return what in (data if isinstance(data, str) else data.decode(errors="replace"))
    if isinstance(what, bytes):
        return what == data
    if hasattr(what, "search"):
        return bool(what.search(data if isinstance(data, str) else data.decode(errors="replace")))
    return not any(differences(what, frame_value(data), "frame"))


class Journal:
    """Everything that came, in order; waits for it, and tells others of it at once."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._news = trio.Event()
        self._watches: list[tuple[Cause, Callable[[], None]]] = []

    def add(self, entry: Entry) -> None:
        """Write down, and do what this is the cause of, in the order in which it was wished for."""
        self.entries.append(entry)
        news, self._news = self._news, trio.Event()
        news.set()
        watches, self._watches = self._watches, []
        for cause, act in watches:
            if cause.caused_by(entry):
                act()
            else:
                self._watches.append((cause, act))

    def when(self, cause: Cause, act: Callable[[], None]) -> None:
        """Do this once, as soon as the cause is there: now, if it is."""
        if any(map(cause.caused_by, self.entries)):
            act()
        else:
            self._watches.append((cause, act))

    async def seen(self, cause: Cause, times: int = 1) -> Entry:
        """Wait until it has come so often, counted from the start; that one."""
        await trio.lowlevel.checkpoint()
        at = 0
        while True:
            for entry in self.entries[at:]:
                times -= cause.caused_by(entry)
                if not times:
                    return entry
            at = len(self.entries)
            await self._news.wait()
