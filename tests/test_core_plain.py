"""Frames that are read plainly are what a decoder of JSON makes of them.

Needs no door for most: a frame goes to the compiled `Plain`, and to msgspec and the definition. Recordings
are played through the replay door, where the adapter asks for its frames by itself.
"""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from itertools import permutations, product
from random import Random
from types import MappingProxyType
from typing import Any, ClassVar

import msgspec
import pytest
from captures import CAPTURES
from core_fuzz import checks, spellings
from core_fuzz.checks import Differs
from core_fuzz.messages import (
    KINDS,
    NATIVE,
    TYPICAL,
    Listener,
    Stream,
    listed,
    shapes,
)
from core_fuzz.numbers import EDGES, pointed
from core_fuzz.spellings import Digits, a_frame, spoiled
from hypothesis import given, settings
from hypothesis import strategies as st
from two_cores import DEFINITION, OFTEN, outcome, running
from two_cores import NATIVE as COMPILED

from tapefold import InstrumentListed, PlainKind, bundled
from tapefold.core.plain import Plain
from tapefold.log.segment import encoder
from tapefold.replay import Replay
from tapefold.session import Session

SCALE = (2, 3)
HEAD = b'{"stream":"'
STREAMS = {kind: Stream(kind, COMPILED.Plain) for kind in KINDS}
scales = st.sampled_from([SCALE, SCALE, (8, 8), (0, 0), (18, 18)]) | st.tuples(
    st.integers(0, 18), st.integers(0, 18)
)


@pytest.fixture(autouse=True)
def defined() -> Generator[None]:
    """All but `Plain` is the definition's here, so no two things are the same by being one."""
    with running(DEFINITION):
        yield


class Pair:
    """An adapter with the shortcut and one without it; they know the four streams already."""

    def __init__(self, native: str = NATIVE) -> None:
        self._native = native
        self._with, self._without = Listener(COMPILED.Plain, native), Listener(Plain, native)

    def hear(self, data: bytes, scale: Digits = SCALE) -> tuple[Any, ...]:
        """What both make of a frame: events as they are stored, or an error."""
        row = listed(*scale, self._native)
        one, other = (outcome(stored, each, data, row) for each in (self._with, self._without))
        assert one == other
        return one


def stored(listener: Listener, data: bytes, row: InstrumentListed) -> list[bytes]:
    return [encoder.encode(event) for event in listener.hear(data, row)]


def read(kind: str, message: bytes, scale: Digits = SCALE) -> bool:
    """Whether a message is read plainly; then it is read right."""
    return checks.reads(STREAMS[kind], STREAMS[kind].framed(message), *scale)


# What is plain is read, and nothing else


@pytest.mark.parametrize("kind", KINDS)
def test_a_usual_message_is_read_plainly(kind: str) -> None:
    stream, pair = STREAMS[kind], Pair()
    data = stream.framed(TYPICAL[kind])
    wanted = shapes(stream.decoded(data, *SCALE))
    assert shapes(stream.plain.read(data, *SCALE) or ()) == wanted
    assert [each for each, _ in wanted].count(str) == 1
    assert pair.hear(data)[0] is list
    assert Plain(stream.head, NATIVE, stream.message.plain).read(data, *SCALE) is None
    assert (COMPILED.Plain.reads, Plain.reads) == (True, False)


class Binary(bytes):
    """As a binary frame is held."""


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_a_class_of_their_own_are_read_and_nothing_else_is(kind: str) -> None:
    stream, pair = STREAMS[kind], Pair()
    data = stream.framed(TYPICAL[kind])
    for each in (data, data[:-1], data + b" "):
        one, other = (stream.plain.read(made, *SCALE) for made in (Binary(each), each))
        assert shapes(one or ()) == shapes(other or ())
        assert (one is not None) is (each == data)
        assert pair.hear(Binary(each)) == pair.hear(each)
    strange: tuple[Any, ...] = (None, data.decode(), bytearray(data), memoryview(data), [*data], 1)
    for each in strange:
        assert stream.plain.read(each, *SCALE) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_read_in_any_order(kind: str) -> None:
    """All orders of its first five fields, and it backwards."""
    pairs = fields(kind)
    for some in permutations(pairs[:5]):
        assert read(kind, joined([*some, *pairs[5:]]))
    assert read(kind, joined(pairs[::-1]))


def fields(kind: str) -> list[tuple[bytes, bytes]]:
    """The typical message's, by key."""
    found = msgspec.json.decode(TYPICAL[kind], type=dict[str, msgspec.Raw])
    return [(key.encode(), bytes(value)) for key, value in found.items()]


