"""How strong a recording is as a test: one changed digit must show, a changed spelling must not.

The replay door, since what is tested is that every number that is read reaches an event: sockets
would add nothing. A hash of the tape's bytes does not count, and none is looked at here.
"""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tapefold.errors import Mismatch
from tapefold.log import open_log
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.testing.mutation import Edited, by_digests
from tapefold.verify import verify_session

SPOT, FUTURES = "cryptofeed/BINANCE_US-20211012", "cryptofeed/BINANCE_FUTURES-20210722"
TIMES = 200
READ = re.compile(rb'"stream":"[a-z0-9]+@(depth|aggTrade|trade|bookTicker)')
# One number each, as Binance prints it: where in a frame the fields of each kind stand.
FIELDS: dict[str, re.Pattern[bytes]] = {
    "price": re.compile(rb'(?:"[pba]":"|\[")([0-9.]+)"'),
    "size": re.compile(rb'(?:"[qBA]":"|",")([0-9.]+)"'),
    "id": re.compile(rb'"(?:U|u|pu|t|a)":([0-9]+)'),
    "time": re.compile(rb'"[ET]":([0-9]+)'),
    "side": re.compile(rb'"m":(true|false)'),
}
# What nothing reads, as the adapter lists it by name; of these the recordings have `f` and `l`.
UNREAD = re.compile(rb'"[fl]":([0-9]+)')


def frames(
    session: Session, field: re.Pattern[bytes]
) -> list[tuple[int, bytes, list[re.Match[bytes]]]]:
    """The frames that some channel reads and that have such a field, with all places of it."""
    found = (
        (number, bytes(line.data), [*field.finditer(bytes(line.data))])
        for number, line in enumerate(session.lines(), 1)
        if line.kind == "recv" and READ.search(bytes(line.data)[:80])
    )
    return [(number, data, places) for number, data, places in found if places]


def changed(data: bytes, place: re.Match[bytes], rng: random.Random) -> bytes:
    """One digit of one number another one; or the side turned round."""
    start, end = place.span(1)
    if not data[start : start + 1].isdigit():
        other = b"false" if data[start:end] == b"true" else b"true"
        return data[:start] + other + data[end:]
    at = rng.choice([i for i in range(start, end) if data[i : i + 1].isdigit()])
    digit = (int(data[at : at + 1]) + rng.randrange(1, 10)) % 10
    return data[:at] + b"%d" % digit + data[at + 1 :]


@pytest.mark.parametrize(
    ("field", "capture"),
    [
        *((field, FUTURES) for field in FIELDS),
        ("price", SPOT),
        ("size", SPOT),
        ("id", SPOT),
        ("time", SPOT),
    ],
)
def test_one_changed_digit_is_noticed(
    field: str, capture: str, recorded: Callable[[str], Session]
) -> None:
    rng = random.Random(field)
    session = recorded(capture)
    noticed = by_digests(session)
    places = frames(session, FIELDS[field])
    missed: list[bytes] = []
    for _ in range(TIMES):
        number, data, found = rng.choice(places)
        new = changed(data, rng.choice(found), rng)
        if not noticed(Edited(session, {number: new})):
            missed.append(new)
    assert len(missed) < 0.05 * TIMES, missed[:5]


def respelled(data: bytes, rng: random.Random) -> bytes:
    """The same message as another library might print it."""
    message: dict[str, Any] = json.loads(data)
    inner: dict[str, Any] = message["data"]
    message["data"] = inner = dict(sorted(inner.items(), key=lambda _: rng.random()))
    inner["unheard_of"] = {"of": [1, "2.5"]}
    for key in ("p", "q", "b", "B", "a", "A"):
        if isinstance(inner.get(key), str) and "." in inner[key]:
            inner[key] += "000"
        elif isinstance(inner.get(key), list):
            inner[key] = [[p + ("0" if "." in p else ".0"), s] for p, s in inner[key]]
    order = [*message.items()]
    rng.shuffle(order)
    return json.dumps(dict(order), indent=None, separators=(" , ", " :  ")).encode()


@pytest.mark.parametrize("capture", [SPOT, FUTURES])
def test_another_spelling_is_never_noticed(
    capture: str, recorded: Callable[[str], Session]
) -> None:
    rng = random.Random(capture)
    session = recorded(capture)
    every = frames(session, re.compile(rb'("s":")'))
    changes = {number: respelled(data, rng) for number, data, _ in every}
    assert len(changes) > 100
    assert not by_digests(session)(Edited(session, changes))


def test_what_is_listed_as_read_by_nobody_is_not(recorded: Callable[[str], Session]) -> None:
    """Were it noticed, the list in the adapter would be wrong, and this test the place to say so."""
    rng = random.Random(0)
    session = recorded(FUTURES)
    noticed = by_digests(session)
    for number, data, found in frames(session, UNREAD):
        place = rng.choice(found)
        new = changed(data, place, rng)
        if new[place.start(1) : place.start(1) + 1] == b"0":
            continue  # no number in JSON begins with a zero
        assert not noticed(Edited(session, {number: new}))


def test_a_digit_that_breaks_a_chain_is_named_by_position_event_and_field(
    recorded: Callable[[str], Session], tmp_path: Path
) -> None:
    """The kernel then asks for a snapshot that is not on the tape; that must not hide the place."""
    session = recorded(SPOT)
    log = open_log(tmp_path / "log")
    replay = Replay(session, log)
    while replay.play(10_000):
        pass
    log.close()
    number, data, found = frames(session, re.compile(rb'"U":([0-9]+)'))[100]
    place = found[0].start(1) + 3
    new = data[:place] + b"9" + data[place + 1 :]
    with pytest.raises(Mismatch, match=r"^position \d+, \w+, (the event itself|first)"):
        verify_session(Edited(session, {number: new}), tmp_path / "log")
