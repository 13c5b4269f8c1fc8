"""All of it as cases: a sweep of what is at an edge or hostile, and as many mutations as are wanted."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from random import Random
from typing import Any, TypeAlias

from core_fuzz import checks, messages, numbers, packs, spellings, stories
from core_fuzz.checks import Apply, Move, Replace, Rescale
from core_fuzz.messages import Stream
from core_fuzz.seats import SEATS
from core_fuzz.stories import Body
from tapefold import core
from tapefold.events import AnyEvent

Case: TypeAlias = Callable[[], object]


def sweep() -> Iterator[Case]:
    """Everything that can be listed."""
    yield from _numbers()
    yield from _levels()
    yield from _sides()
    yield from _folds()
    yield from _frames()
    yield from _of_no_type()


def mutation(seed: int, number: int) -> Case:
    """The case of that number: the same whatever ran before it."""
    rng = Random(f"{seed}/{number}")
    kind = (_a_number, _some_levels, _a_side, _a_fold, _some_frames)[number % 5]
    return partial(kind, rng)


# The sweep


def _numbers() -> Iterator[Case]:
    edges = [numbers.pointed(edge, n) for edge in numbers.EDGES for n in (0, 1, 2, 9, 17, 18, 19)]
    digits = (*numbers.DIGITS, *numbers.BEYOND)
    for text, scale in product((*numbers.STRANGE, *edges), digits):
        yield partial(checks.number, text, scale)


def _levels() -> Iterator[Case]:
    common = numbers.levels([["2683.81", "0.005"], ["2683.80", "0.000"], ["0", "12345678901"]])
    for data, seat in product(numbers.JSON_STRANGE, SEATS):
        yield partial(checks.packs, data, 2, 3, seat)
    for cut, seat in product(range(len(common) + 1), SEATS):
        yield partial(checks.packs, common[:cut], 2, 3, seat)
    for at, bit in product(range(len(common) + 1), numbers.JSON_BITS):
        yield partial(checks.packs, common[:at] + bit + common[at:], 2, 3, "before digits")
        yield partial(checks.packs, common[:at] + bit + common[at + 1 :], 2, 3, "exact")
    for text, scale in product((*numbers.STRANGE, *numbers.EDGES), numbers.DIGITS):
        yield partial(checks.packs, numbers.levels([["1", "2"], [text, text]]), scale, scale)
    for price, size in product((0, 2, 18, *numbers.BEYOND), (0, 3, *numbers.BEYOND)):
        yield partial(checks.packs, common, price, size)
        yield partial(checks.packs, b'[["10","700"],["2","3"]]', price, size)
    for count in packs.COUNTS:
        rows = [[f"{n}.5", f"{n % 300}"] for n in range(count)]
        yield partial(checks.packs, numbers.levels(rows), 1, 0, "exact")


def _sides() -> Iterator[Case]:
    common = packs.packed([5, 300, 70_000, 2**40], [1, 0, 128, 2**63 - 1])
    first = Apply(packs.packed([5, 6, 300], [9, 9, 9]))
    for data, seat in product((*packs.ill_made(), common), SEATS):
        yield partial(checks.side, 1, (first, Apply(data, seat)))
    for cut, seat in product(range(len(common)), SEATS):
        yield partial(checks.side, -1, (first, Apply(common[:cut], seat)))
    for at, head in product(range(len(common)), packs.HEADS):
        data = common[:at] + bytes((head,)) + common[at + 1 :]
        yield partial(checks.side, 1, (first, Apply(data, "exact"), Apply(data, "before zeros")))
    for count in packs.COUNTS:
        yield partial(checks.side, 1, _grown_and_shrunk(list(range(count))))
    for prices in ([*packs.COLLIDING], [n * 2**40 for n in range(3000)], [*packs.INTS]):
        yield partial(checks.side, 1, _grown_and_shrunk(prices))
        yield partial(checks.side, -1, _grown_and_shrunk(prices[::-1]))


def _grown_and_shrunk(prices: list[int]) -> list[Move]:
    """All of them, half of them, none of them, all again, and each of them by itself."""
    nothing, one = [0] * len(prices), [1] * len(prices)
    singly = [
        Apply(packs.packed([p], [n % 2]), look=n % 3 == 0) for n, p in enumerate(prices[:400])
    ]
    return [
        Apply(packs.packed(prices, one), "exact"),
        Apply(packs.packed(prices[::2], nothing[::2]), look=False),
        *singly,
        Apply(packs.packed(prices, nothing), "exact"),
        Apply(packs.packed(prices * 2, one + nothing)),
        Replace(dict.fromkeys(prices, 7)),
        Rescale(10, 100),
        *singly,
    ]


def _folds() -> Iterator[Case]:
    rng = Random(1)
    story = [stories.an_event(rng) for _ in range(12)]
    openings = [*stories.openings()]
    for opening in openings:
        for made in (*stories.corpus(), stories.body(*story), Body(b"", 0)):
            yield partial(checks.folds, opening, made, made)
            for count in (-1, 0, 1, made.events - 1, made.events + 1, 256, 65_535, 65_536, 2**40):
                yield partial(checks.folds, opening, Body(made.data, count))
    live = openings[-1]
    one_of_each = {type(event): event for event in (stories.an_event(rng) for _ in range(200))}
    for event in one_of_each.values():
        yield from _spoiled(live, stories.body(event).data)
    for made in stories.corpus():
        for cut in range(0, len(made.data), 997):
            yield partial(checks.folds, live, Body(made.data[:cut], made.events))


def _spoiled(opening: tuple[AnyEvent, ...], data: bytes) -> Iterator[Case]:
    """An event cut at each byte, alone and behind another, and with other heads in its first bytes."""
    before = stories.body(stories.listed(0)).data
    for cut in range(min(len(data), 400)):
        yield partial(checks.folds, opening, Body(data[:cut], 1))
        yield partial(checks.folds, opening, Body(before + data[:cut], 2))
    for at in range(min(len(data), 40)):
        for head in packs.HEADS[at % 5 :: 5]:
            other = data[:at] + bytes((head,)) + data[at + 1 :]
            yield partial(checks.folds, opening, Body(other, 1))


def _frames() -> Iterator[Case]:
    for kind, message in messages.TYPICAL.items():
        stream = Stream(kind, core.Plain)
        for data in spellings.spoiled(stream.framed(message)):
            yield partial(checks.reads, stream, data, 2, 3)
        for digits in (*numbers.DIGITS, *numbers.BEYOND):
            yield partial(checks.reads, stream, stream.framed(message), digits, digits)
        for tail in spellings.TAILS:
            yield partial(checks.reads, stream, stream.head + message + tail, 2, 3)
            yield partial(checks.hears, stream.head + message + tail, 2, 3)
        for key, each in product(spellings.UNKNOWN, spellings.UNREAD):
            data = stream.framed(b'{"%b":%b,' % (key, each) + message[1:])
            yield partial(checks.reads, stream, data, 2, 3)
        wanted = next(iter(stream.message.plain)).encode()
        for each in (odd for values in spellings.ODD.values() for odd in values):
            data = stream.framed(
                message.replace(b'"%b":' % wanted, b'"%b":%b,"x":' % (wanted, each))
            )
            yield partial(checks.reads, stream, data, 2, 3)
            yield partial(checks.hears, data, 2, 3)


def _of_no_type() -> Iterator[Case]:
    """None above all, which C code that expects a text or bytes may take for one."""
    yield partial(checks.refuses, core.Plain.__new__(core.Plain).read, b"{}", 2, 2)
    for fields in (
        {f"f{n}": "flag" for n in range(400)},
        {"a" * 5000: "flag"},
        {"é\U0001f4b0" * 3: "flag"},
    ):
        yield partial(checks.refuses, core.Plain, b"{", "AB", fields)
    nothing: tuple[Any, ...] = (None, 1, 1.5, [], {}, object(), type)
    for strange in nothing:
        yield partial(checks.refuses, core.scaled, strange, 2)
        yield partial(checks.refuses, core.scaled, "1", strange if strange != 1 else "1")
        yield partial(checks.refuses, core.pack_levels, strange, 2, 2)
        yield partial(checks.refuses, core.Half(1).apply, strange)
        yield partial(checks.refuses, core.Half(1).replace, strange if strange != {} else None)
        yield partial(checks.refuses, core.Plain, strange, "AB", {"a": "flag"})
        yield partial(checks.refuses, core.Plain, b"{", strange, {"a": "flag"})
        yield partial(checks.refuses, core.Plain, b"{", "AB", strange or None)
        yield partial(checks.refuses, core.Plain, b"{", "AB", {"a": strange})
        yield partial(checks.unread, core.Plain(b"{", "AB", {"a": "flag"}), strange)
        yield partial(checks.refuses, core.fold_events, strange, b"\x90", 1, None)
        yield partial(checks.refuses, core.fold_events, None, strange, 1, None)
        yield partial(checks.refuses, core.fold_events, None, b"\x90", strange, None)


# Mutations


def _digits(rng: Random) -> int:
    return rng.choice(numbers.DIGITS) if rng.random() < 0.9 else rng.randint(0, 18)


def _a_number(rng: Random) -> None:
    digits = _digits(rng)
    for _ in range(20):
        text = numbers.a_number(rng, digits)
        if rng.random() < 0.3:
            data = packs.mutated(rng, text.encode("utf-8", "surrogatepass"), numbers.JSON_BITS)
            text = data.decode("utf-8", rng.choice(("replace", "surrogateescape")))
        checks.number(text, digits)


def _some_levels(rng: Random) -> None:
    price, size = _digits(rng), _digits(rng)
    data = numbers.some_levels(rng, price, size)
    checks.packs(data, price, size, rng.choice([*SEATS]))
    for _ in range(8):
        spoiled = packs.mutated(rng, data, numbers.JSON_BITS)
        checks.packs(spoiled, price, size, rng.choice([*SEATS]))


def _a_side(rng: Random) -> None:
    moves = _churn(rng) if rng.random() < 0.6 else _moves(rng)
    checks.side(rng.choice((-1, 1)), moves)


def _churn(rng: Random) -> list[Move]:
    """Few prices that come and go, so that the best is a removed one all the time."""
    few = rng.choice((3, 6, 12, 40))
    prices = [[rng.randrange(few) for _ in range(rng.choice((1, 1, 2, few)))] for _ in range(60)]
    sides = (packs.packed(some, [rng.choice((0, 0, 1, 2)) for _ in some]) for some in prices)
    return [Apply(data, look=rng.random() < 0.8) for data in sides]


def _moves(rng: Random) -> list[Move]:
    """All that can be done to a side, some of it ill made."""
    near = rng.choice((0, 0, 0, 2**31, 2**32 - 100, 2**63 - 300))
    moves: list[Move] = []
    for _ in range(rng.choice((1, 5, 30))):
        kind, data = rng.random(), packs.a_side(rng, near)
        if kind < 0.2:
            data = packs.mutated(rng, data)
        if kind < 0.93:
            moves.append(Apply(data, rng.choice([*SEATS]), rng.random() < 0.7))
        elif kind < 0.96:
            moves.append(Rescale(10 ** rng.randint(0, 3), 10 ** rng.randint(0, 3)))
        else:
            prices = packs.column(rng, 20, 100)
            moves.append(Replace({price: n + 1 for n, price in enumerate(prices)}))
    return moves


def _a_fold(rng: Random) -> None:
    opening = rng.choice([*stories.openings()])
    bodies = [stories.body(*stories.a_story(rng)) for _ in range(rng.choice((1, 2)))]
    if rng.random() < 0.1:
        bodies.append(rng.choice(stories.corpus()))
    checks.folds(opening, *bodies)
    for _ in range(3):
        data, count = rng.choice(bodies)
        checks.folds(opening, Body(packs.mutated(rng, data), count), bodies[0])


def _some_frames(rng: Random) -> None:
    digits = rng.choice(((2, 3), (2, 3), (8, 8), (_digits(rng), _digits(rng))))
    stream = Stream(rng.choice(messages.KINDS), core.Plain)
    for _ in range(8):
        data = spellings.a_frame(rng, stream, digits)
        for each in (data, packs.mutated(rng, data, numbers.JSON_BITS)):
            checks.reads(stream, each, *digits)
            checks.hears(each, *digits)
