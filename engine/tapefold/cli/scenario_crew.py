"""Scenarios run one after the other here, or by several processes: the same outcomes in the same order."""

import signal
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

from tapefold.cli.scenario_ended import STOPS
from tapefold.cli.scenario_modes import NotKept, Work, could_not
from tapefold.scenario import Outcome, Way

Doing: TypeAlias = Callable[[Work], Iterator[Outcome]]
"""What runs a scenario. It goes to other processes by its name."""


class News(NamedTuple):
    """What happened to the work of a number."""

    number: int
    outcome: Outcome | None = None
    """None: it begins, or it is done."""
    done: bool = False


def alone(works: Sequence[Work], do: Doing) -> Generator[News]:
    """All of it in this process. Raises `NotKept`."""
    for number, work in enumerate(works):
        yield News(number)
        for outcome in _told(work, do):
            yield News(number, outcome)
        yield News(number, done=True)


def together(works: Sequence[Work], jobs: int, do: Doing) -> Generator[News]:
    """All of it in several processes, as it happens; they are gone when this ends, however it does.

    Where a process dies, what it was at is told as an outcome that could not be judged. Raises `NotKept`.
    """
    # Whoever is killed leaves its files: below a folder that is removed here.
    with TemporaryDirectory(prefix="tapefold-", ignore_cleanup_errors=True) as scratch:
        yield from _by_crew(works, jobs, do, scratch)


def _by_crew(works: Sequence[Work], jobs: int, do: Doing, scratch: str) -> Generator[News]:
    waiting = [*enumerate(works)][::-1]
    crew: list[_Hand] = []
    try:
        while waiting or any(hand.at for hand in crew):
            while waiting and (hand := _free(crew, min(jobs, len(works)), do, scratch)):
                hand.give(*waiting.pop())
                yield News(hand.number)
            ready = wait([hand.connection for hand in crew if hand.at])
            for hand in [hand for hand in crew if hand.connection in ready]:
                yield hand.hear()
                if hand.dead:
                    crew.remove(hand)
                    yield News(hand.number, done=True)
    finally:
        for hand in crew:
            hand.end()


def _free(crew: "list[_Hand]", most: int, do: Doing, scratch: str) -> "_Hand | None":
    """One that has nothing to do; a new one where there may be more."""
    for hand in crew:
        if hand.at is None:
            return hand
    if len(crew) == most:
        return None
    crew.append(_Hand(do, scratch))
    return crew[-1]


class _Hand:
    """A process that runs scenarios, seen from here."""

    def __init__(self, do: Doing, scratch: str) -> None:
        context = get_context("spawn")  # trio and threads do not survive a fork
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, do, scratch), daemon=True)
        self.at: Work | None = None
        self.number, self.dead = 0, False
        self._ended: list[Way] = []
        try:
            with _undisturbed():
                self._process.start()
        except BaseException:  # Ctrl-C, say: nobody else knows of it yet
            self.end()
            raise
        theirs.close()  # or its end would not be heard

    def give(self, number: int, work: Work) -> None:
        """Something to run."""
        self.at, self.number, self._ended = work, number, []
        with suppress(OSError):  # it is dead; that is heard next
            self.connection.send(work)

    def hear(self) -> News:
        """What it says, or that it died; it blocks until then. Raises `NotKept`."""
        try:
            outcome: Outcome | NotKept | None = self.connection.recv()
        except (EOFError, OSError):
            return News(self.number, self._died())
        if isinstance(outcome, NotKept):
            raise outcome
        if outcome is None:
            self.at = None
            return News(self.number, done=True)
        self._ended.append(outcome.way)
        return News(self.number, outcome)

    def _died(self) -> Outcome:
        self.end()
        assert self.at
        code, work = self._process.exitcode or 0, self.at
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        self.at, self.dead = None, True
        return could_not(work, _next(work, self._ended), f"the process that ran it ended {how}")

    def end(self) -> None:
        """At once: it writes nothing that it must not leave half done."""
        if self.connection.closed:
            return
        self.connection.close()
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()


@contextmanager
def _undisturbed() -> Generator[None]:
    """A process that is started within hears neither Ctrl-C nor a `kill`, which are ours: we end it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # the first start of a process would unmask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *STOPS})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: "Connection[Any, Any]", do: Doing, scratch: str) -> None:
    """The process: run what comes, until nobody is there any more."""
    tempfile.tempdir = scratch
    with suppress(EOFError, OSError):
        while True:
            try:
                for outcome in _told(connection.recv(), do):
                    connection.send(outcome)
                connection.send(None)
            except NotKept as error:
                connection.send(error)


def _told(work: Work, do: Doing) -> Iterator[Outcome]:
    """What it comes to; an error is an outcome as well, and takes nothing from the other scenarios.

    Raises `NotKept`, which is of all of them.
    """
    ended: list[Way] = []
    try:
        for outcome in do(work):
            ended.append(outcome.way)
            yield outcome
    except NotKept:
        raise
    except Exception as error:  # also a fault of ours: the other scenarios are still told
        yield could_not(work, _next(work, ended), error)


def _next(work: Work, ended: Sequence[Way]) -> Way:
    left: list[Way] = [way for way in work.ways if way not in ended]
    return left[0] if left else work.ways[-1]


class InOrder:
    """News as they would come from one process: of each work only when those before it are done."""

    def __init__(self) -> None:
        self._first, self._later = 0, dict[int, list[News]]()

    def take(self, news: News) -> list[News]:
        """What is to be told now."""
        self._later.setdefault(news.number, []).append(news)
        told: list[News] = []
        while found := self._later.pop(self._first, []):
            told += found
            if not found[-1].done:
                break
            self._first += 1
        return told

    def rest(self) -> list[News]:
        """What is left where it was stopped."""
        left = [news for number in sorted(self._later) for news in self._later[number]]
        self._later.clear()
        return left
