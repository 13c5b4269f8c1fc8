"""Overlays: a session and some edits make another. No door: files are written, and read again.

The replay door plays the bundled session with a refused snapshot, to see that such a tape makes sense.
"""

import difflib
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from captures import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from tapefold.adapter import Frame, Free, Request, Taping
from tapefold.errors import SessionError
from tapefold.events import RequestFailed
from tapefold.log import open_log
from tapefold.overlay import Cut, Edit, Edits, Expect, Forget, Reply, overlay, read_edits
from tapefold.overlay.edits import EDITS_MAX
from tapefold.overlay.expected import merged
from tapefold.replay import Replay
from tapefold.session import Counts, Digests, Meta, Session, SessionWriter, bundled
from tapefold.session.cassette import HEAD
from tapefold.session.interactions import interaction
from tapefold.session.meta import write_meta
from tapefold.session.tape import frame_data, read_asked
from tapefold.units import SECOND

START = 1_700_000_000 * SECOND
API = "https://api.binance.com/api/v3"
# Times are whole seconds here; on the tape nine zeros follow.
STORY = """\
[1,"binance/http","request",{"n":1,"method":"GET","url":"https://api.binance.com/api/v3/time"}]
[1,"binance/1","open",{"url":"wss://stream.binance.com/ws?streams=a"}]
[2,"binance/1","opened",{}]
[2,"binance/http","response",{"n":1,"status":200}]
[3,"binance/1","recv",{"u": 1,  "note":"as a person spells it"}]
[4,"binance/http","request",{"n":2,"method":"POST","url":"https://api.binance.com/api/v3/order?newClientOrderId=mine-1","body":"side=BUY"}]
[5,"binance/1","recv",{"c":"mine-1","i":77}]
[5,"binance/http","response",{"n":2,"status":200}]
[6,"binance/1","sent",{"method":"ping"}]
[7,"binance/1","recv",{"p":"77.5","q":"0.77"}]
[7,"binance/1","recv",{"fills":[77,78]}]
[8,"binance/1","recv","plain é"]
[9,"binance/1","recv","/wA=","base64"]
[9,"binance/2","open",{"url":"wss://other.binance.com/ws"}]
[10,"binance/2","opened",{}]
[10,"binance/2","recv",{"u":2}]
[11,"binance/1","close",{"by":"exchange","code":1001,"reason":"bye"}]
[12,"binance/http","request",{"n":3,"method":"GET","url":"https://api.binance.com/api/v3/time?x=3"}]
[13,"binance/http","failed",{"n":3,"error":"ReadTimeout"}]
[14,"binance/2","close",{"by":"client","code":1000,"reason":""}]
"""


def write(folder: Path, story: str = STORY, **more: Any) -> Session:
    """A session of these lines, and of the two answers."""
    folder.mkdir()
    meta = Meta(exchanges=["binance"], source="live", started_ns=START, run_id="r", seed=7, **more)
    write_meta(folder, meta)
    (folder / "tape.jsonl").write_text(re.sub(r"(?m)^\[(\d+)", r"[\g<1>000000000", story))
    order = Request("POST", f"{API}/order?newClientOrderId=mine-1", "book", "", "side=BUY", n=2)
    made = b'{"orderId":77,"clientOrderId":"mine-1","fills":[{"orderId":0}]}'
    time = Request("GET", f"{API}/time", "book", n=1)
    asked = ((time, b'{"serverTime":1}'), (order, made))
    items = [
        interaction(
            Frame(0, "binance/http", "response", body, request, 200),
            {"content-type": "application/json"},
        )
        for request, body in asked
    ]
    (folder / "http.yaml").write_bytes(HEAD + b"".join(items))
    return Session(folder)


@pytest.fixture
def story(tmp_path: Path) -> Session:
    """What the edits are tried on."""
    return write(tmp_path / "story")


def tape(session: Session) -> list[str]:
    """The lines, with their times in whole seconds."""
    return re.sub(r"(?m)^\[(\d+)0{9}", r"[\1", session.tape.read_text()).splitlines()


def difference(before: Session, after: Session) -> list[str]:
    """What a plain diff says: `- ` gone, `+ ` new; a line that is read is a line that is valid."""
    assert len([*after.lines()]) == len(tape(after))
    return changes(tape(before), tape(after))


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    rows = [*difflib.unified_diff(before, after, n=0, lineterm="")][2:]
    return [f"{row[0]} {row[1:]}" for row in rows if row[0] != "@"]


