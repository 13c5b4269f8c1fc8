"""Private sessions: a live run with keys is recorded, replayed, and played to a client that signs.

The virtual door for the runs themselves, since an account is watched for minutes there and none passes;
replay and mock for what is made of them; and no door where one request is held against one tape.
"""

import json
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from private_runs import (
    KEY,
    PAIR,
    SECRET,
    everything,
    on_private,
    overheard,
    recording,
    saying,
    status,
    story_of,
    trade,
)
from trio.testing import MockClock

from tapefold import (
    Adopt,
    Cancel,
    Request,
    Session,
    WatchAccount,
    open_engine,
    replay_report,
)
from tapefold.adapter import Send, load_adapter, trader
from tapefold.engine import Live
from tapefold.engine.opening import Mode
from tapefold.errors import BadInput, Mismatch, Refused
from tapefold.guard import Guard, Leak, MaskedIds
from tapefold.log import open_log
from tapefold.mock import timeline_of
from tapefold.mock.part import Part
from tapefold.mock.score import Score
from tapefold.mock.timeline import HttpRequest, Timeline
from tapefold.record.masking import mask_command
from tapefold.session.tape import read_asked
from tapefold.sim import FUNDED, Answer
from tapefold.sim.serving import open_sim
from tapefold.testing import breaks_off, closing, open_virtual
from tapefold.wire import Endpoints, Outside
from tapefold_adapters.binance.sim import BinanceSim

ADAPTER = load_adapter("binance")
TAPING = ADAPTER.description.taping
STANDS = {"key": "key1", "secret": "secret1"}


async def digest(session: Session, mode: Mode) -> tuple[str, dict[str, str]]:
    async with open_engine(session, mode=mode) as engine:
        await engine.ended()
        return engine.log.digest(), engine.views.digests()


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A private session, recorded in a loop of its own."""
    folder = tmp_path_factory.mktemp("private") / "s"

    async def run() -> None:
        async with recording(folder) as (_, engine, _):
            await trade(engine)

    trio.run(run, clock=MockClock(autojump_threshold=0))
    return Session(folder)


# One run, by every door


async def test_a_run_with_keys_is_one_session_that_every_door_plays_alike(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """With fills, a cancel, an answer that never came, a refusal, and a private stream that broke."""
    asked: list[str] = []

    async def troubled(request: Request, answer: Answer) -> Answer:
        path = urlsplit(request.url).path
        asked.append(path)
        if path.endswith("/account") and asked.count(path) == 2:
            return Answer(503, b"busy")
        return (
            answer._replace(status=0) if path.endswith("/openOrders") and len(asked) % 2 else answer
        )

    plan = [on_private(breaks_off(3, closing(1012, "restart")))] * 2
    async with recording(tmp_path / "s", *plan, twist=troubled) as (exchange, engine, listener):
        resting, bought = await trade(engine)
        await engine.until(
            lambda views: len(exchange.dialled) > len(plan) and views.ready("binance")
        )
        await trade(engine)
        assert (status(engine, resting), status(engine, bought)) == ("canceled", "filled")
    session = Session(tmp_path / "s")
    meta, data = session.meta, everything(session.folder)
    assert (meta.sealed, meta.masked_ids, meta.run_id) == (True, False, "virtual")
    assert meta.credentials == {"binance": STANDS}
    assert meta.masked == ["signature", "timestamp", "uid"]
    assert len(listener.signatures) > 6
    for secret in (KEY, SECRET, *listener.signatures):
        assert secret.encode() not in data
    live = engine.log.digest(), engine.views.digests()
    assert (meta.digests.log, meta.digests.folds) == live
    report = replay_report(session)
    assert report.reached
    assert (report.digests.log, report.digests.folds) == live
    assert await digest(session, "virtual") == live


async def test_what_was_sent_stands_in_the_cassette_masked_and_on_the_tape_unsigned(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with recording(tmp_path / "s") as (_, engine, _):
        await trade(engine)
    tape = (tmp_path / "s" / "tape.jsonl").read_text()
    http = (tmp_path / "s" / "http.yaml").read_text()
    assert "signature=" not in tape
    assert "key1" not in tape
    assert "timestamp=" not in tape
    placed = "&newClientOrderId=virtual-2&newOrderRespType=FULL&recvWindow=5000"
    assert placed in tape
    assert f"{placed}&timestamp=0&signature=masked" in http
    assert "x-mbx-apikey:\n      - key1" in http


@pytest.mark.parametrize("mode", ["mock", "virtual"])
async def test_recorded_again_while_it_is_played_it_is_the_same_session(
    mode: Any, traded: Session, tmp_path: Path
) -> None:
    """The time is this machine's: a thread writes, and of the mock door the sockets are real."""
    session = traded
    async with open_engine(session, mode=mode, record=tmp_path / "again") as engine:
        await engine.ended()
    again = Session(tmp_path / "again")
    assert again.meta.sealed
    assert again.meta.digests == session.meta.digests
    assert again.meta.credentials == session.meta.credentials
    assert [*again.lines()] == [*session.lines()]
    assert sorted((again.folder / "http.yaml").read_text().split("# end")) == sorted(
        (session.folder / "http.yaml").read_text().split("# end")
    )


