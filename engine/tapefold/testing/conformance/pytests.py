"""An adapter's conformance as tests of pytest, one a check, in one line of somebody's project."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tapefold.session import Session
from tapefold.sim import Skin
from tapefold.testing.conformance.registry import CHECKS
from tapefold.testing.conformance.running import (
    conform_subject,
    find_adapter,
    find_sessions,
    subject_of,
)
from tapefold.testing.conformance.subject import Subject


def conformance_tests(
    adapter: str,
    sessions: Sequence[Path | str] = (),
    *,
    skin: Skin | None = None,
    every: int | None = None,
) -> Callable[[str], None]:
    """A test for each check of *adapter*: an exchange's name, or `module:attribute`.

        test_conformance = conformance_tests("mine:ADAPTER", ["cassettes/mine/first"])

    Without sessions they are those below `cassettes/` of the exchange, and the bundled one if it is of
    that exchange. Needs pytest, which tapefold itself does not.
    """
    import pytest

    @cache
    def subject() -> Subject:
        found = find_adapter(adapter)
        there = [Session(path) for path in sessions]
        exchange = found.description.exchange
        return subject_of(found, there or find_sessions(exchange), skin=skin, every=every)

    @pytest.mark.parametrize("check", [check.name for check in CHECKS])
    def test_conformance(check: str) -> None:
        (checked,) = conform_subject(subject(), (check,)).checks
        assert checked.passed, "\n".join((checked.what, *checked.failures))

    return test_conformance
