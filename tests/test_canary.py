"""A canary: a secret in every disguise, wherever an exchange or a library could say it, never gets out.

Not into a session's folder (no door: a recorder is told moments, and its thread is waited for), nor into
the log's file, a line of anybody's logging, a repr or a traceback (the virtual door; loopback sockets
where httpcore is to log what it does).

Legitimately not covered, as the guard's page says: what was encrypted or hashed, pieces of under 11
characters with other text between, more than three encodings one over the other. None is in here.
"""

import json
import logging
import traceback
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio
from builders import START
from disguises import SECRETS, disguises, nested, shows
from msgspec.structs import replace
from private_runs import PAIR, everything, saying, story_of, trade
from trio.testing import MockClock

from tapefold import Engine, Request, WatchAccount, open_engine
from tapefold.adapter import (
    Adapter,
    Cancel,
    Close,
    Frame,
    Open,
    Outgoing,
    Send,
    load_adapter,
    trader,
)
from tapefold.errors import AdapterError
from tapefold.events import FrameRejected
from tapefold.guard import Guard, Leak
from tapefold.kernel import Kernel, Run
from tapefold.log import Log, open_log
from tapefold.record import Recorder
from tapefold.session import Meta
from tapefold.sim import Answer
from tapefold.testing import open_virtual
from tapefold.wire.rest import Rest, open_client
from tapefold.wire.world import WallClock
from tapefold_adapters.binance import binance_listen_key
from tapefold_adapters.binance.sim import BinanceSim

BINANCE = load_adapter("binance")
TAPING = replace(BINANCE.description.taping, tokens=frozenset({"listenKey", "token"}))
ROLES = ("key", "secret", "passphrase", "listenKey", "token")
LANE, HTTP = "binance/1", "binance/http"


# A session's folder


def guard_of(role: str, canary: str) -> Guard:
    if role == "key":
        return Guard(TAPING, identities={role: canary})
    return Guard(TAPING, {} if role in TAPING.tokens else {role: canary})


def request(**more: Any) -> Request:
    asked = Request("POST", "https://api.test/x", "order", "a", n=1, lane=HTTP, signed=True)
    return replace(asked, **more)


def response(data: bytes, headers: Mapping[str, str] = {}) -> Iterator[tuple[Any, Any]]:
    yield request(), None
    yield Frame(START, HTTP, "response", data, request(), 400), headers


def places(data: bytes) -> Mapping[str, Sequence[tuple[Any, Any]]]:
    """Everything that a recorder may be told, with *data* in it."""
    text = data.decode("latin-1")
    quoted = json.dumps({"code": -1, "msg": text})
    raw = data if data[:1] in b"{[" else quoted.encode()
    return {
        "a frame": [(Frame(START, LANE, "recv", raw), {})],
        "a frame's text": [(Frame(START, LANE, "recv", quoted.encode()), {})],
        "a frame that is no JSON": [(Frame(START, LANE, "recv", b"error: " + data), {})],
        "a binary frame": [(Frame(START, LANE, "recv", data, binary=True), {})],
        "an answer": [*response(raw)],
        "an answer's text": [*response(quoted.encode())],
        "an answer that is no JSON": [*response(data)],
        "a header that is kept": [*response(b"{}", {"content-type": text})],
        "a header that is dropped": [*response(b"{}", {"set-cookie": text})],
        "a close": [(Frame(START, LANE, "close", status=4000, reason=text), {})],
        "a failure": [
            (request(), None),
            (Frame(START, HTTP, "failed", request=request(), reason=text), {}),
        ],
        "a URL": [(Open(LANE, f"wss://api.test/ws/{text}"), None)],
        "an authentication": [(Send(LANE, json.dumps({"op": "auth", "args": [text]})), None)],
        "a request": [(request(url=f"https://api.test/x?a={text}", body=f"b={text}"), None)],
        "a request's header": [(request(headers={"x-mbx-apikey": text}), None), *response(b"{}")],
        "a hanging up": [(Close(LANE, 1000, text), None)],
        "a command": [(Cancel(text, by=text), None)],
    }