def done(story: Session, *edits: Edit, **more: Any) -> list[str]:
    """What such edits change."""
    return difference(story, overlay(story, Edits([*edits], **more), story.folder.parent / "new"))


def answer_of(session: Session, n: int) -> tuple[int, bytes, dict[str, str]]:
    return tuple(session.cassette().answer(n))  # type: ignore[return-value] # a tuple of those


# Every verb


def test_an_answer_is_another_one(story: Session) -> None:
    reply = Reply(503, "later", {"Retry-After": "1"})
    edited = overlay(
        story, Edits([Edit(on="GET /api/v3/time", answer=reply)]), story.folder.parent / "new"
    )
    assert difference(story, edited) == [
        '- [2,"binance/http","response",{"n":1,"status":200}]',
        '+ [2,"binance/http","response",{"n":1,"status":503}]',
    ]
    assert answer_of(edited, 1) == (503, b"later", {"retry-after": "1"})
    assert edited.cassette().answer(1).retry_after == 1
    assert answer_of(edited, 2) == answer_of(story, 2)


def test_a_failure_may_become_an_answer_with_a_recorded_body(story: Session) -> None:
    edit = Edit(on="GET /api/v3/time", nth=2, answer=Reply(201, "@1", {"x": "y"}))
    edited = overlay(story, Edits([edit]), story.folder.parent / "new")
    assert difference(story, edited) == [
        '- [13,"binance/http","failed",{"n":3,"error":"ReadTimeout"}]',
        '+ [13,"binance/http","response",{"n":3,"status":201}]',
    ]
    headers = {"content-type": "application/json", "x": "y"}
    assert answer_of(edited, 3) == (201, b'{"serverTime":1}', headers)


def test_an_answer_becomes_a_failure_and_leaves_the_cassette(story: Session) -> None:
    edited = overlay(
        story,
        Edits([Edit(on="POST /api/v3/order", fail="ConnectError")]),
        story.folder.parent / "new",
    )
    assert difference(story, edited) == [
        '- [5,"binance/http","response",{"n":2,"status":200}]',
        '+ [5,"binance/http","failed",{"n":2,"error":"ConnectError"}]',
    ]
    assert edited.cassette().find(2) is None


def test_without_answers_there_is_no_cassette(story: Session) -> None:
    every = [Edit(on=on, nth=0, drop=True) for on in ("GET /api/v3/time", "POST /api/v3/order")]
    edited = overlay(story, Edits(every), story.folder.parent / "new")
    assert sorted(path.name for path in edited.folder.iterdir()) == ["session.toml", "tape.jsonl"]


def test_the_answer_of_a_dropped_request_never_comes(story: Session) -> None:
    assert done(story, Edit(on="GET /api/v3/time", where="x=3", drop=True)) == [
        '- [13,"binance/http","failed",{"n":3,"error":"ReadTimeout"}]'
    ]


def test_a_frame_is_dropped(story: Session) -> None:
    assert done(story, Edit(on="wss://stream.* recv", where="fills", drop=True)) == [
        '- [7,"binance/1","recv",{"fills":[77,78]}]'
    ]


def test_all_frames_of_all_lanes_are_dropped(story: Session) -> None:
    gone = done(story, Edit(on="wss://* recv", nth=0, drop=True))
    assert gone == [f"- {line}" for line in STORY.splitlines() if '"recv"' in line]


def test_a_lane_that_never_opens_says_nothing(story: Session) -> None:
    gone = done(story, Edit(on="wss://other.binance.com/ws opened", drop=True))
    assert gone == [
        '- [10,"binance/2","opened",{}]',
        '- [10,"binance/2","recv",{"u":2}]',
        '- [14,"binance/2","close",{"by":"client","code":1000,"reason":""}]',
    ]


def test_a_frame_says_something_else(story: Session) -> None:
    edits = [
        Edit(on="wss://* recv", where="person", text='{"u": 9}'),
        Edit(on="wss://* recv", where="^plain é$", text="no\nJSON"),
    ]
    assert [row for row in done(story, *edits) if row[0] == "+"] == [
        '+ [3,"binance/1","recv",{"u": 9}]',
        r'+ [8,"binance/1","recv","no\nJSON"]',
    ]


def test_a_frame_comes_three_times(story: Session) -> None:
    more = ['+ [9,"binance/1","recv","/wA=","base64"]'] * 2
    assert done(story, Edit(on="wss://* recv", nth=6, repeat=3)) == more


