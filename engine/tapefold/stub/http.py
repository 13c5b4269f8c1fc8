"""One host's REST side of a stub: presets, which of them answers what, and what nobody was preset for."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, Final, TypedDict, Unpack
from urllib.parse import urlsplit

import h11
import httpx
import msgspec
import trio
from msgspec import Struct

from tapefold.errors import Refused
from tapefold.home import MOCK, mocking
from tapefold.stub.journal import (
    Answered,
    Asked,
    Cause,
    Entry,
    Journal,
    body_differences,
    check_cause,
)
from tapefold.stub.matching import (
    NOTHING,
    Fields,
    Text,
    differences,
    fits,
    leaves,
    read_fields,
    shown,
    turn_of,
)

UNMATCHED: Final = 501
"""The status of what nobody was preset for: no exchange says it, and no client tries again on it."""
HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"}
)
"""Headers that are between two machines, and go no further."""


class Options(TypedDict, total=False):
    """What a preset may say besides its method and path."""

    query: Fields
    """Fields that the query must have, among others."""
    body: Any
    """Fields that the JSON or form must have, among others; or the whole text or bytes."""
    sent_headers: Fields
    """Headers that the request must have, among others."""
    json: Any
    """The answer's body."""
    content: str | bytes
    """The answer's body as it is."""
    status: int
    """200 where it is not given."""
    headers: Mapping[str, str]
    """The answer's headers."""
    times: int
    """How often it answers. Not given: always; or once, if another follows on the same key."""
    after: Cause
    """The answer is held until this has come."""
    delay: float
    """The answer is held for so many seconds more."""
    cut: bool
    """No answer: the connection is cut."""
    optional: bool
    """It need not be used."""
    replace: bool
    """Instead of all that was preset on the same key."""


