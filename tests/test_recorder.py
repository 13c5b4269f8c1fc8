"""Recording: what is told to a recorder is a session on the disk, and nothing that may not be is in it.

The replay door where a recording is sealed; no sockets. The recorder's thread is a real one, and is
waited for with `wait` and `close`: nothing sleeps.
"""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest
from builders import START, delta, played, request, snapshot
from moments import Moments, busy, meta, tell, written
from unguarded import Unguarded

from tapefold.adapter import (
    Close,
    Command,
    Frame,
    Open,
    Outgoing,
    Request,
    Send,
    Subscribe,
    Unsubscribe,
    WatchClock,
    load_adapter,
)
from tapefold.errors import Mismatch, Refused, SessionError
from tapefold.events import RateLimited
from tapefold.guard import Guard, Leak
from tapefold.record import Recorder
from tapefold.record import recorder as recorder_room
from tapefold.session import Line, Meta, Session
from tapefold.session.files import LINE_MAX
from tapefold.session.tape import frame_data, read_command
from tapefold.units import SECOND

LANE = "binance/1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a session is to be; not there yet."""
    return tmp_path / "recordings" / "s"


def recorder(
    folder: Path, guard: Unguarded | Guard | None = None, *, private: bool = False
) -> Recorder:
    return Recorder(folder, meta(), {"binance": guard or Unguarded()}, private=private)


def recv(number: int, data: bytes, *, binary: bool = False) -> Frame:
    return Frame(START + number, LANE, "recv", data, binary=binary)


def opened(to: Recorder) -> None:
    """The least that a session begins with: a lane that is up."""
    to.out(START, Open(LANE, "wss://stream.example/ws"))
    to.frame(Frame(START, LANE, "opened"))


def lines(folder: Path) -> list[Line]:
    return list(Session(folder).lines())