def tell(made: Recorder, what: Any, headers: Any) -> None:
    if isinstance(what, Frame):
        made.frame(what, headers)
    elif isinstance(what, Outgoing):
        made.out(START, what)
    else:
        made.command(START, what)


def planted(folder: Path, role: str, canary: str, data: bytes, place: str) -> str:
    """What is amiss after *data* was told to a recorder; empty where nothing is."""
    meta = Meta(exchanges=["binance"], source="live", started_ns=START)
    made = Recorder(folder, meta, {"binance": guard_of(role, canary)}, private=True)
    if role in TAPING.tokens:
        for what, headers in response(json.dumps({role: canary}).encode()):
            tell(made, replace(what, n=9) if isinstance(what, Request) else what, headers)
    for what, headers in places(data)[place]:
        tell(made, what, headers)
    made.close()
    lying = everything(folder).decode("latin-1")
    text = data.decode("latin-1")
    forms = {text, json.dumps(text)[1:-1], b64encode(data).decode()}
    if shows(canary, lying) or any(form in lying for form in forms):
        return f"{role} {place}: it lies there"
    if made.failure and (not isinstance(made.failure, Leak) or shows(canary, str(made.failure))):
        return f"{role} {place}: {type(made.failure).__name__}"
    return ""


@pytest.mark.parametrize("kind", SECRETS)
def test_in_no_disguise_does_a_secret_get_into_a_session(kind: str, tmp_path: Path) -> None:
    """Each disguise in each role, and the places where it is said take turns."""
    canary, turn = SECRETS[kind], 0
    amiss: list[str] = []
    names = [*places(b"")]
    ways = [*disguises(canary)]
    assert len({name for name, _ in ways}) == len(ways) > 36
    for number, (way, data) in enumerate(ways):
        # Each in every role; two other kinds of secret in one of them.
        for role in ROLES if kind == "base64" else (ROLES[number % 5],):
            turn += 1
            place = names[turn % len(names)]
            wrong = planted(tmp_path / str(turn), role, canary, data, place)
            amiss += [f"{way}: {wrong}"] if wrong else []
    assert amiss == []


@pytest.mark.parametrize("role", ROLES)
def test_nowhere_that_it_is_said_does_a_secret_get_into_a_session(
    role: str, tmp_path: Path
) -> None:
    canary = SECRETS["base64"]
    ways = dict(disguises(canary))
    amiss = [
        wrong
        for number, place in enumerate(places(b""))
        for way in ("as it is", "base64 at offset 1", "in five fields", "gzip")
        if (wrong := planted(tmp_path / f"{number} {way}", role, canary, ways[way], place))
    ]
    assert amiss == []


