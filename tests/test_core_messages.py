"""The compiled core is its definition: frames of streams, which it reads without a JSON decoder.

Needs no door: an adapter that has the compiled shortcut and one that has none are given the same frames.
"""

import json
from random import Random
from typing import Any

import pytest
from core_sides import EDGES
from two_cores import DEFINITION, NATIVE, Core, outcome, running, same

from tapefold import AnyEvent, Frame, InstrumentListed, load_adapter, scaled
from tapefold.units import TooLarge, plain
from tapefold_adapters.binance.streams import (
    AggregateTradeMessage,
    DepthMessage,
    Streamed,
    TickerMessage,
    TradeMessage,
)

Pairs = list[tuple[str, Any]]
T = 1_723_104_000_123
DEPTH: Pairs = [
    *(("e", "depthUpdate"), ("E", T), ("T", T - 3), ("s", "AB"), ("U", 7), ("u", 9), ("pu", 6)),
    *(("b", [["1.25", "0"], ["1.2", "3.5"]]), ("a", [])),
]
TRADE: Pairs = [
    *(("e", "trade"), ("E", T), ("T", T - 3), ("s", "AB"), ("t", 70_000), ("p", "1.25")),
    *(("q", "3.500"), ("X", "MARKET"), ("m", True)),
]
AGGREGATE: Pairs = [
    *(("e", "aggTrade"), ("E", T), ("s", "AB"), ("a", 12), ("p", "1.25"), ("q", "3.5")),
    *(("f", 100), ("l", 105), ("T", T - 3), ("m", False), ("M", True)),
]
TICKER: Pairs = [
    *(("u", 400_900_217), ("s", "AB"), ("b", "1.25"), ("B", "31.210"), ("a", "1.26")),
    ("A", "40.66"),
]
FRAMES: dict[str, tuple[type[Streamed], Pairs]] = {
    "depth@100ms": (DepthMessage, DEPTH),
    "trade": (TradeMessage, TRADE),
    "aggTrade": (AggregateTradeMessage, AGGREGATE),
    "bookTicker": (TickerMessage, TICKER),
}
STREAMS = [*FRAMES]
SCALES = [(2, 3), (8, 8), (0, 0), (1, 2), (18, 18), (17, 18)]


def said(stream: str, pairs: Pairs, gap: str = "") -> bytes:
    """A frame of these fields in this order, each as often as it is among them."""
    separators = (f",{gap}", f":{gap}")
    inner = separators[0].join(
        f'"{key}":{gap}{json.dumps(value, separators=separators)}' for key, value in pairs
    )
    return f'{{"stream":"ab@{stream}",{gap}"data":{gap}{{{inner}}}}}'.encode()


class Twins:
    """Two adapters that know these streams already."""

    def __init__(self, scale: tuple[int, int] = (2, 3)) -> None:
        row = InstrumentListed(
            instrument=1,
            exchange="binance",
            symbol="A-B",
            native_symbol="AB",
            price_digits=scale[0],
            size_digits=scale[1],
        )
        self._known, self._adapters = {"AB": row}, dict[Core, Any]()
        for core in (NATIVE, DEFINITION):
            self._adapters[core] = load_adapter("binance")
            with running(core):
                for stream, (_, pairs) in FRAMES.items():
                    outcome(self._decode, core, said(stream, pairs))

    def _decode(self, core: Core, data: bytes) -> list[AnyEvent]:
        return [*self._adapters[core].decode(Frame(T, "binance/1", "recv", data), self._known)]

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """What both make of a frame, or how both refuse it."""
        results: list[tuple[Any, ...]] = []
        for core in (NATIVE, DEFINITION):
            with running(core):
                results.append(outcome(self._decode, core, data))
        assert results[0] == results[1]
        return results[0]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_frame_is_the_same_event_in_every_scale(stream: str, scale: tuple[int, int]) -> None:
    """Also where it needs a finer one, and is an instrument's new listing as well."""
    kind, *events = Twins(scale).decode(said(stream, FRAMES[stream][1]))
    if kind is not TooLarge:  # 31.21 needs 19 digits and more in the finest scale
        assert kind is list
        assert len(events[0]) == (1 if scale >= (2, 3) else 2)
    assert (kind is TooLarge) == (stream == "bookTicker" and 18 in scale)


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_common_the_core_reads_itself(stream: str) -> None:
    """So no test here is of the definition alone, which leaves all to the decoder of JSON."""
    kind, pairs = FRAMES[stream]
    head = f'{{"stream":"ab@{stream}","data":'.encode()
    for core, reads in ((NATIVE, True), (DEFINITION, False)):
        reader = core.Plain(head, "AB", kind.plain)
        for frame in (said(stream, pairs), said(stream, pairs[::-1])):
            assert (reader.read(frame, 2, 3) is not None) is reads
            assert reader.read(frame, 19, 3) is reader.read(frame, 2, -1) is None
            assert reader.read(frame + b" ", 2, 3) is reader.read(b"", 2, 3) is None


