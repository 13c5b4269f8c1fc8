"""The tape: one line a moment, `[ns since start, lane, kind, data]`, in the order of the client.

| kind       | lane         | data                                                             |
|------------|--------------|------------------------------------------------------------------|
| `command`  | `engine`     | what the caller told the engine, and who the caller was          |
| `open`     | `binance/1`  | `{"url"}`: the client dials                                      |
| `opened`   |              | `{}`: the handshake is done                                      |
| `sent`     |              | a frame of the client                                            |
| `recv`     |              | a frame of the exchange                                          |
| `close`    |              | `{"by", "code", "reason"}`: by `client` or `exchange`            |
| `request`  | `binance/http` | `{"n", "method", "url", "headers"?, "body"?}`, unsigned        |
| `response` |              | `{"n", "status"}`; the whole is the one with this n in http.yaml |
| `failed`   |              | `{"n", "error"}`: no answer came                                 |

A text frame that is one JSON object or array on one line stands in the line as it is, byte for byte;
other text is a JSON string; a binary frame is a base64 string, and its line has a fifth element,
"base64". So has text which as a JSON string would be longer than a line may be. A close has code 1006
where the connection was cut or never came up, and below 1000 the HTTP status with which its handshake
was refused. The client's lines are written before their bytes leave, the exchange's before the client
sees them, so no effect stands above its cause.
"""

import base64
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from tapefold.adapter import Close, Command, Frame, Incoming, Open, Outgoing, Request, Send
from tapefold.session.files import LINE_MAX
from tapefold.units import Nanos

Kind: TypeAlias = Literal[
    "command", "open", "opened", "sent", "recv", "close", "request", "response", "failed"
]
TAPE: Final = "tape.jsonl"
PACKED: Final = "tape.jsonl.zst"
ENGINE: Final = "engine"
"""The lane of commands."""
FRAME_ROOM: Final = LINE_MAX - (1 << 16)
"""Bytes of a line's frame, quotes and escapes included; what stands around it is far under 64 KiB."""


class Line(Struct, array_like=True, frozen=True, gc=False):
    """One line, as it stands there."""

    at: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    """Nanoseconds since the session's start."""
    lane: str
    kind: Kind
    data: Raw
    coding: Literal["", "base64"] = ""
    """Of a frame: it came as a binary message, was no text, or too long a text."""


class Opened(Struct, frozen=True):
    """Data of `open`."""

    url: str


class Closed(Struct, frozen=True):
    """Data of `close`."""

    by: Literal["client", "exchange"]
    code: Annotated[int, msgspec.Meta(ge=0, lt=2**16)]
    reason: str = ""


class Asked(Struct, frozen=True, omit_defaults=True):
    """Data of `request`."""

    n: int
    method: str
    url: str
    headers: dict[str, str] = {}
    body: str = ""


class Answered(Struct, frozen=True):
    """Data of `response`."""

    n: int
    status: Annotated[int, msgspec.Meta(ge=0, lt=1000)]


class Failed(Struct, frozen=True):
    """Data of `failed`."""

    n: int
    error: str


read_line = msgspec.json.Decoder(Line).decode
read_command = msgspec.json.Decoder(Command).decode
read_answered = msgspec.json.Decoder(Answered).decode
read_failed = msgspec.json.Decoder(Failed).decode
read_asked = msgspec.json.Decoder(Asked).decode
read_closed = msgspec.json.Decoder(Closed).decode
_text = msgspec.json.Decoder(str).decode
_raw = msgspec.json.Decoder(Raw).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def frame_data(line: Line) -> bytes:
    """The bytes of a frame that a line holds. Raises `ValueError`."""
    data = bytes(line.data)
    if data[:1] != b'"':
        return data
    text = _text(data)
    return base64.b64decode(text, validate=True) if line.coding else text.encode()


def embed(data: bytes, *, binary: bool = False) -> tuple[bytes, str]:
    """A frame as a line holds it: its element, and its coding. `frame_data` gives back the same bytes.

    A control character takes six bytes in JSON. Text that comes to more than a line may hold is written
    as a binary frame is, since one frame must not make a whole recording unreadable.
    """
    text = None if binary else _written(data)
    if text is not None and len(text) <= FRAME_ROOM:
        return text, ""
    return b'"' + base64.b64encode(data) + b'"', "base64"


def _written(data: bytes) -> bytes | None:
    """Text as JSON: as it is where it is some, else as a string; None for what is no text."""
    if data[:1] in (b"{", b"[") and b"\n" not in data and b"\r" not in data:
        try:
            if bytes(_raw(data)) == data:
                return data
        except (msgspec.DecodeError, RecursionError):
            pass
    try:
        return _encode(data.decode())
    except UnicodeDecodeError:
        return None


def said(out: Outgoing) -> tuple[str, Kind, bytes]:
    """What the kernel asked for, as its line has it: lane, kind and data."""
    match out:
        case Open():
            return out.lane, "open", _encode(Opened(out.url))
        case Send():
            text = _written(out.text.encode())
            assert text is not None
            return out.lane, "sent", text
        case Close():
            return out.lane, "close", _encode(Closed("client", out.code, out.reason))
        case Request():
            asked = Asked(out.n, out.method, out.url, out.headers, out.body)
            return out.lane, "request", _encode(asked)


def heard(frame: Frame) -> tuple[str, Incoming, bytes, str]:
    """What came in, as its line has it: lane, kind, data and coding."""
    data, coding = b"{}", ""
    match frame.kind:
        case "recv":
            data, coding = embed(frame.data, binary=frame.binary)
        case "close":
            data = _encode(Closed("exchange", frame.status, frame.reason))
        case "response":
            assert frame.request is not None
            data = _encode(Answered(frame.request.n, frame.status))
        case "failed":
            assert frame.request is not None
            data = _encode(Failed(frame.request.n, frame.reason))
        case "opened":
            pass
    return frame.lane, frame.kind, data, coding


def told(command: Command) -> bytes:
    """A command, as its line has it: without what is by itself as it is.

    By its value, so that equal commands are equal lines: msgspec goes by identity, and a text that came
    from another process or a parser is another object.
    """
    fields = msgspec.structs.fields(command)
    values = {field.encode_name: getattr(command, field.name) for field in fields}
    said = {f.encode_name: v for f in fields if (v := values[f.encode_name]) != f.default}
    return _encode({"command": command.__struct_config__.tag, **said})


def to_line(at: Nanos, lane: str, kind: str, data: bytes, coding: str = "") -> bytes:
    """A whole line with its end. *data* is JSON; it is put in as it is."""
    head = _encode((at, lane, kind))[:-1]
    tail = b"," + _encode(coding) if coding else b""
    return b"".join((head, b",", data, tail, b"]\n"))
