"""One leaf changed: what a test that looks should notice."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Final

from tapefold.testing.mutation.leaves import Leaf

_OFTEN: Final = 16
"""One change in so many turns the sign, four are of the last digit, the others of any."""


def changed(leaf: Leaf, words: Sequence[bytes], chance: Random) -> bytes | None:
    """Another text for a leaf, with another meaning; None where chance led to none.

    A number gets one other digit, or the other sign; a flag is turned round; a word becomes another one
    of *words*, which were seen at its path.
    """
    match leaf.sort:
        case "flag":
            return b"false" if leaf.text == b"true" else b"true"
        case "word":
            others = [word for word in words if word != leaf.text]
            return chance.choice(others) if others else None
        case "number":
            new = _number(leaf.text, chance)
            return None if Decimal(new.decode()) == Decimal(leaf.text.decode()) else new


def _number(text: bytes, chance: Random) -> bytes:
    roll = chance.randrange(_OFTEN)
    if roll == 0:
        return text[1:] if text[:1] == b"-" else b"-" + text
    mantissa = text.lower().partition(b"e")[0]
    places = [at for at in range(len(mantissa)) if text[at : at + 1].isdigit()]
    at = places[-1] if roll < 5 else chance.choice(places)
    whole = mantissa.partition(b".")[0].lstrip(b"-")
    # In JSON no number of several digits begins with a zero: that would be noticed for its spelling.
    least = 1 if at == places[0] and len(whole) > 1 else 0
    digits = [digit for digit in range(least, 10) if digit != int(text[at : at + 1])]
    return text[:at] + b"%d" % chance.choice(digits) + text[at + 1 :]


def with_leaf(data: bytes, leaf: Leaf, text: bytes) -> bytes:
    """A whole text with another one where *leaf* stands."""
    return data[: leaf.start] + text + data[leaf.end :]