class Answer(Struct, frozen=True):
    """What is said to a request."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut: bool = False


class Key(Struct, frozen=True):
    """Which requests a preset is for."""

    method: str
    path: Text
    query: Fields
    body: Any
    headers: Fields

    def differences(self, asked: Asked) -> list[str]:
        """A line for each field in which a request differs from this; none: it is for this."""
        lines: list[str] = []
        if self.method != asked.method:
            lines.append(f"≠ method: asked {asked.method}, preset {self.method}")
        if not fits(self.path, asked.path):
            lines.append(f"≠ path: asked {asked.path}, preset {_path(self.path)}")
        lines += differences(self.query, asked.query, "query", text=True)
        lines += differences(self.headers, asked.headers, "headers", text=True)
        return lines + body_differences(self.body, asked.sent)

    @property
    def weight(self) -> tuple[bool, int]:
        """How specific it is."""
        exact = isinstance(self.path, str) and "*" not in self.path
        return exact, leaves(self.query) + leaves(self.headers) + leaves(self.body)

    def __str__(self) -> str:
        parts = [f"{self.method} {_path(self.path)}"]
        parts += [f"{name} {shown(value)}" for name, value in self._fields() if leaves(value)]
        return ", ".join(parts)

    def _fields(self) -> list[tuple[str, Any]]:
        return [("query", self.query), ("body", self.body), ("headers", self.headers)]


class Preset:
    """An answer that waits for its request. As a cause: it has answered."""

    def __init__(self, key: Key, answer: Answer, options: Options) -> None:
        self.key, self.answer = key, answer
        self.times = options.get("times")
        self.after, self.delay = options.get("after"), options.get("delay", 0.0)
        self.optional = options.get("optional", False)
        self.used = 0

    def caused_by(self, entry: Entry) -> bool:
        """It has answered."""
        return isinstance(entry, Answered) and entry.asked.matched is self


class Api:
    """A host's REST side. Made by `Stub.http`."""

    def __init__(self, host: str, journal: Journal) -> None:
        self.host, self.url = host, ""
        self._real, self._journal = "", journal
        self._presets: list[list[Preset]] = []
        self._through: httpx.AsyncClient | None = None
        self.held: list[Asked] = []
        """Asked, and the answer waits for a cause that has not come."""
        self.unmatched: list[str] = []
        """What nobody was preset for, with the nearest preset, for people."""

    def respond(self, method: str, path: Text, **options: Unpack[Options]) -> Preset:
        """Preset an answer. Of several that fit the most specific answers; on one key they take turns.

        *path* may be a pattern, or have a `*` in it, or a query at its end. Raises `ValueError` for what is
        no path, and for an answer that HTTP does not have.
        """
        check_cause(options.get("after"))
        key, answer = _key(method, path, options), _answer(options)
        preset = Preset(key, answer, options)
        turns = next((turns for turns in self._presets if turns[0].key == key), None)
        if turns is None:
            self._presets.append([preset])
        elif options.get("replace"):
            turns[:] = [preset]
        else:
            turns.append(preset)
        return preset

    def unused(self) -> list[str]:
        """Presets that are not optional and answered less often than they were to, for people."""
        return [
            f"{preset.key} at {self.host}: used {preset.used} of {preset.times or 1} times"
            for turns in self._presets
            for preset in turns
            if not preset.optional and preset.used < (preset.times or 1)
        ]

    async def answer(self, asked: Asked) -> tuple[Asked, Answer]:
        """What to say to a request, when it is time to."""
        preset = self._find(asked)
        if preset is None and self._real:
            asked = msgspec.structs.replace(asked, passed=True)
            self._journal.add(asked)
            return asked, await self._pass_on(asked)
        asked = msgspec.structs.replace(asked, matched=preset)
        self._journal.add(asked)
        if preset is None:
            await trio.lowlevel.checkpoint()
            return asked, self._miss(asked)
        if preset.after:
            self.held.append(asked)
            await self._journal.seen(preset.after)
            self.held.remove(asked)
        await trio.sleep(preset.delay)
        return asked, preset.answer

    def _find(self, asked: Asked) -> Preset | None:
        fitting = [turns for turns in self._presets if not turns[0].key.differences(asked)]
        for turns in sorted(fitting, key=lambda turns: turns[0].key.weight, reverse=True):
            if preset := turn_of(turns):
                preset.used += 1
                return preset
        return None

    def _miss(self, asked: Asked) -> Answer:
        """Say it to the client, and to the test at its end."""
        keys = [turns[0].key for turns in self._presets]
        lines = ["nothing is preset for this host"]
        if keys:
            nearest = min(keys, key=lambda key: _distance(key, asked))
            differ = nearest.differences(asked) or ["it has been used as often as it may be"]
            lines = [f"nearest: {nearest}", *differ]
        self.unmatched.append("\n      ".join([str(asked), *lines]))
        said = {"error": "no preset of this stub is for this request", "request": str(asked)}
        body = msgspec.json.encode(said | {"nearest": lines})
        return Answer(UNMATCHED, (("content-type", "application/json"),), body)

    def pass_through(self, real: str) -> None:
        """Let what is unmatched through to the real origin, from now on. Raises `Refused`."""
        if mocking():
            raise Refused(f"{MOCK} is set: nothing is passed through to {real}")
        self._real = real

    async def _pass_on(self, asked: Asked) -> Answer:
        if self._through is None:
            self._through = httpx.AsyncClient(trust_env=False)
        headers = {name: text for name, text in asked.headers.items() if name not in HOP}
        url = self._real + asked.target
        try:
            got = await self._through.request(
                asked.method, url, headers=headers, content=asked.sent.raw
            )
        except httpx.TransportError as error:
            return Answer(502, body=f"{url}: {error!r}".encode())
        kept = [(name, text) for name, text in got.headers.multi_items() if name not in HOP]
        return Answer(got.status_code, tuple(kept), got.content)

    async def aclose(self) -> None:
        """Hang up on the real host."""
        if self._through:
            await self._through.aclose()


def _key(method: str, path: Text, options: Options) -> Key:
    query = dict(options.get("query", {}))
    if isinstance(path, str):
        parts = urlsplit(path)
        if not path.startswith(("/", "*")):
            raise ValueError(f"{path!r} is no path of a URL: it begins with a /")
        path, query = parts.path or "/", {**read_fields(parts.query), **query}
    headers = {name.lower(): text for name, text in options.get("sent_headers", {}).items()}
    return Key(method.upper(), path, query, options.get("body", NOTHING), headers)


def _answer(options: Options) -> Answer:
    content = options.get("content", b"")
    body = content.encode() if isinstance(content, str) else content
    headers = {name.lower(): text for name, text in options.get("headers", {}).items()}
    if "json" in options:
        body = msgspec.json.encode(options["json"])
        headers.setdefault("content-type", "application/json")
    status = options.get("status", 200)
    try:
        h11.Response(status_code=status, headers=[*headers.items()])
    except h11.LocalProtocolError as error:
        raise ValueError(f"HTTP has no such answer: {error}") from None
    return Answer(status, tuple(headers.items()), body, options.get("cut", False))


def _distance(key: Key, asked: Asked) -> int:
    """A wrong path is worse than a wrong method, and that than a wrong field."""
    alike = SequenceMatcher(None, asked.path, _path(key.path)).ratio()
    path = 0 if fits(key.path, asked.path) else 100 - int(50 * alike)
    return path + (0 if key.method == asked.method else 10) + len(key.differences(asked))


def _path(path: Text) -> str:
    return f"/{path.pattern}/" if isinstance(path, re.Pattern) else path