def everything(folder: Path) -> bytes:
    """All bytes of a session's folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


# A whole recording


def test_a_recording_has_the_bytes_of_a_session_that_was_written_at_leisure(
    folder: Path, tmp_path: Path
) -> None:
    moments, world = busy(30)
    tape, http = written(moments, tmp_path / "written")
    made = recorder(folder)
    tell(moments, made)
    session = made.seal(world.log.digest())
    assert ((folder / "tape.jsonl").read_bytes(), (folder / "http.yaml").read_bytes()) == (
        tape,
        http,
    )
    assert session.meta.sealed
    assert not session.meta.cut
    assert session.meta.masked == []
    assert session.meta.digests.log == world.log.digest()
    assert session.meta.counts.lines == len(moments.kept)
    assert session.edited() is False
    assert made.failure is None
    assert played(session).digests() == session.meta.digests


def test_a_long_recording_is_packed_and_all_its_files_are_the_owners_alone(folder: Path) -> None:
    moments, world = busy(800)
    made = recorder(folder)
    tell(moments, made)
    session = made.seal(world.log.digest())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"session.toml": 0o600, "http.yaml": 0o600, "tape.jsonl.zst": 0o600}
    assert played(session).digests() == session.meta.digests
    assert session.edited() is False


def test_the_folder_is_there_at_once_and_grows(folder: Path) -> None:
    moments, _ = busy(3)
    made = recorder(folder)
    assert not Session(folder).meta.sealed
    assert lines(folder) == []
    for at in range(len(moments.kept)):
        tell(moments, made, at, at + 1)
        made.wait()
        assert made.pending == 0
        assert len(lines(folder)) == at + 1
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}
    made.close()
    assert not Session(folder).meta.sealed


def test_a_folder_that_is_there_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    with pytest.raises(SessionError, match="is there already"):
        recorder(folder)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refused, match="a part of its path is no folder"):
        recorder(tmp_path / "file" / "s")


def test_an_exchange_without_a_guard_is_refused_before_anything_is_there(folder: Path) -> None:
    with pytest.raises(KeyError, match="binance"):
        Recorder(folder, meta(), {})
    assert not folder.exists()


def test_each_line_is_one_write_and_an_answer_is_written_before_its_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []
    write = os.write

    def spy(file: int, data: bytes) -> int:
        writes.append(data)
        return write(file, data)

    monkeypatch.setattr("tapefold.session.live.os.write", spy)
    moments, _ = busy(5)
    made = recorder(folder)
    tell(moments, made)
    made.close()
    answers = [number for number, data in enumerate(writes) if b"# end\n" in data]
    assert len(answers) == 7
    for number in answers:
        assert writes[number].endswith(b"# end\n")
        assert writes[number].count(b"# end\n") == 1
        assert b'"response"' in writes[number + 1]
    rest = [data for number, data in enumerate(writes) if number not in answers]
    assert len(rest) == len(moments.kept)
    assert all(data.count(b"\n") == 1 and data.endswith(b"]\n") for data in rest)


def test_binary_frames_are_known_as_such(folder: Path) -> None:
    made = recorder(folder)
    opened(made)
    made.frame(recv(1, b'{"a":1}', binary=True))
    made.frame(recv(2, b"\xff\0", binary=True))
    made.frame(recv(3, b"text"))
    made.close()
    *_, first, second, third = lines(folder)
    assert [line.coding for line in (first, second, third)] == ["base64", "base64", ""]
    assert [frame_data(line) for line in (first, second, third)] == [
        b'{"a":1}',
        b"\xff\0",
        b"text",
    ]


def test_commands_of_every_kind_come_back(folder: Path) -> None:
    made = recorder(folder)
    told: list[Command] = [
        Subscribe("binance", ("AB",), silence_max=5 * SECOND),
        Unsubscribe(LANE),
        WatchClock("binance"),
    ]
    for number, command in enumerate(told):
        made.command(START + number, command)
    made.close()
    kept = [line for line in lines(folder) if line.kind == "command"]
    assert [read_command(line.data) for line in kept] == told


# Headers


def test_headers_are_kept_by_their_names_and_a_replay_hears_how_long_to_wait(folder: Path) -> None:
    moments = Moments()
    world = moments.world()
    world.declare("AB")
    world.subscribe("AB")
    asked = request(world.opened())
    world.answer(asked, b"{}", 429, retry_after=17)
    made = recorder(folder)
    tell(moments, made, 0, -1)
    (_, frame) = moments.kept[-1]
    assert isinstance(frame, Frame)
    kept = {"Retry-After": "17", "Content-Type": "text/json", "X-MBX-USED-WEIGHT-1M": "5"}
    made.frame(frame, {**kept, "Set-Cookie": "session=1", "x-mbx-uuid": "9"})
    session = made.seal(world.log.digest())
    answer = session.cassette().answer(asked.n)
    assert answer.headers == {name.lower(): value for name, value in kept.items()}
    assert answer.retry_after == 17
    assert b"cookie" not in everything(folder).lower()
    assert b"uuid" not in everything(folder)
    log = played(session).log
    assert log.digest() == world.log.digest()
    assert [event.wait for event in world.of(RateLimited)] == [17 * SECOND]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({}, 9), ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9), ({"retry-after": "9"}, 0)],
)
def test_what_the_kernel_was_told_to_wait_is_what_a_replay_tells_it(
    folder: Path, header: dict[str, str], seconds: int
) -> None:
    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="binance/http")
    made = recorder(folder)
    made.out(START, asked)
    made.frame(
        Frame(START, "binance/http", "response", b"{}", asked, 429, retry_after=seconds), header
    )
    made.close()
    assert Session(folder).cassette().answer(1).retry_after == seconds


# The end


def test_what_is_unanswered_at_the_end_is_said(folder: Path) -> None:
    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="binance/http")
    for number, (answers, cut) in enumerate(
        [
            ((), True),
            ((Frame(START, "binance/http", "failed", request=asked, reason="cut"),), False),
            ((Frame(START, "binance/http", "response", b"", asked, 200),), False),
        ]
    ):
        made = recorder(folder / str(number))
        made.out(START, asked)
        for answer in answers:
            made.frame(answer)
        made.close()
        assert Session(made.folder).meta.cut is cut
    dials: list[tuple[Frame | Close | None, bool]] = [
        (None, True),
        (Frame(START, LANE, "opened"), False),
        (Frame(START, LANE, "close", status=429), False),
        (Close(LANE), False),
    ]
    for number, (end, cut) in enumerate(dials):
        made = recorder(folder / f"lane-{number}")
        made.out(START, Open(LANE, "wss://x"))
        if isinstance(end, Frame):
            made.frame(end)
        elif end:
            made.out(START, end)
        made.close()
        assert Session(made.folder).meta.cut is cut


def test_what_was_asked_and_never_told_passes_only_where_the_session_is_said_to_be_cut(
    tmp_path: Path,
) -> None:
    moments, _ = busy(3)
    last = max(n for n, (_, what) in enumerate(moments.kept) if isinstance(what, Request))
    short = Moments()
    short.kept = moments.kept[:last]
    for name, cut in (("whole", False), ("cut", True)):
        made = recorder(tmp_path / name)
        tell(short, made)
        if cut:
            assert made.seal(None, cut=True).meta.cut
        else:
            with pytest.raises(Mismatch, match="asked, and not recorded"):
                made.seal(None)
            assert not Session(made.folder).meta.sealed


def test_a_recording_that_replays_to_another_digest_is_not_sealed(folder: Path) -> None:
    moments, _ = busy(3)
    made = recorder(folder)
    tell(moments, made)
    with pytest.raises(Mismatch, match="replays to another digest than its making"):
        made.seal("another")
    assert not Session(folder).meta.sealed
    assert played(Session(folder)).lines == len(moments.kept)


def test_timers_that_asked_between_two_frames_ask_at_the_same_place_in_a_replay(
    folder: Path,
) -> None:
    """Live, a wire tells the kernel the time; on the tape there is only what the kernel asked then."""
    moments = Moments()
    world = moments.world()
    world.declare("AB")
    world.subscribe("AB")
    world.answer(request(world.opened()), snapshot(10, [("1", "1")]))
    world.closed()
    (again,) = world.wait(2 * SECOND)
    assert isinstance(again, Open)
    world.answer(request(world.opened(again.lane)), snapshot(20, [("1", "1")]))
    world.hear(delta(21, 21, [("1", "2")]), again.lane)
    made = recorder(folder)
    tell(moments, made)
    assert made.seal(world.log.digest()).meta.sealed


def test_after_the_end_nothing_is_taken_and_nothing_hangs(folder: Path) -> None:
    made = recorder(folder)
    opened(made)
    made.close()
    made.close()
    opened(made)
    made.wait()
    assert (made.pending, made.crowded, made.failure) == (0, False, None)
    assert len(lines(folder)) == 2


# What goes wrong


class Strict(Unguarded):
    """Refuses a word."""

    def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
        if "forbidden" in (data if isinstance(data, str) else data.decode("latin1")):
            raise Leak(f"{where} holds what it may not")


@pytest.mark.parametrize("binary", [True, False])
def test_of_a_line_that_may_not_be_kept_nothing_is_written_and_the_recording_ends(
    folder: Path, binary: bool
) -> None:
    made = recorder(folder, Strict())
    opened(made)
    made.frame(recv(1, b'{"a":1}'))
    made.frame(recv(2, b'{"a":"forbidden"}', binary=binary))
    made.frame(recv(3, b'{"a":3}'))
    made.wait()
    made.frame(recv(4, b'{"a":4}'))
    assert made.pending == 0
    failure = made.failure
    assert isinstance(failure, Leak)
    assert str(failure) == f"{LANE} recv holds what it may not"
    assert len(lines(folder)) == 3
    with pytest.raises(Leak) as caught:
        made.seal(None)
    assert caught.value is failure
    assert not Session(folder).meta.sealed
    assert b"forbidden" not in everything(folder)


def test_an_answer_that_may_not_be_kept_is_on_neither_file(folder: Path) -> None:
    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="binance/http")
    made = recorder(folder, Strict())
    made.out(START, asked)
    made.frame(Frame(START, "binance/http", "response", b'"\xc3\xbc forbidden"', asked, 200))
    made.close()
    assert isinstance(made.failure, Leak)
    assert str(made.failure).startswith("http.yaml, request 1")
    assert [line.kind for line in lines(folder)] == ["request"]
    assert not (folder / "http.yaml").exists()


def test_a_last_look_at_the_files_finds_what_was_let_through(folder: Path) -> None:
    class Late(Unguarded):
        def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
            if where == "tape.jsonl" and "recv" in str(data):
                raise Leak(f"{where} holds what it may not")

    moments, world = busy(3)
    made = recorder(folder, Late())
    tell(moments, made)
    with pytest.raises(Leak, match=r"tape\.jsonl holds"):
        made.seal(world.log.digest())
    assert not Session(folder).meta.sealed


def test_a_disk_that_is_full_ends_the_recording_and_not_the_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, write = 2_000, os.write

    def full(file: int, data: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = write(file, data[:left])
        left -= size
        return size

    monkeypatch.setattr("tapefold.session.live.os.write", full)
    moments, _ = busy(10)
    made = recorder(folder)
    tell(moments, made)
    made.wait()
    assert str(made.failure) == (
        f"{folder} cannot be written: No space left on device; the recording ended there, and can be "
        "replayed as far as it goes"
    )
    tell(moments, made)
    assert made.pending == 0
    with pytest.raises(Refused, match="No space left"):
        made.seal(None)
    replay = played(Session(folder))
    assert 0 < replay.lines < len(moments.kept)
    assert replay.session.torn


@pytest.mark.parametrize("call", ["_sync", "write_meta"])
def test_a_disk_that_fails_at_the_end_is_a_failure_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    made = recorder(folder)

    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(f"tapefold.session.live.{call}", broken)
    opened(made)
    made.close()
    assert "Input/output error" in str(made.failure)
    assert len(lines(folder)) == 2


def test_a_fault_of_ours_ends_the_recording_and_says_nothing_of_what_it_met(folder: Path) -> None:
    class Faulty(Unguarded):
        def learn(self, text: str) -> None:
            raise ValueError(text)

    made = recorder(folder, Faulty())
    opened(made)
    made.frame(recv(1, b'{"key":"abcdefghijkl"}'))
    made.close()
    assert isinstance(made.failure, Refused)
    assert str(made.failure) == (
        f"the recording in {folder} ended: ValueError, a fault of tapefold's"
    )


def test_a_time_that_goes_back_is_not_written(folder: Path) -> None:
    made = recorder(folder)
    opened(made)
    made.frame(recv(10, b"{}"))
    made.out(START + 5, Send(LANE, "{}"))  # a clock read a little earlier: that orders nothing
    made.frame(recv(9, b"{}"))
    made.close()
    assert "cannot be read again" in str(made.failure)
    assert [line.at for line in lines(folder)] == [0, 0, 10, 10]


def test_a_lane_of_an_exchange_that_is_not_the_sessions_ends_the_recording(folder: Path) -> None:
    made = recorder(folder)
    made.frame(Frame(START, "kraken/1", "opened"))
    made.close()
    assert "KeyError" in str(made.failure)


# Waiting


class Slow(Unguarded):
    """Lets nothing pass until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
        assert self.may.wait(60)


