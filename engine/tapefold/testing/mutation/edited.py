"""A session some of whose frames and answers say something else, in memory: nothing is written."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from tapefold.session import Line, Session
from tapefold.session.cassette import Answer, Cassette
from tapefold.session.tape import embed, read_answered

NOTHING: Final[Mapping[int, bytes]] = {}


class Edited(Session):
    """The same session, but for what was received on these lines.

    A line of a received frame has that frame instead, and one of an answer that body.
    """

    def __init__(self, session: Session, changes: Mapping[int, bytes] = NOTHING) -> None:
        """*changes* is by the tape's lines, from 1. Raises `SessionError` where it cannot be read."""
        super().__init__(session.folder)
        self._session, self._changes = session, changes
        lines = islice(enumerate(session.lines(), 1), max(changes, default=0))
        self._bodies = {
            read_answered(line.data).n: changes[number]
            for number, line in lines
            if line.kind == "response" and number in changes
        }

    def lines(self) -> Iterator[Line]:
        """Each line of the tape, in order, with what is changed on it. Raises `SessionError`."""
        for number, line in enumerate(self._session.lines(), 1):
            data = self._changes.get(number)
            if data is None or line.kind != "recv":
                yield line
            else:
                raw, coding = embed(data)
                yield msgspec.structs.replace(line, data=msgspec.Raw(raw), coding=coding)

    def cassette(self) -> Cassette:
        """What came over HTTP, with the bodies that are changed."""
        return _Edited(self, self._session.cassette(), self._bodies)


class _Edited(Cassette):
    def __init__(self, session: Session, recorded: Cassette, bodies: Mapping[int, bytes]) -> None:
        super().__init__(session.folder, sealed=session.meta.sealed)
        self._recorded, self._bodies = recorded, bodies

    def find(self, n: int) -> Answer | None:
        answer, body = self._recorded.find(n), self._bodies.get(n)
        return answer if answer is None or body is None else answer._replace(body=body)
