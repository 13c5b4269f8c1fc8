"""Session + edits = session: the new folder."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tapefold.adapter import Frame, Free, Taping
from tapefold.errors import SessionError
from tapefold.overlay.draft import Draft
from tapefold.overlay.edits import Edits
from tapefold.overlay.expected import expect, merged
from tapefold.overlay.verbs import edit, forget
from tapefold.session import Meta, Session, new_session, write_start
from tapefold.session.cassette import HEAD
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.interactions import interaction
from tapefold.session.meta import write_meta
from tapefold.session.tape import TAPE, read_answered

_SEAL: Final = ("sealed", "counts", "digests", "tape_sha256")


def overlay(
    session: Session,
    edits: Edits,
    folder: Path,
    *,
    tapings: Mapping[str, Taping] | None = None,
) -> Session:
    """Write *session* with these *edits* into the new *folder*: a session that is not sealed.

    It has no digests to reach. Edits come first, then what is forgotten, then what is expected.
    *tapings*, by exchange, stand for what adapters declare. The whole tape is held in memory.
    Raises `SessionError` where an edit hits nothing, where *folder* is there already and where
    *session* cannot be read; `Refused` where the folder cannot be written; `AdapterError`.
    """
    draft, free = Draft(session), list[Free]()
    for number, change in enumerate(edits.edit, 1):
        with _named(edits, f"edit {number}"):
            edit(draft, change, tapings or {})
    for number, gone in enumerate(edits.forget, 1):
        with _named(edits, f"forget {number}"):
            forget(draft, gone)
    for number, new in enumerate(edits.expect, 1):
        with _named(edits, f"expect {number}"):
            rule = expect(draft, new)
            free += [rule] if rule else []
    with new_session(folder) as work:
        _write(work, draft, free)
    return Session(folder)


@contextmanager
def _named(edits: Edits, what: str) -> Generator[None]:
    """That an error says which of the edits it is about."""
    try:
        yield
    except SessionError as error:
        where = f"{edits.file}, {what}" if edits.file else what
        raise SessionError(f"{where}: {error}") from error


def _write(work: Path, draft: Draft, free: Sequence[Free]) -> None:
    write_meta(work, _unsealed(draft.session.meta, free))
    with (work / TAPE).open("xb") as tape:
        tape.writelines(row.text + b"\n" for row in draft.rows)
    if start := draft.session.start():
        write_start(work, start)
    answered = [read_answered(row.line.data).n for row in draft.rows if row.line.kind == "response"]
    if answered:
        with (work / HTTP).open("xb") as cassette:
            cassette.write(HEAD)
            cassette.writelines(_interaction(draft, n) for n in answered)


def _interaction(draft: Draft, n: int) -> bytes:
    request, answer = draft.asked[n], draft.answer(n)
    frame = Frame(
        0,
        request.lane,
        "response",
        answer.body,
        request,
        answer.status,
        retry_after=answer.retry_after,
    )
    return interaction(frame, answer.headers)


def _unsealed(meta: Meta, free: Sequence[Free]) -> Meta:
    """What an edited session says of itself: all but what its seal had promised."""
    fields = {name: getattr(meta, name) for name in meta.__struct_fields__ if name not in _SEAL}
    if free and "free" in fields:
        fields["free"] = merged([*fields["free"], *free])
    return Meta(**fields)
