"""Messages of streams spelled as exchanges do, and in every way that is unusual or wrong."""

import json
from collections.abc import Iterator
from random import Random
from typing import Final, TypeAlias

from core_fuzz.messages import Stream, T
from core_fuzz.numbers import EDGES, JSON_STRANGE, STRANGE, a_number, levels, pointed, some_levels
from tapefold import PlainKind

Pairs: TypeAlias = list[tuple[bytes, bytes]]
"""Keys, without their quotes, and values, both as they stand there."""
Fields: TypeAlias = dict[str, PlainKind]
Digits: TypeAlias = tuple[int, int]
TEXTS: Final = tuple(
    json.dumps(text, ensure_ascii=text.isascii() or not text.isprintable()).encode()
    for text in (*STRANGE, *EDGES)
)
ODD: dict[str, tuple[bytes, ...]] = {
    "integer": (
        *(
            b"",
            b"-1",
            b"-0",
            b"01",
            b"00",
            b"0" * 16,
            b"+1",
            b"1.",
            b"1.0",
            b"1e2",
            b"1E+2",
            b"1_0",
        ),
        *(
            b'"5"',
            b"null",
            b"true",
            b"[1]",
            b"{}",
            b" 1",
            b"1 ",
            b"1\x00",
            b"\xd9\xa3",
            b"1:",
            b"1;",
        ),
        *(b"999999999999999", b"1000000000000000", b"1234567890123456", b"9999999999999999"),
        *(b"9223372036854774", b"9223372036854775", b"9223372036854776", b"9" * 17, b"9" * 18),
        *(b"%d" % (2**63 - 1), b"%d" % 2**63, b"%d" % 2**64, b"1" + b"0" * 300, b"0.5", b"999e13"),
    ),
    "text": (
        *(*TEXTS, b"", b'"', b'"1', b'1"', b"1", b"1.5", b"null", b"true", b'["1"]', b'"1\\u0031"'),
        *(
            b'"1\\n"',
            b'"\\"1"',
            b'"\xff"',
            b'"1\x00"',
            b'"1"0',
            b'"1""2"',
            b'"1.12345678901234567890"',
        ),
    ),
    "flag": (
        *(b"1", b"0", b"", b"t", b"tru", b"truee", b"truex", b"fals", b"falsee", b"True", b"null"),
        *(b"TRUE", b'"true"', b"truefalse", b"true0", b"[true]", b" true", b"false\n"),
    ),
    "symbol": (
        *(
            b'"ethusdt"',
            b'"ETHUSD"',
            b'"ETHUSDTT"',
            b'"ETHUSD\\u0054"',
            b'""',
            b"null",
            b'"ETHUSDT',
        ),
        *(b"ETHUSDT", b'ETHUSDT"', b'"ETHUSDT\x00"', b'"BTCUSDT"', b'"ETHUSDT""', b'"\xff"', b"7"),
    ),
    "levels": (
        *JSON_STRANGE,
        b'[["1.123456789012345678901","2"]]',
        b'[["1","2"]]]',
        b'[["1","2"],[]]',
    ),
}
UNREAD: Final = (
    *(
        b'"x"',
        b'"LIMIT"',
        b'""',
        b'" ,:{}[]"',
        b'"~"',
        b"0",
        b"7",
        b"123456789012345",
        b"true",
        b"false",
    ),
    *(
        b"1234567890123456",
        b"9" * 400,
        b"-1",
        b"1.5",
        b"1e5",
        b"-2.5E-3",
        b"null",
        b"{}",
        b'{"a":1}',
    ),
    *(
        b'{"data":{"s":"X"}}',
        b"[]",
        b"[1,[2]]",
        b'[["1","2"]]',
        b'"a\\"b"',
        b'"\\\\"',
        b'"\\u00e9"',
    ),
    *(
        b'"\xc3\xa9"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\q"',
        b'"\x00"',
        b'"\x1f"',
        b'"\x7f"',
    ),
    *(
        b"01",
        b"nul",
        b"truefalse",
        b"",
        b'"',
        b"}",
        b"1}",
        b"1,",
        b"+1",
        b"NaN",
        b'"a" ',
        b" 1",
        b"[" * 3000,
    ),
)
"""Values of what nobody reads; the first ten are plain."""
UNKNOWN: Final = (
    *(
        b"e",
        b"X",
        b"st",
        b"UU",
        b"bb",
        b"pup",
        b"toolong",
        b"toolonger",
        b"x" * 300,
        b"data",
        b"stream",
    ),
    *(
        b"",
        b"p",
        b"pu",
        b"b",
        b"E ",
        b" E",
        b"~",
        b"\\u0062",
        b"\\u0045",
        b"\\u0065",
        b'e\\"',
        b"\\",
        b"\xc3\xa9",
    ),
    *(b"\xff", b"\xed\xa0\x80", b"\x00", b"E\x00", b"\x1f", b"\x7f", b'"', b"E\\u0000"),
)
"""Keys of what nobody reads, or another spelling of what is; the first eleven are plain, and unread."""
GAPS: Final = (
    b" ",
    b"\n",
    b"\t",
    b"\r\n",
    b"  ",
    b"\x0b",
    b"\x00",
    b"\xc2\xa0",
    b"\xef\xbb\xbf",
    b",",
)
TAILS: Final = (
    *(
        b"",
        b" }",
        b"} ",
        b"}\n",
        b"}}",
        b"},",
        b"]",
        b"}\x00",
        b"}]",
        b"} x",
        b"\x00",
        b"}{}",
        b"\xff",
    ),
    *(
        b',"x":1}',
        b',"x":1',
        b',"data":{}}',
        b',"data":null}',
        b',"stream":"x"}',
        b',"stream":7}',
        b",}",
    ),
)
"""What may stand behind a message instead of the closing brace."""
BYTES: Final = b'"\\{}[]:,.-+0179eEtnsU \n\0\x1f\x7f\x80\xc3\xff'
"""What a byte of JSON may be taken for."""


