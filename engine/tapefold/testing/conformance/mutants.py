"""Frames that no exchange should send: a good one, garbled in every way that a bounded few can show."""

import json
import random
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
CUTS: Final = 6
FLIPS: Final = 6
PLACES: Final = 12
"""Values of one frame that are replaced."""
PUT: Final = (
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e400",
    "123456789012345678901234567890",
    '""',
    '"x"',
    '"-1"',
    '"1e5"',
    '"NaN"',
    '"99999999999999999999.9999999999999999999"',
    '"\\u0661"',
    "[]",
    "{}",
    "[[]]",
    '[["1"]]',
    '[["1","2","3"]]',
)
"""What stands in a value's place."""
GARBAGE: Final = (
    b"",
    b" ",
    b"\xff\xfe",
    b"null",
    b"1",
    b'"x"',
    b"[]",
    b"{}",
    b"[1,2,3]",
    b'{"e":"nobody_knows_this"}',
    b'{"stream":"nobody@knows","data":{}}',
    b'{"data":{"e":"nobody_knows_this"}}',
    b'{"event":{"e":"nobody_knows_this"}}',
    b'{"channel":"nobody_knows_this","type":"update","data":[]}',
    b"[" * 2_000,
)
"""What is a frame of nobody's."""
_HOLE: Final = "\0hole\0"


def mutants(data: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """How each was made, and what it is."""
    for garbage in GARBAGE:
        yield "replaced by garbage", garbage
    for _ in range(CUTS if data else 0):
        yield "that was cut", data[: rng.randrange(len(data))]
    for _ in range(FLIPS if data else 0):
        at = rng.randrange(len(data))
        yield (
            "with a bit flipped",
            data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
        )
    try:
        top = json.loads(data)
    except (ValueError, RecursionError):
        return
    paths = [*_paths(top, ())]
    for path in rng.sample(paths, min(PLACES, len(paths))):
        yield from _at(top, path)


def _paths(value: Any, path: Path) -> Iterator[Path]:
    """Where its values are; of a list only the first and the last."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON
            yield from _paths(inner, (*path, key))  # pyright: ignore[reportUnknownArgumentType] - JSON
    elif isinstance(value, list) and value:
        for n in sorted({0, len(value) - 1}):  # pyright: ignore[reportUnknownArgumentType] - JSON
            yield from _paths(value[n], (*path, n))


def _at(top: Any, path: Path) -> Iterator[tuple[str, bytes]]:
    """One place of a frame, in every way."""
    where = ".".join(map(str, path)) or "all of it"
    text = json.dumps(_with(top, path))
    hole = json.dumps(_HOLE)
    for put in PUT:
        yield f"with {put:.30} for {where}", text.replace(hole, put, 1).encode()
    if path and isinstance(path[-1], str):
        key = json.dumps(path[-1])
        kept = text.replace(f"{key}: {hole}", f'{key}: 0, {key}: "x"', 1)
        yield f"with {where} twice", kept.encode()
        yield f"without {where}", json.dumps(_without(top, path)).encode()


def _with(value: Any, path: Path) -> Any:
    """It, with a hole at *path*."""
    if not path:
        return _HOLE
    made = value.copy()
    made[path[0]] = _with(value[path[0]], path[1:])
    return made


def _without(value: Any, path: Path) -> Any:
    """It, without the key at the end of *path*."""
    made = value.copy()
    if len(path) == 1:
        del made[path[0]]
    else:
        made[path[0]] = _without(value[path[0]], path[1:])
    return made
