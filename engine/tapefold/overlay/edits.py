"""What is to be different: `[[edit]]`, `[[expect]]` and `[[forget]]` of a TOML file, or built in Python."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from tapefold.errors import SessionError

EDITS_MAX: Final = 1 << 24
"""Bytes of a file of edits: one whole frame fits in."""
DELAY_MAX: Final = 7 * 24 * 3600
"""Seconds: no tape is a week long."""
REPEAT_MAX: Final = 10_000
"""How often a frame may come: more is a test of patience, and fills the disk."""
HTTP_CODES: Final = 1000
"""Below it the code of a close is the HTTP status with which a handshake was refused."""
CUT: Final = 1006
"""The code of a close that was none: the connection was cut, or never came up."""
Verb: TypeAlias = Literal["answer", "fail", "drop", "text", "close", "delay", "repeat"]
Where: TypeAlias = Literal["request", "recv", "close", "opened"]
_VERBS: Final[dict[Where, tuple[Verb, ...]]] = {
    "request": ("answer", "fail", "drop", "delay"),
    "recv": ("drop", "text", "close", "delay", "repeat"),
    "close": ("drop", "close", "delay"),
    "opened": ("drop", "close", "delay"),
}
_OF_LANES: Final[tuple[Where, ...]] = ("recv", "close", "opened")
_ALL: Final[tuple[Verb, ...]] = ("answer", "fail", "drop", "text", "close", "delay", "repeat")
_Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=DELAY_MAX)]
_T = TypeVar("_T")
_Times: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Place(NamedTuple):
    """Which lines of a tape an `on` means."""

    kind: Where
    name: str
    """Of a request `GET /path`; else the pattern of a lane's URL, in which * is anything."""


def place(on: str) -> Place:
    """What an `on` means. Raises `ValueError`."""
    if re.fullmatch(r"[A-Z]+ /[^\s?#]*", on):
        return Place("request", on)
    url, _, word = on.rpartition(" ")
    for kind in _OF_LANES:
        if word == kind and re.fullmatch(r"\S+", url):
            return Place(kind, url)
    raise ValueError(
        f"{on!r} is neither a request, `GET /path` without a query, nor lines of a lane,"
        " `wss://host/* recv`, `... close` or `... opened`"
    )


def _check_pattern(where: str) -> None:
    try:
        re.compile(where)
    except re.error as error:
        raise ValueError(f"where = {where!r} is no regular expression: {error}") from error


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered over HTTP."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    body: str = ""
    """`@2` is the body of the recorded answer to request 2; its headers come with it."""
    headers: dict[str, str] = {}


class Cut(Struct, frozen=True, forbid_unknown_fields=True):
    """How an exchange hangs up."""

    code: Annotated[int, msgspec.Meta(ge=100, lt=2**16)]
    """Of RFC 6455; 1006: cut. Of `opened` the HTTP status with which the handshake is refused."""
    reason: str = ""


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens otherwise: where, and exactly one verb. Raises `ValueError` for none and for two."""

    on: str
    """`GET /path`, or the pattern of a lane's URL and a kind: `wss://* recv`, `close` or `opened`."""
    where: str = ""
    """A regular expression on the line's text: of a request its URL and, after a space, its body."""
    nth: Annotated[int, msgspec.Meta(ge=0)] = 1
    """Which of those that match; 0: all of them."""
    answer: Reply | None = None
    """The request is answered so."""
    fail: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    """The request gets no answer; this is why, such as `ReadTimeout`."""
    drop: bool = False
    """The frame never comes; of a request its answer; of `opened` all that follows in its lane."""
    text: str | None = None
    """The frame says this."""
    close: Cut | None = None
    """The exchange hangs up instead: nothing follows in the lane."""
    delay: _Seconds | None = None
    """Seconds by which it comes later; what follows in its lane waits for it."""
    repeat: Annotated[int, msgspec.Meta(ge=2, le=REPEAT_MAX)] | None = None
    """How often the frame comes in all."""
    effects: Literal["keep", "drop"] = "keep"
    """Of a request. drop: no later frame comes that names an id of it or of its recorded answer."""

    def __post_init__(self) -> None:
        """Refuse what would do nothing, or what no line can do."""
        kind, verb = place(self.on).kind, self.verb
        _check_pattern(self.where)
        if verb not in _VERBS[kind]:
            raise ValueError(f"no {verb} on {self.on!r}: there it is {_either(_VERBS[kind])}")
        if self.effects == "drop" and kind != "request":
            raise ValueError(f"no effects on {self.on!r}: they are a request's")
        if self.close and self.close.code != CUT:
            _check_code(self.close.code, kind)

    @property
    def verb(self) -> Verb:
        """The one thing that it does. Raises `ValueError` where there is none or several."""
        found: list[Verb] = [name for name in _ALL if getattr(self, name) not in (None, False)]
        if len(found) != 1:
            what = " and ".join(found) or "nothing is to happen"
            raise ValueError(f"{what}: an edit has exactly one of {', '.join(_ALL)}")
        return found[0]


