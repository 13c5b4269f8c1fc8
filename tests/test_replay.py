"""The replay door: what it takes for the same, and what it never does.

The replay door throughout, since it is what is tested; a real recording where one is there, and a
small session made here.
"""

import json
import re
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
import zstandard
from builders import START, played, tiny

from tapefold.errors import Mismatch, SessionError
from tapefold.log import Log, open_log
from tapefold.replay import Replay
from tapefold.replay.diff import difference
from tapefold.session import Digests, Session
from tapefold.views import Views

# vcrpy has no types; imported like this, what comes of it is `Any`.
VcrCassette: Any = import_module("vcr.cassette").Cassette
VcrRequest: Any = import_module("vcr.request").Request
RECORDING = "cryptofeed/BINANCE_US-20211012"
Line: TypeAlias = list[Any]
Edit: TypeAlias = Callable[[list[Line]], list[Line]]


@pytest.fixture(scope="module", params=["recorded", "tiny"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A session, not to be written to: a real one, and one of everything."""
    if request.param == "tiny":
        return tiny(tmp_path_factory.mktemp("tiny") / "s")
    make: Callable[[str], Session] = request.getfixturevalue("recorded")
    return make(RECORDING)


@pytest.fixture
def folder(original: Session, tmp_path: Path) -> Path:
    """A copy to be edited; its tape is plain."""
    copy = Path(shutil.copytree(original.folder, tmp_path / "s"))
    assert (copy / "tape.jsonl").is_file()
    return copy


def edited(folder: Path, edit: Edit) -> Digests:
    """What a session comes to after an edit of its lines."""
    tape = folder / "tape.jsonl"
    lines = [json.loads(line) for line in tape.read_bytes().splitlines()]
    rows = [json.dumps(line, separators=(",", ":")) for line in edit(lines)]
    tape.write_text("".join(row + "\n" for row in rows))
    meta = folder / "session.toml"
    meta.write_text(re.sub(r"(?m)^lines = .*$", "lines = 0", meta.read_text()))
    return played(Session(folder)).digests()


def mismatch(folder: Path, edit: Edit) -> str:
    """What is said of an edit that makes the session another one."""
    with pytest.raises(Mismatch) as caught:
        edited(folder, edit)
    return str(caught.value)


def index(lines: list[Line], kind: str, nth: int = 0) -> int:
    """Where the nth line of a kind is."""
    return [number for number, line in enumerate(lines) if line[2] == kind][nth]


# The same


def test_a_session_replays_to_its_digests_every_time(original: Session) -> None:
    first, second = played(original), played(original, open_log())
    assert first.digests() == second.digests() == original.meta.digests
    assert Views.of(r.event for r in second_log(second).read()).digests() == first.views.digests()


def second_log(replay: Replay) -> Log:
    """A replay's log, where it keeps its events."""
    assert isinstance(replay.log, Log)
    return replay.log


def test_a_plain_tape_and_a_packed_one_are_the_same(original: Session, folder: Path) -> None:
    tape = folder / "tape.jsonl"
    packed = folder / "tape.jsonl.zst"
    whole = tape.read_bytes()
    tape.unlink()
    half = len(whole) // 2
    for data in (
        zstandard.compress(whole),
        zstandard.compress(whole[:half]) + zstandard.compress(whole[half:]),
    ):
        packed.write_bytes(data)
        assert played(Session(folder)).digests() == original.meta.digests


@pytest.mark.parametrize("piece", [1, 7, 100])
def test_it_does_not_matter_in_how_many_pieces_it_is_played(original: Session, piece: int) -> None:
    replay = Replay(original)
    while replay.play(piece):
        pass
    assert replay.digests() == original.meta.digests
    assert not replay.play(piece)


def test_a_replay_stops_where_it_is_told_to_and_goes_on(original: Session) -> None:
    replay = Replay(original)
    seen = 0
    while (moment := replay.peek()) is not None:
        assert moment >= replay.time or replay.lines == 0
        replay.play(1 << 30, time_max=moment)
        assert replay.time == moment
        assert replay.lines > seen
        seen = replay.lines
    assert not replay.play(1)
    assert replay.digests() == original.meta.digests
    short = Replay(original)
    assert not short.play(1 << 30, head_max=20)
    assert short.log.head >= 20
    assert not short.ended


def test_spelling_changes_nothing(original: Session, folder: Path) -> None:
    tape = folder / "tape.jsonl"
    rows: list[str] = []
    for text in tape.read_text().splitlines():
        line = json.loads(text)
        if line[2] != "recv" and isinstance(line[3], dict):
            line[3] = dict(reversed(line[3].items()))
            rows.append(json.dumps(line, separators=(" ,  ", " : ")))
        else:
            rows.append(text.replace("[", " [ ", 1))
    tape.write_text("".join(row + " \n" for row in rows))
    assert played(Session(folder)).digests() == original.meta.digests


def test_other_request_numbers_are_the_same_requests(original: Session, folder: Path) -> None:
    def renumber(lines: list[Line]) -> list[Line]:
        for line in lines:
            if line[2] in ("request", "response", "failed"):
                line[3]["n"] = 1000 - 7 * line[3]["n"]
        return lines

    http = folder / "http.yaml"
    http.write_text(
        re.sub(r"(?m)^    n: (\d+)$", lambda m: f"    n: {1000 - 7 * int(m[1])}", http.read_text())
    )
    assert edited(folder, renumber) == original.meta.digests


def test_what_was_asked_earlier_than_it_had_to_be_is_the_same(
    original: Session, folder: Path
) -> None:
    def late(lines: list[Line]) -> list[Line]:
        """Each request just before its answer."""
        for line in [line for line in lines if line[2] == "request"]:
            lines.remove(line)
            answers = [x for x in lines if x[2] == "response" and x[3]["n"] == line[3]["n"]]
            at = lines.index(answers[0])
            line[0] = answers[0][0]
            lines.insert(at, line)
        return lines

    assert edited(folder, late) == original.meta.digests


def test_a_request_may_stand_before_the_kernel_asks_for_it(original: Session, folder: Path) -> None:
    def early(lines: list[Line]) -> list[Line]:
        line = lines.pop(index(lines, "request", -1))
        line[0] = lines[0][0]
        lines.insert(1, line)
        return lines

    assert edited(folder, early) == original.meta.digests


def test_where_a_session_began_moves_no_meaning(original: Session, folder: Path) -> None:
    meta = folder / "session.toml"
    meta.write_text(re.sub(r"(?m)^started_ns = .*$", f"started_ns = {START}", meta.read_text()))
    assert played(Session(folder)).digests() == original.meta.digests


# Another one


def test_what_was_asked_and_not_recorded(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        n = lines[index(lines, "request", -1)][3]["n"]
        return [x for x in lines if not (x[2] in ("request", "response") and x[3]["n"] == n)]

    assert "asked, and not recorded" in mismatch(folder, edit)


def test_what_was_recorded_and_not_asked(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        last = lines[-1][0]
        lane = lines[index(lines, "open")][1]
        return [*lines, [last, lane, "sent", {"method": "SUBSCRIBE"}]]

    text = mismatch(folder, edit)
    assert "recorded, and never asked" in text
    assert "SUBSCRIBE" in text


def test_something_sent_that_was_not_asked_is_due_at_its_lanes_next_frame(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        at = index(lines, "recv")
        lines.insert(at, [lines[at][0], lines[at][1], "sent", {"method": "X"}])
        return lines

    text = mismatch(folder, edit)
    assert re.search(r"line \d+ comes after something that was never asked", text)


def test_a_harmful_request_is_due_before_anything_else_comes(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        at = index(lines, "recv")
        lane = lines[at][1].partition("/")[0] + "/http"
        order = {"n": 99, "method": "POST", "url": "https://x/order"}
        lines.insert(at, [lines[at][0], lane, "request", order])
        return lines

    assert "never asked" in mismatch(folder, edit)


def test_an_altered_line_is_shown_field_by_field(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        lines[index(lines, "open")][3]["url"] = "wss://elsewhere/stream"
        return lines

    text = mismatch(folder, edit)
    assert "≠ url: asked " in text
    assert 'recorded "wss://elsewhere/stream"' in text


def test_an_altered_request_is_shown_field_by_field(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        lines[index(lines, "request", -1)][3]["url"] += "0"
        return lines

    text = mismatch(folder, edit)
    assert "≠ url: asked " in text
    assert "answers what was never asked" in text


def test_an_answer_before_its_request(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        answer = lines.pop(index(lines, "response", 1))
        at = next(
            i for i, x in enumerate(lines) if x[2] == "request" and x[3]["n"] == answer[3]["n"]
        )
        answer[0] = lines[at][0]
        lines.insert(at, answer)
        return lines

    assert "which is not on the tape" in mismatch(folder, edit)


def test_an_answer_that_comes_twice(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        at = index(lines, "response", 1)
        lines.insert(at, lines[at])
        return lines

    assert "answers request" in mismatch(folder, edit)


@pytest.mark.parametrize("lane", ["binance_us/9", "binance/9"])
def test_a_frame_in_a_lane_that_was_never_opened(folder: Path, lane: str) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        lines[index(lines, "recv", 3)][1] = lane
        return lines

    assert f"a frame in lane {lane}, which is not open" in mismatch(folder, edit)


def test_a_lane_that_opens_and_that_nobody_dialled(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        at = index(lines, "recv")
        lines.insert(at, [lines[at][0], "binance/9", "opened", {}])
        return lines

    assert "binance/9" in mismatch(folder, edit)


def test_a_frame_in_a_lane_that_was_closed(folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        at = index(lines, "recv", 10)
        gone = [lines[at][0], lines[at][1], "close", {"by": "exchange", "code": 1006, "reason": ""}]
        lines.insert(at, gone)
        return lines

    assert "which is not open" in mismatch(folder, edit)


def test_one_other_digit_is_another_digest(original: Session, folder: Path) -> None:
    def edit(lines: list[Line]) -> list[Line]:
        line = [x for x in lines if x[2] == "recv" and "depthUpdate" in str(x)][-1]
        data: dict[str, Any] = line[3]["data"]
        level = (data["b"] or data["a"])[0]
        level[1] = "7" + level[1]
        return lines

    digests = edited(folder, edit)
    assert digests.log != original.meta.digests.log


def test_what_was_asked_last_need_not_be_on_a_tape_that_was_cut(
    folder: Path, original: Session
) -> None:
    tape, meta = folder / "tape.jsonl", folder / "session.toml"
    lines = tape.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"request"' in line)
    tape.write_bytes(b"".join(lines[:at]))
    meta.write_text(re.sub(r"(?m)^lines = .*$", "lines = 0", meta.read_text()))
    with pytest.raises(Mismatch, match="asked, and not recorded"):
        played(Session(folder))
    meta.write_text(meta.read_text().replace("sealed = true", "sealed = true\ncut = true"))
    assert played(Session(folder)).ended


def test_a_difference_is_shown_for_any_json() -> None:
    assert difference(b'{"a":{"b":[1,2]},"c":1}', b'{"a":{"b":[1,3]},"d":1}') == [
        "≠ a.b[1]: asked 2, recorded 3",
        "+ c: 1",
        "- d: 1",
    ]
    assert difference(b"text", b"[]") == ['≠ all: asked "text", recorded []']
    assert difference(b"\xff", b"{}")


# vcrpy


def test_vcrpy_itself_loads_and_plays_our_cassette(original: Session) -> None:
    cassette = VcrCassette.load(path=str(original.folder / "http.yaml"))
    asked = [json.loads(line) for line in original.tape.read_bytes().splitlines()]
    requests = [line[3] for line in asked if line[2] == "request"]
    ours = original.cassette()
    for request in requests:
        played_back = cassette.play_response(VcrRequest(request["method"], request["url"], "", {}))
        answer = ours.answer(request["n"])
        body = played_back["body"]["string"]
        assert (body if isinstance(body, bytes) else body.encode()) == answer.body
        assert played_back["status"]["code"] == answer.status
    assert cassette.all_played


def test_a_cassette_written_anew_by_vcrpy_still_replays(original: Session, folder: Path) -> None:
    http = folder / "http.yaml"
    before = http.read_bytes()
    cassette = VcrCassette.load(path=str(http))
    cassette._save(force=True)  # as its recorder does
    assert b"# end" not in http.read_bytes()
    assert http.read_bytes() != before
    assert played(Session(folder)).digests() == original.meta.digests


def test_a_cassette_whose_comments_somebody_dropped_still_replays(
    original: Session, folder: Path
) -> None:
    http = folder / "http.yaml"
    http.write_bytes(http.read_bytes().replace(b"# end\n", b""))
    assert played(Session(folder)).digests() == original.meta.digests


def test_a_cassette_without_numbers_answers_in_its_order(original: Session, folder: Path) -> None:
    http = folder / "http.yaml"
    http.write_text(re.sub(r"(?m)^    n: \d+\n", "", http.read_text()))
    assert played(Session(folder)).digests() == original.meta.digests


def test_a_cassette_in_another_order_answers_by_number(original: Session, folder: Path) -> None:
    http = folder / "http.yaml"
    content = yaml.safe_load(http.read_text())
    content["interactions"].reverse()
    http.write_text(yaml.safe_dump(content))
    assert played(Session(folder)).digests() == original.meta.digests


def test_an_answer_that_the_cassette_does_not_have_is_named(folder: Path) -> None:
    http = folder / "http.yaml"
    content = yaml.safe_load(http.read_text())
    content["interactions"].pop()
    http.write_text(yaml.safe_dump(content))
    with pytest.raises(SessionError, match=r"no answer to request \d"):
        played(Session(folder))
