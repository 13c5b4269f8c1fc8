"""A scenario acted at the simulated exchange, in virtual time: no socket, no clock, no task."""

import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from time import perf_counter
from typing import Final

from msgspec import Struct

from tapefold.adapter import Adapter, Subscribe, WatchAccount, WatchClock, load_adapter
from tapefold.errors import BadInput, Refused, ScenarioError, TapefoldError
from tapefold.kernel import Kernel
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.replay import run_of, seal
from tapefold.scenario.director import Director
from tapefold.scenario.elsewhere import do_there
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.markets import HOLDER, STARTED, story_of
from tapefold.scenario.results import Failed, Outcome
from tapefold.scenario.telling import Teller
from tapefold.scenario.trouble import Trouble
from tapefold.scenario.words import FaultWord, Place
from tapefold.session import Meta, SessionWriter, Start, new_session
from tapefold.sim.agreement import disagreements
from tapefold.sim.exchange import Skin, load_skin
from tapefold.sim.recording import keys_of
from tapefold.sim.stage import KernelMaker, Stage
from tapefold.units import Nanos


class Cast(Struct, frozen=True):
    """Who plays: without any, those that are installed."""

    adapter: Adapter | None = None
    skin: Skin | None = None
    kernel: KernelMaker = Kernel
    seed: int | None = None
    """Instead of the file's."""


INSTALLED: Final = Cast()
NAME_MAX: Final = 28
"""Characters of a scenario's name that begin its orders' ids: exchanges take no more than 36 of an id."""


def act(
    place: Place, exchange: str, *, record: Path | None = None, cast: Cast = INSTALLED
) -> Outcome:
    """Act a scenario at *exchange*'s simulator, and judge what came of it.

    With *record* its runs become sealed sessions: the folder *record*, and for each restart one more,
    `record.2` and so on: all of them, or where the outcome has an `error` none. The same file makes the
    same bytes. Raises `ScenarioError` for what no simulator can act, `AdapterError` where there is none.
    """
    began = perf_counter()
    if place.scenario.given.session:
        raise ScenarioError(f"{place.path} is told by a recording, which only the doors can play")
    performance = Performance(place, exchange, record, cast)
    try:
        performance.play()
        failed, error = performance.judged(), ""
    except TapefoldError as wrong:
        failed, error = tuple(performance.director.failed), str(wrong)
    finally:
        performance.abandon()
    return Outcome(
        place.name,
        place.path,
        place.scenario.title,
        exchange,
        "simulator",
        failed,
        error,
        tuple(performance.told.lines),
        perf_counter() - began,
        performance.stage.log.digest(),
        tuple(performance.recorded),
    )


class _Abandoned(Exception):
    """A folder that is being made is not to be."""


