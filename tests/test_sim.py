"""The simulator's first brick, and the bundled session that is made with it.

The replay door, since the session is data: what is tested is that its bytes are the generator's, and
that they fold to what they promise. No socket takes part, neither in making it nor in playing it.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tapefold import AnyEvent, BookInvalidated, BookSnapshot, InstrumentListed, Request
from tapefold.errors import AdapterError, SessionError
from tapefold.events import RequestFailed
from tapefold.log import open_log
from tapefold.replay import Replay
from tapefold.report import replay_report
from tapefold.session import Session, bundled, files, shipped
from tapefold.sim import (
    MINUTE,
    SEED,
    Answer,
    Change,
    Lost,
    Market,
    Spec,
    Story,
    load_skin,
    record,
)
from tapefold.sim.__main__ import main
from tapefold.units import SECOND
from tapefold_adapters.binance.sim import BinanceSim

STRAYED, GAPPED, CHEAP = MINUTE.specs
specs = st.sampled_from(MINUTE.specs)
seeds = st.integers(0, 2**63 - 1)


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(bundled())


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory, session: Session) -> Session:
    """The bundled session, made anew by the versions that it says."""
    folder = tmp_path_factory.mktemp("sim") / "again"
    return record(folder, MINUTE, SEED, versions=session.meta.versions, skin=BinanceSim)


def tape(session: Session) -> list[bytes]:
    return list(files.lines(session.tape))


def events(session: Session) -> list[AnyEvent]:
    with open_log() as log:
        replay = Replay(session, log)
        while replay.play(4096):
            pass
        return [each.event for each in log.read()]


# The bundled session


def test_the_bundled_session_is_what_the_generator_makes(session: Session, again: Session) -> None:
    assert tape(again) == tape(session)
    assert (again.folder / "http.yaml").read_bytes() == (session.folder / "http.yaml").read_bytes()
    assert again.meta == session.meta


def test_it_says_that_it_is_simulated(session: Session) -> None:
    assert session.meta.source == "simulator"
    assert (session.meta.run_id, session.meta.seed) == (f"sim-{SEED}", SEED)


def test_it_replays_to_its_digests(session: Session) -> None:
    report = replay_report(session)
    assert report.reached is True
    assert (report.anomalies, report.skipped) == (0, 0)
    assert 6_000 <= report.frames <= 9_000
    books = {row.instrument.symbol: row.book for row in report.instruments}
    assert {symbol: book.gaps for symbol, book in books.items()} == {
        STRAYED.symbol: 0,
        GAPPED.symbol: 1,
        CHEAP.symbol: 0,
    }
    assert all(book.live for book in books.values())


def test_a_lost_frame_is_noticed_and_made_good(session: Session) -> None:
    told = events(session)
    gaps = [at for at, event in enumerate(told) if isinstance(event, BookInvalidated)]
    assert len(gaps) == 1
    gap = told[gaps[0]]
    assert isinstance(gap, BookInvalidated)
    assert gap.reason == "gap"
    assert gap.got > gap.last + 1
    after = [event for event in told[gaps[0] :] if isinstance(event, BookSnapshot)]
    assert [event.instrument for event in after] == [gap.instrument]


def test_a_level_finer_than_the_tick_widens_the_scale_once(session: Session) -> None:
    listed = [event for event in events(session) if isinstance(event, InstrumentListed)]
    assert len(listed) == len(MINUTE.specs) + 1
    before, after = (event for event in listed if event.symbol == STRAYED.symbol)
    assert (before.tick, before.price_digits, after.price_digits) == (Decimal("0.01"), 2, 3)


def test_no_book_is_ever_crossed(session: Session) -> None:
    replay = Replay(session)
    while replay.play(1):
        assert not any(book.crossed() for book in replay.views.books.values())


def test_it_is_small(session: Session) -> None:
    assert sum(path.stat().st_size for path in session.folder.iterdir()) < 600_000


def test_another_seed_is_another_session(tmp_path: Path, session: Session) -> None:
    other = record(
        tmp_path / "other", MINUTE, SEED + 1, versions=session.meta.versions, skin=BinanceSim
    )
    report = replay_report(other)
    assert other.meta.tape_sha256 != session.meta.tape_sha256
    assert other.meta.digests.log != session.meta.digests.log
    assert (report.reached, report.anomalies) == (True, 0)
    assert all(row.book.live for row in report.instruments)


def test_bundled_finds_the_copy_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "tapefold"
    monkeypatch.setattr(shipped, "__file__", str(package / "session" / "shipped.py"))
    with pytest.raises(SessionError, match="the bundled session is not there"):
        bundled()
    copy = package / "cassettes" / shipped.BUNDLED
    copy.mkdir(parents=True)
    (copy / "session.toml").touch()
    assert bundled() == copy


# Recording


@pytest.mark.parametrize("spec", MINUTE.specs, ids=lambda spec: spec.symbol)
def test_the_kernel_comes_to_the_book_that_the_market_has(spec: Spec, tmp_path: Path) -> None:
    """Over a gap and a widening. One market, whose last message is due when the story ends."""
    story = replace(MINUTE, specs=(spec,), lasts=20 * SECOND, lost=Lost(spec.symbol, 5 * SECOND))
    exchanges: list[BinanceSim] = []

    def skin(story: Story, seed: int) -> BinanceSim:
        exchanges.append(BinanceSim(story, seed))
        return exchanges[-1]

    replay = Replay(record(tmp_path / "one", story, 3, versions={}, skin=skin))
    while replay.play(4096):
        pass
    url = f"https://api.binance.com/api/v3/depth?symbol={spec.base}{spec.quote}&limit=5000"
    truth = msgspec.json.decode(exchanges[0].answer(Request("GET", url, "book"), 0).body)
    book = replay.views.book(spec.symbol)
    assert book.gaps == 1
    for side, levels in ((book.bids(), truth["bids"]), (book.asks(), truth["asks"])):
        assert side == [(Decimal(price), Decimal(size)) for price, size in levels]


def test_a_request_that_is_refused_is_made_again(tmp_path: Path) -> None:
    class Overloaded(BinanceSim):
        refusals = 2

        def answer(self, request: Request, time: int) -> Answer:
            if request.purpose == "book" and self.refusals:
                self.refusals -= 1
                return Answer(503, b"")
            return super().answer(request, time)

    story = replace(MINUTE, specs=(CHEAP,), lasts=8 * SECOND, lost=None)
    session = record(tmp_path / "one", story, 3, versions={}, skin=Overloaded)
    assert sum(isinstance(event, RequestFailed) for event in events(session)) == 2
    asked = [
        line.at
        for line in session.lines()
        if line.kind == "request" and b"depth" in bytes(line.data)
    ]
    first, second, third = (at // SECOND for at in asked)
    assert (second - first, third - second) == (1, 2)
    assert all(row.book.live for row in replay_report(session).instruments)


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 3
    assert result.output.splitlines() == [
        f"tapefold.sim: {tmp_path} is there already: name a folder that is not, or remove it"
    ]


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(BinanceSim):
        def answer(self, request: Request, time: int) -> Answer:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record(tmp_path / "one", MINUTE, 3, versions={}, skin=Broken)
    assert not list(tmp_path.iterdir())


def test_the_command_makes_the_bundled_session(tmp_path: Path, session: Session) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "made")])
    assert result.exit_code == 0, result.output
    assert "source simulator" in result.output
    assert tape(Session(tmp_path / "made")) == tape(session)


def test_a_skin_that_is_not_installed_is_named() -> None:
    with pytest.raises(AdapterError, match="no simulated 'nowhere'"):
        load_skin("nowhere")


# The market


def changes(market: Market, turns: int) -> Iterator[Change]:
    for _ in range(turns):
        yield market.turn()


@settings(max_examples=30, deadline=None)
@given(spec=specs, seed=seeds)
def test_a_market_is_never_crossed_and_no_level_is_empty(spec: Spec, seed: int) -> None:
    market = Market(replace(spec, stray_after=SECOND if spec is STRAYED else 0), seed, 0)
    for _ in changes(market, 500):
        best = market.best()
        assert 0 < best.bid < best.ask
        assert min(*market.bids.values(), *market.asks.values()) > 0
        assert all(size % spec.lot == 0 for size in market.bids.values())


@settings(max_examples=30, deadline=None)
@given(spec=specs, seed=seeds)
def test_what_trades_take_is_gone_from_the_best_levels(spec: Spec, seed: int) -> None:
    market = Market(spec, seed, 0)
    levels = {"buy": dict(market.bids), "sell": dict(market.asks)}
    numbers: list[int] = []
    for change in changes(market, 500):
        for trade, resting in zip(change.trades, change.resting, strict=False):
            side = levels["sell" if trade.taker == "buy" else "buy"]
            assert trade.price == (min(side) if trade.taker == "buy" else max(side))
            assert 0 < trade.size == side[trade.price] - resting.size
            apply(levels, [resting])
        apply(levels, change.resting)
        assert (levels["buy"], levels["sell"]) == (market.bids, market.asks)
        numbers += [trade.trade_id for trade in change.trades]
    assert numbers == [*range(1, len(numbers) + 1)]


def apply(levels: dict[str, dict[int, int]], resting: Sequence[tuple[str, int, int]]) -> None:
    for side, price, size in resting:
        levels[side][price] = size
        if not size:
            del levels[side][price]


@given(spec=specs, seed=seeds)
@settings(max_examples=10, deadline=None)
def test_a_market_is_its_spec_and_seed(spec: Spec, seed: int) -> None:
    one, two = Market(spec, seed, 0), Market(spec, seed, 0)
    assert [*changes(one, 100)] == [*changes(two, 100)]
    times = [change.time for change in changes(one, 100)]
    assert times == sorted(times)