def test_encodings_one_over_the_other_do_not_help(tmp_path: Path) -> None:
    """Three where bytes are said as they are; two where they stand in JSON, which is one more."""
    names, bare, amiss = (
        [*places(b"")],
        ("a binary frame", "an answer that is no JSON"),
        list[str](),
    )
    for seed in range(120):
        canary, depth = SECRETS[[*SECRETS][seed % 3]], 2 + seed % 2
        way, data = nested(canary, seed, depth)
        place = names[seed % len(names)] if depth == 2 else bare[seed // 2 % 2]
        wrong = planted(tmp_path / str(seed), ROLES[seed % 5], canary, data, place)
        amiss += [f"{way}: {wrong}"] if wrong else []
    assert amiss == []


# The log: what an account says may have tokens in it


def drive(
    kernel: Kernel, sim: BinanceSim, adapter: Adapter, out: Sequence[Any]
) -> dict[str, tuple[Request, bytes]]:
    """Let the simulator answer what is asked until nothing more is; what was, by its purpose."""
    able, asked, todo = trader(adapter), dict[str, tuple[Request, bytes]](), [*out]
    keys = {"key": sim_key(sim), "secret": "s" * 20}
    assert able is not None
    while todo:
        what = todo.pop(0)
        if isinstance(what, Request):
            sent = able.sign(what, keys, START) if what.signed else what
            answer = sim.answer(sent, START)
            asked[what.purpose] = what, answer.body
            frame = Frame(START, what.lane, "response", answer.body, what, answer.status)
            todo += kernel.step(frame)
        elif isinstance(what, Open):
            sim.connect(what.lane, what.url)
            todo += kernel.step(Frame(START, what.lane, "opened"))
    return asked


def sim_key(sim: BinanceSim) -> str:
    return next(iter(sim.venue.accounts))


def logged(log: Log) -> str:
    """All that a log has, as its bytes are read and as they are shown."""
    return "".join(f"{record!r}" for record in log.read())


def test_what_an_account_says_and_nobody_can_read_is_not_kept_in_the_log(tmp_path: Path) -> None:
    """A listen key, and whatever else is new in a private frame or answer, would lie there for ever."""
    canary, path = SECRETS["letters and digits"], tmp_path / "log"
    adapter = binance_listen_key()
    story = story_of("k" * 20, "s" * 20)
    sim = BinanceSim(replace(story, started_ns=START), 1)
    with open_log(path) as log:
        kernel = Kernel({"binance": adapter}, log)
        kernel.start(START, Run(run_id="canary"))
        asked = drive(kernel, sim, adapter, kernel.command(START, WatchAccount("binance")))
        assert kernel.views.ready("binance")
        lane = kernel.trading["binance"].account.stream.part.lane
        token: str = json.loads(asked["token"][1])["listenKey"]
        assert len(token) == 64
        rejected = json.dumps({"e": "executionReport", "listenKey": token, "s": canary})
        kernel.step(Frame(START, lane, "recv", rejected.encode()))
        balances, _ = asked["balances"]
        data = json.dumps({"balances": 7, "token": canary, "k": token}).encode()
        kernel.step(Frame(START, HTTP, "response", data, balances, 200))
        log.flush()
        log.wait()
        events = [record.event for record in log.read()]
        assert sum(isinstance(event, FrameRejected) for event in events) == 2
        said = logged(log)
    files = b"".join(each.read_bytes() for each in sorted(tmp_path.iterdir()) if each.is_file())
    for secret in (canary, token):
        assert not shows(secret, said)
        assert not shows(secret, files.decode("latin-1"))
    private = [event for event in events if isinstance(event, FrameRejected)]
    # Its size is that of the frame before it was masked: a replay would know another one.
    assert [(event.data, event.size) for event in private] == [(b"", 0)] * 2


# An engine at work: what it logs, shows and raises


def objects(engine: Engine) -> list[object]:
    """What somebody might print of an engine, and of all that it is made of."""
    found: dict[int, object] = {}
    todo: list[object] = [engine]
    while todo:
        one = todo.pop()
        if id(one) in found or isinstance(one, str | bytes | int | type):
            continue
        found[id(one)] = one
        if isinstance(one, dict):
            todo += cast("dict[object, object]", one).values()
        elif isinstance(one, list | tuple | set | deque):
            todo += cast("list[object]", one)
        elif type(one).__module__.startswith("tapefold"):
            todo += getattr(one, "__dict__", {}).values()
            todo += [getattr(one, name, None) for name in getattr(one, "__slots__", ())]
    return [one for one in found.values() if type(one).__module__.startswith("tapefold")]


KEYS = {"key": "KqV8mJ4pXz7RtY2nWc5BhG9sLd3Fa6UeTo1Ei0Ru", "secret": SECRETS["letters and digits"]}


@pytest.mark.parametrize("name", ["key", "secret"])
async def test_an_engine_at_work_says_nothing_of_its_keys(
    name: str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """The exchange says them in refusals, headers and frames, and connections break with them."""
    canary, asked = KEYS[name], 0
    ways = [data for _, data in disguises(canary) if data.isascii()]

    async def echoing(request: Request, answer: Answer) -> Answer:
        nonlocal asked
        asked += 1
        told = json.dumps({"code": -1000, "msg": ways[asked % len(ways)].decode()}).encode()
        if asked % 3 == 0 and "/account" in request.url:
            return Answer(400, told, {"x-echo": canary})
        return answer._replace(headers={**answer.headers, "x-echo": canary})

    news = [json.dumps({"event": {"e": "executionReport", "s": canary}}).encode(), *ways[:20]]
    with caplog.at_level(logging.DEBUG):
        async with open_virtual(
            story_of(**KEYS), plan=[saying(*news)] * 2, twist=echoing
        ) as exchange:
            live = exchange.live()
            async with open_engine(live) as engine:
                engine.subscribe("binance", PAIR)
                engine.command(WatchAccount("binance"))
                await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
                await trade(engine)
                await engine.until(lambda views: views.anomalies.count > 10)
                said = "".join(f"{record!r}" for record in engine.log.read())
                shown = [repr(each) for each in (live, engine.views, *objects(engine))]
    assert len(shown) > 100
    assert [text for text in (caplog.text, said, *shown) if shows(canary, text)] == []


@pytest.mark.parametrize(
    "bad", ["-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "ü{}"]
)
async def test_a_traceback_of_signing_shows_nothing_of_the_secret(
    bad: str, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    canary = SECRETS["letters and digits"]
    keys = {"binance": {"key": KEYS["key"], "secret": bad.format(canary)}}

    async def run() -> None:
        async with open_virtual(story_of(**KEYS)) as exchange:
            async with open_engine(exchange.live()._replace(keys=keys)) as engine:
                engine.subscribe("binance", PAIR)
                engine.command(WatchAccount("binance"))
                await engine.ended()

    with caplog.at_level(logging.DEBUG), pytest.raises(AdapterError) as caught:
        await run()
    text = "".join(traceback.format_exception(caught.value))
    assert "API secret" in text
    assert not shows(canary, text + caplog.text)
    error: BaseException | None = caught.value
    while error is not None:
        assert not shows(canary, repr(error))
        error = error.__cause__ or error.__context__


async def test_what_a_transport_raises_is_told_by_its_name_alone(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """Libraries quote addresses and headers in what they raise."""
    canary = SECRETS["letters and digits"]

    async def raising(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"{canary} {request.headers}", request=request)

    heard: list[Frame] = []

    async def hear(frame: Frame, headers: Mapping[str, str]) -> None:
        heard.append(frame)

    with caplog.at_level(logging.DEBUG):
        async with open_client(httpx.MockTransport(raising)) as client:
            rest = Rest(client, WallClock(START), hear)
            await rest.ask(request(), lambda asked: replace(asked, headers={"x": canary}))
    assert [(frame.kind, frame.reason) for frame in heard] == [("failed", "ReadError")]
    assert not shows(canary, caplog.text + repr(heard))


async def test_the_libraries_below_log_nothing_of_what_we_ask(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Real sockets: httpcore logs, at DEBUG, the headers of each answer."""
    canary = SECRETS["letters and digits"]

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        head = f"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-echo: {canary}\r\n\r\n"
        await stream.send_all(head.encode() + b"{}")

    async def hear(frame: Frame, headers: Mapping[str, str]) -> None:
        assert headers["x-echo"] == canary
        assert (frame.status, frame.data) == (200, b"{}")

    with caplog.at_level(logging.DEBUG):
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, serve, [listener])
            port = listener.socket.getsockname()[1]
            url = f"http://127.0.0.1:{port}/x?listenKey={canary}"
            transport = httpx.AsyncHTTPTransport(trust_env=False)
            async with open_client(transport) as client:
                rest = Rest(client, WallClock(), hear)
                await rest.ask(request(url=url), lambda asked: asked)
            nursery.cancel_scope.cancel()
    assert not shows(canary, caplog.text)


def test_what_is_asked_shows_no_credentials_when_it_is_printed() -> None:
    """As in a traceback that shows the values of variables: what left is one of them."""
    able = trader(BINANCE)
    assert able is not None
    sent = able.sign(able.balances(), KEYS, START)
    said = able.sign(Send(LANE, '{"id":"1","method":"m","params":{}}', signed=True), KEYS, START)
    for each in (sent, said):
        assert not shows(KEYS["key"], repr(each))
    assert "GET" in repr(sent)
