"""http.yaml: what came over HTTP, as a cassette that plain vcrpy reads.

It is only ever appended to, one interaction at a time, each followed by the line `# end`: a kill
costs the last one at most. It is read the same way, so memory holds one answer and not all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import msgspec

from tapefold.errors import SessionError
from tapefold.session.files import FRAME_MAX, open_plain
from tapefold.session.unpacked import unpacked

if TYPE_CHECKING:
    from tapefold.session.plain_yaml import Node

NAME: Final = "http.yaml"
HEAD: Final = b"version: 1\ninteractions:\n"
END: Final = b"# end\n"
RETRY_AFTER: Final = "retry-after"
ITEM_MAX: Final = 4 * FRAME_MAX
"""Bytes of one interaction; also of a whole cassette that has no `# end` lines."""


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

    def _items(self) -> "Iterator[Node]":
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

    def _whole(self, data: bytes) -> "Sequence[Node]":
        if len(data) > ITEM_MAX:
            raise SessionError(f"{self._path}: more than {ITEM_MAX} bytes, and not by tapefold")
        top = self._parse(data)
        items = top.get("interactions") if isinstance(top, dict) else None
        if not isinstance(items, list):
            raise SessionError(f"{self._path} is no cassette: it has no list of interactions")
        return items

    def _list(self, data: bytes) -> "Sequence[Node]":
        items = self._parse(data)
        if not isinstance(items, list):
            raise SessionError(f"{self._path}: something that is no list of interactions")
        return items

    def _parse(self, data: bytes) -> "Node":
        # PyYAML takes longer to import than the rest of this room, and not every session is read so far.
        from tapefold.session.plain_yaml import parsed

        try:
            return parsed(data)
        except (ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())
            raise SessionError(f"{self._path} cannot be read: {problem}") from error


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