def joined(pairs: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % pair for pair in pairs) + b"}"


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_may_be_missing_may_be_missing(kind: str) -> None:
    plain = STREAMS[kind].message.plain
    for n, (key, _) in enumerate(pairs := fields(kind)):
        may = plain.get(key.decode(), "integer?").endswith("?")
        assert read(kind, joined(pairs[:n] + pairs[n + 1 :])) is may
    may_not = [pair for pair in pairs if plain.get(pair[0].decode(), "?")[-1] != "?"]
    assert read(kind, joined(may_not))


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_stands_twice_is_left_to_the_decoder(kind: str) -> None:
    """Behind itself, at the end and at the beginning; what is not read may stand there as it likes."""
    plain, pair = STREAMS[kind].message.plain, Pair()
    for n, (key, value) in enumerate(pairs := fields(kind)):
        others = [other for _, other in pairs if other != value]
        for again, at in product((value, *others), (0, n, n + 1, len(pairs))):
            message = joined([*pairs[:at], (key, again), *pairs[at:]])
            if key.decode() in plain:
                assert not read(kind, message)
            else:
                read(kind, message)
            pair.hear(STREAMS[kind].framed(message))
    assert read(kind, joined([(b"x", b"1"), *pairs, (b"x", b'"2"'), (b"x", b"true")]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_read_is_passed_over_or_left_to_the_decoder(kind: str) -> None:
    """Each key before each value, before the message and behind it."""
    pair, plainly = Pair(), 0
    for key, value in product(spellings.UNKNOWN, spellings.UNREAD):
        for message in (
            b'{"%b":%b,' % (key, value) + TYPICAL[kind][1:],
            TYPICAL[kind][:-1] + b',"%b":%b}' % (key, value),
        ):
            plainly += read(kind, message)
        pair.hear(STREAMS[kind].framed(message))
    # Whatever the kind, eleven keys of nobody and ten values of nobody's are plain.
    assert plainly >= 2 * 11 * 10


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_with_each_odd_value_is_the_same(kind: str) -> None:
    pair, pairs = Pair(), fields(kind)
    values = {value for values in spellings.ODD.values() for value in values}
    for n, (key, _) in enumerate(pairs):
        if key.decode() not in STREAMS[kind].message.plain:
            continue
        for value in values:
            message = joined([*pairs[:n], (key, value), *pairs[n + 1 :]])
            read(kind, message)
            pair.hear(STREAMS[kind].framed(message))


@pytest.mark.parametrize("digits", range(19))
def test_numbers_at_an_edge_are_the_same_in_every_scale(digits: int) -> None:
    pairs, seen = fields("trade"), Counter[bool]()
    for edge, places in product(EDGES, (0, 1, 2, 9, 17, 18, 19)):
        number = pointed(edge, places)
        for text in (number, "00" + number, number + "0" * 3 if "." in number else number):
            values = {b"p": b'"%b"' % text.encode(), b"q": b'"%b"' % text[:9].encode()}
            message = joined([(key, values.get(key, value)) for key, value in pairs])
            seen[read("trade", message, (digits, min(digits, 8)))] += 1
    assert seen[False] > 20
    assert seen[True] > 20 or digits > 16, seen


@pytest.mark.parametrize("digits", range(1, 20))
def test_ints_are_plain_up_to_fifteen_digits(digits: int) -> None:
    pair = Pair()
    for number in (10 ** (digits - 1), 10**digits - 1, 10**digits // 7):
        for key, value in ((b"E", b"%d"), (b"t", b"%d"), (b"x", b"%d"), (b"t", b"0%d")):
            wanted = {key: value % number}
            pairs = [(k, wanted.get(k, v)) for k, v in [*fields("trade"), (b"x", b"1")]]
            plainly = digits <= 15 and value == b"%d"
            assert read("trade", joined(pairs)) is plainly
            pair.hear(STREAMS["trade"].framed(joined(pairs)))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 255, 256, 257, 1000, 65_535, 65_536])
def test_so_many_levels_are_read(count: int) -> None:
    rows = b",".join(b'["%d.25","%d"]' % (n, n % 300) for n in range(count))
    for bids, asks in ((rows, b""), (b"", rows), (rows, rows[:-1])):
        message = b'{"s":"ETHUSDT","U":1,"u":2,"b":[%b],"a":[%b]}' % (bids, asks)
        assert read("depth@100ms", message) is (asks != rows[:-1] or not count)


# What is spoiled


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_cut_or_changed_at_each_byte_is_the_same(kind: str) -> None:
    pair, data = Pair(), STREAMS[kind].framed(TYPICAL[kind])
    kinds = Counter[object]()
    for each in spoiled(data):
        plainly = checks.reads(STREAMS[kind], each, *SCALE)
        kinds[pair.hear(each)[0], plainly] += 1
    assert kinds[list, True] > 100
    assert kinds[list, False] > 20
    assert len(kinds) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_around_a_message_is_the_same(kind: str) -> None:
    pair, stream = Pair(), STREAMS[kind]
    heads = (
        *(stream.head, stream.head[:-1], stream.head + b" ", b" " + stream.head, b"", b"{"),
        *(HEAD, stream.head.replace(b'"data"', b'"x":1,"data"'), stream.head.replace(b"@", b"@@")),
        *(stream.head.replace(b'","data"', b'x","data"'), stream.head.replace(b"eth", b"btc")),
        *(Stream(other, Plain).head for other in KINDS),
        stream.head.replace(b'","data":', b'","data":{"s":"ETHUSDT"},"data":'),
    )
    for head, tail in product(heads, (b"}", *spellings.TAILS)):
        data = head + TYPICAL[kind] + tail
        assert checks.reads(stream, data, *SCALE) is (head == stream.head and tail == b"}")
        pair.hear(data)


# Whatever is drawn


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_is_the_same(kind: str) -> None:
    pair, stream, seen = Pair(), STREAMS[kind], Counter[bool]()

    @settings(OFTEN, max_examples=150)
    @given(st.randoms(use_true_random=False), scales)
    def law(random: Any, scale: Digits) -> None:
        data = a_frame(random, stream, scale)
        seen[checks.reads(stream, data, *scale)] += 1
        pair.hear(data, scale)

    law()
    assert min(seen[True], seen[False]) > 10, seen  # of 150: neither way is the rare one


@pytest.mark.parametrize("kind", KINDS)
def test_many_frames_are_the_same(kind: str) -> None:
    pair, stream, seen = Pair(), STREAMS[kind], Counter[bool]()
    for seed in range(1500):
        random = Random(seed)
        scale = random.choice((SCALE, (8, 8), (random.randrange(19), random.randrange(19))))
        data = a_frame(random, stream, scale)
        seen[checks.reads(stream, data, *scale)] += 1
        pair.hear(data, scale)
    assert min(seen[True], seen[False]) > 300, seen


@settings(OFTEN, max_examples=300)
@given(st.sampled_from(KINDS), st.binary(max_size=40), st.integers(0, 200), st.integers(0, 4))
def test_any_bytes_anywhere_are_the_same(kind: str, more: bytes, at: int, span: int) -> None:
    data = STREAMS[kind].framed(TYPICAL[kind])
    data = data[:at] + more + data[at + span :]
    checks.reads(STREAMS[kind], data, *SCALE)
    PAIR.hear(data)


PAIR = Pair()


# What it is made of

GOOD: dict[str, PlainKind] = {"a": "integer", "b": "price?", "s": "symbol"}
FULL = {f"key_{n:03}"[:7]: "flag" for n in range(16)}


@pytest.mark.parametrize("made", [COMPILED.Plain, Plain])
@pytest.mark.parametrize(
    ("symbol", "wrong", "says"),
    [
        ("AB", {f"f{n}": "flag" for n in range(17)}, "up to 16 fields, .*, not 17"),
        ("AB", {"": "flag"}, "up to 7 letters each: '' is no key"),
        ("AB", {"eightlet": "flag"}, "up to 7 letters each: 'eightlet' is no key"),
        ("AB", {"é": "flag"}, "'é' is no key"),
        ("AB", {"\U0001f600" * 7: "flag"}, "is no key"),
        ("AB", {"a\n": "flag"}, "is no key"),
        ("AB", {'"': "flag"}, "is no key"),
        ("AB", {"a": "text"}, "'text' of a is none of integer, price"),
        ("AB", {"a": "levels?"}, "'levels\\?' of a is none of"),
        ("AB", {"a": "integer??"}, "is none of"),
        ("AB", {"a": ""}, "is none of"),
        ('A"B', GOOD, "spell this symbol"),
        ("A\\B", GOOD, "spell this symbol"),
        ("A\nB", GOOD, "spell this symbol"),
        ("\ud800", GOOD, "spell this symbol"),
    ],
)
def test_what_no_message_is_made_of_is_refused(
    made: Any, symbol: str, wrong: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        made(b"{", symbol, wrong)
    assert "\n" not in str(caught.value)
    assert caught.type is ValueError


@pytest.mark.parametrize("made", [COMPILED.Plain, Plain])
def test_what_just_fits_is_taken(made: Any) -> None:
    for some in (FULL, MappingProxyType(FULL), {}, {"abcdefg": "price?"}, {"A_9": "symbol"}):
        made(b"", "", some)


def test_sixteen_fields_of_seven_letters_are_all_read() -> None:
    keys = [f"field{n:02}" for n in range(16)]
    kinds: Mapping[str, Any] = dict.fromkeys(keys, "integer")
    message = b"{" + b",".join(b'"%b":%d' % (key.encode(), n) for n, key in enumerate(keys))
    one = COMPILED.Plain(b"", "", kinds)
    assert one.read(message + b"}}", 0, 0) == (*range(16),)
    assert one.read(message + b',"field16":16}}', 0, 0) == (*range(16),)
    for n, key in enumerate(keys):
        without = message.replace(b'"%b":%d' % (key.encode(), n), b'"x":1')
        assert one.read(without + b"}}", 0, 0) is None


def test_what_may_be_missing_is_nothing_then() -> None:
    one = COMPILED.Plain(b"", "AB", {"a": "integer?", "b": "price?", "c": "size?"})
    assert one.read(b'{"x":1}}', 2, 3) == (0, 0, 0)
    assert one.read(b'{"b":"1.5"}}', 2, 3) == (0, 150, 0)
    assert one.read(b'{"c":"1.5"}}', 2, 3) == (0, 0, 1500)
    assert one.read(b"{}}", 2, 3) is None


@pytest.mark.parametrize("native", ["币安人生USDT", "ÄÖ", "A\x7fB", "1000SHIB", "BTCUSDT_210625"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_symbol_of_any_script_is_read(kind: str, native: str) -> None:
    """Where the frame has it as the stream has; otherwise it is the decoder's."""
    stream, pair = Stream(kind, COMPILED.Plain, native), Pair(native)
    data = stream.framed(TYPICAL[kind].replace(NATIVE.encode(), native.encode()))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in native).encode()
    for spelled, plainly in ((native.encode(), True), (escaped, False)):
        each = data.replace(b'"s":"%b"' % native.encode(), b'"s":"%b"' % spelled)
        assert checks.reads(stream, each, *SCALE) is plainly
        assert pair.hear(each)[0] is list
    for other in (b"X", native.encode()[:-1], native.encode() + b"X", b"\xff"):
        pair.hear(data.replace(b'"s":"%b"' % native.encode(), b'"s":"%b"' % other))


# What was recorded


WANTED = {"depth", "trade", "aggTrade", "bookTicker"}


class Watched:
    """The compiled `Plain`, of which each reading is looked at."""

    reads: ClassVar = True
    seen: ClassVar = Counter[str]()

    def __init__(self, head: bytes, symbol: str, plain: dict[str, PlainKind]) -> None:
        kind = next(each for each in KINDS if STREAMS[each].message.plain is plain)
        self._stream = Stream(kind, COMPILED.Plain, symbol)
        self._stream.head, self._stream.plain = head, COMPILED.Plain(head, symbol, plain)

    def read(self, data: bytes, price: int, size: int) -> tuple[Any, ...] | None:
        values = self._stream.plain.read(data, price, size)
        self.seen["asked"] += 1
        if values is not None:
            self.seen["read"] += 1
            assert shapes(values) == shapes(self._stream.decoded(data, price, size))
        return values


def check_recorded(session: Session, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """That all that is read plainly is read right, and that nearly all is; the log is the old one."""
    monkeypatch.setattr("tapefold_adapters.binance.exchange.Plain", Watched)
    monkeypatch.setattr(Watched, "seen", Counter[str]())
    replay, heads, frames = Replay(session), set[bytes](), 0
    while replay.play(1000):
        pass
    assert replay.digests().log == session.meta.digests.log
    for line in session.lines():
        data = bytes(line.data)
        head = data[: data.find(b'"', len(HEAD))]
        if line.kind == "recv" and data.startswith(HEAD) and head.split(b"@")[1].decode() in WANTED:
            frames += 1
            heads.add(head)
    # The first of each stream is heard before it is known.
    assert Watched.seen["asked"] >= frames - len(heads), (frames, heads)
    assert Watched.seen["read"] > 0.99 * Watched.seen["asked"]
    return Watched.seen


@pytest.mark.parametrize("capture", CAPTURES)
def test_nearly_all_that_was_recorded_is_read_plainly_and_right(
    capture: str, recorded: Callable[[str], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(COMPILED):
        seen = check_recorded(recorded(capture), monkeypatch)
    assert seen["read"] > (60_000 if capture.startswith("hft") else 200), seen


def test_nearly_all_of_the_bundled_session_is_read_plainly_and_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert check_recorded(Session(bundled()), monkeypatch)["read"] > 100


# Whether a difference would be seen


def test_a_value_that_is_another_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def read(self, *_: object) -> tuple[Any, ...]:
            return (1, 2)

    monkeypatch.setattr(STREAMS["trade"], "plain", Wrong())
    with pytest.raises(Differs, match=r"compiled: .*2.*\n  defined:  .*ETHUSDT"):
        read("trade", TYPICAL["trade"])
    with pytest.raises(Differs, match="ValidationError"):
        read("trade", b"{")