def _check_code(code: int, kind: Where) -> None:
    if kind == "opened" and code >= HTTP_CODES:
        raise ValueError(f"code = {code}: a handshake is refused with an HTTP status")
    if kind != "opened" and code < HTTP_CODES:
        raise ValueError(f"code = {code}: a lane that is open closes with 1000 or more")


def _either(verbs: tuple[Verb, ...]) -> str:
    return f"{', '.join(verbs[:-1])} or {verbs[-1]}"


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Client traffic that the edits call forth, and what it is told."""

    request: str
    """`GET /path?query`, as it is asked. With the whole URL where the tape has two hosts."""
    answer: Reply
    times: tuple[_Times, _Times] = (1, 1)
    """The least and the most; a most of 0: as often as it likes."""
    at: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Where on the tape, in seconds since its start; None: at its end."""

    def __post_init__(self) -> None:
        """Refuse what is no request."""
        if not re.fullmatch(r"[A-Z]+ (https?://[^\s/?#]+)?/[^\s#]*", self.request):
            raise ValueError(f"{self.request!r} is no request, such as `GET /path?query`")
        least, most = self.times
        if most and least > most:
            raise ValueError(f"times = [{least}, {most}]: the least comes first")


class Forget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recorded requests that need not come any more, all that match; their answers go with them."""

    on: str
    """`GET /path`"""
    where: str = ""
    """A regular expression on the URL and, after a space, the body."""

    def __post_init__(self) -> None:
        """Refuse what is no request."""
        _check_pattern(self.where)
        if place(self.on).kind != "request":
            raise ValueError(f"{self.on!r} is no request, `GET /path`: only those are forgotten")


class Edits(Struct, frozen=True):
    """All that is to be different. Edits are done one after the other, each on what the last one left."""

    edit: Sequence[Edit] = ()
    expect: Sequence[Expect] = ()
    forget: Sequence[Forget] = ()
    file: str = ""
    """Where they were read from; errors begin with it."""


class _Lists(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file has, not yet looked at."""

    edit: Sequence[dict[str, Any]] = ()
    expect: Sequence[dict[str, Any]] = ()
    forget: Sequence[dict[str, Any]] = ()


def read_edits(path: Path | str) -> Edits:
    """A TOML file of edits. Raises `SessionError`, naming the file and the key."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(EDITS_MAX + 1)
    except OSError as error:
        raise SessionError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > EDITS_MAX:
        raise SessionError(f"{path} is longer than {EDITS_MAX} bytes")
    try:
        lists = msgspec.toml.decode(data, type=_Lists)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
        raise SessionError(f"{path} cannot be read: {error}") from error
    return Edits(
        _read(path, "edit", lists.edit, Edit),
        _read(path, "expect", lists.expect, Expect),
        _read(path, "forget", lists.forget, Forget),
        str(path),
    )


def _read(path: Path | str, what: str, rows: Iterable[object], kind: type[_T]) -> list[_T]:
    """One of the lists. An error says which of its rows it is about, which msgspec would not."""
    made: list[_T] = []
    for number, row in enumerate(rows, 1):
        try:
            made.append(msgspec.convert(row, kind))
        except ValueError as error:
            raise SessionError(f"{path}, {what} {number}: {error}") from error
    return made