SMALL = b'"\\{}[]:,.-+0179eEtn \n\0\x7f\xc3\xff'
"""What a byte of JSON may be taken for."""


@pytest.mark.parametrize("stream", STREAMS)
def test_every_small_wrong_in_a_frame_is_the_same(stream: str) -> None:
    """Cut at each byte; each byte gone, doubled, or another one, or with another one before it."""
    twins, frame = Twins(), said(stream, FRAMES[stream][1])
    for at in range(len(frame) + 1):
        head, here, rest = frame[:at], frame[at : at + 1], frame[at + 1 :]
        for wrong in (head, head + rest, head + here + here + rest):
            twins.decode(wrong)
        for code in SMALL:
            twins.decode(head + bytes((code,)) + rest)
            twins.decode(head + bytes((code,)) + here + rest)


VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 10**14, 10**15 - 1, 10**15, 2**63 - 1, 2**63, 2**64, 10**40, 1.0, 1.5, 1e300),
    *(True, False, None, "", "AB", "ab", "x", "1", "1.", ".5", "007", "1.50", "1.234567", "-1"),
    *("9" * 18, "9" * 19, "9" * 70, "0." + "0" * 70, "é", '"', "\\", "\n", "\x7f", "\U0001f600"),
    *(
        [],
        {},
        [[]],
        [["1", "2"]],
        [["1", "x"]],
        [["1.12345", "2"]],
        [["9" * 19, "0"]],
        [["1", "2", "3"]],
        [["1", 2]],
        [None],
        {"a": 1},
        [["1", "2.5"]] * 300,
    ),
)
"""What no field, or another one, would have."""


def varied(stream: str, seed: int) -> bytes:
    """A frame with fields in another order, missing, twice, new, or of another value."""
    random = Random(seed)
    pairs = [*FRAMES[stream][1]]
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        at, how = random.randrange(len(pairs)), random.randrange(6)
        key, value = pairs[at]
        if how == 0:
            pairs[at] = key, random.choice(VALUES)
        elif how == 1:
            del pairs[at]
        elif how == 2:
            pairs.insert(random.randrange(len(pairs)), (key, random.choice((value, *VALUES))))
        elif how == 3:
            keys = (*"sETUupqmbBaAt", "x", "", "pu ", "depthUpdate", "é", "s\\u0020")
            pairs.insert(at, (random.choice(keys), random.choice(VALUES)))
        elif how == 4:
            random.shuffle(pairs)
        elif isinstance(value, str):
            pairs[at] = key, plain(random.choice(EDGES), random.randrange(12))
        else:
            pairs[at] = key, random.choice(EDGES)
    return said(stream, pairs, random.choice(("", "", "", "", " ", "\n")))


@pytest.mark.parametrize("stream", STREAMS)
def test_whatever_stands_in_a_frame_it_is_read_or_refused_the_same(stream: str) -> None:
    twins, kinds = Twins(), set[type]()
    for seed in range(4000):
        kinds.add(twins.decode(varied(stream, seed))[0])
    assert len(kinds) > 4  # what is told, and errors of several kinds


def test_numbers_of_a_frame_are_those_of_their_texts() -> None:
    """Whether the core reads them itself or not."""
    twins = Twins((8, 8))
    for edge in EDGES:
        for places in (0, 1, 8):
            text = plain(edge, places)
            for zeros in ("", "00"):
                number = zeros + text
                pairs = [(key, number if key in "pq" else value) for key, value in TRADE]
                result = twins.decode(said("trade", pairs))
                wanted = outcome(scaled, number, 8)
                if wanted[0] is int:
                    (event,) = result[1]
                    assert event.price == event.size == wanted[1]
                else:
                    assert result[0] is wanted[0]


@pytest.mark.parametrize(
    ("symbol", "fields"),
    [
        ("AB", {"eightlet": "price"}),
        ("AB", {"": "price"}),
        ("AB", {"éééé": "price"}),
        ("AB", {"p": "prices"}),
        ("AB", {"b": "levels?"}),
        ("AB", {f"f{n}": "integer" for n in range(17)}),
        ('A"B', {}),
        ("A\\B", {}),
        ("A\ud800", {}),
    ],
)
def test_fields_that_cannot_be_read_are_refused_with_the_same_words(
    symbol: str, fields: dict[str, str]
) -> None:
    """The core has room for no others."""
    assert same("Plain", b"{", symbol, fields)[0] is ValueError
