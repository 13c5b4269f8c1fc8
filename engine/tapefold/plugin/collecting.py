"""Scenario files as tests: one for each exchange and each way of running it."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import pytest

from tapefold.errors import TapefoldError
from tapefold.scenario import Outcome, Place, Way
from tapefold.scenario.retold import Again, failure_lines, headline
from tapefold_pytest.looking import looks_like_a_scenario

_CURE: Final = (
    ": it does not look like a scenario: keep it elsewhere, or name other folders in "
    "`tapefold_scenarios` in the ini file"
)
N = TypeVar("N", bound="ScenarioFile | ScenarioItem")


class ScenarioFailed(Exception):
    """What was to be is not."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("\n".join([headline(outcome), *failure_lines(outcome, Again())]))


class ScenarioFile(pytest.File):
    """A file of one scenario."""

    def collect(self) -> Iterable["ScenarioItem"]:
        """A test for each way at each exchange; one that cannot be read is an error of one line."""
        # Not before there is a file: what acts scenarios takes a moment to import.
        from tapefold.scenario import reading, running

        cassettes = self.config.rootpath / self.config.getini("tapefold_cassettes")
        try:
            place = reading.read_scenario(self.path)
            runs: list[tuple[str, Way]] = [
                (exchange, way)
                for exchange in running.exchanges_of(place)
                for way in running.ways_of(place, exchange, cassettes)
            ]
        except TapefoldError as error:
            cure = "" if looks_like_a_scenario(self.path) else _CURE
            raise self.CollectError(f"{error}{cure}") from None
        for exchange, way in runs:
            item = _made(ScenarioItem, self, name=f"{exchange}-{way}")
            item.place, item.act = place, partial(running.run, place, exchange, way, cassettes)
            item.add_marker("tapefold_offline")
            yield item


class ScenarioItem(pytest.Item):
    """One scenario at one exchange in one way; kept on this machine, like all that uses tapefold."""

    place: Place
    act: Callable[[], Outcome]
    """Runs it."""
    obj: None = None
    """There is no function: pytest-trio, in trio_mode, asks each test for it."""

    def runtest(self) -> None:
        """Run it. Raises `ScenarioFailed`, and `TapefoldError` where it cannot be run."""
        outcome = self.act()
        if outcome.digest:
            self.user_properties.append(("digest", outcome.digest))
        if not outcome.passed:
            raise ScenarioFailed(outcome)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:  # a text, or what is no public name of pytest's
        """As the runner tells it. Only a fault of ours has a traceback."""
        if isinstance(excinfo.value, ScenarioFailed | TapefoldError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file, and the test's name."""
        return self.path, 0, f"{self.place.name}[{self.name}]"


def scenario_file(parent: pytest.Collector, path: Path) -> pytest.Collector:
    """What collects the tests of a file."""
    return _made(ScenarioFile, parent, path=path)


def _made(kind: type[N], parent: pytest.Collector, **given: Any) -> N:
    made: Any = kind.from_parent(parent, **given)  # pyright: ignore[reportUnknownMemberType] - untyped in pytest
    return cast("N", made)
