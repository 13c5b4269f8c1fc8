"""The same message as another library might print it: what no test may notice."""

import json
import re
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias, cast

Spelling: TypeAlias = Literal[
    "key order", "white space", "trailing zeros", "escapes", "unknown key"
]
SPELLINGS: Final[tuple[Spelling, ...]] = (
    "key order",
    "white space",
    "trailing zeros",
    "escapes",
    "unknown key",
)
_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+").fullmatch
_NAME: Final = re.compile(r"[A-Z0-9]{2,}").fullmatch
_UNKNOWN: Final = ("unheard_of", '{"of":[1,"2.5"]}')
_ZEROS_MAX: Final = 3


class _Number(str):
    """A number as it was printed."""

    __slots__ = ()


class _Object(NamedTuple):
    """An object's pairs in their order."""

    pairs: list[tuple[str, object]]


def respelled(data: bytes, spelling: Spelling, chance: Random) -> bytes:
    """A JSON text that says the same in another *spelling*. Raises `ValueError` for what is none."""
    node: object = json.loads(
        data, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number
    )
    return _Printer(spelling, chance).printed(node).encode()


class _Printer:
    def __init__(self, spelling: Spelling, chance: Random) -> None:
        self._spelling, self._chance = spelling, chance
        wide = spelling == "white space"
        self._comma, self._colon = (" , ", " :  ") if wide else (",", ":")

    def printed(self, node: object) -> str:
        """A value, and all that is in it."""
        match node:
            case _Object():
                return self._object(node.pairs)
            case list():
                each = map(self.printed, cast("list[object]", node))
                return f"[{self._comma.join(each)}]"
            case _Number():
                return self._number(node)
            case str():
                return self._text(self._number(node))
            case _:
                return json.dumps(node)

    def _object(self, pairs: list[tuple[str, object]]) -> str:
        texts = [f"{self._text(key)}{self._colon}{self.printed(value)}" for key, value in pairs]
        if self._spelling == "key order":
            self._chance.shuffle(texts)
        # What is keyed by names (balances by asset) is a list in disguise: one more would mean something.
        if self._spelling == "unknown key" and not any(_NAME(key) for key, _ in pairs):
            texts.insert(self._chance.randint(0, len(texts)), '"{}":{}'.format(*_UNKNOWN))
        return f"{{{self._comma.join(texts)}}}"

    def _number(self, text: str) -> str:
        if self._spelling != "trailing zeros" or not _DECIMAL(text):
            return str(text)
        return text + "0" * self._chance.randint(1, _ZEROS_MAX)

    def _text(self, text: str) -> str:
        if self._spelling != "escapes":
            return json.dumps(text, ensure_ascii=False)
        pieces = (
            _escaped(char) if self._chance.randrange(4) == 0 else _plain(char) for char in text
        )
        return f'"{"".join(pieces)}"'


def _plain(char: str) -> str:
    return json.dumps(char, ensure_ascii=False)[1:-1]


def _escaped(char: str) -> str:
    code = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
