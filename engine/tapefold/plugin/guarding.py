"""A test that leaves this machine fails, and says whereto."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tapefold.home import mocking
from tapefold.testing import LeftTheMachine, no_network


@contextmanager
def guard(level: str) -> Generator[None]:
    """No other machine is talked to while it lasts, unless *level* is `off` and MOCK_API_ENABLED not set.

    The environment can only make it safer. Who was refused and went on fails at the end, in one line.
    """
    if level == "off" and not mocking():
        yield
        return
    done, escaped = False, ""
    try:
        with no_network():
            yield
            done = True
    except LeftTheMachine as error:
        if not done:
            raise  # the test's own, with the line that wanted to leave
        escaped = str(error)
    if escaped:
        pytest.fail(escaped, pytrace=False)