def test_a_lane_is_cut(story: Session) -> None:
    rows = done(story, Edit(on="wss://* recv", where="plain", close=Cut(1012, "restart")))
    assert rows == [
        '- [8,"binance/1","recv","plain é"]',
        '- [9,"binance/1","recv","/wA=","base64"]',
        '+ [8,"binance/1","close",{"by":"exchange","code":1012,"reason":"restart"}]',
        '- [11,"binance/1","close",{"by":"exchange","code":1001,"reason":"bye"}]',
    ]


def test_each_lane_is_cut_but_once(story: Session) -> None:
    edited = overlay(
        story,
        Edits([Edit(on="wss://* recv", nth=0, close=Cut(1006))]),
        story.folder.parent / "new",
    )
    rows = [line for line in tape(edited) if "/http" not in line and '"open' not in line]
    assert rows == [
        '[3,"binance/1","close",{"by":"exchange","code":1006,"reason":""}]',
        '[10,"binance/2","close",{"by":"exchange","code":1006,"reason":""}]',
    ]


def test_a_handshake_is_refused(story: Session) -> None:
    rows = done(story, Edit(on="wss://other* opened", close=Cut(503)))
    assert rows == [
        '- [10,"binance/2","opened",{}]',
        '- [10,"binance/2","recv",{"u":2}]',
        '+ [10,"binance/2","close",{"by":"exchange","code":503,"reason":""}]',
        '- [14,"binance/2","close",{"by":"client","code":1000,"reason":""}]',
    ]


def test_an_exchange_that_hung_up_does_not(story: Session) -> None:
    """The client's own close is nobody's to take away."""
    assert done(story, Edit(on="wss://* close", nth=0, drop=True)) == [
        '- [11,"binance/1","close",{"by":"exchange","code":1001,"reason":"bye"}]'
    ]


def test_a_late_answer_stands_where_its_time_belongs(story: Session) -> None:
    assert done(story, Edit(on="GET /api/v3/time", delay=5)) == [
        '- [2,"binance/http","response",{"n":1,"status":200}]',
        '+ [7,"binance/http","response",{"n":1,"status":200}]',
    ]
    edited = tape(Session(story.folder.parent / "new"))
    at = edited.index('[7,"binance/http","response",{"n":1,"status":200}]')
    assert edited[at - 1].startswith('[7,"binance/1"')
    assert edited[at + 1].startswith('[8,"binance/1"')


def test_what_follows_a_late_frame_in_its_lane_waits_for_it(story: Session) -> None:
    assert done(story, Edit(on="wss://stream* recv", where="plain", delay=2.5)) == [
        '- [8,"binance/1","recv","plain é"]',
        '- [9,"binance/1","recv","/wA=","base64"]',
        '+ [10500000000,"binance/1","recv","plain é"]',
        '+ [10500000000,"binance/1","recv","/wA=","base64"]',
    ]


def test_frames_that_wait_come_before_what_stood_at_that_time(story: Session) -> None:
    done(story, Edit(on="wss://stream* recv", where="fills", delay=4))
    lane = [line for line in tape(Session(story.folder.parent / "new")) if "binance/1" in line]
    assert lane[-4:] == [
        '[11,"binance/1","recv",{"fills":[77,78]}]',
        '[11,"binance/1","recv","plain é"]',
        '[11,"binance/1","recv","/wA=","base64"]',
        '[11,"binance/1","close",{"by":"exchange","code":1001,"reason":"bye"}]',
    ]


@given(st.integers(0, 7), st.floats(1e-9, 20), st.sampled_from(["recv", "opened"]))
@settings(max_examples=60, deadline=None)
def test_no_delay_overtakes_in_a_lane_or_brings_an_answer_before_its_question(
    nth: int, delay: float, kind: str
) -> None:
    nth = min(nth, 2) if kind == "opened" else nth
    edits = [
        Edit(on=f"wss://* {kind}", nth=nth, delay=delay),
        Edit(on="GET /api/v3/time", nth=nth % 3, delay=delay),
    ]
    with TemporaryDirectory() as place:
        before = write(Path(place) / "story")
        after = overlay(before, Edits(edits), Path(place) / "new")
        lanes = [
            [
                [(line.kind, frame_data(line)) for line in session.lines() if line.lane == lane]
                for lane in ("binance/1", "binance/2")
            ]
            for session in (before, after)
        ]
        told = [(line.kind, bytes(line.data)) for line in after.lines() if "/http" in line.lane]
    assert lanes[0] == lanes[1]
    for n in (b"1", b"2", b"3"):
        kinds = [kind for kind, data in told if data.startswith(b'{"n":' + n)]
        assert len(kinds) == 2
        assert kinds[0] == "request"


