"""http.yaml: what came over HTTP, as a cassette that plain vcrpy reads.

It is only ever appended to, one interaction at a time, each followed by the line `# end`: a kill
costs the last one at most. It is read the same way, so memory holds one answer and not all of them.
Reading builds strings, lists and mappings from YAML's events and nothing else: no tags, no aliases.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

import msgspec
import yaml

from tapefold.adapter import Frame
from tapefold.errors import SessionError
from tapefold.session.files import FRAME_MAX, open_plain
from tapefold.session.unpacked import unpacked

NAME: Final = "http.yaml"
HEAD: Final = b"version: 1\ninteractions:\n"
END: Final = b"# end\n"
RETRY_AFTER: Final = "retry-after"
ITEM_MAX: Final = 4 * FRAME_MAX
"""Bytes of one interaction; also of a whole cassette that has no `# end` lines."""
DEPTH_MAX: Final = 16
"""How deep an interaction may be nested; a real one is 5 deep."""
_BINARY: Final = "tag:yaml.org,2002:binary"
_NULLS: Final = ("null", "Null", "NULL", "~")
_Node: TypeAlias = "str | bytes | list[_Node] | dict[str, _Node]"
_Inner: TypeAlias = "list[_Node] | dict[str, _Node]"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Answer(NamedTuple):
    """A response that came over HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]
    """By their names in lower case; what came several times is joined by commas.

    Without `content-encoding`: the body is unpacked.
    """

    @property
    def retry_after(self) -> int:
        """Seconds for which it asks to be left alone."""
        return retry_after(self.headers)


class _Status(msgspec.Struct):
    code: int


class _Body(msgspec.Struct):
    string: object
    """Text, or bytes where it is none."""


class _Response(msgspec.Struct):
    status: _Status
    body: _Body
    headers: object = None
    n: int = 0
    """Of the request; 0 where vcrpy or a person wrote the cassette, and the order tells."""


class _Interaction(msgspec.Struct):
    response: _Response


class Cassette:
    """The answers of one session, by the number of their request.

    Of a session that is not *sealed*, a beginning without its end was torn off by a kill.
    """

    def __init__(self, folder: Path, *, sealed: bool = True) -> None:
        self._path, self._sealed = folder / NAME, sealed
        self._rest = self._answers()
        self._ahead: dict[int, Answer] = {}

    def answer(self, n: int) -> Answer:
        """The answer to request *n*. Raises `SessionError` where there is none."""
        answer = self.find(n)
        if answer is None:
            raise SessionError(
                f"{self._path} has no answer to request {n}, which the tape says was answered"
            )
        return answer

    def find(self, n: int) -> Answer | None:
        """The answer to request *n*, which is given but once. Raises `SessionError`."""
        if n in self._ahead:
            return self._ahead.pop(n)
        for number, answer in self._rest:
            if number == n:
                return answer
            self._ahead[number] = answer
        return None

    def _answers(self) -> Iterator[tuple[int, Answer]]:
        for ordinal, item in enumerate(self._items(), 1):
            try:
                response = msgspec.convert(item, _Interaction, strict=False).response
            except (msgspec.ValidationError, RecursionError) as error:
                what = f"interaction {ordinal} is none of vcrpy's ({error})"
                raise SessionError(f"{self._path}: {what}") from error
            body = response.body.string
            if not isinstance(body, str | bytes):
                raise SessionError(
                    f"{self._path}: interaction {ordinal} has a body that is no text"
                )
            headers = dict(_headers(response.headers))
            try:
                data = unpacked(
                    body if isinstance(body, bytes) else body.encode(),
                    headers.pop("content-encoding", ""),
                )
            except ValueError as error:
                raise SessionError(f"{self._path}: interaction {ordinal} has {error}") from error
            yield response.n or ordinal, Answer(response.status.code, data, headers)

    def _items(self) -> Iterator[_Node]:
        """Interactions one by one; all at once where vcrpy or a person has written the file anew."""
        with open_plain(self._path) as file:
            head = file.read(len(HEAD))
            if head != HEAD:
                if not self._sealed and HEAD.startswith(head):
                    return
                yield from self._whole(head + file.read(ITEM_MAX))
                return
            text: list[bytes] = []
            size, ended = 0, False
            for line in iter(lambda: file.readline(ITEM_MAX), b""):
                if line == END:
                    yield from self._list(b"".join(text))
                    text, size, ended = [], 0, True
                    continue
                text.append(line)
                size += len(line)
                if size > ITEM_MAX:
                    raise SessionError(
                        f"{self._path}: an interaction of more than {ITEM_MAX} bytes"
                    )
            # What has no end was torn off by a kill, unless nothing has one: then somebody took
            # the comments out. A recorder writes no second interaction after one without an end.
            if text and not ended and (self._sealed or not first_only(text)):
                yield from self._list(b"".join(text))

    def _whole(self, data: bytes) -> Sequence[_Node]:
        if len(data) > ITEM_MAX:
            raise SessionError(f"{self._path}: more than {ITEM_MAX} bytes, and not by tapefold")
        top = self._parse(data)
        items = top.get("interactions") if isinstance(top, dict) else None
        if not isinstance(items, list):
            raise SessionError(f"{self._path} is no cassette: it has no list of interactions")
        return items

    def _list(self, data: bytes) -> Sequence[_Node]:
        items = self._parse(data)
        if not isinstance(items, list):
            raise SessionError(f"{self._path}: something that is no list of interactions")
        return items

    def _parse(self, data: bytes) -> _Node:
        try:
            return _build(data)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = " ".join(str(getattr(error, "problem", None) or error).split())
            raise SessionError(f"{self._path} cannot be read: {problem}") from error


