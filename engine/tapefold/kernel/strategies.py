"""Strategies at work: what was logged is told to them, and what they command is carried out.

Each hears every event of its kinds once, after the whole input was folded. A command is carried out
before the next one is asked for, so a strategy never acts twice on what it has answered already; what
comes of it is heard in turn. A replay that has only the tape is given the same commands at the same
places, and comes to the same log.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import isgenerator
from typing import Any, Final, cast

from msgspec.structs import replace

from tapefold.adapter import Command, Given, StopStrategy
from tapefold.errors import BadInput
from tapefold.events import AnyEvent
from tapefold.kernel.core import Core
from tapefold.log import Record, Sink
from tapefold.strategy import HEARD, UNHEARD, Reaction, Strategy
from tapefold.units import Nanos

REACTIONS_MAX: Final = 1000
"""Commands that one strategy may give in one step: more is a strategy that answers itself for ever."""
NAMES_TAKEN: Final = ("caller", "exit")
REASON_MAX: Final = 100
"""Characters of a failure's reason."""
CarryOut = Callable[[Nanos, Command], None]
_NO_MORE: Final = StopStrategy("")
"""No strategy has this very one."""
_NAME = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII).fullmatch


class Runaway(Exception):
    """A strategy that has no end."""


class Overheard:
    """A log that also notes what strategies have yet to hear."""

    def __init__(self, log: Sink) -> None:
        self._log = log
        self.records: deque[Record] = deque()
        self.latest: Nanos = 0
        """When the latest of all that was logged was received."""
        self.commit, self.digest = log.commit, log.digest

    @property
    def head(self) -> int:
        """The last position."""
        return self._log.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        self._log.append(time, event)
        self.latest = max(self.latest, time)
        self.records.append(Record(self._log.head, time, event))


class Strategies:
    """All strategies of an engine, in the order in which they were given."""

    def __init__(
        self,
        strategies: Sequence[Strategy],
        heard: Overheard,
        core: Core,
        check: Callable[[Command], None],
        carry_out: CarryOut,
    ) -> None:
        """*check* raises for a command that cannot be carried out; *carry_out* does it."""
        check_names(strategies)
        self._heard, self._records, self._core = heard, heard.records, core
        self._check, self._carry_out = check, carry_out
        self._working = {each.name: (each, frozenset(each.hears)) for each in strategies}
        self.failures: dict[str, Exception] = {}
        """What strategies raised, by their names."""
        self.commanded = 0
        """Commands of all of them, so far."""
        self._given: dict[str, int] = {}
        """Commands of this step, by strategy."""
        self._reacting = False
        self._latest: Nanos = 0

    def react(self, time: Nanos) -> None:
        """Let them hear what was logged, until there is no more to hear."""
        if self._reacting:
            return
        # The time of a timer that is late may be before that of the last step: a tape's never is.
        self._latest = time = max(time, self._latest, self._heard.latest)
        if not self._records:
            return
        self._reacting, self._given = True, {}
        try:
            while self._records:
                record = self._records.popleft()
                for strategy, hears in [*self._working.values()]:
                    if type(record.event) in hears and strategy.name in self._working:
                        self._ask(time, strategy, record)
        finally:
            self._reacting = False

    def dismiss(self, name: str) -> None:
        """Somebody else has said that one is to stop: it hears nothing more."""
        self._working.pop(name, None)

    def _ask(self, time: Nanos, strategy: Strategy, record: Record) -> None:
        answers = _Answers(strategy, record, self._core, self._check)
        while (command := answers.next()) is not None:
            if isinstance(command, StopStrategy):
                self._end(time, strategy, command)
                return
            given = self._given[strategy.name] = self._given.get(strategy.name, 0) + 1
            if given > REACTIONS_MAX:
                self._stop(time, strategy, Runaway(f"more than {REACTIONS_MAX} commands in a step"))
                return
            self._give(time, command)
        if answers.error:
            self._stop(time, strategy, answers.error)

    def _give(self, time: Nanos, command: Command) -> None:
        self.commanded += 1
        self._core.out.append(Given(time, command))
        self._carry_out(time, command)

    def _stop(self, time: Nanos, strategy: Strategy, error: Exception) -> None:
        """What it raised ends it; the command that says so is on the tape."""
        self.failures[strategy.name] = error
        cancel = strategy.on_failure == "cancel"
        reason = type(error).__name__[:REASON_MAX]
        self._end(time, strategy, StopStrategy(reason, cancel=cancel, by=strategy.name))

    def _end(self, time: Nanos, strategy: Strategy, command: StopStrategy) -> None:
        """It hears nothing more; what is true of its orders is told as ever."""
        del self._working[strategy.name]
        self._give(time, command)