# Several exchanges


def _both(first: Outside, second: Outside) -> Outside:
    """The world of two exchanges, told apart by their hosts."""

    async def dial(lane: str, url: str) -> trio.abc.Stream:
        return await (second if ".us" in url else first).dial(lane, url)

    async def answer(request: httpx.Request) -> httpx.Response:
        there = second if request.url.host.endswith(".us") else first
        return await there.transport.handle_async_request(request)

    return Outside(dial, httpx.MockTransport(answer), first.clock)


KEYS_US = {
    "key": "usK3yWq8Nv5Zt2Rp7Lx4Bc9Jm6Hd1Gs0Fa",
    "secret": "usS9rTz4Yw7Vk2Qn5Mx8Pc3Lb6Jh1Dg0Ee",
}


async def _two(folder: Path, echo: bytes = b"") -> tuple[str, dict[str, str]]:
    """A run on two exchanges; the first says *echo* where it is asked what trades cost."""

    async def echoing(request: Request, answer: Answer) -> Answer:
        told = request.url.partition("?")[0].endswith("/commission")
        return answer._replace(body=echo) if echo and told else answer

    us = story_of(KEYS_US["key"], KEYS_US["secret"], "binance_us")
    async with (
        open_virtual(story_of(), twist=echoing) as first,
        open_virtual(us, skin=BinanceSim, seed=2) as second,
    ):
        outside, listener = overheard(_both(first.outside, second.outside))
        live = Live(
            ("binance", "binance_us"),
            run_id="both",
            seed=1,
            keys={**first.live().keys, "binance_us": KEYS_US},
            outside=outside,
        )
        async with open_engine(live, record=folder) as engine:
            engine.subscribe("binance", PAIR)
            engine.command(WatchAccount("binance"))
            engine.command(WatchAccount("binance_us"))
            both = ("binance", "binance_us")
            await engine.until(
                lambda views: all(map(views.ready, both)) and views.book(PAIR, "binance").live
            )
            await trade(engine)
        assert len(listener.signatures) > 6
        return engine.log.digest(), engine.views.digests()