def _build(data: bytes) -> _Node:
    """Plain data from YAML's events. Raises `ValueError` for what a cassette has no use for."""
    stack: list[tuple[_Inner, list[str]]] = [([], [])]
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias, which no cassette needs")  # noqa: TRY004 - the file is wrong
        if isinstance(event, yaml.CollectionEndEvent):
            node, _ = stack.pop()
            _put(stack, node)
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append(({} if isinstance(event, yaml.MappingStartEvent) else [], []))
            if len(stack) > DEPTH_MAX:
                raise ValueError("nested too deep")
        elif isinstance(event, yaml.ScalarEvent):
            _put(stack, _scalar(event))
    top = stack[0][0]
    if not isinstance(top, list) or len(top) != 1:
        raise ValueError("not one document")
    return top[0]


def _put(stack: list[tuple[_Inner, list[str]]], node: _Node) -> None:
    inner, keys = stack[-1]
    if isinstance(inner, list):
        inner.append(node)
    elif keys:
        inner[keys.pop()] = node
    elif not isinstance(node, str):
        raise ValueError("a key that is no text")
    else:
        keys.append(node)


def _scalar(event: yaml.ScalarEvent) -> str | bytes:
    if event.tag == _BINARY:
        try:
            return base64.b64decode(event.value)
        except binascii.Error as error:
            raise ValueError("binary data that is no base64") from error
    if event.tag not in (None, "!"):
        raise ValueError(f"a tag, {event.tag}, which no cassette needs")
    # Whether it is a plain word: of that the parser in C says another style than the one in Python.
    return "" if event.implicit[0] and event.value in _NULLS else str(event.value)


def _headers(value: object) -> Iterator[tuple[str, str]]:
    """Of headers as a cassette has them what can be read: `{name: [value, ...]}` or `{name: value}`."""
    rows = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    for name, inner in rows.items():
        values = cast("list[object]", inner) if isinstance(inner, list) else [inner]
        yield name.lower(), ", ".join(each for each in values if isinstance(each, str))


def retry_after(headers: Mapping[str, str]) -> int:
    """Seconds that *headers*, in lower case, ask to be left alone; 0 for a date and for nonsense."""
    text = headers.get(RETRY_AFTER, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def first_only(lines: Sequence[bytes]) -> bool:
    """Whether there is but one interaction in these lines of a cassette, or not even that."""
    return sum(line.startswith(b"- ") for line in lines) < 2


def interaction(frame: Frame, headers: Mapping[str, str] = {}) -> bytes:
    """What a `response` says, as an item of a cassette's list, with its end.

    *headers* are the response's, by names in lower case. Of `retry-after` it says what the frame says,
    since that is what the kernel goes by.
    """
    request = frame.request
    assert request is not None
    try:
        body: str | bytes = frame.data.decode()
    except UnicodeDecodeError:
        body = frame.data
    if frame.retry_after != retry_after(headers):
        headers = {**headers, RETRY_AFTER: str(frame.retry_after)}
    headed: dict[str, dict[str, object]] = {
        "request": {
            "method": request.method,
            "uri": request.url,
            "body": request.body,
            "headers": {name: [value] for name, value in request.headers.items()},
        },
        "response": {
            "n": request.n,
            "status": {"code": frame.status, "message": ""},
            "headers": {name: [value] for name, value in headers.items()},
        },
    }
    text = _dumped(headed, body)
    # A control character takes four bytes. Bytes are written in base64, and so a frame always fits.
    return (text if len(text) <= ITEM_MAX else _dumped(headed, frame.data)) + END


def _dumped(headed: Mapping[str, dict[str, object]], body: str | bytes) -> bytes:
    """An interaction as an item of a list."""
    response = {**headed["response"], "body": {"string": body}}
    text: str = yaml.dump(
        [{**headed, "response": response}],
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 30,
    )
    return text.encode()
