"""Messages that are spelled plainly, read without a decoder: a shortcut, and never more than that."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

PlainKind: TypeAlias = Literal[
    "integer", "price", "size", "flag", "levels", "symbol", "integer?", "price?", "size?"
]
"""`integer` stands there as a number, `price` and `size` as texts of one, which are read in their scales;
`flag` is true or false, `levels` are `[["price", "size"], ...]`, `symbol` must be the stream's own. With
`?` it may be missing, and is 0 then."""
PlainRead: TypeAlias = Callable[[bytes, int, int], tuple[Any, ...] | None]
"""`Plain.read`."""

_KINDS: Final = get_args(PlainKind)
_FIELDS_MAX: Final = 16
_ROOM: Final = "a message has up to 16 fields, of up to 7 letters each"
_KEY = re.compile(r"[A-Za-z0-9_]{1,7}").fullmatch
_ESCAPED = re.compile(r'["\\\x00-\x1f\ud800-\udfff]').search
"""What stands in no text of JSON as it is."""


class Plain:
    """Reads the messages of one stream, where they are spelled as nearly all are.

    A message is a flat JSON object behind *head*, which all frames of the stream begin with, and before
    one closing brace. It has no space, no escape, each field once, no int of more than 15 digits, and
    no number that does not fit its scale. What it holds besides the fields is passed over.

    `read` gives what decoding the JSON, `scaled` and `pack_sides` would, or None: then that is to be
    done. This definition always leaves it to that; the compiled core does not.
    """

    reads: ClassVar[bool] = False
    """Whether it is worth asking: a call less for each frame where it is not."""

    def __init__(self, head: bytes, symbol: str, fields: Mapping[str, PlainKind]) -> None:
        """*fields* by their keys. Raises as `check`."""
        check(symbol, fields)

    def read(self, data: bytes, price_digits: int, size_digits: int) -> tuple[Any, ...] | None:
        """The values of a message, in the order of the fields; None where it is not so spelled."""
        return None


def check(symbol: str, fields: Mapping[str, PlainKind]) -> None:
    """Raises `ValueError` for what no `Plain` can be made of. The compiled core relies on it."""
    if _ESCAPED(symbol):
        raise ValueError(f"JSON cannot spell this symbol plainly: {symbol!r}")
    if len(fields) > _FIELDS_MAX:
        raise ValueError(f"{_ROOM}, not {len(fields)}")
    for key, kind in fields.items():
        if not _KEY(key):
            raise ValueError(f"{_ROOM}: {key!r} is no key")
        if kind not in _KINDS:
            raise ValueError(f"{kind!r} of {key} is none of {', '.join(_KINDS)}")