async def test_several_exchanges_with_keys_of_their_own_are_one_session(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    live = await _two(tmp_path / "s")
    session = Session(tmp_path / "s")
    assert session.meta.sealed
    assert session.meta.credentials == {"binance": STANDS, "binance_us": STANDS}
    data = everything(session.folder)
    for secret in (KEY, SECRET, *KEYS_US.values()):
        assert secret.encode() not in data
    assert (session.meta.digests.log, session.meta.digests.folds) == live
    assert await digest(session, "virtual") == live


@pytest.mark.parametrize("name", ["key", "secret"])
async def test_the_credentials_of_one_exchange_are_none_of_the_other_s_business(
    name: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(Leak, match=rf"holds binance_us {name} \("):
        await _two(tmp_path / "s", json.dumps({"code": -1, "msg": KEYS_US[name]}).encode())
    assert not Session(tmp_path / "s").meta.sealed
    assert KEYS_US[name].encode() not in everything(tmp_path / "s")


# What ends a recording, or never lets it begin


@pytest.mark.parametrize(
    ("keys", "error", "what"),
    [
        ({"key": "key", "secret": SECRET}, Leak, "the key of binance is shorter than 6 characters"),
        ({"key": KEY, "secret": "12345"}, Leak, "the secret of binance is shorter than 6"),
        ({"key": KEY, "secret": 12345}, BadInput, "of the keys of binance, secret is no text"),
        ({"key": KEY, "secret": "virtual"}, Leak, "session.toml holds binance secret"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused_before_anything_is_opened(
    keys: Any, error: type[Exception], what: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_virtual(FUNDED) as exchange, AsyncExitStack() as stack:
        live = exchange.live()._replace(keys={"binance": keys})
        with pytest.raises(error, match=what) as caught:
            await stack.enter_async_context(open_engine(live, record=tmp_path / "s"))
        assert (exchange.asked, exchange.dialled) == ([], [])
    assert not (tmp_path / "s").exists()
    assert SECRET not in str(caught.value)


async def test_a_long_word_that_no_rule_names_ends_the_recording_and_not_the_engine(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A new kind of token, say; the engine goes on, and leaving says it."""
    word = "Zq3Xw8Rt5Yp1Lk7Jh4Gf9Ds2"

    news = json.dumps({"event": {"e": "news", "session": word}}).encode()
    plan = [saying(news)] * 2
    async with AsyncExitStack() as stack:
        caught = stack.enter_context(
            pytest.raises(
                Leak, match=r"a word of 24 characters in field 'session' that no rule names"
            )
        )
        made = await stack.enter_async_context(recording(tmp_path / "s", *plan))
        _, engine, _ = made
        assert engine.recorder is not None
        await trade(engine)
        await trio.sleep(60)
        resting, bought = await trade(engine)
        assert (status(engine, resting), status(engine, bought)) == ("canceled", "filled")
    assert word not in str(caught.value)
    session = Session(tmp_path / "s")
    assert not session.meta.sealed
    assert word.encode() not in everything(session.folder)
    report = replay_report(session)
    assert report.events > 20
    assert report.reached is None


async def test_a_private_frame_that_nobody_can_read_changes_no_digest(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It is masked on the tape, where it has another size; the log has neither its bytes nor that."""
    plan = [saying(b'{"event":{"e":"executionReport","uid":7}}', b'{"event":{"uid":7')] * 2
    async with recording(tmp_path / "s", *plan) as (_, engine, _):
        await trio.sleep(60)
        assert engine.views.anomalies.count == 2
    session = Session(tmp_path / "s")
    assert b'"uid":99999999}' in everything(session.folder)
    assert session.meta.digests.log == engine.log.digest()


async def test_without_keys_a_recording_is_public_and_has_no_credentials(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_virtual() as exchange:
        async with open_engine(exchange.live(), record=tmp_path / "s") as engine:
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(exchange.all_live)
    assert Session(tmp_path / "s").meta.credentials == {}


# Ids


async def test_ids_can_be_masked_and_then_every_door_plays_the_masked_session(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with recording(tmp_path / "s", mask_ids=True) as (exchange, engine, _):
        names = await trade(engine)
        held = engine.views.orders.ours
        numbers = [held[name].exchange_order_id for name in names]
        assert isinstance(exchange.sim, BinanceSim)
    session = Session(tmp_path / "s")
    assert session.meta.sealed
    assert session.meta.masked_ids
    assert session.meta.run_id == "run1xxx"
    assert {"i", "orderId", "clientOrderId", "newClientOrderId"} & {*session.meta.masked}
    data = everything(session.folder).decode()
    assert all(len(number) == 8 and number not in data for number in numbers)
    assert "virtual" not in data
    assert session.meta.digests.log != engine.log.digest()
    assert await digest(session, "replay") == await digest(session, "virtual")
    async with open_engine(session) as played:
        await played.ended()
    masked = played.views.orders.ours
    assert [*masked] == ["run1xxx-1", "run1xxx-2"]
    assert [order.status for order in masked.values()] == [held[name].status for name in names]
    for order, real in zip(masked.values(), numbers, strict=True):
        assert order.exchange_order_id != real
        assert len(order.exchange_order_id) == len(real)
        assert order.exchange_order_id.isdigit()
    same = {
        name
        for name, value in session.meta.digests.folds.items()
        if value == engine.views.digests()[name]
    }
    assert same >= {"books", "balances", "instruments", "fees"}


def test_numbers_grow_as_they_appear_and_keep_their_length() -> None:
    guard = Guard(TAPING, ids=MaskedIds("a/b:c"))
    frame = '{"orderId":%s,"i":"%s","orderListId":-1,"price":70000}'
    assert guard.mask(frame % (70005, 70001)) == frame % (10000, 10001)
    assert guard.mask(frame % (70001, 9)) == frame % (10001, 1)
    assert guard.mask(frame % (0, 70009)) == frame % (0, 10002)
    assert (
        guard.mask("symbol=AB&orderId=70009&limit=70009") == "symbol=AB&orderId=10002&limit=70009"
    )
    assert guard.mask_id("70005") == "10000"
    assert guard.masked == ["exchange_order_id", "i", "orderId"]


def test_the_run_s_own_ids_are_masked_wherever_they_stand_and_nothing_that_only_begins_alike() -> (
    None
):
    guard = Guard(TAPING, ids=MaskedIds("a/b:c"))
    for text in (
        '{"c":"{}-12"}',
        '{"x":[{"any":"{}-1"}],"y":"{}-2"}',
        "wss://h/x?newClientOrderId={}-3&b=1",
        '{"command":"cancel","client_order_id":"{}-4"}',
    ):
        assert guard.mask(text.replace("{}", "a/b:c")) == text.replace("{}", "run1x")
    assert guard.mask("origClientOrderId=a%2Fb%3Ac-5") == "origClientOrderId=run1x-5"
    for text in ('{"any":"xa/b:c-1"}', '{"any":"a/b:c-1x"}', '{"any":"a/b:c"}'):
        assert guard.mask(text) == text
    assert guard.mask('{"c":"run1x-1"}') == '{"c":"run1x-1"}'


def test_ids_of_others_become_words_and_are_no_surprise() -> None:
    guard = Guard(TAPING, ids=MaskedIds("live-1"))
    web = "web_4d9e1c0a7b3f4d9e1c0a7b3f4d9e1c0a"
    frame = '{"clientOrderId":"%s","c":"%s","note":"%s"}'
    stand = "clientOrderId1".ljust(len(web), "x")
    assert guard.mask(frame % (web, web, f"about {web}")) == frame % (
        stand,
        stand,
        f"about {stand}",
    )
    guard.check(frame % (stand, stand, ""), "here", private=True)
    assert guard.mask('{"C":"ab","d":"ab"}') == '{"C":"C1xxxxxx","d":"ab"}'
    assert guard.mask('{"c":"","C":"0"}') == '{"c":"","C":"0"}'
    plain = Guard(TAPING)
    assert plain.mask(frame % (web, web, web)) == frame % (web, web, web)
    plain.check(frame % (web, web, web), "here", private=True)


def test_an_order_that_is_adopted_is_masked_by_its_own_exchange_alone() -> None:
    guards = {name: Guard(TAPING, ids=MaskedIds("r1")) for name in ("binance", "binance_us")}
    guards["binance_us"].mask('{"orderId":5555}')
    order = Adopt("binance_us", PAIR, "7777", "buy", Decimal(1), Decimal(2))
    assert mask_command(guards, order) == Adopt(
        "binance_us", PAIR, "1001", "buy", Decimal(1), Decimal(2)
    )
    assert mask_command(guards, Cancel("r1-3")) == Cancel("run1-3")


async def test_ids_of_earlier_runs_cannot_be_masked(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    with open_log() as log:
        async with open_virtual(story_of()) as exchange:
            async with open_engine(exchange.live(), log=log):
                pass
            with pytest.raises(Refused, match="ids of earlier runs"):
                async with open_engine(
                    exchange.live(), log=log, record=tmp_path / "s", mask_ids=True
                ):
                    pass
    assert not (tmp_path / "s").exists()


# Over sockets, with files


async def test_over_real_sockets_with_a_log_on_the_disk_it_is_the_same(tmp_path: Path) -> None:
    """Loopback and this machine's time: nothing is waited for but what the exchange says."""
    async with open_sim(story=story_of(), seed=3) as sim:
        live = Live(
            ("binance",),
            endpoints={"binance": Endpoints(sim.ws_url, sim.url)},
            run_id="sockets",
            keys={"binance": {"key": KEY, "secret": SECRET}},
        )
        async with open_engine(live, log=tmp_path / "log", record=tmp_path / "s") as engine:
            engine.subscribe("binance", PAIR)
            engine.command(WatchAccount("binance"))
            with trio.fail_after(60):
                await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
                await trade(engine)
        digests = engine.log.digest(), engine.views.digests()
    session = Session(tmp_path / "s")
    assert (session.meta.digests.log, session.meta.digests.folds) == digests
    assert await digest(session, "mock") == digests
    data = everything(tmp_path / "s") + (tmp_path / "log").read_bytes()
    assert b"sockets-1" in data
    assert KEY.encode() not in data
    assert SECRET.encode() not in data


# Played to a client that signs, or does not


@pytest.fixture
def timeline(traded: Session) -> Timeline:
    return timeline_of(traded, free=False)


def asked_on(timeline: Timeline, path: str) -> HttpRequest:
    """The first such request of the tape's, unsigned."""
    for line in timeline.requests.values():
        asked = read_asked(bytes(timeline.lines[line].data))
        if urlsplit(asked.url).path == path:
            return asked.method, asked.url, asked.headers, asked.body
    raise AssertionError(path)


def signed(asked: HttpRequest, time: int, **keys: str) -> HttpRequest:
    """As a client signs it."""
    able = trader(ADAPTER)
    assert able is not None
    request = Request(asked[0], asked[1], "order", headers=dict(asked[2]), signed=True)
    made = able.sign(request, STANDS | keys, time)
    return made.method, made.url, made.headers, made.body


def refusal(timeline: Timeline, asked: HttpRequest) -> str:
    """Why the door fails; empty where it does not."""
    part = Part(Score(timeline))
    with suppress(Mismatch):
        part.request(asked, lambda line: None)
    return str(part.score.failure or "")


ORDER, ACCOUNT = "/api/v3/order", "/api/v3/account"


@pytest.mark.parametrize("path", [ORDER, ACCOUNT])
def test_a_request_that_is_rightly_signed_is_the_tape_s(path: str, timeline: Timeline) -> None:
    asked = asked_on(timeline, path)
    for time in (timeline.started_ns, timeline.started_ns + 86_400_123 * 10**6):
        assert refusal(timeline, signed(asked, time)) == ""


@pytest.mark.parametrize("path", [ORDER, ACCOUNT])
def test_a_request_that_is_not_signed_as_recorded_fails_readably(
    path: str, timeline: Timeline
) -> None:
    asked, now = asked_on(timeline, path), timeline.started_ns
    right = signed(asked, now)
    what = f"{asked[0]} api.binance.com{path}"
    told = refusal(timeline, asked)
    assert told.split("\n") == [
        f"{what} is not signed as it was when it was recorded",
        "    - query.timestamp",
        "    - query.signature",
        "    - header.x-mbx-apikey",
        "  the credentials here are key=key1 secret=secret1",
    ]
    keyed = asked[0], asked[1], right[2], asked[3]
    assert "- query.signature" in refusal(timeline, keyed)
    other = refusal(timeline, signed(asked, now, key="somebody-elses-real-key"))
    assert "≠ header.x-mbx-apikey: not that of the stand-ins" in other
    assert "somebody" not in other
    wrong = refusal(timeline, signed(asked, now, secret="another secret"))
    assert wrong.startswith(f"{what} has another signature than the stand-ins give")
    late = right[0], right[1].replace("timestamp=17", "timestamp=18"), *right[2:]
    assert "another signature" in refusal(timeline, late)


def test_of_a_request_in_another_spelling_only_the_fields_are_compared(
    timeline: Timeline,
) -> None:
    """The parameters of a foreign client come in its own order, and are signed as such."""
    method, url, headers, body = signed(asked_on(timeline, ORDER), timeline.started_ns)
    path, _, query = url.partition("?")
    turned = f"{path}?{'&'.join(reversed(query.split('&')))}"
    assert refusal(timeline, (method, turned, headers, body)) == ""
    assert "x-mbx-apikey" in refusal(timeline, (method, turned, {}, body))


def test_what_is_public_is_not_signed(timeline: Timeline) -> None:
    assert refusal(timeline, asked_on(timeline, "/api/v3/depth")) == ""


def _sent(timeline: Timeline) -> tuple[str, str]:
    """The lane and text of what was signed over a WebSocket."""
    (line,) = [each for each in timeline.lines if each.kind == "sent"]
    return line.lane, bytes(line.data).decode()


def _said(timeline: Timeline, lane: str, text: str) -> str:
    part = Part(Score(timeline))
    part.say(lane, text)
    return str(part.score.failure or "")


def test_a_frame_is_held_to_its_signature_too(timeline: Timeline) -> None:
    able = trader(ADAPTER)
    assert able is not None
    lane, text = _sent(timeline)
    send = Send(lane, text, signed=True)
    right = able.sign(send, STANDS, timeline.started_ns).text
    assert _said(timeline, lane, right) == ""
    assert _said(timeline, lane, right.replace('"id":"1"', '"id":"7"')) == ""
    assert "is not signed as it was" in _said(timeline, lane, text)
    for other in ({"key": "key2"}, {"secret": "secret2"}):
        wrong = able.sign(send, STANDS | other, timeline.started_ns).text
        assert "another signature than the stand-ins give" in _said(timeline, lane, wrong)


async def test_an_engine_whose_stand_ins_were_edited_fails_at_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with recording(tmp_path / "s") as (_, engine, _):
        await trade(engine)
    path = tmp_path / "s" / "session.toml"
    path.write_text(path.read_text().replace('"key1"', '"key7"'))
    with pytest.raises(Mismatch, match="not that of the stand-ins"):
        await digest(Session(tmp_path / "s"), "virtual")
