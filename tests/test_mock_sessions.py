"""Every session through mock mode: the same digest as by the replay door, times included.

The mock door over loopback sockets, and the virtual one over streams in memory; the replay door beside
them, to compare with.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import tiny
from captures import CAPTURES, needs_recordings

from tapefold import Mismatch, Session, bundled, open_engine
from tapefold.overlay import Edit, Edits, Expect, Forget, Reply, overlay
from tapefold.session.tape import frame_data

RUNS = 200


async def mocked(session: Session, mode: Any, **options: Any) -> tuple[str, dict[str, str]]:
    async with open_engine(session, mode=mode, **options) as engine:
        await engine.ended()
        return engine.log.digest(), engine.views.digests()


def heard(session: Session) -> Iterator[tuple[int, str, bytes]]:
    """Every frame, and when it came. What the engine did an import has put where it had to be."""
    for line in session.lines():
        if line.kind == "recv":
            yield line.at, line.lane, frame_data(line)


@pytest.mark.parametrize("mode", ["mock", "virtual"])
async def test_the_bundled_session(mode: Any) -> None:
    session = Session(bundled())
    assert await mocked(session, mode) == (session.meta.digests.log, session.meta.digests.folds)


@pytest.mark.parametrize("capture", CAPTURES)
@needs_recordings
async def test_an_imported_session(
    capture: str, recorded: Callable[[str], Session], tmp_path: Path
) -> None:
    """And recorded while mocking it is the same tape again."""
    session, folder = recorded(capture), tmp_path / "again"
    wanted = session.meta.digests
    assert await mocked(session, "mock", record=folder) == (wanted.log, wanted.folds)
    again = Session(folder)
    assert again.meta.digests == wanted
    assert [*heard(again)] == [*heard(session)]


@pytest.mark.parametrize(
    "capture", ["cryptofeed/BINANCE-20211012", "cryptofeed/BINANCE_US-20211012"]
)
@needs_recordings
async def test_an_imported_session_in_memory(
    capture: str, recorded: Callable[[str], Session]
) -> None:
    wanted = recorded(capture).meta.digests
    assert await mocked(recorded(capture), "virtual") == (wanted.log, wanted.folds)


async def test_two_lanes_and_rest_have_one_order_in_two_hundred_runs(tmp_path: Path) -> None:
    """Gap, refusal, a close by each side, a lane that is dialled while another speaks."""
    session = tiny(tmp_path / "tiny")
    async with open_engine(session, mode="replay") as engine:
        await engine.ended()
        order = [*engine.log.read()]
    for _ in range(RUNS):
        async with open_engine(session, mode="mock") as engine:
            await engine.ended()
            assert [*engine.log.read()] == order


@pytest.mark.parametrize("speed", [60.0, 600.0])
async def test_at_a_pace(speed: float) -> None:
    """The stamps are those of the tape at any pace, so the log is as well."""
    session = Session(bundled())
    assert await mocked(session, "mock", speed=speed) == (
        session.meta.digests.log,
        session.meta.digests.folds,
    )


async def test_a_changed_tape_is_a_mismatch_that_names_the_field(tmp_path: Path) -> None:
    session = tiny(tmp_path / "tiny")
    text = session.tape.read_text().replace("symbol=AB&limit=1000", "symbol=AB&limit=500")
    session.tape.write_text(text)
    with pytest.raises(Mismatch, match=r"(?s)limit.*1000.*500"):
        await mocked(Session(session.folder), "mock")


# Another story of a recording


def busy() -> Edits:
    """The first snapshot of BTC is answered 503, and the engine asks again."""
    return Edits(
        edit=(Edit(on="GET /api/v3/depth", where="BTCUSDT", answer=Reply(503)),),
        expect=(
            Expect(
                request="GET /api/v3/depth?symbol=BTCUSDT&limit=1000",
                answer=Reply(200, body="@3"),
                at=1.5,
            ),
        ),
    )


@pytest.mark.parametrize("mode", ["mock", "virtual"])
async def test_the_same_session_but_the_snapshot_answers_503(mode: Any, tmp_path: Path) -> None:
    edited = overlay(Session(bundled()), busy(), tmp_path / "busy")
    async with open_engine(edited, mode=mode) as engine:
        await engine.ended()
        assert [e.status for e in _failed(engine)] == [503]
        assert all(engine.views.book(name).live for name in ("BTC-USDT", "ETH-USDT"))


def _failed(engine: Any) -> list[Any]:
    return [r.event for r in engine.log.read() if type(r.event).__name__ == "RequestFailed"]


async def test_what_an_overlay_does_not_foresee_is_a_mismatch(tmp_path: Path) -> None:
    edits = Edits(edit=busy().edit)
    edited = overlay(Session(bundled()), edits, tmp_path / "busy")
    with pytest.raises(Mismatch, match=r"GET /api/v3/depth is not on the tape|depth"):
        await mocked(edited, "mock")


async def test_what_is_forgotten_may_not_come(tmp_path: Path) -> None:
    edited = overlay(
        Session(bundled()), Edits(forget=(Forget(on="GET /api/v3/time"),)), tmp_path / "no-clock"
    )
    with pytest.raises(Mismatch, match="/api/v3/time"):
        await mocked(edited, "mock")