def value(rng: Random, kind: PlainKind, digits: Digits) -> bytes:
    """A value as an exchange prints it, which mostly fits its scale."""
    sort = kind.rstrip("?")
    if sort == "integer":
        return b"%d" % rng.choice((0, 9, T, 10**14, 10**15 - 1, rng.randrange(10**9)))
    if sort == "flag":
        return rng.choice((b"true", b"false"))
    if sort == "symbol":
        return b'"ETHUSDT"'
    if sort == "levels":
        return some_levels(rng, *digits) if rng.random() < 0.1 else _levels(rng, digits)
    few = digits[sort == "size"]
    return json.dumps(a_number(rng, few) if rng.random() < 0.03 else _fitting(rng, few)).encode()


def _levels(rng: Random, digits: Digits) -> bytes:
    count = rng.choice((0, 1, 2, 3, 15, 16, 40, 257))
    return levels([[_fitting(rng, each) for each in digits] for _ in range(count)])


def _fitting(rng: Random, digits: int) -> str:
    """A number that is not too fine, with some zeros more."""
    text = pointed(str(rng.randrange(10 ** rng.randint(1, 9))), rng.randint(0, digits))
    return text + "0" * rng.choice((0, 0, 1, 8)) if "." in text else text


def odd(rng: Random, kind: PlainKind) -> bytes:
    """A value as none should be, or one of another kind."""
    sort = kind.rstrip("?")
    sort = {"price": "text", "size": "text"}.get(sort, sort)
    return rng.choice(ODD[sort if rng.random() < 0.9 else rng.choice((*ODD,))])


def _pairs(rng: Random, fields: Fields, digits: Digits) -> Pairs:
    """What a message has: its fields, not all that may be missing, and what is not read."""
    pairs = [
        (key.encode(), value(rng, kind, digits))
        for key, kind in fields.items()
        if kind[-1] != "?" or rng.random() < 0.7
    ]
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randint(0, len(pairs))
        pairs.insert(at, (rng.choice(UNKNOWN[:11]), rng.choice(UNREAD[:10])))
    if rng.random() < 0.5:
        rng.shuffle(pairs)
    return pairs


def _spoil(rng: Random, pairs: Pairs, fields: Fields, digits: Digits) -> None:
    """One thing that is unusual."""
    at, how = rng.randrange(len(pairs)), rng.randrange(6)
    key = pairs[at][0]
    kind = fields.get(key.decode("latin-1"), "integer?")
    if how == 0:
        pairs[at] = key, odd(rng, kind)
    elif how == 1 and len(pairs) > 1:
        del pairs[at]
    elif how == 2:
        again = value(rng, kind, digits) if rng.random() < 0.7 else odd(rng, kind)
        pairs.insert(rng.randint(0, len(pairs)), (key, again))
    elif how == 3:
        pairs.insert(at, (rng.choice(UNKNOWN), rng.choice(UNREAD)))
    elif how == 4:
        others = (key + b"x", key[:-1], key.swapcase(), b"\\u%04x" % key[0] if key else b"\\u0000")
        pairs[at] = rng.choice((*others, rng.choice(UNKNOWN))), pairs[at][1]
    else:
        edge = pointed(rng.choice(EDGES), rng.choice((0, *digits, 9)))
        pairs[at] = key, edge.encode() if kind[:3] == "int" else b'"%b"' % edge.encode()


def a_frame(rng: Random, stream: Stream, digits: Digits) -> bytes:
    """A frame of a stream: half of them plain, all others odd in a place or two."""
    fields = stream.message.plain
    pairs = _pairs(rng, fields, digits)
    oddities = rng.choice((0, 0, 0, 1, 1, 2))
    for _ in range(oddities):
        _spoil(rng, pairs, fields, digits)
    bits = [stream.head, b"{"]
    for n, (key, each) in enumerate(pairs):
        bits += [b"," if n else b"", b'"', key, b'"', b":", each]
    bits += [b"}", b"}"]
    if oddities and rng.random() < 0.2:
        bits[-1] = rng.choice(TAILS)
    if oddities and rng.random() < 0.2:
        bits.insert(rng.randint(0, len(bits)), rng.choice(GAPS))
    return b"".join(bits)


def spoiled(data: bytes) -> Iterator[bytes]:
    """A frame cut at each byte; each byte of it gone, doubled, or another one."""
    for at in range(len(data)):
        head, here, rest = data[:at], data[at : at + 1], data[at + 1 :]
        yield from (head, head + rest, head + here + here + rest)
        yield from (head + bytes((code,)) + rest for code in BYTES)
