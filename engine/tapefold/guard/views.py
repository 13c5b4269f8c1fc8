"""All that a text says once it is unpacked, decoded, unescaped and put together.

A view is a text and how one comes to it. Decoding goes 3 deep. What all views come to is bounded.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from tapefold.guard.codes import (
    PARAMETER,
    STRING,
    TooMuch,
    bytes_of,
    decoded,
    inflated,
    is_noise,
    rewritten,
)
from tapefold.guard.needles import PUNCTUATION

Kind: TypeAlias = Literal["text", "decoded", "joined", "bare"]
"""As somebody wrote it; what a word of it says; its values joined; all of it without punctuation."""
DEPTH_MAX: Final = 3
VIEWS_MAX: Final = 32 << 20
"""Bytes that all views of a text may come to, besides 16 times its own size."""


class View(NamedTuple):
    """A text, and how one comes to it."""

    how: str
    text: bytes
    depth: int = 0
    kind: Kind = "text"

    def then(self, how: str, text: bytes, kind: Kind, deeper: int = 0) -> "View":
        """What this one leads to."""
        way = f"{self.how}, {how}" if self.how else how
        return View(way, text, self.depth + deeper, kind)


def views(data: bytes, least: int) -> Iterator[View]:
    """All views of *data* that may hold a run of *least* bytes. Raises `TooMuch`."""
    left = VIEWS_MAX + 16 * len(data)
    seen = {data: 0}
    todo = deque([View("", data)])
    while todo:
        view = todo.popleft()
        yield view
        for other in _further(view, least):
            # What is reached again by fewer steps may lead further than it did before.
            if len(other.text) < least or seen.get(other.text, DEPTH_MAX + 1) <= other.depth:
                continue
            left -= len(other.text)
            if left < 0:
                raise TooMuch
            seen[other.text] = other.depth
            todo.append(other)


def _further(view: View, least: int) -> Iterator[View]:
    """What one step leads to."""
    if view.kind == "bare":
        return  # without punctuation nothing tells where a code begins
    if not view.text.isascii():
        yield view.then("as bytes", bytes_of(view.text), view.kind)
    if view.depth < DEPTH_MAX:
        for found in inflated(view.text):
            yield view.then("inflated", found, "text", 1)
    if view.kind == "decoded" and is_noise(view.text, least):
        return
    if view.kind != "joined":
        yield from _joined(view)
        yield view.then("without punctuation", view.text.translate(None, PUNCTUATION), "bare")
    if view.depth < DEPTH_MAX:
        yield from _undone(view, least)


def _undone(view: View, least: int) -> Iterator[View]:
    """One encoding less."""
    for how, found in rewritten(view.text, least):
        yield view.then(how, found, "decoded" if how.endswith("backwards") else "text", 1)
    for how, found in decoded(view.text, least):
        yield view.then(how, found, "decoded", 1)


def _joined(view: View) -> Iterator[View]:
    """Its values put together."""
    if b'"' in view.text:
        yield view.then("strings joined", _strings(view.text), "joined")
    if b"=" in view.text:
        yield view.then("parameters joined", b"".join(PARAMETER.findall(view.text)), "joined")


def _strings(text: bytes) -> bytes:
    """The values among the strings of JSON, put together; its keys would stand between them."""
    if b"\\" in text:
        return b"".join([value for value, key in STRING.findall(text) if not key])
    parts = text.replace(b'" :', b'":').split(b'"')
    pairs = zip(parts[1::2], parts[2::2], strict=False)
    return b"".join([value for value, after in pairs if after[:1] != b":"])