# Effects


def test_what_became_of_an_order_that_never_was_goes_with_it(story: Session) -> None:
    """A price that has the digits of its number is no id."""
    edit = Edit(on="POST /api/v3/order", answer=Reply(400), effects="drop")
    assert done(story, edit) == [
        '- [5,"binance/1","recv",{"c":"mine-1","i":77}]',
        '- [5,"binance/http","response",{"n":2,"status":200}]',
        '+ [5,"binance/http","response",{"n":2,"status":400}]',
    ]


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ('{"orderId":1}', True),
        ('{"a":{"orderId": 1 ,"b":2}}', True),
        ('{"orderId":"1"}', True),
        ('"{\\"orderId\\":1}"', True),
        ('{"origClientOrderId":1}', True),
        ('{"x":"mine-1"}', True),
        ('{"x":["mine-1"]}', True),
        ('{"orderId":11}', False),
        ('{"orderId":1.5}', False),
        ('{"orderId":"1x"}', False),
        ('{"u":1}', False),
        ('{"b":[["1","2"]]}', False),
        ('{"x":"mine-10"}', False),
    ],
)
def test_a_number_is_an_id_in_a_field_of_ids_alone_and_a_word_anywhere(
    tmp_path: Path, frame: str, named: bool
) -> None:
    story = write(tmp_path / "story", STORY.replace('{"fills":[77,78]}', frame))
    http = story.folder / "http.yaml"
    http.write_text(http.read_text().replace('{"orderId":77', '{"orderId":1,"working":true'))
    edit = Edit(on="POST /api/v3/order", answer=Reply(400), effects="drop")
    assert (f'- [7,"binance/1","recv",{frame}]' in done(story, edit)) is named


def test_an_order_without_a_name_of_its_own_is_known_by_its_number(tmp_path: Path) -> None:
    story = write(tmp_path / "story", STORY.replace('{"fills":[77,78]}', '{"orderId":1}'))
    http = story.folder / "http.yaml"
    http.write_text(http.read_text().replace('{"orderId":77', '{"orderId":1'))
    taping = Taping(order_ids=frozenset({"orderId"}))
    edits = Edits([Edit(on="POST /api/v3/order", drop=True, effects="drop")])
    edited = overlay(story, edits, tmp_path / "new", tapings={"binance": taping})
    assert difference(story, edited) == [
        '- [5,"binance/http","response",{"n":2,"status":200}]',
        '- [7,"binance/1","recv",{"orderId":1}]',
    ]


def test_an_order_may_be_refused_and_be_placed_all_the_same(story: Session) -> None:
    assert len(done(story, Edit(on="POST /api/v3/order", answer=Reply(503)))) == 2


def test_what_an_id_is_may_be_said_instead_of_the_adapter(story: Session) -> None:
    edits = Edits([Edit(on="POST /api/v3/order", drop=True, effects="drop")])
    tapings = {"binance": Taping(minted=frozenset({"side"}), order_ids=frozenset())}
    with pytest.raises(SessionError, match="has an id"):
        overlay(story, edits, story.folder.parent / "a", tapings={"binance": Taping()})
    edited = overlay(story, edits, story.folder.parent / "b", tapings=tapings)
    assert difference(story, edited) == ['- [5,"binance/http","response",{"n":2,"status":200}]']


# What is forgotten, and what is expected


def test_forgotten_requests_go_with_their_answers(story: Session) -> None:
    gone = done(story, forget=[Forget(on="GET /api/v3/time", where="/time$")])
    assert gone == [
        '- [1,"binance/http","request",'
        '{"n":1,"method":"GET","url":"https://api.binance.com/api/v3/time"}]',
        '- [2,"binance/http","response",{"n":1,"status":200}]',
    ]


