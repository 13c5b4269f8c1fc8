"""HTTP out of a session: the answers of http.yaml, each when its moment on the tape has come."""

import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

import httpx
import msgspec
import trio
import yaml

from tapefold.errors import Mismatch, SessionError
from tapefold.mock.clock import TapeClock
from tapefold.mock.part import Part
from tapefold.mock.timeline import Answer, HttpRequest
from tapefold.session.cassette import NAME
from tapefold.session.files import open_plain
from tapefold.wire.seams import RECEIVED_NS

CASSETTE_MAX: Final = 1 << 30
"""Bytes of a cassette: it is in memory as a whole."""
BODY_MAX: Final = 1 << 28
"""Bytes of a body that vcrpy, or a person, has left compressed."""
_ERRORS: Final[dict[str, type[httpx.TransportError]]] = {
    kind.__name__: kind
    for kind in vars(httpx).values()
    if isinstance(kind, type) and issubclass(kind, httpx.TransportError)
}
_END: Final = "\n# end\n"
_FRAMING: Final = ("content-encoding", "content-length", "transfer-encoding")
"""Headers about bytes on a connection that is no more: bodies are decoded here, or were before."""
_GZIP: Final = b"\x1f\x8b"


class _Status(msgspec.Struct):
    code: int


class _Body(msgspec.Struct):
    string: bytes | None = None


class _Response(msgspec.Struct):
    status: _Status
    body: _Body | None = None
    headers: dict[str, list[str] | str] | None = None
    n: int = 0
    """Of the request; 0 where vcrpy or a person wrote the cassette, and the order tells."""


def load_answers(folder: Path, *, cut: bool = False) -> dict[int, Answer]:
    """The answers in a session's cassette, by the number of their request; read by vcrpy.

    Raises `SessionError`. What a kill tore off is left out; *cut*: that may be the only one there is.
    """
    path = folder / NAME
    if not path.exists() and not path.is_symlink():
        return {}
    with open_plain(path) as file:
        data = file.read(CASSETTE_MAX + 1)
    if len(data) > CASSETTE_MAX:
        raise SessionError(f"{path}: more than {CASSETTE_MAX} bytes")
    whole, end, _ = data.decode(errors="replace").rpartition(_END)
    try:
        return dict(_answers(whole + end if end else data.decode()))
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        if cut and not end:
            return {}
        problem = " ".join(str(error).split())
        raise SessionError(f"{path} cannot be read: {problem}") from error


def _answers(text: str) -> Iterator[tuple[int, Answer]]:
    # vcrpy takes a tenth of a second to import, and most of what imports this never needs it.
    deserialize = import_module("vcr.serialize").deserialize
    asked: Sequence[Any]
    found: Sequence[Any]
    asked, found = deserialize(text, import_module("vcr.serializers.yamlserializer"))[:2]
    responses = msgspec.convert(found, list[_Response])
    for ordinal, (sent, response) in enumerate(zip(asked, responses, strict=True), 1):
        headers = [
            (name, value)
            for name, values in (response.headers or {}).items()
            for value in ([values] if isinstance(values, str) else values)
            if name.lower() not in _FRAMING
        ]
        body = (response.body and response.body.string) or b""
        answer = Answer(response.status.code, headers, _plain(body, response), _asked(sent))
        yield response.n or ordinal, answer


def _asked(sent: Any) -> HttpRequest:
    """A request of vcrpy's."""
    body: bytes = sent.body or b""
    headers = {str(name): str(value) for name, value in sent.headers.items()}
    return sent.method, sent.uri, headers, body.decode(errors="replace")


def _plain(body: bytes, response: _Response) -> bytes:
    """A body as a client reads it. Raises `ValueError` for one that is too long, or torn."""
    codings = [
        coding
        for name, values in (response.headers or {}).items()
        for coding in ([values] if isinstance(values, str) else values)
        if name.lower() == "content-encoding"
    ]
    if codings != ["gzip"] or not body.startswith(_GZIP):
        return body  # tapefold keeps them decoded, and vcrpy does if it is asked to
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(body, BODY_MAX)
    except zlib.error as error:
        raise ValueError(f"a body that is no gzip: {error}") from error
    if not inflate.eof:
        raise ValueError(f"a gzip body that is torn, or longer than {BODY_MAX} bytes")
    return plain


class CassetteTransport(httpx.AsyncBaseTransport):
    """Answers what is on the tape. Nothing of vcrpy is patched, and nothing is ever connected to."""

    def __init__(self, part: Part, clock: TapeClock, turn: Callable[[], Awaitable[None]]) -> None:
        self._part, self._clock, self._turn = part, clock, turn

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The recorded answer, when it is due. Raises as httpx does: what was recorded, or no match."""
        if self._part.score.failure:
            await trio.lowlevel.checkpoint()  # who tries again and again is cancelled here
        body = (await request.aread()).decode(errors="replace")
        lines: list[int] = []
        ready = trio.Event()

        def hand(line: int) -> None:
            lines.append(line)
            ready.set()

        asked = request.method, str(request.url), dict(request.headers), body
        try:
            number = self._part.request(asked, hand)
        except Mismatch as error:
            first = str(error).partition("\n")[0]
            raise httpx.ConnectError(f"mock mode: {first}", request=request) from error
        try:
            await ready.wait()
            if number is None:
                await self._turn()
        except trio.Cancelled:
            self._give_up(number)
            raise
        return self._reply(lines[0], request, free=number is None)

    def _give_up(self, number: int | None) -> None:
        """The client waits no longer: it does so where it did it on the tape, or by itself."""
        line = None if number is None else self._part.gave_up(number)
        timeline = self._part.timeline
        if line is not None and timeline.lines[line].kind == "failed":
            self._clock.expect(timeline.lines[line].lane, timeline.time(line))

    def _reply(self, line: int, request: httpx.Request, *, free: bool) -> httpx.Response:
        timeline, ids = self._part.timeline, self._part.score.ids
        number, lane = timeline.numbers[line], timeline.lines[line].lane
        if number in timeline.failed:
            raise _as_recorded(timeline.failed[number], request)
        status, headers, body, _ = timeline.answers[number]
        if ids.rewrites(lane):
            text = ids.rewrite(body.decode(errors="surrogateescape"), lane)
            body = text.encode(errors="surrogateescape")
        extensions = {} if free else {RECEIVED_NS: timeline.time(line)}
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        return httpx.Response(
            status, headers=pairs, content=body, extensions=extensions, request=request
        )


def _as_recorded(name: str, request: httpx.Request) -> Exception:
    """The error by the name that it had. One that no library has any more is made anew."""
    if name == "TooSlow":
        return trio.TooSlowError(name)
    kind = _ERRORS.get(name)
    if kind is None:
        kind = cast("type[httpx.TransportError]", type(name, (httpx.TransportError,), {}))
    return kind(name, request=request)