class Performance:
    """One scenario, acted: a director, a stage, and what was written down."""

    def __init__(self, place: Place, exchange: str, record: Path | None, cast: Cast) -> None:
        self.place, self.exchange, self._record = place, exchange, record
        given = place.scenario.given
        self.seed = given.seed if cast.seed is None else cast.seed
        story = story_of(given, exchange)
        self.director = Director(place, exchange, STARTED)
        self.told = Teller(self.director.scene, STARTED)
        skin, adapter = cast.skin or load_skin(exchange), cast.adapter or load_adapter(exchange)
        trouble = Trouble(adapter, self._gone_wrong)
        self.stage = Stage(
            skin(story, self.seed),
            adapter,
            STARTED,
            self.seed,
            keys=keys_of(story),
            log=Log(in_memory()),
            weather=trouble,
            kernel=cast.kernel,
        )
        self._trouble = trouble
        self.recorded: list[Path] = []
        self._writer: SessionWriter | None = None
        self._files = ExitStack()
        self._heard = self._runs = 0
        self._whole = False
        """It was acted to its end."""

    def play(self) -> None:
        """The whole story, and until nothing is on its way any more. Raises `TapefoldError`."""
        for n, fault in enumerate(self.place.scenario.given.faults):
            self._trouble.add(fault, f"given.faults[{n}]", self.stage.exchange.faults)
        self._begin()
        noted: Nanos | None = None
        while not self.director.over:
            self._go_on()
            deadline = self.director.deadline
            if deadline is not None and deadline != noted:  # then there is something to wake up for
                noted = deadline
                self.stage.at(max(deadline, self.stage.time), lambda _: None)
            self.stage.advance()
            self._hear()
        self.stage.ends = self.stage.time
        self.stage.play_out()
        self._hear()
        self._end()
        self._whole = True

    def judged(self) -> tuple[Failed, ...]:
        """What is not as it was to be."""
        stage, director = self.stage, self.director
        events = [record.event for record in stage.log.read()]
        heard = Heard(events, stage.kernel.views, self.exchange, stage.asked)
        failed = [*director.failed, *judge(self.place, heard)]
        if not director.failed:  # else the story went another way, and need not have come to them
            failed += self._trouble.missed(self.place)
        venue = stage.exchange.venue
        apart = disagreements(stage.kernel.views, self.exchange, venue, HOLDER.key, books=False)
        failed += [Failed("", 0, "engine and exchange agree", each) for each in apart]
        return tuple(failed)

    def abandon(self) -> None:
        """A story that was not acted to its end leaves no recording, also not of the runs that ended."""
        if self._whole:
            return
        if self._writer:
            self._writer.close()
        with suppress(_Abandoned):
            self._files.__exit__(_Abandoned, _Abandoned(), None)
        for folder in self.recorded:
            shutil.rmtree(folder)
        self.recorded = []

    # Runs

    def _begin(self) -> None:
        self._runs += 1
        meta = Meta(
            exchanges=[self.exchange],
            instruments=[*self.director.instruments],
            source="simulator",
            started_ns=self.stage.time,
            run_id=f"{self.place.name[:NAME_MAX]}-{self._runs}",
            seed=self.seed,
        )
        if self._record:
            work = self._files.enter_context(new_session(self._folder(self._record)))
            stage = self.stage
            start = Start.of(stage.log.tail, stage.kernel.views) if stage.log.head else None
            self._writer = SessionWriter(work, meta, start)
        self.stage.start(run_of(meta), self._writer)
        self.stage.command(WatchClock(self.exchange))
        self.stage.command(Subscribe(self.exchange, tuple(meta.instruments)))
        self.stage.command(WatchAccount(self.exchange))
        self._hear()

    def _end(self) -> None:
        """A run is over; what was written of it is a session."""
        if self._writer:
            seal(self._writer, self.stage.log.digest())
            self._writer = None
            self._files.close()
            if self._record:
                self.recorded.append(self._folder(self._record))

    def _folder(self, first: Path) -> Path:
        """Of the run that it is now."""
        return first if self._runs == 1 else Path(f"{first}.{self._runs}")

    def _restart(self, on: bool | tuple[str, ...]) -> None:
        """The same again, or subscribed to others."""
        self.stage.stop()
        self._end()
        if isinstance(on, tuple):
            self.director.instruments = on
        self._begin()
        self.director.begins(self.stage.time)

    # Steps

    def _gone_wrong(self, fault: FaultWord) -> None:
        self._hear()  # what was logged before, such as the order whose request it is
        self.told.fault(self.stage.time, fault)

    def _hear(self) -> None:
        """What was logged since."""
        log, views = self.stage.log, self.stage.kernel.views
        if log.head == self._heard:
            return
        for record in log.read(self._heard):
            self.director.heard(views, record.time_received, record.event)
            self.told.heard(record)
        self._heard = log.head

    def _go_on(self) -> None:
        """Whatever is to be done now."""
        stage, director = self.stage, self.director
        while (do := director.next(stage.kernel.views, stage.time)) is not None:
            self.told.step(stage.time, do)
            if do.step.restart:
                self._restart(do.step.restart)
                continue
            try:
                if do.command:
                    stage.command(do.command)
                else:
                    do_there(do, stage, director.scene, self._trouble)
            except (BadInput, Refused, TypeError) as wrong:
                director.fail(do.key, "it can be done", str(wrong))
            self._hear()
