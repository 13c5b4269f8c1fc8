"""Two pieces of JSON side by side, for people: which fields differ, and how."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode
"""JSON whose numbers stay as they are written: 1.50 is not 1.5."""


def flatten(data: bytes) -> dict[str, str]:
    """JSON as `path -> value`; text that is no JSON is one value."""
    try:
        value: Any = decode(data)
    except msgspec.DecodeError:
        value = data.decode(errors="replace")
    return dict(leaves(value, ""))


def leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each scalar of decoded JSON as JSON, and where it stands, below *path*."""
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, Any]", value).items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(cast("Sequence[Any]", value)):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path or "all", encode(value).decode()


def difference(asked: bytes, recorded: bytes) -> list[str]:
    """A line for each field: `≠` differs, `+` was only asked, `-` was only recorded."""
    ours, theirs = flatten(asked), flatten(recorded)
    lines: list[str] = []
    for path in sorted({*ours, *theirs}):
        if path not in theirs:
            lines.append(f"+ {path}: {ours[path]}")
        elif path not in ours:
            lines.append(f"- {path}: {theirs[path]}")
        elif ours[path] != theirs[path]:
            lines.append(f"≠ {path}: asked {ours[path]}, recorded {theirs[path]}")
    return lines
