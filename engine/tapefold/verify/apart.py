"""In what two views differ, in words: which folds, and of each the first field."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from tapefold.errors import LogError, Mismatch
from tapefold.views import State

SAID_MAX: Final = 80
"""Characters of a value that are told."""
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "books": ("state", "sequence", "updates", "gaps", "snapshots", "bids", "asks"),
    "markets": ("trades", "quotes", "trade", "quote", "numbers"),
    "connections": ("exchange", "opened", "closed", "up"),
    "health": ("exchange", "stale", "limited", "clock"),
    "anomalies": ("count", "latest"),
}
"""What stands where in the states of folds that name nothing, as far as it is not plain."""
_decode = msgspec.msgpack.Decoder(State).decode


class Field(NamedTuple):
    """A field in which two folds differ."""

    path: str
    """From the fold on: `markets[0].trades`."""
    logged: str
    """By the log."""
    known: str
    """By the engine."""

    def __str__(self) -> str:
        """One line."""
        return f"{self.path}: the log says {self.logged}, the engine {self.known}"


class Apart(Mismatch):
    """An engine's views are not what its log folds to."""

    def __init__(self, position: int, agreed: int, fields: Mapping[str, Field]) -> None:
        self.position = position
        """Where they were compared."""
        self.first = agreed + 1
        """Where they can first have differed: the position after the last at which they agreed."""
        self.fields = dict(fields)
        """By fold that differs: the first field of it that does."""
        lines = (
            f"position {position:,}: the engine's views are not what its log folds to",
            f"  folds that differ: {', '.join(fields)}",
            f"  first at a position from {self.first:,} to {position:,}"
            + (f" (at {agreed:,} they agreed)" if agreed else ""),
            *(f"  {field}" for field in fields.values()),
        )
        super().__init__("\n".join(lines))


def differing(logged: bytes, known: bytes) -> dict[str, Field]:
    """The first field that differs of each fold that does, of two views as canonical bytes.

    Raises `LogError` where an engine's are of another version.
    """
    try:
        theirs = _decode(known)
    except (ValueError, msgspec.MsgspecError) as error:
        raise LogError(
            "the engine's views cannot be read: it is of another tapefold; use its own"
        ) from error
    ours = _decode(logged)
    if ours.format != theirs.format:
        raise LogError(
            f"the engine's views are of format {theirs.format}, and these of {ours.format}: it is of "
            "another tapefold; use its own"
        )
    pairs = _folds(ours, theirs)
    found = {name: first(one, other, name) for name, one, other in pairs if one != other}
    return found or {"views": Field("views as bytes", _said(logged), _said(known))}


def first(one: Any, other: Any, path: str) -> Field:
    """The first field in which two values that differ do; *path* is theirs."""
    fold = path
    while type(one) is type(other):
        inner = next((part for part in _parts(one, other, fold) if part[1] != part[2]), None)
        if inner is None:
            break
        path, one, other = path + inner[0], inner[1], inner[2]
    return Field(path, _said(one), _said(other))


def _folds(ours: State, theirs: State) -> Iterator[tuple[str, Any, Any]]:
    """Every fold of two views, by its name; those of accounts each for itself."""
    for name in State.__struct_fields__[1:]:
        one, other = getattr(ours, name), getattr(theirs, name)
        if name == "accounts":
            yield from ((f, getattr(one, f), getattr(other, f)) for f in one.__struct_fields__)
        else:
            yield name, one, other


def _parts(one: Any, other: Any, fold: str) -> Iterator[tuple[str, Any, Any]]:
    """What two values of one type are made of, each part with its name; nothing of plain ones."""
    fields: Sequence[str] = getattr(one, "__struct_fields__", getattr(one, "_fields", ()))
    if fields:
        yield from ((f".{name}", getattr(one, name), getattr(other, name)) for name in fields)
    elif hasattr(one, "items"):
        for key in [*one, *(key for key in other if key not in one)]:
            yield f"[{key}]", one.get(key), other.get(key)
    elif hasattr(one, "__len__") and not hasattr(one, "isascii"):  # a list or a tuple
        known = _NAMES.get(fold, ())
        names = known if len(known) == len(one) and not hasattr(one, "append") else ()
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield f".{names[number]}" if names else f"[{number}]", *pair
        yield ".length", len(one), len(other)


def _said(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SAID_MAX else f"{text[:SAID_MAX]}…"
