"""What tests share: where the recordings are, and sessions made of them once a run."""

import json
from collections.abc import Callable, Generator
from typing import Any

import httpcore
import httpx
import pytest
from captures import CAPTURES, RECORDINGS

from tapefold.imports import import_capture
from tapefold.session import Session
from tapefold.testing import no_network

KEPT = (httpcore, httpx)
"""What a pytest within this one imports first it forgets again at its end, and the errors of a second copy
are none that callers of the first one know: so they are imported before."""


@pytest.fixture(autouse=True)
def at_home() -> Generator[None]:
    """A test that talks to another machine fails, and says to which."""
    with no_network():
        yield


@pytest.fixture(scope="session")
def oracle() -> dict[str, Any]:
    """What each capture must come to, by its id."""
    if not RECORDINGS.is_dir():
        pytest.skip("the shared recordings are not beside this checkout")
    captures = json.loads((RECORDINGS / "oracle.json").read_bytes())["captures"]
    return {capture["id"]: capture for capture in captures}


@pytest.fixture(scope="session")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, oracle: dict[str, Any]
) -> Callable[[str], Session]:
    """A session made of a shared capture, by the oracle's id; made once a run."""
    made: dict[str, Session] = {}
    folder = tmp_path_factory.mktemp("sessions")

    def make(capture: str) -> Session:
        if capture not in made:
            form, exchange = CAPTURES[capture]
            paths = [RECORDINGS / name for name in oracle[capture]["files"]]
            target = folder / capture.replace("/", "_")
            made[capture] = import_capture(form, paths, target, exchange=exchange).session
        return made[capture]

    return make