def test_what_is_expected_stands_at_the_end_and_counts_on(story: Session) -> None:
    edits = Edits(
        forget=[Forget(on="GET /api/v3/time")],
        expect=[
            Expect(request="GET /api/v3/order?id=1", answer=Reply(200, "@2")),
            Expect(request="GET /api/v3/time", answer=Reply(404, "{}"), times=(0, 3), at=6.0),
        ],
    )
    edited = overlay(story, edits, story.folder.parent / "new")
    assert [row for row in difference(story, edited) if row[0] == "+"] == [
        f'+ [6,"binance/http","request",{{"n":5,"method":"GET","url":"{API}/time"}}]',
        '+ [6,"binance/http","response",{"n":5,"status":404}]',
        f'+ [14,"binance/http","request",{{"n":4,"method":"GET","url":"{API}/order?id=1"}}]',
        '+ [14,"binance/http","response",{"n":4,"status":200}]',
    ]
    assert tape(edited)[-1] == '[14,"binance/http","response",{"n":4,"status":200}]'
    assert answer_of(edited, 4)[1] == answer_of(story, 2)[1]
    assert answer_of(edited, 5) == (404, b"{}", {})
    assert edited.meta.free == [Free("GET /api/v3/time", most=3)]


def test_rules_for_one_path_are_one_rule() -> None:
    rules = [Free("GET /a", least=1, most=2), Free("GET /b"), Free("GET /a", least=2, most=3)]
    assert merged(rules) == [Free("GET /a", least=3, most=5), Free("GET /b")]
    assert merged([*rules, Free("GET /a", least=1)])[0] == Free("GET /a", least=4, most=0)


def test_of_two_hosts_the_one_that_has_the_path_is_asked(tmp_path: Path) -> None:
    other = '[15,"other/http","request",{"n":4,"method":"GET","url":"https://x.org/y"}]\n'
    story = write(tmp_path / "story", STORY + other)

    def asked(request: str, name: str) -> str:
        edits = Edits(expect=[Expect(request=request, answer=Reply(200))])
        edited = overlay(story, edits, tmp_path / name)
        return [read_asked(line.data).url for line in edited.lines() if line.kind == "request"][-1]

    assert asked("GET /y?z", "a") == "https://x.org/y?z"
    assert asked("DELETE /api/v3/order", "b") == f"{API}/order"
    assert asked("GET https://x.org/new", "c") == "https://x.org/new"
    with pytest.raises(SessionError) as caught:
        asked("GET /new", "d")
    hosts = "https://api.binance.com, https://x.org"
    assert str(caught.value) == f"expect 1: which host is meant, of {hosts}? Write the whole URL"


# The folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_edits_all_is_as_it_was_but_the_seal(tmp_path: Path) -> None:
    for number, session in enumerate((Session(bundled()), write(tmp_path / "story"))):
        same = overlay(session, Edits(), tmp_path / f"{number}")
        assert [*same.lines()] == [*session.lines()]
        assert contents(same.folder)["http.yaml"] == contents(session.folder)["http.yaml"]
        assert same.meta.sealed is False


_frames = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b'{"a": 1}', b"[ ]", b'{"a":"\xc3\xa9\\u00e9"}', b'{"e":1e2}']),
)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), _frames), max_size=12))
@settings(max_examples=40, deadline=None)
def test_without_edits_any_tape_is_the_same_byte_for_byte(
    frames: list[tuple[int, bool, bytes]],
) -> None:
    with TemporaryDirectory() as place:
        folder, time = Path(place) / "session", START
        folder.mkdir()
        meta = Meta(exchanges=["x"], source="live", started_ns=START)
        writer = SessionWriter(folder, meta)
        for pause, binary, data in frames:
            time += pause
            writer.frame(Frame(time, "x/1", "recv", data, binary=binary))
        writer.close()
        same = overlay(Session(folder), Edits(), Path(place) / "same")
        assert contents(same.folder) == contents(folder)


def test_the_recording_stays_as_it_is(story: Session) -> None:
    before = contents(story.folder)
    done(story, Edit(on="wss://* recv", nth=0, drop=True), forget=[Forget(on="GET /api/v3/time")])
    assert contents(story.folder) == before


def test_a_folder_that_is_there_is_not_written_to(story: Session) -> None:
    with pytest.raises(SessionError, match="is there already"):
        overlay(story, Edits(), story.folder)
    assert Session(story.folder).meta == story.meta


def test_an_edit_that_fails_leaves_no_folder(story: Session) -> None:
    with pytest.raises(SessionError):
        done(story, Edit(on="GET /nothing", drop=True))
    assert [path.name for path in story.folder.parent.iterdir()] == ["story"]


