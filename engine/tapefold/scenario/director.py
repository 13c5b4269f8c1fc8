"""The director: what a scenario has done next, and when. It does nothing itself, and reads no clock.

Whoever acts a scenario, at a simulator or at an exchange, tells it what was logged, and asks what is next:

    director.heard(time, event)
    while (do := director.next(views, time)) is not None: ...
"""

from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from tapefold.adapter import Command
from tapefold.errors import BadInput
from tapefold.events import AnyEvent, OrderSubmitted
from tapefold.inquiry import Expression
from tapefold.scenario.commanded import commanded, nanos
from tapefold.scenario.results import Failed
from tapefold.scenario.sums import Scene, compile_condition
from tapefold.scenario.words import Place, Scenario, Step
from tapefold.units import SECOND, Nanos, fixed
from tapefold.views import Views

BEGIN_MAX: Final = 60 * SECOND
"""How long books and account may take to be known before the first step."""


class Do(Struct, frozen=True):
    """What is to be done now: a command, or what only a simulator can (`step.does`)."""

    key: str
    step: Step
    command: Command | None = None


class Director:
    """Goes through the steps of one scenario at one exchange."""

    def __init__(self, place: Place, exchange: str, started: Nanos) -> None:
        self.place, self._exchange = place, exchange
        scenario = place.scenario
        self.instruments = instruments_of(scenario)
        self.scene = Scene(Views(), exchange, self.instruments[0])
        self.failed: list[Failed] = []
        self.deadline: Nanos | None = started + BEGIN_MAX
        """When to ask again at the latest."""
        self.over = False
        """Nothing more will come of it."""
        self._steps, self._at = scenario.when, 0
        """The step that is under way; past the last one the end."""
        self._beginning = self._first = True
        """Books and account are not known yet; and never were."""
        self._condition: Expression | None = None
        self._met = self._entered = False
        self._names: dict[str, str] = {}
        self._wanted = {step.submit.order for step in scenario.when if step.submit}
        self.scene.names = MappingProxyType(self._names)

    def heard(self, views: Views, time: Nanos, event: AnyEvent) -> None:
        """Something was logged; *views* are at least as new."""
        if isinstance(event, OrderSubmitted) and event.by in self._wanted:
            self._names[event.by] = event.client_order_id
        if self._condition and self._condition.momentary and not self._met:
            self._met = self._condition.holds(self.scene.at(views, event, time))

    def next(self, views: Views, time: Nanos) -> Do | None:
        """What is to be done now; None: wait, until something is logged, or for `deadline`."""
        self.scene.at(views)
        while not self.over:
            if self._beginning:
                if not self._begun(views, time):
                    return None
                self._enter(self._at)
            elif self._at == len(self._steps):
                self.over = self._waited(time, self.place.scenario.then.after)
                if not self.over:
                    return None
            else:
                step = self._steps[self._at]
                if not (step.until or step.wait or step.check):
                    return self._do(step, time)
                if not self._passed(step, time):
                    return None
                self._enter(self._at + 1)
        return None

    def fail(self, key: str, expected: str, actual: str) -> None:
        """Something is not as it was to be, and the story ends."""
        self.failed.append(Failed(key, self.place.line(key), expected, actual))
        self.over = True

    def begins(self, time: Nanos) -> None:
        """The program has started again: books and account must be known before the story goes on."""
        self._beginning, self.deadline = True, time + BEGIN_MAX

    @property
    def key(self) -> str:
        """Of the step that is under way."""
        return f"when[{self._at}]" if 0 <= self._at < len(self._steps) else ""

    # How

    def _enter(self, n: int) -> None:
        """The next step; what it waits for may come of the very step before it."""
        self._at, self._entered, self._met, self.deadline = n, False, False, None
        until = self._steps[n].until if n < len(self._steps) else ""
        self._condition = compile_condition(until) if until else None

    def _passed(self, step: Step, time: Nanos) -> bool:
        """Whether a step that does nothing is over."""
        if step.until:
            return self._until(step, time)
        if step.wait:
            return self._waited(time, step.wait)
        self._check(step)
        return True

    def _begun(self, views: Views, time: Nanos) -> bool:
        """Whether all that the first step may rest on is known."""
        ready = views.ready(self._exchange) and all(
            self.scene.book(name) is not None for name in self.instruments
        )
        if ready:
            self._beginning = False
            if self._first:  # and not after a restart, when it may be more
                self._first, self.scene.was = False, totals(views, self._exchange)
        elif self.deadline is not None and time >= self.deadline:
            waited = BEGIN_MAX // SECOND
            self.fail("", "books and account are known", f"they are not after {waited} s")
        return ready

    def _waited(self, time: Nanos, span: Decimal) -> bool:
        if not self._entered:
            self._entered, self.deadline = True, time + nanos(span)
        return self.deadline is not None and time >= self.deadline

    def _until(self, step: Step, time: Nanos) -> bool:
        assert self._condition is not None, "it is there since the step was entered"
        if self._met or (not self._condition.momentary and self._condition.holds(self.scene)):
            return True
        if self._waited(time, step.within):
            now = said(self._condition, self.scene)
            self.fail(f"{self.key}.until", step.until, f"not within {fixed(step.within)} s: {now}")
        return False

    def _do(self, step: Step, time: Nanos) -> Do | None:
        key = f"{self.key}.{step.does}"
        try:
            command = commanded(step, self.scene, self._names, time)
        except BadInput as error:
            self.fail(key, "it can be done", str(error))
            return None
        self._enter(self._at + 1)
        return Do(key, step, command)

    def _check(self, step: Step) -> None:
        key = f"{self.key}.check"
        for condition in (step.check,) if isinstance(step.check, str) else step.check:
            expression = compile_condition(condition)
            if not expression.holds(self.scene):
                line = self.place.line(key)
                self.failed.append(Failed(key, line, condition, said(expression, self.scene)))


Known: TypeAlias = dict[str, Decimal]


def instruments_of(scenario: Scenario) -> tuple[str, ...]:
    """What it subscribes to; the first is meant where none is named."""
    given = scenario.given
    return given.instruments or tuple(given.markets) or ("BTC-USDT",)


def totals(views: Views, exchange: str) -> Known:
    """What there is of each asset."""
    balances = views.balances
    return {asset: balances.total(exchange, asset) for asset in balances.assets(exchange)}


def said(expression: Expression, scene: Scene) -> str:
    """What each thing that a condition names came to."""
    named = expression.named(scene).items()
    return ", ".join(f"{name} is {_text(value)}" for name, value in named if not _is_thing(value))


def _is_thing(value: object) -> bool:
    return not isinstance(value, Decimal | str | bool | tuple | None)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return fixed(value)
    return "not known" if value is None else str(value)
