"""The leaves of a JSON text, with where they stand: so that one of them can be changed and nothing else."""

import json
import re
from typing import Final, Literal, NamedTuple, TypeAlias

Sort: TypeAlias = Literal["number", "flag", "word"]
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}\[\],:]', re.DOTALL
)
_NUMBER: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_WORD: Final = re.compile(rb"[A-Z][A-Z0-9_]{0,23}").fullmatch


class Leaf(NamedTuple):
    """A number (bare or as a string), a flag, or an upper-case word, as it stands in a text."""

    path: str
    """Its keys, as in `data.b[][]`: the places of one list are one path."""
    sort: Sort
    start: int
    end: int
    """Where it stands, without quotation marks."""
    text: bytes


def is_json(data: bytes) -> bool:
    """Whether it is one JSON text."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def leaves(data: bytes) -> list[Leaf]:
    """All of a text that `is_json`, in their order."""
    found = list[Leaf]()
    inside = list[tuple[bool, str]]()  # is it an object, and its path
    here, key_next = "", False
    for token in _TOKEN.finditer(data):
        text = token[0]
        match text[:1]:
            case b"{" | b"[":
                inside.append((text == b"{", here))
                key_next = text == b"{"
                here = here if key_next else f"{here}[]"
            case b"}" | b"]":
                here, key_next = inside.pop()[1], False
            case b",":
                key_next, outer = inside[-1]
                here = outer if key_next else f"{outer}[]"
            case b":":
                pass
            case _ if key_next:
                here, key_next = f"{here}.{json.loads(text)}".removeprefix("."), False
            case _:
                leaf = _leaf(here, token.start(), text)
                found += [leaf] if leaf else []
    return found


def _leaf(path: str, start: int, text: bytes) -> Leaf | None:
    quoted = text[:1] == b'"'
    bare = text[1:-1] if quoted else text
    sort: Sort
    if _NUMBER(bare):
        sort = "number"
    elif quoted and _WORD(bare):
        sort = "word"
    elif not quoted and bare != b"null":
        sort = "flag"
    else:
        return None
    return Leaf(path, sort, start + quoted, start + quoted + len(bare), bare)