class _Answers:
    """What a strategy answers to one record, command by command. What goes wrong in it is its own."""

    def __init__(
        self, strategy: Strategy, record: Record, core: Core, check: Callable[[Command], None]
    ) -> None:
        self._strategy, self._record, self._core, self._check = strategy, record, core, check
        self._commands: Iterator[Command] | None = None
        self._order_id = ""
        self.error: Exception | None = None

    def next(self) -> Command | None:
        """The next command, by its strategy's name; None where there is no more. Raises nothing."""
        before = self._core.order_id
        try:
            command = self._asked()
            if command is _NO_MORE:
                return None
            self._check(command)
            command = replace(command, by=self._strategy.name)
        except Exception as error:  # the strategy's: it ends, and nothing else does
            self.error = error
            return None
        self._order_id = before
        return command

    def _asked(self) -> Command:
        """The next one; `_NO_MORE` at the end: None would be a mistake of the strategy's."""
        if self._commands is None:
            reaction = self._strategy.react(self._record, self._core.views)
            self._commands = iter(_commands(reaction))
            return next(self._commands, _NO_MORE)
        if not isgenerator(self._commands):
            return next(self._commands, _NO_MORE)
        order_id = self._core.order_id if self._core.order_id != self._order_id else ""
        try:
            return cast("Command", cast("Any", self._commands).send(order_id))
        except StopIteration:
            return _NO_MORE


def _commands(reaction: Reaction | None) -> Reaction:
    """A `react` that ends without a word says None, whatever its type."""
    return () if reaction is None else reaction


def check_names(strategies: Sequence[Strategy]) -> None:
    """That each can be told by its name, and hears what there is. Raises `BadInput`."""
    seen: dict[str, None] = {}
    for each in strategies:
        if not _NAME(each.name) or each.name in NAMES_TAKEN:
            raise BadInput(
                f"{each.name!r} is no name of a strategy: [a-z0-9_-], up to 32 characters, and not "
                f"{' or '.join(NAMES_TAKEN)}"
            )
        if each.name in seen:
            raise BadInput(f"two strategies are called {each.name}: give each a name of its own")
        seen[each.name] = None
        if unheard := [kind.__name__ for kind in each.hears if kind in UNHEARD]:
            raise BadInput(
                f"{each.name} cannot hear {' and '.join(unheard)}: what facts about orders come to is "
                "told as conclusions, such as OrderFilled"
            )
        if unknown := [kind.__name__ for kind in each.hears if kind not in HEARD]:
            raise BadInput(
                f"{each.name} cannot hear {' and '.join(unknown)}: events are heard by their own "
                "classes, such as OrderFilled"
            )
        for key, value in each.parameters.items():
            _check_text(each.name, key, value)


def _check_text(name: str, key: object, value: object) -> None:
    """A parameter is written down as it is."""
    if not (isinstance(key, str) and isinstance(value, str)):
        raise BadInput(f"the parameters of {name} are texts by name, and {key!s:.40} is none")


def started(strategies: Sequence[Strategy]) -> Mapping[str, dict[str, str]]:
    """Their names and parameters, for `Run`."""
    return {each.name: dict(each.parameters) for each in strategies}