def test_the_edited_session_says_whose_it_is_and_promises_nothing(tmp_path: Path) -> None:
    digests = Digests("ab", {"books": "cd"})
    sealed: dict[str, Any] = {"sealed": True, "counts": Counts(20, 7, 9), "digests": digests}
    story = write(tmp_path / "story", tape_sha256="ef", masked=["token"], **sealed)
    meta = overlay(story, Edits(), tmp_path / "new").meta
    assert (meta.sealed, meta.counts, meta.digests, meta.tape_sha256) == (
        False,
        Counts(),
        Digests(),
        "",
    )
    assert (meta.source, meta.started_ns, meta.run_id, meta.seed) == ("live", START, "r", 7)
    assert meta.masked == ["token"]


def test_a_torn_end_is_left_off(tmp_path: Path) -> None:
    story = write(tmp_path / "story", STORY + '[15,"binance/2","re')
    edited = overlay(story, Edits(), tmp_path / "new")
    assert edited.tape.read_bytes() == write(tmp_path / "whole").tape.read_bytes()


def test_one_overlay_upon_another_is_the_overlay_of_both(story: Session) -> None:
    first = Edit(on="wss://* recv", nth=1, drop=True)
    second = Edit(on="wss://* recv", nth=1, text="2")
    third = Edit(on="GET /api/v3/time", delay=3)
    parent = story.folder.parent
    both = overlay(story, Edits([first, second, third]), parent / "both")
    once = overlay(story, Edits([first]), parent / "once")
    twice = overlay(once, Edits([second, third]), parent / "twice")
    assert contents(twice.folder) == contents(both.folder)


def test_vcrpy_reads_the_new_cassette(story: Session) -> None:
    edits = Edits(
        [Edit(on="GET /api/v3/time", answer=Reply(503, headers={"retry-after": "1"}))],
        [Expect(request="GET /api/v3/time", answer=Reply(200, "@1"))],
    )
    edited = overlay(story, edits, story.folder.parent / "new")
    persister: Any = import_module("vcr.persisters.filesystem").FilesystemPersister
    yaml = import_module("vcr.serializers.yamlserializer")
    requests, responses = persister.load_cassette(edited.folder / "http.yaml", yaml)
    assert [(each.method, each.uri) for each in requests] == [
        ("GET", f"{API}/time"),
        ("POST", f"{API}/order?newClientOrderId=mine-1"),
        ("GET", f"{API}/time"),
    ]
    assert [each["status"]["code"] for each in responses] == [503, 200, 200]
    assert responses[0]["headers"] == {"retry-after": ["1"]}
    assert responses[2]["body"]["string"] == b'{"serverTime":1}'


# Errors

EDIT = '[[edit]]\non = "GET /"\n'
DROP = f"{EDIT}drop = true\n"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            Edit(on="GET /api/v3/depth", drop=True),
            "the tape has no 'GET /api/v3/depth'; it has GET /api/v3/time (2), POST /api/v3/order (1)",
        ),
        (
            Edit(on="wss://wrong* recv", drop=True),
            "the tape has no 'wss://wrong* recv'; it has wss://stream.binance.com/ws recv (6), "
            "wss://other.binance.com/ws recv (1)",
        ),
        (
            Edit(on="wss://other* close", drop=True),
            "the tape has no 'wss://other* close'; it has wss://stream.binance.com/ws close (1)",
        ),
        (
            Edit(on="GET /api/v3/time", where="y=", drop=True),
            f"where = 'y=' is in no 'GET /api/v3/time'; the tape has 2 of them, the first: {API}/time",
        ),
        (
            Edit(on="POST /api/v3/order", where="SELL", drop=True),
            "where = 'SELL' is in no 'POST /api/v3/order'; the tape has one: "
            f"{API}/order?newClientOrderId=mine-1 side=BUY",
        ),
        (
            Edit(on="wss://* recv", where="77", nth=4, drop=True),
            "nth = 4: the tape has 'wss://* recv' where '77' 3 times",
        ),
        (
            Edit(on="GET /api/v3/time", answer=Reply(200, "@3")),
            "body = '@3': that was not recorded; there is @1, @2",
        ),
        (
            Edit(on="GET /api/v3/time", drop=True, effects="drop"),
            "effects = 'drop': neither the request nor its answer has an id",
        ),
    ],
)
def test_an_edit_that_hits_nothing_says_what_there_is(
    story: Session, edit: Edit, said: str
) -> None:
    fine = Edit(on="wss://* close", delay=1)
    with pytest.raises(SessionError) as caught:
        done(story, fine, edit, file="e.toml")
    assert str(caught.value) == f"e.toml, edit 2: {said}"