@pytest.mark.parametrize("limit", ["RECORD_PENDING_MAX", "RECORD_BYTES_MAX"])
def test_a_recorder_that_is_behind_says_so_and_can_be_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(recorder_room, limit, 10)
    guard = Slow()
    made = recorder(folder, guard)
    opened(made)
    for number in range(7):
        made.frame(recv(number, b"{}" if limit == "RECORD_BYTES_MAX" else b""))
        assert made.crowded == (limit == "RECORD_BYTES_MAX" and number >= 4)
    made.frame(recv(8, b""))
    assert made.pending == 10
    assert made.crowded
    waiter = threading.Thread(target=made.wait)
    waiter.start()
    assert waiter.is_alive()
    guard.may.set()
    waiter.join(60)
    assert not waiter.is_alive()
    assert (made.pending, made.crowded) == (0, False)
    assert len(lines(folder)) == 10
    made.close()


# What is masked


class Masking(Unguarded):
    """Knows a word from the frame that brings it, and has another for it."""

    def __init__(self, word: str = "") -> None:
        super().__init__()
        self.word = word

    def learn(self, text: str) -> None:
        _, _, after = text.partition('"token":"')
        self.word = self.word or after.partition('"')[0]

    def mask(self, text: str) -> str:
        if not self.word or self.word not in text:
            return text
        self.masked = ["token"]
        return text.replace(self.word, "token1")


