"""The faults that are planted in a tape, each at one line, and what must hold right after it."""

from collections.abc import Callable
from typing import Final, TypeAlias

from tapefold.events import BookInvalidated, FrameRejected
from tapefold.folds.book import Book
from tapefold.testing.conformance.driver import Driver
from tapefold.units import Nanos

CUT: Final = 1006
"""The close code of a connection that was cut."""
LATE: Final = 2
"""Frames of the same book that overtake one that is delayed."""
Fault: TypeAlias = Callable[[Driver, Nanos], list[tuple[str, str]]]
"""Plants it at the driver's next moment: the invariants that did not hold, and how."""


def drop(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """The frame never comes."""
    del silence_max
    driver.step(lost=True)
    return []


def duplicate(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """The frame comes twice."""
    del silence_max
    moment = driver.step()
    before, driver.heard.events = _state(driver), []
    driver.deliver(moment)
    broken = [each for each in driver.heard.events if isinstance(each, BookInvalidated)]
    driver.go_on()
    if broken or _state(driver) != before:
        return [("once", "a frame that came twice changed a book")]
    return []


def delay(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """The frame comes after the next ones of the same book."""
    del silence_max
    at = driver.at
    numbers, late = {*driver.market.books(at)}, 0
    moment = driver.step(lost=True)
    while late < LATE and driver.at < len(driver.market.moments):
        late += driver.market.moments[driver.at].kind == "recv" and not numbers.isdisjoint(
            driver.market.books(driver.at)
        )
        driver.step()
    driver.deliver(moment)
    driver.go_on()
    return []


def half(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """Of the frame comes the first half."""
    del silence_max
    moment = driver.step(lost=True)
    before, driver.heard.events = _state(driver), []
    heard = driver.deliver(moment, moment.data[: len(moment.data) // 2])
    broken, after = driver.heard.events, _state(driver)
    driver.go_on()
    if not heard:
        return []
    if not any(isinstance(each, FrameRejected) for each in broken):
        return [("half_told", "half a frame was read as if it were one")]
    if after != before:
        return [("half_told", "half a frame changed a book")]
    return []


def cut(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """The connection breaks: the frame is lost, and all that follow until there is another one."""
    del silence_max
    moment = driver.market.moments[driver.at]
    url = driver.up.get(moment.lane, "")
    driver.step(lost=True)
    if not driver.hang_up(moment.lane, CUT):
        return []
    elsewhere = {number for lane in driver.to for number in driver.truth.carried(driver.up[lane])}
    alive = [
        number
        for number in driver.truth.carried(url)
        if number not in elsewhere and driver.book(number).state == "live"
    ]
    driver.go_on()
    return [("cut_told", "a book is live whose connection is down")] if alive else []


def silent(driver: Driver, silence_max: Nanos) -> list[tuple[str, str]]:
    """The connection stays up, and nothing comes on it any more."""
    moment = driver.market.moments[driver.at]
    lane, since = driver.to.get(moment.lane), driver.time
    while lane and driver.to.get(moment.lane) == lane:
        if driver.time - since > silence_max:
            return [("silence_told", f"{silence_max} ns of silence, and its books are live")]
        if driver.at == len(driver.market.moments):
            driver.rest(since + silence_max + 1)
            continue
        following = driver.market.moments[driver.at]
        driver.step(lost=following.kind == "recv" and following.lane == moment.lane)
    return []


def _state(driver: Driver) -> list[object]:
    """All books, as far as people can ask."""
    return [_seen(driver.book(number)) for number in driver.truth.numbers]


def _seen(book: Book) -> object:
    return book.state, book.sequence, {**book.bids.levels}, {**book.asks.levels}


FAULTS: Final[dict[str, Fault]] = {
    "drop": drop,
    "duplicate": duplicate,
    "delay": delay,
    "cut": cut,
    "half": half,
    "silent": silent,
}
"""By name."""
RARE: Final = {"silent": 40}
"""Of those that take long, at how many lines one is planted for each of the others'."""
LANE_FAULTS: Final = ("cut", "silent")
"""Those after which a kernel has another connection, and so other books."""