def test_what_is_forgotten_must_have_been_there(story: Session) -> None:
    with pytest.raises(SessionError, match=r"^forget 1: the tape has no 'PUT /x'; it has GET "):
        done(story, forget=[Forget(on="PUT /x")])


def test_a_request_that_never_had_an_answer_has_none_to_change(tmp_path: Path) -> None:
    last = '[15,"binance/http","request",{"n":4,"method":"GET","url":"https://x.org/y"}]\n'
    story = write(tmp_path / "story", STORY + last)
    with pytest.raises(SessionError, match=r"edit 1: request 4, https://x.org/y, never had an"):
        done(story, Edit(on="GET /y", fail="ReadTimeout"))


def test_a_tape_without_requests_has_no_host_for_one(tmp_path: Path) -> None:
    story = write(tmp_path / "story", "")
    with pytest.raises(SessionError) as caught:
        done(story, expect=[Expect(request="GET /x", answer=Reply(200))])
    what = "nothing was ever asked of any host, so the tape has no place for this"
    assert str(caught.value) == f"expect 1: {what}"
    with pytest.raises(SessionError, match="'wss://x recv'; it has no recv at all"):
        done(story, Edit(on="wss://x recv", drop=True))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[15,"binance/http","response",{"n":9,"status":200}]', "request 9 was never made"),
        ('[15,"binance/http","failed",{"n":1,"error":"x"}]', "request 1 had an answer before"),
        ('[15,"binance/http","request",{"n":1,"method":"G","url":"u"}]', "a second request 1"),
        ('[15,"binance/http","request",{"n":"x"}]', "Expected `int`, got `str`"),
        ('[15,"binance/1","recv","no base","base64"]', "Only base64 data is allowed"),
        ('[15,"binance/1","close",{"by":"nobody","code":1}]', "Invalid enum value 'nobody'"),
        ('[15,"binance/3","open",{}]', "Object missing required field `url`"),
    ],
)
def test_a_tape_that_makes_no_sense_is_refused_by_its_line(
    tmp_path: Path, line: str, said: str
) -> None:
    story = write(tmp_path / "story", f"{STORY}{line}\n", sealed=True)
    if "response" in line:
        item = interaction(
            Frame(0, "x", "response", b"", Request("GET", "u", "book", n=9), 200), {}
        )
        with (story.folder / "http.yaml").open("ab") as cassette:
            cassette.write(item)
    with pytest.raises(SessionError) as caught:
        overlay(story, Edits(), tmp_path / "new")
    assert f"tape.jsonl, line 21: {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[edit]]", ", edit 1: Object missing required field `on`"),
        ('[[edits]]\non = "GET /"', " cannot be read: Object contains unknown field `edits`"),
        ('[edit]\non = "GET /"', " cannot be read: Expected `array`, got `object` - at `$.edit`"),
        ("[[edit]\n", " cannot be read: Expected ']]' at the end of an array declaration "),
        ("\xff", " cannot be read: 'utf-8' codec can't decode byte 0xff "),
        (f"{DROP}\n{DROP}frop = 1", ", edit 2: Object contains unknown field `frop`"),
        (EDIT, ", edit 1: nothing is to happen: an edit has exactly one of answer, fail, drop, "),
        (f"{EDIT}drop = false", ", edit 1: nothing is to happen: an edit has exactly one of "),
        (f'{DROP}fail = "x"', ", edit 1: fail and drop: an edit has exactly one of "),
        (f"{EDIT}fail = ''", ", edit 1: Expected `str` of length >= 1 - at `$.fail`"),
        (
            DROP.replace("GET /", "GET /?x"),
            ", edit 1: 'GET /?x' is neither a request, `GET /path` without a query, nor lines of a "
            "lane, `wss://host/* recv`, `... close` or `... opened`",
        ),
        (DROP.replace("GET /", "wss://x sent"), ", edit 1: 'wss://x sent' is neither a request, "),
        (
            f"{EDIT}text = ''",
            ", edit 1: no text on 'GET /': there it is answer, fail, drop or delay",
        ),
        (
            '[[edit]]\non = "wss://x opened"\nrepeat = 2',
            ", edit 1: no repeat on 'wss://x opened': there it is drop, close or delay",
        ),
        (
            DROP.replace("GET /", "wss://x recv") + 'effects = "drop"',
            ", edit 1: no effects on 'wss://x recv': they are a request's",
        ),
        (f'{DROP}effects = "all"', ", edit 1: Invalid enum value 'all' - at `$.effects`"),
        (f'{DROP}where = "("', ", edit 1: where = '(' is no regular expression: missing )"),
        (f"{DROP}nth = -1", ", edit 1: Expected `int` >= 0 - at `$.nth`"),
        (f"{EDIT}delay = 0", ", edit 1: Expected `float` > 0.0 - at `$.delay`"),
        (f"{EDIT}repeat = 1", ", edit 1: Expected `int` >= 2 - at `$.repeat`"),
        (
            '[[edit]]\non = "wss://x recv"\nclose = {code = 503}',
            ", edit 1: code = 503: a lane that is open closes with 1000 or more",
        ),
        (
            '[[edit]]\non = "wss://x opened"\nclose = {code = 1012}',
            ", edit 1: code = 1012: a handshake is refused with an HTTP status",
        ),
        (
            f"{EDIT}answer = {{status = 99}}",
            ", edit 1: Expected `int` >= 100 - at `$.answer.status`",
        ),
        (
            f"{EDIT}answer = {{status = 429, headers = {{retry-after = 1}}}}",
            ", edit 1: Expected `str`, got `int` - at `$.answer.headers[...]`",
        ),
        (
            '[[expect]]\nrequest = "GET x"\nanswer = {status = 200}',
            ", expect 1: 'GET x' is no request, such as `GET /path?query`",
        ),
        (
            '[[expect]]\nrequest = "GET /"\nanswer = {status = 200}\ntimes = [3, 2]',
            ", expect 1: times = [3, 2]: the least comes first",
        ),
        (
            '[[forget]]\non = "wss://x recv"',
            ", forget 1: 'wss://x recv' is no request, `GET /path`: only those are forgotten",
        ),
    ],
)
def test_a_file_that_is_no_list_of_edits_is_refused_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "edits.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SessionError) as caught:
        read_edits(path)
    message = str(caught.value)
    assert message.startswith(f"{path}{said}")
    assert "\n" not in message