def test_a_token_is_masked_from_the_frame_that_brings_it(folder: Path) -> None:
    asked = Request(
        "POST", "https://x/a", "book", "AB", "sekret", {"x-mbx-apikey": "sekret"}, 1, "binance/http"
    )
    made = recorder(folder, Masking())
    made.frame(Frame(START, LANE, "recv", b'{ "token":"sekret",  "price":1.50 }'))
    made.out(START, asked)
    made.frame(
        Frame(START, "binance/http", "response", b"sekret", asked, 200),
        {"content-type": "sekret", "other": "sekret"},
    )
    made.out(START, Open(LANE, "wss://x/sekret"))
    made.out(START, Send(LANE, '{"say":"sekret"}'))
    made.out(START, Close(LANE, 1000, "sekret"))
    made.frame(Frame(START, LANE, "close", status=1000, reason="sekret"))
    made.frame(Frame(START, "binance/http", "failed", request=asked, reason="sekret"))
    made.command(START, Subscribe("binance", ("sekret",)))
    made.close()
    assert made.failure is None
    data = everything(folder)
    assert b"sekret" not in data
    assert data.count(b"token1") == 13
    assert b'{ "token":"token1",  "price":1.50 }' in data
    assert Session(folder).meta.masked == ["token"]


def test_what_the_run_came_to_is_compared_unless_ids_were_masked(folder: Path) -> None:
    moments, _ = busy(2)
    guard = Masking("never there")
    guard.masked = ["token"]
    made = recorder(folder / "token", guard)
    tell(moments, made)
    with pytest.raises(Mismatch, match="another digest"):
        made.seal("what the run came to")
    made = recorder(folder / "ids", guard)
    made.meta.masked_ids = True
    tell(moments, made)
    session = made.seal("what the run came to")
    assert session.meta.sealed
    assert session.meta.masked == ["token"]


