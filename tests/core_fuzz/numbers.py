"""Texts of numbers, and levels as JSON: what exchanges print, what lies at an edge, what is hostile."""

import json
from random import Random
from typing import Final

EDGES: Final = tuple(
    str(edge + step)
    for edge in (
        0,
        10,
        2**7,
        2**8,
        2**16,
        2**31,
        2**32,
        10**17,
        10**18,
        2**62,
        2**63,
        2**64,
        10**19,
    )
    for step in (-1, 0, 1)
    if edge + step >= 0
)
"""Where an int gets another width, or no longer fits."""
STRANGE: Final = (
    *(
        "",
        " ",
        ".",
        "..",
        "1.",
        ".1",
        "1..2",
        "1.2.3",
        "-1",
        "+1",
        "-0",
        "1e5",
        "1E-2",
        "0x1F",
        "1_0",
    ),
    *(" 1", "1 ", "1\n", "1,5", "NaN", "inf", "1\x00", "\x00", "1.\x005", "null", "٣", "１", "1.٣"),
    *("²", "½", "1\u0660", "é", "1é", "\u20ac1", "1\U0001f4b0", "\ud800", "1\udfff", "1.\udc80"),
    *("0" * n for n in (17, 18, 19, 60, 61, 63, 64, 65, 99, 100, 101, 500)),
    *("9" * n for n in (17, 18, 19, 20, 60, 61, 99, 100, 4299, 4301)),
    *("0" * n + "7" for n in (17, 18, 19, 40, 98, 99, 100)),
    *("0." + "0" * n for n in (1, 17, 18, 19, 60, 61, 63, 64, 65, 100)),
    *("0." + "0" * n + "1" for n in (0, 1, 7, 16, 17, 18, 59, 60, 63, 64, 65)),
    *("1." + "9" * n for n in (1, 17, 18, 19, 60, 61, 100)),
)
DIGITS: Final = (0, 1, 2, 3, 8, 9, 17, 18)
BEYOND: Final = (-(2**62), -19, -2, -1, 19, 20, 63, 64, 65, 2**31, 2**32, 2**62)
"""Scales that no instrument has."""


def a_number(rng: Random, digits: int) -> str:
    """Mostly one that fits its scale, as an exchange prints it."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(STRANGE)
    if kind < 0.15:
        return pointed(rng.choice(EDGES), rng.randint(0, 20))
    whole = str(rng.randrange(10 ** rng.randint(0, 10)))
    places = digits + rng.choice((0, 0, 0, 0, -1, 1, 2, 8))
    if places <= 0:
        return whole
    part = str(rng.randrange(10 ** min(digits, places))).rjust(min(digits, places), "0")
    return f"{whole}.{part[:places].ljust(places, '0')}"


def pointed(text: str, places: int) -> str:
    """The digits of *text* with a point before the last *places* of them."""
    if not places:
        return text
    text = text.rjust(places + 1, "0")
    return f"{text[:-places]}.{text[-places:]}"


def levels(rows: list[list[str]]) -> bytes:
    """As exchanges print them: without a space, and a text that is no UTF-8 as an escape."""
    plain = all(text.isascii() or text.isprintable() for row in rows for text in row)
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=not plain).encode()


def some_levels(rng: Random, price: int, size: int) -> bytes:
    """Levels of numbers that mostly fit their scales."""
    count = rng.choice((0, 1, 2, 3, 5, 15, 16, 17, 40, 257))
    odd = rng.random() < 0.1
    rows = [[a_number(rng, price), a_number(rng, size)] for _ in range(count)]
    if not odd:  # one strange number among many would hide all the others
        rows = [row for row in rows if not {*row} & {*STRANGE}]
    return levels(rows)


JSON_BITS: Final = (
    *(b'"', b",", b"[", b"]", b"[[", b"]]", b'","', b'"],["', b'["1","2"],', b"[]", b"{}", b"null"),
    *(b"0", b"9", b"9" * 18, b"0" * 64, b".", b"-", b"+", b"e5", b" ", b"\n", b"\t", b"\x00", b"1"),
    *(
        b"\\",
        b"\\u0031",
        b"\\ud800",
        b'\\"',
        b"\xff",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ),
)
JSON_STRANGE: Final = (
    *(
        b"",
        b" ",
        b"[",
        b"]",
        b"[]",
        b"[] ",
        b" []",
        b"[]x",
        b"[]]",
        b"[[]]",
        b"[[],[]]",
        b"{}",
        b"null",
    ),
    *(
        b'"',
        b'""',
        b"1",
        b"[1]",
        b"[[1,2]]",
        b'[["1"]]',
        b'[["1","2","3"]]',
        b'[["1",2]]',
        b"[null]",
    ),
    *(b'[["1","2"],]', b'[["1","2"]],', b'[["1","2"]]x', b'[["1","2"]] ', b'[ ["1","2"]]', b"\xff"),
    *(
        b'[["1","2"]\x00]',
        b'[["\\u0031","2"]]',
        b'[["1\\n","2"]]',
        b'[["1","2"],["3"',
        b'[["1""2"]]',
    ),
    *(b"[" * 10, b"[" * 5000, b"[" * 5000 + b"]" * 5000, b'[["1","2"],' * 300, b"\xef\xbb\xbf[]"),
    *(
        b'{"a":' * 3000,
        b'[["1","\xff"]]',
        b'[["1","\xed\xa0\x80"]]',
        b'[["\x00","2"]]',
        b'[["1","2\x00"]]',
    ),
)