def test_a_file_as_large_as_no_list_of_edits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edits.toml"
    path.write_bytes(b"#" * (EDITS_MAX + 1))
    with pytest.raises(SessionError, match=f"edits.toml is longer than {EDITS_MAX} bytes"):
        read_edits(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"none.toml cannot be read: No such file"):
        read_edits(tmp_path / "none.toml")


def test_an_edit_built_in_python_is_checked_as_well() -> None:
    with pytest.raises(ValueError, match="nothing is to happen"):
        Edit(on="GET /")


# A story of the bundled session


def blocks(language: str) -> Sequence[str]:
    """The page's examples."""
    page = (ROOT / "docs" / "overlays.md").read_text()
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", page)


def test_the_example_of_the_page_runs_and_its_book_lives_on_the_second_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (toml,), (python,) = blocks("toml"), blocks("python")
    Path("no-snapshot.toml").write_text(toml)
    exec(python, {})
    recorded, edited = Session(bundled()), Session("no-snapshot")
    lines, rows = [*recorded.lines()], [*edited.lines()]
    ((n, url),) = {
        (asked.n, asked.url)
        for line in lines
        if line.kind == "request" and "BTCUSDT" in (asked := read_asked(line.data)).url
    }
    new = 1 + max(read_asked(line.data).n for line in lines if line.kind == "request")
    at = next(line.at for line in lines if say(line).endswith(f'response {{"n":{n},"status":200}}'))
    assert changes([say(line) for line in lines], [say(row) for row in rows]) == [
        f'- {at} binance/http response {{"n":{n},"status":200}}',
        f'+ {at} binance/http response {{"n":{n},"status":503}}',
        f'+ 2000000000 binance/http request {{"n":{new},"method":"GET","url":"{url}"}}',
        f'+ 2000000000 binance/http response {{"n":{new},"status":200}}',
    ]
    assert edited.cassette().answer(new).body == recorded.cassette().answer(n).body

    replay = Replay(edited, log := open_log())
    while replay.play(4096):
        pass
    events = [record.event for record in log.read()]
    failed = [event for event in events if isinstance(event, RequestFailed)]
    assert [(event.subject, event.status) for event in failed] == [("BTCUSDT", 503)]
    assert all(replay.views.book(name).live for name in edited.meta.instruments)


def say(line: Any) -> str:
    return f"{line.at} {line.lane} {line.kind} {bytes(line.data).decode()}"