def test_each_exchange_is_masked_by_its_own_guard_and_checked_by_all(folder: Path) -> None:
    names = ["binance", "binance_us"]
    both = Meta(exchanges=names, source="live", started_ns=START)
    made = Recorder(folder, both, {"binance": Masking("aaaa"), "binance_us": Strict()})
    made.frame(Frame(START, "binance/1", "recv", b'["aaaa"]'))
    made.frame(Frame(START, "binance_us/1", "recv", b'["aaaa"]'))
    made.frame(Frame(START, "binance/1", "recv", b'["forbidden"]'))
    made.close()
    assert [bytes(line.data) for line in lines(folder)] == [b'["token1"]', b'["aaaa"]']
    assert isinstance(made.failure, Leak)


def test_all_that_is_asked_and_heard_is_private_and_only_where_that_is_said(folder: Path) -> None:
    class Curious(Unguarded):
        def check(self, data: str | bytes, where: str, *, private: bool = False) -> None:
            seen.add((where, private))

    asked = Request("GET", "https://x/", "book", "AB", n=1, lane="binance/http")
    for private in (False, True):
        seen: set[tuple[str, bool]] = set()
        made = Recorder(folder / str(private), meta(), {"binance": Curious()}, private=private)
        made.command(START, Subscribe("binance", ("AB",)))
        opened(made)
        made.frame(recv(0, b"{}"))
        made.frame(Frame(START, LANE, "close", status=1000))
        made.out(START, asked)
        made.frame(Frame(START, "binance/http", "response", b"{}", asked, 200))
        made.close()
        assert seen == {
            ("engine command", False),
            (f"{LANE} open", private),
            (f"{LANE} opened", private),
            (f"{LANE} recv", private),
            (f"{LANE} close", private),
            ("binance/http request", private),
            ("binance/http response", private),
            ("http.yaml, request 1", False),  # the whole of it, base64 and all
            ("http.yaml, request 1", private),
            ("http.yaml, request 1, body", private),
        }


# With the real guard


SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


def guard() -> Guard:
    return Guard(
        load_adapter("binance").description.taping, {"secret": SECRET}, {"apikey": API_KEY}
    )


def runs(value: str, size: int = 11) -> set[bytes]:
    return {value[at : at + size].encode() for at in range(len(value) - size + 1)}


def test_no_secret_ever_reaches_the_folder(folder: Path) -> None:
    made = recorder(folder, guard(), private=True)
    http = "binance/http"
    signed = f"https://api.binance.com/api/v3/userDataStream?timestamp=1700000000123&signature={'ab' * 32}"
    asked = Request("POST", signed, "book", "", "", {"X-MBX-APIKEY": API_KEY}, 1, http)
    made.out(START, asked)
    answer = f'{{"listenKey":"{LISTEN_KEY}"}}'.encode()
    made.frame(
        Frame(START + 1, http, "response", answer, asked, 200),
        {"content-type": "application/json", "x-mbx-apikey": API_KEY, "set-cookie": SECRET},
    )
    made.out(START + 2, Open("binance/2", f"wss://stream.binance.com:9443/ws/{LISTEN_KEY}"))
    made.frame(Frame(START + 3, "binance/2", "opened"))
    made.out(START + 4, Send("binance/2", f'{{"params":["{LISTEN_KEY}"],"id":1}}'))
    made.frame(Frame(START + 5, "binance/2", "recv", f'{{"k":"{LISTEN_KEY}"}}'.encode()))
    made.frame(Frame(START + 6, "binance/2", "close", status=1008, reason=LISTEN_KEY))
    made.close()
    assert made.failure is None
    data = everything(folder)
    for value in (SECRET, API_KEY, LISTEN_KEY):
        assert not any(run in data for run in runs(value))
    assert len(lines(folder)) == 7
    assert Session(folder).meta.masked

    again = recorder(folder.with_name("again"), guard())
    opened(again)
    again.frame(recv(1, f'{{"echo":"{SECRET}"}}'.encode()))
    again.close()
    assert isinstance(again.failure, Leak)
    data = everything(again.folder)
    assert not any(run in data or run in str(again.failure).encode() for run in runs(SECRET))
    assert len(lines(again.folder)) == 2


WORD = "Zz9aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW"
"""What an exchange may mint, and no rule names."""
NAMED = Request("GET", f"https://x/?sessionToken={WORD}", "book", n=1, lane="binance/http")
PLAIN = Request("GET", "https://x/", "book", n=1, lane="binance/http")


@pytest.mark.parametrize(
    "moment",
    [
        Open(LANE, f"wss://x/ws/{WORD}"),
        Send(LANE, f'{{"k":"{WORD}"}}'),
        Close(LANE, 1000, WORD),
        NAMED,
        Frame(START, LANE, "recv", f'{{"k":"{WORD}"}}'.encode()),
        Frame(START, LANE, "recv", f"\0{WORD}\xff".encode("latin-1"), binary=True),
        Frame(START, LANE, "close", status=1000, reason=WORD),
        Frame(START, "binance/http", "failed", request=PLAIN, reason=WORD),
        Frame(START, "binance/http", "response", b"{}", NAMED, 200),
        Frame(START, "binance/http", "response", WORD.encode(), PLAIN, 200),
    ],
)
def test_a_long_word_that_no_rule_names_ends_a_private_recording_wherever_it_stands(
    folder: Path, moment: Outgoing | Frame
) -> None:
    for private in (True, False):
        made = recorder(folder.with_name(str(private)), guard(), private=private)
        if isinstance(moment, Frame):
            made.frame(moment)
        else:
            made.out(START, moment)
        made.close()
        assert (made.failure is not None) is private
        assert len(lines(made.folder)) == (0 if private else 1)
        assert not private or WORD.encode() not in everything(made.folder)


def test_what_is_no_text_is_not_taken_for_a_key_when_it_is_written_in_base64(folder: Path) -> None:
    noise = bytes(range(256))
    made = recorder(folder, guard(), private=True)
    made.frame(Frame(START, LANE, "recv", noise, binary=True))
    made.frame(Frame(START, "binance/http", "response", noise, PLAIN, 200))
    made.close()
    assert made.failure is None
    assert len(lines(folder)) == 2


def test_no_frame_makes_the_recording_unreadable(folder: Path) -> None:
    made = recorder(folder)
    made.frame(recv(0, b"\x01" * (6 << 20)))
    made.frame(recv(1, b"{}"))
    made.close()
    assert made.failure is None
    assert [line.coding for line in lines(folder)] == ["base64", ""]


def test_a_line_that_is_too_long_ends_the_recording_and_is_not_written(folder: Path) -> None:
    made = recorder(folder)
    opened(made)
    made.out(
        START, Send(LANE, "\x01" * (6 << 20))
    )  # a client's text has no other way to be written
    made.close()
    assert f"{LANE} sent: 3774" in str(made.failure)
    assert f"a line has {LINE_MAX} at the most" in str(made.failure)
    assert len(lines(folder)) == 2


def test_public_data_is_recorded_byte_for_byte_with_the_real_guard(
    folder: Path, tmp_path: Path
) -> None:
    moments, world = busy(20)
    tape, http = written(moments, tmp_path / "written")
    made = recorder(folder, guard())
    tell(moments, made)
    session = made.seal(world.log.digest())
    assert session.tape.read_bytes() == tape
    assert (folder / "http.yaml").read_bytes() == http
    assert session.meta.masked == []
